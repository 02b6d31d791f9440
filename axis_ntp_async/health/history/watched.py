"""When somebody looked, and when nobody did. Pure."""

from __future__ import annotations

import datetime as dt
import itertools
import statistics
from collections.abc import Iterable
from typing import Final

from axis_ntp_async.health.history.evidence import APART_MOST

_INTERVALS: Final = 2

Times = tuple[dt.datetime, dt.datetime]
"""From, to."""


def watched(sweeps: Iterable[Times]) -> tuple[Times, ...]:
    """
    Give the spans of time in which complete sweeps followed one another.

    One belongs to those before it when no more than two usual intervals lie
    between, nor more than `APART_MOST`: so a single sweep that is missing leaves
    no gap, but a watch that has ended does. Usual is what lies between the
    begins of most of them.

    Args:
        sweeps: When each began, and ended.
    """
    ordered = sorted(sweeps)
    begins = [begin for begin, _ in ordered]
    steps = [after - before for before, after in itertools.pairwise(begins)]
    usual = statistics.median_low(steps) if steps else dt.timedelta()
    apart_most = min(_INTERVALS * usual, APART_MOST)
    spans: list[Times] = []
    for begin, end in ordered:
        if spans and begin - spans[-1][1] <= apart_most:
            spans[-1] = spans[-1][0], max(spans[-1][1], end)
        else:
            spans.append((begin, max(begin, end)))
    return tuple(spans)
