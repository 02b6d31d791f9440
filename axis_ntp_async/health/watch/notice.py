"""What is worth telling somebody: changes and causes that begin or end, once each. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping

from attrs import evolve, field, frozen

from axis_ntp_async.health.finding import State
from axis_ntp_async.health.watch.events import Remark, StateChange, SweepEnded
from axis_ntp_async.health.watch.remarks import followed
from axis_ntp_async.health.watch.site_causes import SiteCause


@frozen(kw_only=True)
class Notice:
    """
    What has changed since the last notice.

    Attributes:
        at: When, in UTC.
        changes: Devices that changed by themselves; those of a site's cause are not among them.
        began, ended: Causes that devices of a site have in common.
        remarks: What there is to say of ourselves: our clock, the list of devices.
        states: Devices by state in the last sweep.
    """

    at: dt.datetime
    changes: tuple[StateChange, ...] = ()
    began: tuple[SiteCause, ...] = ()
    ended: tuple[SiteCause, ...] = ()
    remarks: tuple[Remark, ...] = ()
    states: Mapping[State, int] = field(factory=dict, hash=False)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.changes or self.began or self.ended or self.remarks)

    def followed_by(self, later: Notice) -> Notice:
        """
        Give one notice for two, because the first could not be delivered.

        Of a device only what it is now is told, and nothing when that is what it
        was before both; the same holds for the cause of a site.
        """
        first = {change.device.name: change for change in reversed(self.changes)}
        last = {change.device.name: change for change in (*self.changes, *later.changes)}
        changes = (
            evolve(change, before=first[name].before, cause_before=first[name].cause_before)
            if name in first
            else change
            for name, change in last.items()
        )
        return Notice(
            at=later.at,
            changes=tuple(one for one in changes if not _is_as_before(one)),
            began=(*_without(self.began, later.ended), *_without(later.began, self.ended)),
            ended=(*_without(self.ended, later.began), *_without(later.ended, self.began)),
            remarks=followed(self.remarks, later.remarks),
            states=later.states,
        )


def _is_as_before(change: StateChange) -> bool:
    before = (change.before or State.OK, change.cause_before)
    return not change.is_flapping and before == (change.after, change.cause)


def _without(causes: Iterable[SiteCause], others: Iterable[SiteCause]) -> Iterator[SiteCause]:
    keys = {cause.key for cause in others}
    return (cause for cause in causes if cause.key not in keys)


def notice_of(event: SweepEnded) -> Notice | None:
    """Give what is worth telling after a sweep; `None` when nothing is."""
    notice = Notice(
        at=event.ended_at,
        changes=tuple(change for change in event.changes if change.site_cause is None),
        began=event.began,
        ended=event.ended,
        remarks=event.remarks,
        states=dict(event.summary.states),
    )
    return None if notice.is_empty else notice
