"""What every command does: find its devices and secrets, open a pool, stop when told to."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from attrs import evolve, frozen

from axis_ntp_async.cli.main import ExitCode
from axis_ntp_async.cli.options import FleetOptions, InventoryOptions
from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.device.records import Device
from axis_ntp_async.device.trust import KnownDevices, Trust
from axis_ntp_async.errors import (
    CertificateRejectedError,
    ConfigurationError,
    DeviceError,
    IdentityMismatchError,
    InventoryError,
    LoginRefusedError,
    NotAuthorizedError,
    NotTriedError,
    PlaintextLoginError,
    SettingsError,
)
from axis_ntp_async.fleet.addresses import split_address
from axis_ntp_async.fleet.credentials import resolve_credentials
from axis_ntp_async.fleet.inventory import Inventory, load_inventory
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.fleet.references import CredentialReference
from axis_ntp_async.fleet.retry import RetryPolicy
from axis_ntp_async.fleet.slots import Limits

_GIVEN = "command line"
"""The name of the credentials that `--username` gives."""

_LOGIN_OR_TRUST = (
    CertificateRejectedError,
    IdentityMismatchError,
    LoginRefusedError,
    NotAuthorizedError,
    NotTriedError,
    PlaintextLoginError,
)


@frozen(kw_only=True)
class Fleet:
    """
    The devices that a command is about, and what it takes to talk to them.

    Attributes:
        devices: The selected ones.
        credentials: Secrets by the names that the devices give.
    """

    devices: Sequence[Device]
    credentials: Mapping[str, Credentials]


def read_inventory(options: InventoryOptions) -> Inventory:
    """Load the inventory, or make one of a single address; tell its warnings."""
    if _is_address(options.inventory):
        return Inventory(devices=(_device_at(options.inventory),), source=options.inventory)
    inventory = load_inventory(
        options.inventory, format=options.format, columns=dict(map(_pair, options.columns))
    )
    for warning in inventory.warnings:
        say(warning)
    return inventory


def open_fleet(options: FleetOptions) -> Fleet:
    """Select the devices and fetch the secrets that these need, and no others."""
    inventory = read_inventory(options)
    devices: Sequence[Device] = inventory.select(*options.limit)
    references = dict(inventory.credentials)
    if options.tls:
        devices = [evolve(device, tls=options.tls) for device in devices]
    if options.username or options.password_from:
        references[_GIVEN] = CredentialReference(
            name=_GIVEN, username=options.username, password=options.password_from or "prompt"
        ).anchored(Path.cwd())
        devices = [
            device if device.credentials else evolve(device, credentials=_GIVEN)
            for device in devices
        ]
    credentials = resolve_credentials(
        references, (device.credentials for device in devices), ask=_ask_of_terminal()
    )
    if not options.quiet and options.limit:
        sites = len({device.site for device in devices})
        say(f"{len(devices)} of {len(inventory.devices)} devices, {sites} sites")
    return Fleet(devices=devices, credentials=credentials)


def pool_of(fleet: Fleet, options: FleetOptions, *, keep_alive: bool = False) -> SessionPool:
    """Make the pool that the options describe."""
    path = Path(options.known_devices) if options.known_devices else KnownDevices.default_path()
    return SessionPool(
        fleet.credentials,
        limits=Limits(total=options.concurrency, per_site=options.per_site),
        retry=RetryPolicy(
            attempts=options.attempts,
            attempt_timeout_s=options.timeout_s,
            connect_timeout_s=options.connect_timeout_s,
            device_timeout_s=3 * options.timeout_s,
        ),
        trust=Trust(KnownDevices(path)),
        keep_alive=keep_alive,
    )


@contextlib.asynccontextmanager
async def stoppable(pool: SessionPool) -> AsyncIterator[SessionPool]:
    """
    Open a pool that the first Ctrl-C stops gently, and the second one at once.

    The gentle way sends nothing more, waits for what is in flight, and lets
    the command tell what it has.
    """
    loop, work = asyncio.get_running_loop(), asyncio.current_task()
    told = False

    def interrupted() -> None:
        nonlocal told
        if told and work is not None:
            work.cancel()
            return
        told = True
        say("stopping: waiting for what is in flight; Ctrl-C again to cancel that, too")
        pool.stop()

    with _handling(loop, signal.SIGINT, interrupted):
        async with pool:
            yield pool
    if told:
        raise KeyboardInterrupt


@contextlib.contextmanager
def _handling(
    loop: asyncio.AbstractEventLoop,
    which: signal.Signals,
    callback: Any,  # noqa: ANN401  a callable
) -> Iterator[None]:
    try:
        loop.add_signal_handler(which, callback)
    except NotImplementedError:  # pragma: no cover  Windows; Ctrl-C then cancels at once
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(which)


def exit_code_of(errors: Sequence[DeviceError | None]) -> ExitCode:
    """
    Give the exit code for what came of a number of devices.

    `LOGIN_OR_TRUST` means that nothing else was wrong, or that credentials
    were suspended: trying again cannot help before somebody corrects that.
    """
    failures = [error for error in errors if error is not None]
    if not failures:
        return ExitCode.OK
    if all(isinstance(error, _LOGIN_OR_TRUST) for error in failures):
        return ExitCode.LOGIN_OR_TRUST
    return ExitCode.SOME_FAILED


def say(text: str) -> None:
    """Tell people something, on standard error."""
    click.echo(f"axis-ntp: {text}", err=True)


def _is_address(text: str) -> bool:
    return text != "-" and not Path(text).exists() and not _looks_like_a_file(text)


def _looks_like_a_file(text: str) -> bool:
    """`https://…` is an address; what else has a separator or a known ending is a file."""
    endings = {
        ".toml",
        ".csv",
        ".tsv",
        ".json",
        ".jsonl",
        ".ndjson",
        ".txt",
        ".ini",
        ".yaml",
        ".yml",
    }
    return "://" not in text and ("/" in text or "\\" in text or Path(text).suffix in endings)


def _device_at(text: str) -> Device:
    try:
        address = split_address(text)
        scheme = address.scheme or "https"
        usual = Device(name=text, host=address.host, scheme=scheme)
        return usual if address.port is None else evolve(usual, port=address.port)
    except (InventoryError, ConfigurationError) as error:
        raise SettingsError(f"{text!r} is neither a file nor an address: {error}") from error


def _pair(text: str) -> tuple[str, str]:
    member, _, column = text.partition("=")
    if not column:
        raise SettingsError(f'--map {text!r}: expected MEMBER="COLUMN", like serial="MAC address"')
    return member.strip(), column.strip().strip("\"'")


def _ask_of_terminal() -> Any:  # noqa: ANN401  a callable or None
    if not sys.stdin.isatty():
        return None
    return lambda question: click.prompt(question, hide_input=True, err=True)
