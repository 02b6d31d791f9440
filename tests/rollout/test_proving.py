"""Devices whose clocks are watched after a change, and then left to themselves."""

import datetime as dt
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import ServersSource
from axis_ntp_async.rollout import proving
from axis_ntp_async.rollout.events import Event, StepChanged, Watching
from axis_ntp_async.rollout.plan import StepState
from axis_ntp_async.rollout.rules.proof import Verdict
from axis_ntp_async.rollout.rules.settings import Budget, ProofRules
from axis_ntp_async.rollout.runs import RunStatus

OLD = ("10.0.0.1",)
WRONG = ("10.0.0.37",)
SYNC = ProofRules()

S = StepState


def static(*servers: str) -> NTPClientConfiguration:
    return NTPClientConfiguration(
        enabled=True, servers_source=ServersSource.STATIC, static_servers=servers
    )


def at_watching(action: Callable[[], object], *, wave: int = 1, is_soak: bool = False) -> Any:
    """Do something as soon as a wave is watched, or left to itself."""

    def listen(event: Event) -> None:
        if isinstance(event, Watching) and (event.wave, event.is_soak) == (wave, is_soak):
            action()

    return listen


@pytest.mark.parametrize("falls_back", [True, False])
async def test_clocks_that_follow_are_healthy(open_bench: Any, *, falls_back: bool) -> None:
    """Whether or not `synced` falls at the change, all are proven and left alone for a while."""
    async with open_bench(falls_back=falls_back) as bench:
        ran = await bench.begin(await bench.plan(proof=SYNC))
        assert ran.status is RunStatus.FINISHED
        assert Counter(ran.states.values()) == {S.HEALTHY: 6}
        assert ran.states_of("cam-06") == [S.INTENT, S.ACKED, S.PROVING, S.HEALTHY]
        told = [one for one in ran.events if isinstance(one, Watching)]
        assert [(one.wave, one.is_soak, one.devices) for one in told] == [
            (1, False, 3),
            (1, True, 3),
            (2, False, 3),
            (2, True, 3),
        ]
        assert [one.seconds for one in told] == pytest.approx([512.0, 300.0, 512.0, 60.0])


async def test_old_firmware_is_given_more_time(open_bench: Any) -> None:
    """OpenNTPD takes minutes, and is proven all the same."""
    async with open_bench(4, firmware="9.80.78", falls_back=True) as bench:
        ran = await bench.begin(await bench.plan(proof=SYNC))
        assert Counter(ran.states.values()) == {S.HEALTHY: 4}
        watching = next(one for one in ran.events if isinstance(one, Watching))
        assert watching.seconds == pytest.approx(900.0)


async def test_only_a_sample_is_watched(open_bench: Any) -> None:
    """The others of a wave count when they say what was wanted."""
    async with open_bench(8) as bench:
        proof = ProofRules(sample_ratio=0.0, sample_min=2, soak_canary_s=0.0, soak_s=0.0)
        ran = await bench.begin(await bench.plan(proof=proof))
        assert Counter(ran.states.values()) == {S.HEALTHY: 5, S.APPLIED: 3}
        assert not any(isinstance(one, Watching) and one.is_soak for one in ran.events)


async def test_a_device_that_is_switched_off_is_not_watched(open_bench: Any) -> None:
    """Nothing would ever follow."""
    async with open_bench(4) as bench:
        off = NTPClientConfiguration(enabled=False)
        ran = await bench.begin(await bench.plan(off, proof=SYNC))
        assert Counter(ran.states.values()) == {S.APPLIED: 4}


async def test_a_wrong_server_stops_the_canary(open_bench: Any) -> None:
    """Devices that follow a server 37 s ahead have no offset, but a skew against our clock."""
    async with open_bench() as bench:
        ran = await bench.begin(await bench.plan(static(*WRONG), proof=SYNC))
        assert ran.paused is not None
        assert (ran.paused.cause, ran.paused.verdict) == ("skew", Verdict.FAILED)
        assert (ran.paused.wave, ran.paused.count) == (1, 2)
        status = ran.run.statuses[ran.paused.devices[0]]
        assert "follows 10.0.0.37, and is +3" in status.message
        assert sum(bench.writes.values()) == 3


