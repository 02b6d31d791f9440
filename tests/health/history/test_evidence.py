"""What can be said of a clock at one instant, and what cannot."""

import datetime as dt
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axis_ntp_async.health.finding import Cause, State
from axis_ntp_async.health.history.evidence import Evidence, in_words
from axis_ntp_async.health.history.history import History
from axis_ntp_async.health.history.keeping import HistoryRules
from axis_ntp_async.health.history.reading import HistoryReader
from axis_ntp_async.health.history.record import Note, NoteKind, Place, Record, SweepRecord

MakeRecord = Callable[..., Record]
Sweep = Callable[..., SweepRecord]

AT = dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.UTC)
DAY = 24 * 60


def after(minutes: float) -> dt.datetime:
    return AT + dt.timedelta(minutes=minutes)


def ask(path: Path, minute: float, device: str = "lobby-3") -> Evidence:
    return HistoryReader(path).evidence(device, after(minute))


def rounded(bounds: tuple[float, float] | None) -> tuple[float, float] | None:
    return bounds and (round(bounds[0], 3), round(bounds[1], 3))


def test_two_records_around_it(path: Path, make_record: MakeRecord, sweep: Sweep) -> None:
    """The clock was where either look leaves room for it."""
    with History(path) as history:
        sweep(history, [make_record(skew_s=0.1)], 0)
        sweep(history, [make_record(minute=10, skew_s=2.0, uncertainty_s=0.75)], 10)
    found = ask(path, 5)
    assert found.before is not None
    assert found.after is not None
    assert (found.before.record.skew_s, found.after.record.skew_s) == (0.1, 2.0)
    assert rounded(found.skew_s) == (-0.4, 2.75)
    assert (found.why_not, found.apart, found.doubts) == (None, dt.timedelta(minutes=10), ())
    assert found.before.offset_ms == (1.25, 1.25)


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE records SET skew_ms = 40000 WHERE seq = 1",
        "UPDATE records SET skew_ms = 0 WHERE seq = 2",
        "UPDATE records SET at_ms = at_ms - 60000 WHERE seq = 1",
        "UPDATE blocks SET sweep = sweep || ' ' WHERE sweep IS NOT NULL",
        "UPDATE blocks SET notes = NULL WHERE notes IS NOT NULL",
    ],
)
def test_altered_numbers_are_no_evidence(
    path: Path, make_record: MakeRecord, sweep: Sweep, forgery: str
) -> None:
    """Who asks what a clock was is told that somebody has changed it, without another command."""
    with History(path) as history:
        for minute in range(0, 400, 10):
            sweep(history, [make_record(minute=minute, skew_s=minute / 5)], minute)
            history.note(NoteKind.OTHER, "somebody came by", after(minute))
    assert ask(path, 5).why_not is None
    with sqlite3.connect(path) as connection:
        assert connection.execute(forgery).rowcount
    connection.close()
    found = ask(path, 5)
    assert found.fault is not None
    assert str(found.why_not).startswith("the history is not as it was written: block ")
    assert found.skew_s is None
    assert ask(path, 395).fault is None or "WHERE seq" not in forgery


def test_sweeps_without_a_record_are_looks_too(
    path: Path, make_record: MakeRecord, sweep: Sweep
) -> None:
    """They found the device as its record says, within the steps that were agreed on."""
    with History(path, rules=HistoryRules(skew_step_s=2.0, offset_step_ms=20.0)) as history:
        for minute in range(0, 30, 5):
            sweep(history, [make_record(minute=minute / 60)], minute)
    found = ask(path, 12)
    assert found.before is not None
    assert found.after is not None
    assert (found.before.earliest, found.before.latest) == (after(10), after(11))
    assert (found.after.earliest, found.after.latest) == (after(15), after(16))
    assert rounded(found.skew_s) == (-2.4, 2.6)
    assert found.before.offset_ms == (-18.75, 21.25)
    assert found.apart == dt.timedelta(minutes=6)
    assert found.own_before == found.before.sweep
    assert found.own_after == found.after.sweep


