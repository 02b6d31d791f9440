"""
What a simulated camera knows of the NTP API: members by version, versions by firmware, checks.

The checks are written from the document's sub codes alone and share nothing
with the validation before sending, so that one mistake cannot hide in both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import ServersSource
from axis_ntp_async.device.wire import CONFIGURATION_MEMBERS
from axis_ntp_async.errors import PARAMETER_OF_SUB_CODE

SINCE_VERSION: Final = {
    "nts_enabled": "1.3",
    "static_ntske_servers": "1.3",
    "ntske_server_ca_certs": "1.4",
    "minpoll": "1.5",
    "maxpoll": "1.5",
}
"""
The first API version with a member; those that are not here have been there from 1.0 on.

Assumed: which version brought which member is not published. NTS came with
AXIS OS 11.1, so versions seen before it (1.2 on 9.80 and 10.12) have none.
"""

_VERSION_SINCE_FIRMWARE: Final = (
    ((12, 0), "1.5"),
    ((11, 8), "1.4"),
    ((11, 1), "1.3"),
    ((9, 80), "1.2"),
    ((9, 40), "1.1"),
    ((9, 10), "1.0"),
)
"""Seen: 1.2 on 9.80 and 10.12, 1.4 on 11.11, 1.5 on 12.9 and 12.11; the rest is assumed."""

_SUB_CODE_OF: Final = {member: number for number, member in PARAMETER_OF_SUB_CODE.items()}
_SERVER_NAME: Final = re.compile(r"[^\s\x00-\x1f\x7f]{1,255}")
_POLL_RANGE: Final = range(25)


def api_version_of(firmware: str) -> str | None:
    """Give the NTP API version that an AXIS OS version comes with; `None` before 9.10."""
    release = release_of(firmware)
    return next((version for since, version in _VERSION_SINCE_FIRMWARE if release >= since), None)


def release_of(firmware: str) -> tuple[int, ...]:
    """Give an AXIS OS version as numbers that compare: `12.11.77` is above `9.80.2`."""
    return tuple(int(number) for number in firmware.split("."))


def has_member(api_version: str, member: str) -> bool:
    """Tell whether an API version has a member, by our name of it."""
    return release_of(api_version) >= release_of(SINCE_VERSION.get(member, "1.0"))


def settable(params: Mapping[str, Any], api_version: str) -> dict[str, Any]:
    """Give the parameters that this version can set, by our names; unknown ones are ignored."""
    return {
        member: params[wire]
        for member, (wire, _) in CONFIGURATION_MEMBERS.items()
        if wire in params and has_member(api_version, member)
    }


def sub_code_of_fault(
    members: Mapping[str, Any], current: NTPClientConfiguration, most_servers: int
) -> int | None:
    """
    Give the sub code of the first member with a value that cannot be; `None` when all can.

    Args:
        members: JSON values by our names.
        current: What holds now; a poll bound that is not sent keeps its value.
        most_servers: The device's `maxSupportedStaticServers`.

    Source: NTP API, NTP invalid parameter error sub codes.
    """
    for member, value in members.items():
        if not _CHECKS[member](value, most_servers):
            return _SUB_CODE_OF[CONFIGURATION_MEMBERS[member][0]]
    minpoll = members.get("minpoll", current.minpoll)
    if minpoll > members.get("maxpoll", current.maxpoll):
        return _SUB_CODE_OF["minpoll" if "minpoll" in members else "maxpoll"]
    return None


def configuration_of(members: Mapping[str, Any]) -> NTPClientConfiguration:
    """Give members that were found right as a configuration; an empty name clears a list."""
    values = dict(members)
    for member, value in members.items():
        if isinstance(value, list):
            values[member] = tuple(name for name in value if name)
        elif isinstance(value, str):
            values[member] = ServersSource.read(value)
    return NTPClientConfiguration(**values)


def _is_flag(value: object, _: int) -> bool:
    return isinstance(value, bool)


def _is_source(value: object, _: int) -> bool:
    return isinstance(value, str) and value.lower() in {"dhcp", "static"}


def _is_list_of_names(value: object, _: int) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_list_of_servers(value: object, most: int) -> bool:
    if value in ([], [""]):
        return True
    return (
        isinstance(value, list)
        and len(value) <= most
        and all(isinstance(name, str) and _SERVER_NAME.fullmatch(name) for name in value)
    )


def _is_poll(value: object, _: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in _POLL_RANGE


_CHECKS: Final[dict[str, Callable[[object, int], bool]]] = {
    "enabled": _is_flag,
    "nts_enabled": _is_flag,
    "ntske_server_ca_certs": _is_list_of_names,
    "servers_source": _is_source,
    "static_servers": _is_list_of_servers,
    "static_ntske_servers": _is_list_of_servers,
    "minpoll": _is_poll,
    "maxpoll": _is_poll,
}
