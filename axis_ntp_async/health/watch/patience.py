"""What one more look means for a device that is known: grace after a change, and stale offsets."""

from __future__ import annotations

import datetime as dt
from typing import Final

from attrs import evolve

from axis_ntp_async.device.records import NTPClientStatus
from axis_ntp_async.health.finding import Cause, Finding, Problem, State
from axis_ntp_async.health.watch.rules import WatchRules
from axis_ntp_async.health.watch.standing import Standing

_SETTLING: Final = frozenset({Cause.NOT_SYNCED, Cause.OFFSET})
"""What a device may be for a while without anything being wrong with it."""

_MAXPOLL_UNKNOWN: Final = 10


def with_patience(
    finding: Finding,
    standing: Standing | None,
    changed_at: dt.datetime | None,
    rules: WatchRules,
) -> Finding:
    """
    Judge a finding by what is known of the device.

    Inside its grace a device that is not in sync is a warning, not critical.
    A device whose offset has not moved for longer than it can go without
    asking its server gets a problem of its own: `synced` stays true when
    the server is gone.

    Args:
        finding: Of one look, as it stands alone.
        standing: How the device stood before; `None` at first sight.
        changed_at: When its configuration was last changed, as far as we know.
        rules: How patient we are.
    """
    settles_until = _last_new(finding, standing, changed_at) + dt.timedelta(seconds=rules.grace_s)
    problems = list(finding.problems)
    if stale := _stale(finding, standing, rules):
        problems.append(stale)
        problems.sort(key=_place)
    if finding.at < settles_until:
        problems = [_eased(problem, settles_until) for problem in problems]
    return evolve(finding, problems=tuple(problems))


def _last_new(
    finding: Finding, standing: Standing | None, changed_at: dt.datetime | None
) -> dt.datetime:
    """
    Give when a device was changed or new last; one that has been ok is not new.

    Moments that are still to come were written while our own clock was wrong.
    """
    long_ago = finding.at - dt.timedelta(days=1)
    first_seen = standing.first_seen if standing else finding.at
    is_new = standing is None or not standing.was_ok
    moments = (first_seen if is_new else long_ago, changed_at or long_ago)
    return max(moment for moment in (*moments, long_ago) if moment <= finding.at)


def _place(problem: Problem) -> int:
    return list(Cause).index(problem.cause)


def _eased(problem: Problem, until: dt.datetime) -> Problem:
    if problem.cause not in _SETTLING or problem.state is not State.CRITICAL:
        return problem
    message = f"{problem.message}; it has until {until:%H:%M:%S} UTC to settle"
    return evolve(problem, state=State.WARNING, message=message)


def _stale(finding: Finding, standing: Standing | None, rules: WatchRules) -> Problem | None:
    client = finding.info.client if finding.info else None
    if standing is None or client is None or client.enabled is False or not client.offset_ms:
        return None
    if client.offset_ms != standing.offset_ms:
        return None
    still_s = (finding.at - standing.offset_since).total_seconds()
    if still_s < max(rules.stale_least_s, rules.stale_polls * _longest_poll_s(client)):
        return None
    return Problem(
        cause=Cause.STALE,
        state=State.WARNING,
        message=f"says synced, but its offset has not moved for {still_s / 60:.0f} min",
        hint="Its server may not answer any more: check the server, and UDP 123 to it.",
    )


def _longest_poll_s(client: NTPClientStatus) -> float:
    return float(1 << (_MAXPOLL_UNKNOWN if client.maxpoll is None else client.maxpoll))
