"""
One HTTP POST to one device: connection, TLS, login, status, clock.

Whatever goes wrong here becomes one of our errors here, once; `failures.py`
says which.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import re
import ssl
import time
from http import HTTPStatus
from typing import Final

import aiohttp
import yarl
from aiohttp import hdrs
from attrs import define, field, frozen

from axis_ntp_async.device.auth import Login, LoginAnswer, LoginGate
from axis_ntp_async.device.bounds import Bounds
from axis_ntp_async.device.connector import KEPT_S, hangs_up, make_connector
from axis_ntp_async.device.failures import error_of_status, http_date, translated_errors
from axis_ntp_async.device.records import ClockReading, Device
from axis_ntp_async.device.trust import Trust, blind_context
from axis_ntp_async.errors import (
    DeviceError,
    DeviceUnreachableError,
    LoginRefusedError,
    UnexpectedResponseError,
)

MAX_BODY_BYTES: Final = 1 << 20
"""An answer of the NTP API has about 1 KiB; one above 1 MiB is refused."""

_MOST_LOGINS: Final = 2
"""A first login, remembered or not, and one more when only the nonce was too old."""

_IPV4: Final = re.compile(r"[0-9.]+")
"""Enough for hosts of a `Device`, which checks what looks like one."""

_READABLE: Final = frozenset({HTTPStatus.OK, HTTPStatus.INTERNAL_SERVER_ERROR})


def make_http_session(kept_s: float = KEPT_S, *, keep_alive: bool = True) -> aiohttp.ClientSession:
    """
    Make an aiohttp session that suits many devices: no limits of its own, no cookies.

    Args:
        kept_s: Seconds for which an unused connection is kept, where one is.
        keep_alive: Whether one is kept after an answer, and not only for a login.
    """
    return aiohttp.ClientSession(
        connector=make_connector(kept_s, keep_alive=keep_alive),
        cookie_jar=aiohttp.DummyCookieJar(),
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
    """One request, with the login that it carried, and the answer to it."""

    answered: LoginAnswer | None
    status: int
    challenges: tuple[str, ...]
    body: bytes
    clock: ClockReading | None
    error: DeviceError | None


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
        bounds: The time limits of its requests, and of whoever else has one on them.
    """

    device: Device
    login: Login
    http_session: aiohttp.ClientSession | None
    trust: Trust
    connect_timeout_s: float
    timeout_s: float
    keep_alive: bool
    login_gate: LoginGate | None
    bounds: Bounds = field(factory=Bounds, init=False)

    async def post(self, path: str, body: bytes) -> Answer:
        """
        Send a request, log in when the device asks for it, and give the answer.

        Of the answers on the way, the one with the shortest round trip tells
        the clock: the second one needs no new connection.

        Raises:
            DeviceError: Every failure, as the fitting child.
        """
        try:
            with translated_errors(self.device, self.timeout_s):
                async with self.bounds.bounded(self.timeout_s):
                    return await self._post(path, body)
        finally:
            self.trust.forget_first_contact(self.device)

    async def _post(self, path: str, body: bytes) -> Answer:
        opening = self.login.opening
        exchange = await self._exchange(path, body, opening, is_last=self._is_the_last(opening))
        clock = exchange.clock
        for _ in range(_MOST_LOGINS - (exchange.answered is not None)):
            if exchange.status != HTTPStatus.UNAUTHORIZED:
                break
            answer = self.login.take(exchange.challenges, exchange.answered)
            self.trust.record_first_contact(self.device)
            exchange = await self._exchange(path, body, answer, is_last=True)
            clock = _more_certain(clock, exchange.clock)
        if exchange.status == HTTPStatus.UNAUTHORIZED:
            self.login.take(exchange.challenges, exchange.answered)
            raise LoginRefusedError(self.device.name, "calls every login outdated")
        if exchange.error is not None:
            raise exchange.error
        self.trust.record_first_contact(self.device)
        return Answer(status=exchange.status, body=exchange.body, clock=clock)

    async def certificate(self) -> bytes:
        """Fetch the certificate that the device shows over TLS, in DER form, trusting nothing."""
        context = blind_context(legacy=self.device.legacy_tls)
        with translated_errors(self.device, self.connect_timeout_s):
            async with asyncio.timeout(self.connect_timeout_s):
                _, writer = await asyncio.open_connection(
                    self.device.host, self.device.port, ssl=context
                )
        try:
            connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
            return connection.getpeercert(binary_form=True) or b""
        finally:
            writer.transport.abort()

    async def _exchange(
        self, path: str, body: bytes, answer: LoginAnswer | None, *, is_last: bool
    ) -> _Exchange:
        gate = self.login_gate
        if answer is None or gate is None:
            return await self._send(path, body, answer, is_last=is_last)
        if gate.has_room:
            await gate.enter(self.device.name)
        else:
            with self.bounds.standing_still():
                await gate.enter(self.device.name)
        accepted: bool | None = None
        try:
            exchange = await self._send(path, body, answer, is_last=is_last)
            accepted = self.login.was_accepted(exchange.status, exchange.challenges)
        finally:
            gate.leave(self.device.name, accepted=accepted)
        return exchange

    async def _send(
        self, path: str, body: bytes, answer: LoginAnswer | None, *, is_last: bool
    ) -> _Exchange:
        if self.http_session is None:
            raise RuntimeError("open the session first: async with DeviceSession(…) as session")
        headers: dict[str, str] = {
            hdrs.CONTENT_TYPE: "application/json",
            hdrs.ACCEPT: "application/json",
        }
        if answer is not None:
            headers[hdrs.AUTHORIZATION] = answer.header(hdrs.METH_POST, path)
        if is_last and not self.keep_alive:
            headers[hdrs.CONNECTION] = "close"
        if self.device.scheme != "https":
            return await self._request(self.http_session, path, body, headers, answer)
        with self.trust.checking(self.device):
            return await self._request(self.http_session, path, body, headers, answer)

    def _is_the_last(self, opening: LoginAnswer | None) -> bool:
        """
        Tell whether the first request of a call is expected to be the last on its connection.

        A challenge and the answer to it share one: opening another costs more
        than all the rest, over TLS. Axis' web server calls a nonce too old after
        some minutes, so with one that is remembered nobody knows, and where the
        connection hangs up by itself nobody needs to.
        """
        if opening is None:
            return self.login.credentials is None
        return self.http_session is None or not hangs_up(self.http_session.connector)

    async def _request(
        self,
        http_session: aiohttp.ClientSession,
        path: str,
        body: bytes,
        headers: dict[str, str],
        answer: LoginAnswer | None,
    ) -> _Exchange:
        sent = time.monotonic()
        async with http_session.post(
            _url_of(self.device, path),
            data=body,
            headers=headers,
            allow_redirects=False,
            raise_for_status=False,
            ssl=self.trust.context(self.device) if self.device.scheme == "https" else True,
            timeout=aiohttp.ClientTimeout(sock_connect=self.connect_timeout_s),
        ) as response:
            clock = _clock(response.headers.get(hdrs.DATE), time.monotonic() - sent)
            return _Exchange(
                answered=answer,
                status=response.status,
                challenges=tuple(response.headers.getall(hdrs.WWW_AUTHENTICATE, ())),
                body=await self._body(response),
                clock=clock,
                error=error_of_status(self.device, response),
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
            return b""
        body = await self._read(response)
        if response.status == HTTPStatus.OK and "json" not in response.content_type:
            named = hdrs.CONTENT_TYPE in response.headers
            found = f"answers {response.content_type}" if named else "names no content type"
            raise UnexpectedResponseError(
                self.device.name, f"{found} in place of application/json"
            )
        return body

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        """Read a body; one that says that it is small, and is not packed, in one go."""
        is_packed = hdrs.CONTENT_ENCODING in response.headers
        if not is_packed and 0 <= (response.content_length or -1) <= MAX_BODY_BYTES:
            return await response.read()
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


def _url_of(device: Device, path: str) -> yarl.URL:
    """
    Give a URL of a device, made anew: kept, it would weigh as much as all else of a session.

    An IPv4 address has nothing to encode, and leaving that out takes a third of the time.
    """
    if _IPV4.fullmatch(device.host):
        return yarl.URL.build(
            scheme=device.scheme, authority=device.address, path=path, encoded=True
        )
    try:
        return yarl.URL.build(scheme=device.scheme, host=device.host, port=device.port, path=path)
    except ValueError as error:
        raise DeviceUnreachableError(
            device.name, f"{device.host!r} cannot be an address: {error}"
        ) from error


def _clock(date: str | None, round_trip_s: float) -> ClockReading | None:
    device_time = http_date(date) if date else None
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
