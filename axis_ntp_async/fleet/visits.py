"""A visit is one device of one run; a `Line` is where visits wait for their turn."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from attrs import define, field

from axis_ntp_async.device.records import Device
from axis_ntp_async.errors import DeviceError
from axis_ntp_async.fleet.rate import Rate
from axis_ntp_async.fleet.slots import Slots

READ_AHEAD: Final = 10_000
"""Devices read ahead, at most, while the first ones are busy or their sites full."""


@define(eq=False)
class Visit:
    """
    One device of one run.

    Attributes:
        device: The device.
        attempts: How often it was tried so far.
        began_at: When the first attempt began, by the monotonic clock.
        tried_at: When the last one did.
        is_parked: Whether the attempt waits without a place.
        has_lent: Whether it does so although its grace is not over.
        gate_wait_s: Seconds that we kept it waiting for its login; not held against it.
        last_error: What the last attempt came to.
    """

    device: Device
    attempts: int = 0
    began_at: float | None = None
    tried_at: float = 0.0
    is_parked: bool = False
    has_lent: bool = False
    gate_wait_s: float = 0.0
    last_error: DeviceError | None = None

    @property
    def elapsed_s(self) -> float:
        """Seconds since its first attempt began."""
        return 0.0 if self.began_at is None else time.monotonic() - self.began_at

    @property
    def spent_s(self) -> float:
        """Seconds of its deadline that are used up."""
        return self.elapsed_s - self.gate_wait_s


_Queues = dict[str | None, deque[Visit]]


@define
class Line:
    """
    The visits whose turn has not come: devices are drawn lazily, and kept by site.

    Those whose device is busy wait for it, and those whose credentials are
    being tried wait for what comes of that; neither holds a place.

    Attributes:
        source: Where devices are drawn from.
        rate: How quickly.
        is_drained: Whether the source is at its end.
        count: How many visits stand in line.
        is_early: Whether the next device was not drawn only because it was too soon.
    """

    source: Iterator[Device]
    rate: Rate = field(factory=Rate)
    is_drained: bool = field(default=False, init=False)
    count: int = field(default=0, init=False)
    is_early: bool = field(default=False, init=False)
    _sites: _Queues = field(factory=dict, init=False)
    _busy: _Queues = field(factory=dict, init=False)
    _doubted: _Queues = field(factory=dict, init=False)

    def pop(self, slots: Slots, may_log_in: Callable[[str | None], bool]) -> Visit | None:
        """
        Give the next visit that may start, sites in turn; `None` when none may.

        Args:
            slots: The places of the pool.
            may_log_in: Tells of a name of credentials whether one more device may try them.
        """
        for name in [name for name in self._doubted if may_log_in(name)]:
            self.push(self._take(self._doubted, name))
        while visit := self._next(slots.has_room_in):
            if not may_log_in(visit.device.credentials):
                self._wait_in(self._doubted, visit.device.credentials, visit)
            elif not slots.has_room_at(visit.device):
                self._wait_in(self._busy, visit.device.name, visit)
            else:
                return visit
        return None

    def pop_any(self) -> Visit | None:
        """Give the next visit, whether it may start or not; `None` at the end of the line."""
        self.rate, self.is_early = Rate(), False
        for queues in (self._busy, self._doubted):
            for key in queues:
                return self._take(queues, key)
        return self._next(lambda _: True)

    def push(self, visit: Visit) -> None:
        """Let a visit stand at the head of its site: there are few such, and their time runs."""
        self._sites.setdefault(visit.device.site, deque()).appendleft(visit)
        self.count += 1

    def free(self, device: Device) -> None:
        """Let the next visit that waits for this device itself stand in line again."""
        if device.name in self._busy:
            self.push(self._take(self._busy, device.name))

    def _next(self, has_room_in: Callable[[str | None], bool]) -> Visit | None:
        for site in self._sites:
            if has_room_in(site):
                return self._take(self._sites, site)
        return self._draw(has_room_in)

    def _draw(self, has_room_in: Callable[[str | None], bool]) -> Visit | None:
        while not self.is_drained and self.count < READ_AHEAD:
            self.is_early = not self.rate.take(time.monotonic())
            if self.is_early:
                return None
            device = next(self.source, None)
            if device is None:
                self.is_drained = True
            elif has_room_in(device.site):
                return Visit(device)
            else:
                self._sites.setdefault(device.site, deque()).append(Visit(device))
                self.count += 1
        return None

    def _wait_in(self, queues: _Queues, key: str | None, visit: Visit) -> None:
        queues.setdefault(key, deque()).append(visit)
        self.count += 1

    def _take(self, queues: _Queues, key: str | None) -> Visit:
        queue = queues.pop(key)
        visit = queue.popleft()
        if queue:
            queues[key] = queue  # at the end: whoever else waits comes first
        self.count -= 1
        return visit
