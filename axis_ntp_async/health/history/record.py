"""What is kept of one look at a device, and of one sweep. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from attrs import field, frozen

from axis_ntp_async.health.finding import Cause, State


@frozen(kw_only=True)
class Record:
    """
    What one look at a device has told.

    Attributes:
        device: Its name.
        address: Where it was asked, as in a URL.
        serial: Its serial, as the inventory has it.
        site: Its site.
        at: When, in UTC, by our own clock.
        state: What it was.
        cause: The root cause; `None` when it was ok.
        message: Why it could not be read; empty when it could.
        enabled: Whether its NTP client runs.
        nts: Whether it uses NTS.
        source: Where its servers come from.
        servers: The servers that it takes its time from; `None` when it did not say.
        synced: Whether it calls itself synced.
        offset_ms: The offset that it reported; `None` while that means nothing.
        skew_s: Its clock minus ours, in seconds; `None` when no clock was read.
        uncertainty_s: The true skew lies within `skew_s` ± this.
        drift: Members that were not as desired.
    """

    device: str
    address: str
    serial: str | None = None
    site: str | None = None
    at: dt.datetime
    state: State
    cause: Cause | None = None
    message: str = ""
    enabled: bool | None = None
    nts: bool | None = None
    source: str | None = None
    servers: tuple[str, ...] | None = None
    synced: bool | None = None
    offset_ms: float | None = None
    skew_s: float | None = None
    uncertainty_s: float | None = None
    drift: tuple[str, ...] = ()


@frozen(kw_only=True)
class SweepRecord:
    """
    What one sweep, or the sweeps of one hour together, have come to.

    Attributes:
        at: When it began, in UTC.
        ended_at: When it ended.
        sweeps: How many sweeps this stands for.
        states: Devices by state; of several sweeps the mean, rounded.
        sites: The same by site; the site `None` has those without one.
        is_complete: Whether every device was looked at.
    """

    at: dt.datetime
    ended_at: dt.datetime
    sweeps: int = 1
    states: Mapping[State, int] = field(factory=dict, hash=False)
    sites: Mapping[str | None, Mapping[State, int]] = field(factory=dict, hash=False)
    is_complete: bool = True

    @property
    def devices(self) -> int:
        """How many devices were looked at."""
        return sum(self.states.values())

    @property
    def ok_ratio(self) -> float | None:
        """The share of devices that are ok; `None` without devices."""
        return self.states.get(State.OK, 0) / self.devices if self.devices else None
