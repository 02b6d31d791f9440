"""What a watch knows now, for whoever looks in: metrics, the page, probes."""

from __future__ import annotations

from collections import Counter

from attrs import define, field

from axis_ntp_async.errors import DeviceError
from axis_ntp_async.health.failures import cause_of_failure
from axis_ntp_async.health.finding import Finding
from axis_ntp_async.health.watch.events import (
    Found,
    SourceKept,
    SweepBegan,
    SweepEnded,
    WatchEvent,
)
from axis_ntp_async.health.watch.site_causes import SiteCause


@define(kw_only=True)
class Overview:
    """
    What is known of a fleet now: the last finding of every device, and the last sweep.

    Attributes:
        findings: The last finding of each device, by its name.
        last: The last sweep that ended; `None` before the first one has.
        source_fault: Why what is watched is as it was, in a sentence; `None` when it is not.
        outcomes: Calls by what came of them, since the watch began: `ok`, or a cause.
        retries: Further attempts by what the device ended with, likewise.
        rollouts: Steps of runs that are not over, by run, wave and state.
    """

    findings: dict[str, Finding] = field(factory=dict)
    last: SweepEnded | None = None
    source_fault: str | None = None
    outcomes: Counter[str] = field(factory=Counter)
    retries: Counter[str] = field(factory=Counter)
    rollouts: Counter[tuple[str, str, str]] = field(factory=Counter)

    @property
    def site_causes(self) -> tuple[SiteCause, ...]:
        """Causes that devices of a site have in common now."""
        return self.last.site_causes if self.last else ()

    def add(self, event: WatchEvent) -> None:
        """Take in what a watch tells."""
        match event:
            case SweepBegan(devices=devices):
                names = {device.name for device in devices}
                for gone in self.findings.keys() - names:
                    del self.findings[gone]
                self.source_fault = None
            case Found(finding=finding):
                self.findings[finding.device.name] = finding
                came_of_it = _word(finding.error)
                self.outcomes[came_of_it] += 1
                self.retries[came_of_it] += max(0, finding.attempts - 1)
            case SweepEnded():
                self.last = event
            case SourceKept():
                self.source_fault = event.text


def _word(error: DeviceError | None) -> str:
    return "ok" if error is None else cause_of_failure(error).value
