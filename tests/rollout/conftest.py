"""
What is made by hand: steps and readings, each usual but for what is named; and devices to change.

The second half is a bench: a simulated fleet that is really written to.
"""

import asyncio
import datetime as dt
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve, field, frozen

from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import (
    ClockReading,
    Device,
    NTPClientStatus,
    NTPInfo,
    ServersSource,
)
from axis_ntp_async.fleet.clock import Clock
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.fleet.retry import RetryPolicy
from axis_ntp_async.rollout.events import Event, Paused, StepChanged
from axis_ntp_async.rollout.journal.journal import Journal
from axis_ntp_async.rollout.plan import Plan, Step, StepState
from axis_ntp_async.rollout.planning import making
from axis_ntp_async.rollout.planning.making import DesiredOf
from axis_ntp_async.rollout.planning.undoing import plan_of_rollback
from axis_ntp_async.rollout.rollout import Rollout
from axis_ntp_async.rollout.rules.settings import Pace, Proof, ProofRules, Rules, Staging
from axis_ntp_async.rollout.runs import Run, RunStatus
from axis_ntp_async.simulator.model.access import Access
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.world import ALWAYS, VirtualTime, World
from axis_ntp_async.simulator.serving.server import SimulatedFleet

AT = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)

BEFORE = NTPClientConfiguration(
    enabled=True,
    nts_enabled=False,
    ntske_server_ca_certs=(),
    servers_source=ServersSource.STATIC,
    static_servers=("10.0.0.1",),
    static_ntske_servers=(),
    minpoll=6,
    maxpoll=10,
)
AFTER = evolve(BEFORE, static_servers=("10.0.0.5", "10.0.0.6"))
SENDS = tuple(name for name in BEFORE.members if not name.endswith("poll"))

STATUS = NTPClientStatus(
    **BEFORE.members,
    max_supported_static_servers=5,
    advertised_servers=(),
    synced=True,
    time_to_next_sync_s=44,
    time_offset_ms=-0.62,
)

MakeStep = Callable[..., Step]
MakeInfo = Callable[..., NTPInfo]
MakePlan = Callable[..., Plan]


def _step(name: str = "lobby-3", **members: Any) -> Step:
    of_device = ("site", "labels", "groups", "credentials", "serial", "scheme", "tls")
    device = {key: members.pop(key) for key in of_device if key in members}
    usual: dict[str, Any] = {
        "before": BEFORE,
        "after": AFTER,
        "sends": SENDS,
        "api_version": "1.5",
        "clock_step_s": 0.0,
    }
    return Step(device=Device(name=name, host="192.0.2.17", **device), **{**usual, **members})


@pytest.fixture
def make_step() -> MakeStep:
    """A step that gives a device of AXIS OS 12 two other servers, but for what is named."""
    return _step


@pytest.fixture
def make_info() -> MakeInfo:
    """What that device says before the change, but for the members that are named."""

    def make(
        client: NTPClientStatus | None = STATUS,
        *,
        skew_s: float | None = 0.1,
        uncertainty_s: float = 0.5,
        api_version: str | None = "1.5",
        **members: Any,
    ) -> NTPInfo:
        clock = None if skew_s is None else _clock(skew_s, uncertainty_s)
        status = None if client is None else evolve(client, **members)
        return NTPInfo(api_version=api_version, client=status, clock=clock)

    return make


@pytest.fixture
def make_plan() -> MakePlan:
    """A plan of so many steps, all in one wave, or of those that are named."""

    def make(count: int = 3, **members: Any) -> Plan:
        steps = tuple(_step(f"cam-{number}") for number in range(count))
        return Plan(**{"made_at": AT, "steps": steps, **members})

    return make


def _clock(skew_s: float, uncertainty_s: float) -> ClockReading:
    return ClockReading(
        device_time=AT, read_at=AT, round_trip_s=0.0, skew_s=skew_s, uncertainty_s=uncertainty_s
    )


# What tests of the engine need: simulated devices that are really written to.

OLD = ("10.0.0.1",)
NEW = ("10.0.0.5", "10.0.0.6")
WRONG = "10.0.0.37"
WANTED = NTPClientConfiguration(
    enabled=True, servers_source=ServersSource.STATIC, static_servers=NEW
)
QUICK = RetryPolicy(attempts=2, wait_initial_s=0.0, attempt_timeout_s=2.0)
READBACK = ProofRules(kind=Proof.READBACK)

Listen = Callable[[Event], object] | None


@frozen
class JumpingClock(Clock):
    """Waiting takes no time: it moves the simulated world ahead."""

    time: VirtualTime = field(kw_only=True)

    def now(self) -> float:
        return self.time()

    async def sleep(self, seconds: float, ended: asyncio.Event | None = None) -> None:
        if ended is None or not ended.is_set():
            self.time.advance(max(0.0, seconds))
        await asyncio.sleep(0)


