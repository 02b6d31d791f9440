"""In which order, how quickly and how many at once devices are changed; and when a wave ends."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from axis_ntp_async.errors import JournalError
from axis_ntp_async.fleet.slots import Limits
from axis_ntp_async.rollout import course
from axis_ntp_async.rollout.events import Event, StepChanged, WaveJudged, WaveStarted
from axis_ntp_async.rollout.plan import StepState, StepStatus
from axis_ntp_async.rollout.rules.proof import Verdict
from axis_ntp_async.rollout.rules.settings import Budget, Pace, Staging
from axis_ntp_async.rollout.runs import RunStatus
from axis_ntp_async.simulator.model.faults import Fault, Kind

S = StepState


async def test_the_canary_goes_one_by_one(open_bench: Any) -> None:
    """Then as many at once as the pace allows, and never two requests to one device."""
    most: list[int] = []

    async with open_bench(16, latency_s=0.01) as bench:
        plan = await bench.plan(pace=Pace(per_minute=6e6, per_server=None, at_once=4))
        peak = bench.fleet.counters.at_once_in_all
        peak.most = 0

        def listen(event: Event) -> None:
            if isinstance(event, WaveJudged):
                most.append(peak.most)

        ran = await bench.begin(plan, listen)
        assert Counter(ran.states.values()) == {S.APPLIED: 16}
        assert most[0] == 1
        assert 2 <= peak.most <= 4
        assert {one.most for one in bench.fleet.counters.at_once.values()} == {1}


async def test_the_limits_of_the_pool_hold(open_bench: Any) -> None:
    """However many a pace would allow, a site has no more at once than the pool says."""
    limits = {"limits": Limits(total=6, per_site=2)}
    async with open_bench(12, latency_s=0.01, sites=("oslo", "lyon"), pool=limits) as bench:
        ran = await bench.begin(await bench.plan(staging=Staging(one_wave=True)))
        assert Counter(ran.states.values()) == {S.APPLIED: 12}
        assert {one.most for one in bench.fleet.counters.at_once_by_site.values()} == {2}


async def test_a_pace_is_kept(open_bench: Any) -> None:
    """At ten a minute the tenth device is not written to before 54 s have passed."""
    async with open_bench(10, speed=600.0) as bench:
        plan = await bench.plan(pace=Pace(per_minute=10.0, per_server=None))
        began = bench.fleet.world.now()
        await bench.begin(plan)
        written = sorted(camera.writes[0].at - began for camera in bench.cameras)
        assert all(at >= 6.0 * place - 0.01 for place, at in enumerate(written))


async def test_stopping_while_a_device_waits_for_its_turn(open_bench: Any) -> None:
    """A pace of one an hour does not keep whoever stops the run waiting."""
    async with open_bench(3, speed=10.0) as bench:
        plan = await bench.plan(pace=Pace(per_minute=1 / 60, per_server=None))

        def stop(event: Event) -> None:
            if isinstance(event, StepChanged) and event.status.state is S.APPLIED:
                bench.stop()

        ran = await bench.begin(plan, stop)
        assert Counter(ran.states.values()) == {S.APPLIED: 1, S.PLANNED: 2}


async def test_what_was_begun_is_brought_to_its_end(open_bench: Any) -> None:
    """Killed with a crossed bound and a device in the middle, that device alone is settled."""
    async with open_bench(12) as bench:
        plan = await bench.plan(
            budget=Budget(failures=0, ratio=0.0, least_attempted=1),
            pace=Pace(per_minute=6e6, per_server=None, at_once=2),
        )
        one, other, *_ = (step.device.name for step in plan.waves[1].steps)
        bench.fleet.camera(one).faults = Kind.WRITE_IGNORED
        bench.fleet.camera(other).latency_s = 0.3
        left: set[str] = set()

        def leave(event: Event) -> bool:
            if isinstance(event, StepChanged) and event.status.state in {S.INTENT, S.MISMATCH}:
                left.add(f"{event.step.device.name} {event.status.state.value}")
            return not {f"{one} mismatch", f"{other} intent"} <= left

        ran = await bench.begin(plan, leave)
        assert (ran.states[one], ran.states[other]) == (S.MISMATCH, S.INTENT)
        ran = await bench.resume(ran)
        assert ran.paused is not None
        assert (ran.states[one], ran.states[other]) == (S.MISMATCH, S.APPLIED)
        assert Counter(ran.states.values())[S.PLANNED] == 7


@pytest.mark.parametrize("bound", ["per_site", "per_server"])
async def test_a_site_and_a_server_have_a_pace_of_their_own(open_bench: Any, bound: str) -> None:
    """All of one site are pointed at one server: either bound spaces their writes."""
    async with open_bench(6, sites=("oslo",)) as bench:
        usual: dict[str, Any] = {"per_minute": 6e6, "per_server": None, bound: 10.0}
        began = bench.fleet.world.now()
        await bench.begin(await bench.plan(pace=Pace(**usual)))
        written = sorted(camera.writes[0].at - began for camera in bench.cameras)
        assert all(at >= 6.0 * place - 0.01 for place, at in enumerate(written))


async def test_a_later_wave_stops_when_its_budget_is_spent(open_bench: Any) -> None:
    """It overshoots by no more than are under way, and the rest is planned still."""
    async with open_bench(20) as bench:
        for camera in bench.cameras[3:]:
            camera.faults = Kind.WRITE_IGNORED
        plan = await bench.plan(
            staging=Staging(canary_alone_below=0, cap_ratio=1.0, growth=20.0),
            budget=Budget(failures=2, least_attempted=1),
            pace=Pace(per_minute=6e6, per_server=None, at_once=2),
        )
        ran = await bench.begin(plan)
        assert ran.paused is not None
        assert (ran.paused.wave, ran.paused.verdict) == (2, Verdict.FAILED)
        count = Counter(ran.states.values())
        assert count[S.APPLIED] == 3
        assert 3 <= count[S.MISMATCH] <= 4
        assert count[S.PLANNED] == 17 - count[S.MISMATCH]
        assert sum(bench.writes.values()) == 20 - count[S.PLANNED]


async def test_a_wave_that_is_judged_is_not_begun_again(open_bench: Any) -> None:
    """A resumed run goes on with what is left; waves that are over are passed over."""
    async with open_bench(16) as bench:
        for camera in bench.cameras[3:]:
            camera.faults = Fault(Kind.WRITE_LOST)
        ran = await bench.begin(await bench.plan())
        assert ran.paused is not None
        ran = await bench.resume(ran)
        waves = [event.wave for event in ran.events if isinstance(event, WaveStarted)]
        assert waves == [3]


async def test_a_crossed_bound_is_remembered_by_the_journal_alone(open_bench: Any) -> None:
    """Killed between a failure and its pause, a run does not begin another device."""
    async with open_bench(faults=Kind.WRITE_REFUSED) as bench:

        def leave(event: Event) -> bool:
            return not (isinstance(event, StepChanged) and event.status.state is S.FAILED)

        ran = await bench.begin(await bench.plan(), leave)
        bench.journal.close_run(ran.name, RunStatus.RUNNING)
        ran = await bench.resume(ran)
        assert ran.paused is not None
        assert ran.paused.cause == "error_4004"
        assert sum(bench.writes.values()) == 1


async def test_a_site_s_crossed_bound_is_remembered_too(open_bench: Any) -> None:
    """Whichever device comes last in the plan, all sites are looked at before a wave goes on."""
    async with open_bench(24, sites=("oslo", "lyon")) as bench:
        plan = await bench.plan(
            budget=Budget(site_failures=1, site_ratio=0.0, failures=99, least_attempted=1)
        )
        rollout = bench.rollout(plan)
        lyon, oslo = (
            [step for step in plan.waves[1].steps if step.device.site == site]
            for site in ("lyon", "oslo")
        )
        wrong = StepStatus(state=S.MISMATCH, cause="mismatch", message="as before", writes=1)
        right = StepStatus(state=S.APPLIED, writes=1)
        ended = [(step, right) for step in (*plan.waves[0].steps, oslo[-1])]
        for step, status in (*ended, (lyon[0], wrong), (lyon[1], wrong)):
            await bench.journal.note(rollout.name, step, status)
        ran = await bench.run(bench.resumed(rollout.name))
        assert ran.paused is not None
        assert (ran.paused.wave, ran.paused.count) == (2, 2)
        assert "2 of 4 failed in site lyon" in ran.paused.message
        assert sum(bench.writes.values()) == 0


async def test_what_was_begun_comes_first(open_bench: Any) -> None:
    """A device that was left in the middle is settled before others are begun."""
    async with open_bench(6) as bench:
        plan = await bench.plan(pace=Pace(per_minute=6e6, per_server=None, at_once=1))
        rollout, left = bench.rollout(plan), plan.waves[1].steps[1]
        for step in plan.waves[0].steps:
            await bench.journal.note(rollout.name, step, StepStatus(state=S.APPLIED, writes=1))
        await bench.journal.note(rollout.name, left, StepStatus(state=S.INTENT, writes=1))
        ran = await bench.run(bench.resumed(rollout.name))
        told = [event.step.device.name for event in ran.events if isinstance(event, StepChanged)]
        assert told[0] == left.device.name
        assert Counter(ran.states.values()) == {S.APPLIED: 6}


async def test_a_slow_listener_slows_the_run(
    open_bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While events are not taken, no more devices are begun: memory stays flat."""
    monkeypatch.setattr(course, "_EVENTS_AHEAD", 3)
    async with open_bench(12) as bench:
        plan = await bench.plan(pace=Pace(per_minute=6e6, per_server=None, at_once=1))
        rollout = bench.rollout(plan)
        stream, seen = rollout.run(), 0
        async for event in stream:
            if isinstance(event, StepChanged) and event.status.state is S.INTENT:
                seen += 1
                await asyncio.sleep(0.01)
                assert sum(bench.writes.values()) <= seen + 2
        assert seen == 12


