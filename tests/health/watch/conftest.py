"""A fleet that is looked at again and again, by hand: no pool and no time that passes."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from attrs import define, evolve, field

from axis_ntp_async.device.records import NTPInfo, Outcome
from axis_ntp_async.health.finding import Finding
from axis_ntp_async.health.judge import judge
from axis_ntp_async.health.watch.conclusion import Conclusion, conclude
from axis_ntp_async.health.watch.memory import WatchMemory
from axis_ntp_async.health.watch.patience import with_patience
from axis_ntp_async.health.watch.rules import WatchRules

MakeOutcome = Callable[..., Outcome[NTPInfo]]
Members = Mapping[str, Any]


@define
class HandWatch:
    """Sweeps whose findings are given by hand, an interval apart; offsets move by themselves."""

    make_outcome: MakeOutcome
    rules: WatchRules = field(factory=lambda: WatchRules(grace_s=0.0))
    memory: WatchMemory = field(factory=WatchMemory)
    at: dt.datetime = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
    interval: dt.timedelta = dt.timedelta(minutes=5)
    changed_at: dict[str, dt.datetime] = field(factory=dict)
    sites: dict[str, str] = field(factory=dict)

    def look(self, name: str, members: Members) -> Finding:
        moving = {"time_offset_ms": self.at.minute / 100, **members}
        outcome = self.make_outcome(name=name, site=self.sites.get(name, "berlin"), **moving)
        return with_patience(
            judge(evolve(outcome, at=self.at)),
            self.memory.standings.get(name),
            self.changed_at.get(name),
            self.rules,
        )

    def sweep(self, devices: Mapping[str, Members], *, stepped_s: float = 0.0) -> Conclusion:
        """Look at all of them, and go on to the next interval."""
        findings = {name: self.look(name, members) for name, members in devices.items()}
        told = conclude(self.memory, findings, self.rules, stepped_s=stepped_s)
        self.at += self.interval
        return told


@pytest.fixture
def hand_watch(make_outcome: MakeOutcome) -> HandWatch:
    return HandWatch(make_outcome)
