"""What we want of a device's NTP client: checked before it is sent, compared with what is."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any, Final, TypeGuard

from attrs import fields, frozen

from axis_ntp_async.device.records import NTPClientStatus, ServersSource
from axis_ntp_async.errors import ConfigurationError

POLL_MIN: Final = 0
POLL_MAX: Final = 24
"""Bounds of minpoll and maxpoll. Source: NTP API, sub codes 7 and 8."""

SERVER_NAME_MAX: Final = 255

_NOT_IN_A_SERVER = re.compile(r"[\s\x00-\x1f\x7f]")


@frozen(kw_only=True)
class Change:
    """
    One member of a configuration, before and after.

    Attributes:
        member: Its name in `NTPClientConfiguration`.
        before: What the device reports; `None` when it does not report the member.
        after: What is wanted.
    """

    member: str
    before: object
    after: object


@frozen(kw_only=True)
class NTPClientConfiguration:
    """
    What can be set of a device's NTP client.

    A member that is `None` is not sent; an empty tuple clears the list.

    Attributes:
        enabled: Whether the client shall run.
        nts_enabled: Whether it shall use NTS.
        ntske_server_ca_certs: Ids of the CA certificates to trust for NTS key establishment.
        servers_source: Where its servers shall come from.
        static_servers: Servers in order of preference; replaces the list of the device.
        static_ntske_servers: Servers for NTS key establishment; replaces the list.
        minpoll: Lower bound of the poll interval, as a power of two seconds, 0 to 24.
        maxpoll: Upper bound, likewise; not below `minpoll`.

    Raises:
        ConfigurationError: Values that no device could accept; all of them at once.

    Source: NTP API, setNTPClientConfiguration. Its table lacks minpoll and
    maxpoll, but its text and the sub codes 7 and 8 have them. The text says
    that the minimum "should not be lower" than the maximum; that is a slip.
    """

    enabled: bool | None = None
    nts_enabled: bool | None = None
    ntske_server_ca_certs: tuple[str, ...] | None = None
    servers_source: ServersSource | None = None
    static_servers: tuple[str, ...] | None = None
    static_ntske_servers: tuple[str, ...] | None = None
    minpoll: int | None = None
    maxpoll: int | None = None

    def __attrs_post_init__(self) -> None:
        faults = [
            *_faults_of_flag("enabled", self.enabled),
            *_faults_of_flag("nts_enabled", self.nts_enabled),
            *_faults_of_names("ntske_server_ca_certs", self.ntske_server_ca_certs),
            *_faults_of_source(self.servers_source),
            *_faults_of_names("static_servers", self.static_servers),
            *_faults_of_names("static_ntske_servers", self.static_ntske_servers),
            *_faults_of_poll(self.minpoll, self.maxpoll),
        ]
        if faults:
            raise ConfigurationError(*faults)

    @property
    def members(self) -> dict[str, Any]:
        """The members that would be sent, by name, in the document's order."""
        values = {one.name: getattr(self, one.name) for one in fields(type(self))}
        return {name: value for name, value in values.items() if value is not None}

    def changes_from(self, actual: NTPClientStatus | NTPClientConfiguration) -> tuple[Change, ...]:
        """
        Give what sending this would change, in the order of the members.

        Names are compared as a device would: those of servers without regard
        to letter case, `("",)` equals `()`, and the order matters.
        """
        return tuple(
            Change(member=name, before=getattr(actual, name), after=wanted)
            for name, wanted in self.members.items()
            if _comparable(name, getattr(actual, name)) != _comparable(name, wanted)
        )

    def applicable_to(self, actual: NTPClientStatus) -> NTPClientConfiguration:
        """
        Give the same without NTS members that ask a device without NTS for no NTS.

        A policy for a mixed fleet may say "NTS off": devices that do not know
        it are as wanted, and must not be sent what they do not know.
        """
        return self.only(
            name
            for name, wanted in self.members.items()
            if name not in _OF_NTS
            or wanted not in (False, ())
            or getattr(actual, name) is not None
        )

    @property
    def needs_newer_firmware(self) -> bool:
        """Whether it has members that older firmware does not report, and so does not know."""
        return not _REPORTED_BY_NEWER_FIRMWARE.isdisjoint(self.members)

    @classmethod
    def reported_by(cls, actual: NTPClientStatus) -> NTPClientConfiguration:
        """
        Give everything that can be set as a device reports it: what it takes to restore it.

        Raises:
            ConfigurationError: The device has a value that could not be sent back.
        """
        source = actual.servers_source
        if isinstance(source, str):
            raise ConfigurationError(f"servers_source: {source!r} could not be sent back")
        return cls(**{one.name: getattr(actual, one.name) for one in fields(cls)})

    def only(self, names: Iterable[str]) -> NTPClientConfiguration:
        """Give the same with these members only."""
        wanted = set(names)
        return NTPClientConfiguration(
            **{name: value for name, value in self.members.items() if name in wanted}
        )

    def laid_over(self, actual: NTPClientStatus) -> NTPClientConfiguration:
        """
        Give the complete configuration that a device with this status should be sent.

        `enabled`, `servers_source` and `static_servers` are always in it, NTS
        members when the device reports them, poll bounds when they are named
        here. What is not named here keeps the device's value.

        Raises:
            ConfigurationError: The device has a value that could not be sent back.

        Source: NTP API, setNTPClientConfiguration. The document does not say
        which members are required, nor whether one left out keeps its value.
        """
        kept = {name: getattr(actual, name) for name in _SENT_BACK}
        if not isinstance(actual.servers_source, ServersSource):
            kept["servers_source"] = None
        return NTPClientConfiguration(**{**kept, **self.members})

    def faults_for(self, actual: NTPClientStatus) -> tuple[str, ...]:
        """Give why this device could not take the configuration; empty when it could."""
        faults = [
            f"{name}: the device does not report it, so its firmware cannot be given it"
            for name in self.members
            if name in _REPORTED_BY_NEWER_FIRMWARE and getattr(actual, name) is None
        ]
        most = actual.max_supported_static_servers
        for name in _NAMES_OF_SERVERS:
            count = len(getattr(self, name) or ())
            if most is not None and count > most:
                faults.append(f"{name}: {count} servers, but the device takes at most {most}")
        return (*faults, *self._faults_of_poll_beside(actual))

    def _faults_of_poll_beside(self, actual: NTPClientStatus) -> list[str]:
        """Compare the one bound that is named with the one that the device keeps."""
        minpoll, maxpoll = self.minpoll, self.maxpoll
        if minpoll is None and maxpoll is not None:
            minpoll = actual.minpoll
        elif maxpoll is None and minpoll is not None:
            maxpoll = actual.maxpoll
        if minpoll is None or maxpoll is None or minpoll <= maxpoll:
            return []
        return [f"minpoll: {minpoll} would be above maxpoll {maxpoll}"]