@define
class Ran:
    """What a run told until its stream ended, and how the journal has it."""

    events: list[Event]
    run: Run

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def paused(self) -> Paused | None:
        return next((event for event in self.events if isinstance(event, Paused)), None)

    @property
    def status(self) -> RunStatus:
        return self.run.summary.status

    @property
    def states(self) -> dict[str, StepState]:
        return {name: status.state for name, status in self.run.statuses.items()}

    def states_of(self, name: str) -> list[StepState]:
        return [
            event.status.state
            for event in self.events
            if isinstance(event, StepChanged) and event.step.device.name == name
        ]


@define
class Bench:
    """A simulated fleet, a pool that reaches it, a journal, and a clock for both worlds."""

    fleet: SimulatedFleet
    pool: SessionPool
    journal: Journal
    clock: Clock
    last: Rollout | None = None

    @property
    def cameras(self) -> tuple[Camera, ...]:
        return self.fleet.cameras

    @property
    def told(self) -> dict[str, NTPClientConfiguration]:
        """What the client of every camera is told now."""
        return {camera.name: camera.configuration for camera in self.cameras}

    @property
    def writes(self) -> dict[str, int]:
        """How often each camera was told to write, also where it lost or refused that."""
        return {camera.name: camera.write_attempts for camera in self.cameras}

    async def plan(
        self, desired: NTPClientConfiguration | DesiredOf = WANTED, **rules: Any
    ) -> Plan:
        """The plan for all cameras; canaries of three, no limit on the pace, no watching."""
        usual: dict[str, Any] = {
            "staging": Staging(canary_alone_below=0, cap_ratio=1.0),
            "pace": Pace(per_minute=6e6, per_server=None),
            "proof": READBACK,
        }
        desired_of = desired if callable(desired) else lambda _: desired
        return await making.make_plan(
            self.pool, self.fleet.devices, desired_of, Rules(**{**usual, **rules})
        )

    def rollout(self, plan: Plan, **members: Any) -> Rollout:
        return Rollout.begin(self.pool, self.journal, plan, clock=self.clock, **members)

    def resumed(self, name: str) -> Rollout:
        return Rollout.resume(self.pool, self.journal, name, clock=self.clock)

    def rollback(self, name: str) -> Rollout:
        plan = plan_of_rollback(self.journal.reader.load(name))
        return Rollout.undo(self.pool, self.journal, plan, clock=self.clock)

    def stop(self) -> None:
        """Stop the run that is under way."""
        assert self.last is not None
        self.last.stop()

    async def begin(self, plan: Plan, listen: Listen = None, **members: Any) -> Ran:
        return await self.run(self.rollout(plan, **members), listen)

    async def resume(self, ran: Ran, listen: Listen = None) -> Ran:
        return await self.run(self.resumed(ran.name), listen)

    async def undo(self, ran: Ran, listen: Listen = None) -> Ran:
        return await self.run(self.rollback(ran.name), listen)

    async def run(self, rollout: Rollout, listen: Listen = None) -> Ran:
        """Carry it out to the end of its stream; whoever listens may leave it by a `False`."""
        self.last, events = rollout, list[Event]()
        async with aclosing(rollout.run()) as stream:
            async for event in stream:
                events.append(event)
                if listen is not None and listen(event) is False:
                    break
        return Ran(events, self.journal.reader.load(rollout.name))


OpenBench = Callable[..., AbstractAsyncContextManager[Bench]]


@asynccontextmanager
async def _open_bench(
    count: int = 6,
    *,
    sites: Sequence[str | None] = (None,),
    speed: float | None = None,
    pool: Mapping[str, Any] | None = None,
    **members: Any,
) -> AsyncIterator[Bench]:
    time = VirtualTime(speed=speed or 0.0)
    world = World(time)
    for name in (*OLD, *NEW):
        world.server(name)
    world.server(WRONG).tells(37.0, at=ALWAYS)
    usual: dict[str, Any] = {
        "configuration": evolve(WANTED, static_servers=OLD),
        "access": Access(offers=()),
        "credentials": None,
    }
    cameras = [
        Camera(
            name=f"cam-{number:02}",
            serial=f"ACCC8E{number:06X}",
            world=world,
            seed=number,
            site=sites[number % len(sites)],
            **{**usual, **members},
        )
        for number in range(1, count + 1)
    ]
    async with SimulatedFleet(cameras) as fleet:
        credentials = {
            name: Credentials(login.username, login.password)
            for name, login in fleet.logins.items()
        }
        how: dict[str, Any] = {"retry": QUICK, "keep_alive": True, **(pool or {})}
        with tempfile.TemporaryDirectory() as folder:
            async with SessionPool(credentials, **how) as sessions:
                with Journal(Path(folder, "runs.db"), "a test") as journal:
                    clock = Clock(speed) if speed else JumpingClock(time=time)
                    yield Bench(fleet, sessions, journal, clock)


@pytest.fixture
def open_bench() -> OpenBench:
    """
    Cameras that follow one right server, and everything it takes to give them two others.

    Time stands still but for the waits of a rollout, which take none; or it
    runs with the speed that is named.
    """
    return _open_bench


@pytest.fixture
def make_clock() -> Callable[[VirtualTime], Clock]:
    """A clock on which waiting takes no time, for the simulated world of that time."""
    return lambda time: JumpingClock(time=time)