async def test_a_journal_that_fails_ends_the_run(
    open_bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not durable is not sent; once the journal is well again, the run goes on."""
    async with open_bench(30, latency_s=0.002) as bench:
        plan = await bench.plan(pace=Pace(per_minute=6e6, per_server=None, at_once=2))
        write, batches = bench.journal._try, 0

        def fail(connection: Any, batch: Any) -> Exception | None:
            nonlocal batches
            batches += 1
            full = JournalError("journal: database or disk is full")
            return full if batches > 25 else write(connection, batch)

        rollout = bench.rollout(plan, name="tuesday")
        monkeypatch.setattr(bench.journal, "_try", fail)
        with pytest.raises(JournalError, match="full"):
            await bench.run(rollout)
        run = bench.journal.reader.load("tuesday")
        allowed = {name: status.writes for name, status in run.statuses.items()}
        written = bench.writes
        assert all(written[name] <= allowed[name] for name in written)
        assert 0 < sum(written.values()) < 30
        await asyncio.sleep(0.02)
        assert bench.writes == written
        monkeypatch.setattr(bench.journal, "_try", write)
        ran = await bench.run(bench.resumed("tuesday"))
        assert Counter(ran.states.values()) == {S.APPLIED: 30}
        assert max(len(camera.writes) for camera in bench.cameras) <= 2


async def test_a_journal_that_fails_for_a_moment_ends_the_run_at_once(
    open_bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row that could not be written is noticed though there is room for all devices."""
    async with open_bench(18, speed=60.0) as bench:
        plan = await bench.plan(
            pace=Pace(per_minute=100.0, per_server=None), staging=Staging(one_wave=True)
        )
        write, batches = bench.journal._try, 0

        def fail(connection: Any, batch: Any) -> Exception | None:
            nonlocal batches
            batches += 1
            return JournalError("busy") if batches == 10 else write(connection, batch)

        rollout = bench.rollout(plan)
        monkeypatch.setattr(bench.journal, "_try", fail)
        with pytest.raises(JournalError, match="busy"):
            await bench.run(rollout)
        assert 0 < sum(bench.writes.values()) < 17
