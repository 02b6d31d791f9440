"""
One HTTP POST to one device: connection, TLS, login, status, clock.

Whatever goes wrong here becomes one of our errors here, once, by one context
manager and its table.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import email.utils
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from http import HTTPStatus
from typing import Final, NoReturn

import aiohttp
import yarl
from aiohttp import hdrs
from attrs import define, field, frozen

from axis_ntp_async.device.auth import Login, LoginGate
from axis_ntp_async.device.records import ClockReading, Device
from axis_ntp_async.device.trust import PeerRefusedError, Trust
from axis_ntp_async.errors import (
    AccessBlockedError,
    CertificateRejectedError,
    DeviceBusyError,
    DeviceError,
    DeviceUnreachableError,
    LoginRefusedError,
    UnexpectedResponseError,
    UnsupportedDeviceError,
)

MAX_BODY_BYTES: Final = 1 << 20
"""An answer of the NTP API has about 1 KiB; one above 1 MiB is refused."""

_MOST_LOGINS: Final = 2
"""A first answer to a challenge, and one more when only the nonce was too old."""

_READABLE: Final = frozenset({HTTPStatus.OK, HTTPStatus.INTERNAL_SERVER_ERROR})
_BUSY: Final = frozenset({429, 502, 503, 504})
_ABSENT: Final = frozenset({404, 405})


def make_http_session() -> aiohttp.ClientSession:
    """Make an aiohttp session that suits many devices: no limits of its own, no cookies."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
    )


@frozen(kw_only=True)
class Answer:
    """
    What a device answered, after the login.

    Attributes:
        status: 200 or 500; every other status is an error.
        body: At most `MAX_BODY_BYTES`.
        clock: The device's clock; `None` without a readable `Date`.
    """

    status: int
    body: bytes
    clock: ClockReading | None


@frozen(kw_only=True)
class _Exchange:
    """One request and the answer to it, whatever its status."""

    status: int
    challenges: tuple[str, ...]
    body: bytes
    clock: ClockReading | None


