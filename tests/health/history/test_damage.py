"""Looking into a history that somebody has damaged."""

import contextlib
import datetime as dt
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from axis_ntp_async.errors import HistoryError
from axis_ntp_async.health.finding import State
from axis_ntp_async.health.history.evidence import Evidence
from axis_ntp_async.health.history.history import History
from axis_ntp_async.health.history.keeping import HistoryRules
from axis_ntp_async.health.history.reading import HistoryReader
from axis_ntp_async.health.history.record import NoteKind, Record, SweepRecord

MakeRecord = Callable[..., Record]
Sweep = Callable[..., SweepRecord]

AT = dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.UTC)
DAY = 24 * 60

QUESTIONS: dict[str, Callable[[HistoryReader], object]] = {
    "names": lambda reader: reader.names(),
    "sites": lambda reader: reader.sites(),
    "timeline": lambda reader: reader.timeline("cam-1"),
    "days": lambda reader: reader.days("cam-1"),
    "sweeps": lambda reader: reader.sweeps(),
    "notes": lambda reader: reader.notes(),
    "courses": lambda reader: reader.courses(AT),
    "evidence": lambda reader: reader.evidence("cam-1", AT + dt.timedelta(days=3, minutes=45)),
    "verdict": lambda reader: reader.verify().is_sound,
}
CELLS = [
    (table, column)
    for table, columns in {
        "records": ("previous", "at_ms", "offset_us", "skew_ms", "uncertainty_ms"),
        "looks": ("device", "text"),
        "blocks": ("at_ms", "sweep", "notes", "digest"),
        "ends": ("look", "seq"),
        "devices": ("name",),
        "days": ("records", "worst", "least_offset_us", "most_skew_ms"),
        "hours": ("hour", "site", "sweeps", "ok", "critical"),
        "sums": ("digest",),
        "anchor": ("number", "last", "digest"),
    }.items()
    for column in columns
]
ERROR = "history {}: .+ is damaged( .+)?; see: axis-ntp history verify"
PLAUSIBLE = {
    **dict.fromkeys(("offset_us", "skew_ms", "least_offset_us", "most_skew_ms"), (int,)),
    **dict.fromkeys(("name", "site"), (str, int, float)),
}
"""What is not told from what was there by looking: only checking all of it finds that."""
KEYS = {"days": "day, device", "hours": "hour, site"}


@pytest.fixture
def written(path: Path, make_record: MakeRecord, sweep: Sweep) -> Path:
    """A history of some sweeps, the oldest of which are forgotten."""
    with History(path, rules=HistoryRules(keep_days=2)) as history:
        for number, minute in enumerate((0, 10, 3 * DAY, 3 * DAY + 10, 3 * DAY + 100)):
            looks = [
                make_record(f"cam-{place}", minute, offset_ms=99.0 * number, nts=number > 1)
                for place in range(3)
            ]
            sweep(history, looks, minute)
            history.note(NoteKind.OWN_CLOCK, f"note {number}", looks[0].at)
        history.prune(AT + dt.timedelta(minutes=3 * DAY + 100))
    return path


def answers(path: Path) -> dict[str, object]:
    """Give what is told, or the one line that says why it is not."""
    told: dict[str, object] = {}
    for name, question in QUESTIONS.items():
        try:
            told[name] = question(HistoryReader(path))
        except HistoryError as error:
            if not re.fullmatch(ERROR.format(path), str(error)):
                raise
    return told


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cell=st.sampled_from(CELLS),
    row=st.integers(0, 30),
    value=st.one_of(
        st.sampled_from(["[]", "{}", "[1]", "null", '"x"', "[" * 2000, "\ufffd", "9" * 5000]),
        st.integers(-(1 << 63), -1),
        st.text('x\u00e4[]{}", ', max_size=5),
        st.binary(max_size=31),
        st.floats(allow_nan=False).filter(lambda value: not value.is_integer()),
    ),
)
def test_nonsense_is_never_told(
    written: Path, cell: tuple[str, str], row: int, value: object
) -> None:
    """Whatever stands in its place: what it is about is refused, and all else is as before."""
    (table, column), copy = cell, written.with_name("copy.db")
    assume(type(value) not in PLAUSIBLE.get(column, ()))
    before = answers(written)
    assert before.keys() == QUESTIONS.keys()
    shutil.copy(written, copy)
    key = KEYS.get(table, "rowid")
    [rows] = ask(copy, f"SELECT COUNT(*) FROM {table}")  # noqa: S608  of a list above
    some = f"SELECT {key} FROM {table} LIMIT 1 OFFSET {row % rows[0]}"  # noqa: S608  the same
    try:
        ask(copy, f"UPDATE {table} SET {column} = ? WHERE ({key}) = ({some})", value)  # noqa: S608
    except sqlite3.IntegrityError:
        return
    after = answers(copy)
    is_sound = after.pop("verdict", True)
    if isinstance(found := after.get("evidence"), Evidence) and found.fault:
        assert found.skew_s is None
        assert not is_sound
        del after["evidence"]
    assert after == {name: before[name] for name in after}
    assert not is_sound or after.keys() == QUESTIONS.keys() - {"verdict"}
    write_on(copy)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(table=st.sampled_from(sorted({table for table, _ in CELLS})), row=st.integers(0, 30))
def test_a_row_that_is_gone_is_missed_where_it_belongs(
    written: Path, table: str, row: int
) -> None:
    """No course of a device is told with a hole in it; and nothing fails in another way."""
    before, copy = answers(written), written.with_name("copy.db")
    shutil.copy(written, copy)
    key = KEYS.get(table, "rowid")
    some = f"SELECT {key} FROM {table} LIMIT 1 OFFSET {row}"  # noqa: S608  of a list above
    ask(copy, f"DELETE FROM {table} WHERE ({key}) = ({some})")  # noqa: S608  the same
    after = answers(copy)
    assert after.get("timeline", before["timeline"]) == before["timeline"]
    write_on(copy)


def write_on(path: Path) -> None:
    """Go on with a history as a watch does; what it cannot go on with is told."""
    with contextlib.suppress(HistoryError), History(path) as history:
        at = AT + dt.timedelta(days=9)
        history.append([Record(device="cam-1", address="a", at=at, state=State.OK)])
        history.end_sweep(SweepRecord(at=at, ended_at=at))
        history.prune(at)
        assert history.pending == 0


def ask(path: Path, statement: str, *values: object) -> list[tuple[int]]:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement, values).fetchall()
