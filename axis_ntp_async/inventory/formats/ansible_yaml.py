"""Ansible's YAML: groups with `hosts`, `vars` and `children`; needs the extra `yaml`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from attrs import define, field

from axis_ntp_async.errors import InventoryError
from axis_ntp_async.inventory.formats.addresses import shown
from axis_ntp_async.inventory.formats.ansible import AnsibleGroups, Vaulted
from axis_ntp_async.inventory.formats.entries import Draft
from axis_ntp_async.inventory.formats.members import suggestion

if TYPE_CHECKING:
    import yaml

SLOW_FROM: Final = 5_000
"""From this many devices on YAML is slow enough to tell: 100,000 take some 20 s."""

_KEYS: Final = ("hosts", "vars", "children")


def read_ansible_yaml(text: str) -> Draft:
    """
    Read groups and what they contain.

    Raises:
        InventoryError: PyYAML is missing, it is not YAML, or groups contain each other.
    """
    file = _YamlFile()
    file.read(_parsed(text))
    draft = file.groups.finish()
    if len(draft.entries) > SLOW_FROM:
        draft.warnings.append(
            f"YAML with {len(draft.entries):,} devices loads slowly; "
            "'axis-ntp inventory convert' makes a TOML, CSV or JSON lines file of it"
        )
    return draft


def _parsed(text: str) -> object:
    try:
        import yaml  # noqa: PLC0415  an extra
    except ImportError:
        raise InventoryError(
            "YAML needs an extra; run: pip install 'axis_ntp_async[yaml]'"
        ) from None
    if not hasattr(yaml, "CSafeLoader"):
        raise InventoryError("this PyYAML was built without libyaml, its fast loader is missing")
    try:
        loader = _loader(yaml.CSafeLoader)(text)
        top = loader.get_single_node()
        if top is None:
            return None
        _refuse_doubles(top)
        return loader.construct_document(top)
    except yaml.MarkedYAMLError as error:
        raise InventoryError(f"is not YAML: {error.problem}{_where(error.problem_mark)}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InventoryError("is not YAML: a character or a value that cannot be") from error


def _loader(base: type[yaml.CSafeLoader]) -> type[yaml.CSafeLoader]:
    """Give the safe loader, with what Ansible adds to YAML."""

    class Loader(base):  # type: ignore[misc, valid-type]  # its base is known only when imported
        """Knows two tags more; a class of its own, so that nobody else's YAML changes."""

    Loader.add_constructor("!vault", lambda _loader, _node: Vaulted())
    Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))
    return Loader


def _refuse_doubles(top: yaml.Node) -> None:
    """PyYAML would let the later of two equal keys win, and a host would be gone."""
    waiting, seen = [top], {id(top)}
    while waiting:
        content = waiting.pop().value
        if not isinstance(content, list):
            continue
        pairs = [one for one in content if isinstance(one, tuple)]
        first: dict[str, yaml.Node] = {}
        for key, _ in pairs:
            if isinstance(key.value, str) and first.setdefault(key.value, key) is not key:
                raise InventoryError(
                    f"the key {shown(key.value)} stands twice in one mapping"
                    f"{_where(key.start_mark)}"
                )
        inner = [value for _, value in pairs] or content
        fresh = [one for one in inner if id(one) not in seen]
        seen.update(map(id, fresh))
        waiting.extend(fresh)


def _where(mark: yaml.Mark | None) -> str:
    return f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""


@define
class _YamlFile:
    """What has been read of the file so far; a part that is referred to twice is read once."""

    groups: AnsibleGroups = field(factory=AnsibleGroups)
    _read: set[tuple[str, int]] = field(factory=set, init=False)

    def read(self, content: object) -> None:
        """Read all groups, without recursion: a file may nest as deeply as it likes."""
        waiting = deque(self._mapping("the file", content))
        while waiting:
            name, body = waiting.popleft()
            if (name, id(body)) in self._read:
                continue
            self._read.add((name, id(body)))
            self.groups.group(name)
            waiting.extend(self._children(name, dict(self._mapping(f"group {shown(name)}", body))))

    def _children(self, name: str, body: Mapping[str, object]) -> Iterator[tuple[str, object]]:
        place = f"group {shown(name)}"
        for key in body:
            if key not in _KEYS:
                self._fault(f"{place}: {shown(key)} is none of hosts, vars, children", key)
        group = self.groups.group(name)
        group.variables.update(self._mapping(f"{place}, vars", body.get("vars")))
        for pattern, variables in self._mapping(f"{place}, hosts", body.get("hosts")):
            own = dict(self._mapping(f"{place}, host {shown(pattern)}", variables))
            self.groups.add_hosts(name, pattern, own, place)
        for child, content in self._mapping(f"{place}, children", body.get("children")):
            group.children[child] = None
            yield child, content

    def _mapping(self, place: str, content: object) -> Iterator[tuple[str, object]]:
        """Give the pairs of a mapping; nothing at all is an empty one."""
        if content is None:
            return
        if not isinstance(content, Mapping):
            self._fault(f"{place}: is not a mapping; does a line lack its colon?")
            return
        for key, value in content.items():
            yield str(key), value

    def _fault(self, sentence: str, word: str | None = None) -> None:
        nearest = suggestion(word, _KEYS) if word is not None else ""
        self.groups.draft.faults.append(sentence + nearest)
