"""The plan that undoes a run: what may have been written, turned round, the last wave first."""

import datetime as dt
from collections.abc import Callable

import pytest
from attrs import evolve

from axis_ntp_async.health.finding import Cause, Problem, State
from axis_ntp_async.rollout.plan import Plan, Step, StepState, StepStatus, Unplannable
from axis_ntp_async.rollout.planning.undoing import plan_of_rollback, rules_of_rollback
from axis_ntp_async.rollout.rules.settings import Proof, ProofRules, Rules, Staging
from axis_ntp_async.rollout.runs import Run, RunStatus, RunSummary

AT = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)

MakeStep = Callable[..., Step]


def run_of(plan: Plan, statuses: dict[str, StepStatus]) -> Run:
    untouched = {step.device.name: StepStatus() for step in plan.steps}
    summary = RunSummary(
        name="20261123-1200-ab12", status=RunStatus.PAUSED, begun_at=AT, begun_by="ada"
    )
    return Run(summary=summary, plan=plan, statuses={**untouched, **statuses}, waves={})


def written(state: StepState) -> StepStatus:
    return StepStatus(state=state, writes=1)


def test_only_what_may_have_been_written_is_undone(make_step: MakeStep) -> None:
    """Devices to which nothing was sent are left out, whatever became of them."""
    plan = Plan(made_at=AT, steps=tuple(make_step(name) for name in "abcdef"))
    statuses = {
        "a": written(StepState.HEALTHY),
        "b": written(StepState.UNKNOWN),
        "c": written(StepState.FAILED),
        "d": StepStatus(state=StepState.FAILED),
        "e": StepStatus(state=StepState.NOOP),
    }
    undoing = plan_of_rollback(run_of(plan, statuses))
    assert [step.device.name for step in undoing.steps] == ["a", "b", "c"]
    assert undoing.rollback_of == "20261123-1200-ab12"
    assert undoing.made_at > plan.made_at


def test_steps_are_turned_round_and_forecasts_forgotten(make_step: MakeStep) -> None:
    """It leads from what was wanted to what was there, and nobody knows what clocks will do."""
    step = make_step("a", clock_step_s=3.0, has_given_up=True, is_sampled=True)
    plan = Plan(
        made_at=AT,
        made_by="ada",
        steps=(step,),
        as_desired=("x",),
        unplannable=(
            Unplannable(
                device=step.device,
                problem=Problem(cause=Cause.LOGIN, state=State.UNKNOWN, message="no", hint=""),
            ),
        ),
    )
    undoing = plan_of_rollback(run_of(plan, {"a": written(StepState.HEALTHY)}))
    [turned] = undoing.steps
    assert (turned.before, turned.after) == (step.after, step.before)
    assert (turned.clock_step_s, turned.has_given_up, turned.is_sampled) == (None, False, False)
    assert (undoing.as_desired, undoing.unplannable, undoing.made_by) == ((), (), "ada")


@pytest.mark.parametrize("state", [StepState.MISMATCH, StepState.CONFLICT])
def test_a_device_that_made_something_else_of_it(make_step: MakeStep, state: StepState) -> None:
    """It starts from what it made of our write, but never from what somebody else has set."""
    step = make_step("a")
    found = evolve(step.after, static_servers=("10.0.0.5",))
    plan = Plan(made_at=AT, steps=(step,))
    status = StepStatus(state=state, writes=1, found=found)
    [turned] = plan_of_rollback(run_of(plan, {"a": status})).steps
    assert turned.before == (found if state is StepState.MISMATCH else step.after)
    for nothing_new in (None, step.before):
        status = StepStatus(state=state, writes=1, found=nothing_new)
        [turned] = plan_of_rollback(run_of(plan, {"a": status})).steps
        assert turned.before == step.after


def test_the_last_wave_is_undone_first(make_step: MakeStep) -> None:
    """Waves are made anew, in the order of the way back."""
    plan = Plan(
        made_at=AT, steps=tuple(make_step(str(number), wave=number) for number in range(1, 4))
    )
    statuses = {name: written(StepState.APPLIED) for name in "123"}
    undoing = plan_of_rollback(run_of(plan, statuses))
    assert [step.device.name for step in undoing.steps] == ["3", "2", "1"]
    assert [step.wave for step in undoing.steps] == [1, 2, 3]


def test_the_rules_of_a_rollback() -> None:
    """Clocks may jump back, and what was there before need not be in sync; the rest stays."""
    rules = Rules(staging=Staging(growth=2.0), proof=ProofRules(soak_s=5.0))
    undoing = rules_of_rollback(rules)
    assert (undoing.allow_step, undoing.proof.kind) == (True, Proof.READBACK)
    assert (undoing.staging, undoing.proof.soak_s) == (rules.staging, 5.0)


def test_rules_may_be_given(make_step: MakeStep) -> None:
    """Whoever undoes may choose other rules."""
    plan = Plan(made_at=AT, steps=(make_step("a"),))
    run = run_of(plan, {"a": written(StepState.APPLIED)})
    assert plan_of_rollback(run, Rules()).rules == Rules()
    assert plan_of_rollback(run).rules == rules_of_rollback(plan.rules)
