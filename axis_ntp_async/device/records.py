"""The nouns: a device, what it says of its NTP client and its clock, what came of a call."""

from __future__ import annotations

import datetime as dt
import enum
import functools
import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

from attrs import field, frozen

from axis_ntp_async.errors import ConfigurationError, DeviceError

T = TypeVar("T")

_NOT_IN_A_HOST = re.compile(r"[\s/?#@\[\]\\\x00-\x1f\x7f]")
_LIKE_IPV4 = re.compile(r"[0-9.]+")
_NOT_IN_A_NAME = re.compile(r"[\x00-\x1f\x7f]")
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


_trust_policy = functools.lru_cache(maxsize=4096)(TrustPolicy.parse)
"""Read once: many devices say the same, and each is asked for it with every request."""


def normalized_serial(text: str) -> str:
    """Give a serial (a MAC address) as Axis prints it: 12 upper-case digits, no separators."""
    return _SERIAL_SEPARATORS.sub("", text).upper()


def _tuple_of_texts(texts: Iterable[str]) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts)


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
        port: TCP port; by default that of the scheme. `attrs.evolve(scheme=…)` keeps the port.
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
    groups: tuple[str, ...] = field(default=(), converter=_tuple_of_texts)
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
        return _trust_policy(self.tls)

    @property
    def address(self) -> str:
        """Host and port as in a URL: IPv6 in brackets, the scheme's own port left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 80 if self.scheme == "http" else 443
        return host if self.port == usual else f"{host}:{self.port}"


def fault_of_server(name: str) -> str | None:
    """Give why an NTP server cannot have this name: a device may take it, and never be in sync."""
    if _fault_of_host(name) is None:
        return None
    return f"{name!r} is no address and no DNS name; ports and schemes do not belong here"


def _fault_of_host(host: str) -> str | None:
    if not host or _NOT_IN_A_HOST.search(host):
        return f"{host!r} is not an address or a DNS name"
    if ":" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            return f"{host!r} is not an IPv6 address; a port goes into 'port'"
    elif _LIKE_IPV4.fullmatch(host):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            return f"{host!r} is not an IPv4 address"
    return None


def _faults_of_address(host: str, port: int, scheme: str) -> list[str]:
    faults = [f"host: {fault}"] if (fault := _fault_of_host(host)) else []
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
