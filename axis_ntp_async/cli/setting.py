"""`set`: change a few devices, after showing what would change, and read again what came of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, Final

import click
from rich.console import Console, RenderableType

from axis_ntp_async.cli.fleet import exit_code_of, open_fleet, pool_of, stoppable
from axis_ntp_async.cli.main import ExitCode
from axis_ntp_async.cli.options import FleetOptions
from axis_ntp_async.cli.showing import Results
from axis_ntp_async.device.configuration import Change, NTPClientConfiguration
from axis_ntp_async.device.records import Device, NTPInfo, ServersSource
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.errors import (
    ConfigurationError,
    DeviceError,
    SettingsError,
    UnexpectedResponseError,
    UnsupportedDeviceError,
)
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.report.documents import SET_COLUMNS, ChangedDevice, set_document
from axis_ntp_async.report.tables import changes_table, plain_table

_MOST_DEVICES: Final = 20
_READ_BACK_WAITS_S: Final = (0.0, 2.0, 3.0)
"""Some devices apply a change only seconds after they took it."""


async def set_devices(
    options: FleetOptions,
    output: str | None,
    *,
    yes: bool,
    **wanted: Any,  # noqa: ANN401  options
) -> ExitCode:
    """Read the selected devices, show and confirm the changes, make them, and read again."""
    desired = _configuration(**wanted)
    fleet = open_fleet(options)
    if len(fleet.devices) > _MOST_DEVICES:
        raise SettingsError(
            f"set: {len(fleet.devices)} devices are selected, at most {_MOST_DEVICES} are changed "
            "at once, because nothing here would stop a mistake halfway; narrow it with --limit"
        )
    results = Results("set-list", set_document, _results_table, SET_COLUMNS, output)
    errors: list[DeviceError | None] = []
    async with stoppable(pool_of(fleet, options, keep_alive=True)) as pool:
        planned = await _plan(pool, fleet.devices, desired)
        if not _confirmed([one for one in planned if one.changes], yes=yes):
            return ExitCode.OK
        for one in await _carry_out(pool, planned, desired):
            errors.append(one.outcome.error)
            results.add(one)
    results.end()
    return exit_code_of(errors)


def _configuration(
    *,
    enabled: bool | None,
    source: str | None,
    servers: tuple[str, ...],
    clear_servers: bool,
    nts: bool | None,
    ntske_servers: tuple[str, ...],
    ntske_cas: tuple[str, ...],
    minpoll: int | None,
    maxpoll: int | None,
) -> NTPClientConfiguration:
    if servers and clear_servers:
        raise SettingsError("set: --server and --clear-servers contradict each other")
    known = ServersSource.read(source) if source else None
    configuration = NTPClientConfiguration(
        enabled=enabled,
        nts_enabled=nts,
        ntske_server_ca_certs=ntske_cas or None,
        servers_source=known if isinstance(known, ServersSource) else None,
        static_servers=() if clear_servers else servers or None,
        static_ntske_servers=ntske_servers or None,
        minpoll=minpoll,
        maxpoll=maxpoll,
    )
    if not configuration.members:
        raise SettingsError("set: nothing to set; name an option like --server 10.0.0.5")
    return configuration


async def _plan(
    pool: SessionPool, devices: Sequence[Device], desired: NTPClientConfiguration
) -> list[ChangedDevice]:
    async def read(session: DeviceSession) -> NTPInfo:
        info = await session.get_ntp_info()
        _laid_over(session.device, desired, info)
        return info

    async with aclosing(pool.each(devices, read)) as outcomes:
        return [
            ChangedDevice(
                outcome=outcome,
                changes=_changes(outcome.device, desired, outcome.value) if outcome.value else (),
            )
            async for outcome in outcomes
        ]


def _laid_over(
    device: Device, desired: NTPClientConfiguration, info: NTPInfo
) -> NTPClientConfiguration:
    if info.client is None:
        raise UnsupportedDeviceError(device.name, "reports no NTP client")
    if faults := desired.faults_for(info.client):
        raise UnsupportedDeviceError(device.name, f"cannot take this: {'; '.join(faults)}")
    try:
        return desired.laid_over(info.client)
    except ConfigurationError as fault:
        raise UnsupportedDeviceError(
            device.name, f"has settings that cannot be sent back: {fault}"
        ) from fault


def _changes(device: Device, desired: NTPClientConfiguration, info: NTPInfo) -> tuple[Change, ...]:
    return _laid_over(device, desired, info).changes_from(info.client) if info.client else ()


def _confirmed(planned: Sequence[ChangedDevice], *, yes: bool) -> bool:
    if not planned:
        return True
    Console(stderr=True).print(changes_table(planned))
    if yes:
        return True
    if not sys.stdin.isatty():
        raise SettingsError("set: nobody is there to confirm this; run it with --yes")
    return click.confirm(f"Change {len(planned)} devices?", err=True)


async def _carry_out(
    pool: SessionPool, planned: Sequence[ChangedDevice], desired: NTPClientConfiguration
) -> list[ChangedDevice]:
    async def change(session: DeviceSession) -> NTPInfo:
        info = await session.get_ntp_info()
        await session.set_ntp_client_configuration(_laid_over(session.device, desired, info))
        for wait_s in _READ_BACK_WAITS_S:
            await asyncio.sleep(wait_s)
            info = await session.get_ntp_info()
            left = _changes(session.device, desired, info)
            if not left:
                return info
        raise UnexpectedResponseError(
            session.device.name,
            f"took the change, but still reports another {left[0].member} after "
            f"{sum(_READ_BACK_WAITS_S):g} s",
        )

    changes = {one.outcome.device.name: one.changes for one in planned}
    to_change = [one.outcome.device for one in planned if one.changes]
    async with aclosing(pool.each(to_change, change)) as outcomes:
        changed = [
            ChangedDevice(outcome=outcome, changes=changes[outcome.device.name])
            async for outcome in outcomes
        ]
    return [*(one for one in planned if not one.changes), *changed]


def _results_table(changed: Sequence[ChangedDevice], _: int) -> RenderableType:
    return plain_table(
        ("device", "result"),
        [
            (
                one.outcome.device.name,
                one.outcome.error.message if one.outcome.error else one.result,
            )
            for one in changed
        ],
    )
