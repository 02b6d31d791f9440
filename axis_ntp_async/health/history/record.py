"""What is kept of one look at a device, of one sweep, and of what is older than that. Pure."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping, Sequence

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

        has_left:
            Whether it was no more among the devices of the watch: nobody looked
            at it. So silence never means that there was nobody to ask.
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
    has_left: bool = False

    @property
    def was_tried(self) -> bool:
        """Whether anybody tried to look at it."""
        return not self.has_left and self.cause is not Cause.NOT_TRIED

    @property
    def trouble(self) -> str:
        """What was wrong, in words; empty when nothing was."""
        if self.cause is None:
            return ""
        cause = self.cause.value.replace("_", " ")
        message = self.message.removeprefix(f"{cause}: ")
        return f"{cause}: {message}" if message else cause


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
        own_skew_s: Our clock minus the median of the devices in sync; `None` if too few told.
        own_devices: How many devices told that.

        offset_step_ms, skew_step_s:
            A device without a record of its own in a complete sweep was found as
            its record before says, the offset within this step, and its clock
            within `skew_s` ± (`uncertainty_s` + this step) of ours.
    """

    at: dt.datetime
    ended_at: dt.datetime
    sweeps: int = 1
    states: Mapping[State, int] = field(factory=dict, hash=False)
    sites: Mapping[str | None, Mapping[State, int]] = field(factory=dict, hash=False)
    is_complete: bool = True
    own_skew_s: float | None = None
    own_devices: int = 0
    offset_step_ms: float = 50.0
    skew_step_s: float = 1.0

    @property
    def devices(self) -> int:
        """How many devices were looked at."""
        return sum(self.states.values())

    @property
    def ok_ratio(self) -> float | None:
        """The share of devices that are ok; `None` without devices."""
        return self.states.get(State.OK, 0) / self.devices if self.devices else None


@frozen(kw_only=True)
class DayRecord:
    """
    What remains of the records of one device and one day once these are forgotten.

    Attributes:
        device: Its name.
        day: The day, in UTC.
        records: How many there were.
        worst: The worst state among them.
        offset_ms: The least and the greatest offset that it reported; `None` without any.
        skew_s: The same of its clock against ours, in seconds.
    """

    device: str
    day: dt.date
    records: int
    worst: State
    offset_ms: tuple[float, float] | None = None
    skew_s: tuple[float, float] | None = None


@frozen(kw_only=True)
class LastWeek:
    """
    What a history knows of the last week.

    Attributes:
        sweeps: The sweeps, oldest first.
        courses: Records of devices by name, oldest first; of each step the worst.
        fault: Why it could not be read; empty when it could, or there is none.
    """

    sweeps: Sequence[SweepRecord] = ()
    courses: Mapping[str, Sequence[Record]] = field(factory=dict, hash=False)
    fault: str = ""


class NoteKind(enum.Enum):
    """What happened besides sweeps."""

    OPENED = "opened"
    """A watch began to write."""

    CLOSED = "closed"
    """It ended, and was not killed."""

    OWN_CLOCK = "own_clock"
    """Our own clock was set, or the fleet says that it is wrong."""

    LOST = "lost"
    """What could not be written for long was given up."""

    OTHER = "other"
    """Anything else worth knowing."""


@frozen
class Note:
    """
    Something that happened besides sweeps.

    Attributes:
        kind: What kind of thing.
        text: What, in a sentence.
        at: When, in UTC.
    """

    kind: NoteKind
    text: str
    at: dt.datetime


@frozen
class Place:
    """
    A block of the chain: whoever knows it can tell later whether the chain still holds it.

    Attributes:
        number: Of the block.
        digest: Over the block and everything before it.
    """

    number: int
    digest: str

    def __str__(self) -> str:
        return f"{self.number}:{self.digest}"


@frozen(kw_only=True)
class Verdict:
    """
    What became of checking a history.

    Attributes:
        fault: The first thing that is not as it was written; `None` when all is.
        blocks: Blocks that were checked.
        records: Records that were checked.
        begins_after: The block before the first: what is older was forgotten as agreed.
        head: The last block; with it a later check sees whether the end was cut off.
    """

    fault: str | None
    blocks: int
    records: int
    begins_after: Place
    head: Place

    @property
    def is_sound(self) -> bool:
        """Whether everything is as it was written."""
        return self.fault is None
