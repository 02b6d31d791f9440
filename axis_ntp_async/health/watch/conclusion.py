"""What follows from a sweep: who has changed, what many have in common. Pure."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from attrs import evolve, field, frozen

from axis_ntp_async.health.finding import Cause, Finding, State
from axis_ntp_async.health.watch.events import StateChange, Untried
from axis_ntp_async.health.watch.memory import SiteKey, WatchMemory
from axis_ntp_async.health.watch.own_clock import OwnClock, own_clock_of
from axis_ntp_async.health.watch.rules import WatchRules
from axis_ntp_async.health.watch.site_causes import SiteCause, belongs_to, site_causes_of
from axis_ntp_async.health.watch.standing import Standing, settle


@frozen(kw_only=True)
class Conclusion:
    """
    What follows from one complete sweep.

    Attributes:
        changes: Devices that changed, and not by chance.
        site_causes: What devices of a site have in common now.
        began, ended: Those of them that are new, and those that are over.
        untried: Devices that we did not look at, by the reason.
        own_clock: What the fleet says of our own clock.
    """

    changes: tuple[StateChange, ...] = ()
    site_causes: tuple[SiteCause, ...] = ()
    began: tuple[SiteCause, ...] = ()
    ended: tuple[SiteCause, ...] = ()
    untried: tuple[Untried, ...] = ()
    own_clock: OwnClock = field(factory=OwnClock)


def conclude(
    memory: WatchMemory,
    findings: Mapping[str, Finding],
    rules: WatchRules,
    *,
    stepped_s: float = 0.0,
) -> Conclusion:
    """
    Take a complete sweep into the memory, and tell what follows from it.

    While our own clock is the odd one, no device is blamed for a skew. A
    device that we did not look at stands as it did before.

    Args:
        memory: What was known; it learns.
        findings: Of every device, by its name.
        rules: When a look is believed.
        stepped_s: How far our clock was set meanwhile, in seconds.
    """
    own_clock = own_clock_of(findings.values(), rules, stepped_s=stepped_s)
    step, known = dt.timedelta(seconds=stepped_s), memory.site_causes
    before = {name: one.moved(step) for name, one in memory.standings.items()}
    tried, untried = _divided(findings)
    looks = [(one, _settled(before.get(one.device.name), one, rules, own_clock)) for one in tried]
    memory.standings = before | {one.device.name: now for one, now in looks}
    as_before = [(one, now) for one in untried if (now := before.get(one.device.name))]
    site_causes = site_causes_of((*looks, *as_before), known.values(), rules)
    memory.site_causes = {cause.key: cause for cause in site_causes}
    return Conclusion(
        changes=_changes(memory, looks, before, known),
        site_causes=site_causes,
        began=tuple(one for one in site_causes if one.is_news(known.get(one.key))),
        ended=_ended(known.values(), memory, findings.values()),
        untried=_reasons(untried, len(findings)),
        own_clock=own_clock,
    )


def _divided(findings: Mapping[str, Finding]) -> tuple[list[Finding], list[Finding]]:
    """Give what was found of devices, and those that we ourselves did not look at."""
    divided: tuple[list[Finding], list[Finding]] = ([], [])
    for finding in findings.values():
        divided[finding.cause is Cause.NOT_TRIED].append(finding)
    return divided


def _reasons(untried: Iterable[Finding], devices: int) -> tuple[Untried, ...]:
    reasons = Counter(finding.message.removeprefix("not tried: ") for finding in untried)
    return tuple(
        Untried(reason=reason, affected=affected, of=devices)
        for reason, affected in reasons.most_common()
    )


def _settled(
    before: Standing | None, finding: Finding, rules: WatchRules, own_clock: OwnClock
) -> Standing:
    """Give how a device stands now; while our own clock is odd, a skew neither comes nor goes."""
    if not own_clock.is_odd:
        return settle(before, finding, rules)
    if before is not None and before.cause is finding.cause is Cause.SKEW:
        return before
    others = tuple(one for one in finding.problems if one.cause is not Cause.SKEW)
    return settle(before, evolve(finding, problems=others), rules)


def _ended(
    known: Iterable[SiteCause], memory: WatchMemory, findings: Collection[Finding]
) -> tuple[SiteCause, ...]:
    """
    Give the causes that are over, with how many devices still suffer.

    Of a site that is not watched any more nobody knows.
    """
    watched = {finding.device.site for finding in findings}
    over = (one for one in known if one.key not in memory.site_causes and one.site in watched)
    return tuple(evolve(one, affected=_still_in(one, memory, findings)) for one in over)


def _still_in(cause: SiteCause, memory: WatchMemory, findings: Iterable[Finding]) -> int:
    standings = (
        (finding.device, memory.standings.get(finding.device.name)) for finding in findings
    )
    return sum(now is not None and belongs_to(one, now.cause, cause) for one, now in standings)


def _changes(
    memory: WatchMemory,
    looks: Sequence[tuple[Finding, Standing]],
    before: Mapping[str, Standing],
    known: Mapping[SiteKey, SiteCause],
) -> tuple[StateChange, ...]:
    changed = (_change(one, before.get(one.device.name), now) for one, now in looks)
    told = [_in_common(one, memory, known) for one in changed if one is not None]
    return (*told, *_left_over(memory, looks, {one.device.name for one in told}))


def _change(finding: Finding, before: Standing | None, after: Standing) -> StateChange | None:
    """Give what is to be told of a device: a flapping one once, when that begins and ends."""
    was_flapping = before is not None and before.is_flapping
    if after.is_flapping and was_flapping:
        return None
    old = (before.state, before.cause) if before else (State.OK, None)
    if (after.state, after.cause) == old and after.is_flapping is was_flapping:
        return None
    return _told(finding, before, after)


def _told(finding: Finding, before: Standing | None, after: Standing) -> StateChange:
    problem = next((one for one in finding.problems if one.cause is after.cause), None)
    is_known = before is not None and (before.was_ok or before.state is not State.OK)
    return StateChange(
        device=finding.device,
        before=before.state if before and is_known else None,
        cause_before=before.cause if before else None,
        after=after.state,
        cause=after.cause,
        message=problem.message if problem else finding.message,
        hint=problem.hint if problem else finding.hint,
        since=after.since,
        is_flapping=after.is_flapping,
    )


def _in_common(
    change: StateChange, memory: WatchMemory, known: Mapping[SiteKey, SiteCause]
) -> StateChange:
    """Mark a change that belongs to the cause of a site, also that it is over."""
    name = change.device.name
    for cause in memory.site_causes.values():
        if belongs_to(change.device, change.cause, cause):
            memory.absorbed[name] = cause.key
            return evolve(change, site_cause=cause)
    key = memory.absorbed.pop(name, None)
    if key is None or not change.is_recovery:
        return change
    return evolve(change, site_cause=memory.site_causes.get(key) or known.get(key))


def _left_over(
    memory: WatchMemory, looks: Iterable[tuple[Finding, Standing]], told: set[str]
) -> Iterable[StateChange]:
    """Tell by itself who is still bad when the cause of its site is over."""
    for finding, standing in looks:
        name = finding.device.name
        if memory.absorbed.get(name) in memory.site_causes or name not in memory.absorbed:
            continue
        del memory.absorbed[name]
        if name not in told and standing.state is not State.OK:
            yield _told(finding, None, standing)
