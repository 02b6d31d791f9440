"""
One run of a pool: its visits, from pending to over. `pool.py` tells how it works.

Only `Run.start_what_may` starts anything, and only `Run._end_visit` ends a visit.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Final, Generic, TypeVar

from attrs import define, field

from axis_ntp_async.device.records import Device, Outcome
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.errors import DeviceError, DeviceUnreachableError, NotTriedError
from axis_ntp_async.fleet.breaker import CredentialBreaker
from axis_ntp_async.fleet.rate import Rate
from axis_ntp_async.fleet.retry import RetryPolicy
from axis_ntp_async.fleet.slots import Grace, Slots
from axis_ntp_async.fleet.visits import Line, Visit

T = TypeVar("T")
Call = Callable[[DeviceSession], Awaitable[T]]

_LOOK_S: Final = 0.1
"""How often an attempt is looked at at least: what is usual may be another thing meanwhile."""

_NEXT_LOOK_S: Final = 0.01
"""The time between two looks at least: in a quick sweep somebody is due all the time."""

_OUTCOMES_IN_A_ROW: Final = 100
"""After so many outcomes everybody else in the event loop gets a turn."""


@define(eq=False, kw_only=True)
class Shared:
    """
    What the runs of one pool share.

    Attributes:
        slots: The places of the pool.
        grace: How long an attempt may hold its place.
        retry: How patient we are.
        session_of: Gives the session of a device.
        breaker_of: Gives the breaker of credentials by their name; `None` needs none.
        runs: Those under way.
    """

    slots: Slots
    grace: Grace = field(factory=Grace)
    retry: RetryPolicy
    session_of: Callable[[Device], DeviceSession]
    breaker_of: Callable[[str | None], CredentialBreaker | None]
    runs: list[Run[Any]] = field(factory=list)

    def may_take(self, run: Run[Any]) -> bool:
        """Tell whether a place is free, and no run that waits has a better claim to it."""
        if self.slots.is_full:
            return False
        first = [other for other in self.runs if other.is_waiting and other.turn < run.turn]
        for other in first:
            other.awake.set()
        return not first

    def may_log_in(self, name: str | None) -> bool:
        """Tell whether one more device may try the credentials of that name."""
        breaker = self.breaker_of(name)
        return breaker is None or breaker.has_room

    def wake(self) -> None:
        """Let all runs look anew at who may start."""
        for run in self.runs:
            run.awake.set()

    def wake_waiting(self) -> None:
        """Wake the runs that wait, if there are free places."""
        if not self.slots.is_full:
            for run in self.runs:
                if run.is_waiting:
                    run.awake.set()

    def place_freed(self, device: Device) -> None:
        """Tell all runs that an attempt at a device has ended or was parked."""
        for run in self.runs:
            run.place_freed(device)


class Run(Generic[T]):
    """
    One stream of a pool.

    Args:
        devices: Whom to visit.
        call: What to do there.
        shared: What it shares with the other runs of its pool.
        rate: How quickly devices are drawn.

    Attributes:
        awake: Set when something has happened.
        is_waiting: Whether the consumer waits and more could start, had it places.
    """

    def __init__(
        self,
        devices: Iterable[Device],
        call: Call[T],
        shared: Shared,
        rate: Rate | None = None,
    ) -> None:
        self.awake = asyncio.Event()
        self.is_waiting = False
        self._call = call
        self._shared = shared
        self._line = Line(iter(devices), rate or Rate())
        self._next_draw: asyncio.TimerHandle | None = None
        self._waiting: dict[Visit, asyncio.TimerHandle] = {}
        self._looked_at: dict[Visit, float] = {}
        """When to look at an attempt whose grace is not over, by the monotonic clock."""
        self._next_look: asyncio.TimerHandle | None = None
        self._looking_from = 0.0
        self._attempts: set[asyncio.Task[None]] = set()
        self._over: deque[Outcome[T]] = deque()
        self._given = itertools.count(1)
        self._bug: BaseException | None = None
        self._is_stopped = False
        self._at_work = 0
        self._last_place = 0
        self._begun = 0
        self._retries = 0

    @property
    def turn(self) -> tuple[int, int]:
        """Its claim to a place, the smaller the better: few at work, then the last start."""
        return self._at_work, self._last_place

    async def next_outcome(self) -> Outcome[T] | None:
        """Give the next outcome; `None` when every visit is over."""
        while True:
            wants_more = self.start_what_may()
            if not wants_more:
                self._shared.wake_waiting()
            if self._bug is not None:
                raise self._bug
            if self._over:
                if next(self._given) % _OUTCOMES_IN_A_ROW == 0:
                    await asyncio.sleep(0)
                return self._over.popleft()
            if self._is_finished():
                return None
            self.is_waiting = wants_more
            try:
                await self.awake.wait()
            finally:
                self.is_waiting = False
            self.awake.clear()

    def stop(self) -> None:
        """Start no more attempts; visits that are not in flight end as they are."""
        self._is_stopped = True
        if self._next_draw is not None:
            self._next_draw.cancel()
        for visit, timer in self._waiting.items():
            timer.cancel()
            self._line.push(visit)
        self._waiting.clear()
        self.awake.set()

    async def end(self) -> None:
        """Cancel what still runs, and wait for it."""
        self.stop()
        self._bug = self._bug or RuntimeError("the pool was closed under an open stream")
        if self._next_look is not None:
            self._next_look.cancel()
        for attempt in self._attempts:
            attempt.cancel()
        await asyncio.gather(*self._attempts, return_exceptions=True)

    def place_freed(self, device: Device) -> None:
        """Notice that an attempt at a device has ended or was parked, in whatever run."""
        self._line.free(device)
        self.awake.set()

    def start_what_may(self) -> bool:
        """Decide who starts now, and start it; tell whether more would, had they places."""
        while len(self._over) < self._shared.slots.limits.total:
            if self._is_stopped:
                visit = self._line.pop_any()
            elif self._shared.may_take(self):
                visit = self._line.pop(self._shared.slots, self._shared.may_log_in)
            else:
                return True
            if visit is None:
                self._draw_later()
                return False
            error = self._error_without_an_attempt(visit)
            if error is None:
                self._start(visit)
            else:
                self._line.free(visit.device)
                self._end_visit(visit, error=error)
        return False

    def _draw_later(self) -> None:
        """Look again when the next device may be drawn, if nothing else happens before."""
        if self._line.is_early and self._next_draw is None:
            wait_s = max(0.0, self._line.rate.due_at - time.monotonic())
            loop = asyncio.get_running_loop()
            self._next_draw = loop.call_later(wait_s, self._draw_now)

    def _draw_now(self) -> None:
        self._next_draw = None
        self.awake.set()

    def _error_without_an_attempt(self, visit: Visit) -> DeviceError | None:
        """Give what a visit has come to that must not be tried now; `None` when it may."""
        name = visit.device.name
        if self._is_stopped:
            return visit.last_error or NotTriedError(
                name, "not tried: the run was stopped before its turn came"
            )
        breaker = self._shared.breaker_of(visit.device.credentials)
        if breaker is not None and breaker.is_suspended:
            return breaker.refusal(name)
        is_late = visit.spent_s >= self._shared.retry.device_timeout_s
        return visit.last_error if is_late else None

    def _is_finished(self) -> bool:
        waits = self._line.count or self._waiting or self._attempts
        return self._line.is_drained and not waits

    def _start(self, visit: Visit) -> None:
        self._last_place = self._shared.slots.take(visit.device)
        self._at_work += 1
        visit.tried_at = time.monotonic()
        if visit.began_at is None:
            visit.began_at = visit.tried_at
            self._begun += 1
        visit.attempts += 1
        self._look_after(visit, self._shared.grace.before_lending(visit.device.site))
        attempt = asyncio.create_task(self._attempt(visit))
        self._attempts.add(attempt)
        attempt.add_done_callback(partial(self._attempt_ended, visit))

    async def _attempt(self, visit: Visit) -> None:
        timeout_s = self._shared.retry.device_timeout_s
        session = self._shared.session_of(visit.device)
        waited_before_s = session.gate_wait_s
        error: DeviceError
        try:
            async with session.bounded(timeout_s - visit.spent_s) as deadline:
                value = await self._call(session)
        except DeviceError as failure:
            error = failure
        except TimeoutError:
            if not deadline.expired():
                raise
            error = DeviceUnreachableError(visit.device.name, f"not done within {timeout_s:g} s")
        else:
            waited_s = session.gate_wait_s - waited_before_s
            answered_s = time.monotonic() - visit.tried_at - waited_s
            self._shared.grace.learn(visit.device.site, answered_s)
            self._end_visit(visit, value=value)
            return
        visit.gate_wait_s += session.gate_wait_s - waited_before_s
        self._retry_or_end(visit, error)

    def _attempt_ended(self, visit: Visit, attempt: asyncio.Task[None]) -> None:
        """
        Give the place back, and notice a bug in the call: it must end the run.

        Not done by the attempt itself, for one that is cancelled before its
        first step never runs, not even its `finally`.
        """
        self._attempts.discard(attempt)
        self._looked_at.pop(visit, None)
        self._give_up_what_was_lent(visit)
        self._shared.slots.give_back(visit.device, parked=visit.is_parked)
        self._at_work -= not visit.is_parked
        visit.is_parked = False
        if attempt.cancelled():
            self._bug = self._bug or RuntimeError("a call was cancelled from within")
        elif bug := attempt.exception():
            self._bug = self._bug or bug
        self._shared.place_freed(visit.device)

    def _look_after(self, visit: Visit, wait_s: float) -> None:
        """Look at an attempt later on; one timer for all of them, for most have ended by then."""
        at = self._looked_at[visit] = time.monotonic() + min(wait_s, _LOOK_S)
        if self._next_look is None:
            self._look_from(at)
        elif at < self._looking_from:
            self._next_look.cancel()
            self._look_from(at)

    def _look_from(self, at: float) -> None:
        self._looking_from = at
        wait_s = max(_NEXT_LOOK_S, at - time.monotonic())
        self._next_look = asyncio.get_running_loop().call_later(wait_s, self._look_now)

    def _look_now(self) -> None:
        now = time.monotonic()
        for visit in [visit for visit, at in self._looked_at.items() if at <= now]:
            del self._looked_at[visit]
            self._lend_or_park(visit, now - visit.tried_at)
        self._next_look = None
        if self._looked_at:
            self._look_from(min(self._looked_at.values()))

    def _lend_or_park(self, visit: Visit, waited_s: float) -> None:
        """Look whether a silent attempt is to leave its place, by what is usual now."""
        slots, grace, site = self._shared.slots, self._shared.grace, visit.device.site
        left_s = grace.of(site) - waited_s
        if left_s <= 0:
            if visit.has_lent:
                self._give_up_what_was_lent(visit)
            elif slots.park(visit.device):
                self._leave_place(visit)
            else:
                self._look_after(visit, grace.of(site))
            return
        lends_in_s = grace.before_lending(site) - waited_s
        if not visit.is_parked and lends_in_s <= 0 and slots.lend(visit.device):
            visit.has_lent = True
            self._leave_place(visit)
        self._look_after(visit, lends_in_s if lends_in_s > 0 else left_s)

    def _leave_place(self, visit: Visit) -> None:
        visit.is_parked = True
        self._at_work -= 1
        self._shared.place_freed(visit.device)

    def _give_up_what_was_lent(self, visit: Visit) -> None:
        if visit.has_lent:
            visit.has_lent = False
            self._shared.slots.give_up(visit.device)

    def _retry_or_end(self, visit: Visit, error: DeviceError) -> None:
        visit.last_error = error
        retry = self._shared.retry
        wait_s = retry.wait_s(error, visit.attempts, visit.spent_s)
        if wait_s is None or self._is_stopped or not retry.allows(self._retries, self._begun):
            self._end_visit(visit, error=error)
            return
        self._retries += 1
        loop = asyncio.get_running_loop()
        self._waiting[visit] = loop.call_later(wait_s, self._stand_in_line, visit)

    def _stand_in_line(self, visit: Visit) -> None:
        del self._waiting[visit]
        self._line.push(visit)
        self.awake.set()

    def _end_visit(
        self, visit: Visit, value: T | None = None, error: DeviceError | None = None
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
