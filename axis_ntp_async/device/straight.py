"""
The way of a sweep: a connection of our own for each exchange, which ends with it.

A sweep asks each device one thing. aiohttp's session and connector are made for
sites that are asked again and again, by names, over proxies, with cookies and
redirects; for one POST to one address they take half of all that a request
costs. So connections to addresses are opened here, and requests written as they
are. What reads the answers is aiohttp's own protocol and parser, which its
sessions use: what devices do wrong, it has seen.

Names are aiohttp's business: they are looked up, remembered, and may have several
addresses. So are all requests where somebody mocks or watches aiohttp's sessions,
and where its protocol, which is none of its documented names, is not as we
know it. Nothing but time is lost.

A connection that is not kept must still be there after a challenge, for the
login. Asking the device to close it, with a login that is remembered, is asking
before we know: if the nonce was too old, the login needs another connection,
and over TLS that doubles the price. So it is we who hang up.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import importlib
import inspect
import time
import types
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final

import aiohttp
from aiohttp.http import SERVER_SOFTWARE
from attrs import define, field

from axis_ntp_async.device.exchange import Exchange, Response, Way, body_of, is_ipv4
from axis_ntp_async.device.kept import Kept, make_http_session
from axis_ntp_async.device.records import Device
from axis_ntp_async.device.trust import Trust

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler

_FAREWELL_S: Final = 1.0
"""How long a device may take to say goodbye, over TLS, when we hang up."""

_KEPT_FOR_LOGIN_S: Final = 2.0
"""How long a session of aiohttp's keeps a connection for the login that follows a challenge."""

_INTERIM: Final = frozenset(range(100, 200)) - {HTTPStatus.SWITCHING_PROTOCOLS}
"""Statuses after which the answer is still to come."""


_ASKED: Final = ("__init__", "_request", "request", "post")
"""Methods of aiohttp's session by which a request of `Kept` comes to be."""

_OF_AIOHTTP: Final = vars(aiohttp.client)


def make_way(*, keep_alive: bool) -> Way:
    """Choose how requests get to devices, by whether connections are kept after an answer."""
    if keep_alive:
        return Kept(make_http_session(), is_ours=True)
    return Straight(_protocol_of_aiohttp())


@define
class Straight:
    """
    A connection for each exchange.

    Attributes:
        protocol:
            aiohttp's, for the client's end of a connection; `None` where it is
            not as we know it.
    """

    protocol: Callable[[asyncio.AbstractEventLoop], ResponseHandler] | None
    _kept: Kept | None = field(default=None, init=False)

    def begin(self, device: Device, trust: Trust, connect_timeout_s: float) -> Exchange:
        """Begin to ask a device; opens nothing yet."""
        is_address = is_ipv4(device.host) or ":" in device.host
        if self.protocol is None or not is_address or is_somebody_in_between():
            if self._kept is None:
                self._kept = Kept(make_http_session(_KEPT_FOR_LOGIN_S), is_ours=True)
            return self._kept.begin(device, trust, connect_timeout_s)
        return _StraightExchange(self.protocol, device, trust, connect_timeout_s)

    async def close(self) -> None:
        """Close what others than addresses needed."""
        if self._kept is not None:
            await self._kept.close()


