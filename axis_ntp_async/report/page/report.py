"""What a page shows: a sweep, and what is known beside it. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from attrs import evolve, field, frozen

from axis_ntp_async.health.finding import PROFILES, Finding, Thresholds
from axis_ntp_async.health.history.record import LastWeek, Record, SweepRecord
from axis_ntp_async.health.sweep import Summary
from axis_ntp_async.health.watch.site_causes import SiteCause


@frozen(kw_only=True)
class Report:
    """
    One sweep, and what is known beside it.

    Attributes:
        findings: One for every device.
        summary: Of these findings.
        at: When the report was made, in UTC.
        source: Where the devices are listed, like `fleet.toml`.
        policy: Name of the policy file; `None` when nothing was compared.
        thresholds: When a value was too large; marked in the charts.
        site_causes: Causes that devices of a site have in common.
        notes: Sentences to show on top, such as one about our own clock.
        sweeps: Earlier sweeps, oldest first.
        courses: Earlier records of devices by name, oldest first.

        commands:
            The inventory as typed, quoted for a shell: it goes into the
            commands that mend each cause; without it none are shown.
    """

    findings: Sequence[Finding]
    summary: Summary
    at: dt.datetime
    source: str
    policy: str | None = None
    thresholds: Thresholds = PROFILES["default"]
    site_causes: Sequence[SiteCause] = ()
    notes: Sequence[str] = ()
    sweeps: Sequence[SweepRecord] = ()
    courses: Mapping[str, Sequence[Record]] = field(factory=dict, hash=False)
    commands: str = ""

    def with_history(self, week: LastWeek) -> Report:
        """Give the same with what a history knows, or with why it does not."""
        notes = (*self.notes, week.fault) if week.fault else self.notes
        return evolve(self, sweeps=week.sweeps, courses=week.courses, notes=notes)
