"""The plan that undoes a run: the same steps turned round, those of its last wave first."""

from __future__ import annotations

import datetime as dt

from attrs import evolve

from axis_ntp_async.rollout.plan import Plan, Step, StepState, StepStatus
from axis_ntp_async.rollout.planning.waves import arranged_backwards
from axis_ntp_async.rollout.rules.settings import Proof, Rules
from axis_ntp_async.rollout.runs import Run


def rules_of_rollback(rules: Rules) -> Rules:
    """
    Give the rules of a run for undoing it.

    Clocks may jump: where a wrong server has moved them, moving them back is
    the very purpose. And what was there before need not be in sync, so that a
    device says it again is proof enough.
    """
    return evolve(rules, allow_step=True, proof=evolve(rules.proof, kind=Proof.READBACK))


def plan_of_rollback(run: Run, rules: Rules | None = None) -> Plan:
    """
    Give the plan that restores every device that a run has, or may have, written to.

    A device that somebody has changed since is left alone then, as in any run.

    Args:
        run: As its journal has it.
        rules: How carefully it is done; by default `rules_of_rollback` of its own.
    """
    rules = rules or rules_of_rollback(run.plan.rules)
    steps = [
        _turned_round(step, status)
        for step in run.plan.steps
        if (status := run.statuses[step.device.name]).writes
    ]
    return evolve(
        run.plan,
        made_at=dt.datetime.now(dt.UTC),
        rules=rules,
        steps=arranged_backwards(steps, rules),
        as_desired=(),
        unplannable=(),
        rollback_of=run.name,
    )


def _turned_round(step: Step, status: StepStatus) -> Step:
    """
    Give the step that undoes one.

    A device that made something else of the change starts from there. One that
    did not seem to have made it may still have done so later.
    """
    turned = evolve(step.turned_round(), clock_step_s=None, has_given_up=False)
    is_its_own = status.state in {StepState.MISMATCH, StepState.FAILED}
    found = status.found if is_its_own else None
    return evolve(turned, before=found) if found and found.changes_from(step.before) else turned
