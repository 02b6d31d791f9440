"""What every command does: find its devices and secrets, open a pool, stop when told to."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import click
from attrs import Factory, evolve, field, frozen

from axis_ntp_async.cli.exits import ExitCode, say
from axis_ntp_async.cli.options import FleetOptions, InventoryOptions, PoolOptions
from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.device.records import Device, Outcome
from axis_ntp_async.device.trust import KnownDevices, Trust
from axis_ntp_async.errors import (
    CertificateRejectedError,
    ConfigurationError,
    CredentialSuspendedError,
    DeviceError,
    IdentityMismatchError,
    InventoryError,
    LoginRefusedError,
    NotAuthorizedError,
    PlaintextLoginError,
    SettingsError,
)
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.fleet.retry import RetryPolicy
from axis_ntp_async.fleet.slots import Limits
from axis_ntp_async.inventory.credentials import resolve_credentials
from axis_ntp_async.inventory.formats.addresses import split_address
from axis_ntp_async.inventory.formats.reader import FORMAT_OF_ENDING
from axis_ntp_async.inventory.inventory import Inventory, load_inventory
from axis_ntp_async.inventory.references import CredentialReference
from axis_ntp_async.rollout.plan import Plan

_GIVEN = "command line"
"""The name of the credentials that `--username` gives."""

_USUAL_ATTEMPTS: Final = 3
"""The deadline of a device has room for so many attempts at least: a blocked one needs a wait."""

_ENDINGS: Final = frozenset((*FORMAT_OF_ENDING, ".txt"))

_LOGIN_OR_TRUST = (
    CertificateRejectedError,
    IdentityMismatchError,
    LoginRefusedError,
    NotAuthorizedError,
    PlaintextLoginError,
)


@frozen(kw_only=True)
class Fleet:
    """
    The devices that a command is about, and what it takes to talk to them.

    Attributes:
        devices: The selected ones.
        listed: All of the inventory.
        credentials: Secrets by the names that the devices give.
        trust: What their certificates are checked with.
        references: Where the secrets were had, by the same names.
        source: Where the devices are listed.
    """

    devices: Sequence[Device]
    credentials: Mapping[str, Credentials]
    trust: Trust
    listed: Sequence[Device] = ()
    references: Mapping[str, CredentialReference] = field(factory=dict)
    source: str = ""
    _places: Mapping[str, int] = field(
        default=Factory(
            lambda self: {device.name: place for place, device in enumerate(self.devices)},
            takes_self=True,
        ),
        init=False,
        repr=False,
    )

    def order(self, outcome: Outcome[Any]) -> int:
        """Give the place of an outcome's device, to sort by."""
        return self._places[outcome.device.name]


def read_inventory(options: InventoryOptions) -> Inventory:
    """Load the inventory, or make one of a single address; tell its warnings."""
    columns = dict(map(_pair, options.columns))
    if _is_address(options.inventory):
        return Inventory(devices=(_device_at(options.inventory),), source=options.inventory)
    inventory = load_inventory(options.inventory, format=options.format, columns=columns)
    for warning in inventory.warnings:
        say(warning)
    return inventory


def open_fleet(options: FleetOptions, *, before: Fleet | None = None) -> Fleet:
    """
    Select the devices and fetch the secrets that these need, and no others.

    It blocks, and may ask for a password.

    Args:
        options: Which devices, and how to log in.
        before: The same fleet as it was: what somebody typed then is not asked for again.
    """
    inventory = read_inventory(options)
    devices: Sequence[Device] = inventory.select(*options.limit)
    references = dict(inventory.credentials)
    if options.tls:
        devices = [evolve(device, tls=options.tls) for device in devices]
    if options.username or options.password_from:
        references[_GIVEN] = _given_login(options)
        devices = _logging_in(devices)
    trust = trust_of(options)
    check_trust(trust, devices)
    typed = _typed(before, references) if before else {}
    credentials = resolve_credentials(
        references,
        (device.credentials for device in devices if device.credentials not in typed),
        ask=None if before else _ask_of_terminal(),
    )
    if not options.quiet and options.limit and not before:
        of_all = f"{len(devices)} of {counted(len(inventory.devices), 'device')}"
        say(f"{of_all}, {counted(len({device.site for device in devices}), 'site')}")
    return Fleet(
        devices=devices,
        credentials={**credentials, **typed},
        trust=trust,
        listed=inventory.devices,
        references={name: references[name] for name in (*credentials, *typed)},
        source=inventory.source,
    )


def _given_login(options: FleetOptions) -> CredentialReference:
    return CredentialReference(
        name=_GIVEN, username=options.username, password=options.password_from or "prompt"
    ).anchored(Path.cwd())


def _logging_in(devices: Sequence[Device]) -> Sequence[Device]:
    """Let devices without credentials use those of `--username`."""
    if all(device.credentials for device in devices):
        say("--username is not used: all these devices have credentials in the inventory")
    return [
        device if device.credentials else evolve(device, credentials=_GIVEN) for device in devices
    ]


def _typed(before: Fleet, references: Mapping[str, CredentialReference]) -> dict[str, Credentials]:
    """Give the credentials whose password somebody typed, where they are wanted as they were."""
    return {
        name: before.credentials[name]
        for name, reference in before.references.items()
        if reference.kind == "prompt" and references.get(name) == reference
    }


