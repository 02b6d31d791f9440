"""`plan`: what a policy would change, and what becomes of clocks and time servers then."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from axis_ntp_async.cli import loop
from axis_ntp_async.cli.exits import ExitCode, say
from axis_ntp_async.cli.fleet import Fleet, counted, open_fleet, pool_of, stoppable
from axis_ntp_async.cli.journals import who
from axis_ntp_async.cli.options import FleetOptions, PoolOptions
from axis_ntp_async.cli.policies import check_policy, policy_at
from axis_ntp_async.cli.rollout_options import (
    PreflightOptions,
    RuleOptions,
    only_typed,
    rules_of,
    typed,
)
from axis_ntp_async.cli.showing import Results
from axis_ntp_async.errors import AxisNTPError, SettingsError
from axis_ntp_async.report.progress import progress
from axis_ntp_async.report.rollout.documents import (
    PLANNED_COLUMNS,
    plan_summary_document,
    planned_document,
)
from axis_ntp_async.report.rollout.plans import plan_table
from axis_ntp_async.rollout.plan import Plan, Step, Unplannable
from axis_ntp_async.rollout.planning.document import write_plan
from axis_ntp_async.rollout.planning.making import DesiredOf, Planned, plan_of, planned
from axis_ntp_async.rollout.planning.waves import arranged
from axis_ntp_async.rollout.preflight import preflight as ask_servers
from axis_ntp_async.rollout.rollout import check_age
from axis_ntp_async.rollout.rules.settings import ONE_WAVE_MAX
from axis_ntp_async.rollout.servers.checks import ServerCheck

_LOGIN_OR_TRUST: Final = frozenset({"login", "certificate", "identity"})
_NOT_TRIED: Final = "not_tried"
"""Beside refused logins: the credentials were suspended, so that nobody is locked out."""

_IN_THE_PLAN: Final = ("limit", "format", "columns", "policy", "username", "password_from", "tls")
"""Options that say what a plan is made of; none of them is asked any more once it is made."""


@frozen
class Made:
    """
    A plan, and what it was made of.

    Attributes:
        plan: The plan.
        found: What planning came to for each device.
        checks: What is thought of its time servers; empty when they were not asked.
    """

    plan: Plan
    found: Sequence[Planned]
    checks: tuple[ServerCheck, ...] = ()


def plan(
    options: FleetOptions,
    policy_file: str | None,
    rules: RuleOptions,
    preflight: PreflightOptions,
    *,
    output: str | None,
    out: str | None,
    exit_code: bool,
) -> ExitCode:
    """Read the selected devices, and show what would have to change; nothing is sent."""
    made = make(options, policy_file, rules, preflight)
    fault = fault_of_servers(made.checks, preflight)
    if out and not fault:
        write_plan(made.plan, Path(out))
    show_plan(made, output)
    if fault:
        raise SettingsError(fault)
    if out:
        how = f"; carry it out with: axis-ntp apply {shlex.quote(out)}" if made.plan.steps else ""
        say(f"plan written to {out}{how}")
    if exit_code and made.plan.steps:
        return ExitCode.CHANGES_PENDING
    return exit_code_of_unplannable(made.plan)


def make(
    options: FleetOptions,
    policy_file: str | None,
    rules: RuleOptions,
    preflight: PreflightOptions,
) -> Made:
    """Read the selected devices, and give the plan that a policy makes of that."""
    wanted, policy = rules_of(rules), policy_at(policy_file)
    fleet = open_fleet(options)
    check_policy(policy, fleet.listed, strict=True)
    found = loop.run(_look(fleet, options, policy.configuration_for))
    made = evolve(
        plan_of(found, wanted),
        made_by=who(),
        inventory=fleet.source,
        policy=policy.source,
        policy_digest=policy.digest,
        credentials=fleet.references,
    )
    return _made(made, found, preflight)


def again(made: Plan, rules: RuleOptions, preflight: PreflightOptions) -> Made:
    """
    Take a plan from a file, with the rules that were typed now in place of its own.

    Raises:
        StalePlanError: It is more than a day old.
        SettingsError: It was typed, too, which devices to select, or what they shall be.
    """
    check_age(made)
    if idle := typed(_IN_THE_PLAN):
        raise SettingsError(
            f"{', '.join(idle)}: a plan is carried out as it was made; make it anew for others"
        )
    wanted = rules_of(only_typed(rules), made.rules)
    if wanted != made.rules:
        made = evolve(made, rules=wanted, steps=arranged(made.steps, wanted))
    return _made(made, (*made.steps, *made.unplannable), preflight)


def _made(made: Plan, found: Sequence[Planned], preflight: PreflightOptions) -> Made:
    if made.rules.staging.one_wave and len(made.steps) > ONE_WAVE_MAX:
        say(
            f"--one-wave is for up to {ONE_WAVE_MAX} devices: "
            f"these {len(made.steps)} are changed in {len(made.waves)} waves"
        )
    return Made(made, found, _checks(made, preflight))


async def _look(fleet: Fleet, options: PoolOptions, desired_of: DesiredOf) -> list[Planned]:
    found: list[Planned] = []
    async with pool_of(fleet, options) as pool:
        with (
            stoppable(pool),
            progress(len(fleet.devices), shown=not options.quiet) as advance,
        ):
            async with aclosing(planned(pool, fleet.devices, desired_of)) as looking:
                async for one in looking:
                    found.append(one)
                    advance(not isinstance(one, Unplannable))
    return found


def _checks(made: Plan, preflight: PreflightOptions) -> tuple[ServerCheck, ...]:
    servers = (*made.targets, *made.ntske_targets)
    if not servers or not (preflight.preflight or preflight.require_preflight):
        return ()
    try:
        return loop.run(ask_servers(made.targets, made.ntske_targets))
    except AxisNTPError as error:
        if preflight.require_preflight:
            raise
        say(f"time servers were not asked: {error}")
        return ()


def fault_of_servers(checks: Sequence[ServerCheck], preflight: PreflightOptions) -> str | None:
    """Tell which time servers are not good, where all of them are required to be."""
    bad = [check.server for check in checks if not check.is_ok]
    if not bad or not preflight.require_preflight:
        return None
    return (
        f"--require-preflight: {counted(len(bad), 'time server')} cannot be relied on: "
        f"{', '.join(bad)}; nothing was sent"
    )


def show_plan(made: Made, output: str | None) -> None:
    """Show a plan, or give its documents."""
    results = Results[Planned](
        "plan-list",
        planned_document,
        lambda *_: plan_table(made.plan, made.checks),
        PLANNED_COLUMNS,
        output,
    )
    others = [one for one in made.found if not isinstance(one, Step)]
    for one in (*made.plan.steps, *others):
        results.add(one)
    results.end(plan_summary_document(made.plan, made.checks))


def exit_code_of_unplannable(made: Plan) -> ExitCode:
    """Give the exit code for devices that cannot be brought to what is wanted."""
    causes = {one.problem.cause.value for one in made.unplannable}
    if not causes:
        return ExitCode.OK
    others = causes - _LOGIN_OR_TRUST
    is_login = others <= {_NOT_TRIED} and others != causes
    return ExitCode.LOGIN_OR_TRUST if is_login else ExitCode.SOME_FAILED