@define
class _StraightExchange:
    hangs_up: ClassVar = True
    protocol: Callable[[asyncio.AbstractEventLoop], ResponseHandler]
    device: Device
    trust: Trust
    connect_timeout_s: float
    _connection: ResponseHandler | None = field(default=None, init=False)
    _is_answered: bool = field(default=False, init=False)

    async def post(self, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        connection = await self._connected()
        self._is_answered = False
        connection.set_response_params(read_until_eof=True)
        sent = time.monotonic()
        if connection.transport is not None:  # else `read` raises what has become of it
            connection.transport.write(_request(self.device, path, headers, body))
        head, content = await connection.read()
        while head.code in _INTERIM:
            head, content = await connection.read()
        round_trip_s, at = time.monotonic() - sent, dt.datetime.now(dt.UTC)
        response = Response(
            status=head.code,
            reason=head.reason,
            headers=head.headers,
            body=await body_of(self.device, head.code, content),
            at=at,
            round_trip_s=round_trip_s,
        )
        self._is_answered = content.at_eof()
        return response

    def end(self) -> None:
        """Hang up: politely after a whole answer, at once where one may never come."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._is_answered:
            connection.close()
        else:
            connection.abort()

    async def _connected(self) -> ResponseHandler:
        """Give the connection of this exchange, a new one where the last cannot be used again."""
        connection = self._connection
        if connection is None or connection.should_close or not connection.is_connected():
            self.end()
            try:
                async with asyncio.timeout(self.connect_timeout_s):
                    connection = self._connection = await self._connect()
            except TimeoutError as error:
                raise aiohttp.ConnectionTimeoutError from error
        return connection

    async def _connect(self) -> ResponseHandler:
        loop, device = asyncio.get_running_loop(), self.device
        protocol = functools.partial(self.protocol, loop)
        if device.scheme != "https":
            _, connected = await loop.create_connection(protocol, device.host, device.port)
            return connected
        with self.trust.checking(device):
            _, connected = await loop.create_connection(
                protocol,
                device.host,
                device.port,
                ssl=self.trust.context(device),
                server_hostname=_without_zone(device.host),
                ssl_shutdown_timeout=_FAREWELL_S,
            )
        return connected


def _request(device: Device, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """
    Give the bytes of a request, with the headers that aiohttp would send.

    Values are ours, or were checked to be printable: the user name by
    `Credentials`, what a challenge says by `Challenge`.
    """
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {_without_zone(device.address)}",
        *[f"{name}: {value}" for name, value in headers.items()],
        "Accept-Encoding: gzip, deflate",
        f"User-Agent: {SERVER_SOFTWARE}",
        f"Content-Length: {len(body)}",
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + body


def _without_zone(address: str) -> str:
    """Leave the zone out of an IPv6 address: it is a name that only we have for a network."""
    address, percent, rest = address.partition("%")
    bracket = "]" if percent and "]" in rest else ""
    return address + bracket + rest.partition("]")[2]


def _protocol_of_aiohttp() -> Any:  # noqa: ANN401  what we do not know yet
    """Give aiohttp's protocol for the client's end; `None` where it is not as we know it."""
    try:
        protocol = importlib.import_module("aiohttp.client_proto").ResponseHandler
    except (ImportError, AttributeError):
        return None
    return protocol if is_known(protocol) else None


def is_known(protocol: Any) -> bool:  # noqa: ANN401  what we do not know yet
    """Tell whether a class has what we use of aiohttp's protocol, and takes what we give it."""
    return (
        isinstance(getattr(protocol, "should_close", None), property)
        and inspect.iscoroutinefunction(getattr(protocol, "read", None))
        and _takes(protocol, "loop")
        and _takes(getattr(protocol, "set_response_params", None), "self", read_until_eof=True)
        and all(
            _takes(getattr(protocol, name, None), "self")
            for name in ("read", "is_connected", "close", "abort")
        )
    )


def _takes(called: Any, *values: object, **named: object) -> bool:  # noqa: ANN401  the same
    try:
        inspect.signature(called).bind(*values, **named)
    except (TypeError, ValueError):
        return False
    return True


def is_somebody_in_between() -> bool:
    """
    Tell whether requests of aiohttp's sessions are not made by aiohttp alone now.

    What mocks or watches them puts something else in the place of a method, and
    may well say that it is equal to it; so it is asked what it is made of.
    """
    session = aiohttp.ClientSession
    if session is not aiohttp.client.ClientSession:
        return True
    for name in _ASKED:
        method = getattr(session, name, None)
        if type(method) is not types.FunctionType or method.__globals__ is not _OF_AIOHTTP:
            return True
    return False
