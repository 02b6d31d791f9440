"""
One HTTP POST to one device: login, gate, status, clock; `exchange.py` tells how it gets there.

Whatever goes wrong here becomes one of our errors here, once; `failures.py`
says which.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import functools
import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs
from attrs import define, field, frozen

from axis_ntp_async.device.auth import Login, LoginAnswer, LoginGate
from axis_ntp_async.device.bounds import Bounds
from axis_ntp_async.device.exchange import Exchange, Response, Way
from axis_ntp_async.device.failures import error_of_status, http_date, translated_errors
from axis_ntp_async.device.records import ClockReading, Device
from axis_ntp_async.device.trust import Trust, blind_context
from axis_ntp_async.errors import (
    LoginRefusedError,
    UnexpectedResponseError,
)

_HELD_S: Final = 2.0
"""How long a connection is held for a login that has to wait; devices have few, and drop them."""

_MOST_LOGINS: Final = 2
"""A first login, remembered or not, and one more when only the nonce was too old."""


_Send = Callable[..., Awaitable[Response]]
"""`Transport._send`, of one exchange."""


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


@define(kw_only=True)
class Transport:
    """
    The way to one device.

    Attributes:
        device: The device.
        login: How we log in to it; remembers the challenge.
        way: How requests get there; `None` while there is nothing open.
        trust: What certificates are checked with.
        connect_timeout_s: Seconds for TCP and TLS together.
        timeout_s: Seconds for one request, the login included, the wait at the gate not.
        keep_alive: Whether the connection is kept after an answer.
        login_gate: Asked before each login, told afterwards.
        bounds: The time limits of its requests, and of whoever else has one on them.
    """

    device: Device
    login: Login
    way: Way | None
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
        the clock.

        Raises:
            DeviceError: Every failure, as the fitting child.
        """
        if self.way is None:
            raise RuntimeError("open the session first: async with DeviceSession(…) as session")
        exchange = self.way.begin(self.device, self.trust, self.connect_timeout_s)
        try:
            with translated_errors(self.device, self.timeout_s):
                async with self.bounds.bounded(self.timeout_s):
                    return await self._post(exchange, path, body)
        finally:
            exchange.end()
            self.trust.forget_first_contact(self.device)

    async def _post(self, exchange: Exchange, path: str, body: bytes) -> Answer:
        send = functools.partial(self._send, exchange, path, body)
        login = self.login.opening
        is_last = self._is_the_last(exchange, login)
        response = await self._log_in(exchange, send, login, is_last=is_last)
        responses = [response]
        for _ in range(_MOST_LOGINS - (login is not None)):
            if response.status != HTTPStatus.UNAUTHORIZED:
                break
            login = self.login.take(response.challenges, login)
            self.trust.record_first_contact(self.device)
            response = await self._log_in(exchange, send, login, is_last=True)
            responses.append(response)
        if response.status == HTTPStatus.UNAUTHORIZED:
            self.login.take(response.challenges, login)
            raise LoginRefusedError(self.device.name, "calls every login outdated")
        if error := error_of_status(self.device, response):
            raise error
        self.trust.record_first_contact(self.device)
        return Answer(status=response.status, body=response.body, clock=_clock(responses))

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

    async def _log_in(
        self, exchange: Exchange, send: _Send, login: LoginAnswer | None, *, is_last: bool
    ) -> Response:
        """Send a request, past the gate where it carries a login."""
        gate = self.login_gate
        if login is None or gate is None:
            return await send(login, is_last=is_last)
        if gate.has_room:
            await gate.enter(self.device.name)
        else:
            with self.bounds.standing_still(), _ended_after(_HELD_S, exchange):
                await gate.enter(self.device.name)
        accepted: bool | None = None
        try:
            response = await send(login, is_last=is_last)
            accepted = self.login.was_accepted(response.status, response.challenges)
        finally:
            gate.leave(self.device.name, accepted=accepted)
        return response

    async def _send(
        self,
        exchange: Exchange,
        path: str,
        body: bytes,
        login: LoginAnswer | None,
        *,
        is_last: bool,
    ) -> Response:
        headers: dict[str, str] = {
            hdrs.CONTENT_TYPE: "application/json",
            hdrs.ACCEPT: "application/json",
        }
        if login is not None:
            headers[hdrs.AUTHORIZATION] = login.header(hdrs.METH_POST, path)
        if is_last and not self.keep_alive:
            headers[hdrs.CONNECTION] = "close"
        response = await exchange.post(path, headers, body)
        self._check(response)
        return response

    def _is_the_last(self, exchange: Exchange, opening: LoginAnswer | None) -> bool:
        """
        Tell whether the first request of a call is expected to be the last on its connection.

        A challenge and the answer to it share one: opening another costs more
        than all the rest, over TLS. Axis' web server calls a nonce too old after
        some minutes, so with one that is remembered nobody knows, and where it is
        we who hang up nobody needs to.
        """
        if opening is None:
            return self.login.credentials is None
        return not exchange.hangs_up

    def _check(self, response: Response) -> None:
        """Refuse what says 401 or 200 and is still no answer of the API."""
        if response.status == HTTPStatus.UNAUTHORIZED and "Axis-Setup" in response.headers:
            raise LoginRefusedError(
                self.device.name, "is in factory default and has no user yet; set it up first"
            )
        if response.status != HTTPStatus.OK:
            return
        kind = _kind_of(response.headers.get(hdrs.CONTENT_TYPE, ""))
        if "json" not in kind:
            found = f"answers {kind}" if kind else "names no content type"
            raise UnexpectedResponseError(
                self.device.name, f"{found} in place of application/json"
            )


@contextlib.contextmanager
def _ended_after(seconds: float, exchange: Exchange) -> Iterator[None]:
    """Leave the connection of an exchange if what is inside takes longer."""
    timer = asyncio.get_running_loop().call_later(seconds, exchange.end)
    try:
        yield
    finally:
        timer.cancel()


def _kind_of(content_type: str) -> str:
    """Leave out what follows the type: the character set."""
    return content_type.partition(";")[0].strip().lower()


def _clock(responses: Iterable[Response]) -> ClockReading | None:
    """Read the clock off the answer that was quickest, of those that tell it."""
    for response in sorted(responses, key=lambda one: one.round_trip_s):
        date = response.headers.get(hdrs.DATE)
        if date is not None and (device_time := http_date(date)) is not None:
            return _reading(device_time, response)
    return None


def _reading(device_time: dt.datetime, response: Response) -> ClockReading:
    read_at = response.at - dt.timedelta(seconds=response.round_trip_s / 2)
    return ClockReading(
        device_time=device_time,
        read_at=read_at,
        round_trip_s=response.round_trip_s,
        skew_s=(device_time - read_at).total_seconds() + 0.5,
        uncertainty_s=0.5 + response.round_trip_s / 2,
    )
