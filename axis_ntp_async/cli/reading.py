"""`get` and `versions`: what the devices say, as they say it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import TypeVar

from rich.console import RenderableType

from axis_ntp_async.cli import loop
from axis_ntp_async.cli.exits import ExitCode
from axis_ntp_async.cli.fleet import Fleet, exit_code_of, open_fleet, pool_of, stoppable
from axis_ntp_async.cli.options import FleetOptions
from axis_ntp_async.cli.showing import Results, failed
from axis_ntp_async.device.records import Outcome
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.fleet.run import Call
from axis_ntp_async.report.documents import (
    INFO_COLUMNS,
    VERSIONS_COLUMNS,
    ntp_info_document,
    versions_document,
)
from axis_ntp_async.report.progress import progress
from axis_ntp_async.report.tables import info_table, plain_table
from axis_ntp_async.report.terminal import show
from axis_ntp_async.report.totals import failures

T = TypeVar("T")


def get(options: FleetOptions, output: str | None) -> ExitCode:
    """Read the NTP clients of the selected devices."""
    results = Results("get", ntp_info_document, info_table, INFO_COLUMNS, output)
    return loop.run(_ask_each(open_fleet(options), options, DeviceSession.get_ntp_info, results))


def versions(options: FleetOptions, output: str | None) -> ExitCode:
    """Ask the selected devices for the API versions that they list."""
    results = Results(
        "versions-list", versions_document, _versions_table, VERSIONS_COLUMNS, output
    )
    return loop.run(
        _ask_each(open_fleet(options), options, DeviceSession.get_supported_versions, results)
    )


async def _ask_each(
    fleet: Fleet, options: FleetOptions, call: Call[T], results: Results[Outcome[T]]
) -> ExitCode:
    unread: list[Outcome[T]] = []
    async with pool_of(fleet, options) as pool:
        with stoppable(pool):
            with progress(len(fleet.devices), shown=results.leaves_room(options)) as advance:
                async with aclosing(pool.each(fleet.devices, call)) as outcomes:
                    async for outcome in outcomes:
                        results.add(outcome)
                        if outcome.error is not None:
                            unread.append(outcome)
                        advance(outcome.is_ok)
            results.end(order=fleet.order)
            if results.is_table and unread:
                show(failures(failed(sorted(unread, key=fleet.order))))
    return exit_code_of([outcome.error for outcome in unread])


def _versions_table(outcomes: Sequence[Outcome[tuple[str, ...]]], _: int) -> RenderableType:
    return plain_table(
        ("device", "API versions"),
        [
            (outcome.device.name, ", ".join(outcome.value))
            for outcome in outcomes
            if outcome.value is not None
        ],
    )
