"""What there is to type about rollouts: `plan`, `apply`, and the group `rollout`."""

from __future__ import annotations

from typing import Final

import click

from axis_ntp_async.cli import options as shared
from axis_ntp_async.cli import rollout_options as rollout
from axis_ntp_async.cli.work import InOrder, work


@click.command()
@click.option(
    "--out", type=click.Path(dir_okay=False), metavar="FILE", help="Also write it there."
)
@click.option("--exit-code", is_flag=True, help="Leave with 10 when devices would change.")
@shared.output_option
@shared.policy_option
@rollout.preflight_options
@rollout.rule_options
@shared.fleet_options
def plan(
    options: shared.FleetOptions,
    rules: rollout.RuleOptions,
    preflight: rollout.PreflightOptions,
    policy: str | None,
    output: str | None,
    *,
    out: str | None,
    exit_code: bool,
) -> int:
    """
    Show what a policy would change; nothing is sent.

    Every device is read. Its time servers are asked, too: a mistyped address is found here.
    """
    how = {"output": output, "out": out, "exit_code": exit_code}
    return work("planning", "plan", options, policy, rules, preflight, **how)


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask; checks are made all the same.")
@shared.output_option
@shared.policy_option
@rollout.journal_option
@rollout.preflight_options
@rollout.rule_options
@shared.fleet_options
def apply(
    options: shared.FleetOptions,
    rules: rollout.RuleOptions,
    preflight: rollout.PreflightOptions,
    policy: str | None,
    *,
    journal: str | None,
    output: str | None,
    yes: bool,
) -> int:
    """
    Bring devices to what a policy wants, in waves.

    INVENTORY may also be a plan that 'axis-ntp plan --out' wrote. A few devices are changed first,
    then more and more; each is read before and after. It stops by itself when too many fail, and
    leaves with 3 then; 'axis-ntp rollout' resumes, undoes or ends it. What was sent is in the
    journal before it leaves, so it may be interrupted at any moment.
    """
    how = {"journal": journal, "output": output, "yes": yes}
    return work("rolling", "apply", options, policy, rules, preflight, **how)


@click.group("rollout", cls=InOrder)
def rollout_() -> None:
    """
    Look at runs; resume, undo or end them.

    RUN is the name of a run, or how it begins, or 'latest'.
    """


@rollout_.command("list")
@shared.output_option
@rollout.journal_option
def list_runs(journal: str | None, output: str | None) -> int:
    """List all runs, the last one first."""
    return work("runs", "list_runs", journal, output)


@rollout_.command("show")
@click.option("--device", metavar="NAME", help="Only this device, with all that became of it.")
@shared.output_option
@rollout.journal_option
@rollout.run_argument
def show_run(run: str, journal: str | None, output: str | None, device: str | None) -> int:
    """Show what came of a run."""
    return work("runs", "show_run", run, device, journal, output)


@rollout_.command("report")
@click.option("--out", type=click.Path(dir_okay=False), metavar="FILE", help="Write it there.")
@rollout.journal_option
@rollout.run_argument
def report_run(run: str, journal: str | None, out: str | None) -> int:
    """
    Write the audit document of a run, in Markdown.

    Who, when, by which policy, and for every device what it was before, is now, and how that was
    proved.
    """
    return work("runs", "report", run, journal, out=out)


@rollout_.command("resume")
@shared.output_option
@rollout.journal_option
@shared.pool_options
@rollout.run_argument
def resume(run: str, options: shared.PoolOptions, journal: str | None, output: str | None) -> int:
    """
    Go on with a run that was paused, interrupted or killed.

    What was left in the middle is read before anything is sent. Failures until then are borne;
    devices to which nothing was sent are tried again.
    """
    return work("rolling", "resume", run, options, journal, output)


@rollout_.command("rollback")
@click.option("--yes", is_flag=True, help="Do not ask; checks are made all the same.")
@shared.output_option
@rollout.journal_option
@rollout.rule_options
@shared.pool_options
@rollout.run_argument
def rollback(
    run: str,
    options: shared.PoolOptions,
    rules: rollout.RuleOptions,
    *,
    journal: str | None,
    output: str | None,
    yes: bool,
) -> int:
    """
    Restore what devices had before a run.

    It is a run of its own, in waves, those of the last wave first. Devices that somebody has
    changed since are left alone. Clocks may jump: that is what it is for.
    """
    how = {"journal": journal, "output": output, "yes": yes}
    return work("rolling", "rollback", run, options, rules, **how)


@rollout_.command("abort")
@rollout.journal_option
@rollout.run_argument
def abort(run: str, journal: str | None) -> int:
    """End a run for good; nothing is sent."""
    return work("runs", "abort", run, journal)


ROLLOUT_COMMANDS: Final = (plan, apply, rollout_)
"""In the order in which one meets them."""