@define(kw_only=True)
class Transport:
    """
    The way to one device.

    Attributes:
        device: The device.
        login: How we log in to it; remembers the challenge.
        http_session: What connections are made with; `None` while there is nothing open.
        trust: What certificates are checked with.
        connect_timeout_s: Seconds for TCP and TLS together.
        timeout_s: Seconds for one request, the login included, the wait at the gate not.
        keep_alive: Whether the connection is kept after an answer.
        login_gate: Asked before each login, told afterwards.
    """

    device: Device
    login: Login
    http_session: aiohttp.ClientSession | None
    trust: Trust
    connect_timeout_s: float
    timeout_s: float
    keep_alive: bool
    login_gate: LoginGate | None
    _url: yarl.URL | None = field(default=None, init=False)

    async def post(self, path: str, body: bytes) -> Answer:
        """
        Send a request, log in when the device asks for it, and give the answer.

        Of the answers on the way, the one with the shortest round trip tells
        the clock: the second one needs no new connection.

        Raises:
            DeviceError: Every failure, as the fitting child.
        """
        with _translated_errors(self.device, self.timeout_s):
            async with asyncio.timeout(self.timeout_s) as bound:
                exchange = await self._exchange(path, body, bound)
                clock = exchange.clock
                for _ in range(_MOST_LOGINS):
                    if exchange.status != HTTPStatus.UNAUTHORIZED:
                        break
                    self.login.take(exchange.challenges)
                    exchange = await self._exchange(path, body, bound)
                    clock = _more_certain(clock, exchange.clock)
        if exchange.status == HTTPStatus.UNAUTHORIZED:
            self.login.take(exchange.challenges)
            raise LoginRefusedError(self.device.name, "calls every login outdated")
        return Answer(status=exchange.status, body=exchange.body, clock=clock)

    async def certificate(self) -> bytes:
        """Fetch the certificate that the device shows over TLS, in DER form, trusting nothing."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with _translated_errors(self.device, self.connect_timeout_s):
            async with asyncio.timeout(self.connect_timeout_s):
                _, writer = await asyncio.open_connection(
                    self.device.host, self.device.port, ssl=context
                )
        try:
            connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
            return connection.getpeercert(binary_form=True) or b""
        finally:
            writer.transport.abort()

    async def _exchange(self, path: str, body: bytes, bound: asyncio.Timeout) -> _Exchange:
        authorization = self.login.authorization(hdrs.METH_POST, path)
        gate = self.login_gate
        if authorization is None or gate is None:
            return await self._send(path, body, authorization)
        async with _not_counting(bound):
            await gate.enter(self.device.name)
        accepted: bool | None = None
        try:
            exchange = await self._send(path, body, authorization)
            accepted = self.login.was_accepted(exchange.status, exchange.challenges)
        finally:
            gate.leave(accepted=accepted)
        return exchange

    async def _send(self, path: str, body: bytes, authorization: str | None) -> _Exchange:
        if self.http_session is None:
            raise RuntimeError("open the session first: async with DeviceSession(…) as session")
        headers = {hdrs.CONTENT_TYPE: "application/json", hdrs.ACCEPT: "application/json"}
        if authorization is not None:
            headers[hdrs.AUTHORIZATION] = authorization
            if not self.keep_alive:
                headers[hdrs.CONNECTION] = "close"
        is_tls = self.device.scheme == "https"
        with self.trust.checking(self.device):
            sent = time.monotonic()
            async with self.http_session.post(
                self._url_of(path),
                data=body,
                headers=headers,
                allow_redirects=False,
                ssl=self.trust.context(self.device) if is_tls else True,
                timeout=aiohttp.ClientTimeout(sock_connect=self.connect_timeout_s),
            ) as response:
                clock = _clock(response.headers.get(hdrs.DATE), time.monotonic() - sent)
                return _Exchange(
                    status=response.status,
                    challenges=tuple(response.headers.getall(hdrs.WWW_AUTHENTICATE, ())),
                    body=await self._body(response),
                    clock=clock,
                )

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        """Look at the status first; read what is worth reading, up to the limit."""
        if response.status == HTTPStatus.UNAUTHORIZED:
            self._check_set_up(response)
            # Firmware 5 closes the connection right after its 401.
            with contextlib.suppress(aiohttp.ClientError):
                await self._read(response)
            return b""
        if response.status not in _READABLE:
            _raise_for_status(self.device, response)
        body = await self._read(response)
        if response.status == HTTPStatus.OK and "json" not in response.content_type:
            raise UnexpectedResponseError(
                self.device.name, f"answers {response.content_type} in place of application/json"
            )
        return body

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise UnexpectedResponseError(
                    self.device.name, f"the answer has more than {MAX_BODY_BYTES >> 20} MiB"
                )
        return bytes(body)

    def _check_set_up(self, response: aiohttp.ClientResponse) -> None:
        if "Axis-Setup" in response.headers:
            raise LoginRefusedError(
                self.device.name, "is in factory default and has no user yet; set it up first"
            )

    def _url_of(self, path: str) -> yarl.URL:
        if self._url is None or self._url.raw_path != path:
            device = self.device
            try:
                self._url = yarl.URL.build(
                    scheme=device.scheme, host=device.host, port=device.port, path=path
                )
            except ValueError as error:
                raise DeviceUnreachableError(
                    device.name, f"{device.host!r} cannot be an address: {error}"
                ) from error
        return self._url


def _raise_for_status(device: Device, response: aiohttp.ClientResponse) -> NoReturn:
    status, name = response.status, device.name
    said = f"HTTP {status} {response.reason or ''}".rstrip()
    if status == HTTPStatus.FORBIDDEN:
        raise AccessBlockedError(
            name,
            f"{said}: our address is blocked for a while after failed logins, "
            "or the user is no administrator",
        )
    if status in _ABSENT:
        raise UnsupportedDeviceError(
            name, f"{said}: no NTP API here; AXIS OS has it from version 9.10 on"
        )
    if status in _BUSY:
        raise DeviceBusyError(name, said, _seconds(response.headers.get(hdrs.RETRY_AFTER)))
    if 300 <= status < 400:  # noqa: PLR2004  the redirects
        target = response.headers.get(hdrs.LOCATION, "nowhere")
        raise UnexpectedResponseError(
            name, f"{said} to {target!r}; redirects are not followed, correct 'scheme' and 'host'"
        )
    hint = "; it may take HTTPS only: scheme = 'https'" if device.scheme == "http" else ""
    raise UnexpectedResponseError(name, said + hint)


def _seconds(retry_after: str | None) -> float:
    """Read a Retry-After header: seconds, or a date."""
    if retry_after is None:
        return 0.0
    if retry_after.strip().isdecimal():
        return float(retry_after)
    until = _http_date(retry_after)
    return max(0.0, (until - dt.datetime.now(dt.UTC)).total_seconds()) if until else 0.0


def _http_date(text: str) -> dt.datetime | None:
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return date.replace(tzinfo=date.tzinfo or dt.UTC)


def _clock(date: str | None, round_trip_s: float) -> ClockReading | None:
    device_time = _http_date(date) if date else None
    if device_time is None:
        return None
    read_at = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=round_trip_s / 2)
    return ClockReading(
        device_time=device_time,
        read_at=read_at,
        round_trip_s=round_trip_s,
        skew_s=(device_time - read_at).total_seconds() + 0.5,
        uncertainty_s=0.5 + round_trip_s / 2,
    )


def _more_certain(one: ClockReading | None, other: ClockReading | None) -> ClockReading | None:
    known = [reading for reading in (one, other) if reading is not None]
    return min(known, key=lambda reading: reading.uncertainty_s, default=None)


@contextlib.asynccontextmanager
async def _not_counting(bound: asyncio.Timeout) -> AsyncIterator[None]:
    """Stop a timeout's clock while we keep the device waiting, not it us."""
    loop, ends_at = asyncio.get_running_loop(), bound.when()
    stopped_at = loop.time()
    bound.reschedule(None)
    yield
    bound.reschedule(None if ends_at is None else ends_at + loop.time() - stopped_at)


