"""Writing down what a watch finds, whatever happens meanwhile."""

import contextlib
import datetime as dt
import itertools
import math
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axis_ntp_async.errors import HistoryError, HistoryLockedError
from axis_ntp_async.health.finding import Cause, State
from axis_ntp_async.health.history.files import HISTORY, history_path
from axis_ntp_async.health.history.history import History
from axis_ntp_async.health.history.keeping import HistoryRules
from axis_ntp_async.health.history.reading import HistoryReader
from axis_ntp_async.health.history.record import NoteKind, Record, SweepRecord

MakeRecord = Callable[..., Record]
Sweep = Callable[..., SweepRecord]
RowsOf = Callable[[str], list[tuple[Any, ...]]]

AT = dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.UTC)

WRITER = """
import datetime as dt, sys
from pathlib import Path
from axis_ntp_async.health.finding import State
from axis_ntp_async.health.history.history import History
from axis_ntp_async.health.history.record import Record, SweepRecord
AT = dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.UTC)
with History(Path(sys.argv[1]), "ada") as history:
    for number in range(100_000):
        at = AT + dt.timedelta(minutes=number)
        history.append(
            Record(
                device=f"cam-{place}", address="a", at=at, state=State.OK, offset_ms=number * 99.0
            )
            for place in range(20)
        )
        history.end_sweep(SweepRecord(at=at, ended_at=at, states={State.OK: 20}))
        print(number, flush=True)
"""


