"""
The alerts: what is told when, how bad it is, and what to do about it. Pure.

Many devices of one site are told in one alert, of the site. Their own alerts
are held back meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import frozen

from axis_ntp_async.health.finding import Thresholds
from axis_ntp_async.report.alerting.records import SITE_RATIO, TOGETHER_RATIO, seconds

_KEEP_S: Final = 600.0
"""An alert goes on for so long, so that one better sweep does not end it."""

_HELD_BACK: Final = "unless on (site) site:axis_ntp_told_together"
_UNREACHABLE: Final = "unreachable|busy"
_UNREADABLE: Final = "certificate|identity|login|blocked|unsupported|device_error|bad_answer"
_NO_SYNC: Final = "not_synced|stale|disabled|no_servers"

_DEVICE: Final = "{{ $labels.device }}{{ with $labels.site }} of {{ . }}{{ end }}"
_SITE: Final = "{{ with $labels.site }}site {{ . }}{{ else }}devices without a site{{ end }}"
_SWEEP: Final = "axis-ntp sweep INVENTORY{{ with $labels.site }} --limit 'site={{ . }}'{{ end }}"
_GET: Final = "axis-ntp sweep INVENTORY --limit '{{ $labels.device }}'"


@frozen(kw_only=True)
class Alert:
    """
    One alert.

    Attributes:
        name: Its name.
        expr: What is true while it is on.
        severity: `critical` or `warning`.
        hold_s: For how many seconds that has to be true before it fires.
        keep_s: For how many it goes on after that.
        summary: What is so, in a line.
        description: What to do about it.
    """

    name: str
    expr: str
    severity: str
    hold_s: float
    keep_s: float = _KEEP_S
    summary: str
    description: str


def of_sites() -> Iterator[Alert]:
    """Give the alerts that are told of a site."""
    servers = (
        '{{ with query (printf "axis_ntp_site_cause_info{site=%q,trouble=%q}" '
        '$labels.site $labels.trouble) }} Suspected: {{ . | first | label "servers" }}.{{ end }}'
    )
    yield Alert(
        name="AxisNTPSiteCause",
        expr="max without (instance, job) (axis_ntp_site_cause)",
        severity="critical",
        hold_s=300,
        summary="{{ $value }} devices of " + _SITE + " have one cause: {{ $labels.trouble }}",
        description="time_server: they lost sync, look at the site's time server and UDP 123; "
        "wrong_time: their server tells a wrong time, compare it with another one; "
        f"network: none answers, look at the uplink.{servers} Devices: {_SWEEP}",
    )
    for severity, ratio in (("warning", SITE_RATIO), ("critical", TOGETHER_RATIO)):
        yield Alert(
            name="AxisNTPSiteDegraded",
            expr=f"site:axis_ntp_degraded:ratio > {ratio}\nunless on (site) axis_ntp_site_cause\n"
            "unless on () (axis_ntp_own_clock_odd == 1)",
            severity=severity,
            hold_s=600,
            summary="{{ $value | humanizePercentage }} of " + _SITE + " critical or unreadable",
            description="What they share is the suspect: the time server, the network, the "
            f"credentials. Causes with hints: {_SWEEP}",
        )
    yield Alert(
        name="AxisNTPConfigDrift",
        expr='count without (device, cause, state) (device:axis_ntp_problem{cause="drift"})',
        severity="warning",
        hold_s=1800,
        summary="{{ $value }} devices of " + _SITE + " are not as the policy wants them",
        description="Somebody changed them, or they were never set. See what would change with "
        "axis-ntp plan INVENTORY --policy FILE{{ with $labels.site }} --limit 'site={{ . }}'"
        "{{ end }}",
    )


def of_devices(thresholds: Thresholds) -> Iterator[Alert]:
    """Give the alerts that are told of one device."""
    yield from _of_clocks(thresholds)
    yield from _of_sync()
    yield from _of_reading()


def _of_sync() -> Iterator[Alert]:
    yield Alert(
        name="AxisNTPNotSynced",
        expr="max without (cause, state) "
        '(device:axis_ntp_problem{cause=~"not_synced|stale"})\n'
        'unless on (site, device) device:axis_ntp_problem{cause="no_servers"}\n'
        f"{_HELD_BACK}",
        severity="critical",
        hold_s=1200,
        summary=f"{_DEVICE} is not in sync",
        description="It has had no answer from its time servers for longer than it waits between "
        f"two polls. Check these, and UDP 123 to them. More: {_GET}",
    )
    yield Alert(
        name="AxisNTPCannotSync",
        expr="max without (state) "
        f'(device:axis_ntp_problem{{cause=~"disabled|no_servers"}})\n{_HELD_BACK}',
        severity="critical",
        hold_s=0,
        summary=f"{_DEVICE} cannot be in sync: {{{{ $labels.cause }}}}",
        description="Its NTP client is switched off, or it has no time server. "
        "Set it: axis-ntp set INVENTORY --limit '{{ $labels.device }}' --enable --server ADDRESS",
    )


def _of_reading() -> Iterator[Alert]:
    yield Alert(
        name="AxisNTPUnreachable",
        expr="max without (cause, state) "
        f'(device:axis_ntp_problem{{cause=~"{_UNREACHABLE}"}})\n{_HELD_BACK}',
        severity="warning",
        hold_s=900,
        summary=f"{_DEVICE} does not answer",
        description="Its clock is not known. Check power, cabling, VLAN and firewall, and its "
        f"address in the inventory. More: {_GET}",
    )
    yield Alert(
        name="AxisNTPUnreadable",
        expr="max without (state) "
        f'(device:axis_ntp_problem{{cause=~"{_UNREADABLE}"}})\n{_HELD_BACK}',
        severity="warning",
        hold_s=900,
        summary=f"{_DEVICE} cannot be read: {{{{ $labels.cause }}}}",
        description=f"It answers, but its clock is not known. What to do: {_GET}",
    )


def _of_clocks(thresholds: Thresholds) -> Iterator[Alert]:
    for severity, offset_ms, skew_s in (
        ("warning", thresholds.offset_warning_ms, thresholds.skew_warning_s),
        ("critical", thresholds.offset_critical_ms, thresholds.skew_critical_s),
    ):
        yield Alert(
            name="AxisNTPOffsetHigh",
            expr=f"device:axis_ntp_offset_high:seconds >= {seconds(offset_ms)}\n{_HELD_BACK}",
            severity=severity,
            hold_s=600,
            summary=f"{_DEVICE} is {{{{ $value | humanizeDuration }}}} off its time server",
            description="It may still be slewing; if it stays, look at the network's delay and at "
            f"the server. More: {_GET}",
        )
        yield Alert(
            name="AxisNTPFleetOutlier",
            expr=f"device:axis_ntp_skew_high:seconds >= {skew_s:.12g}\n"
            "unless on (site, device) device:axis_ntp_offset_high:seconds\n"
            f'unless on (site, device) device:axis_ntp_problem{{cause=~"{_NO_SYNC}"}}\n'
            f"unless on () (axis_ntp_own_clock_odd == 1)\n{_HELD_BACK}",
            severity=severity,
            hold_s=600,
            summary=f"{_DEVICE} says it is in sync, but its clock is "
            "{{ $value | humanizeDuration }} off ours",
            description="It follows a wrong time server, or it gave up. Compare its servers with "
            f"those of its neighbours, and our own clock, too. More: {_GET}",
        )


def of_the_watch(interval_s: float) -> Iterator[Alert]:
    """Give the alerts about the watch itself."""
    yield Alert(
        name="AxisNTPSweepStale",
        expr="time() - axis_ntp_sweep_last_success_timestamp_seconds\n"
        "  > 2 * axis_ntp_watch_interval_seconds",
        severity="critical",
        hold_s=0,
        keep_s=0,
        summary="the last full sweep of {{ $labels.instance }} is "
        "{{ $value | humanizeDuration }} old",
        description="What is known of all sites is as old as that. Look at the log of "
        "'axis-ntp watch': too many silent devices, or a disk that is full?",
    )
    yield Alert(
        name="AxisNTPNeverSwept",
        expr="axis_ntp_inventory_old\nunless axis_ntp_sweep_last_success_timestamp_seconds",
        severity="critical",
        hold_s=2 * interval_s,
        keep_s=0,
        summary="no full sweep of {{ $labels.instance }} has ended yet",
        description="No site has been looked at as a whole. Look at the log of 'axis-ntp watch'.",
    )
    yield _down()


def of_its_machine() -> Iterator[Alert]:
    """Give the alerts about the machine that it runs on."""
    yield Alert(
        name="AxisNTPOwnClockOdd",
        expr="axis_ntp_own_clock_skew_seconds and (axis_ntp_own_clock_odd == 1)",
        severity="critical",
        hold_s=600,
        summary="the clock of {{ $labels.instance }} is {{ $value | humanizeDuration }} off those "
        "of its devices",
        description="All sites agree against it, so skews that it reports mean nothing. "
        "Put the watching machine itself in sync: chronyc tracking, timedatectl.",
    )
    yield Alert(
        name="AxisNTPInventoryOld",
        expr="axis_ntp_inventory_old == 1",
        severity="warning",
        hold_s=1800,
        summary="{{ $labels.instance }} cannot read again what it is to watch",
        description="It goes on with the old sites, devices, policy and passwords. Its log tells "
        "which file; more: axis-ntp inventory check INVENTORY, axis-ntp policy check POLICY",
    )
    yield Alert(
        name="AxisNTPUntried",
        expr="axis_ntp_sweep_untried_devices > 0",
        severity="warning",
        hold_s=900,
        summary="{{ $labels.instance }} does not look at {{ $value }} devices",
        description="Of any site; mostly because devices refuse their credentials: correct these. "
        "The log of 'axis-ntp watch' tells the reason.",
    )


def _down() -> Alert:
    """Give the alert for a watch that is gone; where there is one only, `up` may go with it."""
    gone = "(up == 0 and on (job, instance) last_over_time(axis_ntp_inventory_old[1d]))"
    return Alert(
        name="AxisNTPWatchDown",
        expr=f"{gone}\n"
        f"or (absent(axis_ntp_inventory_old) and absent(axis_ntp_up) unless on () {gone})",
        severity="critical",
        hold_s=300,
        keep_s=0,
        summary="axis-ntp watch {{ $labels.instance }} is down",
        description="No site and no device is watched. Start 'axis-ntp watch --listen' again, "
        "and check that Prometheus scrapes it.",
    )
