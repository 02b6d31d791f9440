"""Forgetting what is too old, a little at a time."""

import datetime as dt
import itertools
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axis_ntp_async.errors import HistoryError
from axis_ntp_async.health.finding import State
from axis_ntp_async.health.history import pruning
from axis_ntp_async.health.history.history import History
from axis_ntp_async.health.history.keeping import HistoryRules
from axis_ntp_async.health.history.reading import HistoryReader
from axis_ntp_async.health.history.record import DayRecord, Record, SweepRecord

MakeRecord = Callable[..., Record]
Sweep = Callable[..., SweepRecord]
RowsOf = Callable[[str], list[tuple[Any, ...]]]

AT = dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.UTC)
DAY = 24 * 60
RULES = HistoryRules(keep_days=2, keep_sums_days=5)
LONGER = HistoryRules(keep_days=2)


def after(minutes: float) -> dt.datetime:
    return AT + dt.timedelta(minutes=minutes)


def watch(history: History, sweep: Sweep, make_record: MakeRecord, begin: int, end: int) -> None:
    """Sweep twice an hour; cam-1 is in trouble at three o'clock each day."""
    for minute in range(begin, end, 30):
        is_bad = minute // 60 % 24 == 15
        state = State.CRITICAL if is_bad else State.OK
        looks = [
            make_record("cam-0", minute, offset_ms=minute / 1000),
            make_record("cam-1", minute, state=state, offset_ms=None if is_bad else -3.0),
        ]
        sweep(history, looks, minute)
        while history.prune(after(minute)):
            pass


def test_sums_remain(path: Path, make_record: MakeRecord, sweep: Sweep) -> None:
    """What was forgotten is told day by day of devices, and hour by hour of sites."""
    with History(path, rules=RULES) as history:
        watch(history, sweep, make_record, 0, 4 * DAY)
    reader = HistoryReader(path)
    assert reader.verify().is_sound
    assert reader.timeline("cam-0")[0].at >= after(2 * DAY - 90)
    first, *_, last = reader.days("cam-1")
    assert first == DayRecord(
        device="cam-1",
        day=AT.date(),
        records=first.records,
        worst=State.OK,
        offset_ms=(-3.0, -3.0),
        skew_s=(0.1, 0.1),
    )
    assert (last.day, last.worst) == (AT.date() + dt.timedelta(2), State.CRITICAL)
    [day] = reader.days("cam-0", after(DAY), after(DAY))
    assert day.offset_ms == (0.72, 2.1)
    assert reader.days("cam-9") == ()
    assert (reader.names(), reader.sites()) == (("cam-0", "cam-1"), ("berlin",))


def test_the_sweeps_of_all_time_are_told(
    path: Path, make_record: MakeRecord, sweep: Sweep
) -> None:
    """Old ones hour by hour; each stands for as many as there were."""
    with History(path, rules=RULES) as history:
        watch(history, sweep, make_record, 0, 4 * DAY)
    sweeps = HistoryReader(path).sweeps()
    assert sum(one.sweeps for one in sweeps) == 4 * 48
    hour = next(one for one in sweeps if one.at.hour == 3)
    assert (hour.sweeps, hour.ended_at - hour.at) == (2, dt.timedelta(hours=1))
    assert hour.sites == {"berlin": {State.OK: 1, State.CRITICAL: 1}}
    assert (hour.devices, hour.ok_ratio) == (2, 0.5)
    assert HistoryReader(path).sweeps(site="lyon") == ()
    assert len(HistoryReader(path).sweeps(after(60), after(119), "berlin")) == 1


def test_sums_are_forgotten_in_the_end(
    path: Path, make_record: MakeRecord, sweep: Sweep, rows_of: RowsOf
) -> None:
    """After their own time, a day at once."""
    with History(path, rules=RULES) as history:
        watch(history, sweep, make_record, 0, 8 * DAY)
    days, hours = rows_of("SELECT MIN(day), MAX(day) FROM days"), rows_of("SELECT hour FROM hours")
    begin = (AT - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)).days
    assert days == [(begin + 3, begin + 6)]
    assert min(hours)[0] >= 24 * (begin + 3) - 12


def test_the_file_stays_as_large_as_it_is(
    path: Path, make_record: MakeRecord, sweep: Sweep, rows_of: RowsOf
) -> None:
    """Over weeks, with changing looks and a device that comes and goes under another name."""
    sizes = []
    with History(path, rules=HistoryRules(keep_days=2, keep_sums_days=4)) as history:
        for day in range(24):
            for minute in range(day * DAY, (day + 1) * DAY, 60):
                looks = [
                    make_record(f"cam-{place}", minute, message=f"error {minute}", site="s")
                    for place in range(20)
                ]
                sweep(history, looks, minute)
                history.prune(after(minute))
            sizes.append(rows_of("PRAGMA page_count")[0][0])
    assert max(sizes[12:]) <= 1.05 * sizes[6]
    assert rows_of("SELECT COUNT(*) FROM looks") == rows_of("SELECT COUNT(*) FROM ends")
    assert HistoryReader(path).verify().is_sound


