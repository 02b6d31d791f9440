"""`get` and `versions`: what the devices say, as they say it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import TypeVar

from rich.console import RenderableType

from axis_ntp_async.cli.fleet import exit_code_of, open_fleet, pool_of, stoppable
from axis_ntp_async.cli.main import ExitCode
from axis_ntp_async.cli.options import FleetOptions
from axis_ntp_async.cli.showing import Results
from axis_ntp_async.device.records import Outcome
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.errors import DeviceError
from axis_ntp_async.fleet.run import Call
from axis_ntp_async.report.documents import (
    INFO_COLUMNS,
    VERSIONS_COLUMNS,
    ntp_info_document,
    versions_document,
)
from axis_ntp_async.report.progress import progress
from axis_ntp_async.report.tables import info_table, plain_table

T = TypeVar("T")


async def get(options: FleetOptions, output: str | None) -> ExitCode:
    """Read the NTP clients of the selected devices."""
    results = Results("get", ntp_info_document, info_table, INFO_COLUMNS, output)
    return await _ask_each(options, DeviceSession.get_ntp_info, results)


async def versions(options: FleetOptions, output: str | None) -> ExitCode:
    """Ask the selected devices for the API versions that they list."""
    results = Results(
        "versions-list", versions_document, _versions_table, VERSIONS_COLUMNS, output
    )
    return await _ask_each(options, DeviceSession.get_supported_versions, results)


async def _ask_each(
    options: FleetOptions, call: Call[T], results: Results[Outcome[T]]
) -> ExitCode:
    fleet = open_fleet(options)
    errors: list[DeviceError | None] = []
    with progress(len(fleet.devices), shown=not options.quiet) as advance:
        async with (
            stoppable(pool_of(fleet, options)) as pool,
            aclosing(pool.each(fleet.devices, call)) as outcomes,
        ):
            async for outcome in outcomes:
                results.add(outcome)
                errors.append(outcome.error)
                advance(outcome.is_ok)
    results.end()
    return exit_code_of(errors)


def _versions_table(outcomes: Sequence[Outcome[tuple[str, ...]]], _: int) -> RenderableType:
    return plain_table(
        ("device", "API versions"),
        [
            (one.device.name, one.error.message if one.error else ", ".join(one.value or ()))
            for one in outcomes
        ],
    )