@contextlib.contextmanager
def _translated_errors(device: Device, timeout_s: float) -> Iterator[None]:
    """
    Raise what aiohttp and asyncio raise as the fitting `DeviceError`.

    The first row that fits decides, so children stand above their parents.
    """
    try:
        yield
    except _FOREIGN as error:
        translate = next(to for kind, to in _TRANSLATIONS if isinstance(error, kind))
        raise translate(device, error, timeout_s) from error


_FOREIGN: Final = (aiohttp.ClientError, TimeoutError, OSError, UnicodeError)
_Translation = Callable[[Device, BaseException, float], DeviceError]


def _certificate(device: Device, error: BaseException, _: float) -> DeviceError:
    cause = getattr(error, "certificate_error", error)
    if isinstance(cause, PeerRefusedError):
        return cause.device_error
    reason = getattr(cause, "verify_message", "") or str(cause)
    return CertificateRejectedError(
        device.name,
        f"its certificate is not trusted: {reason}. Name its CA (tls = 'verify:ca.pem'), "
        "or look at it and record it with 'axis-ntp trust' (tls = 'tofu')",
    )


def _handshake(device: Device, error: BaseException, _: float) -> DeviceError:
    reason = getattr(getattr(error, "os_error", error), "reason", None) or str(error)
    return CertificateRejectedError(
        device.name,
        f"TLS failed: {reason}. An old device may need legacy_tls = true, "
        "one without TLS scheme = 'http'",
    )


def _unreachable(text: str) -> _Translation:
    def translate(device: Device, error: BaseException, timeout_s: float) -> DeviceError:
        reason = getattr(error, "os_error", error)
        reason = getattr(reason, "strerror", None) or str(reason) or type(error).__name__
        return DeviceUnreachableError(
            device.name, text.format(device=device, reason=reason, timeout_s=timeout_s)
        )

    return translate


def _not_http(device: Device, error: BaseException, _: float) -> DeviceError:
    reason = getattr(error, "message", "") or type(error).__name__
    return UnexpectedResponseError(device.name, f"does not speak HTTP as expected: {reason}")


_TRANSLATIONS: Final[tuple[tuple[type[BaseException], _Translation], ...]] = (
    (aiohttp.ClientConnectorCertificateError, _certificate),
    (aiohttp.ClientConnectorDNSError, _unreachable("no such name: {device.host} ({reason})")),
    (aiohttp.ClientConnectorSSLError, _handshake),
    (ssl.SSLCertVerificationError, _certificate),
    (aiohttp.ConnectionTimeoutError, _unreachable("no connection to {device.address} in time")),
    (TimeoutError, _unreachable("no answer from {device.address} within {timeout_s:g} s")),
    (aiohttp.ClientConnectorError, _unreachable("{device.address}: {reason}")),
    (aiohttp.ClientPayloadError, _unreachable("broke off in the middle of its answer")),
    (aiohttp.ClientConnectionError, _unreachable("closed the connection without an answer")),
    (aiohttp.ClientError, _not_http),
    (ssl.SSLError, _handshake),
    (UnicodeError, _unreachable("{device.host!r} cannot be an address: {reason}")),
    (OSError, _unreachable("{device.address}: {reason}")),
)
