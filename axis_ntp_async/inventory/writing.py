"""Inventories written down again, each in a form that `load_inventory` reads back as it was."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from axis_ntp_async.device.records import Device
from axis_ntp_async.inventory.formats.members import LABEL_PREFIX, READERS
from axis_ntp_async.inventory.references import CredentialReference

_BARE_KEY = re.compile(r"[A-Za-z0-9_\-]+")
_USUAL: Final = {scheme: Device(name="-", host="-", scheme=scheme) for scheme in ("https", "http")}
_ALWAYS_WRITTEN: Final = frozenset({"name", "host"})


def dump_toml(
    devices: Iterable[Device], credentials: Mapping[str, CredentialReference] | None = None
) -> str:
    """Give the native format; credentials are written as the references they are."""
    blocks = []
    for name, reference in (credentials or {}).items():
        members = {"username": reference.username, "password": reference.password}
        blocks.append(_toml_block(f"[credentials.{_toml_key(name)}]", members))
    blocks += [_toml_block("[[devices]]", _members_of(device)) for device in devices]
    return "\n".join(blocks)


def dump_jsonl(devices: Iterable[Device]) -> str:
    """Give one JSON object a line."""
    return "".join(
        json.dumps(_members_of(device), ensure_ascii=False) + "\n" for device in devices
    )


def dump_csv(devices: Iterable[Device]) -> str:
    """Give a table with a column for each member, and one for each label of any device."""
    devices = list(devices)
    labels = dict.fromkeys(label for device in devices for label in device.labels)
    members = [member for member in READERS if member != "labels"]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow([*members, *(LABEL_PREFIX + label for label in labels)])
    for device in devices:
        written = _members_of(device)
        own = [_cell(written.get(member)) for member in members]
        writer.writerow([*own, *(device.labels.get(label, "") for label in labels)])
    return table.getvalue()


def _members_of(device: Device) -> dict[str, Any]:
    """Give the members that are not as they would be if they were left out."""
    usual = _USUAL[device.scheme]
    always = _ALWAYS_WRITTEN if device.scheme == "https" else {*_ALWAYS_WRITTEN, "scheme"}
    return {
        member: value
        for member in READERS
        if (value := getattr(device, member)) != getattr(usual, member) or member in always
    }


def _cell(value: object) -> str:
    if isinstance(value, tuple):
        return ";".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _toml_block(header: str, members: Mapping[str, Any]) -> str:
    lines = [f"{name} = {_toml(value)}" for name, value in members.items() if value is not None]
    return "\n".join([header, *lines, ""])


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_toml_pairs(value)) + " }"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # TOML's texts, numbers and flags are JSON's, but for one control character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_pairs(table: Mapping[str, str]) -> Iterator[str]:
    for name, value in table.items():
        yield f"{_toml_key(name)} = {_toml(value)}"


def _toml_key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _toml(name)
