"""`sweep`: the sync health of the selected devices."""

from __future__ import annotations

import functools
from contextlib import aclosing

from attrs import evolve
from rich.console import Console

from axis_ntp_async.cli.fleet import Fleet, exit_code_of, open_fleet, pool_of, stoppable
from axis_ntp_async.cli.main import ExitCode
from axis_ntp_async.cli.options import FleetOptions, ThresholdOptions
from axis_ntp_async.cli.showing import Results
from axis_ntp_async.errors import DeviceError
from axis_ntp_async.health.finding import PROFILES, State, Thresholds
from axis_ntp_async.health.sweep import sweep as sweep_devices
from axis_ntp_async.report.documents import FINDING_COLUMNS, finding_document, summary_document
from axis_ntp_async.report.progress import progress
from axis_ntp_async.report.tables import findings_table, summary_table


async def sweep(
    options: FleetOptions, thresholds: ThresholdOptions, output: str | None, *, show_all: bool
) -> ExitCode:
    """Sweep the selected devices."""
    return await sweep_fleet(open_fleet(options), options, thresholds, output, show_all=show_all)


async def sweep_fleet(
    fleet: Fleet,
    options: FleetOptions,
    thresholds: ThresholdOptions,
    output: str | None,
    *,
    show_all: bool,
) -> ExitCode:
    """Sweep, show the findings and the summary, and judge the whole."""
    table = functools.partial(findings_table, show_all=show_all)
    results = Results("sweep", finding_document, table, FINDING_COLUMNS, output)
    errors: list[DeviceError | None] = []
    with progress(len(fleet.devices), shown=not options.quiet) as advance:
        async with (
            stoppable(pool_of(fleet, options)) as pool,
            aclosing(
                sweep_devices(pool, fleet.devices, thresholds=_thresholds(thresholds))
            ) as findings,
        ):
            async for finding in findings:
                results.add(finding)
                errors.append(finding.error)
                advance(finding.state is State.OK)
    summary = findings.summary
    results.end(summary_document(summary))
    if results.is_table:
        console = Console()
        console.print()
        console.print(summary_table(summary))
    failed = exit_code_of(errors)
    return failed or (ExitCode.SOME_FAILED if summary.states[State.CRITICAL] else ExitCode.OK)


def _thresholds(options: ThresholdOptions) -> Thresholds:
    thresholds = PROFILES[options.profile]
    for member in ("offset_warning_ms", "offset_critical_ms", "skew_warning_s", "skew_critical_s"):
        given = getattr(options, member)
        if given is not None:
            thresholds = evolve(thresholds, **{member: given})
    return thresholds
