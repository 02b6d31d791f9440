"""
The way of a sweep: a connection of our own for each call, which ends with it.

A sweep asks each device one thing. aiohttp's session and connector are made for
sites that are asked again and again, by names, over proxies, with cookies and
redirects; for one POST to one address they take half of all that a request
costs. So connections are opened here, and requests written as they are. What
reads the answers is aiohttp's own protocol and parser, which its sessions use:
what devices do wrong, it has seen.

That protocol is none of aiohttp's documented names, so it is looked at first.
Where it is not as we know it, or where somebody has put himself in the place of
aiohttp's session, to mock or to watch it, calls go through such a session.
Nothing but time is lost.

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
import socket
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import aiohappyeyeballs
import aiohttp
from aiohttp.http import SERVER_SOFTWARE
from attrs import define, field

from axis_ntp_async.device.exchange import Response, Way, body_of, is_ipv4, url_of
from axis_ntp_async.device.kept import Kept, make_http_session
from axis_ntp_async.device.records import Device
from axis_ntp_async.device.resolver import Resolver
from axis_ntp_async.device.trust import Trust

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler

_FAREWELL_S: Final = 1.0
"""How long a device may take to say goodbye, over TLS, when we hang up."""

_LOGIN_S: Final = 2.0
"""How long aiohttp keeps a connection for the login that follows a challenge."""

_HEAD_START_S: Final = 0.25
"""Of the first address of a name before the next one is tried as well: RFC 8305, 8."""

_INTERIM: Final = frozenset(range(100, 200)) - {HTTPStatus.SWITCHING_PROTOCOLS}
"""Statuses after which the answer is still to come."""

_SESSION_OF_AIOHTTP: Final = (aiohttp.ClientSession.__init__, aiohttp.ClientSession._request)  # noqa: SLF001  only compared


def make_way(*, keep_alive: bool) -> Way:
    """Choose how requests get to devices, by whether connections are kept after an answer."""
    if keep_alive:
        return Kept(make_http_session(), is_ours=True)
    protocol = _protocol_of_aiohttp()
    if protocol is None or _is_somebody_in_between():
        return Kept(make_http_session(_LOGIN_S), is_ours=True)
    return Straight(protocol)


@define
class Straight:
    """
    A connection for each call.

    Attributes:
        protocol: aiohttp's, for the client's end of a connection.
    """

    protocol: Callable[[asyncio.AbstractEventLoop], ResponseHandler]
    hangs_up: bool = field(default=True, init=False)
    _resolver: Resolver = field(factory=Resolver, init=False)

    def call(self, device: Device, trust: Trust, connect_timeout_s: float) -> _StraightCall:
        """Begin to ask a device."""
        return _StraightCall(self, device, trust, connect_timeout_s)

    async def close(self) -> None:
        """Close nothing: each call has."""

    async def connect(self, device: Device, **how: Any) -> ResponseHandler:  # noqa: ANN401  passed on
        """Connect to a device, at once where its host is an address."""
        loop = asyncio.get_running_loop()
        protocol = functools.partial(self.protocol, loop)
        if is_ipv4(device.host) or ":" in device.host:
            _, connected = await loop.create_connection(protocol, device.host, device.port, **how)
        else:
            name = url_of(device, "/").raw_host or ""
            sock = await self._connect_to_name(name, device.port)
            _, connected = await loop.create_connection(protocol, sock=sock, **how)
        return connected

    async def _connect_to_name(self, name: str, port: int) -> socket.socket:
        addresses = await self._resolver.resolve(name, port, socket.AF_UNSPEC)
        return await aiohappyeyeballs.start_connection(
            [
                (one["family"], socket.SOCK_STREAM, one["proto"], "", (one["host"], one["port"]))
                for one in addresses
            ],
            happy_eyeballs_delay=_HEAD_START_S,
            interleave=1,
        )


@define
class _StraightCall:
    _way: Straight
    _device: Device
    _trust: Trust
    _connect_timeout_s: float
    _connection: ResponseHandler | None = field(default=None, init=False)
    _is_answered: bool = field(default=False, init=False)

    async def post(self, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        connection = await self._connected()
        self._is_answered = False
        connection.set_response_params(read_until_eof=True)
        sent = time.monotonic()
        if connection.transport is not None:
            connection.transport.write(_request(self._device, path, headers, body))
        head, content = await connection.read()
        while head.code in _INTERIM:
            head, content = await connection.read()
        round_trip_s, at = time.monotonic() - sent, dt.datetime.now(dt.UTC)
        response = Response(
            status=head.code,
            reason=head.reason,
            headers=head.headers,
            body=await body_of(self._device, head.code, content),
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
        """Give the connection of this call, a new one if the device has hung up meanwhile."""
        connection = self._connection
        if connection is None or connection.should_close or not connection.is_connected():
            self.end()
            try:
                async with asyncio.timeout(self._connect_timeout_s):
                    connection = self._connection = await self._connect()
            except TimeoutError as error:
                raise aiohttp.ConnectionTimeoutError from error
        return connection

    async def _connect(self) -> ResponseHandler:
        device = self._device
        if device.scheme != "https":
            return await self._way.connect(device)
        with self._trust.checking(device):
            return await self._way.connect(
                device,
                ssl=self._trust.context(device),
                server_hostname=device.host.rstrip("."),
                ssl_shutdown_timeout=_FAREWELL_S,
            )


def _request(device: Device, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """Write a request as aiohttp would."""
    named = device.address if is_ipv4(device.host) else url_of(device, path).host_port_subcomponent
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {named}",
        *[f"{name}: {value}" for name, value in headers.items()],
        f"Accept-Encoding: gzip, deflate\r\nUser-Agent: {SERVER_SOFTWARE}",
        f"Content-Length: {len(body)}\r\n\r\n",
    ]
    return "\r\n".join(lines).encode() + body


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
    except TypeError:
        return False
    return True


def _is_somebody_in_between() -> bool:
    """Tell whether requests of aiohttp's sessions are not made by aiohttp alone."""
    session = aiohttp.ClientSession
    return (session.__init__, session._request) != _SESSION_OF_AIOHTTP  # noqa: SLF001  only compared
