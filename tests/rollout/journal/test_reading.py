"""Looking into a journal: by whatever part of a name, while it is written, and when damaged."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from axis_ntp_async.errors import JournalError, RolloutError
from axis_ntp_async.rollout.journal.journal import Journal
from axis_ntp_async.rollout.journal.reading import JournalReader
from axis_ntp_async.rollout.plan import Plan, StepState, StepStatus
from axis_ntp_async.rollout.runs import RunStatus

MakePlan = Callable[..., Plan]

INTENT = StepStatus(state=StepState.INTENT, writes=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rollouts.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    """An open one of its own."""
    with Journal(path) as journal:
        yield journal


def change(path: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


@pytest.fixture
def named(journal: Journal, path: Path, make_plan: MakePlan) -> JournalReader:
    """Four runs, begun one after the other."""
    for number, name in enumerate(
        ("20261123-0900-ab12", "20261123-0900-ab", "20261124-1000-cd34", "nightly")
    ):
        journal.begin(name, make_plan(number + 1), "ada")
        change(
            path,
            f"UPDATE runs SET begun_at = '2026-11-2{number}T09:00:00.000+00:00' "  # noqa: S608  ours
            f"WHERE name = '{name}'",
        )
    return journal.reader


def test_the_last_run_stands_first(named: JournalReader) -> None:
    """Each with its steps by state, which add up to all of them."""
    runs = named.runs()
    assert [run.name for run in runs] == [
        "nightly",
        "20261124-1000-cd34",
        "20261123-0900-ab",
        "20261123-0900-ab12",
    ]
    assert [run.devices for run in runs] == [4, 3, 2, 1]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("latest", "nightly"),
        ("n", "nightly"),
        ("20261124", "20261124-1000-cd34"),
        ("20261123-0900-ab", "20261123-0900-ab"),
        ("20261123-0900-ab1", "20261123-0900-ab12"),
    ],
)
def test_a_run_is_found_by_its_beginning(named: JournalReader, text: str, name: str) -> None:
    """A whole name counts before the beginning of another."""
    assert named.name_of(text) == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("20261123", "run '20261123': 2 runs begin so in journal .*: 20261123-0900-ab, 2026"),
        ("gone", "run 'gone': there is no such run in journal .*: nightly, 20261124-1000-cd34, "),
        ("NIGHTLY", "there is no such run"),
        ("", "4 runs begin so"),
    ],
)
def test_a_run_that_is_not_found(named: JournalReader, text: str, message: str) -> None:
    """Those that it could be, or that there are, are named."""
    with pytest.raises(RolloutError, match=message):
        named.name_of(text)


def test_a_journal_without_runs(journal: Journal) -> None:
    """There is no last one, and none to load or to follow."""
    with pytest.raises(RolloutError, match="there are no runs in it"):
        journal.reader.name_of("latest")
    with pytest.raises(RolloutError, match="run 'r': there is no such run"):
        journal.reader.load("r")
    assert [*journal.reader.trail("r")] == []


def test_a_journal_that_is_not_there(path: Path) -> None:
    """Looking makes none."""
    for look in (JournalReader(path).runs, lambda: [*JournalReader(path).trail("r")]):
        with pytest.raises(JournalError, match="there is no such file"):
            look()
    assert not path.exists()


def test_who_undoes_a_run(journal: Journal, make_plan: MakePlan) -> None:
    """A run knows those that undo it, but for one that was aborted."""
    journal.begin("r", make_plan(), "ada")
    for name in ("back-1", "back-2"):
        journal.begin(name, make_plan(rollback_of="r"), "ada")
    journal.close_run("back-1", RunStatus.ABORTED)
    assert journal.reader.load("r").undone_by == ("back-2",)
    assert journal.reader.load("back-2").summary.rollback_of == "r"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE runs SET head = '{'", "run 'r' is damaged: Expecting property name"),
        ("UPDATE runs SET head = '[]'", "run 'r' is damaged: "),
        ("UPDATE runs SET head = '{}'", "run 'r' is damaged: made_at: is missing"),
        ("UPDATE runs SET status = 'x'", "'x' is not a valid RunStatus"),
        ("UPDATE runs SET begun_at = 'x'", "Invalid isoformat string: 'x'"),
        ("UPDATE steps SET step = '[]'", "run 'r' is damaged: is \\[\\], not an object"),
        (
            "UPDATE steps SET step = replace(step, '10.0.0.1', '10.0.0.2')",
            "run 'r' is damaged: cam-0: 'before' was edited",
        ),
        ("UPDATE steps SET state = 'x'", "'x' is not a valid StepState"),
        ("UPDATE steps SET found = '{\"minpoll\": 99}'", "minpoll: 99 is not a whole number"),
        ("UPDATE steps SET at = 'x'", "Invalid isoformat string: 'x'"),
        ("UPDATE waves SET verdict = 'x'", "'x' is not a valid Verdict"),
        ("DROP TABLE waves", "no such table: waves"),
    ],
)
async def test_damage_is_told_in_a_sentence(
    journal: Journal, path: Path, make_plan: MakePlan, statement: str, message: str
) -> None:
    """Whatever cannot be read in it is told with its file, and never guessed at."""
    plan = make_plan()
    journal.begin("r", plan, "ada")
    await journal.note("r", plan.steps[0], INTENT)
    await journal.wave_began("r", 1, plan.made_at)
    change(path, statement)
    with pytest.raises(JournalError, match=f"journal {path}: .*{message}"):
        journal.reader.load("r")


async def test_damage_in_the_list_of_runs_and_in_the_trail(
    journal: Journal, path: Path, make_plan: MakePlan
) -> None:
    """There, too."""
    plan = make_plan()
    journal.begin("r", plan, "ada")
    await journal.note("r", plan.steps[0], INTENT)
    change(path, "UPDATE trail SET state = 'x'")
    with pytest.raises(JournalError, match="'x' is not a valid StepState"):
        list(journal.reader.trail("r"))
    change(path, "UPDATE steps SET state = 'x'")
    with pytest.raises(JournalError, match="'x' is not a valid StepState"):
        journal.reader.runs()


async def test_whoever_looks_keeps_nobody_waiting(
    journal: Journal, path: Path, make_plan: MakePlan
) -> None:
    """A trail that is read slowly is of one moment, while notes go on and are not lost."""
    plan = make_plan()
    journal.begin("r", plan, "ada")
    await journal.note("r", plan.steps[0], INTENT)
    trail = JournalReader(path).trail("r")
    next(trail)
    async with asyncio.timeout(5.0):
        for step in plan.steps:
            await journal.note("r", step, INTENT)
    assert [*trail] == []
    assert len([*journal.reader.trail("r")]) == 4


async def test_what_is_read_is_of_one_moment(journal: Journal, make_plan: MakePlan) -> None:
    """While a run is written, its sums always are those of its steps."""
    plan = make_plan(5)
    journal.begin("r", plan, "ada")
    ended, sums = threading.Event(), set[int]()

    def look() -> None:
        while not ended.is_set():
            run = journal.reader.load("r")
            sums.add(run.summary.devices)
            sums.add(journal.reader.runs()[0].devices)

    looking = asyncio.create_task(asyncio.to_thread(look))
    for _ in range(50):
        await asyncio.gather(*(journal.note("r", step, INTENT) for step in plan.steps))
    ended.set()
    await looking
    assert sums == {5}
