"""
How the offsets of devices went, small enough for ten thousand of them. Pure.

All courses share one stretch of time, cut into 24 pieces. Of each piece a
letter tells the largest offset in it, from `0` (the lowest of the course) to
`z` (the highest), and a digit the worst state, from `0` (ok) to `3`
(critical). `-` is a piece without an offset, `.` one without a record.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from axis_ntp_async.health.finding import State
from axis_ntp_async.health.history.record import Record
from axis_ntp_async.report.documents import Document
from axis_ntp_async.report.page.words import rounded, seconds

POINTS: Final = 24
LEVELS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
NO_OFFSET: Final = "-"
NO_RECORD: Final = "."

_RANKS: Final = {state: state.rank for state in State}


def courses(names: Iterable[str], records: Mapping[str, Sequence[Record]]) -> Document | None:
    """Give the courses of devices, in the order of their names; `None` without history."""
    stretch = _stretch(records)
    if stretch is None:
        return None
    begin_s, end_s = stretch
    columns: Document = {"offsets": [], "states": [], "low_s": [], "high_s": []}
    for name in names:
        offsets, states, low_ms, high_ms = course(records.get(name, ()), begin_s, end_s)
        columns["offsets"].append(offsets)
        columns["states"].append(states)
        columns["low_s"].append(seconds(low_ms))
        columns["high_s"].append(seconds(high_ms))
    return {"from_s": rounded(begin_s, 0), "to_s": rounded(end_s, 0), **columns}


def _stretch(records: Mapping[str, Sequence[Record]]) -> tuple[float, float] | None:
    ends = [(course[0].at, course[-1].at) for course in records.values() if course]
    if not ends:
        return None
    begin, end = min(one for one, _ in ends), max(one for _, one in ends)
    return (begin.timestamp(), end.timestamp()) if begin < end else None


def course(
    records: Sequence[Record], begin_s: float, end_s: float
) -> tuple[str, str, float | None, float | None]:
    """Give one course: its offsets, its states, and its lowest and highest offset in ms."""
    offsets: list[float | None] = [None] * POINTS
    ranks = [-1] * POINTS
    per_second = POINTS / (end_s - begin_s)
    for record in records:
        if record.has_left:
            continue
        place = max(0, min(POINTS - 1, int((record.at.timestamp() - begin_s) * per_second)))
        ranks[place] = max(ranks[place], _RANKS[record.state])
        before, now = offsets[place], record.offset_ms
        if now is not None and (before is None or abs(now) >= abs(before)):
            offsets[place] = now
    known = [one for one in offsets if one is not None]
    if not any(rank >= 0 for rank in ranks):
        return "", "", None, None
    low, high = (min(known), max(known)) if known else (None, None)
    return _letters(offsets, ranks, low or 0.0, high or 0.0), _digits(ranks), low, high


def _letters(
    offsets: Sequence[float | None], ranks: Sequence[int], low: float, high: float
) -> str:
    top = len(LEVELS) - 1
    per_ms = top / (high - low) if high > low else 0.0
    return "".join(
        (NO_RECORD if rank < 0 else NO_OFFSET)
        if offset is None
        else LEVELS[round((offset - low) * per_ms) if per_ms else top // 2]
        for offset, rank in zip(offsets, ranks, strict=True)
    )


def _digits(ranks: Iterable[int]) -> str:
    return "".join(NO_RECORD if rank < 0 else str(rank) for rank in ranks)
