"""What a page shows of a history."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

from axis_ntp_async.health.history.history import History
from axis_ntp_async.health.history.lately import last_week
from axis_ntp_async.health.history.reading import HistoryReader
from axis_ntp_async.health.history.record import LastWeek, Record, SweepRecord

AT = dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.UTC)
DAY = 24 * 60


def test_a_week_of_it(
    path: Path, make_record: Callable[..., Record], sweep: Callable[..., SweepRecord]
) -> None:
    """What is older is left out."""
    with History(path) as history:
        for day in range(-9, 0):
            sweep(history, [make_record(minute=day * DAY + 1)], day * DAY + 1)
    week = last_week(HistoryReader(path), AT)
    assert len(week.sweeps) == 7
    assert [len(course) for course in week.courses.values()] == [7]
    assert week.fault == ""


def test_without_a_history() -> None:
    """There is nothing to show, and nothing to tell."""
    assert last_week(None, AT) == LastWeek()


def test_one_that_cannot_be_read(path: Path) -> None:
    """It stops no page: why is told in it."""
    week = last_week(HistoryReader(path), AT)
    assert week.sweeps == ()
    assert week.fault.startswith(f"history {path}: there is no such file")
