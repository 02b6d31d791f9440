"""The members of a rule as a file gives them: which there are, and how each is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from axis_ntp_async.device.configuration import POLL_MAX, POLL_MIN, SERVER_NAME_MAX
from axis_ntp_async.device.records import ServersSource, fault_of_server
from axis_ntp_async.inventory.formats.addresses import comparable_host, shown
from axis_ntp_async.inventory.formats.members import suggestion

CLEAR: Final = "clear"
"""What stands in place of a list that is to be emptied."""

OF_OVERRIDES: Final = ("match", "optional")
"""Members that an override has besides what it wants."""

Path = tuple[str, ...]
"""The name of a member, and before it that of the table in which it stands."""


def flat(table: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Give the members of a rule by their paths."""
    for name, value in table.items():
        if name == "nts" and isinstance(value, Mapping):
            yield from (((name, inner), one) for inner, one in value.items())
        else:
            yield (name,), value


def read_flag(value: object) -> bool:
    """
    Read `true` or `false`.

    Raises:
        ValueError: It is neither; the sentence says so.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{shown(value)} is neither true nor false")  # noqa: TRY004  a fault of the file
    return value


def _source(value: object) -> ServersSource:
    found = ServersSource.read(value) if isinstance(value, str) else value
    if not isinstance(found, ServersSource):
        raise ValueError(f'{shown(value)} is neither "static" nor "DHCP"')  # noqa: TRY004  the same
    return found


def _poll(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not POLL_MIN <= value <= POLL_MAX:
        raise ValueError(f"{shown(value)} is not a whole number from {POLL_MIN} to {POLL_MAX}")
    return value


def _servers(value: object) -> tuple[str, ...]:
    return _names(value, fault_of_server, comparable_host)


def _ids(value: object) -> tuple[str, ...]:
    return _names(value, lambda _: None, str)


def _names(
    value: object, fault_of: Callable[[str], str | None], compared: Callable[[str], str]
) -> tuple[str, ...]:
    names: dict[str, str] = {}
    faults = []
    for name in _list(value):
        if not isinstance(name, str):
            faults.append(f"{shown(name)} is not text; write it in quotes")
        elif len(name) > SERVER_NAME_MAX:
            faults.append(f"{shown(name)} has more than {SERVER_NAME_MAX} characters")
        elif fault := fault_of(name):
            faults.append(fault)
        elif compared(name) in names:
            faults.append(f"{shown(name)} stands there twice")
        else:
            names[compared(name)] = name
    if faults:
        raise ValueError(*faults)
    return tuple(names.values())


def _list(value: object) -> list[object]:
    if value == CLEAR:
        return []
    if not isinstance(value, list):
        raise ValueError(f'{shown(value)} is not a list like ["a", "b"], nor "{CLEAR}"')  # noqa: TRY004  the same
    if value in ([], [""]):
        raise ValueError(f'lists nothing; write "{CLEAR}" to leave none, or leave the member out')
    if value == [CLEAR]:
        raise ValueError(f'write "{CLEAR}" without brackets')
    return value


READERS: Final[dict[Path, tuple[str, Callable[[object], object]]]] = {
    ("enabled",): ("enabled", read_flag),
    ("source",): ("servers_source", _source),
    ("servers",): ("static_servers", _servers),
    ("minpoll",): ("minpoll", _poll),
    ("maxpoll",): ("maxpoll", _poll),
    ("nts", "enabled"): ("nts_enabled", read_flag),
    ("nts", "ke_servers"): ("static_ntske_servers", _servers),
    ("nts", "ca_certs"): ("ntske_server_ca_certs", _ids),
}
"""Each member: its name in `NTPClientConfiguration`, and how it is read."""

NAME_OF: Final = {member: ".".join(path) for path, (member, _) in READERS.items()}
"""The name of each member in a file, by that in `NTPClientConfiguration`."""

_ALIASES: Final = {**NAME_OF, **{path[-1]: ".".join(path) for path in READERS if path[1:]}}


def fault_of_unknown(path: Path, value: object, others: tuple[str, ...]) -> str:
    """
    Say of a member that it may not stand where it does, and what may.

    Args:
        path: As it stands there.
        value: Likewise.
        others: What may stand there besides what is wanted.
    """
    name = ".".join(path)
    if name == "nts":
        return f"nts: {shown(value)} is not a table; write nts = {{ enabled = true }}"
    if name in OF_OVERRIDES:
        return f"{name}: may stand in [[policy.override]] only"
    if name in NAME_OF.values():
        return f"{name}: write it without quotes"
    if name in _ALIASES:
        return f"{name}: is not known; did you mean {_ALIASES[name]!r}?"
    known = (*NAME_OF.values(), "nts", *others)
    return f"{shown(name)} is not known{suggestion(name, known)}"
