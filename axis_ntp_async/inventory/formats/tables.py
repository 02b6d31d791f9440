"""Inventories as tables of members: our native TOML, and JSON of the same shape."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import define, field

from axis_ntp_async.errors import CredentialsError, InventoryError
from axis_ntp_async.inventory.formats.addresses import shown
from axis_ntp_async.inventory.formats.entries import Draft, Entry, merged
from axis_ntp_async.inventory.formats.members import Members, is_secret, read_members, suggestion
from axis_ntp_async.inventory.references import CredentialReference

TABLES: Final = ("defaults", "credentials", "sites", "groups", "devices")
_DEVICES_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*devices[ \t]*\]\]", re.MULTILINE)


def read_toml(text: str) -> Draft:
    """
    Read our native format.

    Raises:
        InventoryError: It is not TOML.
    """
    return _Tables(parse_toml(text), lines=_lines_of_devices(text)).draft()


def read_json(text: str) -> Draft:
    """
    Read a list of devices, or an object of the same shape as the TOML.

    Raises:
        InventoryError: It is not JSON, or neither list nor object.
    """
    found = parse_json(text)
    if isinstance(found, list):
        found = {"devices": found}
    if not isinstance(found, dict):
        raise InventoryError("is neither a list of devices nor an object with 'devices'")
    return _Tables(found).draft()


def read_json_lines(text: str) -> Draft:
    """Read one JSON object a line, each of them a device."""
    draft = Draft()
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found = parse_json(line)
        except InventoryError as error:
            draft.faults.append(f"line {number}: {error}")
            continue
        if isinstance(found, dict):
            draft.entries.append(Entry(place=f"line {number}", raw=found))
        else:
            draft.faults.append(f"line {number}: is no JSON object")
    return draft


def parse_toml(text: str) -> dict[str, Any]:
    """
    Parse TOML.

    Raises:
        InventoryError: It is none; the sentence says where.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InventoryError(f"is not TOML: {error}") from error
    except (ValueError, RecursionError) as error:
        raise InventoryError("is not TOML: too large a number or nested too deeply") from error


def parse_json(text: str) -> Any:  # noqa: ANN401  JSON is anything
    """
    Parse strict JSON: no member twice.

    Raises:
        InventoryError: It is none; the sentence says where.
    """
    try:
        return json.loads(text, object_pairs_hook=_object_without_doubles)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InventoryError(f"is not JSON: {error.msg} ({where})") from error
    except (ValueError, RecursionError) as error:
        raise InventoryError("is not JSON: too large a number or nested too deeply") from error


def _object_without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InventoryError(f"is not JSON: the member {shown(twice)} stands twice in one object")
    return members


def _lines_of_devices(text: str) -> list[int]:
    """Give the line of each `[[devices]]`; headers inside of long texts are counted as well."""
    lines, line, end = [], 1, 0
    for found in _DEVICES_HEADER.finditer(text):
        line += text.count("\n", end, found.start())
        end = found.start()
        lines.append(line)
    return lines


