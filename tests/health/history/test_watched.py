"""When somebody looked, and when nobody did."""

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from axis_ntp_async.health.history.history import History
from axis_ntp_async.health.history.reading import HistoryReader
from axis_ntp_async.health.history.record import Record, SweepRecord
from axis_ntp_async.health.history.watched import watched

AT = dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.UTC)


def after(minutes: float) -> dt.datetime:
    return AT + dt.timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("begins", "expected"),
    [
        ([], []),
        ([5], [(5, 6)]),
        ([0, 5, 10], [(0, 11)]),
        ([10, 0, 5], [(0, 11)]),
        ([0, 5, 10, 20, 25], [(0, 26)]),
        ([0, 5, 10, 22, 27], [(0, 11), (22, 28)]),
        ([0, 5, 10, 600, 605], [(0, 11), (600, 606)]),
        ([0, 5, 10, 15, 130, 190, 250, 310], [(0, 16), (130, 311)]),
        ([0, 5, 10, 11, 16, 21], [(0, 22)]),
        ([0, 100], [(0, 1), (100, 101)]),
        ([0, 60, 120, 300], [(0, 121), (300, 301)]),
        ([0, 300, 600], [(0, 1), (300, 301), (600, 601)]),
        ([0, 0, 0], [(0, 1)]),
    ],
)
def test_sweeps_that_follow_one_another(
    begins: Sequence[int], expected: Sequence[tuple[int, int]]
) -> None:
    """One that is missing leaves no gap, more do; and nothing is bridged for hours."""
    spans = watched((after(begin), after(begin + 1)) for begin in begins)
    assert spans == tuple((after(begin), after(end)) for begin, end in expected)


def test_a_clock_that_was_set_back_during_a_sweep() -> None:
    """It ends before it begins; then its begin is all that is known."""
    assert watched([(after(5), after(0))]) == ((after(5), after(5)),)


def test_only_complete_sweeps_count(
    path: Path, make_record: Callable[..., Record], sweep: Callable[..., SweepRecord]
) -> None:
    """Of those around the span, too; a sweep that was stopped may not have looked."""
    with History(path) as history:
        for minute in (*range(0, 60, 5), *range(90, 120, 5)):
            is_complete = minute not in range(20, 40)
            sweep(history, [make_record(minute=minute)], minute, is_complete=is_complete)
    reader = HistoryReader(path)
    spans = ((after(0), after(16)), (after(40), after(56)), (after(90), after(116)))
    assert reader.watched(after(0), after(120)) == spans
    assert reader.watched(after(50), after(80)) == spans
    assert reader.watched(after(600), after(700)) == ()
