"""When somebody looked, and when nobody did. Pure."""

from __future__ import annotations

import datetime as dt
import itertools
import statistics
from collections.abc import Iterable, Sequence
from typing import Final

from axis_ntp_async.health.history.evidence import APART_MOST

_INTERVALS: Final = 2
_NEAR: Final = 3

Times = tuple[dt.datetime, dt.datetime]
"""From, to."""


def watched(sweeps: Iterable[Times]) -> tuple[Times, ...]:
    """
    Give the spans of time in which complete sweeps followed one another.

    One belongs to those before it when no more than two usual intervals lie
    between, nor more than `APART_MOST`: so a single sweep that is missing leaves
    no gap, but a watch that has ended does. Usual is what lies between the
    begins of most of the six nearest.

    Args:
        sweeps: When each began, and ended.
    """
    ordered = sorted(sweeps)
    begins = [begin for begin, _ in ordered]
    steps = [after - before for before, after in itertools.pairwise(begins)]
    spans: list[Times] = []
    for place, (begin, end) in enumerate(ordered):
        if spans and begin - spans[-1][1] <= _apart_most(steps, place - 1):
            spans[-1] = spans[-1][0], max(spans[-1][1], end)
        else:
            spans.append((begin, max(begin, end)))
    return tuple(spans)


def _apart_most(steps: Sequence[dt.timedelta], place: int) -> dt.timedelta:
    """Give how far two sweeps may be apart, by the steps before and after that between them."""
    near = [*steps[max(0, place - _NEAR) : place], *steps[place + 1 : place + 1 + _NEAR]]
    usual = statistics.median_low(near) if near else dt.timedelta()
    return min(_INTERVALS * usual, APART_MOST)
