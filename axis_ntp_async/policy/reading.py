"""
A policy from a file: `load_policy`.

    [policy]                                every device
    enabled = true
    source = "static"                       or "DHCP"
    servers = ["10.0.0.5", "10.0.0.6"]      or "clear"
    minpoll = 6
    maxpoll = 10
    nts = { enabled = true, ke_servers = ["ntske.example"], ca_certs = ["ca-1"] }

    [[policy.override]]                     as many as needed; the same members, and
    match = "site=berlin"                   a term of a selection, or a list of them
    optional = true                         may fit no device
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.errors import ConfigurationError, InventoryError, PolicyError, SelectionError
from axis_ntp_async.inventory.formats.addresses import shown
from axis_ntp_async.inventory.formats.content import content_of, decoded
from axis_ntp_async.inventory.formats.members import suggestion
from axis_ntp_async.inventory.formats.tables import parse_toml
from axis_ntp_async.inventory.selection import Selection, Term
from axis_ntp_async.policy.lines import Lines, Section
from axis_ntp_async.policy.members import (
    NAME_OF,
    OF_OVERRIDES,
    READERS,
    fault_of_unknown,
    flat,
    read_flag,
)
from axis_ntp_async.policy.policy import Policy, Rule

_FIX: Final = 'write [policy] and below it what is wanted, like servers = ["10.0.0.5"]'


def load_policy(path: str | os.PathLike[str], *, beside: Collection[str] = ()) -> Policy:
    """
    Read a policy.

    Args:
        path: Of the file, in TOML.
        beside: What else may stand at its top: the policy may be part of a settings file.

    Raises:
        PolicyError: Everything that is wrong with it, at once.
    """
    source = os.fspath(path)
    try:
        text = _text_of(source)
        tables = parse_toml(text)
    except InventoryError as error:
        raise PolicyError(f"{source}: {error}") from error
    if not text.strip():
        raise PolicyError(f"{source}: is empty; {_FIX}")
    return policy_from(tables, source, Lines.of(text), beside=beside)


def _text_of(source: str) -> str:
    # An absolute path is that of a file, even if its name is "-".
    text, wrong = decoded(content_of(str(Path(source).absolute())))
    if wrong is not None:
        raise InventoryError(f"{wrong}; save the file as UTF-8")
    return text


def policy_from(
    tables: Mapping[str, Any],
    source: str,
    lines: Lines | None = None,
    *,
    beside: Collection[str] = (),
) -> Policy:
    """
    Read what a TOML file holds.

    Args:
        tables: As `tomllib` gives them.
        source: What to call the file.
        lines: Where its members stand, as far as that is known.
        beside: As for `load_policy`.

    Raises:
        PolicyError: Everything that is wrong with it, at once.
    """
    reader = _Reader(source, lines or Lines())
    rules = tuple(reader.rules(tables, beside))
    if reader.faults:
        raise PolicyError(*reader.faults)
    if not any(rule.wants.members for rule in rules):
        raise PolicyError(f"{source}: wants nothing; {_FIX}")
    return Policy(rules=rules, source=source)


@define
class _Table:
    """
    One table of a file: `[policy]` or an override.

    Attributes:
        name: What to call it where its line is not known.
        section: Where it stands.
        members: What stands in it.
        others: What may stand there besides what is wanted.
    """

    name: str
    section: Section
    members: dict[str, Any]
    others: tuple[str, ...]


@define
class _Reader:
    """The rules of one file, and what is wrong with it."""

    source: str
    lines: Lines
    faults: list[str] = field(factory=list, init=False)

    def rules(self, tables: Mapping[str, Any], beside: Collection[str]) -> Iterator[Rule]:
        """Give the rules of a file; those with a fault want less than is written."""
        if "policy" not in tables:
            self.faults.append(f"{self.source}: has no [policy]; {_FIX}")
        for member in tables:
            if member != "policy" and member not in beside:
                fault = _fault_of_stray(member, beside)
                self._tell("the top", self.lines.beside, (member,), fault)
        base = self._table("[policy]", self.lines.base, tables.get("policy", {}), ("override",))
        overrides = base.members.pop("override", [])
        yield self._rule(base)
        if not isinstance(overrides, list):
            fault = f"override: is {shown(overrides)}; write [[policy.override]], in two brackets"
            self._tell(base.name, base.section, ("override",), fault)
            return
        sections = self.lines.overrides(len(overrides))
        for number, (section, found) in enumerate(zip(sections, overrides, strict=True), start=1):
            table = self._table(f"override {number}", section, found, OF_OVERRIDES)
            yield self._override(table)

    def _tell(self, name: str, section: Section, path: tuple[str, ...], fault: str) -> None:
        self.faults.append(f"{self._place(name, section.line_of(path))}: {fault}")

    def _place(self, name: str, line: int | None) -> str:
        return f"{self.source}: {name}" if line is None else f"{self.source}:{line}"

    def _table(
        self, name: str, section: Section, found: object, others: tuple[str, ...]
    ) -> _Table:
        members = dict(found) if isinstance(found, Mapping) else {}
        if not isinstance(found, Mapping):
            self._tell(name, section, (), f"is {shown(found)}, not a table")
        return _Table(name, section, members, others)

    def _override(self, table: _Table) -> Rule:
        selection, optional = Selection(), False
        if "match" in table.members:
            selection = self._selection(table, table.members.pop("match"))
        else:
            fault = 'match: is missing; name the devices, like match = "site=berlin"'
            self._tell(table.name, table.section, (), fault)
        try:
            optional = read_flag(table.members.pop("optional", False))
        except ValueError as error:
            self._tell(table.name, table.section, ("optional",), f"optional: {error}")
        return self._rule(table, selection, optional=optional)

    def _selection(self, table: _Table, match: object) -> Selection:
        terms: list[Term] = []
        for text in match if isinstance(match, list) and match else [match]:
            try:
                terms += _terms(text)
            except SelectionError as error:
                self._tell(table.name, table.section, ("match",), f"match: {error}")
        return Selection(terms=tuple(terms))

    def _rule(
        self, table: _Table, selection: Selection | None = None, *, optional: bool = False
    ) -> Rule:
        wanted: dict[str, Any] = {}
        for path, value in flat(table.members):
            if path not in READERS:
                fault = fault_of_unknown(path, value, table.others)
                self._tell(table.name, table.section, path, fault)
                continue
            member, read = READERS[path]
            try:
                wanted[member] = read(value)
            except ValueError as error:
                for fault in error.args:
                    self._tell(table.name, table.section, path, f"{'.'.join(path)}: {fault}")
        return Rule(
            place=self._place(table.name, table.section.line),
            wants=self._configuration(table, wanted),
            selection=selection or Selection(),
            optional=optional,
        )

    def _configuration(self, table: _Table, wanted: Mapping[str, Any]) -> NTPClientConfiguration:
        try:
            return NTPClientConfiguration(**wanted)
        except ConfigurationError as error:
            for fault in error.faults:
                entry, _, sentence = fault.partition(": ")
                member, bracket, number = entry.partition("[")
                name = NAME_OF[member]
                told = f"{name}{bracket}{number}: {sentence}"
                self._tell(table.name, table.section, tuple(name.split(".")), told)
            return NTPClientConfiguration()


def _terms(text: object) -> tuple[Term, ...]:
    if not isinstance(text, str):
        raise SelectionError(f'{shown(text)} is not text like "site=berlin"')
    return Selection.parse([text]).terms


def _fault_of_stray(member: str, beside: Collection[str]) -> str:
    if member == "override":
        return "override: may not stand beside [policy]; did you mean [[policy.override]]?"
    if member == "nts" or (member,) in READERS:
        return f"{member}: may not stand beside [policy]; write [policy] above it"
    hint = suggestion(member, ("policy", *beside))
    return f"{shown(member)} may not stand beside [policy]{hint}"
