"""Writing down what is about to be done: durable, in order, by one process, come what may."""

import asyncio
import contextlib
import datetime as dt
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from axis_ntp_async.errors import JournalError, JournalLockedError, RolloutError
from axis_ntp_async.rollout.journal import journal as journal_module
from axis_ntp_async.rollout.journal.files import JOURNAL
from axis_ntp_async.rollout.journal.journal import Journal
from axis_ntp_async.rollout.journal.reading import JournalReader
from axis_ntp_async.rollout.plan import Plan, StepState, StepStatus
from axis_ntp_async.rollout.planning.document import write_plan
from axis_ntp_async.rollout.rules.proof import Verdict
from axis_ntp_async.rollout.runs import RunStatus
from axis_ntp_async.storage.files import FileKind
from axis_ntp_async.storage.lock import Lock

MakePlan = Callable[..., Plan]

AT = dt.datetime(2026, 11, 23, 12, 0, 30, 250_000, tzinfo=dt.UTC)
INTENT = StepStatus(state=StepState.INTENT, writes=1, at=AT)
APPLIED = StepStatus(state=StepState.APPLIED, writes=1, at=AT)
NOT_SENT = StepStatus(state=StepState.FAILED, cause="login", message="HTTP 401", at=AT)
MISMATCH = StepStatus(state=StepState.MISMATCH, cause="mismatch", message="other", writes=1, at=AT)
LOST = StepStatus(state=StepState.INCONCLUSIVE, cause="unreachable", message="gone", writes=2)
AWAY = StepStatus(state=StepState.UNREACHABLE, cause="unreachable", message="no answer")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "rollouts.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    """An open one of its own."""
    with Journal(path, "ada on desk-1") as journal:
        yield journal


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    """Give what another program would see in the file."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def states(journal: Journal, name: str = "r") -> list[str]:
    return [status.state.value for status in journal.reader.load(name).statuses.values()]


async def noted(journal: Journal, plan: Plan, *statuses: StepStatus, run: str = "r") -> None:
    for step, status in zip(plan.steps, statuses, strict=False):
        await journal.note(run, step, status)


def test_a_run_is_taken_down_whole(journal: Journal, make_plan: MakePlan) -> None:
    """Before anything is sent, every step stands there with its pre-image, not begun."""
    plan = make_plan(made_by="ada", rollback_of="older")
    begun = journal.begin("r", plan, "ada")
    run = journal.reader.load("r")
    assert run == begun
    assert run.plan == plan
    assert run.statuses == {step.device.name: StepStatus() for step in plan.steps}
    assert (run.summary.status, run.summary.begun_by) == (RunStatus.RUNNING, "ada")
    assert (run.summary.ended_at, run.summary.rollback_of) == (None, "older")
    assert run.summary.states == Counter({StepState.PLANNED: 3})
    assert run.waves == {}


def test_a_run_has_a_name_of_its_own(journal: Journal, make_plan: MakePlan) -> None:
    """Not one that is taken, and not one by which it would never be found."""
    journal.begin("Lübeck 🎥", make_plan(), "Zoë")
    with pytest.raises(RolloutError, match="is already in journal"):
        journal.begin("Lübeck 🎥", make_plan(), "Zoë")
    for name in ("", "latest"):
        with pytest.raises(RolloutError, match="no run can have this name"):
            journal.begin(name, make_plan(), "Zoë")
    assert [run.name for run in journal.reader.runs()] == ["Lübeck 🎥"]
    assert journal.reader.load("Lübeck 🎥").summary.begun_by == "Zoë"


async def test_what_was_noted_is_on_the_disk(
    journal: Journal, path: Path, make_plan: MakePlan
) -> None:
    """Once the note is done, whoever opens the file sees it, and the line of its trail."""
    plan = make_plan()
    journal.begin("r", plan, "ada")
    found = evolve(plan.steps[0].before, minpoll=4)
    await journal.note("r", plan.steps[0], INTENT)
    await journal.note("r", plan.steps[0], evolve(MISMATCH, found=found))
    assert rows(path, "SELECT state, writes FROM steps WHERE place = 0") == [("mismatch", 1)]
    assert rows(path, "SELECT line, state FROM trail") == [(1, "intent"), (2, "mismatch")]
    assert journal.reader.load("r").statuses["cam-0"] == evolve(MISMATCH, found=found)


