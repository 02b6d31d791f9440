"""The nouns: a device, what it says of its NTP client, what we want of it, what came of a call."""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Final, Generic, TypeGuard, TypeVar

from attrs import field, fields, frozen

from axis_ntp_async.errors import ConfigurationError, DeviceError

POLL_MIN: Final = 0
POLL_MAX: Final = 24
"""Bounds of minpoll and maxpoll. Source: NTP API, sub codes 7 and 8."""

SERVER_NAME_MAX: Final = 255

T = TypeVar("T")

_NOT_IN_A_HOST = re.compile(r"[\s/?#@\[\]\\\x00-\x1f\x7f]")
_NOT_IN_A_NAME = re.compile(r"[\x00-\x1f\x7f]")
_NOT_IN_A_SERVER = re.compile(r"[\s\x00-\x1f\x7f]")
_SERIAL_SEPARATORS = re.compile(r"[\s:.\-]")
_SERIAL = re.compile(r"[0-9A-F]{12}")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


class ServersSource(enum.Enum):
    """
    Where a device's NTP client takes its servers from, spelled as in the document.

    Source: NTP API, getNTPInfo, `data.client.serversSource`.
    """

    DHCP = "DHCP"
    STATIC = "static"

    @classmethod
    def read(cls, text: str) -> ServersSource | str:
        """Give the member whatever its letter case; a word we do not know stays as it is."""
        return next((one for one in cls if one.value.casefold() == text.casefold()), text)


class TLSMode(enum.Enum):
    """How a device proves over TLS that it is the one we mean."""

    VERIFY = "verify"
    PIN = "pin"
    AXIS_IDEVID = "axis-idevid"
    TOFU = "tofu"
    INSECURE = "insecure"


@frozen(kw_only=True)
class TrustPolicy:
    """
    The TLS policy of a device, as it stands in an inventory's `tls`.

    Attributes:
        mode: Which proof is asked for.

        argument:
            After the colon: the CA file of `verify` and `axis-idevid`, the
            SHA-256 of the certificate of `pin` (64 lower-case hex digits).
    """

    mode: TLSMode
    argument: str | None = None

    @classmethod
    def parse(cls, text: str) -> TrustPolicy:
        """
        Read `verify`, `verify:ca.pem`, `pin:SHA256`, `axis-idevid:ca.pem`, `tofu`, `insecure`.

        Raises:
            ConfigurationError: It is none of these.
        """
        word, _, argument = text.partition(":")
        try:
            mode = TLSMode(word.strip().lower())
        except ValueError:
            known = ", ".join(one.value for one in TLSMode)
            raise ConfigurationError(f"tls: {word!r} is not one of {known}") from None
        argument = argument.strip()
        if mode is TLSMode.PIN:
            argument = re.sub(r"[\s:]", "", argument).lower()
            if not _FINGERPRINT.fullmatch(argument):
                raise ConfigurationError(
                    "tls: 'pin:' wants the SHA-256 of the certificate, 64 hex digits"
                )
        if mode is TLSMode.AXIS_IDEVID and not argument:
            raise ConfigurationError(
                "tls: 'axis-idevid:' wants the file with the Axis root certificates"
            )
        if mode in {TLSMode.TOFU, TLSMode.INSECURE} and argument:
            raise ConfigurationError(f"tls: {mode.value!r} takes nothing after it")
        return cls(mode=mode, argument=argument or None)


def normalized_serial(text: str) -> str:
    """Give a serial (a MAC address) as Axis prints it: 12 upper-case digits, no separators."""
    return _SERIAL_SEPARATORS.sub("", text).upper()


def _optional_serial(text: str | None) -> str | None:
    return normalized_serial(text) if text else None


