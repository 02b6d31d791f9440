"""Who may work now: the bounds over the whole pool, a site and a device. Nothing waits in here."""

from __future__ import annotations

import statistics
from collections import Counter
from typing import Final

from attrs import define, field, frozen
from attrs.validators import ge

from axis_ntp_async.device.records import Device

_SAMPLES: Final = 20
_GRACE_OF_MEDIAN: Final = 4.0
_GRACE_MIN_S: Final = 0.1
_GRACE_UNKNOWN_S: Final = 1.0
_USUALLY: Final = 0.9
"""The share of answers that come before an attempt lends its place."""

_LENT_SHARE: Final = 3
"""One place in so many may be lent."""


@frozen(kw_only=True)
class Limits:
    """
    How much a pool does at once.

    Attributes:
        total:
            Calls at work over all devices; a third more for moments, while so
            many are slower than usual.

        per_site: The same in one site; devices without a site are not counted.
        per_device: Calls in flight to one device, parked or not.

        parked:
            Calls that wait for a silent device without holding one of the
            places above. Each needs an open file.
    """

    total: int = field(default=100, validator=ge(1))
    per_site: int = field(default=25, validator=ge(1))
    per_device: int = field(default=1, validator=ge(1))
    parked: int = field(default=4000, validator=ge(0))


@define
class Slots:
    """
    The places of one pool: taken for one attempt, given back, or exchanged for a parking place.

    Attributes:
        limits: The bounds.
        at_work: How many places are taken.
        parked: How many attempts wait without one.
        lent: How many of those do so before their grace is over.
        taken: How many places were ever taken.
    """

    limits: Limits
    at_work: int = field(default=0, init=False)
    parked: int = field(default=0, init=False)
    lent: int = field(default=0, init=False)
    taken: int = field(default=0, init=False)
    _lent: Counter[str] = field(factory=Counter, init=False)
    _sites: Counter[str] = field(factory=Counter, init=False)
    _devices: Counter[str] = field(factory=Counter, init=False)

    @property
    def is_full(self) -> bool:
        """Whether no device at all may start."""
        return self.at_work >= self.limits.total

    def has_room_in(self, site: str | None) -> bool:
        """Whether one more device of a site may start."""
        return site is None or self._sites[site] < self.limits.per_site

    def has_room_at(self, device: Device) -> bool:
        """Whether this device takes one more call."""
        return self._devices[device.name] < self.limits.per_device

    def take(self, device: Device) -> int:
        """Take a place for one attempt; give its number, counted from the first one ever."""
        self._devices[device.name] += 1
        self._work(device, 1)
        self.taken += 1
        return self.taken

    def park(self, device: Device) -> bool:
        """Exchange a place for a parking place; `False` when there is none left."""
        if self.parked >= self.limits.parked:
            return False
        self.parked += 1
        self._work(device, -1)
        return True

    def lend(self, device: Device) -> bool:
        """Park an attempt whose grace is not over; `False` when enough have lent their place."""
        site, limits = device.site, self.limits
        if self.lent >= limits.total // _LENT_SHARE:
            return False
        if site is not None and self._lent[site] >= limits.per_site // _LENT_SHARE:
            return False
        if not self.park(device):
            return False
        self.lent += 1
        if site is not None:
            self._lent[site] += 1
        return True

    def give_up(self, device: Device) -> None:
        """Take a place that was lent for given back: the grace of its attempt is over."""
        self.lent -= 1
        if device.site is not None:
            _subtract(self._lent, device.site)

    def give_back(self, device: Device, *, parked: bool) -> None:
        """End an attempt, wherever it stood."""
        _subtract(self._devices, device.name)
        if parked:
            self.parked -= 1
        else:
            self._work(device, -1)

    def _work(self, device: Device, change: int) -> None:
        self.at_work += change
        if device.site is None:
            return
        if change > 0:
            self._sites[device.site] += 1
        else:
            _subtract(self._sites, device.site)


def _subtract(counter: Counter[str], key: str) -> None:
    """Forget a key at zero, so that a counter is never larger than what is going on."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]


@define
class _Usual:
    """How long answers usually take: by some of them, anew after as many more."""

    answer_s: float | None = None
    """The median of them."""

    slow_s: float | None = None
    """What nine of ten stay below."""

    _answers_s: list[float] = field(factory=list)

    @property
    def grace_s(self) -> float:
        if self.answer_s is None:
            return _GRACE_UNKNOWN_S
        return max(_GRACE_OF_MEDIAN * self.answer_s, _GRACE_MIN_S)

    def learn(self, elapsed_s: float) -> None:
        self._answers_s.append(elapsed_s)
        if len(self._answers_s) == _SAMPLES:
            self.answer_s = statistics.median(self._answers_s)
            self.slow_s = sorted(self._answers_s)[int(_USUALLY * _SAMPLES)]
            self._answers_s.clear()


@define
class Grace:
    """
    How long an attempt may hold its place without an answer: four times what is usual there.

    Usual is the median of the good answers of late in that site; where none
    came yet, in the whole pool. So a site whose devices are all slow keeps its
    bound, and only who is slow among the quick is parked. A tenth of a second
    at least; at most one while we know nothing of the site.

    Who is slower than nine of ten is probably dead, and lends its place until
    then. Some are only slow, so what is lent is bounded by a share of the places.
    """

    _pool: _Usual = field(factory=_Usual, init=False)
    _sites: dict[str | None, _Usual] = field(factory=dict, init=False)

    def of(self, site: str | None) -> float:
        """Give the seconds of grace in a site."""
        usual = self._sites.get(site)
        if usual is None or usual.answer_s is None:
            return min(self._pool.grace_s, _GRACE_UNKNOWN_S)
        return usual.grace_s

    def before_lending(self, site: str | None) -> float:
        """Give the seconds after which an attempt in a site lends its place."""
        usual = self._sites.get(site)
        slow_s = self._pool.slow_s if usual is None or usual.slow_s is None else usual.slow_s
        return self.of(site) if slow_s is None else min(slow_s, self.of(site))

    def learn(self, site: str | None, elapsed_s: float) -> None:
        """Take in how long a good answer took."""
        self._pool.learn(elapsed_s)
        self._sites.setdefault(site, _Usual()).learn(elapsed_s)
