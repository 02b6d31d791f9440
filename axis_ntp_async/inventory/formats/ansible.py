"""
Static Ansible inventories: what hosts, groups and variables mean for our devices.

Variables are laid over each other as Ansible does: `all`, then groups from
the outermost to the innermost (by name where they are equally deep), then
the host's own. A member of a device is taken from `axis_<member>`, else from
`<member>`, else from `ansible_host`, `ansible_port` and `ansible_user`. Labels
are `axis_label_<name>` or `label_<name>`. Other variables belong to other tools.

`ansible_ini.py` and `ansible_yaml.py` read the two spellings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import define, field

from axis_ntp_async.errors import CredentialsError, InventoryError
from axis_ntp_async.inventory.formats.addresses import shown
from axis_ntp_async.inventory.formats.entries import Draft, Entry, merged
from axis_ntp_async.inventory.formats.members import LABEL_PREFIX, READERS, Members, is_secret
from axis_ntp_async.inventory.formats.ranges import MOST_DEVICES, expand
from axis_ntp_async.inventory.references import CredentialReference

MOST_LEVELS: Final = 50
"""Groups nested deeper than this are taken for a slip."""

SSH_PORT: Final = 22
NO_GROUPS: Final = frozenset({"all", "ungrouped"})
_UNREAD_SHOWN: Final = 10

JINJA = re.compile(r"\{[{%#]")
_OF_ANSIBLE: Final = {
    "ansible_host": "host",
    "ansible_ssh_host": "host",
    "ansible_port": "port",
    "ansible_ssh_port": "port",
    "ansible_user": "credentials",
    "ansible_ssh_user": "credentials",
}


class Vaulted:
    """A value that ansible-vault has encrypted."""


@define
class _Group:
    """One group: its hosts, children and variables as written, the rest as found out later."""

    hosts: dict[str, None] = field(factory=dict)
    children: dict[str, None] = field(factory=dict)
    variables: dict[str, object] = field(factory=dict)
    members: Members = field(factory=dict)
    depth: int = 0
    ancestors: dict[str, None] = field(factory=dict)


@define
class AnsibleGroups:
    """
    Hosts and groups in the order in which they are found, and the draft they make.

    Attributes:
        draft: Faults and warnings go here while the file is read, entries at the end.
    """

    draft: Draft = field(factory=Draft)
    _groups: dict[str, _Group] = field(factory=lambda: {"all": _Group()}, init=False)
    _places: dict[str, str] = field(factory=dict, init=False)
    _variables: dict[str, dict[str, object]] = field(factory=dict, init=False)
    _inherited: dict[tuple[str, ...], Members] = field(factory=dict, init=False)
    _unread: dict[str, None] = field(factory=dict, init=False)
    _warned: set[str] = field(factory=set, init=False)

    def group(self, name: str) -> _Group:
        """Give the group of that name; a new one where there is none."""
        return self._groups.setdefault(name, _Group())

    def add_hosts(
        self, group: str, pattern: str, variables: Mapping[str, object], place: str
    ) -> None:
        """Put the hosts of a pattern into a group; a host may be named any number of times."""
        if len(self._places) > MOST_DEVICES:
            return
        if JINJA.search(pattern):
            self.draft.faults.append(f"{place}: {refusal_of_jinja('the name')}")
            return
        if "@" in pattern:
            self.draft.faults.append(
                f"{place}: a name with '@' in it; a user is named by ansible_user"
            )
            return
        try:
            for host in expand(pattern):
                self.group(group).hosts[host] = None
                self._places.setdefault(host, place)
                self._variables.setdefault(host, {}).update(variables)
        except InventoryError as error:
            self.draft.faults.append(f"{place}: {error}")
        if len(self._places) > MOST_DEVICES:
            self.draft.faults.append(
                f"{place}: more than {MOST_DEVICES:,} devices up to here; the rest is not read"
            )

    def finish(self) -> Draft:
        """
        Find out who inherits what, and give the draft.

        Raises:
            InventoryError: Groups contain each other, or are nested too deeply.
        """
        self._settle_ancestors()
        for name, group in self._groups.items():
            place = f"variables of group {shown(name)}"
            group.members = self.draft.read_layer(place, self._members(place, group.variables))
        groups_of: dict[str, list[str]] = {host: [] for host in self._places}
        for name, group in self._groups.items():
            for host in group.hosts:
                groups_of[host].append(name)
        for host, direct in groups_of.items():
            self.draft.entries.append(self._entry(host, direct))
        if self._unread:
            some = ", ".join(map(shown, list(self._unread)[:_UNREAD_SHOWN]))
            more = ", ..." if len(self._unread) > _UNREAD_SHOWN else ""
            self.draft.warnings.append(
                f"variables that are no members of a device are not read: {some}{more}"
            )
        return self.draft

    def _settle_ancestors(self) -> None:
        """Walk from the outermost groups inwards, each after all its parents."""
        parents_left = dict.fromkeys(self._groups, 0)
        for parent in self._groups.values():
            for child in parent.children:
                parents_left[child] += 1
        settled = [name for name, left in parents_left.items() if not left]
        for name in settled:
            group = self._groups[name]
            if group.depth > MOST_LEVELS:
                raise InventoryError(f"group {shown(name)} is nested over {MOST_LEVELS} deep")
            for child in group.children:
                inner = self._groups[child]
                inner.depth = max(inner.depth, group.depth + 1)
                inner.ancestors |= {**group.ancestors, name: None}
                parents_left[child] -= 1
                if not parents_left[child]:
                    settled.append(child)
        if len(settled) < len(self._groups):
            circle = ", ".join(shown(name) for name, left in parents_left.items() if left)
            raise InventoryError(f"groups contain each other: {circle}")

    def _entry(self, host: str, direct: Iterable[str]) -> Entry:
        place = f"{self._places[host]} ({shown(host)})"
        raw = self._members(place, self._variables[host])
        raw.setdefault("name", host)
        raw.setdefault("host", host)
        names = dict.fromkeys(
            name for group in direct for name in (group, *self._groups[group].ancestors)
        )
        return Entry(place=place, raw=raw, inherited=self._inherited_by(tuple(names)))

    def _inherited_by(self, names: tuple[str, ...]) -> Members:
        if names not in self._inherited:
            groups = [name for name in names if name not in NO_GROUPS]
            members = self.draft.read_layer("groups", {"groups": groups})
            outermost_first = sorted(
                {"all", *names}, key=lambda name: (name != "all", self._groups[name].depth, name)
            )
            for name in outermost_first:
                members = merged(members, self._groups[name].members)
            self._inherited[names] = members
        return self._inherited[names]

    def _members(self, place: str, variables: Mapping[str, object]) -> dict[str, object]:
        """Give the members that variables stand for; the strongest spelling of each wins."""
        meant = []
        for variable, value in variables.items():
            meaning = _meaning(variable)
            if is_secret(variable):
                self._warn_of_secret(place, variable, value)
            elif meaning is None:
                if not variable.startswith("ansible_"):
                    self._unread[variable] = None
            elif self._can_be_used(place, variable, value):
                meant.append((*meaning, variable, value))
        members = {}
        for _, member, variable, value in sorted(meant, key=lambda one: one[0]):
            members[member] = value
            if variable in _OF_ANSIBLE and member == "credentials":
                self._add_credentials(place, value)
        return members

    def _can_be_used(self, place: str, variable: str, value: object) -> bool:
        if isinstance(value, str) and JINJA.search(value):
            self.draft.faults.append(f"{place}: {refusal_of_jinja(variable)}")
            return False
        if isinstance(value, Vaulted):
            self.draft.faults.append(
                f"{place}: {variable}: is encrypted by ansible-vault, which is not read here"
            )
            return False
        if _OF_ANSIBLE.get(variable) == "port" and str(value) == str(SSH_PORT):
            self._warn_once(variable, f"{place}: {variable} {SSH_PORT} is that of SSH; not used")
            return False
        return True

    def _warn_of_secret(self, place: str, variable: str, value: object) -> None:
        if isinstance(value, str) and not JINJA.search(value):
            self._warn_once(
                variable, f"{place}: {variable} stands there in clear text; it is not used"
            )

    def _warn_once(self, variable: str, warning: str) -> None:
        if variable not in self._warned:
            self._warned.add(variable)
            self.draft.warnings.append(warning)

    def _add_credentials(self, place: str, user: object) -> None:
        """Let somebody be asked for the password of a user whom only Ansible knows."""
        if not isinstance(user, str) or user in self.draft.credentials:
            return
        try:
            reference = CredentialReference(name=user, username=user, password="prompt")  # noqa: S106  a keyword
        except CredentialsError as error:
            self.draft.faults.append(f"{place}: {error}")
        else:
            self.draft.credentials[user] = reference


def _meaning(variable: str) -> tuple[int, str] | None:
    """Give the member that a variable stands for, and how strongly; `None` for no member."""
    name = variable.removeprefix("axis_")
    strength = 2 if name != variable else 1
    if name.startswith(("label_", LABEL_PREFIX)):
        return strength, LABEL_PREFIX + name[len(LABEL_PREFIX) :]
    if name in READERS or name != variable:
        return strength, name
    if variable in _OF_ANSIBLE:
        return 0, _OF_ANSIBLE[variable]
    return None


def refusal_of_jinja(what: str) -> str:
    """Give the sentence for a text that only Ansible could make sense of."""
    return f"{what}: has Jinja in it, which is not evaluated here; write the value itself"
