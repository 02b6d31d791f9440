"""`trust`: look at the certificates of devices, and record them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import click
from attrs import frozen
from cryptography import x509
from cryptography.x509.oid import NameOID
from rich.console import Console, RenderableType

from axis_ntp_async.cli.fleet import Fleet, exit_code_of, pool_of, read_inventory, say, stoppable
from axis_ntp_async.cli.main import ExitCode
from axis_ntp_async.cli.options import FleetOptions
from axis_ntp_async.device.records import Device
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.device.trust import KnownDevices, fingerprint_of
from axis_ntp_async.errors import DeviceError, SettingsError
from axis_ntp_async.report.tables import plain_table


@frozen(kw_only=True)
class _Shown:
    """The certificate of one device, and how it stands to what is recorded."""

    device: Device
    fingerprint: str
    subject: str
    issuer: str
    until: str
    standing: str


async def trust(options: FleetOptions, *, replace: bool, yes: bool) -> ExitCode:
    """Fetch certificates, show them, and record what is confirmed."""
    path = Path(options.known_devices) if options.known_devices else KnownDevices.default_path()
    known = KnownDevices(path)
    known.load()
    devices = read_inventory(options).select(*options.limit)
    secure = [device for device in devices if device.scheme == "https"]
    if len(secure) < len(devices):
        say(f"{len(devices) - len(secure)} devices speak plain HTTP and have no certificate")
    shown, errors = await _fetch(secure, known, options)
    for error in errors:
        say(str(error))
    if shown:
        Console().print(_table(shown))
    new = [one for one in shown if one.standing == "new" or (replace and one.standing != "known")]
    if new and _confirmed(len(new), yes=yes):
        for one in new:
            known.record(one.device, one.fingerprint)
        say(f"{len(new)} certificates recorded in {path}")
    if any(one.standing != "known" and one not in new for one in shown):
        say("some differ from those recorded; --replace records them, if you know why")
        return ExitCode.LOGIN_OR_TRUST
    return exit_code_of(errors)


async def _fetch(
    devices: Sequence[Device], known: KnownDevices, options: FleetOptions
) -> tuple[list[_Shown], list[DeviceError]]:
    shown: list[_Shown] = []
    errors: list[DeviceError] = []
    unnamed = Fleet(devices=devices, credentials={})
    async with (
        stoppable(pool_of(unnamed, options)) as pool,
        aclosing(pool.each(devices, DeviceSession.get_certificate)) as outcomes,
    ):
        async for outcome in outcomes:
            if outcome.error is not None:
                errors.append(outcome.error)
            elif outcome.value is not None:
                shown.append(_look_at(outcome.device, outcome.value, known))
    return shown, errors


def _look_at(device: Device, der: bytes, known: KnownDevices) -> _Shown:
    fingerprint, recorded = fingerprint_of(der), known.get(device)
    standing = "new"
    if recorded is not None:
        same = recorded.fingerprint == fingerprint
        standing = "known" if same else f"DIFFERS from {recorded.recorded_on}"
    try:
        certificate = x509.load_der_x509_certificate(der)
        subject, issuer = _name(certificate.subject), _name(certificate.issuer)
        until = certificate.not_valid_after_utc.date().isoformat()
    except ValueError:
        subject = issuer = until = "cannot be read"
    return _Shown(
        device=device,
        fingerprint=fingerprint,
        subject=subject,
        issuer="itself" if issuer == subject else issuer,
        until=until,
        standing=standing,
    )


def _name(name: x509.Name) -> str:
    parts = [
        str(attribute.value)
        for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.SERIAL_NUMBER)
        for attribute in name.get_attributes_for_oid(kind)
    ]
    return ", ".join(parts) or "no name"


def _confirmed(count: int, *, yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise SettingsError("trust: nobody is there to confirm this; run it with --yes")
    return click.confirm(f"Record {count} certificates?", err=True)


def _table(shown: Sequence[_Shown]) -> RenderableType:
    return plain_table(
        ("device", "sha256", "subject", "issuer", "until", ""),
        [
            (one.device.name, one.fingerprint, one.subject, one.issuer, one.until, one.standing)
            for one in shown
        ],
    )