async def test_a_copy_of_the_file_alone_is_complete(
    journal: Journal, path: Path, tmp_path: Path, make_plan: MakePlan
) -> None:
    """Whoever saves the one file, and not those beside it, has all that was noted."""
    plan = make_plan()
    journal.begin("r", plan, "ada")
    await noted(journal, plan, INTENT, APPLIED, AWAY)
    copy = tmp_path / "copy.db"
    shutil.copy(path, copy)
    assert JournalReader(copy).load("r").statuses == journal.reader.load("r").statuses


async def test_the_order_of_calls_is_the_order_of_the_trail(
    journal: Journal, make_plan: MakePlan
) -> None:
    """Also when nobody waits in between, and for each device by itself."""
    plan = make_plan(20)
    journal.begin("r", plan, "ada")
    notes = [
        journal.note("r", step, evolve(status, message=f"{step.device.name} {number}"))
        for number, status in enumerate((INTENT, APPLIED))
        for step in plan.steps
    ]
    await asyncio.gather(*notes)
    told = [line.status.message for line in journal.reader.trail("r")]
    assert told == [f"cam-{name} {number}" for number in (0, 1) for name in range(20)]
    of_one = [line.status for line in journal.reader.trail("r", "cam-7")]
    assert [status.state for status in of_one] == [StepState.INTENT, StepState.APPLIED]
    assert of_one[0] == evolve(INTENT, message="cam-7 0")
    assert [*journal.reader.trail("r", "nobody")] == []


async def test_many_notes_share_a_commit(
    journal: Journal, make_plan: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits together is committed together, but no more than 500 at once."""
    plan, sizes = make_plan(1), list[int]()
    journal.begin("r", plan, "ada")
    commit = journal_module._commit

    def counted(connection: sqlite3.Connection, statements: list[Any]) -> None:
        sizes.append(len(statements))
        time.sleep(0.01)
        commit(connection, statements)

    monkeypatch.setattr(journal_module, "_commit", counted)
    await asyncio.gather(*(journal.note("r", plan.steps[0], INTENT) for _ in range(3000)))
    assert sum(sizes) == 6000
    assert len(sizes) < 20
    assert max(sizes) <= 1000


async def test_a_large_run_is_written_and_read_quickly(
    journal: Journal, make_plan: MakePlan
) -> None:
    """Ten thousand devices, noted twice each, are no matter of minutes."""
    began = time.monotonic()
    plan = make_plan(10_000)
    journal.begin("r", plan, "ada")
    taken = time.monotonic()
    for status in (INTENT, APPLIED):
        await asyncio.gather(*(journal.note("r", step, status) for step in plan.steps))
    written = time.monotonic()
    assert journal.reader.load("r").summary.states == Counter({StepState.APPLIED: 10_000})
    assert journal.reader.runs()[0].devices == 10_000
    read = time.monotonic()
    assert taken - began < 10.0
    assert written - taken < 10.0
    assert read - written < 10.0


async def test_a_note_that_nobody_waits_for_is_written(
    journal: Journal, make_plan: MakePlan
) -> None:
    """Cancelling who waits does not undo what was wished, and harms no one else."""
    plan = make_plan()
    journal.begin("r", plan, "ada")
    first, second = (journal.note("r", step, INTENT) for step in plan.steps[:2])
    first.cancel()
    await second
    await noted(journal, plan, APPLIED)
    assert states(journal) == ["applied", "intent", "planned"]


def test_a_loop_that_is_closed_meanwhile(path: Path, make_plan: MakePlan) -> None:
    """The thread writes on, though there is nobody left to be told."""
    plan = make_plan(200)
    with Journal(path) as journal:
        journal.begin("r", plan, "ada")

        async def leave() -> None:
            for step in plan.steps:
                journal.note("r", step, INTENT)

        asyncio.run(leave())
    assert states(journal) == ["intent"] * 200


async def test_a_full_disk_is_told_to_everybody_who_waits(
    path: Path, make_plan: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A note that could not be written is an error, so nothing must follow from it."""

    connect = FileKind.connect

    def small(kind: FileKind, path: Path) -> sqlite3.Connection:
        connection = connect(kind, path)
        [pages] = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 20}")
        return connection

    monkeypatch.setattr(FileKind, "connect", small)
    plan = make_plan()
    long = evolve(INTENT, message="x" * 200_000)
    with Journal(path) as journal:
        journal.begin("r", plan, "ada")
        with pytest.raises(JournalError, match="disk is full"):
            await journal.note("r", plan.steps[0], long)
        with pytest.raises(JournalError, match="disk is full"):
            journal.close_run("r", RunStatus.PAUSED, message=long.message)
        await noted(journal, plan, INTENT)
        assert states(journal) == ["intent", "planned", "planned"]


