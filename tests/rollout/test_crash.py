"""
Runs that are killed at every commit of their journal, and at any moment, end as if they were not.

The simulated fleet lives in this process. Each run is a process of its own,
made by `crashing.py`, which kills it; then another one goes on from its journal.
"""

import asyncio
import json
import os
import random
import shutil
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import define, evolve, field, frozen

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import ServersSource
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.rollout.journal.reading import JournalReader
from axis_ntp_async.rollout.plan import Plan, StepState
from axis_ntp_async.rollout.planning import making
from axis_ntp_async.rollout.planning.document import write_plan
from axis_ntp_async.rollout.planning.undoing import plan_of_rollback
from axis_ntp_async.rollout.rules.settings import (
    Budget,
    Pace,
    Proof,
    ProofRules,
    Rules,
    Staging,
)
from axis_ntp_async.rollout.runs import Run, RunStatus
from axis_ntp_async.simulator.model.access import Access
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Fault, Kind
from axis_ntp_async.simulator.model.world import VirtualTime, World
from axis_ntp_async.simulator.serving.server import SimulatedFleet

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs to fork")

SPEED: Final = 500.0
AT_ONCE: Final = 3
"""Points under way together."""

KILLED: Final = -9
OLD = ("10.0.0.1",)
NEW = ("10.0.0.5", "10.0.0.6")
WANTED = NTPClientConfiguration(
    enabled=True, servers_source=ServersSource.STATIC, static_servers=NEW
)
BEFORE = evolve(WANTED, static_servers=OLD, minpoll=6, maxpoll=6)
READBACK = ProofRules(kind=Proof.READBACK)
SYNC = ProofRules(
    deadline_s=50_000.0, sample_min=99, look_every_s=10.0, soak_canary_s=30.0, soak_s=15.0
)
GENEROUS = Budget(
    canary_failures=99,
    failures=99,
    site_failures=99,
    systemic=99,
    systemic_canary=99,
    unreachable=99,
)
STRICT = Budget(failures=1, ratio=0.0, site_failures=1, site_ratio=0.0, least_attempted=1)

S = StepState
Kills = Sequence[dict[str, Any]]
"""How one process after the other is killed, as `crashing.py` is told."""


class DyingCamera(Camera):
    """A camera that takes one write, and is never heard of again."""

    def write(self, configuration: NTPClientConfiguration) -> Kind | None:
        super().write(configuration)
        self.faults = (Fault(Kind.RESET),)
        return Kind.WRITE_UNANSWERED


FAULTS: Final[dict[str, Any]] = {
    "03-unanswered": Fault(Kind.WRITE_UNANSWERED, first=1),
    "04-lost": Fault(Kind.WRITE_LOST, first=1),
    "05-late": Fault(Kind.WRITE_LATE, seconds=3.0),
    "06-ignored": Kind.WRITE_IGNORED,
    "07-refused": Kind.WRITE_REFUSED,
    "11-flaky": Fault(Kind.RESET, first=1),
}
NAMES: Final = (
    "01-well",
    "02-well",
    "03-unanswered",
    "04-lost",
    "05-late",
    "06-ignored",
    "07-refused",
    "08-dying",
    "09-dead",
    "10-conflict",
    "11-flaky",
    "12-noop",
    "13-old",
    "14-well",
)


def befall(camera: Camera) -> None:
    """Let happen to a camera what happens between the plan and the run."""
    match camera.name[3:]:
        case "dead":
            camera.faults = (Fault(Kind.RESET),)
        case "conflict":
            camera.configure(evolve(WANTED, static_servers=("10.9.9.9",)))
        case "noop":
            camera.configure(WANTED)
        case "old":
            camera.api_version = None
        case _:
            camera.faults = FAULTS.get(camera.name, ())


@frozen
class Scene:
    """
    What is repeated for every point.

    Attributes:
        plan: What is carried out; the addresses of its devices are those of each point's fleet.
        told: What each camera is told at the beginning.
        befalls: What happens to them between the plan and the run.
        journal: The file to begin with; `None` for none.
    """

    plan: Plan
    told: dict[str, NTPClientConfiguration]
    befalls: Callable[[Camera], None] = befall
    journal: Path | None = None


@frozen
class End:
    """How everything stands in the end."""

    states: dict[str, StepState]
    told: dict[str, NTPClientConfiguration]
    runs: tuple[RunStatus, ...]


@define
class Killers:
    """Processes that carry out runs, and kill them; each one at a time."""

    idle: asyncio.Queue[asyncio.subprocess.Process] = field(factory=asyncio.Queue)

    async def carry_out(self, **order: Any) -> int:
        """Have a run carried out; give how its process ended."""
        killer = await self.idle.get()
        try:
            assert killer.stdin is not None
            assert killer.stdout is not None
            killer.stdin.write(json.dumps(order).encode() + b"\n")
            return int(await killer.stdout.readline())
        finally:
            self.idle.put_nowait(killer)