@pytest.mark.parametrize("falls_back", [True, False])
async def test_a_dead_server_stops_the_canary(open_bench: Any, *, falls_back: bool) -> None:
    """Also when `synced` stays true: devices ask in vain, and their offset never moves."""
    async with open_bench(falls_back=falls_back) as bench:
        ran = await bench.begin(await bench.plan(static("10.9.9.9"), proof=SYNC))
        assert ran.paused is not None
        assert (ran.paused.cause, ran.paused.verdict) == ("not_synced", Verdict.FAILED)
        assert set(ran.paused.devices) <= {"cam-01", "cam-02", "cam-03"}
        assert sum(bench.writes.values()) == 3


async def test_one_site_with_a_dead_server_is_told_as_one_cause(open_bench: Any) -> None:
    """The run pauses for that site's devices; the others are healthy."""
    async with open_bench(12, sites=("oslo", "lyon")) as bench:
        for server in ("10.0.0.5", "10.0.0.6"):
            bench.fleet.world.server(server).dies(site="lyon")
        plan = await bench.plan(proof=SYNC, budget=Budget(canary_failures=9))
        ran = await bench.begin(plan)
        assert ran.paused is not None
        assert (ran.paused.wave, ran.paused.cause) == (2, "not_synced")
        assert {bench.fleet.camera(name).site for name in ran.paused.devices} == {"lyon"}
        ran = await bench.resume(ran)
        assert ran.status is RunStatus.FINISHED
        assert Counter(ran.states.values()) == {S.HEALTHY: 6, S.UNHEALTHY: 6}


async def test_somebody_changes_a_device_back_while_it_is_watched(open_bench: Any) -> None:
    """That is a failure of its own kind."""
    async with open_bench() as bench:
        camera = bench.fleet.camera("cam-02")
        listen = at_watching(lambda: camera.configure(static(*OLD)))
        ran = await bench.begin(await bench.plan(proof=SYNC), listen)
        status = ran.run.statuses["cam-02"]
        assert (status.state, status.cause) == (S.UNHEALTHY, "drift")
        assert status.message == "applied, but somebody changed static_servers since"
        assert Counter(ran.states.values()) == {S.UNHEALTHY: 1, S.HEALTHY: 5}


async def test_somebody_changes_devices_back_during_the_soak(open_bench: Any) -> None:
    """Proven is not yet healthy: two of them stop the canary."""
    async with open_bench() as bench:

        def change_back() -> None:
            for camera in bench.cameras[:2]:
                camera.configure(static(*OLD))

        listen = at_watching(change_back, is_soak=True)
        ran = await bench.begin(await bench.plan(proof=SYNC), listen)
        assert ran.paused is not None
        assert (ran.paused.cause, ran.paused.count) == ("drift", 2)
        assert ran.states["cam-03"] is S.PROVING
        assert sum(bench.writes.values()) == 3


async def test_a_server_dies_during_the_soak(open_bench: Any) -> None:
    """A clock that has followed, and runs away afterwards, is found."""
    async with open_bench(drift_ppm=0.0) as bench:
        camera = bench.fleet.camera("cam-02")

        def take_away() -> None:
            for server in ("10.0.0.5", "10.0.0.6"):
                bench.fleet.world.server(server).dies()
            camera.shift_clock(90.0)

        ran = await bench.begin(
            await bench.plan(proof=SYNC), at_watching(take_away, is_soak=True, wave=1)
        )
        assert ran.run.statuses["cam-02"].cause == "skew"
        assert ran.states["cam-02"] is S.UNHEALTHY
        assert ran.states["cam-01"] is S.HEALTHY


