"""Nobody changes a history unseen."""

import contextlib
import datetime as dt
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axis_ntp_async.health.finding import State
from axis_ntp_async.health.history.history import History
from axis_ntp_async.health.history.keeping import HistoryRules
from axis_ntp_async.health.history.reading import HistoryReader
from axis_ntp_async.health.history.record import (
    NoteKind,
    Place,
    Record,
    SweepRecord,
    Verdict,
)

MakeRecord = Callable[..., Record]
Sweep = Callable[..., SweepRecord]

AT = dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.UTC)
DAY = 24 * 60

CELLS = [
    (table, column)
    for table, columns in {
        "records": ("seq", "previous", "look", "at_ms", "offset_us", "skew_ms", "uncertainty_ms"),
        "looks": ("id", "device", "rank", "text"),
        "blocks": ("number", "at_ms", "last", "sweep", "notes", "sums", "digest"),
        "ends": ("look", "seq"),
        "anchor": ("number", "last", "digest"),
        "devices": ("id", "name"),
        "sums": ("day", "digest"),
        "days": (
            *("day", "device", "records", "worst", "least_offset_us", "most_offset_us"),
            *("least_skew_ms", "most_skew_ms"),
        ),
        "hours": ("hour", "site", "sweeps", "ok", "warning", "unknown", "critical"),
    }.items()
    for column in columns
]
KEYS = {"days": "day, device", "hours": "hour, site"}


@pytest.fixture
def written(path: Path, make_record: MakeRecord, sweep: Sweep) -> Path:
    """A history of some sweeps, the oldest of which are forgotten."""
    with History(path, rules=HistoryRules(keep_days=2)) as history:
        for number, minute in enumerate((0, 10, 3 * DAY, 3 * DAY + 10, 3 * DAY + 100)):
            looks = [
                make_record(f"cam-{place}", minute, offset_ms=99.0 * number) for place in range(3)
            ]
            sweep(history, [evolve(looks[0], state=list(State)[number % 4]), *looks[1:]], minute)
            history.note(NoteKind.OWN_CLOCK, f"note {number}", looks[0].at)
        history.prune(AT + dt.timedelta(minutes=3 * DAY + 100))
    assert verdict_of(path).is_sound
    return path


def verdict_of(path: Path, head: Place | None = None) -> Verdict:
    return HistoryReader(path).verify(head)


def run(path: Path, statement: str, *values: object) -> int:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        done = connection.execute(statement, values).rowcount
        connection.commit()
    return done


def some_row_of(table: str) -> str:
    """Give what tells one row from the others, by its place."""
    key = KEYS.get(table, "rowid")
    return f"({key}) = (SELECT {key} FROM {table} LIMIT 1 OFFSET ?)"  # noqa: S608  of a list above


def test_what_was_checked_is_told(written: Path) -> None:
    """How much, from where on, and up to where."""
    verdict = verdict_of(written)
    assert (verdict.fault, verdict.begins_after.number) == (None, 6)
    assert verdict.head.number == 6 + verdict.blocks
    assert len(verdict.head.digest) == 64
    assert str(verdict.head) == f"{verdict.head.number}:{verdict.head.digest}"


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cell=st.sampled_from(CELLS),
    row=st.integers(0, 30),
    value=st.one_of(
        st.none(),
        st.integers(-5, 50),
        st.text(max_size=5),
        st.binary(max_size=33),
        st.floats(allow_nan=False),
        st.just("\n"),
    ),
)
def test_any_change_of_any_cell_is_found(
    written: Path, cell: tuple[str, str], row: int, value: object
) -> None:
    """Whatever is put in its place."""
    table, column = cell
    copy = written.with_name("copy.db")
    shutil.copy(written, copy)
    query = f"SELECT {column} FROM {table}"  # noqa: S608  of a list above
    update = f"UPDATE {table} SET {column} = ? WHERE {some_row_of(table)}"  # noqa: S608  the same
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        rows = connection.execute(query).fetchall()
        try:
            connection.execute(update, (value, row % len(rows)))
        except sqlite3.IntegrityError:
            return
        connection.commit()
        is_changed = connection.execute(query).fetchall() != rows
    if is_changed:
        assert not verdict_of(copy).is_sound


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(table=st.sampled_from(sorted({table for table, _ in CELLS})), row=st.integers(0, 30))
def test_any_row_that_is_gone_is_missed(written: Path, table: str, row: int) -> None:
    """One block or record, from wherever; of the last block it takes the head to see it."""
    head = verdict_of(written).head
    copy = written.with_name("copy.db")
    shutil.copy(written, copy)
    done = run(copy, f"DELETE FROM {table} WHERE {some_row_of(table)}", row)  # noqa: S608  above
    assert verdict_of(copy, head).is_sound is (done == 0)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE records SET skew_ms = 0 WHERE seq = 10", "block 10: it, or the 3 records in it"),
        ("UPDATE blocks SET notes = NULL WHERE number = 9", "block 9: it, or the 0 records"),
        ("DELETE FROM records WHERE seq = 11", "block 10, record 11: is missing"),
        ("DELETE FROM blocks WHERE number = 11", "block 11: is missing"),
        ("DELETE FROM looks WHERE id = (SELECT MAX(id) FROM looks)", "its look is missing"),
        ("UPDATE looks SET rank = 3 - rank", "does not fit its device or its state"),
        ("UPDATE looks SET text = '[]'", "does not fit its device or its state"),
        ("UPDATE looks SET text = 'x'", "does not fit its device or its state"),
        ("UPDATE devices SET name = 'x' WHERE id = 1", "does not fit its device"),
        ("UPDATE records SET previous = 99 WHERE seq = 12", "does not follow the one before it"),
        ("UPDATE ends SET seq = seq + 1", "table ends: does not fit the records"),
        ("UPDATE blocks SET last = 'x' WHERE number = 8", "block 8: has no last record"),
        ("UPDATE anchor SET digest = NULL", "table anchor: the beginning of the chain is missing"),
        ("DELETE FROM blocks WHERE number > 9", "is in no block"),
        (
            "INSERT INTO looks SELECT id + 99, device, rank, text FROM looks LIMIT 1",
            "no record has it",
        ),
    ],
)
def test_the_place_is_told(written: Path, statement: str, expected: str) -> None:
    """The first thing that is wrong, and what it is."""
    assert run(written, statement)
    assert expected in str(verdict_of(written).fault)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE days SET worst = 0", "sums of 2026-11-01: are not as they were"),
        ("UPDATE hours SET ok = ok + 1", "sums of 2026-11-01: are not as they were"),
        ("DELETE FROM hours", "sums of 2026-11-01: are not as they were"),
        ("INSERT INTO days VALUES (7, 1, 1, 0, 0, 0, 0, 0)", "have sums that were not written"),
        ("INSERT INTO hours VALUES ('x', '', 1, 1, 0, 0, 0)", "have sums that were not written"),
        ("UPDATE sums SET digest = zeroblob(32)", "table sums: is not as the chain of blocks"),
        ("DELETE FROM sums", "table sums: is not as the chain of blocks"),
    ],
)
def test_sums_that_were_altered_are_found(written: Path, statement: str, expected: str) -> None:
    """Also after the watch went on, and has forgotten more since: it seals none but its own."""
    with contextlib.closing(sqlite3.connect(written)) as connection:
        connection.executescript(statement)
    assert expected in str(verdict_of(written).fault)
    for minute in (3 * DAY + 110, 6 * DAY, 9 * DAY):
        with History(written, rules=HistoryRules(keep_days=2)) as history:
            record = Record(device="cam-1", address="a", at=AT, state=State.OK)
            at = AT + dt.timedelta(minutes=minute)
            history.append([evolve(record, at=at)])
            while history.prune(at):
                pass
        assert not verdict_of(written).is_sound


