"""What holds of every run, whatever its devices do: nobody is lost, and all can be undone."""

import asyncio
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axis_ntp_async.rollout.events import Event, Finished, StepChanged
from axis_ntp_async.rollout.plan import Result, StepState
from axis_ntp_async.rollout.rules.settings import Budget, Pace, Staging
from axis_ntp_async.rollout.runs import RunStatus
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Fault, Kind

S = StepState

FATES: dict[str, Any] = {
    "well": (),
    "unanswered": Fault(Kind.WRITE_UNANSWERED, first=1),
    "lost": Fault(Kind.WRITE_LOST, first=1),
    "always lost": Kind.WRITE_LOST,
    "late": Fault(Kind.WRITE_LATE, seconds=3.0),
    "ignored": Kind.WRITE_IGNORED,
    "refused": Kind.WRITE_REFUSED,
    "dead": Kind.RESET,
    "broken": Kind.HTML,
    "jumpy": (),
}
REPEATED = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
FATED = st.lists(st.sampled_from(sorted(FATES)), min_size=1, max_size=9)
BUDGETS = st.builds(
    Budget,
    canary_failures=st.integers(0, 2),
    failures=st.integers(0, 3),
    site_failures=st.integers(0, 2),
    least_attempted=st.integers(1, 4),
    systemic=st.integers(1, 3),
    systemic_canary=st.integers(1, 3),
    unreachable=st.integers(0, 2),
)


def befall(cameras: tuple[Camera, ...], fates: list[str]) -> None:
    for camera, fate in zip(cameras, fates, strict=True):
        camera.faults = FATES[fate]
        if fate == "jumpy":
            camera.shift_clock(90.0)


async def to_its_end(bench: Any, ran: Any) -> Any:
    """Resume a run as often as it pauses; that must come to an end."""
    for _ in range(2 * len(bench.cameras) + 2):
        if ran.status is RunStatus.FINISHED:
            return ran
        ran = await bench.resume(ran)
    raise AssertionError("it pauses for ever")


@REPEATED
@given(fates=FATED, budget=BUDGETS, at_once=st.integers(1, 4))
def test_every_device_comes_to_one_end(
    open_bench: Any, fates: list[str], budget: Budget, at_once: int
) -> None:
    """However often the run pauses, sums add up, and what is told of a device is so."""

    async def main() -> None:
        async with open_bench(len(fates), sites=("oslo", "lyon", None)) as bench:
            plan = await bench.plan(
                budget=budget, pace=Pace(per_minute=6e6, per_server=None, at_once=at_once)
            )
            befall(bench.cameras, fates)
            ran = await bench.begin(plan)
            assert_adds_up(ran, len(fates))
            ran = await to_its_end(bench, ran)
            assert_adds_up(ran, len(fates))
            assert all(state.is_over for state in ran.states.values())
            for step in plan.steps:
                camera = bench.fleet.camera(step.device.name)
                result = ran.states[camera.name].result
                has_it = not step.after.changes_from(camera.configuration)
                assert has_it is (result is Result.CHANGED), (camera.faults, result)
                assert camera.write_attempts <= ran.run.statuses[camera.name].writes <= 3

    asyncio.run(main())


def assert_adds_up(ran: Any, count: int) -> None:
    last = ran.events[-1]
    assert isinstance(last, Finished)
    assert sum(last.states.values()) == len(ran.states) == count
    assert Counter(ran.states.values()) == Counter(last.states)


@REPEATED
@given(fates=FATED, budget=BUDGETS)
def test_undoing_restores_whatever_was_done(
    open_bench: Any, fates: list[str], budget: Budget
) -> None:
    """Paused or finished, every device has again what it had, once it can be reached."""

    async def main() -> None:
        async with open_bench(len(fates)) as bench:
            before = bench.told
            plan = await bench.plan(budget=budget)
            befall(bench.cameras, fates)
            ran = await bench.begin(plan)
            bench.clock.time.advance(60.0)
            for camera in bench.cameras:
                camera.faults = ()
            if any(status.writes for status in ran.run.statuses.values()):
                undone = await to_its_end(bench, await bench.undo(ran))
                assert {state.result for state in undone.states.values()} <= {
                    Result.CHANGED,
                    Result.UNCHANGED,
                }
            assert bench.told == before

    asyncio.run(main())


@REPEATED
@given(
    fates=st.lists(
        st.sampled_from(["well", "ignored", "refused", "dead", "always lost"]),
        min_size=8,
        max_size=8,
    ),
    order=st.randoms(use_true_random=False),
    failures=st.integers(0, 3),
    systemic=st.integers(1, 3),
)
def test_the_canary_never_exceeds_its_budget(
    *, open_bench: Any, fates: list[str], order: Any, failures: int, systemic: int
) -> None:
    """In whatever order devices fail: one above what is borne, and nobody of the next wave."""
    order.shuffle(fates)

    async def main() -> None:
        async with open_bench(len(fates)) as bench:
            plan = await bench.plan(
                budget=Budget(canary_failures=failures, systemic_canary=systemic),
                staging=Staging(canary_alone_below=0, canary_min=6, cap_ratio=1.0),
            )
            befall(bench.cameras, fates)
            ran = await bench.begin(plan)
            told = [one for one in ran.events if isinstance(one, StepChanged)]
            in_canary = [one.status for one in told if one.step.wave == 1]
            failed = [status for status in in_canary if status.is_failure]
            refused = [status for status in failed if status.cause == "error_4004"]
            assert len(failed) <= failures + 1
            assert len(refused) <= systemic
            if len(failed) > failures or len(refused) >= systemic:
                assert ran.status is RunStatus.PAUSED
                assert not [one for one in told if one.step.wave > 1]

    asyncio.run(main())


@REPEATED
@given(fates=FATED, budget=BUDGETS, left_at=st.lists(st.integers(0, 40), min_size=1, max_size=3))
def test_a_run_resumes_from_whatever_it_came_to(
    open_bench: Any, fates: list[str], budget: Budget, left_at: list[int]
) -> None:
    """Left after any number of events, and again, it ends as the run that nobody left."""

    async def end(leaves: list[int]) -> Any:
        async with open_bench(len(fates)) as bench:
            plan = await bench.plan(budget=budget, writes=9)
            befall(bench.cameras, fates)
            ran = None
            for count in leaves:
                events = iter(range(count))

                def listen(_: Event, events: Any = events) -> bool:
                    return next(events, None) is not None

                if ran is None:
                    ran = await bench.begin(plan, listen)
                elif ran.status is not RunStatus.FINISHED:
                    ran = await bench.resume(ran, listen)
            ran = await to_its_end(bench, ran or await bench.begin(plan))
            assert all(len({one.configuration for one in c.writes}) <= 1 for c in bench.cameras)
            return ran.states, bench.told

    assert asyncio.run(end(left_at)) == asyncio.run(end([]))