def test_it_never_takes_long(
    path: Path, make_record: MakeRecord, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call takes away a bounded number of records, and tells that there is more."""
    monkeypatch.setattr(pruning, "RECORDS", 50)
    with History(path, rules=RULES) as history:
        for hour in range(20):
            sweep(history, [make_record(f"cam-{n}", 60 * hour) for n in range(20)], 60 * hour)
        sweep(history, [make_record()], 9 * DAY)
        reader = HistoryReader(path)
        left = [reader.verify().records]
        while history.prune(after(9 * DAY)):
            left.append(reader.verify().records)
    assert all(0 < before - now <= 50 for before, now in itertools.pairwise(left))
    assert len(left) > 5
    assert reader.verify().is_sound


def test_devices_that_were_forgotten_are_new_again(
    path: Path, make_record: MakeRecord, sweep: Sweep
) -> None:
    """After a long pause the first look is a record, though it says the same."""
    with History(path, rules=RULES) as history:
        sweep(history, [make_record(), make_record("gate-1")], 0)
        sweep(history, [make_record("gate-1", 9 * DAY)], 9 * DAY)
        history.prune(after(9 * DAY))
        assert history.append([make_record(minute=0)]) == 1
    with History(path, rules=RULES):
        pass
    reader = HistoryReader(path)
    assert reader.verify().is_sound
    assert len(reader.timeline("lobby-3")) == 2  # it had left, and is back


@pytest.mark.parametrize("now", [-900, 4000])
def test_a_clock_that_is_wrong_forgets_nothing(
    path: Path, make_record: MakeRecord, sweep: Sweep, now: int
) -> None:
    """As long as no sweep was recorded at that time."""
    with History(path, rules=RULES) as history:
        sweep(history, [make_record()], 0)
        assert not history.prune(after(now * DAY))
    assert len(HistoryReader(path).timeline("lobby-3")) == 1


def test_records_of_a_wrong_time_do_no_harm(
    path: Path, make_record: MakeRecord, sweep: Sweep
) -> None:
    """Neither do those from the future stay, nor do those from the past take others along."""
    with History(path, rules=RULES) as history:
        sweep(history, [make_record("future", 9000 * DAY)], 9000 * DAY)
        sweep(history, [make_record("usual", 5 * DAY)], 5 * DAY)
        sweep(history, [make_record("past", -9000 * DAY)], -9000 * DAY)
        sweep(history, [make_record("now", 6 * DAY)], 6 * DAY)
        history.prune(after(6 * DAY))
    reader = HistoryReader(path)
    assert [record.has_left for record in reader.timeline("future")] == [True]
    assert len(reader.timeline("usual")) == 2
    assert reader.verify().is_sound


def test_incomplete_sweeps_are_in_no_sum(
    path: Path, make_record: MakeRecord, sweep: Sweep
) -> None:
    """A sweep that was stopped says nothing of a site."""
    with History(path, rules=RULES) as history:
        sweep(history, [make_record()], 0, is_complete=False)
        sweep(history, [make_record(minute=9 * DAY)], 9 * DAY)
        history.prune(after(9 * DAY))
    assert [one.at for one in HistoryReader(path).sweeps()] == [after(9 * DAY)]


def test_both_or_neither(
    path: Path, make_record: MakeRecord, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it fails in the middle, nothing is forgotten, and nothing is summed up twice."""
    with History(path, rules=LONGER) as history:
        sweep(history, [make_record()], 0)
        sweep(history, [make_record(minute=9 * DAY)], 9 * DAY)
        with monkeypatch.context() as patch:
            patch.setattr(pruning, "_SUM_HOURS", "INSERT INTO gone VALUES (?, ?, ?, ?, ?, ?, ?)")
            with pytest.raises(HistoryError, match="no such table: gone"):
                history.prune(after(9 * DAY))
        reader = HistoryReader(path)
        assert len(reader.timeline("lobby-3")) == 2
        while history.prune(after(9 * DAY)):
            pass
        assert not history.prune(after(9 * DAY))
        [day] = reader.days("lobby-3")
    assert (day.records, len(reader.timeline("lobby-3"))) == (1, 1)


def test_a_sum_that_nobody_knows_stays_unknown(
    path: Path, make_record: MakeRecord, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two batches of one day: offsets of one are not mixed with none of the other."""
    monkeypatch.setattr(pruning, "RECORDS", 1)
    with History(path, rules=LONGER) as history:
        sweep(history, [make_record(offset_ms=None, skew_s=None, uncertainty_s=None)], 0)
        sweep(history, [make_record(minute=1, offset_ms=7.0, skew_s=None)], 1)
        sweep(history, [make_record(minute=2, offset_ms=None, skew_s=None)], 2)
        sweep(history, [make_record(minute=9 * DAY)], 9 * DAY)
        while history.prune(after(9 * DAY)):
            pass
    [day] = HistoryReader(path).days("lobby-3")
    assert (day.records, day.offset_ms, day.skew_s) == (3, (7.0, 7.0), None)


def test_a_history_that_another_program_changed(path: Path) -> None:
    """Pruning what is no history any more is an error of ours."""
    with History(path) as history:
        connection = sqlite3.connect(path)
        connection.execute("DROP TABLE sums")
        connection.close()
        with pytest.raises(HistoryError, match="no such table: sums"):
            history.prune(AT)
