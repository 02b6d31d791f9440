"""How one device stands once chance is taken out: debounced, and flapping marked. Pure."""

from __future__ import annotations

import datetime as dt

from attrs import evolve, frozen

from axis_ntp_async.health.finding import Cause, Finding, State
from axis_ntp_async.health.watch.rules import WatchRules


@frozen(kw_only=True)
class Doubt:
    """
    What the last looks said, against how a device stands.

    Attributes:
        state: Of the last look.
        cause: Of the last look.
        since: The first look that said something else.
        times: How many looks in a row did.
    """

    state: State
    cause: Cause | None
    since: dt.datetime
    times: int


@frozen(kw_only=True)
class Standing:
    """
    How a device stands, over many looks.

    Attributes:
        state: What it is believed to be; a device never seen before is believed to be ok.
        cause: The root cause; `None` when it is ok.
        since: When it was first seen so, in UTC.
        first_seen: When it was first looked at.
        seen_at: When it was last looked at.
        seen: Its state at that look.
        doubt: What the last looks said against it; `None` when they agree.
        was_ok: Whether it was ever ok.
        turns: Looks of late that differed from the one before, as bits, the last one lowest.
        is_flapping: Whether there are many of these.
        offset_ms: The offset it last reported; `None` while that means nothing.
        offset_since: Since when it has reported just this offset.
    """

    state: State = State.OK
    cause: Cause | None = None
    since: dt.datetime
    first_seen: dt.datetime
    seen_at: dt.datetime
    seen: State = State.OK
    doubt: Doubt | None = None
    was_ok: bool = False
    turns: int = 0
    is_flapping: bool = False
    offset_ms: float | None = None
    offset_since: dt.datetime

    def moved(self, by: dt.timedelta) -> Standing:
        """Give the same after our own clock was set: the spans until now stay what they are."""
        if not by:
            return self
        return evolve(
            self,
            since=self.since + by,
            first_seen=self.first_seen + by,
            offset_since=self.offset_since + by,
        )


def settle(before: Standing | None, finding: Finding, rules: WatchRules) -> Standing:
    """
    Give how a device stands after one more look.

    Args:
        before: How it stood; `None` at first sight.
        finding: What was found.
        rules: When a look is believed.
    """
    at = finding.at
    if before is None:
        before = Standing(since=at, first_seen=at, seen_at=at, seen=finding.state, offset_since=at)
    turns = before.turns << 1 & (1 << rules.flapping_in) - 1 | (finding.state is not before.seen)
    moved = finding.offset_ms != before.offset_ms
    looked = evolve(
        before,
        seen_at=at,
        seen=finding.state,
        was_ok=before.was_ok or finding.state is State.OK,
        turns=turns,
        is_flapping=turns.bit_count()
        >= (rules.flapping_until + 1 if before.is_flapping else rules.flapping_from),
        offset_ms=finding.offset_ms,
        offset_since=at if moved else before.offset_since,
        doubt=_doubt(before, finding),
    )
    doubt = looked.doubt
    if doubt is None or doubt.times < rules.debounce:
        return looked
    return evolve(looked, state=doubt.state, cause=doubt.cause, since=doubt.since, doubt=None)


def _doubt(before: Standing, finding: Finding) -> Doubt | None:
    if (finding.state, finding.cause) == (before.state, before.cause):
        return None
    doubt = before.doubt
    if doubt is not None and doubt.state is finding.state:
        return evolve(doubt, cause=finding.cause, times=doubt.times + 1)
    return Doubt(state=finding.state, cause=finding.cause, since=finding.at, times=1)
