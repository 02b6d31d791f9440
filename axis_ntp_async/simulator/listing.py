"""What an inventory says of a simulated fleet: its devices, and the files that list them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from attrs import evolve, field, frozen

from axis_ntp_async.device.records import Device
from axis_ntp_async.simulator.model.access import CertificateKind
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.serving.addresses import Address

INVENTORY_NAME: Final = "fleet.toml"
CA_NAME: Final = "axis-root.pem"

_MUST_BE_ESCAPED: Final = re.compile(r'["\\\x00-\x1f\x7f]')
_POLICY_OF_KIND: Final = {
    CertificateKind.SHARED: "insecure",
    CertificateKind.OWN: "insecure",
    CertificateKind.DEVICE_ID: "axis-idevid:{ca_file}",
    CertificateKind.FOREIGN_DEVICE_ID: "axis-idevid:{ca_file}",
    CertificateKind.ISSUED: "verify:{ca_file}",
}


@frozen
class Login:
    """
    The login that an inventory has under one name.

    Attributes:
        username: User name.
        password: Its password.
    """

    username: str = field(repr=False)
    password: str = field(repr=False)


def usual_logins(cameras: Iterable[Camera]) -> dict[str, Login]:
    """Give for each name of credentials the login that most of its cameras accept."""
    accepted: dict[str, Counter[tuple[str, str]]] = {}
    for camera in cameras:
        if camera.credentials is not None:
            found = accepted.setdefault(camera.credentials, Counter())
            found[camera.username, camera.password] += 1
    return {name: Login(*found.most_common(1)[0][0]) for name, found in accepted.items()}


def device_of(camera: Camera, address: Address, ca_file: Path) -> Device:
    """
    Give the line of the inventory about one camera.

    Args:
        camera: It says what the inventory believes of it, right or not.
        address: Where it listens.
        ca_file: The root certificate of its fleet.
    """
    device = Device(
        name=camera.name,
        host=address.host,
        port=address.port,
        scheme=camera.scheme,
        site=camera.site,
        serial=camera.listed_serial,
        groups=camera.groups,
        labels={"model": camera.model, "firmware": camera.firmware},
        credentials=camera.credentials,
    )
    if camera.tls is not None:
        return evolve(device, tls=camera.tls)
    if camera.scheme == "https":
        return evolve(device, tls=_POLICY_OF_KIND[camera.certificate].format(ca_file=ca_file))
    return device


def write_listing(
    folder: Path, devices: Iterable[Device], logins: Mapping[str, Login], ca_pem: bytes | None
) -> Path:
    """
    Write an inventory with the files that it refers to, and give its path.

    The files are `fleet.toml`, one `<name>.password` for each login that
    only its owner can read, and the root certificate if there is one.

    Args:
        folder: Where; is made when it is not there.
        devices: The lines.
        logins: By the name that the devices use.
        ca_pem: The root certificate.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, login in logins.items():
        secret = folder / f"{name}.password"
        secret.touch(mode=0o600)
        secret.chmod(0o600)
        secret.write_text(f"{login.password}\n", encoding="utf-8")
    if ca_pem is not None:
        (folder / CA_NAME).write_bytes(ca_pem)
    path = folder / INVENTORY_NAME
    path.write_text("\n".join(_lines(devices, logins)) + "\n", encoding="utf-8")
    return path


def quoted(text: str) -> str:
    """Give a text as a basic string of TOML."""
    return '"' + _MUST_BE_ESCAPED.sub(_escape, text) + '"'


def _escape(found: re.Match[str]) -> str:
    character = found.group()
    return f"\\{character}" if character in '"\\' else f"\\u{ord(character):04X}"


def _lines(devices: Iterable[Device], logins: Mapping[str, Login]) -> Iterable[str]:
    yield "# A simulated fleet; its cameras are there only as long as the simulator runs."
    for name, login in logins.items():
        yield from (
            "",
            f"[credentials.{quoted(name)}]",
            f"username = {quoted(login.username)}",
            f"password = {quoted(f'file:{name}.password')}",
        )
    for device in devices:
        yield from ("", "[[devices]]", *_members(device))


def _members(device: Device) -> Iterable[str]:
    texts = {
        "name": device.name,
        "host": device.host,
        "scheme": device.scheme,
        "site": device.site,
        "serial": device.serial,
        "credentials": device.credentials,
        "tls": _portable(device) if device.scheme == "https" else None,
    }
    yield f"port = {device.port}"
    for member, text in texts.items():
        if text is not None:
            yield f"{member} = {quoted(text)}"
    if device.groups:
        yield f"groups = [{', '.join(map(quoted, device.groups))}]"
    labels = ", ".join(f"{quoted(key)} = {quoted(text)}" for key, text in device.labels.items())
    yield f"labels = {{ {labels} }}"


def _portable(device: Device) -> str:
    mode, _, argument = device.tls.partition(":")
    return f"{mode}:{CA_NAME}" if Path(argument).name == CA_NAME else device.tls
