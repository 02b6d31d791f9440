"""The families of a whole fleet: what a watch knows, and the devices it names. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from axis_ntp_async.health.finding import Finding, State
from axis_ntp_async.health.watch.overview import Overview
from axis_ntp_async.report.series.devices import name_of, of_devices, offset_s, site_of
from axis_ntp_async.report.series.families import family, histogram, single, writable

if TYPE_CHECKING:  # an extra: asked for only when something is rendered
    from prometheus_client import Metric

MOST_DEVICES: Final = 500
"""So many devices that are not ok have series of their own, unless all are to have them."""

_SUSPECTS: Final = 3
_LONGEST_SUSPECT: Final = 253


def of_overview(overview: Overview, *, per_device: bool) -> Iterator[Metric]:
    """Give all families of a watch; those of single devices at the end."""
    findings = overview.findings.values()
    faulty = [finding for finding in findings if finding.problems]
    if per_device:
        shown, left_out = sorted(findings, key=_worst_first), 0
    else:
        shown = heapq.nsmallest(MOST_DEVICES, faulty, key=_worst_first)
        left_out = len(faulty) - len(shown)
    yield from _of_sites(overview)
    yield from _of_the_watch(overview)
    yield from _of_requests(overview)
    yield from _of_causes(overview)
    yield single(
        "axis_ntp_devices_left_out",
        "Devices that are not ok and have no series of their own: there are too many.",
        left_out,
    )
    yield from of_devices(shown, {"device": name_of, "site": site_of})


def _worst_first(finding: Finding) -> tuple[int, str, str]:
    return -finding.state.rank, finding.device.site or "", finding.device.name


def _of_sites(overview: Overview) -> Iterator[Metric]:
    states: dict[str, dict[State, int]] = {}
    in_sync: dict[tuple[str, ...], int] = {}
    offsets_s: dict[str, list[float]] = {}
    for finding in overview.findings.values():
        site = site_of(finding)
        states.setdefault(site, dict.fromkeys(State, 0))[finding.state] += 1
        in_sync[site,] = in_sync.get((site,), 0) + finding.is_in_sync
        found = offsets_s.setdefault(site, [])
        if (offset := offset_s(finding)) is not None:
            found.append(abs(offset))
    yield family(
        "axis_ntp_sweep_devices",
        "Devices by the state in which each was found last.",
        ("site", "state"),
        {
            (site, state.value): count
            for site in sorted(states)
            for state, count in states[site].items()
        },
    )
    yield family(
        "axis_ntp_sweep_in_sync_devices",
        "Devices that say they are synced, and nothing found of their clocks tells against it.",
        ("site",),
        dict(sorted(in_sync.items())),
    )
    yield histogram(
        "axis_ntp_sweep_offset_seconds",
        "Offsets that devices reported last which call themselves synced, without sign. "
        "It tells how they are now and does not grow: use it without rate().",
        "site",
        offsets_s,
    )


def _of_the_watch(overview: Overview) -> Iterator[Metric]:
    yield single(
        "axis_ntp_inventory_old",
        "Whether the list of devices, the policy or a password could not be read again.",
        overview.source_fault is not None,
    )
    last = overview.last
    if last is None:
        return
    yield single(
        "axis_ntp_sweep_duration_seconds", "How long the last sweep took.", last.duration_s
    )
    if last.is_complete:
        yield single(
            "axis_ntp_sweep_last_success_timestamp_seconds",
            "When the last sweep ended that looked at every device.",
            last.ended_at.timestamp(),
        )
    yield single(
        "axis_ntp_sweep_untried_devices",
        "Devices that were not looked at, such as for suspended credentials.",
        sum(one.affected for one in last.untried),
    )
    yield single(
        "axis_ntp_watch_interval_seconds", "From one sweep's begin to the next.", last.interval_s
    )
    yield single(
        "axis_ntp_own_clock_skew_seconds",
        "The clock of this machine minus the median of devices that call themselves synced.",
        last.own_clock.skew_s,
    )
    yield single(
        "axis_ntp_own_clock_odd",
        "Whether it is the clock of this machine that is wrong.",
        last.own_clock.is_odd,
    )


def _of_requests(overview: Overview) -> Iterator[Metric]:
    yield family(
        "axis_ntp_requests_total",
        "Calls to devices by what came of them: ok, or why not.",
        ("method", "outcome"),
        {
            ("getNTPInfo", outcome): count
            for outcome, count in sorted({"ok": 0, **overview.outcomes}.items())
        },
        kind="counter",
    )
    yield family(
        "axis_ntp_retries_total",
        "Further attempts by what the call ended with.",
        ("reason",),
        {(reason,): count for reason, count in sorted(overview.retries.items())},
        kind="counter",
    )
    yield family(
        "axis_ntp_rollout_devices",
        "Devices of rollouts that are not over.",
        ("run", "wave", "state"),
        {tuple(map(writable, key)): count for key, count in sorted(overview.rollouts.items())},
    )


def _of_causes(overview: Overview) -> Iterator[Metric]:
    causes = sorted(overview.site_causes, key=lambda cause: (cause.site, cause.trouble.value))
    yield family(
        "axis_ntp_site_cause",
        "Devices of a site whose trouble has one cause: time_server, wrong_time, network.",
        ("site", "trouble"),
        {(writable(one.site), one.trouble.value): one.affected for one in causes},
    )
    yield family(
        "axis_ntp_site_cause_info",
        "Time servers that are suspected to be that cause, up to three.",
        ("site", "trouble", "servers"),
        {
            (writable(one.site), one.trouble.value, _suspects(one.servers)): 1
            for one in causes
            if one.servers
        },
    )


def _suspects(servers: Iterable[str]) -> str:
    return ", ".join(writable(server[:_LONGEST_SUSPECT]) for server in list(servers)[:_SUSPECTS])
