"""A run from its beginning to its end: paused, resumed, stopped, left, ended, and undone."""

import asyncio
import datetime as dt
import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import pytest
from attrs import evolve

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import ServersSource
from axis_ntp_async.errors import JournalLockedError, RolloutError, StalePlanError
from axis_ntp_async.rollout.events import (
    Event,
    Finished,
    Paused,
    RunStarted,
    StepChanged,
    WaveJudged,
    WaveStarted,
)
from axis_ntp_async.rollout.journal.journal import Journal
from axis_ntp_async.rollout.plan import StepState
from axis_ntp_async.rollout.planning.undoing import plan_of_rollback
from axis_ntp_async.rollout.rollout import Rollout, abort
from axis_ntp_async.rollout.rules.proof import Verdict
from axis_ntp_async.rollout.rules.settings import Budget, Pace, ProofRules, Staging
from axis_ntp_async.rollout.runs import RunStatus
from axis_ntp_async.simulator.model.access import Access
from axis_ntp_async.simulator.model.faults import Kind

OLD = ("10.0.0.1",)
NEW = ("10.0.0.5", "10.0.0.6")
WANTED = NTPClientConfiguration(
    enabled=True, servers_source=ServersSource.STATIC, static_servers=NEW
)
ALL_APPLIED = Counter({StepState.APPLIED: 6})

S = StepState


def at_state(state: StepState, name: str = "cam-01") -> Any:
    """Leave the stream as soon as a device is told to be in a state."""

    def listen(event: Event) -> bool:
        if not isinstance(event, StepChanged):
            return True
        return (event.step.device.name, event.status.state) != (name, state)

    return listen


# What it tells.


async def test_its_stream_tells_what_happens(open_bench: Any) -> None:
    """It begins, waves begin and are judged, and at its end every device is counted."""
    async with open_bench() as bench:
        ran = await bench.begin(await bench.plan(), name="tuesday", by="me")
        first, *between, last = ran.events
        assert isinstance(first, RunStarted)
        assert (first.run, first.devices, first.waves) == ("tuesday", 6, (3, 3))
        assert (first.is_resumed, first.rollback_of) == (False, None)
        waves = [one for one in between if isinstance(one, WaveStarted | WaveJudged)]
        assert [(one.wave, type(one)) for one in waves] == [
            (1, WaveStarted),
            (1, WaveJudged),
            (2, WaveStarted),
            (2, WaveJudged),
        ]
        assert isinstance(last, Finished)
        assert (last.status, last.states) == (RunStatus.FINISHED, ALL_APPLIED)
        assert ran.run.summary.begun_by == "me"
        assert {wave.verdict for wave in ran.run.waves.values()} == {Verdict.HEALTHY}


async def test_a_plan_without_steps_is_finished_at_once(open_bench: Any) -> None:
    """Nothing to do is no failure."""
    async with open_bench(configuration=WANTED) as bench:
        plan = await bench.plan()
        assert (len(plan.steps), len(plan.as_desired)) == (0, 6)
        ran = await bench.begin(plan)
        assert ran.status is RunStatus.FINISHED
        assert [type(event) for event in ran.events] == [RunStarted, Finished]


async def test_its_name_is_made_of_the_time(open_bench: Any) -> None:
    """Two runs of one minute have different names."""
    async with open_bench(1) as bench:
        plan = await bench.plan()
        rollouts = [bench.rollout(plan) for _ in range(2)]
        assert len({one.name for one in rollouts}) == 2
        assert {len(one.name) for one in rollouts} == {len("20261123-1204-a1b2")}


# Plans that are not carried out.


async def test_a_plan_of_yesterday_is_refused(open_bench: Any) -> None:
    """Too much may have changed since; nothing is taken down."""
    async with open_bench(1) as bench:
        plan = await bench.plan()
        made_at = plan.made_at - dt.timedelta(hours=24, seconds=1)
        with pytest.raises(StalePlanError, match="more than 24 h ago"):
            bench.rollout(evolve(plan, made_at=made_at))
        assert bench.journal.reader.runs() == ()
        bench.rollout(evolve(plan, made_at=made_at + dt.timedelta(minutes=1)))


