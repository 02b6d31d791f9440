"""What is worth telling somebody: changes and causes that begin or end, once each. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import evolve, field, frozen

from axis_ntp_async.health.finding import State
from axis_ntp_async.health.watch.events import Remark, StateChange, SweepEnded
from axis_ntp_async.health.watch.remarks import followed
from axis_ntp_async.health.watch.site_causes import SiteCause, SiteKey

_KINDS: Final = ("began", "grown", "ended")

_TOGETHER: Final = {
    ("began", "began"): "began",
    ("began", "grown"): "began",
    ("grown", "began"): "grown",
    ("grown", "grown"): "grown",
    ("grown", "ended"): "ended",
    ("ended", "grown"): "grown",
    ("ended", "ended"): "ended",
}
"""What is to be told of a cause of which two things were; of what came and went, nothing."""


@frozen(kw_only=True)
class Notice:
    """
    What has changed since the last notice.

    Attributes:
        at: When, in UTC.
        changes: Devices that changed by themselves; those of a site's cause are not among them.
        began, grown, ended: Causes that devices of a site have in common.
        remarks: What there is to say of ourselves: our clock, the list of devices.
        states: Devices by state in the last sweep.
    """

    at: dt.datetime
    changes: tuple[StateChange, ...] = ()
    began: tuple[SiteCause, ...] = ()
    grown: tuple[SiteCause, ...] = ()
    ended: tuple[SiteCause, ...] = ()
    remarks: tuple[Remark, ...] = ()
    states: Mapping[State, int] = field(factory=dict, hash=False)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.changes or self.began or self.grown or self.ended or self.remarks)

    def followed_by(self, later: Notice) -> Notice:
        """
        Give one notice for two, because the first could not be delivered.

        Of a device only what it is now is told, and nothing when that is what it
        was before both; the same holds for the cause of a site.
        """
        news, latest = self._news(), {**self._causes(), **later._causes()}
        for key, what in later._news().items():
            news[key] = _TOGETHER.get((news[key], what), "") if key in news else what
        of = {
            kind: tuple(latest[key] for key, what in news.items() if what == kind)
            for kind in _KINDS
        }
        return Notice(
            at=later.at,
            changes=tuple(_changes_followed(self.changes, later.changes)),
            began=of["began"],
            grown=of["grown"],
            ended=of["ended"],
            remarks=followed(self.remarks, later.remarks),
            states=later.states,
        )

    def _news(self) -> dict[SiteKey, str]:
        """Give what there is to tell of each cause."""
        return {cause.key: kind for kind in _KINDS for cause in getattr(self, kind)}

    def _causes(self) -> dict[SiteKey, SiteCause]:
        return {cause.key: cause for cause in (*self.began, *self.grown, *self.ended)}


def _changes_followed(
    first: Sequence[StateChange], later: Sequence[StateChange]
) -> Iterator[StateChange]:
    """Give the last change of each device, from what it was before the first."""
    begun = {change.device.name: change for change in reversed(first)}
    for change in {change.device.name: change for change in (*first, *later)}.values():
        was = begun.get(change.device.name, change)
        whole = evolve(
            change,
            before=was.before,
            cause_before=was.cause_before,
            was_flapping=was.was_flapping,
        )
        if not _is_as_before(whole):
            yield whole


def _is_as_before(change: StateChange) -> bool:
    if change.is_flapping and change.was_flapping:
        return True
    before = (change.before or State.OK, change.cause_before, change.was_flapping)
    return before == (change.after, change.cause, change.is_flapping)


def notice_of(event: SweepEnded) -> Notice | None:
    """Give what is worth telling after a sweep; `None` when nothing is."""
    notice = Notice(
        at=event.ended_at,
        changes=tuple(change for change in event.changes if change.site_trouble is None),
        began=event.began,
        grown=event.grown,
        ended=event.ended,
        remarks=event.remarks,
        states=dict(event.summary.states),
    )
    return None if notice.is_empty else notice
