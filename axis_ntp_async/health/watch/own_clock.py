"""What a fleet says of the clock of the machine that watches it. Pure."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class OwnClock:
    """
    Our own clock, as the devices that are in sync see it.

    Attributes:
        skew_s:
            Our clock minus theirs: the median, in seconds; `None` when too few
            devices in sync told their time.

        devices: How many told it.
        is_odd: Whether we are the ones who are wrong.
        stepped_s: How far our clock was set during the sweep, in seconds; 0 when it was not.
    """

    skew_s: float | None = None
    devices: int = 0
    is_odd: bool = False
    stepped_s: float = 0.0

    @property
    def message(self) -> str | None:
        """What is wrong with it in a sentence; `None` when nothing is."""
        if self.is_odd and self.skew_s is not None:
            direction = "ahead of" if self.skew_s > 0 else "behind"
            return (
                f"our own clock is the odd one: {abs(self.skew_s):.1f} s {direction} the median "
                f"of {self.devices} devices in sync"
            )
        if self.stepped_s:
            return f"our own clock was set by {self.stepped_s:+.1f} s while we were watching"
        return None