async def test_a_name_is_used_once(open_bench: Any) -> None:
    """A journal has one run of each name."""
    async with open_bench(1) as bench:
        plan = await bench.plan()
        bench.rollout(plan, name="tuesday")
        with pytest.raises(RolloutError, match="'tuesday' is already in journal"):
            bench.rollout(plan, name="tuesday")


async def test_one_journal_is_written_by_one_program(open_bench: Any) -> None:
    """A second one is refused while the first is at it, and told who that is."""
    async with open_bench(1) as bench:
        with pytest.raises(JournalLockedError, match="a test"), Journal(bench.journal.path):
            pass


async def test_two_runs_of_one_journal_do_not_mix(open_bench: Any) -> None:
    """One after the other, each has its own steps, and the second finds its work done."""
    async with open_bench() as bench:
        plan = await bench.plan()
        one = await bench.begin(plan, name="one")
        two = await bench.begin(plan, name="two")
        assert Counter(one.states.values()) == ALL_APPLIED
        assert two.paused is not None
        assert two.paused.message == "the canary proves nothing: none of its devices was changed"
        two = await bench.resume(two)
        assert Counter(two.states.values()) == {S.NOOP: 6}
        assert Counter(bench.journal.reader.load("one").statuses[n].state for n in one.states) == (
            ALL_APPLIED
        )
        assert set(bench.writes.values()) == {1}


# Pausing and resuming.


async def test_stopping_ends_what_is_under_way(open_bench: Any) -> None:
    """Nothing more is begun, nothing is left in the middle, and the run can go on."""
    async with open_bench(20, latency_s=0.01) as bench:
        plan = await bench.plan(pace=Pace(per_minute=6e6, per_server=None, at_once=4))

        def stop_in_the_second_wave(event: Event) -> None:
            if (
                isinstance(event, StepChanged)
                and event.step.wave == 2
                and event.status.state is S.INTENT
            ):
                bench.stop()

        ran = await bench.begin(plan, stop_in_the_second_wave)
        assert ran.paused is not None
        assert (ran.paused.wave, ran.paused.cause) == (2, "stopped")
        assert (ran.status, ran.run.summary.cause) == (RunStatus.PAUSED, "stopped")
        count = Counter(ran.states.values())
        assert set(count) == {S.APPLIED, S.PLANNED}
        assert 4 <= count[S.APPLIED] <= 3 + 2 * 4
        assert sum(bench.writes.values()) == count[S.APPLIED]
        ran = await bench.resume(ran)
        assert Counter(ran.states.values()) == {S.APPLIED: 20}
        assert set(bench.writes.values()) == {1}


async def test_stopping_before_anything_began(open_bench: Any) -> None:
    """The run is paused with every device planned."""
    async with open_bench() as bench:
        rollout = bench.rollout(await bench.plan())
        rollout.stop()
        ran = await bench.run(rollout)
        assert Counter(ran.states.values()) == {S.PLANNED: 6}
        assert [type(event) for event in ran.events[-2:]] == [Paused, Finished]


async def test_stopping_while_a_device_does_not_answer(open_bench: Any) -> None:
    """It is asked once more and stays unknown; resumed, it is read before anything is sent."""
    async with open_bench(speed=20.0) as bench:
        plan = await bench.plan(unknown_waits_s=(2000.0, 2000.0))
        bench.fleet.camera("cam-01").faults = Kind.WRITE_UNANSWERED

        def unplug_and_stop(event: Event) -> None:
            if isinstance(event, StepChanged) and event.status.state is S.UNKNOWN:
                bench.fleet.unplug("cam-01")
                asyncio.get_running_loop().call_later(0.05, bench.stop)

        ran = await bench.begin(plan, unplug_and_stop)
        assert ran.paused is not None
        assert ran.paused.verdict is None
        assert ran.states["cam-01"] is S.UNKNOWN
        await bench.fleet.plug_in("cam-01")
        ran = await bench.resume(ran)
        assert ran.states_of("cam-01") == [S.APPLIED]
        assert set(bench.writes.values()) == {1}


