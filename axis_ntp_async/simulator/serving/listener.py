"""What stands between the sockets of a simulated fleet and the answers of its cameras."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable

from aiohttp import web

from axis_ntp_async.simulator.serving.addresses import Address, address_of, reserved


class Listener:
    """
    Holds one address for as long as its fleet runs, listening or not.

    Args:
        bound: A socket that has the address and does not listen yet; is closed by `free`.
        protocols: Makes the protocol of a new connection.

    Attributes:
        address: What it holds.
        context: For TLS, from the next `open` on; `None` for plain HTTP.
    """

    def __init__(
        self, bound: socket.socket, protocols: Callable[[], asyncio.BaseProtocol]
    ) -> None:
        self.address: Address = address_of(bound)
        self.context: ssl.SSLContext | None = None
        self._protocols = protocols
        self._bound = bound
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen; does nothing when it does already."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(
                self._protocols, sock=self._bound, ssl=self.context, backlog=128
            )

    def close(self) -> None:
        """Refuse connections from now on, and keep the address."""
        if self._server is not None:
            self._server.close()
            self._server = None
            self._bound = reserved(self.address)

    def free(self) -> None:
        """Give the address back."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._bound.close()


class Entrance(web.Server):
    """
    The web server of all cameras; a request whose client has left is cancelled.

    Args:
        handler: Answers one request.
        on_connection: Is told the address at which a connection was opened.
        keepalive_s: Seconds until an idle connection is closed.
    """

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        on_connection: Callable[[Address], None],
        keepalive_s: float,
    ) -> None:
        super().__init__(
            handler,
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=keepalive_s,
            lingering_time=0.0,
        )
        self._on_connection = on_connection

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Take note of a new connection; over HTTPS its handshake is done."""
        super().connection_made(handler, transport)
        self._on_connection(local_address(transport))

    def drop(self, address: Address) -> None:
        """Drop the connections of one camera."""
        for connection in self.connections:
            transport = connection.transport
            if transport is not None and local_address(transport) == address:
                transport.abort()


def local_address(transport: asyncio.BaseTransport) -> Address:
    """Give which camera's address a connection goes to."""
    host, port = transport.get_extra_info("sockname")[:2]
    return Address(host, port)