def test_a_sweep_under_way_at_that_instant_says_nothing(
    path: Path, make_record: MakeRecord, sweep: Sweep
) -> None:
    """Nobody knows whether it looked at the device before or after."""
    with History(path) as history:
        for minute in (0, 5, 10):
            sweep(history, [make_record(minute=minute / 60)], minute)
    found = ask(path, 5.5)
    assert found.before is not None
    assert found.before.sweep is None
    assert found.after is not None
    assert found.after.earliest == after(10)


def test_incomplete_sweeps_confirm_nothing(
    path: Path, make_record: MakeRecord, sweep: Sweep
) -> None:
    """The device may have been the one that was not looked at."""
    with History(path) as history:
        sweep(history, [make_record()], 0)
        sweep(history, [make_record("gate-1", 5)], 5, is_complete=False)
    found = ask(path, 3)
    assert (found.after, found.why_not) == (None, "nobody has looked at it since")
    assert found.skew_s is None


@pytest.mark.parametrize(
    ("minute", "why_not"),
    [
        (-5, "no look at it before that instant is recorded"),
        (15, "at the look before it, its clock could not be read: no answer"),
        (7, "at the look after it, its clock could not be read: no answer"),
        (23, "nobody looked at it for 2 h 40 min"),
        (182, "the next thing known is that it was taken off the devices of the watch"),
        (186.5, "it was not among the devices of the watch then"),
        (999, "it was not among the devices of the watch then"),
    ],
)
def test_why_nothing_can_be_said(
    path: Path, make_record: MakeRecord, sweep: Sweep, minute: float, why_not: str
) -> None:
    """For each kind of silence its own reason."""
    silent = {"state": State.UNKNOWN, "cause": Cause.UNREACHABLE, "message": "no answer"}
    unread = {**silent, "skew_s": None, "uncertainty_s": None}
    with History(path) as history:
        for at, members in ((0, {}), (5, {}), (10, unread), (20, {}), (180, {"offset_ms": 999.0})):
            sweep(history, [make_record(minute=at, **members)], at)
        sweep(history, [], 185)
        sweep(history, [], 190)
    assert ask(path, minute).why_not == why_not


@pytest.mark.parametrize(("minute", "when"), [(-2, "after"), (2, "before")])
def test_who_was_not_tried_was_not_looked_at(
    path: Path, make_record: MakeRecord, sweep: Sweep, minute: float, when: str
) -> None:
    """It was to be, which is no look; why is told once."""
    suspended = make_record(
        state=State.UNKNOWN,
        cause=Cause.NOT_TRIED,
        message="not tried: credentials 'fleet' are suspended",
        skew_s=None,
        uncertainty_s=None,
    )
    with History(path) as history:
        sweep(history, [make_record(minute=-5)], -5)
        sweep(history, [suspended], 0)
        sweep(history, [make_record(minute=5)], 5)
    assert ask(path, minute).why_not == (
        f"it was to be looked at {when} it, but not tried: credentials 'fleet' are suspended"
    )


def test_of_a_device_that_nobody_knows(path: Path) -> None:
    """Nothing is known."""
    with History(path):
        pass
    found = ask(path, 0, "nobody")
    assert (found.before, found.after, found.head) == (None, None, Place(0, "0" * 64))
    assert found.doubts == ("no sweep around that instant tells how our own clock was",)


def test_of_a_day_that_is_forgotten_a_line_remains(
    path: Path, make_record: MakeRecord, sweep: Sweep
) -> None:
    """It proves nothing, but it is told."""
    with History(path, rules=HistoryRules(keep_days=2)) as history:
        sweep(history, [make_record()], 0)
        sweep(history, [make_record(minute=9 * DAY)], 9 * DAY)
        history.prune(after(9 * DAY))
    found = ask(path, 5)
    assert found.day is not None
    assert (found.day.day, found.skew_s) == (AT.date(), None)
    assert found.why_not is not None
    assert found.why_not.startswith("the looks of that time are forgotten")