async def test_failures_that_somebody_has_seen_are_borne(open_bench: Any) -> None:
    """Each pause is about news only, and the run comes to its end."""
    async with open_bench(12) as bench:
        for camera in bench.cameras[:5]:
            camera.faults = Kind.WRITE_IGNORED
        plan = await bench.plan(budget=Budget(failures=1, ratio=0.0, least_attempted=1))
        ran = await bench.begin(plan)
        seen: list[str] = []
        while ran.paused is not None:
            assert set(seen).isdisjoint(ran.paused.devices)
            seen += ran.paused.devices
            ran = await bench.resume(ran)
        assert 2 <= len(seen) <= 5
        assert Counter(ran.states.values()) == {S.MISMATCH: 5, S.APPLIED: 7}


async def test_what_was_good_before_a_pause_still_counts(open_bench: Any) -> None:
    """A canary that changed two devices has proven something, however its third one ends."""
    async with open_bench() as bench:
        plan = await bench.plan(budget=Budget(unreachable=0, unreachable_ratio=0.0))
        bench.fleet.unplug("cam-03")
        ran = await bench.begin(plan)
        assert ran.status is RunStatus.PAUSED
        await bench.fleet.plug_in("cam-03")
        bench.fleet.camera("cam-03").shift_clock(90.0)
        ran = await bench.resume(ran)
        assert ran.paused is None
        assert ran.states["cam-03"] is S.SKIPPED


async def test_who_is_over_cannot_be_resumed(open_bench: Any) -> None:
    """Neither a run that is finished nor one that does not exist."""
    async with open_bench(1) as bench:
        ran = await bench.begin(await bench.plan())
        with pytest.raises(RolloutError, match="is finished: nothing to resume"):
            bench.resumed(ran.name)
        with pytest.raises(RolloutError, match="there is no such run"):
            bench.resumed("never")


# Leaving its stream.


@pytest.mark.parametrize(
    "state", [None, S.INTENT, S.ACKED, S.APPLIED, S.UNKNOWN], ids=lambda one: one and one.value
)
async def test_leaving_the_stream_early_leaves_nothing_behind(
    open_bench: Any, state: StepState | None
) -> None:
    """No task, no timer, no place in the pool, no connection in use; it resumes as if killed."""
    faults = Kind.WRITE_UNANSWERED if state is S.UNKNOWN else ()
    async with open_bench(12, latency_s=0.005, faults=faults) as bench:
        plan = await bench.plan(staging=Staging(one_wave=True))
        tasks = asyncio.all_tasks()
        loop: Any = asyncio.get_running_loop()
        timers = set(live(loop._scheduled))
        listen = at_state(state, "cam-03") if state else lambda _: False
        ran = await bench.begin(plan, listen)
        assert ran.status is RunStatus.RUNNING
        assert bench.pool._shared.runs == []
        assert (bench.pool._shared.slots.at_work, bench.pool._shared.slots.parked) == (0, 0)
        assert len(bench.pool._way.http_session.connector._acquired) == 0
        await calm(tasks)
        ours = [one for one in live(loop._scheduled) if "axis_ntp_async/rollout" in repr(one)]
        assert set(ours) <= timers
        gc.collect()
        ran = await bench.resume(ran)
        assert Counter(ran.states.values()) == {S.APPLIED: 12}
        assert max(len(camera.writes) for camera in bench.cameras) <= 2


def live(timers: list[asyncio.TimerHandle]) -> Iterator[asyncio.TimerHandle]:
    return (timer for timer in timers if not timer.cancelled())


async def calm(before: set[asyncio.Task[Any]]) -> None:
    """Wait until the simulated fleet, too, has noticed that its callers left."""
    async with asyncio.timeout(5):
        while asyncio.all_tasks() - before:  # noqa: ASYNC110  nobody tells when a task is over
            await asyncio.sleep(0.01)


async def test_cancelling_whoever_listens_ends_the_run(open_bench: Any) -> None:
    """At whatever moment, and it can be resumed."""
    async with open_bench(12, latency_s=0.005) as bench:
        plan = await bench.plan()
        rollout = bench.rollout(plan)
        before = asyncio.all_tasks()
        listening = asyncio.create_task(bench.run(rollout))
        await asyncio.sleep(0.05)
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening
        await calm(before)
        ran = await bench.run(bench.resumed(rollout.name))
        assert Counter(ran.states.values()) == {S.APPLIED: 12}


