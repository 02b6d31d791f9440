"""`watch`: sweep again and again, for months, and tell what lasts."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import time
import zlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import Final, Self

from attrs import evolve

from axis_ntp_async.device.records import Device
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.errors import (
    AxisNTPError,
    ConfigurationError,
    CredentialsError,
    CredentialSuspendedError,
    NotTriedError,
    PolicyError,
    TooManyOpenFilesError,
)
from axis_ntp_async.fleet.clock import Clock
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.health.finding import PROFILES, Finding, Thresholds
from axis_ntp_async.health.judge import judge
from axis_ntp_async.health.sweep import Desired, Summary
from axis_ntp_async.health.watch.conclusion import Conclusion, conclude
from axis_ntp_async.health.watch.events import (
    Found,
    SourceKept,
    SweepBegan,
    SweepEnded,
    WatchEvent,
)
from axis_ntp_async.health.watch.memory import WatchMemory
from axis_ntp_async.health.watch.patience import with_patience
from axis_ntp_async.health.watch.remarks import Sayings
from axis_ntp_async.health.watch.rules import WatchRules

Source = Iterable[Device] | Callable[[], Iterable[Device]]
"""The devices, or a function that gives those of the next sweep."""

ChangedAt = Callable[[str], dt.datetime | None]
"""Tells when the device of that name was last changed, as far as anybody knows."""

_START_JITTER: Final = 0.02
"""Of an interval: watches that were started together do not go on together."""

_SLOWEST_PER_S: Final = 5.0
"""Small fleets are not spread any thinner: people wait for the first sweep."""

_STEP_S: Final = 1.0
"""A clock that was set by less was only slewed."""


class Watch:
    """
    A stream of what a watch finds; it goes on until it is stopped or left.

    Leave it through `contextlib.aclosing`.

    Attributes:
        memory: What it keeps between sweeps.
    """

    def __init__(
        self,
        pool: SessionPool,
        source: Source,
        *,
        rules: WatchRules,
        thresholds: Thresholds,
        desired: Desired | None,
        changed_at: ChangedAt,
        memory: WatchMemory,
        clock: Clock,
        sweeps: int | None,
    ) -> None:
        self.memory = memory
        self._pool = pool
        self._source = source
        self._rules = rules
        self._thresholds = thresholds
        self._desired = desired
        self._changed_at = changed_at
        self._clock = clock
        self._sweeps = sweeps
        self._devices: tuple[Device, ...] | None = None
        self._stopped = asyncio.Event()
        self._drift_s = _drift_s()
        self._events = self._run()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> WatchEvent:
        return await anext(self._events)

    async def aclose(self) -> None:
        """End it; what is in flight is cancelled."""
        await self._events.aclose()

    def stop(self) -> None:
        """Begin nothing more: a sweep under way ends with the devices that are in flight."""
        self._stopped.set()
        self._pool.stop()

    async def _run(self) -> AsyncGenerator[WatchEvent, None]:
        due = self._clock.now()
        number = 0
        while not self._stopped.is_set():
            number += 1
            known = self._known()
            kept = await self._read_source()
            began = self._began(number, known)
            interval_s = began.interval_s
            yield began
            if kept is not None:
                yield kept
            async with aclosing(self._sweep(began, kept)) as events:
                async for event in events:
                    yield event
            if number == self._sweeps:
                return
            due = max(due + interval_s, self._clock.now())
            if number == 1:
                due += random.uniform(0, _START_JITTER) * interval_s  # noqa: S311  no secret
            await self._clock.sleep(due - self._clock.now(), self._stopped)

    def _known(self) -> frozenset[str] | None:
        """Give the names of those watched until now; `None` when nothing is known of before."""
        if self._devices is not None:
            return frozenset(one.name for one in self._devices)
        return frozenset(self.memory.standings) or None

    def _began(self, number: int, known: frozenset[str] | None) -> SweepBegan:
        devices = self._devices or ()
        names = frozenset(one.name for one in devices)
        before = names if known is None else known
        return SweepBegan(
            number=number,
            at=self._clock.utc(),
            devices=devices,
            interval_s=self._rules.interval_for(len(devices)),
            joined=tuple(sorted(names - before)) if number > 1 else (),
            left=tuple(sorted(before - names)),
        )

    async def _read_source(self) -> SourceKept | None:
        """Read the devices anew; tell when that could not be, and the old ones are kept."""
        before = frozenset(one.name for one in self._devices or ())
        try:
            if callable(self._source):
                self._devices = _unique(await asyncio.to_thread(self._source))
            elif self._devices is None:
                self._devices = _unique(self._source)
        except AxisNTPError as error:
            if self._devices is None:
                raise
            return SourceKept(at=self._clock.utc(), message=str(error), what=_what(error))
        names = frozenset(one.name for one in self._devices)
        self._pool.forget((before - names) | self.memory.forget_others(names))
        return None

    async def _sweep(
        self, began: SweepBegan, kept: SourceKept | None
    ) -> AsyncGenerator[WatchEvent, None]:
        summary, findings, since = Summary(), dict[str, Finding](), self._clock.now()
        async with aclosing(self._look(began)) as looks:
            async for finding in looks:
                name = finding.device.name
                summary.add(finding)
                findings[name] = finding
                yield Found(finding=finding, standing=self.memory.standings.get(name))
        is_complete = len(findings) == len(began.devices)
        told = self._conclude(findings) if is_complete else self._as_before()
        took_s = None if self._sweeps == 1 else self._clock.now() - since
        sayings = Sayings(self.memory.said)
        yield SweepEnded(
            number=began.number,
            began_at=began.at,
            ended_at=self._clock.utc(),
            interval_s=began.interval_s,
            summary=summary,
            is_complete=is_complete,
            changes=told.changes,
            site_causes=told.site_causes,
            began=told.began,
            grown=told.grown,
            ended=told.ended,
            untried=told.untried,
            remarks=sayings.of(began, kept, told, took_s) if is_complete else (),
            own_clock=told.own_clock,
        )

    async def _look(self, began: SweepBegan) -> AsyncGenerator[Finding, None]:
        """Look at every device, at its place in the interval."""
        in_order = sorted(began.devices, key=_place)
        outcomes = self._pool.each(
            in_order, DeviceSession.get_ntp_info, per_second=self._rate(began)
        )
        async with aclosing(outcomes):
            async for outcome in outcomes:
                if _was_stopped(outcome.error):
                    continue
                wanted = (
                    self._desired(outcome.device) if callable(self._desired) else self._desired
                )
                finding = judge(outcome, self._thresholds, wanted)
                name = finding.device.name
                yield with_patience(
                    evolve(finding, at=self._clock.utc(finding.at)),
                    self.memory.standings.get(name),
                    self._changed_at(name),
                    self._rules,
                )

    def _rate(self, began: SweepBegan) -> float | None:
        """Give how many devices to begin in a real second; a single sweep is in a hurry."""
        spread_s = self._rules.spread * began.interval_s
        if self._sweeps == 1 or not spread_s:
            return None
        return max(len(began.devices) / spread_s, _SLOWEST_PER_S) * self._clock.speed

    def _conclude(self, findings: dict[str, Finding]) -> Conclusion:
        drift_s, self._drift_s = self._drift_s, _drift_s()
        stepped_s = self._drift_s - drift_s
        return conclude(
            self.memory,
            findings,
            self._rules,
            stepped_s=stepped_s if abs(stepped_s) > _STEP_S else 0.0,
        )

    def _as_before(self) -> Conclusion:
        """Conclude nothing from a sweep that was stopped."""
        return Conclusion(site_causes=tuple(self.memory.site_causes.values()))


def _unique(devices: Iterable[Device]) -> tuple[Device, ...]:
    listed = tuple(devices)
    for name, times in Counter(device.name for device in listed).items():
        if times > 1:
            raise ConfigurationError(f"device {name!r}: is {times} times in the list")
    return listed


def _place(device: Device) -> int:
    """Give the place of a device in every sweep; neighbours in the list are no neighbours here."""
    return zlib.crc32(device.name.encode())


def _what(error: AxisNTPError) -> str:
    """Give what could not be read."""
    if isinstance(error, PolicyError):
        return "the policy"
    return "a password" if isinstance(error, CredentialsError) else "the list of devices"


def _was_stopped(error: AxisNTPError | None) -> bool:
    """Tell whether a device was not looked at only because we were stopped."""
    return isinstance(error, NotTriedError) and not isinstance(
        error, CredentialSuspendedError | TooManyOpenFilesError
    )


def _drift_s() -> float:
    """Give the time of day against a clock that nobody sets: it changes when ours is set."""
    return time.time() - time.monotonic()


def watch(
    pool: SessionPool,
    devices: Source,
    *,
    rules: WatchRules | None = None,
    thresholds: Thresholds = PROFILES["default"],
    desired: Desired | None = None,
    changed_at: ChangedAt = lambda _: None,
    memory: WatchMemory | None = None,
    clock: Clock | None = None,
    sweeps: int | None = None,
) -> Watch:
    """
    Sweep a fleet at an interval, one sweep at a time, and tell what lasts.

    Every device of a sweep is a `Found`, as soon as it answers. What follows
    is told at the end of the sweep, in its `SweepEnded`: states that have
    changed for two sweeps in a row, causes that a whole site has in common,
    and whether our own clock is the odd one.

    Args:
        pool: How to reach the devices; it stays open, and keeps what it learns of them.

        devices:
            The devices, or a function that gives them anew for each sweep. It may
            block, and raise an `AxisNTPError`: then the old ones are kept, and
            `SourceKept` tells why.

        rules: How often it looks, and when it believes what it sees.
        thresholds: When a value is too large.
        desired: As for `sweep`.

        changed_at:
            Tells when a device was last changed, such as
            `JournalReader.changes().get`: it then has time to get in sync.

        memory: What an earlier watch has learned.
        clock: Time as it passes; faster where devices are simulated.
        sweeps: End after so many; `None` goes on. A single one is not spread over the interval.

    Raises:
        AxisNTPError: The devices could not be read the first time, or one is in the list twice.
    """
    return Watch(
        pool,
        devices,
        rules=rules or WatchRules(),
        thresholds=thresholds,
        desired=desired,
        changed_at=changed_at,
        memory=memory if memory is not None else WatchMemory(),
        clock=clock or Clock(),
        sweeps=sweeps,
    )
