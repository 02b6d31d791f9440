"""The devices of one file: loading them, and choosing among them."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from attrs import evolve, field, frozen

from axis_ntp_async.device.records import Device
from axis_ntp_async.errors import ConfigurationError, InventoryError, SelectionError
from axis_ntp_async.inventory.formats.addresses import comparable_host
from axis_ntp_async.inventory.formats.content import STANDARD_INPUT, content_of, decoded
from axis_ntp_async.inventory.formats.entries import Draft, Entry, members_of, tls_reader
from axis_ntp_async.inventory.formats.members import Members
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
    devices = _devices(draft, folder)
    if draft.faults:
        raise InventoryError(*(f"{source}: {fault}" for fault in draft.faults))
    draft.warnings.extend(_unknown_credentials(draft, devices))
    return Inventory(
        devices=devices,
        credentials=_anchored(draft.credentials, folder),
        source=source,
        warnings=tuple(f"{source}: {warning}" for warning in draft.warnings),
    )


def _anchored(
    credentials: Mapping[str, CredentialReference], folder: Path
) -> dict[str, CredentialReference]:
    return {name: reference.anchored(folder) for name, reference in credentials.items()}


@frozen
class _Read:
    """
    One entry of a file, as far as it could be read.

    Attributes:
        place: Where it stands.
        device: What could be read of it; the whole device when nothing is wrong.
        wrong: Members that are missing or cannot be right; they are not to be compared.
    """

    place: str
    device: Device
    wrong: frozenset[str] = frozenset()


def _devices(draft: Draft, folder: Path) -> tuple[Device, ...]:
    """Give the devices of all entries; what is wrong with them goes to the faults."""
    read_tls = tls_reader(folder)
    read = []
    for entry in draft.entries:
        one, faults = _read_entry(entry, *members_of(entry, read_tls))
        draft.faults.extend(f"{entry.place}: {fault}" for fault in faults)
        read.append(one)
    draft.faults.extend(_faults_of_doubles(read))
    return tuple(one.device for one in read)


def _read_entry(
    entry: Entry, members: Members, faults: Sequence[str]
) -> tuple[_Read, Sequence[str]]:
    if not faults:
        try:
            return _Read(entry.place, _named(members)), ()
        except ConfigurationError as error:
            faults = error.faults
    return _Read(entry.place, *_comparable(members, faults)), faults


def _comparable(members: Members, faults: Sequence[str]) -> tuple[Device, frozenset[str]]:
    """Make a device of what is right, to be compared with others; and tell what is wrong."""
    wrong = {fault.partition(":")[0] for fault in faults}
    right = {name: members[name] for name in _IDENTITY if name in members and name not in wrong}
    if "name" not in right:
        wrong.add("name")
    try:
        device = Device(**{"host": _NOWHERE, "name": _NOWHERE, **right})
    except ConfigurationError as error:
        return _comparable(members, [*faults, *error.faults])
    return device, frozenset(wrong)


def _named(members: Members) -> Device:
    """Give the device; without a name of its own it is called by its address."""
    if "name" in members:
        return Device(**members)
    unnamed = Device(name=members["host"], **members)
    return evolve(unnamed, name=unnamed.address)


_IDENTITY: Final = ("name", "host", "port", "scheme", "serial")
_NOWHERE: Final = "nowhere"
_UNIQUE: Final[
    dict[str, tuple[set[str], Callable[[Device], Hashable], Callable[[Device], str | None]]]
] = {
    "name": ({"name"}, lambda device: device.name, lambda device: device.name),
    "address": (
        {"host", "port", "scheme"},
        lambda device: (comparable_host(device.host), device.port),
        lambda device: device.address,
    ),
    "serial": ({"serial"}, lambda device: device.serial, lambda device: device.serial),
}
"""What no two devices share: the members it is made of, how it is compared, how it is shown."""


def _faults_of_doubles(read: Sequence[_Read]) -> Iterable[str]:
    for member, (parts, compared, shown) in _UNIQUE.items():
        first: dict[Hashable, str] = {}
        for one in read:
            value = compared(one.device)
            if value is None or not one.wrong.isdisjoint(parts):
                continue
            if first.setdefault(value, one.place) is not one.place:
                yield (
                    f"{one.place}: {member}: {shown(one.device)!r} is also that of {first[value]}"
                )


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