# Ending it for good.


async def test_aborting_a_paused_run(open_bench: Any) -> None:
    """What was not begun is told as aborted, and nothing is sent to anybody any more."""
    async with open_bench(faults=Kind.WRITE_REFUSED) as bench:
        ran = await bench.begin(await bench.plan())
        run = abort(bench.journal, ran.name)
        assert run.summary.status is RunStatus.ABORTED
        assert Counter(one.state for one in run.statuses.values()) == {S.FAILED: 1, S.ABORTED: 5}
        with pytest.raises(RolloutError, match="is aborted: nothing to resume"):
            bench.resumed(ran.name)
        with pytest.raises(RolloutError, match="is aborted: nothing to abort"):
            abort(bench.journal, ran.name)


async def test_aborting_a_run_that_was_killed(open_bench: Any) -> None:
    """Of a device that was being written to nobody knows what came of it."""
    async with open_bench() as bench:
        ran = await bench.begin(await bench.plan(), at_state(S.INTENT))
        run = abort(bench.journal, ran.name)
        assert run.statuses["cam-01"].state is S.INCONCLUSIVE
        assert Counter(one.state for one in run.statuses.values())[S.ABORTED] == 5


# Undoing it.


async def test_undoing_restores_every_device(open_bench: Any) -> None:
    """The original run is rolled back, which is the end of it."""
    async with open_bench(16) as bench:
        before = bench.told
        ran = await bench.begin(await bench.plan())
        assert bench.told != before
        undone = await bench.undo(ran)
        assert Counter(undone.states.values()) == {S.APPLIED: 16}
        assert undone.run.plan.rollback_of == ran.name
        assert bench.told == before
        assert bench.journal.reader.load(ran.name).summary.status is RunStatus.ROLLED_BACK
        with pytest.raises(RolloutError, match="is rolled back: nothing to resume"):
            bench.resumed(ran.name)
        with pytest.raises(RolloutError, match="is rolled back already"):
            bench.rollback(ran.name)


async def test_what_a_rollback_left_behind_can_be_undone_later(open_bench: Any) -> None:
    """A device that did not answer keeps the run from being rolled back; the next try gets it."""
    async with open_bench(6) as bench:
        before = bench.told
        ran = await bench.begin(await bench.plan())
        bench.cameras[2].faults = Kind.RESET
        undone = await bench.undo(ran)
        assert undone.states[bench.cameras[2].name] is S.UNREACHABLE
        assert bench.journal.reader.load(ran.name).summary.status is RunStatus.FINISHED
        bench.cameras[2].faults = ()
        again = await bench.undo(ran)
        assert Counter(again.states.values()) == {S.NOOP: 5, S.APPLIED: 1}
        assert bench.told == before
        assert bench.journal.reader.load(ran.name).summary.status is RunStatus.ROLLED_BACK


async def test_nothing_is_begun_beside_a_run_that_is_under_way(open_bench: Any) -> None:
    """Neither the same one again, nor another, nor what would undo or end it."""
    async with open_bench(6) as bench:
        plan = await bench.plan()
        rollout = bench.rollout(plan)
        async with aclosing(rollout.run()) as events:
            await anext(events)
            for begin in (
                lambda: bench.rollout(plan),
                lambda: bench.resumed(rollout.name),
                lambda: abort(bench.journal, rollout.name),
            ):
                with pytest.raises(RolloutError, match="is under way"):
                    begin()
            with pytest.raises(RolloutError, match="is under way"):
                await anext(rollout.run())
        assert bench.journal.running is None


async def test_a_failed_wave_is_judged_again_when_nobody_paused_for_it(open_bench: Any) -> None:
    """Killed between the verdict on its canary and the pause, a run does not go on by itself."""
    async with open_bench(16) as bench:
        for camera in bench.cameras:
            camera.faults = Kind.WRITE_IGNORED
        ran = await bench.begin(await bench.plan())
        assert ran.paused is not None
        bench.journal.close_run(ran.name, RunStatus.RUNNING)
        ran = await bench.resume(ran)
        assert ran.paused is not None
        assert (ran.paused.wave, sum(bench.writes.values())) == (1, 2)


