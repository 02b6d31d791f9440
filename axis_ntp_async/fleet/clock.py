"""Time as a rollout waits for it: as it passes, or faster where devices are simulated."""

from __future__ import annotations

import asyncio
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

    def now(self) -> float:
        """Give the seconds since some moment; they never go back."""
        return time.monotonic() * self.speed

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