def limits_of(actual: NTPClientStatus) -> NTPClientStatus:
    """
    Give what `faults_for` looks at, and no more.

    Few devices differ in it, so all sessions that remember the same share one.
    """
    return _limits(
        nts_enabled=actual.nts_enabled,
        ntske_server_ca_certs=_emptied(actual.ntske_server_ca_certs),
        static_ntske_servers=_emptied(actual.static_ntske_servers),
        max_supported_static_servers=actual.max_supported_static_servers,
        minpoll=actual.minpoll,
        maxpoll=actual.maxpoll,
    )


_limits: Final = functools.lru_cache(maxsize=256)(NTPClientStatus)


def _emptied(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if names is None else ()


_SENT_BACK: Final = (
    "enabled",
    "servers_source",
    "static_servers",
    "nts_enabled",
    "static_ntske_servers",
    "ntske_server_ca_certs",
)
_OF_NTS: Final = frozenset({"nts_enabled", "ntske_server_ca_certs", "static_ntske_servers"})
_NAMES_OF_SERVERS: Final = ("static_servers", "static_ntske_servers")
_REPORTED_BY_NEWER_FIRMWARE: Final = frozenset(
    {"nts_enabled", "ntske_server_ca_certs", "static_ntske_servers", "minpoll", "maxpoll"}
)


def _comparable(member: str, value: object) -> object:
    if not isinstance(value, tuple):
        return value
    names = tuple(name for name in value if name)
    return tuple(map(str.casefold, names)) if member in _NAMES_OF_SERVERS else names


def _faults_of_flag(member: str, value: object) -> list[str]:
    if value is None or isinstance(value, bool):
        return []
    return [f"{member}: {value!r} is neither True nor False"]


def _faults_of_source(value: object) -> list[str]:
    if value is None or isinstance(value, ServersSource):
        return []
    return [f"servers_source: {value!r} is neither ServersSource.STATIC nor ServersSource.DHCP"]


def _faults_of_names(member: str, value: object) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, tuple):
        return [f"{member}: {value!r} is not a tuple of names"]
    return [
        f"{member}[{place}]: {fault}"
        for place, name in enumerate(value)
        if (fault := _fault_of_name(name))
    ]


def _fault_of_name(name: object) -> str | None:
    if not isinstance(name, str):
        return f"{name!r} is not text"
    if not name:
        return "is empty; clear a list with ()"
    if _NOT_IN_A_SERVER.search(name):
        return f"{name!r} has white space or control characters"
    if len(name) > SERVER_NAME_MAX:
        return f"has {len(name)} characters, at most {SERVER_NAME_MAX} are allowed"
    return None


def _faults_of_poll(minpoll: object, maxpoll: object) -> list[str]:
    faults = [
        f"{member}: {value!r} is not a whole number from {POLL_MIN} to {POLL_MAX}"
        for member, value in (("minpoll", minpoll), ("maxpoll", maxpoll))
        if value is not None and not _is_poll(value)
    ]
    if _is_poll(minpoll) and _is_poll(maxpoll) and minpoll > maxpoll:
        faults.append(f"minpoll: {minpoll} is above maxpoll {maxpoll}")
    return faults


def _is_poll(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and POLL_MIN <= value <= POLL_MAX
