"""The devices of one file: loading them, and choosing among them."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from attrs import field, frozen

from axis_ntp_async.device.records import Device
from axis_ntp_async.errors import InventoryError, SelectionError
from axis_ntp_async.inventory.formats.addresses import comparable_host
from axis_ntp_async.inventory.formats.content import STANDARD_INPUT, content_of, decoded
from axis_ntp_async.inventory.formats.entries import Draft, device_of, tls_reader
from axis_ntp_async.inventory.formats.reader import read_draft
from axis_ntp_async.inventory.references import CredentialReference
from axis_ntp_async.inventory.selection import Selection


@frozen(kw_only=True)
class Inventory:
    """
    All devices of one file, and where their secrets are to be had.

    Attributes:
        devices: In the order of the file; name, address and serial are each unique.
        credentials: References by name, never secrets; a file may have none.
        source: The path as given, or `standard input`.
        warnings: What was not used, or looks like a slip; one sentence each.
    """

    devices: tuple[Device, ...]
    credentials: Mapping[str, CredentialReference] = field(factory=dict, hash=False)
    source: str = ""
    warnings: tuple[str, ...] = ()

    def select(self, *terms: str) -> tuple[Device, ...]:
        """
        Give the devices that the terms mean, in the order of the file; without terms all.

        The language is described in `selection.py`. The path of an `@file` is
        relative to the working directory.

        Raises:
            SelectionError: A term fits no device or cannot be read, or nothing is left.
        """
        return Selection.parse(terms, read_names=_names_in).choose(self.devices)


def load_inventory(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002  what everybody calls it
    columns: Mapping[str, str] | None = None,
    stdin: BinaryIO | None = None,
) -> Inventory:
    """
    Read an inventory.

    Paths in it (CA files, `file:` references) are made absolute; they are
    relative to its folder, or to the working directory for standard input.

    Args:
        path: Of the file; `-` is standard input.
        format: One of `FORMATS`; by default told by the ending, else by the content.
        columns: For CSV, the title of the column of a member: `{"serial": "MAC address"}`.
        stdin: Read in place of standard input.

    Raises:
        InventoryError: Everything that is wrong with it, at once.
    """
    name = os.fspath(path)
    source = "standard input" if name == STANDARD_INPUT else name
    folder = Path.cwd() if name == STANDARD_INPUT else Path(name).absolute().parent
    try:
        draft = read_draft(name, content_of(name, stdin), format, columns or {})
    except InventoryError as error:
        raise InventoryError(*(f"{source}: {fault}" for fault in error.faults)) from None
    places, devices = _devices(draft, folder)
    draft.faults.extend(_faults_of_doubles(places, devices))
    if draft.faults:
        raise InventoryError(*(f"{source}: {fault}" for fault in draft.faults))
    draft.warnings.extend(_unknown_credentials(draft, devices))
    return Inventory(
        devices=tuple(devices),
        credentials=_anchored(draft.credentials, folder),
        source=source,
        warnings=tuple(f"{source}: {warning}" for warning in draft.warnings),
    )


def _anchored(
    credentials: Mapping[str, CredentialReference], folder: Path
) -> dict[str, CredentialReference]:
    return {name: reference.anchored(folder) for name, reference in credentials.items()}


def _devices(draft: Draft, folder: Path) -> tuple[list[str], list[Device]]:
    """Give the devices and their places; what is wrong with the others goes to the faults."""
    places, devices = [], []
    read_tls = tls_reader(folder)
    for entry in draft.entries:
        try:
            devices.append(device_of(entry, read_tls))
            places.append(entry.place)
        except InventoryError as error:
            draft.faults.extend(f"{entry.place}: {fault}" for fault in error.faults)
    return places, devices


_UNIQUE: Final[dict[str, tuple[Callable[[Device], Hashable], Callable[[Device], str | None]]]] = {
    "name": (lambda device: device.name, lambda device: device.name),
    "address": (
        lambda device: (comparable_host(device.host), device.port),
        lambda device: device.address,
    ),
    "serial": (lambda device: device.serial, lambda device: device.serial),
}
"""What no two devices share: how it is compared, and how it is shown."""


def _faults_of_doubles(places: Sequence[str], devices: Sequence[Device]) -> Iterable[str]:
    for member, (compared, shown) in _UNIQUE.items():
        first: dict[Hashable, str] = {}
        for place, device in zip(places, devices, strict=True):
            value = compared(device)
            if value is not None and first.setdefault(value, place) is not place:
                yield f"{place}: {member}: {shown(device)!r} is also that of {first[value]}"


def _unknown_credentials(draft: Draft, devices: Sequence[Device]) -> Iterable[str]:
    """Tell names that a file with credentials lacks; they may still come from elsewhere."""
    if not draft.credentials:
        return
    used = dict.fromkeys(device.credentials for device in devices if device.credentials)
    for name in used:
        if name not in draft.credentials:
            yield f"devices refer to [credentials.{name}], which is not there"


def _names_in(path: str) -> Iterable[str]:
    try:
        text, _ = decoded(content_of(path))
    except InventoryError as error:
        raise SelectionError(f"'@{path}': {error}") from error
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
