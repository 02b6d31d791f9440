"""The figures on top: how many are in sync, how many are in which state, and since when. Pure."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence
from typing import Final

from axis_ntp_async.health.finding import State
from axis_ntp_async.health.history.record import SweepRecord
from axis_ntp_async.health.sweep import Summary
from axis_ntp_async.report.documents import Document
from axis_ntp_async.report.page.report import Report
from axis_ntp_async.report.page.words import by_state, moment, rounded, seconds, shown

TREND_POINTS: Final = 200
SITE_POINTS: Final = 24
"""More sweeps than this are drawn as means of neighbours."""

_COMPARED_WITH: Final = dt.timedelta(hours=24)


def headline(report: Report) -> Document:
    """Give the figures on top."""
    summary = report.summary
    in_sync = sum(finding.is_in_sync for finding in report.findings)
    percentiles = {f"p{one}": summary.offset_percentile_ms(one) for one in (50, 95, 100)}
    return {
        "devices": summary.devices,
        "in_sync": in_sync,
        "in_sync_ratio": rounded(in_sync / summary.devices, 6) if summary.devices else None,
        "states": by_state(summary.states),
        "ok_ratio": _ok_ratio(summary),
        "change": change_since(report.sweeps, _ok_ratio(summary), report.at),
        "unread": sum(finding.error is not None for finding in report.findings),
        "plain_http": summary.plain_http,
        "offset_s": {name: seconds(value) for name, value in percentiles.items()},
    }


def _ok_ratio(summary: Summary) -> float | None:
    devices = summary.devices
    return rounded(summary.states[State.OK] / devices, 6) if devices else None


def change_since(
    sweeps: Sequence[SweepRecord], ok_ratio: float | None, at: dt.datetime
) -> Document | None:
    """
    Give how the share of devices that are ok has changed in a day, or since the oldest sweep.

    `None` when there is no earlier sweep to compare with.
    """
    earlier = [one for one in sweeps if one.ok_ratio is not None and one.ended_at < at]
    if not earlier or ok_ratio is None:
        return None
    wanted = at - _COMPARED_WITH
    before = min(earlier, key=lambda one: abs(one.at - wanted))
    return {
        "since": moment(before.at),
        "ok_ratio": rounded(before.ok_ratio, 6),
        "change": rounded(ok_ratio - (before.ok_ratio or 0.0), 6),
    }


def trend(sweeps: Sequence[SweepRecord]) -> Document:
    """Give devices by state over time, as columns; every list is empty without history."""
    groups = in_groups(sweeps, TREND_POINTS)
    return {
        "at": [moment(group[-1].at) for group in groups],
        **{
            state.value: [_mean([one.states.get(state, 0) for one in group]) for group in groups]
            for state in State
        },
    }


def site_trends(sweeps: Sequence[SweepRecord]) -> Mapping[str, list[float | None]]:
    """Give the share of devices that were ok by site, over time."""
    groups = in_groups(sweeps, SITE_POINTS)
    sites = {site for one in sweeps for site in one.sites}
    return {
        shown(site or ""): [
            _share_ok([one.sites.get(site, {}) for one in group]) for group in groups
        ]
        for site in sites
    }


def in_groups(sweeps: Sequence[SweepRecord], most: int) -> list[Sequence[SweepRecord]]:
    """Give neighbours together, so that there are no more groups than that."""
    count = min(most, len(sweeps))
    borders = [place * len(sweeps) // count for place in range(count + 1)] if count else []
    return [sweeps[begin:end] for begin, end in itertools.pairwise(borders)]


def _mean(numbers: Sequence[int]) -> float:
    return round(sum(numbers) / len(numbers), 1)


def _share_ok(counts: Sequence[Mapping[State, int]]) -> float | None:
    devices = sum(sum(one.values()) for one in counts)
    return round(sum(one.get(State.OK, 0) for one in counts) / devices, 4) if devices else None