def fleet_of(plan: Plan, options: PoolOptions) -> Fleet:
    """
    Fetch the secrets that the devices of a plan need.

    It blocks, and may ask for a password.
    """
    devices = [step.device for step in plan.steps]
    trust = trust_of(options)
    check_trust(trust, devices)
    return Fleet(
        devices=devices,
        credentials=resolve_credentials(
            plan.credentials, (device.credentials for device in devices), ask=_ask_of_terminal()
        ),
        trust=trust,
    )


def trust_of(options: PoolOptions) -> Trust:
    """Give what certificates are checked with."""
    path = Path(options.known_devices) if options.known_devices else KnownDevices.default_path()
    return Trust(KnownDevices(path))


def check_trust(trust: Trust, devices: Sequence[Device]) -> None:
    """Find out once, and not for each device, that a CA file cannot be used."""
    secure = (device for device in devices if device.scheme == "https")
    faults = []
    for device in {(device.tls, device.legacy_tls): device for device in secure}.values():
        try:
            trust.context(device)
        except CertificateRejectedError as error:
            faults.append(f"tls: {error.message}")
    if faults:
        raise SettingsError("\n".join(faults))


def pool_of(
    fleet: Fleet,
    options: PoolOptions,
    *,
    keep_alive: bool = False,
    limits: Limits | None = None,
) -> SessionPool:
    """Make the pool that the options describe; *limits* stand in place of theirs."""
    return SessionPool(
        fleet.credentials,
        limits=limits or Limits(total=options.concurrency, per_site=options.per_site),
        retry=RetryPolicy(
            attempts=options.attempts,
            attempt_timeout_s=options.timeout_s,
            connect_timeout_s=options.connect_timeout_s,
            device_timeout_s=max(_USUAL_ATTEMPTS, options.attempts) * options.timeout_s,
        ),
        trust=fleet.trust,
        keep_alive=keep_alive,
    )


class Stoppable(Protocol):
    """What can be told to begin nothing more."""

    def stop(self) -> None:
        """Begin nothing more; what is in flight ends as it would."""
        ...


@contextlib.contextmanager
def stoppable(work: Stoppable) -> Iterator[None]:
    """
    Let the first Ctrl-C, or SIGTERM, stop some work gently, and the second one at once.

    The gentle way sends nothing more, waits for what is in flight, and lets
    the command tell what it has. Ask nothing inside: a signal waits for the
    event loop, which waits for the answer.

    Raises:
        KeyboardInterrupt: At the end, when it was stopped.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    told = False

    def interrupted() -> None:
        nonlocal told
        if told and task is not None:
            task.cancel()
            return
        told = True
        say("stopping: waiting for what is in flight; a second Ctrl-C or SIGTERM does not wait")
        work.stop()

    try:
        with handling(loop, (signal.SIGINT, signal.SIGTERM), interrupted):
            yield
    except asyncio.CancelledError:
        if not told:
            raise
    if told:
        raise KeyboardInterrupt


@contextlib.contextmanager
def handling(
    loop: asyncio.AbstractEventLoop,
    signals: Sequence[signal.Signals],
    callback: Callable[[], None],
) -> Iterator[None]:
    """Let the loop call a function when a signal comes."""
    try:
        for one in signals:
            loop.add_signal_handler(one, callback)
    except NotImplementedError:  # pragma: no cover  Windows; Ctrl-C then cancels at once
        yield
        return
    try:
        yield
    finally:
        for one in signals:
            loop.remove_signal_handler(one)


def exit_code_of(errors: Sequence[DeviceError | None], *, others_failed: bool = False) -> ExitCode:
    """
    Give the exit code for what came of a number of devices.

    `LOGIN_OR_TRUST` means that nothing else was wrong, or that credentials
    were suspended: trying again cannot help before somebody corrects that.

    Args:
        errors: Of the devices that could not be reached, read or changed.
        others_failed: Whether something is wrong with the others.
    """
    failures = [error for error in errors if error is not None]
    if any(isinstance(error, CredentialSuspendedError) for error in failures):
        return ExitCode.LOGIN_OR_TRUST
    if others_failed or not all(isinstance(error, _LOGIN_OR_TRUST) for error in failures):
        return ExitCode.SOME_FAILED
    return ExitCode.LOGIN_OR_TRUST if failures else ExitCode.OK


def counted(count: int, noun: str) -> str:
    """Give a number with its noun: `1 device`, `2 devices`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _is_address(text: str) -> bool:
    if text == "-" or _looks_like_a_file(text):
        return False
    try:
        return not text or not Path(text).exists()
    except OSError:
        return True


def _looks_like_a_file(text: str) -> bool:
    """`https://…` is an address; what else has a separator or a known ending is a file."""
    if "://" in text:
        return False
    return "/" in text or "\\" in text or Path(text).suffix.lower() in _ENDINGS


def _device_at(text: str) -> Device:
    try:
        address = split_address(text)
        scheme = address.scheme or "https"
        usual = Device(name=text, host=address.host, scheme=scheme)
        return usual if address.port is None else evolve(usual, port=address.port)
    except (InventoryError, ConfigurationError) as error:
        raise SettingsError(f"{text!r} is no file, and no address either: {error}") from error


def _pair(text: str) -> tuple[str, str]:
    member, _, column = text.partition("=")
    if not column:
        raise SettingsError(f'--map {text!r}: expected MEMBER=COLUMN, like serial="MAC address"')
    return member.strip(), column.strip().strip("\"'")


def _ask_of_terminal() -> Callable[[str], str] | None:
    if not sys.stdin.isatty():
        return None
    return lambda question: click.prompt(question, hide_input=True, err=True)
