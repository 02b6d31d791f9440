"""Ansible's INI: hosts under the header of their group, `:vars` and `:children`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from typing import Final

from attrs import define, field

from axis_ntp_async.errors import InventoryError
from axis_ntp_async.inventory.formats.addresses import shown
from axis_ntp_async.inventory.formats.ansible import JINJA, AnsibleGroups, refusal_of_jinja
from axis_ntp_async.inventory.formats.entries import Draft

SECTION = re.compile(r"\[([^\[\]:]+)(?::(\w+))?\]\s*(?:[#;].*)?")
_KINDS: Final = ("hosts", "vars", "children")
_QUOTED_LENGTH: Final = 2


def read_ansible_ini(text: str) -> Draft:
    """
    Read hosts, groups and variables line by line.

    Raises:
        InventoryError: Groups contain each other.
    """
    file = _IniFile()
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        try:
            file.read_line(stripped, f"line {number}")
        except InventoryError as error:
            file.groups.draft.faults.append(f"line {number}: {error}")
    return file.finish()


@define
class _IniFile:
    """The place we are at in a file: in which section of which group."""

    groups: AnsibleGroups = field(factory=AnsibleGroups)
    _group: str = "ungrouped"
    _kind: str = "hosts"
    _defined: set[str] = field(factory=lambda: {"all", "ungrouped"}, init=False)
    _mentioned: dict[str, str] = field(factory=dict, init=False)

    def read_line(self, line: str, place: str) -> None:
        """Read a line that is neither empty nor a comment."""
        if section := SECTION.fullmatch(line):
            self._open_section(section[1].strip(), section[2] or "hosts", place)
        elif self._kind == "hosts":
            pattern, *assignments = _words(line)
            if JINJA.search(line) and not all("=" in one for one in assignments):
                raise InventoryError(refusal_of_jinja("the line"))
            self.groups.add_hosts(self._group, pattern, _variables(assignments), place)
        elif self._kind == "vars":
            name, value = _assignment(line)
            self.groups.group(self._group).variables[name] = _unquoted(value)
        else:
            child = line.split("#", 1)[0].strip()
            self.groups.group(child)
            self.groups.group(self._group).children[child] = None
            self._mentioned.setdefault(child, f"{place}: [{self._group}:children]")

    def finish(self) -> Draft:
        """Give the draft, once the last line has been read."""
        self.groups.draft.faults.extend(
            f"{where} names the group {shown(group)}, which has no section"
            for group, where in self._mentioned.items()
            if group not in self._defined
        )
        return self.groups.finish()

    def _open_section(self, group: str, kind: str, place: str) -> None:
        if kind not in _KINDS:
            self.groups.draft.faults.append(
                f"{place}: [{group}:{kind}]: expected [{group}], [{group}:vars] or "
                f"[{group}:children]"
            )
            kind = "vars"  # so that what follows is not taken for devices
        self._group, self._kind = group, kind
        self.groups.group(group)
        if kind == "vars":
            self._mentioned.setdefault(group, f"{place}: [{group}:vars]")
        else:
            self._defined.add(group)


def _words(line: str) -> list[str]:
    if not any(sign in line for sign in "'\"\\#"):
        return line.split()
    try:
        return shlex.split(line, comments=True)
    except ValueError as error:
        raise InventoryError("a quote is not closed") from error


def _variables(assignments: Iterable[str]) -> dict[str, object]:
    return dict(map(_assignment, assignments))


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InventoryError("expected variable=value; the value is not shown, it may be a secret")
    return name.strip(), value.strip()


def _unquoted(value: str) -> str:
    is_quoted = len(value) >= _QUOTED_LENGTH and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if is_quoted else value
