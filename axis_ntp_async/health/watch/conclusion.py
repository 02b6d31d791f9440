"""What follows from a sweep: who has changed, what many have in common. Pure."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from attrs import evolve, field, frozen

from axis_ntp_async.health.finding import Cause, Finding
from axis_ntp_async.health.watch.belief import changes_of
from axis_ntp_async.health.watch.events import StateChange, Untried
from axis_ntp_async.health.watch.memory import WatchMemory
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
        began, grown, ended: Those that are new, have become twice as large, or are over.
        untried: Devices that we did not look at, by the reason.
        own_clock: What the fleet says of our own clock.
    """

    changes: tuple[StateChange, ...] = ()
    site_causes: tuple[SiteCause, ...] = ()
    began: tuple[SiteCause, ...] = ()
    grown: tuple[SiteCause, ...] = ()
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
        changes=tuple(changes_of(looks, before, memory.site_causes, memory.hidden)),
        site_causes=site_causes,
        began=tuple(one for one in site_causes if one.key not in known),
        grown=tuple(one for one in site_causes if one.has_grown(known.get(one.key))),
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
