"""Time as rollouts and watches wait for it: as it passes, or faster with simulated devices."""

from __future__ import annotations

import asyncio
import datetime as dt
import time

from attrs import field, frozen
from attrs.validators import gt


@frozen
class Clock:
    """
    Counts seconds, and waits for them.

    Attributes:
        speed: Seconds that pass on it in one real second.
    """

    speed: float = field(default=1.0, validator=gt(0))
    _begun_at: dt.datetime = field(factory=lambda: dt.datetime.now(dt.UTC), init=False)

    def now(self) -> float:
        """Give the seconds since some moment; they never go back."""
        return time.monotonic() * self.speed

    def utc(self, real: dt.datetime | None = None) -> dt.datetime:
        """Give the time of day on it at some real moment; by default now."""
        real = real or dt.datetime.now(dt.UTC)
        return self._begun_at + (real - self._begun_at) * self.speed

    async def sleep(self, seconds: float, ended: asyncio.Event | None = None) -> None:
        """Wait for so many seconds, or until something has ended."""
        if ended is None:
            await asyncio.sleep(max(0.0, seconds) / self.speed)
        elif seconds > 0:
            try:
                async with asyncio.timeout(seconds / self.speed):
                    await ended.wait()
            except TimeoutError:
                return
