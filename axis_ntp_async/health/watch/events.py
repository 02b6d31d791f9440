"""What a watch tells: small records, one for everything that happens."""

from __future__ import annotations

import datetime as dt
import enum

from attrs import frozen

from axis_ntp_async.device.records import Device
from axis_ntp_async.health.finding import Cause, Finding, State
from axis_ntp_async.health.sweep import Summary
from axis_ntp_async.health.watch.own_clock import OwnClock
from axis_ntp_async.health.watch.site_causes import SiteCause, SiteTrouble
from axis_ntp_async.health.watch.standing import Standing


@frozen(kw_only=True)
class SweepBegan:
    """
    A sweep begins.

    Attributes:
        number: Counted from 1 on, since the watch began.
        at: When, in UTC.
        devices: All that it will look at.
        interval_s: Seconds until the next one begins.
        joined, left: Names of devices that are new in the list, and of those that left it.
    """

    number: int
    at: dt.datetime
    devices: tuple[Device, ...]
    interval_s: float
    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@frozen(kw_only=True)
class Found:
    """
    One device was looked at.

    Attributes:
        finding: What was found; inside its grace a device that is not in sync is a warning.
        standing: How it stood before; `None` at first sight.
    """

    finding: Finding
    standing: Standing | None


@frozen(kw_only=True)
class StateChange:
    """
    A device has changed, and not by chance.

    Attributes:
        device: The device.
        before: Its state until now; `None` when it was never seen in any.
        after: Its state from now on.
        cause_before: The root cause until now.
        cause: The root cause; `None` when it is ok.
        message: The root cause in a sentence.
        hint: What to do about it.
        since: When it was first seen so, in UTC.
        is_flapping: Whether it changes to and fro: then only this is told, not each turn.
        was_flapping: Whether it did until now.
        site_trouble: The trouble of its site that tells more than this; `None` without one.
    """

    device: Device
    before: State | None
    after: State
    cause: Cause | None
    message: str
    hint: str
    since: dt.datetime
    cause_before: Cause | None = None
    is_flapping: bool = False
    was_flapping: bool = False
    site_trouble: SiteTrouble | None = None

    @property
    def is_recovery(self) -> bool:
        """Whether all is well again."""
        return self.after is State.OK


@frozen(kw_only=True)
class Untried:
    """
    Devices that we ourselves did not look at in a sweep, such as for a suspended password.

    That is nothing that a device has done, so each stands as it did before.

    Attributes:
        reason: Why, in a sentence without a device's name.
        affected: How many devices.
        of: How many devices the sweep had.
    """

    reason: str
    affected: int
    of: int

    @property
    def message(self) -> str:
        """What is so in a sentence."""
        return f"{self.affected} of {self.of} devices were not looked at: {self.reason}"


class Topic(enum.Enum):
    """What a remark is about."""

    SOURCE = "source"
    """What is to be watched cannot be read anew."""

    UNTRIED = "untried"
    """We ourselves did not look at some devices."""

    OWN_CLOCK = "own_clock"
    """Our own clock is the odd one."""

    LATE = "late"
    """Sweeps take longer than their interval."""

    LISTED = "listed"
    """Devices came to the list, or left it: that happens, and does not last."""

    CLOCK_SET = "clock_set"
    """Our own clock was set; that does not last either."""

    TEST = "test"
    """Nothing has happened: somebody wants to know whether notices get through."""


@frozen
class Remark:
    """
    One thing that a watch says of itself.

    Attributes:
        topic: What it is about.
        text: What is so, in a sentence.
        is_over: Whether it says that this is over.
    """

    topic: Topic
    text: str
    is_over: bool = False


@frozen(kw_only=True)
class SweepEnded:
    """
    A sweep is over, and what follows from it.

    Attributes:
        number: Of the sweep.
        began_at, ended_at: In UTC.
        interval_s: Seconds between the begins of two sweeps.
        summary: Of all its findings.
        is_complete: Whether every device was looked at; a sweep may be stopped.
        changes: Devices that changed, and not by chance.
        site_causes: Causes that devices of a site have in common now.
        began, grown, ended: Those that are new, have become twice as large, or are over.
        untried: Devices that we did not look at, by the reason.
        remarks: What there is to say of ourselves, once each.
        own_clock: What the fleet says of our own clock.
    """

    number: int
    began_at: dt.datetime
    ended_at: dt.datetime
    interval_s: float
    summary: Summary
    is_complete: bool = True
    changes: tuple[StateChange, ...] = ()
    site_causes: tuple[SiteCause, ...] = ()
    began: tuple[SiteCause, ...] = ()
    grown: tuple[SiteCause, ...] = ()
    ended: tuple[SiteCause, ...] = ()
    untried: tuple[Untried, ...] = ()
    remarks: tuple[Remark, ...] = ()
    own_clock: OwnClock

    @property
    def duration_s(self) -> float:
        """Seconds that it took; 0 when our clock was set back meanwhile."""
        return max(0.0, (self.ended_at - self.began_at).total_seconds())


@frozen(kw_only=True)
class SourceKept:
    """
    What is to be watched could not be read anew, so all stays as it was.

    Attributes:
        at: When, in UTC.
        message: Why.
        what: What it was that could not be read.
    """

    at: dt.datetime
    message: str
    what: str = "the list of devices"

    @property
    def text(self) -> str:
        """All of it in a sentence."""
        return f"{self.what} cannot be read, all stays as it was: {self.message}"


WatchEvent = SweepBegan | Found | SweepEnded | SourceKept
"""Anything that a watch tells."""
