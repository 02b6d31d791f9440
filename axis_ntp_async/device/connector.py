"""
How connections are opened and ended: aiohttp's connector, on a shorter way at both ends.

An inventory lists addresses, hundreds to 100,000 of them, each connected to
once. aiohttp looks each one up, races address families and opens the socket
itself, which costs a sixth of what a whole request does. For an address the
event loop's own `create_connection` does all there is to do. That is one
method of aiohttp's that is not public: where it is not as we know it, aiohttp's
own way is taken, and nothing but time is lost.

A connection that is not kept must still be there after a challenge, for the
login. Asking the device to close it, with the login, is asking before we know:
if a remembered nonce was too old, the login needs another connection, and over
TLS that doubles the price. So we hang up ourselves, when the answer has come.
That is two members of aiohttp's that are not documented; the same holds.
"""

from __future__ import annotations

import functools
import inspect
import socket
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from axis_ntp_async.device.resolver import Resolver

KEPT_S: Final = 15.0
_FAREWELL_S: Final = 1.0
"""How long a device may take to say goodbye, over TLS, when we hang up."""

_NAMES_KEPT_S: Final = 300
_KNOWN: Final = {
    "_create_direct_connection": ["self", "req", "traces", "timeout", "client_error"],
    "_wrap_existing_connection": ["self", "args", "req", "timeout", "client_error", "kwargs"],
    "_get_ssl_context": ["self", "req"],
}
"""Methods of aiohttp's connector that the shorter way overrides or calls, and their parameters."""


class _HangsUp:
    """
    A connection that is over with an answer, and not with a challenge; mixed into aiohttp's own.

    aiohttp asks `should_close` when it has read a whole answer.
    """

    _is_over = False

    def feed_data(self, data: Any, *size: Any) -> None:  # noqa: ANN401  aiohttp's own types
        head, _ = data
        self._is_over = head.code != HTTPStatus.UNAUTHORIZED
        super().feed_data(data, *size)  # type: ignore[misc]  # of what it is mixed into

    @property
    def should_close(self) -> bool:
        return self._is_over or super().should_close  # type: ignore[misc]  # the same


class DirectConnector(aiohttp.TCPConnector):
    """
    A connector that goes straight to addresses; names take aiohttp's way.

    Attributes:
        hangs_up: Whether a connection ends with the first answer that is no challenge.
    """

    def __init__(self, *, hangs_up: bool, **how: Any) -> None:  # noqa: ANN401  passed on
        super().__init__(**how)
        hanging_up = _that_hangs_up(getattr(self, "_factory", None)) if hangs_up else None
        self.hangs_up = hanging_up is not None
        if hanging_up is not None:
            self._factory = hanging_up

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
            ssl_shutdown_timeout=_FAREWELL_S if context else None,
            req=req,
            timeout=timeout,
            **more,
        )


def make_connector(kept_s: float = KEPT_S, *, keep_alive: bool = True) -> aiohttp.TCPConnector:
    """
    Make a connector that suits many devices: no limits of its own.

    Args:
        kept_s: Seconds for which an unused connection is kept, where one is.
        keep_alive: Whether one is kept after an answer, and not only for a login.
    """
    how: dict[str, Any] = {
        "limit": 0,
        "resolver": Resolver(),
        "ttl_dns_cache": _NAMES_KEPT_S,
        "keepalive_timeout": kept_s,
    }
    if is_known(aiohttp.TCPConnector):
        return DirectConnector(hangs_up=not keep_alive, **how)
    return aiohttp.TCPConnector(**how)


def hangs_up(connector: aiohttp.BaseConnector | None) -> bool:
    """Tell whether connections end with an answer without anybody asking for it."""
    return isinstance(connector, DirectConnector) and connector.hangs_up


def is_known(connector: type) -> bool:
    """Tell whether a connector has the methods that the shorter way takes, as we know them."""
    return all(
        callable(method := getattr(connector, name, None))
        and list(inspect.signature(method).parameters) == parameters
        for name, parameters in _KNOWN.items()
    )


def _that_hangs_up(factory: Any) -> Any:  # noqa: ANN401  what we do not know yet
    """Give what makes connections that hang up; `None` where aiohttp's are not as we know them."""
    kind = getattr(factory, "func", None)
    if not isinstance(kind, type) or not isinstance(getattr(kind, "should_close", None), property):
        return None
    if not callable(getattr(kind, "feed_data", None)):
        return None
    hanging_up = type(f"{kind.__name__}ThatHangsUp", (_HangsUp, kind), {})
    return functools.partial(hanging_up, *factory.args, **factory.keywords)


def _is_address(host: str) -> bool:
    if ":" in host:
        return True  # in a URL only IPv6 has one
    try:
        socket.inet_pton(socket.AF_INET, host)
    except OSError:
        return False
    return True