async def test_a_text_that_cannot_be_stored_is_told(journal: Journal, make_plan: MakePlan) -> None:
    """The thread survives it, so that nobody waits for ever."""
    plan = make_plan()
    journal.begin("r", plan, "ada")
    with pytest.raises(JournalError, match="surrogates not allowed"):
        await journal.note("r", plan.steps[0], evolve(INTENT, message="\ud800"))
    await noted(journal, plan, APPLIED)
    assert states(journal)[0] == "applied"


async def test_nothing_is_noted_in_one_that_is_closed(path: Path, make_plan: MakePlan) -> None:
    """Neither before it is opened nor afterwards; nobody would ever write it."""
    plan = make_plan()
    journal = Journal(path)
    with pytest.raises(JournalError, match="is not open"):
        journal.note("r", plan.steps[0], INTENT)
    with journal:
        journal.begin("r", plan, "ada")
    with pytest.raises(JournalError, match="is not open"):
        journal.note("r", plan.steps[0], INTENT)
    with journal:
        await noted(journal, plan, INTENT)
    assert states(journal)[0] == "intent"


async def test_waves_keep_their_times(journal: Journal, make_plan: MakePlan) -> None:
    """A wave that begins again keeps its first moment, and its end is that of the last time."""
    later = AT + dt.timedelta(minutes=5)
    journal.begin("r", make_plan(), "ada")
    await journal.wave_began("r", 1, AT)
    await journal.wave_ended("r", 1, Verdict.INCONCLUSIVE, AT)
    await journal.wave_began("r", 1, later)
    await journal.wave_ended("r", 1, Verdict.HEALTHY, later)
    await journal.wave_began("r", 2, later)
    waves = journal.reader.load("r").waves
    assert (waves[1].began_at, waves[1].ended_at, waves[1].verdict) == (AT, later, Verdict.HEALTHY)
    assert (waves[2].began_at, waves[2].ended_at, waves[2].verdict) == (later, None, None)


def test_a_run_is_closed_and_runs_again(journal: Journal, make_plan: MakePlan) -> None:
    """It keeps why it was paused, until it goes on."""
    journal.begin("r", make_plan(), "ada")
    journal.close_run("r", RunStatus.PAUSED, "mismatch", "2 of 3 failed")
    summary = journal.reader.load("r").summary
    assert (summary.status, summary.cause, summary.message) == (
        RunStatus.PAUSED,
        "mismatch",
        "2 of 3 failed",
    )
    assert summary.ended_at is not None
    journal.close_run("r", RunStatus.RUNNING)
    summary = journal.reader.load("r").summary
    assert (summary.status, summary.ended_at) == (RunStatus.RUNNING, None)


