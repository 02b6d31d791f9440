"""Which share of a fleet decides what it is as a whole, or which site. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from axis_ntp_async.health.finding import Cause, Finding, State
from axis_ntp_async.report.nagios.check import (
    UNREACHABLE,
    WITHOUT_ALARM,
    CheckRules,
    cause_in_words,
    deciding,
    plain,
    short_name,
)

SITE_LEAST: Final = 3
"""Shares of a site count from so many devices in trouble on: one broken camera is no outage."""

_NO_ANSWER: Final = frozenset({*UNREACHABLE, Cause.NOT_TRIED})
_DIGITS: Final = 6
_HAIR: Final = 1e-9
"""29 of 100 are not more than 0.29 of them, whatever floats say."""

Judged = Sequence[tuple[State, Finding]]
"""Findings, each with what it counts as."""


@frozen(kw_only=True)
class Verdict:
    """
    What a fleet is as a whole.

    Attributes:
        state: The worst of the whole and of its sites.
        reason: The share that decided, against its limit; empty where a dark site did, or nothing.
        sites: The sites that are as bad, each with what is wrong there, the worst first.
    """

    state: State
    reason: str
    sites: tuple[str, ...]


def verdict_of(judged: Judged, rules: CheckRules) -> Verdict:
    """Judge the whole and each site by shares, and find the sites that are dark."""
    by_site: defaultdict[str | None, list[tuple[State, Finding]]] = defaultdict(list)
    for state, finding in judged:
        by_site[finding.device.site].append((state, finding))
    others = any(finding.cause not in _NO_ANSWER for _, finding in judged)
    sites = [
        _Site.of(name, one, rules, others=others)
        for name, one in by_site.items()
        if name is not None
    ]
    whole, reason = _by_shares(_states(judged), rules)
    worst = max([whole, *(site.state for site in sites)], key=lambda state: state.rank)
    if worst is State.OK:
        return Verdict(state=worst, reason="", sites=())
    bad = sorted((site for site in sites if site.state is worst), key=_Site.worst_first)
    return Verdict(
        state=worst,
        reason=reason if whole is worst else bad[0].reason,
        sites=tuple(site.in_words for site in bad),
    )


@frozen(kw_only=True)
class _Site:
    name: str
    judged: Judged
    state: State
    reason: str
    is_dark: bool

    @classmethod
    def of(cls, name: str, judged: Judged, rules: CheckRules, *, others: bool) -> _Site:
        """Judge a site; it is dark when none answers there, while others elsewhere do."""
        is_dark = (
            others
            and rules.unreachable_as not in WITHOUT_ALARM
            and len(judged) >= SITE_LEAST
            and all(finding.cause in UNREACHABLE for _, finding in judged)
        )
        state, reason = _by_shares(_states(judged), rules, site=name)
        if is_dark:
            state, reason = State.CRITICAL, ""
        return cls(name=name, judged=judged, state=state, reason=reason, is_dark=is_dark)

    @property
    def not_ok(self) -> int:
        """How many of its devices are not ok."""
        return _not_ok(_states(self.judged))

    @property
    def in_words(self) -> str:
        """How many are not ok, and what most of those have that decided."""
        share = f"{short_name(self.name)} {self.not_ok}/{len(self.judged)}"
        if self.is_dark:
            return f"{share} dark"
        as_bad = [state for state in State if state.rank >= self.state.rank]
        cause, count = causes_of(self.judged, *as_bad)[0]
        words = cause_in_words(cause)
        return f"{share} {words}" if count == self.not_ok else f"{share} ({count} {words})"

    def worst_first(self) -> tuple[bool, int, str]:
        """Give what sorts the dark ones first, then those with most devices in trouble."""
        return not self.is_dark, -self.not_ok, self.name


def causes_of(judged: Judged, *states: State) -> list[tuple[Cause, int]]:
    """Count what makes devices count as one of these states, the most frequent first."""
    causes = Counter(
        problem.cause
        for state, finding in judged
        if state in states and (problem := deciding(finding))
    )
    return sorted(causes.items(), key=lambda one: (-one[1], one[0].value))


def _by_shares(
    counts: Counter[State], rules: CheckRules, *, site: str | None = None
) -> tuple[State, str]:
    """Give what shares come to, and the one that decided in words."""
    total, not_ok, critical = counts.total(), _not_ok(counts), counts[State.CRITICAL]
    unread = critical + counts[State.UNKNOWN]
    if site is not None and not_ok < SITE_LEAST:
        return State.OK, ""
    of_these = f" ({plain(round(100 * critical / total, 1))} % critical)" if critical else ""
    place = f" at {short_name(site)}" if site else ""
    for state, count, limit, words in (
        (State.CRITICAL, critical, rules.crit_fraction, "critical"),
        (
            State.UNKNOWN,
            unread,
            rules.crit_fraction,
            f"critical or unknown{of_these}" if critical else "unknown",
        ),
        (State.WARNING, not_ok, rules.warn_fraction, "not ok"),
    ):
        if count > limit * total + _HAIR:
            share = _percent(count / total, limit)
            return state, f"{share} % {words}{place}, more than {plain(100 * limit)} %"
    return State.OK, ""


def _percent(share: float, limit: float) -> str:
    """Give a share with as many digits as it takes to see that it is above the limit."""
    rounded = (round(100 * share, digits) for digits in range(1, _DIGITS))
    return plain(next((one for one in rounded if one > 100 * limit), 100 * share))


def _states(judged: Judged) -> Counter[State]:
    return Counter(state for state, _ in judged)


def _not_ok(counts: Counter[State]) -> int:
    return counts.total() - counts[State.OK]
