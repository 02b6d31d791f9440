"""
How connections are opened: aiohttp's connector, on a shorter way for plain addresses.

An inventory lists addresses, hundreds to 100,000 of them, each connected to
once. aiohttp looks each one up, races address families and opens the socket
itself, which costs a sixth of what a whole request does. For an address the
event loop's own `create_connection` does all there is to do. That is one
method of aiohttp's that is not public: where it is not as we know it, aiohttp's
own way is taken, and nothing but time is lost.
"""

from __future__ import annotations

import inspect
import socket
from typing import Any, Final

import aiohttp

from axis_ntp_async.device.resolver import Resolver

_NAMES_KEPT_S: Final = 300
_KNOWN: Final = {
    "_create_direct_connection": ["self", "req", "traces", "timeout", "client_error"],
    "_wrap_existing_connection": ["self", "args", "req", "timeout", "client_error", "kwargs"],
    "_get_ssl_context": ["self", "req"],
}
"""Methods of aiohttp's connector that the shorter way overrides or calls, and their parameters."""


class DirectConnector(aiohttp.TCPConnector):
    """A connector that goes straight to addresses; names take aiohttp's way."""

    async def _create_direct_connection(
        self,
        req: Any,  # noqa: ANN401  aiohttp's own type of it is not public
        traces: Any,  # noqa: ANN401  the same
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  the name is aiohttp's
        **more: Any,  # noqa: ANN401  passed on
    ) -> Any:  # noqa: ANN401  the same
        host = req.url.raw_host
        if not _is_address(host):
            return await super()._create_direct_connection(req, traces, timeout, **more)
        context = self._get_ssl_context(req)
        return await self._wrap_existing_connection(
            self._factory,
            host,
            req.port,
            ssl=context,
            server_hostname=(req.server_hostname or host) if context else None,
            req=req,
            timeout=timeout,
            **more,
        )


def make_connector(keepalive_s: float) -> aiohttp.TCPConnector:
    """
    Make a connector that suits many devices: no limits of its own.

    Args:
        keepalive_s: Seconds for which an unused connection is kept, where one is.
    """
    how: dict[str, Any] = {
        "limit": 0,
        "resolver": Resolver(),
        "ttl_dns_cache": _NAMES_KEPT_S,
        "keepalive_timeout": keepalive_s,
    }
    return (
        DirectConnector(**how) if is_known(aiohttp.TCPConnector) else aiohttp.TCPConnector(**how)
    )


def is_known(connector: type) -> bool:
    """Tell whether a connector has the methods that the shorter way takes, as we know them."""
    return all(
        callable(method := getattr(connector, name, None))
        and list(inspect.signature(method).parameters) == parameters
        for name, parameters in _KNOWN.items()
    )


def _is_address(host: str) -> bool:
    if ":" in host:
        return True  # in a URL only IPv6 has one
    try:
        socket.inet_pton(socket.AF_INET, host)
    except OSError:
        return False
    return True