async def test_a_paused_run_is_reopened(journal: Journal, make_plan: MakePlan) -> None:
    """What was not sent is tried again, what could not be read is read, failures are borne."""
    plan = make_plan(6)
    journal.begin("r", plan, "ada")
    found = evolve(MISMATCH, found=plan.steps[0].before)
    await noted(journal, plan, APPLIED, found, NOT_SENT, AWAY, LOST)
    journal.close_run("r", RunStatus.PAUSED, "mismatch", "too many")
    journal.reopen(journal.reader.load("r"))
    run = journal.reader.load("r")
    assert states(journal) == ["applied", "mismatch", "planned", "planned", "unknown", "planned"]
    assert run.accepted == {"cam-1"}
    assert run.statuses["cam-1"].found == plan.steps[0].before
    assert (run.statuses["cam-4"].writes, run.statuses["cam-4"].message) == (
        2,
        "tried again after: gone",
    )
    assert (run.summary.status, run.summary.message, run.summary.ended_at) == (
        RunStatus.RUNNING,
        "",
        None,
    )
    assert [line.status.message for line in journal.reader.trail("r", "cam-3")] == [
        "no answer",
        "tried again after: no answer",
    ]
    await journal.note("r", plan.steps[2], NOT_SENT)
    assert journal.reader.load("r").accepted == {"cam-1"}


async def test_a_failure_after_a_write_is_not_tried_again(
    journal: Journal, make_plan: MakePlan
) -> None:
    """A device that refused the values would only refuse them again."""
    plan = make_plan(1)
    journal.begin("r", plan, "ada")
    await noted(journal, plan, evolve(NOT_SENT, writes=1))
    journal.reopen(journal.reader.load("r"))
    assert states(journal) == ["failed"]


