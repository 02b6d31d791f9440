"""How a watch judges what lasts, in plain numbers. Each default has its reason here."""

from __future__ import annotations

from typing import Any, Final

from attrs import field, frozen
from attrs.validators import and_, ge, gt, le, optional

_LARGE_FLEET: Final = 5_000
_share = and_(ge(0.0), le(1.0))
_above_0_or_none: Any = optional(gt(0.0))


@frozen(kw_only=True)
class WatchRules:
    """
    How often a watch looks, and when it believes what it sees.

    Attributes:
        interval_s:
            Seconds from the begin of one sweep to that of the next; `None` is 5 min
            up to 5,000 devices and 15 min above: a device polls its server every
            17 min at the latest anyway.

        spread: Over which share of the interval the devices are spread.
        debounce: A state counts after so many sweeps in a row.
        grace_s:
            After a change or first sight a device has so long to get in sync: eight
            polls of 64 s. Until then that is a warning.

        flapping_in, flapping_from, flapping_until:
            Of so many sweeps, from so many turns on a device counts as flapping, until
            there are no more than so many.

        site_ratio, site_least:
            More than this share of a site, and at least so many devices, in the same
            trouble have a cause in common.

        stale_polls, stale_least_s:
            An offset that has not moved for so many of the device's longest poll
            intervals, and so many seconds, has had no answer from its server.

        own_clock_s, own_clock_least:
            When half of at least so many devices in sync disagree with our clock by
            more than this, and agree among themselves, ours is the odd one.
    """

    interval_s: float | None = field(default=None, validator=_above_0_or_none)
    spread: float = field(default=0.5, validator=and_(ge(0.0), le(0.9)))
    debounce: int = field(default=2, validator=ge(1))
    grace_s: float = field(default=512.0, validator=ge(0))
    flapping_in: int = field(default=20, validator=and_(ge(2), le(60)))
    flapping_from: int = field(default=6, validator=ge(2))
    flapping_until: int = field(default=3, validator=ge(0))
    site_ratio: float = field(default=0.05, validator=_share)
    site_least: int = field(default=3, validator=ge(2))
    stale_polls: float = field(default=2.5, validator=gt(1))
    stale_least_s: float = field(default=1800.0, validator=ge(0))
    own_clock_s: float = field(default=2.0, validator=gt(0))
    own_clock_least: int = field(default=5, validator=ge(3))

    def interval_for(self, devices: int) -> float:
        """Give the seconds between two sweeps of so many devices."""
        if self.interval_s is not None:
            return self.interval_s
        return 300.0 if devices <= _LARGE_FLEET else 900.0