@pytest.fixture
async def killers() -> AsyncIterator[Killers]:
    """As many as there are points under way."""
    killers, processes = Killers(), []
    for _ in range(AT_ONCE):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(Path(__file__).with_name("crashing.py")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        processes.append(process)
        killers.idle.put_nowait(process)
    yield killers
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        assert await process.wait() == 0


@asynccontextmanager
async def fleet_of(told: dict[str, NTPClientConfiguration]) -> AsyncIterator[SimulatedFleet]:
    """Cameras that are well, with no login, all new."""
    world = World(VirtualTime(speed=SPEED))
    for name in (*OLD, *NEW):
        world.server(name)
    cameras = [
        (DyingCamera if name.endswith("dying") else Camera)(
            name=name,
            serial=f"ACCC8E{number:06X}",
            world=world,
            configuration=configuration,
            access=Access(offers=()),
            credentials=None,
            seed=number,
        )
        for number, (name, configuration) in enumerate(told.items())
    ]
    async with SimulatedFleet(cameras) as fleet:
        yield fleet


async def planned(names: Iterable[str], **rules: Any) -> Scene:
    """The plan that gives all cameras other servers, in waves of two, six and the rest."""
    told = dict.fromkeys(names, BEFORE)
    usual: dict[str, Any] = {
        "staging": Staging(canary_alone_below=0, canary_min=2, cap_ratio=1.0),
        "pace": Pace(per_minute=6e6, per_server=None, at_once=3),
        "proof": READBACK,
        "budget": GENEROUS,
    }
    async with fleet_of(told) as fleet, SessionPool() as pool:
        plan = await making.make_plan(
            pool, fleet.devices, lambda _: WANTED, Rules(**{**usual, **rules})
        )
    assert len(plan.steps) == len(told)
    return Scene(plan, told)


def placed(plan: Plan, fleet: SimulatedFleet) -> Plan:
    """The same plan for the addresses of another fleet."""
    devices = {device.name: device for device in fleet.devices}
    steps = (evolve(step, device=devices[step.device.name]) for step in plan.steps)
    return evolve(plan, steps=tuple(steps))


async def play(
    killers: Killers, scene: Scene, folder: Path, kills: Kills = (), *, copies: bool = False
) -> tuple[End, bool]:
    """Carry out a scene, killed as told, then to its end; give that, and whether it was killed."""
    folder.mkdir()  # noqa: ASYNC240  nobody waits for it
    journal, path = folder / "runs.db", folder / "plan.json"
    if scene.journal is not None:
        shutil.copy(scene.journal, journal)
    async with fleet_of(scene.told) as fleet:
        write_plan(placed(scene.plan, fleet), path)
        for camera in fleet.cameras:
            scene.befalls(camera)
        order = {"plan": str(path), "speed": SPEED}
        codes = {await killers.carry_out(**order, journal=str(journal), **kill) for kill in kills}
        assert codes <= {0, KILLED}
        if copies:
            copy = folder / "copy.db"
            if journal.exists():
                shutil.copy(journal, copy)
            journal = copy
        assert await killers.carry_out(**order, journal=str(journal)) == 0
        run = latest_of(journal)
        check_writes(run, fleet)
        told = {camera.name: camera.configuration for camera in fleet.cameras}
    statuses = {name: status.state for name, status in run.statuses.items()}
    runs = tuple(one.status for one in JournalReader(journal).runs())
    shutil.rmtree(folder)
    return End(statuses, told, runs), KILLED in codes


def latest_of(journal: Path) -> Run:
    reader = JournalReader(journal)
    return reader.load(reader.runs()[0].name)


def check_writes(run: Run, fleet: SimulatedFleet) -> None:
    """No device gets two different values, none without an intent, and none too often."""
    for step in run.plan.steps:
        camera, status = fleet.camera(step.device.name), run.statuses[step.device.name]
        assert len({write.configuration for write in camera.writes}) <= 1, camera.name
        assert camera.write_attempts <= status.writes <= run.plan.rules.writes, camera.name


async def play_all(
    killers: Killers, scene: Scene, folder: Path, points: Sequence[Kills], *, copies: bool = True
) -> int:
    """
    Compare every point with the run that nobody disturbed; give how many were killed.

    A third goes on from a copy of the journal's main file alone.
    """
    undisturbed, _ = await play(killers, scene, folder / "undisturbed")
    room, killed = asyncio.Semaphore(AT_ONCE), 0

    async def point(number: int, kills: Kills) -> None:
        nonlocal killed
        async with room:
            end, was_killed = await play(
                killers, scene, folder / str(number), kills, copies=copies and number % 3 == 2
            )
        assert end == undisturbed, kills
        killed += was_killed

    async with asyncio.TaskGroup() as group:
        for number, kills in enumerate(points):
            group.create_task(point(number, kills))
    return killed


def at_every_commit(commits: int, *, tells: bool) -> list[Kills]:
    """Kill at each commit, before or after whoever waits for it has been told."""
    return [[{"dies_at": number, "tells": tells}] for number in range(1, commits + 1)]


@pytest.mark.parametrize("tells", [False, True], ids=["before", "after"])
async def test_killed_at_every_commit(killers: Killers, tmp_path: Path, *, tells: bool) -> None:
    """Whatever was durable, and told or not, the run ends as the undisturbed one."""
    scene = await planned(NAMES)
    end, _ = await play(killers, scene, tmp_path / "once")
    assert end.states == {
        "01-well": S.APPLIED,
        "02-well": S.APPLIED,
        "03-unanswered": S.APPLIED,
        "04-lost": S.APPLIED,
        "05-late": S.APPLIED,
        "06-ignored": S.MISMATCH,
        "07-refused": S.FAILED,
        "08-dying": S.INCONCLUSIVE,
        "09-dead": S.UNREACHABLE,
        "10-conflict": S.CONFLICT,
        "11-flaky": S.APPLIED,
        "12-noop": S.NOOP,
        "13-old": S.FAILED,
        "14-well": S.APPLIED,
    }
    killed = await play_all(killers, scene, tmp_path, at_every_commit(48, tells=tells))
    assert killed >= 40


async def test_killed_at_every_commit_of_a_run_that_pauses(
    killers: Killers, tmp_path: Path
) -> None:
    """With a budget that pauses it again and again, also while it is being resumed."""
    scene = await planned(NAMES, budget=STRICT)
    kills = at_every_commit(55, tells=True)
    assert await play_all(killers, scene, tmp_path, kills) >= 45


async def test_killed_at_every_commit_of_a_run_whose_clocks_are_watched(
    killers: Killers, tmp_path: Path
) -> None:
    """Devices that were being watched are watched anew, and not written to."""
    scene = await planned([f"{number:02}-well" for number in range(8)], proof=SYNC)
    kills = at_every_commit(44, tells=False)
    assert await play_all(killers, scene, tmp_path, kills) >= 36


@pytest.mark.parametrize("budget", [GENEROUS, STRICT], ids=["generous", "strict"])
async def test_killed_at_any_moment(killers: Killers, tmp_path: Path, budget: Budget) -> None:
    """Between commits as well: in a login, a request, an answer, a wait."""
    scene = await planned(NAMES, budget=budget)
    chance = random.Random(1)  # noqa: S311  any moments will do
    kills = [[{"after_s": chance.uniform(0.0, 0.4)}] for _ in range(50)]
    assert await play_all(killers, scene, tmp_path, kills, copies=False) >= 1


async def test_killed_again_and_again(killers: Killers, tmp_path: Path) -> None:
    """Also while it goes on after it was killed, and after that."""
    scene = await planned(NAMES, writes=9)
    chance = random.Random(2)  # noqa: S311  any moments will do
    kills = [[{"after_s": chance.uniform(0.02, 0.2)} for _ in range(3)] for _ in range(20)]
    assert await play_all(killers, scene, tmp_path, kills, copies=False) >= 1


@pytest.mark.parametrize("tells", [False, True], ids=["before", "after"])
async def test_a_rollback_that_is_killed_at_every_commit(
    killers: Killers, tmp_path: Path, *, tells: bool
) -> None:
    """Undoing is a run like any other: every device is restored, but one that does not answer."""
    scene = await undoing(killers, tmp_path)
    end, _ = await play(killers, scene, tmp_path / "once")
    assert end.runs == (RunStatus.FINISHED, RunStatus.FINISHED)
    changed = {"10-conflict": ("10.9.9.9",), "12-noop": NEW}
    assert {name: told.static_servers for name, told in end.told.items()} == {
        name: changed.get(name, OLD) for name in NAMES
    }
    assert Counter(end.states.values()) == {S.APPLIED: 7, S.NOOP: 2, S.INCONCLUSIVE: 1}
    kills = at_every_commit(42, tells=tells)
    assert await play_all(killers, scene, tmp_path, kills) >= 30


async def undoing(killers: Killers, folder: Path) -> Scene:
    """What it takes to undo a run that came to its end: its journal, and cameras as they are."""
    scene = await planned(NAMES)
    journal, path = folder / "first.db", folder / "first.json"
    async with fleet_of(scene.told) as fleet:
        write_plan(placed(scene.plan, fleet), path)
        for camera in fleet.cameras:
            befall(camera)
        order = {"plan": str(path), "speed": SPEED, "journal": str(journal)}
        assert await killers.carry_out(**order) == 0
        told = {camera.name: camera.configuration for camera in fleet.cameras}
    rules = evolve(scene.plan.rules, allow_step=True)
    return Scene(plan_of_rollback(latest_of(journal), rules), told, befall_undone, journal)


def befall_undone(camera: Camera) -> None:
    """A rollback meets the same faults again; who died is back, and dies of the next write."""
    camera.faults = FAULTS.get(camera.name, ())
