"""
One run of a pool: its visits, from pending to over. `pool.py` tells how it works.

Only `Run.start_what_may` starts anything, and only `Run._end_visit` ends a visit.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Final, Generic, TypeVar

from attrs import define, field

from axis_ntp_async.device.records import Device, Outcome
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.errors import DeviceError, DeviceUnreachableError, NotTriedError
from axis_ntp_async.fleet.breaker import CredentialBreaker
from axis_ntp_async.fleet.retry import RetryPolicy
from axis_ntp_async.fleet.slots import Grace, Slots

T = TypeVar("T")
Call = Callable[[DeviceSession], Awaitable[T]]

_READ_AHEAD: Final = 10_000
"""Devices read ahead, at most, while the sites of the first ones are full."""


@define(eq=False)
class _Visit:
    """One device of one run."""

    device: Device
    attempts: int = 0
    began_at: float | None = None
    is_parked: bool = False
    last_error: DeviceError | None = None

    @property
    def elapsed_s(self) -> float:
        """Seconds since its first attempt began."""
        return 0.0 if self.began_at is None else time.monotonic() - self.began_at


@define
class Pending:
    """
    The devices whose turn has not come: drawn lazily, kept by site.

    Attributes:
        source: Where they are drawn from.
        is_drained: Whether the source is at its end.
        count: How many were drawn ahead.
    """

    source: Iterator[Device]
    is_drained: bool = field(default=False, init=False)
    count: int = field(default=0, init=False)
    _sites: dict[str | None, deque[Device]] = field(factory=dict, init=False)

    def pop(self, has_room_in: Callable[[str | None], bool]) -> Device | None:
        """Give the next device whose site has room, sites in turn; `None` when none has."""
        for site, queue in self._sites.items():
            if has_room_in(site):
                device = queue.popleft()
                del self._sites[site]
                if queue:
                    self._sites[site] = queue
                self.count -= 1
                return device
        return self._draw(has_room_in)

    def _draw(self, has_room_in: Callable[[str | None], bool]) -> Device | None:
        while not self.is_drained and self.count < _READ_AHEAD:
            device = next(self.source, None)
            if device is None:
                self.is_drained = True
            elif has_room_in(device.site):
                return device
            else:
                self._sites.setdefault(device.site, deque()).append(device)
                self.count += 1
        return None


class Run(Generic[T]):
    """
    One stream of a pool.

    Args:
        devices: Whom to visit.
        call: What to do there.
        slots: The places of the pool.
        grace: How long an attempt may hold its place.
        retry: How patient we are.
        session_of: Gives the session of a device.
        breaker_of: Gives the breaker of a device's credentials, if it has any.
        slot_freed: Called when a place has become free.
    """

    def __init__(
        self,
        devices: Iterable[Device],
        call: Call[T],
        *,
        slots: Slots,
        grace: Grace,
        retry: RetryPolicy,
        session_of: Callable[[Device], DeviceSession],
        breaker_of: Callable[[Device], CredentialBreaker | None],
        slot_freed: Callable[[], None],
    ) -> None:
        self.awake = asyncio.Event()
        self._call = call
        self._slots = slots
        self._grace = grace
        self._retry = retry
        self._session_of = session_of
        self._breaker_of = breaker_of
        self._slot_freed = slot_freed
        self._pending = Pending(iter(devices))
        self._ready: deque[_Visit] = deque()
        self._waiting: dict[_Visit, asyncio.TimerHandle] = {}
        self._attempts: set[asyncio.Task[None]] = set()
        self._over: deque[Outcome[T]] = deque()
        self._bug: BaseException | None = None
        self._is_stopped = False
        self._begun = 0
        self._retries = 0

    async def next_outcome(self) -> Outcome[T] | None:
        """Give the next outcome; `None` when every visit is over."""
        while True:
            self.start_what_may()
            if self._bug is not None:
                raise self._bug
            if self._over:
                return self._over.popleft()
            if self._is_finished():
                return None
            await self.awake.wait()
            self.awake.clear()

    def stop(self) -> None:
        """Start no more attempts; visits that are not in flight end as they are."""
        self._is_stopped = True
        for timer in self._waiting.values():
            timer.cancel()
        self._ready.extend(self._waiting)
        self._waiting.clear()
        self.awake.set()

    async def end(self) -> None:
        """Cancel what still runs, and wait for it."""
        for timer in self._waiting.values():
            timer.cancel()
        for attempt in self._attempts:
            attempt.cancel()
        await asyncio.gather(*self._attempts, return_exceptions=True)

    def start_what_may(self) -> None:
        """Decide who starts now, and start it."""
        while len(self._over) < self._slots.limits.total:
            if self._slots.is_full and not self._is_stopped:
                return
            visit = self._next_visit()
            if visit is None:
                return
            breaker = self._breaker_of(visit.device)
            if self._is_stopped:
                self._give_up(visit)
            elif breaker is not None and breaker.is_suspended:
                self._end_visit(visit, error=breaker.refusal(visit.device.name))
            else:
                self._start(visit)

    def _next_visit(self) -> _Visit | None:
        for _ in range(len(self._ready)):
            visit = self._ready.popleft()
            if self._is_stopped or self._has_room_for(visit.device):
                return visit
            self._ready.append(visit)
        while device := self._pending.pop(self._has_room_in):
            if self._is_stopped or self._slots.has_room_at(device):
                return _Visit(device)
            self._ready.append(_Visit(device))
        return None

    def _has_room_in(self, site: str | None) -> bool:
        return self._is_stopped or self._slots.has_room_in(site)

    def _has_room_for(self, device: Device) -> bool:
        return self._slots.has_room_in(device.site) and self._slots.has_room_at(device)

    def _is_finished(self) -> bool:
        return (
            self._pending.is_drained
            and not self._pending.count
            and not (self._ready or self._waiting or self._attempts)
        )

    def _start(self, visit: _Visit) -> None:
        self._slots.take(visit.device)
        if visit.began_at is None:
            visit.began_at = time.monotonic()
            self._begun += 1
        visit.attempts += 1
        attempt = asyncio.create_task(self._attempt(visit))
        self._attempts.add(attempt)
        attempt.add_done_callback(self._attempt_ended)

    def _attempt_ended(self, attempt: asyncio.Task[None]) -> None:
        """Notice a bug in the call, a stray cancellation among them: it must end the run."""
        self._attempts.discard(attempt)
        if attempt.cancelled():
            self._bug = self._bug or RuntimeError("a call was cancelled from within")
        elif bug := attempt.exception():
            self._bug = self._bug or bug
        self.awake.set()

    async def _attempt(self, visit: _Visit) -> None:
        parking = asyncio.get_running_loop().call_later(self._grace.seconds, self._park, visit)
        began_at = time.monotonic()
        error: DeviceError
        try:
            left_s = self._retry.device_timeout_s - visit.elapsed_s
            async with asyncio.timeout(left_s) as deadline:
                value = await self._call(self._session_of(visit.device))
        except DeviceError as failure:
            error = failure
        except TimeoutError:
            if not deadline.expired():
                raise
            error = DeviceUnreachableError(
                visit.device.name, f"not done within {self._retry.device_timeout_s:g} s"
            )
        else:
            self._grace.learn(time.monotonic() - began_at)
            self._end_visit(visit, value=value)
            return
        finally:
            parking.cancel()
            self._slots.give_back(visit.device, parked=visit.is_parked)
            visit.is_parked = False
            self._slot_freed()
        self._retry_or_end(visit, error)

    def _park(self, visit: _Visit) -> None:
        visit.is_parked = self._slots.park(visit.device)
        if visit.is_parked:
            self._slot_freed()

    def _retry_or_end(self, visit: _Visit, error: DeviceError) -> None:
        visit.last_error = error
        wait_s = self._retry.wait_s(error, visit.attempts, visit.elapsed_s)
        if wait_s is None or not self._retry.allows(self._retries, self._begun):
            self._end_visit(visit, error=error)
            return
        self._retries += 1
        loop = asyncio.get_running_loop()
        self._waiting[visit] = loop.call_later(wait_s, self._make_ready, visit)

    def _make_ready(self, visit: _Visit) -> None:
        del self._waiting[visit]
        self._ready.append(visit)
        self.awake.set()

    def _give_up(self, visit: _Visit) -> None:
        name = visit.device.name
        not_tried = NotTriedError(name, "not tried: the run was stopped before its turn came")
        self._end_visit(visit, error=visit.last_error or not_tried)

    def _end_visit(
        self, visit: _Visit, value: T | None = None, error: DeviceError | None = None
    ) -> None:
        self._over.append(
            Outcome(
                device=visit.device,
                value=value,
                error=error,
                at=dt.datetime.now(dt.UTC),
                attempts=visit.attempts,
                elapsed_s=visit.elapsed_s,
            )
        )
        self.awake.set()
