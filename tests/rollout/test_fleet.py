"""Two thousand devices with all that goes wrong in a large fleet, and nobody is lost."""

from collections import Counter
from contextlib import aclosing
from pathlib import Path
from typing import Any

from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import Device, ServersSource
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.fleet.retry import RetryPolicy
from axis_ntp_async.fleet.slots import Limits
from axis_ntp_async.rollout.events import Event, Finished, Paused
from axis_ntp_async.rollout.journal.journal import Journal
from axis_ntp_async.rollout.plan import StepState
from axis_ntp_async.rollout.planning import making
from axis_ntp_async.rollout.rollout import Rollout
from axis_ntp_async.rollout.rules.settings import Pace, Rules
from axis_ntp_async.rollout.runs import Run, RunStatus
from axis_ntp_async.simulator.fleets import Troubles, make_fleet
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Fault, Kind
from axis_ntp_async.simulator.model.world import VirtualTime
from axis_ntp_async.simulator.serving.server import SimulatedFleet

DEVICES = 2000
DARK = "oslo"
TROUBLES = Troubles(
    refused=0.02,
    write_ignored=0.02,
    write_late=0.01,
    wrong_identity=0.005,
    old_firmware=0.005,
)
LATER = {"unplugged": 60, "another device": 10, "older firmware": 10}
"""What befalls devices between the plan and the run: 3 %, 0.5 % and 0.5 %."""

S = StepState


def wanted(device: Device) -> NTPClientConfiguration:
    return NTPClientConfiguration(
        enabled=True,
        servers_source=ServersSource.STATIC,
        static_servers=tuple(f"new{number}.{device.site}.example" for number in (1, 2)),
    )


def disturb(fleet: SimulatedFleet) -> dict[str, str]:
    """Let devices get into trouble that were well when the plan was made; say which."""
    well = iter([camera for camera in fleet.cameras if not camera.faults and camera.api_version])
    met: dict[str, str] = {}
    for trouble, count in LATER.items():
        for _, camera in zip(range(count), well, strict=False):
            met[camera.name] = trouble
            if trouble == "unplugged":
                fleet.unplug(camera.name)
            elif trouble == "another device":
                camera.faults = (Fault(Kind.WRONG_REALM),)
            else:
                camera.api_version = None
    return met


def states_that_fit(camera: Camera, trouble: str | None) -> set[StepState]:
    """Give what may be said of a device at the end, seen from the inside."""
    if trouble is not None:
        return {
            "unplugged": {S.UNREACHABLE},
            "another device": {S.SKIPPED},
            "older firmware": {S.FAILED},
        }[trouble]
    if any(fault.kind is Kind.WRITE_IGNORED for fault in camera.faults):
        return {S.MISMATCH}
    return {S.APPLIED, S.UNHEALTHY} if camera.site == DARK else {S.APPLIED, S.HEALTHY}


def check(run: Run, fleet: SimulatedFleet, met: dict[str, str]) -> None:
    """Compare what the journal says of every device with what is so."""
    for step in run.plan.steps:
        name = step.device.name
        camera, status = fleet.camera(name), run.statuses[name]
        assert status.state in states_that_fit(camera, met.get(name)), (name, status)
        has_it = not step.after.changes_from(camera.configuration)
        assert has_it is (status.state in {S.APPLIED, S.HEALTHY, S.UNHEALTHY}), (name, status)
        assert len({write.configuration for write in camera.writes}) <= 1
        assert camera.write_attempts == status.writes <= 1
    planned = {step.device.name for step in run.plan.steps}
    for camera in fleet.cameras:
        if camera.name not in planned:
            assert camera.write_attempts == 0


async def carry_out(rollout: Rollout) -> list[Event]:
    async with aclosing(rollout.run()) as events:
        return [event async for event in events]


async def test_every_device_of_a_large_fleet_is_told_truly(
    tmp_path: Path, make_clock: Any
) -> None:
    """Resumed after each pause, the run ends; its sums add up, and the dark site is one cause."""
    time = VirtualTime(speed=0.0)
    fleet = make_fleet(DEVICES, sites=8, https_share=0.0, troubles=TROUBLES, now=time)
    for site in {str(camera.site) for camera in fleet.cameras} - {DARK}:
        for number in (1, 2):
            fleet.world.server(f"new{number}.{site}.example")
    async with fleet:
        credentials = {
            name: Credentials(login.username, login.password)
            for name, login in fleet.logins.items()
        }
        patience = RetryPolicy(attempts=2, wait_initial_s=0.0, attempt_timeout_s=20.0)
        async with SessionPool(credentials, limits=Limits(), retry=patience) as pool:
            rules = Rules(pace=Pace(per_minute=6000.0, per_server=None), allow_step=True)
            plan = await making.make_plan(pool, fleet.devices, wanted, rules)
        assert (len(plan.steps), len(plan.unplannable)) == (1940, 60)
        met = disturb(fleet)
        with Journal(tmp_path / "runs.db") as journal:
            async with SessionPool(
                credentials, limits=Limits(), retry=patience, keep_alive=True
            ) as pool:
                clock, pauses = make_clock(time), list[Paused]()
                rollout = Rollout.begin(pool, journal, plan, clock=clock)
                while True:
                    events = await carry_out(rollout)
                    pauses += [event for event in events if isinstance(event, Paused)]
                    last = events[-1]
                    assert isinstance(last, Finished)
                    assert sum(last.states.values()) == len(plan.steps)
                    if last.status is RunStatus.FINISHED:
                        break
                    rollout = Rollout.resume(pool, journal, rollout.name, clock=clock)
            run = journal.reader.load(rollout.name)
    check(run, fleet, met)
    sites = {step.device.name: step.device.site for step in plan.steps}
    of_the_dark = [pause for pause in pauses if pause.cause == "not_synced"]
    assert of_the_dark
    assert of_the_dark[0].wave <= 2
    assert {sites[name] for pause in of_the_dark for name in pause.devices} == {DARK}
    totals = Counter(status.state for status in run.statuses.values())
    assert totals[S.UNREACHABLE] == LATER["unplugged"]
    assert totals[S.MISMATCH] == round(DEVICES * TROUBLES.write_ignored)
    assert totals.total() == len(plan.steps)
