"""
What a check prints for Nagios, Icinga and their like, and the code it leaves with. Pure.

One line with the verdict and, after a `|`, numbers in base units; below it the worst devices.

Source: the development guidelines of monitoring-plugins: plugin output, return codes,
performance data.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import field, frozen
from attrs.validators import and_, ge, le

from axis_ntp_async.health.finding import Cause, Finding, State, Thresholds
from axis_ntp_async.report.printable import printable

SITE_LEAST: Final = 3
"""Shares of a site count from so many devices in trouble on: one broken camera is no outage."""

_WORST: Final = 10
_ALIKE: Final = 3
_SITES: Final = 3
_CAUSES: Final = 3
_LONGEST_NAME: Final = 80
_LONGEST_MESSAGE: Final = 250
_ROUGH_S: Final = 0.01

_UNREACHABLE: Final = frozenset({Cause.UNREACHABLE, Cause.BUSY})
_NO_ANSWER: Final = frozenset({*_UNREACHABLE, Cause.NOT_TRIED})
_WITHOUT_ALARM: Final = frozenset({State.OK, State.WARNING})
_share = and_(ge(0.0), le(1.0))


class Code(enum.IntEnum):
    """What a check leaves with."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


_CODES: Final = {
    State.OK: Code.OK,
    State.WARNING: Code.WARNING,
    State.CRITICAL: Code.CRITICAL,
    State.UNKNOWN: Code.UNKNOWN,
}


@frozen(kw_only=True)
class CheckRules:
    """
    When a fleet is not well as a whole.

    Attributes:
        warn_fraction: More than this share of devices not ok is a warning.
        crit_fraction: More than this share critical is critical; critical or unknown, unknown.
        unreachable_as: What a device counts as that does not answer.
    """

    warn_fraction: float = field(default=0.01, validator=_share)
    crit_fraction: float = field(default=0.05, validator=_share)
    unreachable_as: State = State.UNKNOWN