def test_the_name_of_who_is_only_in_sums_is_covered(
    path: Path, make_record: MakeRecord, sweep: Sweep
) -> None:
    """Nothing else tells whose sums they are."""
    with History(path, rules=HistoryRules(keep_days=2)) as history:
        sweep(history, [make_record("gone")], 0)
        sweep(history, [make_record(minute=5)], 5)
        sweep(history, [make_record(minute=9 * DAY)], 9 * DAY)
        history.prune(AT + dt.timedelta(days=9))
    assert verdict_of(path).is_sound
    assert run(path, "UPDATE devices SET name = 'lobby-4' WHERE name = 'gone'")
    assert "sums of 2026-11-01" in str(verdict_of(path).fault)


def cut_off_the_end(path: Path) -> None:
    """Take the last sweep away, as somebody would who knows the tables."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript("""
            DELETE FROM blocks WHERE number > 12;
            DELETE FROM records WHERE seq > (SELECT MAX(last) FROM blocks);
            DELETE FROM ends;
            INSERT INTO ends SELECT look, MAX(seq) FROM records GROUP BY look;
            DELETE FROM looks WHERE id NOT IN (SELECT look FROM ends);
            DELETE FROM sums;
            DELETE FROM days;
            DELETE FROM hours;
        """)


def test_only_who_knows_the_end_sees_that_it_was_cut_off(written: Path) -> None:
    """A chain that is shorter is still a chain; the head that was kept tells."""
    head = verdict_of(written).head
    assert verdict_of(written, head).is_sound
    cut_off_the_end(written)
    assert verdict_of(written).is_sound
    assert "its end was cut off" in str(verdict_of(written, head).fault)


def test_a_history_that_was_written_anew_is_another_one(
    written: Path, make_record: MakeRecord
) -> None:
    """However many blocks it has."""
    head = verdict_of(written).head
    other = written.with_name("other.db")
    with History(other) as history:
        for number in range(20):
            history.append([make_record(minute=number, offset_ms=99.0 * number)])
    assert "is not the one that you know" in str(verdict_of(other, head).fault)


def test_a_head_that_was_forgotten(written: Path) -> None:
    """It cannot be checked any more; the last that was forgotten still can."""
    begin = verdict_of(written).begins_after
    assert verdict_of(written, begin).is_sound
    fault = verdict_of(written, Place(begin.number - 1, "0" * 64)).fault
    assert "was forgotten since: the chain begins after block 6" in str(fault)
    assert "is not the one" in str(verdict_of(written, Place(begin.number, "0" * 64)).fault)


def test_a_head_from_before_still_holds_later(written: Path, make_record: MakeRecord) -> None:
    """What is added later changes nothing of it."""
    head = verdict_of(written).head
    with History(written) as history:
        history.append([make_record("cam-1", 4 * DAY)])
    assert verdict_of(written, head).is_sound


def test_an_empty_history_is_sound(path: Path) -> None:
    """There is nothing that could be wrong."""
    with History(path):
        pass
    assert verdict_of(path) == Verdict(
        fault=None, blocks=0, records=0, begins_after=Place(0, "0" * 64), head=Place(0, "0" * 64)
    )