def test_the_usual_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the journal, unless somebody says otherwise."""
    monkeypatch.setenv("XDG_STATE_HOME", "/srv/state")
    assert history_path() == Path("/srv/state/axis-ntp/history.db")
    assert history_path("here.db") == Path("here.db")


def test_a_history_is_for_its_user_only(path: Path) -> None:
    """It names devices and addresses."""
    with History(path):
        assert path.stat().st_mode & 0o777 == 0o600


def test_only_what_differs_is_kept(path: Path, make_record: MakeRecord) -> None:
    """The same look twice is one record."""
    with History(path) as history:
        assert history.append([make_record(), make_record("gate-1")]) == 2
        assert history.append([make_record(minute=0.1), make_record("gate-1", 0.1)]) == 0
        assert history.append([make_record(minute=0.2, state=State.CRITICAL)]) == 1
    states = [record.state for record in HistoryReader(path).timeline("lobby-3")]
    assert states == [State.OK, State.CRITICAL]


def test_all_of_a_record_comes_back(path: Path, make_record: MakeRecord) -> None:
    """Also what is not known, and numbers as exactly as they are kept."""
    full = make_record(
        nts=True, cause=Cause.DRIFT, message="what \x00 it said", drift=("enabled", "servers")
    )
    bare = Record(device="bare", address="::1", at=AT, state=State.UNKNOWN)
    with History(path) as history:
        history.append([full, bare])
    reader = HistoryReader(path)
    assert reader.timeline("lobby-3") == (full,)
    assert reader.timeline("bare") == (bare,)


@pytest.mark.parametrize(
    "name", ["Zürich ☃", "'; DROP TABLE looks; --", "\ud800", "a\tb", "x" * 10_000, "\u202edlog"]
)
def test_hostile_names_are_names(path: Path, make_record: MakeRecord, name: str) -> None:
    """Of devices, sites and servers."""
    record = make_record(name, site=name, servers=(name,), message=name)
    with History(path) as history:
        history.append([record])
        history.end_sweep(SweepRecord(at=AT, ended_at=AT, sites={name: {State.OK: 1}}))
    reader = HistoryReader(path)
    assert reader.timeline(name) == (record,)
    assert reader.sweeps(site=name)[0].sites == {name: {State.OK: 1}}
    assert reader.verify().is_sound


def test_it_goes_on_after_a_restart(path: Path, make_record: MakeRecord) -> None:
    """It knows what it has written last, and the chain goes on."""
    with History(path) as history:
        history.append([make_record(), make_record("gate-1")])
    with History(path) as history:
        assert history.append([make_record(minute=0.1), make_record("gate-1", 0.1)]) == 0
        assert history.append([make_record(minute=0.2, offset_ms=99.0)]) == 1
    verdict = HistoryReader(path).verify()
    assert (verdict.fault, verdict.blocks, verdict.records) == (None, 2, 3)


def test_devices_that_come_back_to_what_they_were_take_no_room(
    path: Path, make_record: MakeRecord, rows_of: RowsOf
) -> None:
    """Of a device that changes to and fro every look is kept once."""
    with History(path) as history:
        for number in range(40):
            state = State.OK if number % 2 else State.CRITICAL
            assert history.append([make_record(minute=number / 100, state=state)]) == 1
    assert rows_of("SELECT COUNT(*) FROM looks") == [(2,)]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    looks=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(State), st.integers(-200, 200)),
        max_size=25,
    ),
    cuts=st.lists(st.integers(0, 25), max_size=5),
)
def test_any_batches_give_the_same_timeline(
    tmp_path_factory: pytest.TempPathFactory,
    looks: list[tuple[str, State, int]],
    cuts: list[int],
) -> None:
    """However looks are handed over, and with a restart in between."""
    records = [
        Record(device=name, address="a", at=AT + dt.timedelta(minutes=9 * place), state=state)
        for place, (name, state, _) in enumerate(looks)
    ]
    records = [
        evolve(record, offset_ms=float(offset))
        for record, (_, _, offset) in zip(records, looks, strict=True)
    ]
    folder = tmp_path_factory.mktemp("batches")
    with History(folder / "one.db") as history:
        history.append(records)
    bounds = [0, *sorted(cuts), len(records)]
    for begin, end in itertools.pairwise(bounds):
        with History(folder / "many.db") as history:
            history.append(records[begin:end])
    one, many = HistoryReader(folder / "one.db"), HistoryReader(folder / "many.db")
    for name in "abc":
        assert one.timeline(name) == many.timeline(name)
    assert many.verify().is_sound


def test_a_device_that_left_is_told(path: Path, make_record: MakeRecord, sweep: Sweep) -> None:
    """After a complete sweep without it, once; after an incomplete one nothing is known."""
    both = [make_record(), make_record("gate-1")]
    with History(path) as history:
        sweep(history, both, 0)
        sweep(history, [make_record(minute=0.1)], 5, is_complete=False)
    reader = HistoryReader(path)
    assert len(reader.timeline("gate-1")) == 1
    with History(path) as history:
        sweep(history, [make_record(minute=0.2)], 10)
        sweep(history, [make_record(minute=0.3)], 15)
        assert [record.has_left for record in reader.timeline("gate-1")] == [False, True]
        gone = reader.timeline("gate-1")[-1]
        assert (gone.state, gone.address, gone.skew_s) == (State.UNKNOWN, "10.0.4.17", None)
        sweep(history, [make_record(minute=0.4), make_record("gate-1", 0.4)], 20)
    assert [one.has_left for one in reader.timeline("gate-1")] == [False, True, False]


def test_two_writers(path: Path) -> None:
    """The second one is told who the first one is."""
    with (
        History(path, "ada on desk-1"),
        pytest.raises(
            HistoryLockedError, match=f"history {path} is in use by ada on desk-1 since"
        ),
        History(path),
    ):
        pass
    with History(path), pytest.raises(HistoryLockedError, match="another process"), History(path):
        pass


def test_a_history_that_is_not_open(path: Path, make_record: MakeRecord) -> None:
    """Writing into it is an error; what was to be written still waits."""
    history = History(path)
    with pytest.raises(HistoryError, match="is not open"):
        history.append([make_record()])
    with history:
        history.note(NoteKind.OTHER, "here we go")
    assert len(HistoryReader(path).timeline("lobby-3")) == 1


@pytest.mark.parametrize("content", ["name,host\n" * 100, "other program"])
def test_another_file_is_left_alone(path: Path, content: str) -> None:
    """And its lock is given back."""
    path.parent.mkdir()
    if content == "other program":
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE urls (url)")
        connection.close()
    else:
        path.write_text(content, encoding="utf-8")
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(HistoryError, match="--history"), History(path):
            pass
    assert path.read_bytes() == before


def test_a_history_without_its_beginning(path: Path) -> None:
    """It cannot go on, and says so."""
    with History(path):
        pass
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM anchor")
    connection.commit()
    connection.close()
    with pytest.raises(HistoryError, match="the chain of its blocks is damaged"), History(path):
        pass
    with pytest.raises(HistoryError, match="the chain of its blocks is damaged"):
        HistoryReader(path).evidence("x", AT)
    assert "beginning of the chain" in str(HistoryReader(path).verify().fault)


def test_a_memory_that_is_damaged(path: Path) -> None:
    """It is told as an error of ours, with the way out."""
    with History(path) as history:
        history.remember({"a": "b"})
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE memory SET value = 'text'")
        with pytest.raises(HistoryError, match="for itself is damaged; move it away"):
            history.memory()


def test_closing_twice_does_no_harm(path: Path) -> None:
    """The second time nothing is done, least of all to who is at it by then."""
    first = History(path, "ada")
    with first:
        pass
    with History(path, "bob"):
        first.__exit__(None, None, None)
        with pytest.raises(HistoryLockedError, match="in use by bob since"), first:
            pass


def test_memory_survives(path: Path) -> None:
    """It is changed all at once; None forgets; any name will do."""
    with History(path) as history:
        assert history.memory() == {}
        history.remember({"cam-1": "{}", "cam-2": "ok", "\ud800": ""})
        history.remember({"cam-1": None, "cam-2": "critical", "cam-3": None})
    with History(path) as history:
        assert history.memory() == {"cam-2": "critical", "\ud800": ""}
        full(history, is_full=True)
        with pytest.raises(HistoryError, match="disk is full"):
            history.remember({"cam-2": None, "cam-4": "x" * 99_999})
        assert history.memory() == {"cam-2": "critical", "\ud800": ""}


@pytest.mark.parametrize(
    ("told", "kept"), [(math.nan, None), (math.inf, None), (1e300, 1e12), (-1e300, -1e12)]
)
def test_a_number_that_cannot_be_is_tamed(
    path: Path, make_record: MakeRecord, told: float, kept: float | None
) -> None:
    """A device may say what it likes, and nothing else is lost by it."""
    with History(path) as history:
        history.append([make_record(offset_ms=told)])
    [record] = HistoryReader(path).timeline("lobby-3")
    assert record.offset_ms == kept


def full(history: History, *, is_full: bool) -> None:
    """Leave the file no more room than it has, or all there is."""
    [pages] = history._opened.execute("PRAGMA page_count").fetchone()
    most = pages if is_full else 1_000_000
    history._opened.execute(f"PRAGMA max_page_count = {most}")


def test_a_full_disk_loses_nothing(path: Path, make_record: MakeRecord, sweep: Sweep) -> None:
    """What could not be written is written once there is room, in its order."""
    with History(path) as history:
        sweep(history, [make_record()], 0)
        full(history, is_full=True)
        for number in range(1, 4):
            records = [make_record(f"cam-{place}", number / 1e3) for place in range(100 * number)]
            with pytest.raises(HistoryError, match="disk is full"):
                history.append(records)
        assert history.pending == 300
        with pytest.raises(HistoryError, match="disk is full"):
            history.end_sweep(SweepRecord(at=AT, ended_at=AT))
        assert HistoryReader(path).timeline("cam-1") == ()
        full(history, is_full=False)
        assert history.append([]) == 0
        assert history.pending == 0
    reader = HistoryReader(path)
    assert [len(reader.timeline(f"cam-{place}")) for place in (0, 150, 250)] == [1, 1, 1]
    assert len(reader.sweeps()) == 2
    assert reader.timeline("lobby-3")[-1].has_left
    assert reader.verify().is_sound


def test_what_is_too_much_to_wait_is_told(
    path: Path, make_record: MakeRecord, sweep: Sweep
) -> None:
    """The oldest goes, a note says how many, and no sweep claims to have seen all."""
    rules = HistoryRules(pending_most=120)
    texts = [make_record(f"cam-{place}", message="x" * 99) for place in range(100)]
    with History(path, rules=rules) as history:
        sweep(history, texts, 0)
        full(history, is_full=True)
        for number in (1, 2):
            worse = [evolve(one, cause=Cause.LOGIN, message=f"{number}" * 99) for one in texts]
            with pytest.raises(HistoryError, match="disk is full"):
                history.append(worse)
            with pytest.raises(HistoryError, match="disk is full"):
                history.end_sweep(SweepRecord(at=AT, ended_at=AT))
        assert history.pending == 120
        full(history, is_full=False)
        history.append(worse)
        history.end_sweep(SweepRecord(at=AT, ended_at=AT))
        sweep(history, worse, 30)
    reader = HistoryReader(path)
    [note] = reader.notes()
    assert (note.kind, note.text[:22]) == (NoteKind.LOST, "82 records and sweeps ")
    assert [one.is_complete for one in reader.sweeps()] == [True, False, False, False, True]
    assert reader.verify().is_sound


def test_the_newest_may_be_lost_too(path: Path, make_record: MakeRecord) -> None:
    """Then the next look at that device is worth a record, whatever it says."""
    with History(path, rules=HistoryRules(pending_most=1)) as history:
        history.append([make_record()])
        full(history, is_full=True)
        changed = make_record(minute=0.1, message="y" * 9000)
        with pytest.raises(HistoryError, match="disk is full"):
            history.append([changed, make_record("gate-1", message="z" * 9000)])
        full(history, is_full=False)
        assert history.append([evolve(changed, at=AT + dt.timedelta(seconds=9))]) == 1
    assert [one.message[:1] for one in HistoryReader(path).timeline("lobby-3")] == ["", "y"]


def test_it_can_be_read_while_it_is_written(path: Path, make_record: MakeRecord) -> None:
    """Each reader sees a whole number of blocks, and all of them are sound."""
    stopped, verdicts = threading.Event(), []

    def read() -> None:
        while not stopped.is_set():
            verdicts.append(HistoryReader(path).verify())

    with History(path) as history:
        thread = threading.Thread(target=read)
        thread.start()
        for number in range(100):
            history.append([make_record(f"cam-{place}", 60 * number) for place in range(20)])
        stopped.set()
        thread.join()
    assert {verdict.fault for verdict in verdicts} == {None}
    assert all(verdict.records == 20 * verdict.blocks for verdict in verdicts)


def test_it_may_be_written_from_other_threads(path: Path, make_record: MakeRecord) -> None:
    """One after the other, as `asyncio.to_thread` does."""
    with History(path) as history:
        thread = threading.Thread(target=history.append, args=([make_record()],))
        thread.start()
        thread.join()
    assert len(HistoryReader(path).timeline("lobby-3")) == 1


@pytest.mark.parametrize("until", [1, 7, 23])
def test_a_killed_writer_leaves_a_sound_chain(path: Path, until: int) -> None:
    """What it had told as written is there, and the next one goes on."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == until:
                process.send_signal(signal.SIGKILL)
                break
        process.wait()
    reader = HistoryReader(path)
    assert reader.verify().is_sound
    with History(path) as history:
        history.note(NoteKind.OTHER, "we are back")
    assert len(reader.sweeps()) >= until + 1
    assert len(reader.timeline("cam-7")) >= until + 1
    assert reader.verify().is_sound


def test_opening_what_cannot_be_read_is_told(path: Path) -> None:
    """A file that was cut is no less a history, but a damaged one."""
    with History(path) as history:
        history.note(NoteKind.OTHER, "x" * 50_000)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(HistoryError, match="malformed; restore a copy of it"):
        HistoryReader(path).verify()


def test_a_newer_file_is_left_alone(path: Path) -> None:
    """An older program does not guess."""
    with History(path):
        pass
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {HISTORY.version + 1}")
    connection.close()
    with pytest.raises(HistoryError, match="newer version of this program"):
        HistoryReader(path).names()