def test_what_was_noted_in_between_is_told(
    path: Path, make_record: MakeRecord, sweep: Sweep
) -> None:
    """Our own clock is the other half of every reading."""
    note = Note(NoteKind.OWN_CLOCK, "our own clock was set by +3.0 s", after(10))
    with History(path) as history:
        history.note(NoteKind.OPENED, "the watch began", AT)
        sweep(history, [make_record()], 0, own_skew_s=None)
        history.append([make_record(minute=10, skew_s=-3.0)])
        history.end_sweep(SweepRecord(at=after(10), ended_at=after(11)), [note])
        history.note(NoteKind.LOST, "later", after(12))
    found = ask(path, 5)
    assert found.notes == ()
    with History(path) as history:
        sweep(history, [make_record(minute=20)], 20)
    found = ask(path, 15)
    assert found.notes[0] == note
    assert found.doubts == ("our own clock was set by +3.0 s", "later")


@pytest.mark.parametrize(("own_skew_s", "doubts"), [(-0.9, 0), (1.0, 0), (-3.2, 1), (1.1, 1)])
def test_a_wrong_clock_of_ours_is_a_doubt(
    path: Path, make_record: MakeRecord, sweep: Sweep, own_skew_s: float, doubts: int
) -> None:
    """However long ago it was noted: each sweep tells how it was."""
    with History(path) as history:
        for minute in (0, 5, 10):
            sweep(history, [make_record(minute=minute)], minute, own_skew_s=own_skew_s)
    assert len(ask(path, 7).doubts) == doubts


def test_an_instant_that_came_twice(path: Path, make_record: MakeRecord, sweep: Sweep) -> None:
    """Our clock was set back by half an hour: what lies in that half hour is anybody's guess."""
    with History(path) as history:
        for minute in (*range(0, 60, 5), *range(30, 90, 5)):
            sweep(history, [make_record(minute=minute)], minute)
    assert [ask(path, minute).came_twice for minute in (12, 27, 32, 47, 54, 62, 77)] == [
        *(False, False, True, True, True, False, False),
    ]
    why_not = ask(path, 40).why_not
    assert why_not is not None
    assert "was set back over that instant" in why_not
    assert ask(path, 77).skew_s is not None


@pytest.mark.parametrize("wrong", [-9000 * DAY, 9000 * DAY, 30 * DAY])
def test_one_sweep_at_a_wrong_time_spoils_no_others(
    path: Path, make_record: MakeRecord, sweep: Sweep, wrong: int
) -> None:
    """Our own clock was wrong for a moment, by years; before and after that all is known."""
    with History(path) as history:
        for minute in (0, 5, 10, wrong, 15, 20, 25):
            sweep(history, [make_record(minute=minute)], minute)
    for minute in (7, 22):
        found = ask(path, minute)
        assert found.why_not is None
        assert found.before is not None
        assert found.after is not None
        assert found.before.latest <= found.at <= found.after.earliest
        assert found.apart is not None
        assert found.apart <= dt.timedelta(minutes=11)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    clocks=st.lists(st.tuples(st.floats(-8, 8), st.floats(-0.5, 0.5)), min_size=3, max_size=12),
    minute=st.floats(0, 60),
)
def test_the_truth_at_the_looks_is_within_what_is_told(
    tmp_path_factory: pytest.TempPathFactory,
    make_record: MakeRecord,
    sweep: Sweep,
    clocks: list[tuple[float, float]],
    minute: float,
) -> None:
    """Whatever a clock did, and whichever looks were worth a record."""
    path = tmp_path_factory.mktemp("truth") / "history.db"
    with History(path) as history:
        for number, (true_s, noise_s) in enumerate(clocks):
            record = make_record(minute=5 * number, skew_s=true_s + noise_s)
            sweep(history, [record], 5 * number)
    found = ask(path, minute)
    if found.skew_s is not None:
        low, high = found.skew_s
        assert found.before is not None
        assert found.after is not None
        for look in (found.before, found.after):
            number = round((look.earliest - AT) / dt.timedelta(minutes=5))
            assert low - 0.002 <= clocks[number][0] <= high + 0.002


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (7200, "2 h"),
        (7261, "2 h 1 min"),
        (90_000, "1 d 1 h"),
        (86_460, "1 d"),
    ],
)
def test_spans_in_words(seconds: float, words: str) -> None:
    """In the two largest units."""
    assert in_words(dt.timedelta(seconds=seconds)) == words
