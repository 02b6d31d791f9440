"""
Alert rules for Prometheus, with the thresholds of whoever asks for them. Pure.

They hold for both ways of scraping: a watch's `/metrics`, whose series name
the `device`, and one `/probe` per device, where it is the `instance`. The
records at the head make one of both; what follows need not know.

Many devices of one site are told in one alert, of the site. Their own alerts
are held back meanwhile.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Final

from attrs import frozen

from axis_ntp_async.health.finding import Thresholds

USUAL_INTERVAL_S: Final = 300.0
"""Of a watch over up to 5,000 devices, in seconds."""

_SITE_RATIO: Final = 0.05
_SITE_LEAST: Final = 3
"""A site is degraded when more than this share of it, and so many devices, are in trouble."""

_TOGETHER_RATIO: Final = 0.5
_TOGETHER_LEAST: Final = 10
"""Of a degraded site, from more than this share or so many devices on, none is told by itself."""

_KEEP_S: Final = 600.0
"""An alert goes on for so long, so that one better sweep does not end it."""

_HELD_BACK: Final = "unless on (site) site:axis_ntp_told_together"
_UNREACHABLE: Final = "unreachable|busy"
_UNREADABLE: Final = (
    "certificate|identity|not_tried|login|blocked|unsupported|device_error|bad_answer"
)
_NO_SYNC: Final = "not_synced|stale|disabled|no_servers"

_DEVICE: Final = "{{ $labels.device }}{{ with $labels.site }} of {{ . }}{{ end }}"
_SITE: Final = "{{ with $labels.site }}site {{ . }}{{ else }}devices without a site{{ end }}"
_SWEEP: Final = "axis-ntp sweep INVENTORY{{ with $labels.site }} --limit 'site={{ . }}'{{ end }}"
_GET: Final = "axis-ntp sweep INVENTORY --limit '{{ $labels.device }}'"


@frozen(kw_only=True)
class _Alert:
    name: str
    expr: str
    severity: str
    hold_s: float
    keep_s: float = _KEEP_S
    summary: str
    description: str


def alert_rules(
    thresholds: Thresholds, *, interval_s: float = USUAL_INTERVAL_S, hold_scale: float = 1.0
) -> str:
    """
    Give a rule file of Prometheus 2.42 or later, in YAML.

    Args:
        thresholds: When an offset and a skew are too large; those of the watch had better agree.

        interval_s:
            Seconds between two looks at a device. No alert on a device or a site
            fires before two of them in a row agree.

        hold_scale: Stretches all times that a state has to last; for tests, below 1.
    """
    alerts = (
        *_of_sites(),
        *_of_devices(thresholds),
        *_of_the_watch(interval_s),
        *_of_its_machine(),
    )
    lines = [*_head(thresholds, interval_s), "groups:", "  - name: axis-ntp", "    rules:"]
    for name, expr in (*_records_of_devices(thresholds), *_records_of_sites()):
        lines += [f"      - record: {name}", "        expr: |-", _indented(expr)]
    for alert in alerts:
        least_s = 2 * interval_s if alert.hold_s and alert.keep_s else 0.0
        hold_s, keep_s = max(alert.hold_s, least_s), max(alert.keep_s, least_s)
        lines += _yaml(alert, hold_s * hold_scale, (keep_s if alert.keep_s else 0) * hold_scale)
    return "\n".join(lines) + "\n"


def _head(thresholds: Thresholds, interval_s: float) -> Iterator[str]:
    yield "# Alert rules for the NTP clients of Axis devices, from 'axis-ntp rules alerts'."
    yield (
        f"# Offset {_seconds(thresholds.offset_warning_ms)} and "
        f"{_seconds(thresholds.offset_critical_ms)} s, skew {thresholds.skew_warning_s:g} and "
        f"{thresholds.skew_critical_s:g} s; a look at each device every {interval_s:g} s."
    )
    yield "#"
    yield "# They are for a watch's /metrics as well as for its /probe. With /probe, relabel"
    yield "# __meta_axis_ntp_site of its /sd to site, and the target to instance. Target labels"
    yield "# of your own named site or device would hide ours: set honor_labels: true then."
    yield "# A critical alert goes with the warning of the same name. In Alertmanager, inhibit:"
    yield "#   inhibit_rules:"
    yield "#     - source_matchers: [severity = critical]"
    yield "#       target_matchers: [severity = warning]"
    yield "#       equal: [alertname, site, device]"


def _records_of_devices(thresholds: Thresholds) -> Iterator[tuple[str, str]]:
    yield "device:axis_ntp_problem", _either("axis_ntp_problem{%s}")
    yield (
        "device:axis_ntp_offset_high:seconds",
        (
            f"{_either('abs(axis_ntp_offset_seconds{%s})')} "
            f">= {_seconds(thresholds.offset_warning_ms)}"
        ),
    )
    skew = "abs(axis_ntp_clock_skew_seconds{%s}) - axis_ntp_clock_skew_uncertainty_seconds"
    yield (
        "device:axis_ntp_skew_high:seconds",
        f"{_either(skew)} >= {thresholds.skew_warning_s:.12g}",
    )


def _records_of_sites() -> Iterator[tuple[str, str]]:
    yield (
        "site:axis_ntp_devices:count",
        (
            "max without (instance, job) (sum without (state) (axis_ntp_sweep_devices))\n"
            'or on (site) count by (site) (axis_ntp_up{device=""})'
        ),
    )
    yield (
        "site:axis_ntp_bad_devices:count",
        (
            "max without (instance, job) (\n"
            '  sum without (state) (axis_ntp_sweep_devices{state=~"critical|unknown"})\n'
            ")\n"
            "or on (site) count by (site) (\n"
            '  count by (site, instance) (axis_ntp_problem{device="",state=~"critical|unknown"})\n'
            ")"
        ),
    )
    yield (
        "site:axis_ntp_degraded:ratio",
        (
            f"(site:axis_ntp_bad_devices:count / site:axis_ntp_devices:count > {_SITE_RATIO})\n"
            f"and site:axis_ntp_bad_devices:count >= {_SITE_LEAST}"
        ),
    )
    yield (
        "site:axis_ntp_told_together",
        (
            "max by (site) (axis_ntp_site_cause)\n"
            f"or max by (site) (site:axis_ntp_degraded:ratio > {_TOGETHER_RATIO})\n"
            "or max by (site) (\n"
            "  site:axis_ntp_degraded:ratio\n"
            f"  and site:axis_ntp_bad_devices:count >= {_TOGETHER_LEAST}\n"
            ")"
        ),
    )


def _either(series: str) -> str:
    """Give a series by device, however it was scraped, and once if it was both ways."""
    named, probed = series % 'device!=""', series % 'device=""'
    return (
        "max without (instance, job) (\n"
        f"  {named}\n"
        f'  or label_replace({probed}, "device", "$1", "instance", "(.+)")\n'
        ")"
    )


def _of_sites() -> Iterator[_Alert]:
    servers = (
        '{{ with query (printf "axis_ntp_site_cause_info{site=%q,trouble=%q}" '
        '$labels.site $labels.trouble) }} Suspected: {{ . | first | label "servers" }}.{{ end }}'
    )
    yield _Alert(
        name="AxisNTPSiteCause",
        expr="max without (instance, job) (axis_ntp_site_cause)",
        severity="critical",
        hold_s=300,
        summary="{{ $value }} devices of " + _SITE + " have one cause: {{ $labels.trouble }}",
        description="time_server: they lost sync, look at the site's time server and UDP 123; "
        "wrong_time: their server tells a wrong time, compare it with another one; "
        f"network: none answers, look at the uplink.{servers} Devices: {_SWEEP}",
    )
    for severity, ratio in (("warning", _SITE_RATIO), ("critical", _TOGETHER_RATIO)):
        yield _Alert(
            name="AxisNTPSiteDegraded",
            expr=f"site:axis_ntp_degraded:ratio > {ratio}\nunless on (site) axis_ntp_site_cause\n"
            "unless on () (axis_ntp_own_clock_odd == 1)",
            severity=severity,
            hold_s=600,
            summary="{{ $value | humanizePercentage }} of " + _SITE + " critical or unreadable",
            description="What they share is the suspect: the time server, the network, the "
            f"credentials. Causes with hints: {_SWEEP}",
        )
    yield _Alert(
        name="AxisNTPConfigDrift",
        expr='count without (device, cause, state) (device:axis_ntp_problem{cause="drift"})',
        severity="warning",
        hold_s=1800,
        summary="{{ $value }} devices of " + _SITE + " are not as the policy wants them",
        description="Somebody changed them, or they were never set. See what would change with "
        "axis-ntp plan INVENTORY --policy FILE{{ with $labels.site }} --limit 'site={{ . }}'"
        "{{ end }}",
    )


def _of_devices(thresholds: Thresholds) -> Iterator[_Alert]:
    yield from _of_clocks(thresholds)
    yield from _of_sync()
    yield from _of_reading()


def _of_sync() -> Iterator[_Alert]:
    yield _Alert(
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
    yield _Alert(
        name="AxisNTPCannotSync",
        expr="max without (state) "
        f'(device:axis_ntp_problem{{cause=~"disabled|no_servers"}})\n{_HELD_BACK}',
        severity="critical",
        hold_s=0,
        summary=f"{_DEVICE} cannot be in sync: {{{{ $labels.cause }}}}",
        description="Its NTP client is switched off, or it has no time server. "
        "Set it: axis-ntp set INVENTORY --limit '{{ $labels.device }}' --enable --server ADDRESS",
    )


def _of_reading() -> Iterator[_Alert]:
    yield _Alert(
        name="AxisNTPUnreachable",
        expr="max without (cause, state) "
        f'(device:axis_ntp_problem{{cause=~"{_UNREACHABLE}"}})\n{_HELD_BACK}',
        severity="warning",
        hold_s=900,
        summary=f"{_DEVICE} does not answer",
        description="Its clock is not known. Check power, cabling, VLAN and firewall, and its "
        f"address in the inventory. More: {_GET}",
    )
    yield _Alert(
        name="AxisNTPUnreadable",
        expr="max without (state) "
        f'(device:axis_ntp_problem{{cause=~"{_UNREADABLE}"}})\n{_HELD_BACK}',
        severity="warning",
        hold_s=900,
        summary=f"{_DEVICE} cannot be read: {{{{ $labels.cause }}}}",
        description=f"It answers, but its clock is not known. What to do: {_GET}",
    )


def _of_clocks(thresholds: Thresholds) -> Iterator[_Alert]:
    for severity, offset_ms, skew_s in (
        ("warning", thresholds.offset_warning_ms, thresholds.skew_warning_s),
        ("critical", thresholds.offset_critical_ms, thresholds.skew_critical_s),
    ):
        yield _Alert(
            name="AxisNTPOffsetHigh",
            expr=f"device:axis_ntp_offset_high:seconds >= {_seconds(offset_ms)}\n{_HELD_BACK}",
            severity=severity,
            hold_s=600,
            summary=f"{_DEVICE} is {{{{ $value | humanizeDuration }}}} off its time server",
            description="It may still be slewing; if it stays, look at the network's delay and at "
            f"the server. More: {_GET}",
        )
        yield _Alert(
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


def _of_the_watch(interval_s: float) -> Iterator[_Alert]:
    yield _Alert(
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
    yield _Alert(
        name="AxisNTPNeverSwept",
        expr="axis_ntp_inventory_old\nunless axis_ntp_sweep_last_success_timestamp_seconds",
        severity="critical",
        hold_s=2 * interval_s,
        keep_s=0,
        summary="no full sweep of {{ $labels.instance }} has ended yet",
        description="No site has been looked at as a whole. Look at the log of 'axis-ntp watch'.",
    )
    yield _down()


def _of_its_machine() -> Iterator[_Alert]:
    yield _Alert(
        name="AxisNTPOwnClockOdd",
        expr="axis_ntp_own_clock_skew_seconds and (axis_ntp_own_clock_odd == 1)",
        severity="critical",
        hold_s=600,
        summary="the clock of {{ $labels.instance }} is {{ $value | humanizeDuration }} off those "
        "of its devices",
        description="All sites agree against it, so skews that it reports mean nothing. "
        "Put the watching machine itself in sync: chronyc tracking, timedatectl.",
    )
    yield _Alert(
        name="AxisNTPInventoryOld",
        expr="axis_ntp_inventory_old == 1",
        severity="warning",
        hold_s=1800,
        summary="{{ $labels.instance }} cannot read its list of devices again",
        description="It goes on with the old one, so sites and devices may be missing. Find the "
        "fault: axis-ntp inventory check INVENTORY",
    )


def _down() -> _Alert:
    """Give the alert for a watch that is gone; where there is one only, `up` may go with it."""
    gone = "(up == 0 and on (job, instance) last_over_time(axis_ntp_inventory_old[1d]))"
    return _Alert(
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


def _yaml(alert: _Alert, hold_s: float, keep_s: float) -> Iterator[str]:
    """Give one rule; every text is quoted as in JSON, which YAML reads alike."""
    yield f"      - alert: {alert.name}"
    yield "        expr: |-"
    yield _indented(alert.expr)
    if hold_s:
        yield f"        for: {_duration(hold_s)}"
    if keep_s:
        yield f"        keep_firing_for: {_duration(keep_s)}"
    yield "        labels:"
    yield f"          severity: {alert.severity}"
    yield "        annotations:"
    yield f"          summary: {json.dumps(alert.summary)}"
    yield f"          description: {json.dumps(alert.description)}"


def _indented(expr: str) -> str:
    return textwrap.indent(expr, " " * 10)


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.12g}"


def _duration(seconds: float) -> str:
    """Give a duration as Prometheus reads it: whole minutes, seconds, or milliseconds."""
    if seconds % 60 == 0:
        return f"{seconds / 60:.0f}m"
    return f"{seconds:.0f}s" if seconds % 1 == 0 else f"{max(1, round(seconds * 1000))}ms"
