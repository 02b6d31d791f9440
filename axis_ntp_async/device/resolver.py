"""Looking up names in threads of our own, so that dead names keep no healthy one waiting."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

from aiohttp.abc import AbstractResolver, ResolveResult

_MOST_LOOKUPS: Final = 128
"""A name server that does not answer holds a thread for many seconds."""

_Tell = Callable[[Any], object]


class Resolver(AbstractResolver):
    """
    The system's own lookup, in threads of its own; addresses need none.

    The event loop's executor has a handful of threads for everybody, and
    those of any executor are waited for when the process ends. So each lookup
    has a daemon thread for itself, which nobody waits for.
    """

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(_MOST_LOOKUPS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """
        Give the addresses of a host.

        Raises:
            OSError: There is no such name, or nobody who would know.
            UnicodeError: It cannot be a name.
        """
        loop = asyncio.get_running_loop()
        await self._room.acquire()
        answer: asyncio.Future[Any] = loop.create_future()

        def tell(found: Any) -> None:  # noqa: ANN401  the addresses, or the error
            self._room.release()  # only now: the thread outlives who has asked
            if not answer.done():
                answer.set_result(found)

        thread = threading.Thread(
            target=_look_up,
            args=(host, port, family, lambda found: loop.call_soon_threadsafe(tell, found)),
            name=f"look up {host}",
            daemon=True,
        )
        try:
            thread.start()
        except RuntimeError as error:
            self._room.release()
            raise OSError(errno.EAGAIN, f"{host} cannot be looked up: {error}") from error
        found = await answer
        if isinstance(found, Exception):
            raise found
        return [_result(host, *one) for one in found]

    async def close(self) -> None:
        """Wait for nobody: a lookup that still runs ends by itself."""


def _look_up(host: str, port: int, family: int, tell: _Tell) -> None:
    found: object
    try:
        found = socket.getaddrinfo(
            host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
    except (OSError, UnicodeError) as error:
        found = error
    with contextlib.suppress(RuntimeError):  # the event loop was closed meanwhile
        tell(found)


def _result(
    host: str, family: int, _: int, proto: int, __: str, address: tuple[Any, ...]
) -> ResolveResult:
    """Give one row of getaddrinfo as aiohttp wants it; the scope of a local address is kept."""
    scope = f"%{address[3]}" if family == socket.AF_INET6 and address[3] else ""
    return ResolveResult(
        hostname=host,
        host=f"{address[0]}{scope}",
        port=address[1],
        family=family,
        proto=proto,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
