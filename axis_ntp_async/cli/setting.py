"""`set`: change a few devices, after showing what would change, and read again what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from typing import Any, Final

from attrs import evolve, frozen
from rich.console import RenderableType

from axis_ntp_async.cli import loop
from axis_ntp_async.cli.exits import ExitCode, confirmed, say
from axis_ntp_async.cli.fleet import Fleet, counted, exit_code_of, open_fleet, pool_of, stoppable
from axis_ntp_async.cli.options import FleetOptions
from axis_ntp_async.cli.showing import Results
from axis_ntp_async.device.configuration import Change, NTPClientConfiguration
from axis_ntp_async.device.records import (
    Device,
    NTPClientStatus,
    NTPInfo,
    ServersSource,
    fault_of_server,
)
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.errors import (
    ConfigurationError,
    ConfigurationRefusedError,
    SettingsError,
    UnexpectedResponseError,
    UnsupportedDeviceError,
)
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.health.finding import servers_in_use
from axis_ntp_async.health.judge import problems_of_settings
from axis_ntp_async.report.documents import SET_COLUMNS, ChangedDevice, set_document
from axis_ntp_async.report.tables import changes_table, plain_table
from axis_ntp_async.report.terminal import show

_MOST_DEVICES: Final = 20
_READ_BACK_WAITS_S: Final = (0.0, 2.0, 3.0)
"""Some devices apply a change only seconds after they took it."""


def set_devices(
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
    return loop.run(_set_each(fleet, options, _Wish(desired), results, yes=yes))


async def _set_each(
    fleet: Fleet,
    options: FleetOptions,
    wish: _Wish,
    results: Results[ChangedDevice],
    *,
    yes: bool,
) -> ExitCode:
    async with pool_of(fleet, options, keep_alive=True) as pool:
        with stoppable(pool):
            planned = sorted(
                await _plan(pool, fleet, wish), key=lambda one: fleet.order(one.outcome)
            )
        to_change = [one for one in planned if one.changes]
        if to_change and not _confirmed(planned, yes=yes):
            say("nothing was changed")
            return ExitCode.OK
        with stoppable(pool):
            done = [one for one in planned if not one.changes]
            done += await _carry_out(pool, to_change, wish)
            for one in sorted(done, key=lambda one: fleet.order(one.outcome)):
                results.add(one)
            results.end()
    return exit_code_of([one.outcome.error for one in done])


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
    if not all(map(str.strip, (*servers, *ntske_servers, *ntske_cas))):
        raise SettingsError("set: an empty name; --clear-servers leaves no static server")
    _check_servers("--server", servers)
    _check_servers("--ntske-server", ntske_servers)
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


def _check_servers(option: str, servers: Sequence[str]) -> None:
    for server in servers:
        if fault := fault_of_server(server):
            raise SettingsError(f"set: {option} {fault}")


@frozen
class _Wish:
    """
    What is wanted of every device.

    Attributes:
        desired: What was named; the rest stays as it is.
    """

    desired: NTPClientConfiguration

    def laid_over(self, device: Device, info: NTPInfo) -> NTPClientConfiguration:
        """Give the whole configuration for a device."""
        if info.client is None:
            raise UnsupportedDeviceError(device.name, "reports no NTP client")
        if faults := self.desired.faults_for(info.client):
            raise ConfigurationRefusedError(device.name, f"cannot take this: {'; '.join(faults)}")
        try:
            return self.desired.laid_over(info.client)
        except ConfigurationError as fault:
            raise ConfigurationRefusedError(
                device.name, f"has settings that cannot be sent back: {fault}"
            ) from fault

    def changes(self, device: Device, info: NTPInfo) -> tuple[Change, ...]:
        """Give what would have to change in a device."""
        laid_over = self.laid_over(device, info)
        return laid_over.changes_from(info.client) if info.client else ()


async def _plan(pool: SessionPool, fleet: Fleet, wish: _Wish) -> list[ChangedDevice]:
    async def read(session: DeviceSession) -> NTPInfo:
        info = await session.get_ntp_info()
        wish.laid_over(session.device, info)
        return info

    async with aclosing(pool.each(fleet.devices, read)) as outcomes:
        return [
            ChangedDevice(
                outcome=outcome,
                changes=wish.changes(outcome.device, outcome.value) if outcome.value else (),
            )
            async for outcome in outcomes
        ]


def _confirmed(planned: Sequence[ChangedDevice], *, yes: bool) -> bool:
    to_change = [one for one in planned if one.changes]
    show(changes_table(to_change), on_stderr=True)
    for one in planned:
        if one.outcome.error is not None:
            say(f"{one.outcome.error}; it is left alone")
    for one in to_change:
        for caution in _cautions(one):
            say(f"{one.outcome.device.name}: {caution}")
    return confirmed("set", f"Change {counted(len(to_change), 'device')}?", yes=yes)


def _cautions(changed: ChangedDevice) -> Iterator[str]:
    """Tell what would be wrong with the settings after the change, or in vain."""
    client = (changed.outcome.value or NTPInfo()).client or NTPClientStatus()
    after: dict[str, Any] = {change.member: change.after for change in changed.changes}
    then = evolve(client, **after)
    for problem in problems_of_settings(then, NTPClientConfiguration(enabled=then.enabled)):
        yield f"then {problem.message}"
    is_new = any(change.member == "static_servers" for change in changed.changes)
    if is_new and then.static_servers and servers_in_use(then) != then.static_servers:
        yield "its static servers are not in use; --source static and --no-nts use them"


async def _carry_out(
    pool: SessionPool, planned: Sequence[ChangedDevice], wish: _Wish
) -> list[ChangedDevice]:
    async def change(session: DeviceSession) -> NTPInfo:
        info = await session.get_ntp_info()
        await session.set_ntp_client_configuration(wish.laid_over(session.device, info))
        return await _read_back(session, wish)

    changes = {one.outcome.device.name: one.changes for one in planned}
    devices = [one.outcome.device for one in planned]
    async with aclosing(pool.each(devices, change)) as outcomes:
        return [
            ChangedDevice(outcome=outcome, changes=changes[outcome.device.name])
            async for outcome in outcomes
        ]


async def _read_back(session: DeviceSession, wish: _Wish) -> NTPInfo:
    """Read until the device says what was wanted."""
    left: tuple[Change, ...] = ()
    for wait_s in _READ_BACK_WAITS_S:
        await asyncio.sleep(wait_s)
        info = await session.get_ntp_info()
        left = wish.changes(session.device, info)
        if not left:
            return info
    raise UnexpectedResponseError(
        session.device.name,
        f"took the change, but still reports another {left[0].member} after "
        f"{sum(_READ_BACK_WAITS_S):g} s",
    )


def _results_table(changed: Sequence[ChangedDevice], _: int) -> RenderableType:
    return plain_table(
        ("device", "result"), [(one.outcome.device.name, _told(one)) for one in changed]
    )


def _told(changed: ChangedDevice) -> str:
    error = changed.outcome.error
    if error is None:
        return changed.result
    return f"{changed.result}: {str(error).removeprefix(f'{error.device}: ')}"