@frozen(kw_only=True)
class Check:
    """
    What a check comes to.

    Attributes:
        code: What to leave with.
        summary: The verdict in a line, without the code.
        numbers: Performance data, each complete.
        details: Further lines.
    """

    code: Code
    summary: str
    numbers: tuple[str, ...] = ()
    details: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it, for standard output."""
        first = f"NTP {self.code.name} - {_clean(self.summary)}"
        if self.numbers:
            first += f" | {' '.join(self.numbers)}"
        return "\n".join([first, *map(_clean, self.details)])


def unknown(reason: str) -> Check:
    """Give what is said when nothing could be found out; of several reasons the first."""
    first, *others = [line for line in reason.splitlines() if line.strip()] or ["no reason known"]
    more = f" (and {len(others)} more)" if others else ""
    return Check(code=Code.UNKNOWN, summary=_short(first, _LONGEST_MESSAGE) + more)


def check_device(finding: Finding, rules: CheckRules, thresholds: Thresholds) -> Check:
    """Judge one device: its state is the verdict."""
    state = _state(finding, rules)
    named = _named(finding)
    offset_limits = (thresholds.offset_warning_ms / 1000, thresholds.offset_critical_ms / 1000)
    numbers = []
    if finding.offset_ms is not None:
        if not finding.problems:
            named += f", offset {_duration(abs(finding.offset_ms) / 1000)}"
        numbers.append(f"offset={_plain(finding.offset_ms / 1000)}s;{_around(*offset_limits)}")
    if finding.skew_s is not None:
        skew_limits = (thresholds.skew_warning_s, thresholds.skew_critical_s)
        numbers.append(f"skew={_plain(finding.skew_s)}s;{_around(*skew_limits)}")
    return Check(
        code=_CODES[state],
        summary=named,
        numbers=tuple(numbers),
        details=(
            *((finding.hint,) if finding.problems else ()),
            *(
                f"{problem.state.value.upper()} {_short(problem.message, _LONGEST_MESSAGE)}. "
                f"{problem.hint}"
                for problem in finding.problems[1:]
            ),
        ),
    )


def check_fleet(findings: Sequence[Finding], rules: CheckRules, thresholds: Thresholds) -> Check:
    """
    Judge a fleet by shares, over all and in each site.

    Over all, and in each site with at least three devices that are not ok,
    more than `crit_fraction` of the devices critical is critical; critical or
    unknown together, unknown; and more than `warn_fraction` not ok in any way
    is a warning. A site of at least three devices of which none can be
    reached, while others elsewhere can, is critical, unless unreachable
    devices count as ok or a warning. The worst of all this is the verdict.

    Args:
        findings: Of all devices.
        rules: The shares.
        thresholds: What the findings were judged by, for the numbers.
    """
    judged = [(_state(finding, rules), finding) for finding in findings]
    states = Counter(state for state, _ in judged)
    verdict, reasons = _verdict(judged, states, rules)
    synced = sum(finding.state in _WITHOUT_ALARM for finding in findings)
    parts = [f"{synced}/{len(findings)} in sync"]
    numbers = []
    offsets_ms = [abs(one.offset_ms) for one in findings if one.offset_ms is not None]
    if offsets_ms:
        most_s = max(offsets_ms) / 1000
        parts.append(f"max offset {_duration(most_s)}")
        warning, critical = thresholds.offset_warning_ms, thresholds.offset_critical_ms
        limits = f"{_plain(warning / 1000)};{_plain(critical / 1000)}"
        numbers.append(f"offset_max={_plain(most_s)}s;{limits}")
    return Check(
        code=_CODES[verdict],
        summary=", ".join([*parts, *_causes(judged), *reasons]),
        numbers=(*numbers, *_counts(states, len(findings) - synced, rules)),
        details=tuple(_worst(judged)),
    )


def _counts(states: Counter[State], unsynced: int, rules: CheckRules) -> Iterator[str]:
    total = states.total()
    limits = ";"
    if rules.unreachable_as not in _WITHOUT_ALARM:  # else more of them may be unsynced
        limits = f"{_plain(rules.warn_fraction * total)};{_plain(rules.crit_fraction * total)}"
    yield f"unsynced={unsynced};{limits};0;{total}"
    for state in State:
        if state is not State.OK:
            yield f"{state.value}={states[state]};;;0;{total}"


_Judged = Sequence[tuple[State, Finding]]


def _verdict(
    judged: _Judged, states: Counter[State], rules: CheckRules
) -> tuple[State, list[str]]:
    """Give the worst of the whole and of the sites, and the sites that are as bad."""
    sites: dict[str, Counter[State]] = {}
    silent: Counter[str | None] = Counter()
    for state, finding in judged:
        if finding.device.site is not None:
            sites.setdefault(finding.device.site, Counter())[state] += 1
        silent[finding.device.site] += finding.cause in _UNREACHABLE
    others = any(finding.cause not in _NO_ANSWER for _, finding in judged)
    verdicts = {
        site: (
            State.CRITICAL
            if others and _is_dark(counts.total(), silent[site], rules)
            else _by_shares(counts, rules, least=SITE_LEAST)
        )
        for site, counts in sites.items()
    }
    whole = _by_shares(states, rules)
    worst = max([whole, *verdicts.values()], key=lambda state: state.rank)
    if worst is State.OK:
        return worst, []
    bad = [site for site, verdict in verdicts.items() if verdict is worst]
    bad.sort(key=lambda site: (-_not_ok(sites[site]), site))
    shown = ", ".join(
        f"{_short(site, _LONGEST_NAME)} {_not_ok(sites[site])}/{sites[site].total()}"
        for site in bad[:_SITES]
    )
    more = f" and {len(bad) - _SITES} more" if len(bad) > _SITES else ""
    return worst, [f"sites not ok: {shown}{more}"] if bad else []


def _is_dark(devices: int, silent: int, rules: CheckRules) -> bool:
    return rules.unreachable_as not in _WITHOUT_ALARM and SITE_LEAST <= devices == silent


def _by_shares(counts: Counter[State], rules: CheckRules, *, least: int = 0) -> State:
    total, not_ok = counts.total(), _not_ok(counts)
    if not_ok < least:
        return State.OK
    if counts[State.CRITICAL] > rules.crit_fraction * total:
        return State.CRITICAL
    if counts[State.CRITICAL] + counts[State.UNKNOWN] > rules.crit_fraction * total:
        return State.UNKNOWN
    return State.WARNING if not_ok > rules.warn_fraction * total else State.OK


def _not_ok(counts: Counter[State]) -> int:
    return counts.total() - counts[State.OK]


def _state(finding: Finding, rules: CheckRules) -> State:
    return rules.unreachable_as if finding.cause in _UNREACHABLE else finding.state


def _causes(judged: _Judged) -> Iterator[str]:
    """Count the causes, the most frequent first."""
    causes = Counter(one.problems[0].cause for _, one in judged if one.problems)
    for cause, count in causes.most_common(_CAUSES):
        yield f"{count} {cause.value.replace('_', ' ')}"
    if more := causes.total() - sum(count for _, count in causes.most_common(_CAUSES)):
        yield f"{more} others"


def _worst(judged: _Judged) -> Iterator[str]:
    """Name the worst devices; of many alike a few, so that other causes are seen, too."""
    alike: Counter[Cause] = Counter()
    turns: list[list[str]] = [[], []]
    for state, finding in sorted(judged, key=_worst_first):
        if state is not State.OK:
            cause = finding.problems[0].cause
            alike[cause] += 1
            line = f"{state.value.upper()} {_named(finding)}"
            turns[alike[cause] > _ALIKE].append(line)
    lines = [line for turn in turns for line in turn]
    yield from lines[:_WORST]
    if len(lines) > _WORST:
        yield f"and {len(lines) - _WORST} more"


def _worst_first(one: tuple[State, Finding]) -> tuple[int, str, str]:
    state, finding = one
    return -state.rank, finding.device.site or "", finding.device.name


def _named(finding: Finding) -> str:
    name, site = finding.device.name, finding.device.site
    message = _short(finding.message.removeprefix(f"{name}: "), _LONGEST_MESSAGE)
    where = f" ({_short(site, _LONGEST_NAME)})" if site else ""
    return f"{_short(name, _LONGEST_NAME)}{where}: {message}"


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _clean(text: str) -> str:
    """Give a text that ends neither the line nor, with `|`, what people get to read."""
    return printable(text).replace("|", "/")


def _around(*limits: float) -> str:
    """Give limits of a size as ranges: what is outside of `-2:2` is too much."""
    return ";".join(f"-{_plain(limit)}:{_plain(limit)}" for limit in limits)


def _plain(number: float) -> str:
    """Give a number as performance data has it: digits, a point, no exponent."""
    text = f"{number:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _duration(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.0f} ms" if seconds >= _ROUGH_S else f"{seconds * 1000:.2g} ms"
