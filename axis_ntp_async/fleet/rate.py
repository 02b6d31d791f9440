"""How quickly devices are drawn where nobody is in a hurry. Pure: time is handed in."""

from __future__ import annotations

from typing import Final

from attrs import define, field

_CATCH_UP_S: Final = 1.0
"""Whoever was kept from drawing makes up for so many seconds, and no burst comes of it."""


@define
class Rate:
    """
    Gives the draws of one run an even distance.

    Attributes:
        per_second: How many draws; `None` for no bound.
        due_at: When the next one may be, in seconds; 0 before the first.
    """

    per_second: float | None = None
    due_at: float = field(default=0.0, init=False)

    def take(self, now: float) -> bool:
        """Draw, if it may be: tell whether."""
        if self.per_second is None:
            return True
        if now < self.due_at:
            return False
        reckoned_from = max(self.due_at, now - _CATCH_UP_S) if self.due_at > 0 else now
        self.due_at = reckoned_from + 1.0 / self.per_second
        return True
