"""Whose turn it is: so many at once, the others in the order in which they came."""

from __future__ import annotations

import asyncio
from types import TracebackType

from attrs import define, field


@define(eq=False)
class Turns:
    """
    A semaphore that is there only while somebody uses it.

    A pool keeps one a device, 100,000 of them, of which hundreds are in use.

    Attributes:
        most: How many may be inside at once.
    """

    most: int
    _semaphore: asyncio.Semaphore | None = field(default=None, init=False)
    _users: int = field(default=0, init=False)
    """Who is inside, or waits to be."""

    async def __aenter__(self) -> None:
        if self._semaphore is None:
            self._semaphore = asyncio.Semaphore(self.most)
        self._users += 1
        try:
            await self._semaphore.acquire()
        except BaseException:
            self._leave()
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._semaphore is not None
        self._semaphore.release()
        self._leave()

    def _leave(self) -> None:
        self._users -= 1
        if not self._users:
            self._semaphore = None
