"""What a format found: the draft of an inventory, entry by entry, and the members of an entry."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import define, field, frozen

from axis_ntp_async.device.records import TLSMode, TrustPolicy
from axis_ntp_async.errors import ConfigurationError, InventoryError
from axis_ntp_async.inventory.formats.addresses import shown, split_address
from axis_ntp_async.inventory.formats.members import Members, read_members
from axis_ntp_async.inventory.references import CredentialReference


@frozen(kw_only=True)
class Entry:
    """
    One device as a format found it.

    Attributes:
        place: Where in the file it stands, such as `line 7`.
        raw: Its own members, as written.
        inherited: What it takes from defaults, site and groups, already read.
    """

    place: str
    raw: Mapping[str, object]
    inherited: Members = field(factory=dict)


@define(kw_only=True)
class Draft:
    """
    All that a format found in one file.

    Attributes:
        entries: The devices, in the order of the file.
        credentials: Where secrets are to be had, by name.
        faults: What is wrong, each beginning with its place.
        warnings: What was not used, and why.
    """

    entries: list[Entry] = field(factory=list)
    credentials: dict[str, CredentialReference] = field(factory=dict)
    faults: list[str] = field(factory=list)
    warnings: list[str] = field(factory=list)

    def read_layer(self, place: str, raw: Mapping[str, object]) -> Members:
        """Read members that several devices share; their faults are told once, here."""
        members, faults = read_members(raw)
        faults.extend(
            f"{member}: belongs to one device, not to many"
            for member in ("name", "host", "serial")
            if member in members
        )
        self.faults.extend(f"{place}: {fault}" for fault in faults)
        return members


def merged(general: Members, special: Members) -> Members:
    """Lay special members over general ones: groups are added up, labels one by one."""
    if not general:
        return special
    both = {**general, **special}
    if "groups" in general and "groups" in special:
        both["groups"] = tuple(dict.fromkeys((*general["groups"], *special["groups"])))
    if "labels" in general and "labels" in special:
        both["labels"] = {**general["labels"], **special["labels"]}
    return both


def tls_reader(folder: Path) -> Callable[[str], str]:
    """Give the function that makes the file of a TLS policy absolute; it looks once for each."""
    return functools.cache(functools.partial(_anchored_tls, folder))


def members_of(entry: Entry, read_tls: Callable[[str], str]) -> tuple[Members, list[str]]:
    """
    Give all members of an entry, and a sentence for each that is wrong.

    Args:
        entry: As a format found it.
        read_tls: Made by `tls_reader`.
    """
    own, faults = read_members(entry.raw)
    if own.get("host"):
        faults.extend(_split_host(own))
    elif "host" not in entry.raw or "host" in own:
        faults.append("host: is missing; expected an address or a DNS name")
    members = {
        member: value for member, value in merged(entry.inherited, own).items() if value != ""
    }
    if "tls" in members:
        try:
            members["tls"] = read_tls(members["tls"])
        except InventoryError as error:
            faults.extend(error.faults)
    return members, faults


def _split_host(own: Members) -> list[str]:
    """Put what stands in `host` into the members it is made of."""
    try:
        address = split_address(own["host"])
    except InventoryError as error:
        return list(error.faults)
    faults = []
    for member, written in (("port", address.port), ("scheme", address.scheme)):
        if written is None:
            continue
        if own.get(member, written) != written:
            faults.append(f"{member}: is {own[member]!r}, but the host says {written!r}")
        own[member] = written
    own["host"] = address.host
    return faults


def _anchored_tls(folder: Path, text: str) -> str:
    try:
        policy = TrustPolicy.parse(text)
    except ConfigurationError as error:
        raise InventoryError(*error.faults) from error
    if policy.argument is None or policy.mode is TLSMode.PIN:
        return text
    path = folder / Path(policy.argument).expanduser()
    if not path.is_file():
        raise InventoryError(f"tls: there is no file {shown(str(path))}")
    return f"{policy.mode.value}:{path}"
