"""`sweep`: the sync health of the selected devices."""

from __future__ import annotations

import functools
from contextlib import aclosing

from attrs import evolve

from axis_ntp_async.cli import loop
from axis_ntp_async.cli.exits import ExitCode
from axis_ntp_async.cli.fleet import Fleet, exit_code_of, open_fleet, pool_of, stoppable
from axis_ntp_async.cli.options import FleetOptions, ThresholdOptions
from axis_ntp_async.cli.policies import check_policy, policy_at
from axis_ntp_async.cli.showing import Results
from axis_ntp_async.errors import ConfigurationError, DeviceError, SettingsError
from axis_ntp_async.health.finding import PROFILES, State, Thresholds
from axis_ntp_async.health.sweep import Desired
from axis_ntp_async.health.sweep import sweep as sweep_devices
from axis_ntp_async.report.documents import FINDING_COLUMNS, finding_document, summary_document
from axis_ntp_async.report.progress import progress
from axis_ntp_async.report.tables import findings_table
from axis_ntp_async.report.terminal import show
from axis_ntp_async.report.totals import summary_table


def sweep(
    options: FleetOptions,
    thresholds: ThresholdOptions,
    output: str | None,
    policy_file: str | None,
    *,
    show_all: bool,
) -> ExitCode:
    """Sweep the selected devices."""
    wanted = thresholds_of(thresholds)
    policy = policy_at(policy_file) if policy_file else None
    fleet = open_fleet(options)
    if policy is not None:
        check_policy(policy, fleet.listed, strict=False)
    desired = policy.configuration_for if policy else None
    return loop.run(
        sweep_fleet(fleet, options, wanted, output, show_all=show_all, desired=desired)
    )


async def sweep_fleet(
    fleet: Fleet,
    options: FleetOptions,
    thresholds: Thresholds,
    output: str | None,
    *,
    show_all: bool,
    desired: Desired | None = None,
) -> ExitCode:
    """Sweep, show the findings and the summary, and judge the whole."""
    table = functools.partial(findings_table, show_all=show_all)
    results = Results("sweep", finding_document, table, FINDING_COLUMNS, output)
    errors: list[DeviceError] = []
    is_critical = False
    async with pool_of(fleet, options) as pool:
        with stoppable(pool):
            with progress(len(fleet.devices), shown=results.leaves_room(options)) as advance:
                sweeping = sweep_devices(
                    pool, fleet.devices, thresholds=thresholds, desired=desired
                )
                async with aclosing(sweeping) as findings:
                    async for finding in findings:
                        results.add(finding)
                        if finding.error is not None:
                            errors.append(finding.error)
                        elif finding.state is State.CRITICAL:
                            is_critical = True
                        advance(finding.state is State.OK)
            results.end(summary_document(findings.summary))
            if results.is_table:
                show("", summary_table(findings.summary))
    return exit_code_of(errors, others_failed=is_critical)


def thresholds_of(options: ThresholdOptions) -> Thresholds:
    """Give the thresholds that the options describe."""
    given = {
        member: getattr(options, member)
        for member in _MEMBERS
        if getattr(options, member) is not None
    }
    try:
        return evolve(PROFILES[options.profile], **given)
    except ConfigurationError as error:
        raise SettingsError("\n".join(map(_in_options, error.faults))) from error


_MEMBERS = ("offset_warning_ms", "offset_critical_ms", "skew_warning_s", "skew_critical_s")


def _in_options(fault: str) -> str:
    for member in _MEMBERS:
        fault = fault.replace(member, f"--{member.replace('_', '-')}")
    return f"{fault}; set both"