async def test_a_device_that_cannot_be_read_while_it_is_watched(open_bench: Any) -> None:
    """It has time until its deadline; then nobody knows, and the canary does not go on."""
    async with open_bench() as bench:
        listen = at_watching(lambda: bench.fleet.unplug("cam-02"))
        ran = await bench.begin(await bench.plan(proof=SYNC), listen)
        status = ran.run.statuses["cam-02"]
        assert (status.state, status.cause) == (S.INCONCLUSIVE, "unreachable")
        assert ran.paused is not None
        assert (ran.paused.verdict, ran.paused.devices) == (Verdict.INCONCLUSIVE, ("cam-02",))
        await bench.fleet.plug_in("cam-02")
        ran = await bench.resume(ran)
        assert Counter(ran.states.values()) == {S.HEALTHY: 6}
        assert set(bench.writes.values()) == {1}


async def test_a_device_comes_back_in_time(open_bench: Any) -> None:
    """Who cannot be read for a moment loses nothing by it."""
    async with open_bench() as bench:
        bench.fleet.camera("cam-02").restart()
        plan = await bench.plan(proof=SYNC)
        camera = bench.fleet.camera("cam-02")
        listen = at_watching(lambda: camera.restart(down_s=200.0))
        ran = await bench.begin(plan, listen)
        assert Counter(ran.states.values()) == {S.HEALTHY: 6}


async def test_a_failure_while_watching_stops_later_waves(open_bench: Any) -> None:
    """Those that are proven already stay open, and are watched anew when the run is resumed."""
    async with open_bench(8) as bench:
        plan = await bench.plan(
            proof=SYNC, budget=Budget(failures=0, ratio=0.0, least_attempted=1)
        )
        changed = bench.cameras[4]
        ran = await bench.begin(plan, at_watching(lambda: changed.configure(static(*OLD)), wave=2))
        assert ran.paused is not None
        assert (ran.paused.wave, ran.paused.cause) == (2, "drift")
        assert Counter(ran.states.values()) == {S.HEALTHY: 3, S.UNHEALTHY: 1, S.PROVING: 4}
        ran = await bench.resume(ran)
        assert Counter(ran.states.values()) == {S.HEALTHY: 7, S.UNHEALTHY: 1}
        assert set(bench.writes.values()) == {1}


async def test_a_run_resumed_much_later_waits_for_a_whole_poll(
    open_bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Devices that were changed long ago poll every 17 minutes: longer than a deadline."""
    async with open_bench(speed=100.0) as bench:
        plan = await bench.plan(proof=ProofRules(soak_canary_s=1e6))
        ran = await bench.begin(plan, at_watching(bench.stop, is_soak=True))
        monkeypatch.setattr(proving, "_JUST_CHANGED", dt.timedelta(0))
        ran = await bench.resume(ran, at_watching(bench.stop))
        [watching] = [one for one in ran.events if isinstance(one, Watching)]
        assert watching.seconds > 1024


async def test_stopping_while_clocks_are_watched(open_bench: Any) -> None:
    """The run pauses at once; resumed, the same devices are watched, not written to."""
    async with open_bench(speed=100.0) as bench:
        plan = await bench.plan(proof=ProofRules(deadline_s=5000.0, soak_canary_s=1e6))
        ran = await bench.begin(plan, at_watching(bench.stop, is_soak=True))
        assert ran.paused is not None
        assert (ran.paused.cause, ran.paused.verdict) == ("stopped", None)
        assert Counter(ran.states.values()) == {S.PROVING: 3, S.PLANNED: 3}
        ran = await bench.resume(ran, at_watching(bench.stop))
        assert Counter(ran.states.values()) == {S.PROVING: 3, S.PLANNED: 3}
        assert sum(bench.writes.values()) == 3
        assert not [
            one
            for one in ran.events
            if isinstance(one, StepChanged) and one.status.state is S.INTENT
        ]
