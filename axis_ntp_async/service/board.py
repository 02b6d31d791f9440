"""What can be seen of a watch at this moment, and who waits for the next one."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from attrs import define, evolve, field

from axis_ntp_async.device.records import Device
from axis_ntp_async.fleet.clock import Clock
from axis_ntp_async.health.finding import PROFILES, Thresholds
from axis_ntp_async.health.history.reading import HistoryReader
from axis_ntp_async.health.sweep import Summary
from axis_ntp_async.health.watch.events import SweepBegan, SweepEnded, WatchEvent
from axis_ntp_async.health.watch.overview import Overview
from axis_ntp_async.report.page.report import Report

_STALE_AFTER: Final = 2
"""Intervals without a sweep that ended."""


@define(kw_only=True)
class Board:
    """
    A watch, as others see it.

    Attributes:
        source: Where the devices are listed.
        commands: The inventory as typed, for the commands that a page shows.
        policy: Name of the policy; `None` when nothing is compared.
        thresholds: When a value is too large.
        history: Where earlier sweeps are; `None` for none.
        clock: Time as the watch counts it.
        faults: Gives sentences about ourselves, such as that the history cannot be written.
        overview: What is known now.
        devices: Those of the last sweep that began, by name: nobody else is ever probed.
    """

    source: str
    commands: str = ""
    policy: str | None = None
    thresholds: Thresholds = PROFILES["default"]
    history: HistoryReader | None = None
    clock: Clock = field(factory=Clock)
    faults: Callable[[], tuple[str, ...]] = tuple
    overview: Overview = field(factory=Overview)
    devices: Mapping[str, Device] = field(factory=dict, init=False)
    _interval_s: float = field(default=0.0, init=False)
    _news_at: dt.datetime = field(init=False)
    _heard_at: float = field(init=False)
    _waiting: set[asyncio.Event] = field(factory=set, init=False)

    def __attrs_post_init__(self) -> None:
        self._news_at, self._heard_at = self.clock.utc(), self.clock.now()

    def take(self, event: WatchEvent) -> None:
        """Take in what a watch tells."""
        self.overview.add(event)
        if isinstance(event, SweepBegan):
            self.devices = {device.name: device for device in event.devices}
            self._interval_s = event.interval_s
        elif isinstance(event, SweepEnded):
            self._news_at, self._heard_at = event.ended_at, self.clock.now()
            for waiting in self._waiting:
                waiting.set()

    async def next_sweep(self) -> None:
        """Wait until a sweep ends."""
        ended = asyncio.Event()
        self._waiting.add(ended)
        try:
            await ended.wait()
        finally:
            self._waiting.discard(ended)

    @property
    def number(self) -> int:
        """The number of the last sweep that ended; 0 before the first one has."""
        return self.overview.last.number if self.overview.last else 0

    @property
    def age_s(self) -> float:
        """Seconds since a sweep ended; before the first one, since the watch began."""
        return self.clock.now() - self._heard_at

    @property
    def is_stale(self) -> bool:
        """Whether no sweep has ended for two intervals."""
        return self.age_s > _STALE_AFTER * self._interval_s > 0

    def notes(self) -> tuple[str, ...]:
        """Give what is to be known about ourselves."""
        own_clock = self.overview.last.own_clock.message if self.overview.last else None
        fault = self.overview.source_fault
        untried = self.overview.last.untried if self.overview.last else ()
        return (
            *((own_clock,) if own_clock else ()),
            *((fault,) if fault else ()),
            *(one.message for one in untried),
            *self.faults(),
        )

    def snapshot(self) -> Overview:
        """Give what is known now, for somebody in another thread."""
        known = self.overview
        return evolve(
            known,
            findings=dict(known.findings),
            outcomes=Counter(known.outcomes),
            retries=Counter(known.retries),
        )

    def report(self) -> Report:
        """Give what the page shows, without the history."""
        findings = tuple(self.overview.findings.values())
        summary = Summary()
        for finding in findings:
            summary.add(finding)
        return Report(
            findings=findings,
            summary=summary,
            at=self._news_at,
            source=self.source,
            policy=self.policy,
            thresholds=self.thresholds,
            site_causes=self.overview.site_causes,
            notes=self.notes(),
            commands=self.commands,
        )