@pytest.mark.parametrize(
    "before",
    [
        evolve(WANTED, static_servers=()),
        evolve(WANTED, static_servers=OLD, minpoll=4, maxpoll=7),
        evolve(WANTED, servers_source=ServersSource.DHCP, static_servers=()),
        evolve(WANTED, servers_source=ServersSource.DHCP, static_servers=OLD),
        evolve(WANTED, enabled=False, static_servers=("old.example", "10.0.0.1")),
        evolve(
            WANTED, static_servers=OLD, nts_enabled=True, static_ntske_servers=("nts.example",)
        ),
        evolve(WANTED, static_servers=OLD, ntske_server_ca_certs=("ca",)),
    ],
    ids=["cleared", "poll", "dhcp", "dhcp-with-list", "off", "nts", "certificates"],
)
@pytest.mark.parametrize(
    "wanted",
    [
        WANTED,
        NTPClientConfiguration(minpoll=5, maxpoll=8, static_servers=NEW, enabled=True),
        NTPClientConfiguration(
            nts_enabled=True,
            static_ntske_servers=("nts.other.example",),
            ntske_server_ca_certs=("other",),
        ),
    ],
    ids=["servers", "polls", "nts"],
)
@pytest.mark.parametrize("resets_absent", [False, True])
async def test_undoing_restores_exactly_what_was_there(
    *,
    open_bench: Any,
    before: NTPClientConfiguration,
    wanted: NTPClientConfiguration,
    resets_absent: bool,
) -> None:
    """Empty lists, poll bounds and the source, also where a write resets what it leaves out."""
    async with open_bench(3, configuration=before, resets_absent=resets_absent) as bench:
        had = bench.told
        budget = Budget(canary_failures=9, failures=9, site_failures=9)
        ran = await bench.begin(await bench.plan(wanted, budget=budget))
        assert all(not wanted.changes_from(one) for one in bench.told.values())
        undone = await bench.undo(ran)
        assert undone.status is RunStatus.FINISHED
        assert bench.told == had


async def test_undoing_leaves_alone_what_somebody_changed_since(open_bench: Any) -> None:
    """It is a conflict, and so told."""
    other = evolve(WANTED, static_servers=("10.9.9.9",))
    async with open_bench() as bench:
        ran = await bench.begin(await bench.plan())
        bench.fleet.camera("cam-02").configure(other)
        undone = await bench.undo(ran)
        assert Counter(undone.states.values()) == {S.CONFLICT: 1, S.APPLIED: 5}
        assert bench.told["cam-02"].static_servers == ("10.9.9.9",)


async def test_undoing_begins_with_the_last_wave(open_bench: Any) -> None:
    """The canary of the run is the last to be restored."""
    async with open_bench(16) as bench:
        ran = await bench.begin(await bench.plan())
        numbers = {step.device.name: step.wave for step in ran.run.plan.steps}
        plan = plan_of_rollback(ran.run)
        waves = [numbers[step.device.name] for step in plan.steps]
        assert waves == sorted(waves, reverse=True)
        await bench.undo(ran)
        at = {camera.name: camera.writes[-1].at for camera in bench.cameras}
        first, last = plan.steps[0].device.name, plan.steps[-1].device.name
        assert at[first] <= at[last]
        assert (numbers[first], numbers[last]) == (3, 1)


async def test_undoing_a_paused_run_ends_it(open_bench: Any) -> None:
    """Only devices that were written to are restored, whatever they came to."""
    async with open_bench() as bench:
        before = bench.told
        bench.fleet.camera("cam-01").faults = Kind.WRITE_IGNORED
        bench.fleet.camera("cam-02").faults = Kind.WRITE_REFUSED
        ran = await bench.begin(await bench.plan())
        assert ran.status is RunStatus.PAUSED
        undone = await bench.undo(ran)
        assert undone.states == {"cam-01": S.NOOP, "cam-02": S.NOOP}
        assert bench.told == before
        original = bench.journal.reader.load(ran.name)
        assert original.summary.status is RunStatus.ROLLED_BACK
        assert Counter(one.state for one in original.statuses.values())[S.ABORTED] == 4


