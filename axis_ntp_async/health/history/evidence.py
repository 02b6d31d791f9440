"""
What can be said of the clock of one device at one instant, and what cannot. Pure.

A look tells the device's clock against *ours*, read from the `Date` of an
answer in whole seconds, hence with an uncertainty; and what the device itself
reports of its offset to *its server*. Both are only as good as the other side:
our own clock is told beside it, as the devices in sync saw it, and so is
everything that was noted of it. Between two looks nobody looked: a clock that
was right at both can have been set away and back in between.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final

from attrs import frozen

from axis_ntp_async.health.history.record import (
    DayRecord,
    Note,
    NoteKind,
    Place,
    Record,
    SweepRecord,
)

APART_MOST: Final = dt.timedelta(hours=2)
"""Looks that are farther apart say nothing about what was between them."""

OWN_SKEW_MOST_S: Final = 1.0
"""When our own clock and the median of the devices in sync agree: they are read to a second."""

_LEFT_BEFORE: Final = "it was not among the devices of the watch then"
_LEFT_AFTER: Final = "the next thing known is that it was taken off the devices of the watch"

Range = tuple[float, float]
"""From, to."""


@frozen(kw_only=True)
class Look:
    """
    One look at a device.

    Attributes:
        record: What it has told.

        sweep:
            A later, complete sweep that found it as the record says; `None` when
            the look is the record's own.

        place: The block that the record is in.
    """

    record: Record
    sweep: SweepRecord | None = None
    place: Place

    @property
    def earliest(self) -> dt.datetime:
        """When it was looked at, at the earliest."""
        return self.sweep.at if self.sweep else self.record.at

    @property
    def latest(self) -> dt.datetime:
        """When it was looked at, at the latest."""
        return self.sweep.ended_at if self.sweep else self.record.at

    @property
    def skew_s(self) -> Range | None:
        """Where its clock was for certain, in seconds against ours; `None` if not known."""
        skew_s, uncertainty_s = self.record.skew_s, self.record.uncertainty_s
        if skew_s is None or uncertainty_s is None:
            return None
        room_s = uncertainty_s + (self.sweep.skew_step_s if self.sweep else 0.0)
        return skew_s - room_s, skew_s + room_s

    @property
    def offset_ms(self) -> Range | None:
        """What it reported as its offset, in milliseconds; `None` if that means nothing."""
        offset_ms = self.record.offset_ms
        if offset_ms is None:
            return None
        room_ms = self.sweep.offset_step_ms if self.sweep else 0.0
        return offset_ms - room_ms, offset_ms + room_ms


@frozen(kw_only=True)
class Evidence:
    """
    All that is known of one device around one instant.

    Attributes:
        device: Its name.
        at: The instant, in UTC.
        before: The last look before it; `None` when there was none, or it is forgotten.
        after: The first look after it; `None` when there was none yet.
        own_before, own_after: Complete sweeps around it that say something of our own clock.
        notes: What was noted between the looks.
        day: What remains of that day, where the looks themselves are forgotten.
        came_twice: Whether our clock was set back over that instant.
        head: The end of the chain now.
        fault: What of all this is not as it was written; `None` when all is.
    """

    device: str
    at: dt.datetime
    before: Look | None = None
    after: Look | None = None
    own_before: SweepRecord | None = None
    own_after: SweepRecord | None = None
    notes: tuple[Note, ...] = ()
    day: DayRecord | None = None
    came_twice: bool = False
    head: Place
    fault: str | None = None

    @property
    def apart(self) -> dt.timedelta | None:
        """How long nobody looked, at most; `None` without a look on both sides."""
        if self.before is None or self.after is None:
            return None
        return self.after.latest - self.before.earliest

    @property
    def why_not(self) -> str | None:
        """Why nothing can be concluded; `None` when something can."""
        return next(self._reasons(), None)

    def _reasons(self) -> Iterator[str]:
        before, after = self.before, self.after
        if self.fault is not None:
            yield f"the history is not as it was written: {self.fault}"
        if before is None:
            yield (
                "the looks of that time are forgotten; what remains is one line for the day"
                if self.day
                else "no look at it before that instant is recorded"
            )
        elif not before.record.was_tried:
            yield _why_untried(before.record, "before", _LEFT_BEFORE)
        elif after is None:
            yield "nobody has looked at it since"
        elif not after.record.was_tried:
            yield _why_untried(after.record, "after", _LEFT_AFTER)
        if self.came_twice:
            yield "our own clock was set back over that instant, which so came twice"
        for look, when in ((before, "before"), (after, "after")):
            if look is not None and look.skew_s is None:
                why = f": {look.record.message}" if look.record.message else ""
                yield f"at the look {when} it, its clock could not be read{why}"
        if self.apart is not None and self.apart > APART_MOST:
            yield f"nobody looked at it for {in_words(self.apart)}"

    @property
    def skew_s(self) -> Range | None:
        """
        Where its clock was at that instant, in seconds against ours.

        It holds unless the clock was set away and back between the two looks;
        `None` when nothing can be concluded.
        """
        looks = [look.skew_s for look in (self.before, self.after) if look and look.skew_s]
        if self.why_not is not None:
            return None
        return min(low for low, _ in looks), max(high for _, high in looks)

    @property
    def doubts(self) -> tuple[str, ...]:
        """What a careful reader should know of our own side."""
        sweeps = [sweep for sweep in (self.own_before, self.own_after) if sweep]
        noted = (NoteKind.OWN_CLOCK, NoteKind.LOST)
        told = [note.text for note in self.notes if note.kind in noted]
        if not sweeps:
            told.append("no sweep around that instant tells how our own clock was")
        elif any(abs(sweep.own_skew_s or 0.0) > OWN_SKEW_MOST_S for sweep in sweeps):
            told.append("our own clock and most devices in sync did not agree on the time")
        return tuple(told)


def _why_untried(record: Record, when: str, left: str) -> str:
    return left if record.has_left else f"it was to be looked at {when} it, but {record.trouble}"


def in_words(span: dt.timedelta) -> str:
    """Give a span as people say it, in its two largest units."""
    seconds = round(span.total_seconds())
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
        if len(parts) == 2:  # noqa: PLR2004  units
            break
    return " ".join(filter(None, parts)) or "0 s"