async def test_a_run_is_abandoned_at_once(
    journal: Journal, make_plan: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its steps and its end are one commit, so that none is found without the other."""
    plan = make_plan()
    journal.begin("r", plan, "ada")
    journal.close_run("r", RunStatus.PAUSED, "mismatch", "too many")
    commits = Counter[str]()
    commit = journal_module._commit
    monkeypatch.setattr(
        journal_module, "_commit", lambda *given: (commits.update("x"), commit(*given))
    )
    aborted = StepStatus(state=StepState.ABORTED, cause="aborted")
    journal.abandon(journal.reader.load("r"), [(step.device.name, aborted) for step in plan.steps])
    assert commits.total() == 1
    run = journal.reader.load("r")
    assert (run.summary.status, run.summary.message) == (RunStatus.ABORTED, "too many")
    assert run.summary.states == Counter({StepState.ABORTED: 3})


def test_a_second_one_is_kept_out(journal: Journal, path: Path) -> None:
    """Whoever comes later is told who is at it, and may look all the same."""
    with pytest.raises(JournalLockedError, match="in use by ada on desk-1 since 20"):
        Journal(path, "bob").__enter__()
    assert journal.reader.runs() == ()
    assert journal.left_by is None


def test_one_that_is_being_made_is_kept_to_its_maker(path: Path) -> None:
    """Between taking the lock and making the file there is nobody's name to tell."""
    path.parent.mkdir(parents=True)
    lock = Lock(JOURNAL, path)
    assert lock.acquire()
    with pytest.raises(JournalLockedError, match="in use by another process; "):
        Journal(path).__enter__()
    JOURNAL.create(path)
    with pytest.raises(JournalLockedError, match="in use by another process; "):
        Journal(path).__enter__()
    lock.release()


def test_an_orderly_end_leaves_nobody(path: Path) -> None:
    """Who was at it is told only of those who did not end so."""
    for owner in ("ada", "bob", "ada"):
        with Journal(path, owner) as journal:
            assert journal.left_by is None
    assert rows(path, "SELECT * FROM owner") == []


def test_closing_twice_does_no_harm(path: Path) -> None:
    """The second time nothing is done, least of all to who is at it by then."""
    first = Journal(path, "ada")
    with first:
        pass
    with Journal(path, "bob"):
        first.__exit__(None, None, None)
        assert [name for (name,) in rows(path, "SELECT name FROM owner")] == ["bob"]


def test_what_waits_at_the_end_is_still_written(path: Path) -> None:
    """The end is taken only when everything in front of it has been."""
    journal = Journal(path)
    wish = journal_module._Wish((), lambda _: None)
    for one in (wish, wish, None):
        journal._wishes.put(one)
    assert journal._next_batch() == [wish, wish]
    assert journal._next_batch() is None


def test_a_journal_that_cannot_be_opened_is_not_kept(path: Path) -> None:
    """What is no journal stays as it is, and is not locked for ever."""
    path.parent.mkdir(parents=True)
    path.write_text("somebody's notes\n" * 100, encoding="utf-8")
    for _ in range(2):
        with pytest.raises(JournalError, match="file is not a database"):
            Journal(path).__enter__()
    assert path.read_text(encoding="utf-8").startswith("somebody's notes")


def test_it_closes_though_it_was_taken_away(path: Path, make_plan: MakePlan) -> None:
    """A file that somebody has deleted meanwhile is missed where it is needed, and only there."""
    with Journal(path) as journal:
        journal.begin("r", make_plan(), "ada")
        path.unlink()
        with pytest.raises(JournalError, match="there is no such file"):
            journal.close_run("r", RunStatus.PAUSED)


WRITER = """
import asyncio, sys, time
from pathlib import Path
from axis_ntp_async.rollout.journal.journal import Journal
from axis_ntp_async.rollout.plan import StepState, StepStatus
from axis_ntp_async.rollout.planning.document import read_plan

async def main(path, plan):
    with Journal(Path(path), "ada on desk-1") as journal:
        steps = read_plan(Path(plan)).steps
        journal.begin("r", read_plan(Path(plan)), "ada")
        for number in range(1_000_000):
            status = StepStatus(state=StepState.INTENT, writes=number)
            await journal.note("r", steps[number % len(steps)], status)
            print(number, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


def test_what_a_killed_process_had_noted_is_there(
    path: Path, tmp_path: Path, make_plan: MakePlan
) -> None:
    """Its lock ends with it, a copy of its file is complete, and the next one hears who it was."""
    plan = make_plan(7, made_at=dt.datetime.now(dt.UTC))
    write_plan(plan, tmp_path / "plan.json")
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, path, tmp_path / "plan.json"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        for _ in range(60):
            process.stdout.readline()
        with pytest.raises(JournalLockedError, match="in use by ada on desk-1 since"):
            Journal(path).__enter__()
        os.kill(process.pid, signal.SIGKILL)
        told = 60 + len(process.stdout.read().splitlines())
    copy = tmp_path / "copy.db"
    shutil.copy(path, copy)
    for reader in (JournalReader(copy), JournalReader(path)):
        written = [line.status.writes for line in reader.trail("r")]
        assert written == [*range(len(written))]
        assert told <= len(written) <= told + 1
        run = reader.load("r")
        assert run.statuses["cam-3"].writes == max(range(3, len(written), 7))
        assert run.summary.status is RunStatus.RUNNING
    with Journal(path, "bob") as journal:
        assert journal.left_by is not None
        assert journal.left_by.startswith("ada on desk-1 since ")
        journal.close_run("r", RunStatus.PAUSED)
    with Journal(path, "bob") as journal:
        assert journal.left_by is None


OPENER = """
import sys, time
from pathlib import Path
from axis_ntp_async.errors import JournalLockedError
from axis_ntp_async.rollout.journal.journal import Journal
sys.stdin.readline()
try:
    with Journal(Path(sys.argv[1]), "one of many"):
        time.sleep(0.5)
        print("had it")
except JournalLockedError:
    print("was kept out")
"""


def test_of_many_that_begin_at_once_one_has_it(path: Path) -> None:
    """Also where the file has to be made first, which none of them finds half made."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    time.sleep(0.5)
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = Counter(process.communicate()[0].strip() for process in processes)
    assert said == {"had it": 1, "was kept out": 3}


async def test_a_writer_that_dies_leaves_nobody_waiting(
    path: Path, make_plan: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends its thread, who waits is told, and nothing more is taken."""

    def die(*_: object) -> None:
        raise MemoryError

    plan = make_plan()
    with Journal(path) as journal:
        journal.begin("r", plan, "ada")
        monkeypatch.setattr("threading.excepthook", lambda _: None)
        monkeypatch.setattr(Journal, "_try", die)
        with pytest.raises(JournalError, match="its writer has ended"):
            await journal.note("r", plan.steps[0], StepStatus(state=StepState.INTENT, writes=1))
        assert journal._thread is not None
        journal._thread.join()
        with pytest.raises(JournalError, match="is not open"):
            journal.note("r", plan.steps[0], StepStatus())
