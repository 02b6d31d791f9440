"""`trust`: look at the certificates of devices, and record them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

from attrs import evolve, frozen
from cryptography import x509
from cryptography.x509.oid import NameOID
from rich.console import Group, RenderableType
from rich.text import Text

from axis_ntp_async.cli import loop
from axis_ntp_async.cli.exits import ExitCode, confirmed, say
from axis_ntp_async.cli.fleet import (
    Fleet,
    counted,
    exit_code_of,
    pool_of,
    read_inventory,
    stoppable,
    trust_of,
)
from axis_ntp_async.cli.options import ConnectionOptions
from axis_ntp_async.cli.showing import failed
from axis_ntp_async.device.records import Device, Outcome
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.device.trust import KnownDevices, fingerprint_of
from axis_ntp_async.errors import SettingsError
from axis_ntp_async.report.printable import printable
from axis_ntp_async.report.progress import progress
from axis_ntp_async.report.terminal import show
from axis_ntp_async.report.totals import failures


@frozen(kw_only=True)
class _Shown:
    """The certificate of one device, and how it stands to what is recorded."""

    device: Device
    fingerprint: str
    subject: str
    issuer: str
    until: str
    recorded_on: str | None
    is_known: bool


def trust(options: ConnectionOptions, *, replace: bool, yes: bool) -> ExitCode:
    """Fetch certificates, show those that are not known, and record what is confirmed."""
    devices = read_inventory(options).select(*options.limit)
    # Nobody logs in, so no credentials are needed, and none are asked for.
    secure = [evolve(device, credentials=None) for device in devices if device.scheme == "https"]
    if plain := len(devices) - len(secure):
        say(f"{counted(plain, 'device')} without a certificate: plain HTTP has none")
    fleet = Fleet(devices=secure, credentials={}, trust=trust_of(options))
    known = fleet.trust.known_devices
    outcomes = loop.run(_fetch(fleet, options))
    found = [_look_at(one.device, one.value, known) for one in outcomes if one.value is not None]
    new = [one for one in found if one.recorded_on is None or (replace and not one.is_known)]
    changed = [one for one in found if not one.is_known and one not in new]
    show(_list([*new, *changed]), failures(failed(outcomes)))
    if known_already := sum(one.is_known for one in found):
        say(f"{counted(known_already, 'certificate')} known already")
    question = f"Record {counted(len(new), 'certificate')}?"
    if new and confirmed("trust", question, yes=yes):
        _record(new, known)
    if changed:
        say(
            f"{counted(len(changed), 'certificate')} not the one recorded, and left alone; "
            "if you know why, --replace records what is there now"
        )
        return ExitCode.LOGIN_OR_TRUST
    return exit_code_of([one.error for one in outcomes])


async def _fetch(fleet: Fleet, options: ConnectionOptions) -> list[Outcome[bytes]]:
    fetched: list[Outcome[bytes]] = []
    async with pool_of(fleet, options) as pool:
        with (
            stoppable(pool),
            progress(len(fleet.devices), shown=not options.quiet) as advance,
        ):
            async with aclosing(
                pool.each(fleet.devices, DeviceSession.get_certificate)
            ) as outcomes:
                async for outcome in outcomes:
                    fetched.append(outcome)
                    advance(outcome.is_ok)
    return sorted(fetched, key=fleet.order)


def _look_at(device: Device, der: bytes, known: KnownDevices) -> _Shown:
    fingerprint, recorded = fingerprint_of(der), known.get(device)
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
        recorded_on=recorded.recorded_on if recorded else None,
        is_known=recorded is not None and recorded.fingerprint == fingerprint,
    )


def _name(name: x509.Name) -> str:
    parts = [
        str(attribute.value)
        for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.SERIAL_NUMBER)
        for attribute in name.get_attributes_for_oid(kind)
    ]
    return ", ".join(parts) or "no name"


def _record(new: Sequence[_Shown], known: KnownDevices) -> None:
    try:
        for one in new:
            known.record(one.device, one.fingerprint)
    except OSError as error:
        raise SettingsError(f"{known.path}: cannot be written: {error.strerror}") from error
    say(f"{counted(len(new), 'certificate')} recorded in {known.path}")


def _list(shown: Sequence[_Shown]) -> RenderableType:
    """Show two lines of each: a fingerprint is only worth comparing as a whole."""
    lines = []
    for one in shown:
        standing = f"DIFFERS from that of {one.recorded_on}" if one.recorded_on else "new"
        lines += [
            Text.assemble((printable(one.device.name), "bold"), f"  {standing}"),
            Text(
                printable(f"    {one.subject}; issued by {one.issuer}; valid until {one.until}"),
            ),
            Text(f"    sha256 {one.fingerprint}"),
        ]
    return Group(*lines)
