"""How quickly devices are written to: over all, by site, and by the server they are pointed at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import define, field

from axis_ntp_async.rollout.plan import Step, targets_of
from axis_ntp_async.rollout.rules.settings import Pace

_MINUTE_S: Final = 60.0


@define
class Pacer:
    """
    Gives each device its turn.

    Attributes:
        pace: The bounds.
    """

    pace: Pace
    _free_at: dict[tuple[str, str], float] = field(factory=dict, init=False)

    def turn(self, step: Step, now: float) -> float:
        """
        Give when a device may begin, on the clock of `now`, and count it as begun then.

        Everything that has a bound of its own gets one device after the
        other at an even distance, never a burst after a pause.
        """
        bounds = list(self._bounds(step))
        begins_at = max(now, *(self._free_at.get(key, now) for key, _ in bounds))
        for key, per_minute in bounds:
            self._free_at[key] = begins_at + _MINUTE_S / per_minute
        return begins_at

    def _bounds(self, step: Step) -> Iterator[tuple[tuple[str, str], float]]:
        yield ("all", ""), self.pace.per_minute
        if self.pace.per_site is not None and step.device.site is not None:
            yield ("site", step.device.site), self.pace.per_site
        if self.pace.per_server is not None:
            for server in targets_of(step.after):
                yield ("server", server.casefold()), self.pace.per_server
