"""Time limits that stand still while we keep the device waiting, not it us."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from attrs import define, field


@define(eq=False)
class _Bound:
    """One time limit; `left_s` is what is left of it while it stands still."""

    timeout: asyncio.Timeout
    left_s: float | None = None


@define(eq=False)
class Bounds:
    """
    The time limits of one session, and how long they have stood still.

    A pool keeps one a device, so it weighs next to nothing while there are no limits.
    """

    _waited_s: float = field(default=0.0, init=False)
    _still_since: float | None = field(default=None, init=False)
    _waiting: int = field(default=0, init=False)
    _bounds: tuple[_Bound, ...] = field(default=(), init=False)

    @property
    def waited_s(self) -> float:
        """Seconds for which the bounds stood still so far, those of right now included."""
        if self._still_since is None:
            return self._waited_s
        return self._waited_s + asyncio.get_running_loop().time() - self._still_since

    @contextlib.asynccontextmanager
    async def bounded(self, seconds: float) -> AsyncIterator[asyncio.Timeout]:
        """Be `asyncio.timeout`, but stand still inside of `standing_still`."""
        async with asyncio.timeout(seconds) as timeout:
            bound = _Bound(timeout)
            self._bounds = (*self._bounds, bound)
            try:
                yield timeout
            finally:
                self._bounds = tuple(other for other in self._bounds if other is not bound)

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
        for bound in self._bounds:
            ends_at = bound.timeout.when()
            if bound.left_s is None and ends_at is not None and not bound.timeout.expired():
                bound.left_s = ends_at - now
                bound.timeout.reschedule(None)

    def _go_on(self) -> None:
        now = asyncio.get_running_loop().time()
        for bound in self._bounds:
            if bound.left_s is not None:
                bound.timeout.reschedule(now + bound.left_s)
                bound.left_s = None