@define
class _Tables:
    """
    The tables of one file, and the members that devices take from them.

    A device's member is taken from the first place that has it: the device
    itself, its groups (the last one named first), its site, the defaults.
    Groups and labels of all these places are added up.
    """

    tables: Mapping[str, Any]
    lines: Sequence[int] = ()
    _draft: Draft = field(factory=Draft, init=False)
    _defaults: Members = field(factory=dict, init=False)
    _sites: dict[str, Members] = field(factory=dict, init=False)
    _groups: dict[str, Members] = field(factory=dict, init=False)
    _inherited: dict[tuple[object, ...], Members] = field(factory=dict, init=False)
    _used: set[tuple[str, object]] = field(factory=set, init=False)

    def draft(self) -> Draft:
        """Give all that the tables say."""
        for name in self.tables:
            if name not in TABLES:
                self._fault(f"[{name}]: is not known{suggestion(name, TABLES)}")
        self._defaults = self._draft.read_layer("[defaults]", self._table("defaults"))
        self._sites = self._layers("sites", without=("site",))
        self._groups = self._layers("groups", without=("site", "groups"))
        self._draft.credentials = dict(self._references())
        self._draft.entries = list(self._entries())
        self._draft.warnings += [
            f"[{kind}.{name}]: no device has it"
            for kind, layers in (("sites", self._sites), ("groups", self._groups))
            for name in layers
            if (kind, name) not in self._used
        ]
        return self._draft

    def _fault(self, sentence: str) -> None:
        self._draft.faults.append(sentence)

    def _table(self, name: str) -> Mapping[str, Any]:
        table = self.tables.get(name, {})
        if isinstance(table, Mapping):
            return table
        self._fault(f"[{name}]: is {shown(table)}, not a table")
        return {}

    def _named_tables(self, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for key, table in self._table(name).items():
            if isinstance(table, Mapping):
                yield key, table
            elif name == "credentials":  # what stands here may be a secret
                self._fault(f"[{name}]: {key!r} is not a table; write [{name}.NAME]")
            else:
                self._fault(f"[{name}]: {key!r} is {shown(table)}, not a table [{name}.NAME]")

    def _layers(self, name: str, without: Sequence[str]) -> dict[str, Members]:
        layers = {}
        for key, table in self._named_tables(name):
            layers[key] = self._draft.read_layer(f"[{name}.{key}]", table)
            for member in without:
                if layers[key].pop(member, None) is not None:
                    self._fault(f"[{name}.{key}]: {member}: may not stand here")
        return layers

    def _references(self) -> Iterator[tuple[str, CredentialReference]]:
        for name, table in self._named_tables("credentials"):
            place = f"[credentials.{name}]"
            unknown = [member for member in table if member not in {"username", "password"}]
            for member in unknown:
                nearest = "" if is_secret(member) else suggestion(member, ("username", "password"))
                self._fault(f"{place}: {member}: is not known{nearest}")
            wrong = [
                member
                for member in ("username", "password")
                if not isinstance(table.get(member, ""), str)
            ]
            for member in wrong:
                self._fault(f"{place}: {member}: is not text; write it in quotes")
            if "password" not in table:
                self._fault(f"{place}: password: is missing; expected a reference like env:NAME")
            elif not unknown and not wrong:
                try:
                    yield name, CredentialReference(name=name, **table)
                except CredentialsError as error:
                    self._fault(str(error))

    def _entries(self) -> Iterator[Entry]:
        devices = self.tables.get("devices", [])
        if not isinstance(devices, list):
            self._fault("devices: is not a list; write [[devices]] before each device")
            return
        lines = self.lines if len(self.lines) == len(devices) else None
        for number, device in enumerate(devices, start=1):
            place = f"device {number}"
            if isinstance(device, str):
                device = {"host": device}  # noqa: PLW2901  an address alone is a device, too
            if not isinstance(device, Mapping):
                self._fault(f"{place}: is {shown(device)}, not a table of members")
                continue
            known = [json.dumps(name, ensure_ascii=False)] if (name := _name_of(device)) else []
            if lines:
                known.append(f"line {lines[number - 1]}")
            if known:
                place += f" ({', '.join(known)})"
            yield Entry(place=place, raw=device, inherited=self._inherited_by(device))

    def _inherited_by(self, device: Mapping[str, Any]) -> Members:
        """Merge the layers of a device, once for all with the same site and groups."""
        site, groups = device.get("site"), device.get("groups")
        key = (site, tuple(groups) if isinstance(groups, list) else groups)
        try:
            if key not in self._inherited:
                own = {"site": site, "groups": groups}
                belongs, _ = read_members({name: own[name] for name in own if own[name]})
                self._inherited[key] = self._merged_layers(belongs)
            return self._inherited[key]
        except TypeError:  # of a wrong type, which is told when the device itself is read
            return self._defaults

    def _merged_layers(self, belongs: Members) -> Members:
        site = belongs.get("site", self._defaults.get("site"))
        members = merged(self._defaults, self._sites.get(site, {}))  # type: ignore[arg-type]  # None is no site
        groups = dict.fromkeys((*members.get("groups", ()), *belongs.get("groups", ())))
        for group in groups:
            members = merged(members, self._groups.get(group, {}))
        self._used.update({("sites", site), *(("groups", group) for group in groups)})
        return members


def _name_of(device: Mapping[str, Any]) -> str | None:
    name = device.get("name")
    return name[:60] if isinstance(name, str) else None
