"""The check of a fleet: its verdict, and why, in a line; below it the worst devices. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from axis_ntp_async.health.finding import Cause, Finding, State, Thresholds
from axis_ntp_async.report.nagios.check import (
    CODES,
    Check,
    CheckRules,
    cause_in_words,
    deciding,
    duration,
    named,
    plain,
)
from axis_ntp_async.report.nagios.verdict import Judged, causes_of, verdict_of

_WORST: Final = 10
_ALIKE: Final = 3
_SITES: Final = 3
_CAUSES: Final = 3

_WORST_STATES: Final = (State.CRITICAL, State.UNKNOWN, State.WARNING, State.OK)


def check_fleet(findings: Sequence[Finding], rules: CheckRules, thresholds: Thresholds) -> Check:
    """
    Judge a fleet by shares, over all and in each site.

    Over all, and in each site with at least three devices that are not ok,
    more than `crit_fraction` of the devices critical is critical; critical or
    unknown together, unknown; and more than `warn_fraction` not ok in any way
    is a warning. A site of at least three devices of which none can be
    reached, while others elsewhere can, is critical, unless unreachable
    devices count as ok or a warning. The worst of all this is the verdict.

    A number has limits only where these decide: `critical` and `not_ok` over
    all, the largest offset and skew for the device that has it. Of a skew the
    uncertainty is taken off before it counts.

    Args:
        findings: Of all devices.
        rules: The shares.
        thresholds: What the findings were judged by, for the numbers.
    """
    judged = [(rules.state_of(finding), finding) for finding in findings]
    verdict = verdict_of(judged, rules)
    in_sync = sum(finding.is_in_sync for finding in findings)
    words, numbers = _largest(findings, thresholds)
    head = ", ".join([f"{in_sync}/{len(findings)} in sync", *words])
    told = [head, verdict.reason, *_causes(judged), _sites(verdict.sites)]
    return Check(
        code=CODES[verdict.state],
        summary="; ".join(filter(None, told)),
        numbers=(*numbers, *_counts(judged, len(findings) - in_sync, rules)),
        details=tuple(_worst(judged)),
    )


def _largest(findings: Sequence[Finding], thresholds: Thresholds) -> tuple[list[str], list[str]]:
    """Give the largest offset and skew, for people and as numbers; nothing where none is known."""
    words, numbers = [], []
    if offsets_ms := [abs(one.offset_ms) for one in findings if one.offset_ms is not None]:
        most_s = max(offsets_ms) / 1000
        words.append(f"max offset {duration(most_s)}")
        warning, critical = thresholds.offset_warning_ms, thresholds.offset_critical_ms
        limits = f"{plain(warning / 1000)};{plain(critical / 1000)}"
        numbers.append(f"offset_max={plain(most_s)}s;{limits}")
    if skews_s := [abs(one.skew_s) for one in findings if one.skew_s is not None]:
        words.append(f"max skew {max(skews_s):.1f} s")
        limits = f"{plain(thresholds.skew_warning_s)};{plain(thresholds.skew_critical_s)}"
        numbers.append(f"skew_max={plain(max(skews_s))}s;{limits}")
    return words, numbers


def _counts(judged: Judged, unsynced: int, rules: CheckRules) -> Iterator[str]:
    states = Counter(state for state, _ in judged)
    total = states.total()
    yield f"unsynced={unsynced};;;0;{total}"
    not_ok = total - states[State.OK]
    yield f"not_ok={not_ok};{plain(rules.warn_fraction * total)};;0;{total}"
    yield f"warning={states[State.WARNING]};;;0;{total}"
    yield f"unknown={states[State.UNKNOWN]};;;0;{total}"
    limit = plain(rules.crit_fraction * total)
    yield f"critical={states[State.CRITICAL]};;{limit};0;{total}"


def _causes(judged: Judged) -> Iterator[str]:
    """Count the causes, those that are critical first, and of these the most frequent."""
    for state in _WORST_STATES:
        causes = causes_of(judged, state)
        told = [f"{count} {cause_in_words(cause)}" for cause, count in causes[:_CAUSES]]
        if more := sum(count for _, count in causes[_CAUSES:]):
            told.append(f"{more} others")
        if told:
            label = "taken as ok" if state is State.OK else state.value
            yield f"{label}: {', '.join(told)}"


def _sites(bad: Sequence[str]) -> str:
    more = f" and {len(bad) - _SITES} more" if len(bad) > _SITES else ""
    return f"worst sites: {', '.join(bad[:_SITES])}{more}" if bad else ""


def _worst(judged: Judged) -> Iterator[str]:
    """Name the worst devices; of many alike a few, so that other causes are seen, too."""
    alike: Counter[Cause] = Counter()
    turns: list[list[str]] = [[], []]
    for state, finding in sorted(judged, key=_worst_first):
        if state is not State.OK and (problem := deciding(finding)):
            alike[problem.cause] += 1
            line = f"{state.value.upper()} {named(finding, problem.message)}"
            turns[alike[problem.cause] > _ALIKE].append(line)
    lines = [line for turn in turns for line in turn]
    yield from lines[:_WORST]
    if len(lines) > _WORST:
        yield f"and {len(lines) - _WORST} more"


def _worst_first(one: tuple[State, Finding]) -> tuple[int, str, str]:
    state, finding = one
    return -state.rank, finding.device.site or "", finding.device.name
