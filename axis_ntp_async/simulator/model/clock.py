"""The clock inside one simulated camera: it drifts, is stepped, and is slewed."""

from __future__ import annotations

from typing import Final

from attrs import define, field

LEARNABLE_PPM: Final = 500.0
"""A kernel corrects its clock's frequency by no more than this; a worse oscillator stays bad."""

_LEARNED_AT_ONCE: Final = 0.9


@define(kw_only=True, eq=False)
class CameraClock:
    """
    How far a camera's clock is off, over the true time.

    It knows nothing of NTP: the client tells it to step, to slew or to mend
    its frequency.

    Attributes:
        at: The moment for which `error_s` holds.
        error_s: The camera's clock minus the true time, in seconds.
        drift_ppm: How fast its oscillator gains on the true time.
        slew_rate: Seconds of correction per second while it is slewed.
    """

    at: float
    error_s: float = 0.0
    drift_ppm: float = 0.0
    slew_rate: float
    _owed_s: float = field(default=0.0, init=False)
    _learned_ppm: float = field(default=0.0, init=False)

    def run_until(self, at: float) -> None:
        """Let time pass; a moment in the past changes nothing."""
        elapsed_s = max(0.0, at - self.at)
        most_s = self.slew_rate * elapsed_s
        slewed_s = max(-most_s, min(most_s, self._owed_s))
        self._owed_s -= slewed_s
        self.error_s += (self.drift_ppm - self._learned_ppm) * 1e-6 * elapsed_s - slewed_s
        self.at += elapsed_s

    def step(self, by_s: float) -> None:
        """Take away so many seconds at once."""
        self.error_s -= by_s
        self._owed_s = 0.0

    def slew(self, by_s: float) -> None:
        """Take away so many seconds little by little; what was owed before is forgotten."""
        self._owed_s = by_s

    def learn_frequency(self) -> None:
        """Mend most of the drift that is not mended yet, as an NTP client does at each update."""
        learned = self._learned_ppm + (self.drift_ppm - self._learned_ppm) * _LEARNED_AT_ONCE
        self._learned_ppm = max(-LEARNABLE_PPM, min(LEARNABLE_PPM, learned))