@frozen(kw_only=True)
class Device:
    """
    One Axis product: where it is, what it belongs to, how it proves itself.

    It holds the *name* of its credentials, never a secret.

    Attributes:
        name: What people call it; unique in an inventory.
        host: IPv4 or IPv6 address, or DNS name; no port, no brackets.
        port: TCP port; by default that of the scheme.
        scheme: `https` or `http`.
        site: The place whose network and time server it shares with others.
        serial: Its MAC address, read in any notation, kept as `ACCC8E012345`.
        groups: Labels without a value.
        labels: Labels with a value, such as `model` and `firmware`.
        credentials: The name under which its credentials are found; `None` logs in nowhere.
        tls: A `TrustPolicy` as text.
        legacy_tls: Also accept the TLS versions and ciphers of firmware before 10.
        plaintext_basic: Answer a Basic challenge on plain HTTP: the password can be read en route.

    Raises:
        ConfigurationError: A value that cannot be right; all of them at once.
    """

    name: str
    host: str
    scheme: str = "https"
    port: int = field()
    site: str | None = None
    serial: str | None = field(default=None, converter=_optional_serial)
    groups: tuple[str, ...] = field(default=(), converter=tuple)
    labels: Mapping[str, str] = field(factory=dict, hash=False)
    credentials: str | None = None
    tls: str = "verify"
    legacy_tls: bool = False
    plaintext_basic: bool = False

    @port.default
    def _port_of_the_scheme(self) -> int:
        return 80 if self.scheme == "http" else 443

    def __attrs_post_init__(self) -> None:
        faults = [*_faults_of_address(self.host, self.port, self.scheme)]
        if not self.name.strip() or _NOT_IN_A_NAME.search(self.name):
            faults.insert(0, f"name: {self.name!r} is empty or has control characters")
        if self.serial is not None and not _SERIAL.fullmatch(self.serial):
            faults.append(f"serial: {self.serial!r} is not 12 hex digits like ACCC8E012345")
        try:
            needs_serial = self.trust.mode is TLSMode.AXIS_IDEVID
        except ConfigurationError as error:
            faults.extend(error.faults)
        else:
            if needs_serial and self.serial is None:
                faults.append("tls: 'axis-idevid' compares the serial, and there is none")
        if faults:
            raise ConfigurationError(*faults)

    @property
    def trust(self) -> TrustPolicy:
        """Its TLS policy, read."""
        return TrustPolicy.parse(self.tls)

    @property
    def address(self) -> str:
        """Host and port as in a URL: IPv6 in brackets, the scheme's own port left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 80 if self.scheme == "http" else 443
        return host if self.port == usual else f"{host}:{self.port}"


def _faults_of_address(host: str, port: int, scheme: str) -> list[str]:
    faults = []
    if not host or _NOT_IN_A_HOST.search(host):
        faults.append(f"host: {host!r} is not an address or a DNS name")
    elif ":" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            faults.append(f"host: {host!r} is not an IPv6 address; a port goes into 'port'")
    if type(port) is not int or not 0 < port < 1 << 16:
        faults.append(f"port: {port!r} is not a number from 1 to 65535")
    if scheme not in {"https", "http"}:
        faults.append(f"scheme: {scheme!r} is neither https nor http")
    return faults


@frozen(kw_only=True)
class ClockReading:
    """
    The device's own clock, read from the HTTP `Date` of an answer.

    Attributes:
        device_time: The `Date` as sent: UTC, whole seconds.
        read_at: Our own clock, in UTC, half-way between request and answer.
        round_trip_s: Seconds between sending the request and the answer's head.

        skew_s:
            Device's clock minus ours, in seconds. `Date` is cut to whole
            seconds, so half a second is added to it.

        uncertainty_s:
            The true skew lies within `skew_s` ± this: half a second for the
            cut `Date`, and half of the round trip.
    """

    device_time: dt.datetime
    read_at: dt.datetime
    round_trip_s: float
    skew_s: float
    uncertainty_s: float


@frozen(kw_only=True)
class NTPClientStatus:
    """
    What one device says about its own NTP client.

    A member that the device did not report is `None`.

    Attributes:
        enabled: Whether the client runs.
        nts_enabled: Whether it uses NTS in place of plain NTP.
        ntske_server_ca_certs: Ids of the CA certificates trusted for NTS key establishment.

        servers_source:
            Where the servers come from; a word other than the document's two
            stays text. With `DHCP` and nothing advertised the device falls
            back to its static servers.

        max_supported_static_servers: How many static servers it can use.
        static_servers: Servers set by the user, in order; `[""]` is read as none.
        advertised_servers: Servers from the DHCP lease, whatever the source is.
        static_ntske_servers: Servers for NTS key establishment.

        synced:
            Whether NTP has set the clock since the last restart. It may stay
            true after the server has gone away.

        time_to_next_sync_s: Seconds to the next attempt; 0 without servers.

        time_offset_ms:
            Difference between the device's clock and the server's, in
            milliseconds, as sent. It is sent as 0.0 by devices that are not
            synced: use `offset_ms`, which is `None` then. The document does
            not say which sign means "ahead".

        minpoll: Lower bound of the poll interval, as a power of two seconds.
        maxpoll: Upper bound, likewise.
        other: Members that we do not know, by their name on the wire.

    Source: NTP API, getNTPInfo, response parameters.
    """

    enabled: bool | None = None
    nts_enabled: bool | None = None
    ntske_server_ca_certs: tuple[str, ...] | None = None
    servers_source: ServersSource | str | None = None
    max_supported_static_servers: int | None = None
    static_servers: tuple[str, ...] | None = None
    advertised_servers: tuple[str, ...] | None = None
    static_ntske_servers: tuple[str, ...] | None = None
    synced: bool | None = None
    time_to_next_sync_s: int | None = None
    time_offset_ms: float | None = None
    minpoll: int | None = None
    maxpoll: int | None = None
    other: Mapping[str, Any] = field(factory=dict, hash=False)

    @property
    def offset_ms(self) -> float | None:
        """The offset in milliseconds, or `None` while it means nothing."""
        return self.time_offset_ms if self.synced else None


@frozen(kw_only=True)
class NTPInfo:
    """
    One answer to getNTPInfo.

    Attributes:
        api_version: Version of the API that answered, like `1.5`; some devices leave it out.
        client: The device's NTP client; `None` when the device has none.
        server: The section of its NTP server, as sent: the document does not describe it.
        other: Sections that we do not know, as sent.
        clock: The device's clock against ours; `None` when the answer had no `Date`.

    Source: NTP API, getNTPInfo.
    """

    api_version: str | None = None
    client: NTPClientStatus | None = None
    server: Mapping[str, Any] | None = field(default=None, hash=False)
    other: Mapping[str, Any] = field(factory=dict, hash=False)
    clock: ClockReading | None = None


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

    def changes_from(self, actual: NTPClientStatus) -> tuple[Change, ...]:
        """
        Give what sending this would change, in the order of the members.

        Names are compared as a device would: without regard to letter case,
        `("",)` equals `()`, and the order of servers matters.
        """
        return tuple(
            Change(member=name, before=getattr(actual, name), after=wanted)
            for name, wanted in self.members.items()
            if _comparable(getattr(actual, name)) != _comparable(wanted)
        )

    @property
    def needs_newer_firmware(self) -> bool:
        """Whether it has members that older firmware does not report, and so does not know."""
        return not _REPORTED_BY_NEWER_FIRMWARE.isdisjoint(self.members)

    def faults_for(self, actual: NTPClientStatus) -> tuple[str, ...]:
        """Give why this device could not take the configuration; empty when it could."""
        faults = [
            f"{name}: the device does not report it, so its firmware cannot be given it"
            for name in self.members
            if name in _REPORTED_BY_NEWER_FIRMWARE and getattr(actual, name) is None
        ]
        most = actual.max_supported_static_servers
        for name in ("static_servers", "static_ntske_servers"):
            count = len(getattr(self, name) or ())
            if most is not None and count > most:
                faults.append(f"{name}: {count} servers, but the device takes at most {most}")
        return tuple(faults)


_REPORTED_BY_NEWER_FIRMWARE: Final = frozenset(
    {"nts_enabled", "ntske_server_ca_certs", "static_ntske_servers", "minpoll", "maxpoll"}
)


def _comparable(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(name.casefold() for name in value if name)
    return value


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


@frozen(kw_only=True)
class Outcome(Generic[T]):
    """
    What came of one call to one device: a value, or the error in its place.

    Attributes:
        device: The device that was called.
        value: What the call returned; `None` when it failed.
        error: Why it failed; `None` when it did not.
        at: When it ended, by our clock, in UTC.
        attempts: How often the device was tried; 0 when it never was.
        elapsed_s: Seconds from the first attempt to the end, waiting in between included.
    """

    device: Device
    value: T | None = None
    error: DeviceError | None = None
    at: dt.datetime
    attempts: int
    elapsed_s: float

    @property
    def is_ok(self) -> bool:
        """Whether the call returned a value."""
        return self.error is None
