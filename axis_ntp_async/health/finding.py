"""The verdict on one device: what is wrong, what the root of it is, what to do about it."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Final

from attrs import fields, frozen

from axis_ntp_async.device.configuration import Change
from axis_ntp_async.device.records import Device, NTPClientStatus, NTPInfo, ServersSource
from axis_ntp_async.errors import ConfigurationError, DeviceError


class State(enum.Enum):
    """How a device is, from good to bad."""

    OK = "ok"
    WARNING = "warning"
    UNKNOWN = "unknown"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Its place in the order from good to bad."""
        return _RANKS[self]


_RANKS: Final = {state: rank for rank, state in enumerate(State)}


class Cause(enum.Enum):
    """
    What is wrong with a device, from the root to its consequences.

    Where several are true at once, the first of this order is the root cause:
    a device that cannot be reached has no wrong offset to complain about.
    """

    UNREACHABLE = "unreachable"
    BUSY = "busy"
    CERTIFICATE = "certificate"
    IDENTITY = "identity"
    NOT_TRIED = "not_tried"
    LOGIN = "login"
    BLOCKED = "blocked"
    UNSUPPORTED = "unsupported"
    DEVICE_ERROR = "device_error"
    BAD_ANSWER = "bad_answer"
    DISABLED = "disabled"
    NO_SERVERS = "no_servers"
    NOT_SYNCED = "not_synced"
    STALE = "stale"
    OFFSET = "offset"
    SKEW = "skew"
    DRIFT = "drift"
    DHCP_FALLBACK = "dhcp_fallback"
    FEW_SERVERS = "few_servers"


_OF_CLOCKS: Final = frozenset(
    {
        *(Cause.DISABLED, Cause.NO_SERVERS, Cause.NOT_SYNCED),
        *(Cause.STALE, Cause.OFFSET, Cause.SKEW),
    }
)
"""Who has one of these has no right time, or is not going to keep it."""


@frozen(kw_only=True)
class Problem:
    """
    One thing that is wrong with a device.

    Attributes:
        cause: Which thing.
        state: How bad it is.
        message: What is so, in a sentence without the device's name.
        hint: What to do about it, in a sentence that is the same for all like it.
    """

    cause: Cause
    state: State
    message: str
    hint: str


@frozen(kw_only=True)
class Thresholds:
    """
    When a value is worth a warning, and when it is critical.

    Attributes:
        offset_warning_ms, offset_critical_ms:
            Of the offset that the device reports, in milliseconds, without its sign.

        skew_warning_s, skew_critical_s:
            Of the device's clock against ours, in seconds, without its sign.
            Only what is certain counts: the reading's uncertainty is taken off.

        servers_min: Fewer servers than this are worth a warning.

    Raises:
        ConfigurationError: Negative ones, and warnings above what is critical; all at once.
    """

    offset_warning_ms: float = 100.0
    offset_critical_ms: float = 1000.0
    skew_warning_s: float = 2.0
    skew_critical_s: float = 5.0
    servers_min: int = 2

    def __attrs_post_init__(self) -> None:
        faults = [
            f"{one.name}: {value!r} is not a number from 0 on"
            for one in fields(type(self))
            if not (value := getattr(self, one.name)) >= 0
        ]
        faults += [
            f"{warning}: {least:g} is above {critical} {most:g}, so there would be no warning"
            for warning, critical in _PAIRS
            if (least := getattr(self, warning)) > (most := getattr(self, critical))
        ]
        if faults:
            raise ConfigurationError(*faults)


_PAIRS: Final = (
    ("offset_warning_ms", "offset_critical_ms"),
    ("skew_warning_s", "skew_critical_s"),
)


PROFILES: Final = {
    "default": Thresholds(),
    "strict": Thresholds(offset_warning_ms=10.0, offset_critical_ms=50.0, servers_min=4),
    "lenient": Thresholds(offset_warning_ms=1000.0, offset_critical_ms=5000.0, servers_min=1),
}
"""
Named thresholds.

`default`: a second shows in overlays and in the order of logs. `strict`: the
values of RFC 8633. `lenient`: sites behind mobile networks; at 5 s a video
system may be refused by ONVIF.
"""


@frozen(kw_only=True)
class Finding:
    """
    What we think of one device after one look at it.

    Attributes:
        device: The device.
        at: When it was looked at, in UTC.
        problems: What is wrong, root cause first; empty when it is ok.
        info: What it said; `None` when it could not be read.
        error: Why it could not be read; `None` when it could.
        drift: The changes that would bring it to the desired configuration.
        attempts: How often it was tried.
        elapsed_s: Seconds from the first attempt to the end.
    """

    device: Device
    at: dt.datetime
    problems: tuple[Problem, ...] = ()
    info: NTPInfo | None = None
    error: DeviceError | None = None
    drift: tuple[Change, ...] = ()
    attempts: int
    elapsed_s: float

    @property
    def state(self) -> State:
        """The worst state among its problems."""
        states = (problem.state for problem in self.problems)
        return max(states, key=lambda state: state.rank, default=State.OK)

    @property
    def cause(self) -> Cause | None:
        """The root cause, or `None` when it is ok."""
        return self.problems[0].cause if self.problems else None

    @property
    def is_in_sync(self) -> bool:
        """
        Whether it says that it is synced, and nothing is known against its clock.

        A device that follows a wrong server says synced, too: its skew tells
        against it. One with too few servers is in sync so far.
        """
        client = self.info.client if self.info else None
        if client is None or not client.synced or client.enabled is False:
            return False
        return not any(problem.cause in _OF_CLOCKS for problem in self.problems)

    @property
    def message(self) -> str:
        """The root cause in a sentence; what is good, when nothing is wrong."""
        if self.problems:
            return self.problems[0].message
        client = self.info.client if self.info else None
        return "switched off, as desired" if client and client.enabled is False else "in sync"

    @property
    def hint(self) -> str:
        """What to do about the root cause."""
        return self.problems[0].hint if self.problems else ""

    @property
    def offset_ms(self) -> float | None:
        """The offset it reports, in milliseconds; `None` while that means nothing."""
        return self.info.client.offset_ms if self.info and self.info.client else None

    @property
    def skew_s(self) -> float | None:
        """Its clock minus ours, in seconds; `None` when no clock was read."""
        return self.info.clock.skew_s if self.info and self.info.clock else None


def servers_in_use(client: NTPClientStatus) -> tuple[str, ...] | None:
    """
    Give the servers that the device takes its time from; `None` when it does not say.

    With source DHCP and nothing advertised these are its static servers.

    Source: NTP API, getNTPInfo, `data.client.serversSource`.
    """
    if client.nts_enabled:
        return client.static_ntske_servers
    if client.servers_source is ServersSource.STATIC or falls_back(client):
        return client.static_servers
    return client.advertised_servers if client.servers_source is ServersSource.DHCP else None


def falls_back(client: NTPClientStatus) -> bool:
    """Tell whether DHCP is to name its servers, and advertises none."""
    return (
        not client.nts_enabled
        and client.servers_source is ServersSource.DHCP
        and client.advertised_servers == ()
    )
