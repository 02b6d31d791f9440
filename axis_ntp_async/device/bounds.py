"""Time limits that stand still while we keep the device waiting, not it us."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from attrs import define, field


@define(eq=False)
class Bounds:
    """The time limits of one session, and how long they have stood still."""

    _waited_s: float = field(default=0.0, init=False)
    _still_since: float | None = field(default=None, init=False)
    _waiting: int = field(default=0, init=False)
    _left_s: dict[asyncio.Timeout, float | None] = field(factory=dict, init=False)

    @property
    def waited_s(self) -> float:
        """Seconds for which the bounds stood still so far, those of right now included."""
        if self._still_since is None:
            return self._waited_s
        return self._waited_s + asyncio.get_running_loop().time() - self._still_since

    @contextlib.asynccontextmanager
    async def bounded(self, seconds: float) -> AsyncIterator[asyncio.Timeout]:
        """Be `asyncio.timeout`, but stand still inside of `standing_still`."""
        async with asyncio.timeout(seconds) as bound:
            self._left_s[bound] = None
            try:
                yield bound
            finally:
                del self._left_s[bound]

    @contextlib.contextmanager
    def standing_still(self) -> Iterator[None]:
        """Stop all bounds; they go on when nobody is inside any more."""
        now = asyncio.get_running_loop().time()
        if not self._waiting:
            self._still_since = now
        self._waiting += 1
        self._stop(now)
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._waited_s, self._still_since = self.waited_s, None
                self._go_on()

    def _stop(self, now: float) -> None:
        for bound, left_s in self._left_s.items():
            ends_at = bound.when()
            if left_s is None and ends_at is not None and not bound.expired():
                self._left_s[bound] = ends_at - now
                bound.reschedule(None)

    def _go_on(self) -> None:
        now = asyncio.get_running_loop().time()
        for bound, left_s in self._left_s.items():
            if left_s is not None:
                self._left_s[bound] = None
                bound.reschedule(now + left_s)