async def test_undoing_a_run_that_was_killed(open_bench: Any) -> None:
    """A device in the middle is restored, or found to be as it was."""
    async with open_bench() as bench:
        before = bench.told
        ran = await bench.begin(await bench.plan(), at_state(S.INTENT, "cam-02"))
        undone = await bench.undo(ran)
        assert set(undone.states) == {"cam-01", "cam-02"}
        assert bench.told == before


async def test_nothing_was_written_so_there_is_nothing_to_undo(open_bench: Any) -> None:
    """The run stays as it is."""
    async with open_bench() as bench:
        rollout = bench.rollout(await bench.plan())
        rollout.stop()
        ran = await bench.run(rollout)
        with pytest.raises(RolloutError, match="nothing to undo"):
            bench.rollback(ran.name)
        assert bench.journal.reader.load(ran.name).summary.status is RunStatus.PAUSED


async def test_an_old_plan_of_a_rollback_leaves_the_run_as_it_is(open_bench: Any) -> None:
    """It is refused before the run is ended for it."""
    async with open_bench(faults=Kind.WRITE_IGNORED) as bench:
        ran = await bench.begin(await bench.plan())
        plan = plan_of_rollback(ran.run)
        plan = evolve(plan, made_at=plan.made_at - dt.timedelta(days=2))
        with pytest.raises(StalePlanError):
            Rollout.undo(bench.pool, bench.journal, plan)
        assert bench.journal.reader.load(ran.name).summary.status is RunStatus.PAUSED


async def test_a_rollback_can_be_paused_resumed_and_undone(open_bench: Any) -> None:
    """It is a run like any other, and its end is that of the original."""
    async with open_bench() as bench:
        before = bench.told
        ran = await bench.begin(await bench.plan())
        after = bench.told

        def stop(event: Event) -> None:
            if isinstance(event, StepChanged) and event.status.state is S.APPLIED:
                bench.stop()

        undone = await bench.undo(ran, stop)
        assert undone.status is RunStatus.PAUSED
        assert bench.journal.reader.load(ran.name).summary.status is RunStatus.FINISHED
        undone = await bench.resume(undone)
        assert bench.told == before
        assert bench.journal.reader.load(ran.name).summary.status is RunStatus.ROLLED_BACK
        again = await bench.undo(undone)
        assert again.status is RunStatus.FINISHED
        assert bench.told == after


async def test_a_rollback_may_move_clocks_back(open_bench: Any) -> None:
    """Where a wrong server has moved them, that is the very purpose."""
    async with open_bench() as bench:
        wrong = evolve(WANTED, static_servers=("10.0.0.37",))
        ran = await bench.begin(await bench.plan(wrong, proof=ProofRules()))
        assert ran.paused is not None
        assert ran.paused.cause == "skew"
        undone = await bench.undo(ran)
        assert Counter(undone.states.values()) == {S.APPLIED: 3}
        bench.clock.time.advance(60.0)
        assert all(abs(camera.clock_error_s) < 1 for camera in bench.cameras)


# What must never happen.


async def test_a_step_that_leaves_the_table_is_a_bug(open_bench: Any) -> None:
    """It ends the run with a word, and is not taken down."""
    async with open_bench(1) as bench:
        course = bench.rollout(await bench.plan())._course
        [step] = course.plan.steps
        healthy = evolve(course.status(step), state=S.HEALTHY)
        with pytest.raises(RuntimeError, match="cannot become"):
            await course.move(step, healthy)
        assert course.state(step) is S.PLANNED


async def test_a_run_whose_sums_do_not_add_up_is_a_bug(open_bench: Any) -> None:
    """It is told, not glossed over."""
    async with open_bench(1) as bench:
        course = bench.rollout(await bench.plan())._course
        with pytest.raises(RolloutError, match="a bug of this program"):
            course.check_sums()


async def test_a_login_is_made_once(open_bench: Any) -> None:
    """Challenges are remembered by the pool over all that is done with a device."""
    async with open_bench(access=Access(), credentials="fleet") as bench:
        await bench.begin(await bench.plan(proof=ProofRules(soak_s=0.0, soak_canary_s=0.0)))
        assert sum(bench.fleet.counters.logins_refused.values()) == 0
        assert {bench.fleet.counters.connections[one.name] for one in bench.cameras} == {1}
