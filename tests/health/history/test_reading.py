"""Looking things up in a history."""

import datetime as dt
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from axis_ntp_async.errors import HistoryError
from axis_ntp_async.health.finding import State
from axis_ntp_async.health.history.history import History
from axis_ntp_async.health.history.reading import HistoryReader
from axis_ntp_async.health.history.record import NoteKind, Record, SweepRecord

MakeRecord = Callable[..., Record]
Sweep = Callable[..., SweepRecord]

AT = dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.UTC)


def after(minutes: float) -> dt.datetime:
    return AT + dt.timedelta(minutes=minutes)


def test_the_record_in_force_comes_first(path: Path, make_record: MakeRecord) -> None:
    """What was so when the span began was written before it."""
    with History(path) as history:
        for minute in (0, 60, 120, 180):
            history.append([make_record(minute=minute)])
    reader = HistoryReader(path)

    def minutes(*span: float) -> list[int]:
        records = reader.timeline("lobby-3", *map(after, span))
        return [(record.at - AT) // dt.timedelta(minutes=1) for record in records]

    assert minutes() == [0, 60, 120, 180]
    assert minutes(-9) == [0, 60, 120, 180]
    assert minutes(60, 120) == [60, 120]
    assert minutes(61, 119) == [60]
    assert minutes(61, 120) == [60, 120]
    assert minutes(999) == [180]
    assert minutes(-9, -1) == []
    assert reader.timeline("nobody") == ()


def test_sweeps_of_one_site(path: Path, make_record: MakeRecord, sweep: Sweep) -> None:
    """Only its own numbers; without it, all of them, as they were handed over."""
    with History(path) as history:
        looks = [make_record(), make_record("gate-1", site=None, state=State.WARNING)]
        whole = sweep(history, looks, 0)
        sweep(history, [make_record(minute=5)], 5)
    reader = HistoryReader(path)
    assert reader.sweeps()[0] == whole
    assert [one.states for one in reader.sweeps(site="berlin")] == [{State.OK: 1}] * 2
    assert [one.at for one in reader.sweeps(after(4))] == [after(5)]
    assert reader.sweeps(after(99)) == ()
    assert reader.sites() == ("berlin",)


def test_totals_without_sites_are_kept(path: Path) -> None:
    """They are those of devices without a site."""
    with History(path) as history:
        history.end_sweep(SweepRecord(at=AT, ended_at=AT, states={State.OK: 7}))
    [one] = HistoryReader(path).sweeps()
    assert (one.states, one.sites) == ({State.OK: 7}, {None: {State.OK: 7}})


def test_notes_of_a_span(path: Path, make_record: MakeRecord) -> None:
    """In their order, and with now as their time when none is given."""
    with History(path) as history:
        history.note(NoteKind.OPENED, "here we go", AT)
        history.append([make_record()])
        history.note(NoteKind.OWN_CLOCK, "set by +3 s", after(5))
        history.note(NoteKind.OTHER, "now")
    reader = HistoryReader(path)
    assert [note.text for note in reader.notes(after(0), after(9))] == [
        "here we go",
        "set by +3 s",
    ]
    [last] = reader.notes(dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1))
    assert (last.kind, last.text) == (NoteKind.OTHER, "now")


def test_courses_are_thinned_to_what_is_worst(path: Path, make_record: MakeRecord) -> None:
    """So no trouble falls through a step, however short it was."""
    with History(path) as history:
        for minute in range(0, 600, 10):
            state = State.CRITICAL if minute == 310 else State.OK
            offset_ms = 60.0 * (minute % 20)
            history.append(
                [
                    make_record("cam-1", minute, state=state, offset_ms=offset_ms),
                    make_record("cam-2", minute, offset_ms=offset_ms),
                ]
            )
    reader = HistoryReader(path)
    courses = reader.courses(AT, points=6)
    assert [len(courses[name]) for name in ("cam-1", "cam-2")] == [6, 6]
    assert [record.state for record in courses["cam-1"]].count(State.CRITICAL) == 1
    assert reader.courses(AT, ["cam-2", "cam-9"], points=6) == {"cam-2": courses["cam-2"]}
    assert len(reader.courses(after(300), points=1000)["cam-1"]) == 30
    assert reader.courses(after(9999)) == {}


def test_names_are_known(path: Path, make_record: MakeRecord) -> None:
    """Of everybody who was ever looked at."""
    with History(path) as history:
        history.append([make_record("b"), make_record("a")])
    assert HistoryReader(path).names() == ("a", "b")


def test_a_history_that_is_not_there(tmp_path: Path) -> None:
    """One sentence says where it was looked for, and what to do."""
    with pytest.raises(HistoryError, match="there is no such file; name yours with --history"):
        HistoryReader(tmp_path / "history.db").names()


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE looks SET text = '{}'", "a record in it is damaged"),
        ("UPDATE looks SET text = '{'", "Expecting property name"),
        ("UPDATE looks SET text = REPLACE(text, '\"ok\"', '\"fine\"')", "not a valid State"),
        ("UPDATE records SET at_ms = 99999999999999999", "a record in it is damaged"),
        ("UPDATE blocks SET sweep = '{}'", "a sweep in it is damaged"),
        ("UPDATE blocks SET notes = '[7]'", "a note in it is damaged"),
        ("DELETE FROM blocks", "the block of record 1 in it is damaged"),
        ("UPDATE blocks SET notes = '[]'", "a note in it is damaged .there are none"),
        ("UPDATE blocks SET notes = '[[\"other\",7,0]]'", "a note in it is damaged .7 is no text"),
        ("UPDATE blocks SET notes = '\u00e4'", "a note in it is damaged .it is no JSON of ours"),
        ("UPDATE blocks SET at_ms = at_ms + 1", "block 3 in it is damaged"),
        ("UPDATE looks SET text = REPLACE(text, ',\"drift\":[]', '')", "it has other members"),
        ("UPDATE looks SET text = REPLACE(text, '[]', '{}')", "its drift is {}"),
        ("UPDATE looks SET text = REPLACE(text, 'lobby-3', 'x')", "the course of 'lobby-3' in it"),
        ("INSERT INTO hours VALUES (7, x'00', 1, 1, 1, 1, 1)", "the name of a site in it"),
        ("DELETE FROM ends", "the course of 'lobby-3' in it is damaged"),
        ("UPDATE devices SET name = x'00'", "device 1 in it is damaged"),
    ],
)
def test_nonsense_in_it_is_told(
    path: Path, make_record: MakeRecord, sweep: Sweep, statement: str, what: str
) -> None:
    """As an error of ours that names the file, whoever wrote it."""
    with History(path) as history:
        history.note(NoteKind.OTHER, "x", AT)
        sweep(history, [make_record()], 0)
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    reader = HistoryReader(path)
    with pytest.raises(HistoryError, match=f"history {path}: .*{what}"):
        (
            reader.timeline("lobby-3"),
            reader.sites(),
            reader.sweeps(),
            reader.notes(),
            reader.evidence("lobby-3", AT),
        )


def test_a_course_that_runs_in_a_circle_ends(path: Path, make_record: MakeRecord) -> None:
    """Somebody may have made it so; looking at it must not take for ever."""
    with History(path) as history:
        history.append([make_record()])
        history.append([make_record(minute=60)])
    connection = sqlite3.connect(path)
    connection.execute("UPDATE records SET previous = 2 WHERE seq = 1")
    connection.commit()
    connection.close()
    with pytest.raises(HistoryError, match="the course of 'lobby-3' in it is damaged"):
        HistoryReader(path).timeline("lobby-3")
