"""
Whether a device's clock follows its servers *since* a change. Pure: readings are handed in.

`synced` alone proves nothing: it means "since the last restart" and stays
true when a device is pointed at a dead server. A device has followed its
servers after the change when

- it was not synced for a moment and is now; or
- a poll boundary has passed (`time_to_next_sync_s` counts down, then is larger
  again) *and* its offset has moved with it: a dead server lets it ask, too, but
  gives it nothing to measure. An offset that moves between polls as well is no
  measurement, and shows nothing; nor does one that always is 0. Devices that
  never count down show no boundary; of those the offset alone must do.

Its clock is right when besides its offset, and its skew against our own
clock, are within the thresholds. A device that followed its servers with no
offset left, and yet differs from our clock, follows a wrong server.
"""

from __future__ import annotations

import enum
from typing import Final

from attrs import define, field, frozen

from axis_ntp_async.device.records import ClockReading, NTPClientStatus, NTPInfo
from axis_ntp_async.health.finding import Thresholds, servers_in_use
from axis_ntp_async.rollout.plan import Step
from axis_ntp_async.rollout.planning.forecast import runs_openntpd
from axis_ntp_async.rollout.rules.settings import ProofRules

_BOUNDARY_S: Final = 2.0
"""A countdown is in whole seconds, and an answer takes its time."""

_OPENNTPD_POLL_S: Final = 1500.0
_USUAL_MAXPOLL: Final = 10
"""How seldom a steady device polls. Source: AXIS OS knowledge base; NTP API, text on maxpoll."""

_LONGEST_MAXPOLL: Final = 12
"""Nobody waits longer than 68 min for a poll."""

_POLLS: Final = 1.1

_NO_MEASUREMENT: Final = 2
"""An offset that moved so often without a poll is not what was measured at the last one."""

_ASKED_IN_VAIN: Final = 3
"""After so many polls an offset that never moved is no coincidence."""


class Verdict(enum.Enum):
    """What is thought of a device, or a wave, after a change."""

    HEALTHY = "healthy"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


@frozen
class Proven:
    """
    A verdict and its reason.

    Attributes:
        verdict: Healthy, failed, or not enough evidence.
        cause: In one word; empty when healthy.
        message: In a sentence.
    """

    verdict: Verdict
    cause: str = ""
    message: str = ""


def deadline_s(step: Step, rules: ProofRules, *, is_steady: bool = False) -> float:
    """
    Give the seconds within which the clock of a device must follow.

    Args:
        step: What was done with it.
        rules: How patient we are with a device that has just been changed.
        is_steady: Whether that is long ago, so that it polls as seldom as it may by now.
    """
    is_old = runs_openntpd(step.device, step.api_version)
    usual_s = rules.deadline_old_s if is_old else rules.deadline_s
    if not is_steady:
        return usual_s
    maxpoll = _USUAL_MAXPOLL if step.after.maxpoll is None else step.after.maxpoll
    poll_s = _OPENNTPD_POLL_S if is_old else 2.0 ** min(maxpoll, _LONGEST_MAXPOLL)
    return max(usual_s, _POLLS * poll_s)


@define
class Watch:
    """
    One device between its change and the verdict on its clock.

    Times are in seconds on any clock that does not jump.

    Attributes:
        ends_at: When the verdict is due.
        thresholds: From where on an offset or a skew is too large.
        polls: How many poll boundaries passed.
        has_followed: Whether it has followed its servers since the change.
    """

    ends_at: float
    thresholds: Thresholds
    polls: int = field(default=0, init=False)
    has_followed: bool = field(default=False, init=False)
    _last: NTPClientStatus | None = field(default=None, init=False)
    _last_at: float = field(default=0.0, init=False)
    _was_unsynced: bool = field(default=False, init=False)
    _counts_down: bool = field(default=False, init=False)
    _has_just_polled: bool = field(default=False, init=False)
    _moves_between_polls: int = field(default=0, init=False)

    def look(self, at: float, info: NTPInfo) -> Proven | None:
        """Take in a reading; give the verdict, or `None` while it is too early."""
        client = info.client or NTPClientStatus()
        self._take_in(at, client)
        faults = _faults_of_clock(client, info.clock, self.thresholds)
        if client.synced and self.has_followed:
            if not faults:
                return Proven(Verdict.HEALTHY)
            if [cause for cause, _ in faults] == ["skew"]:
                return Proven(Verdict.FAILED, *faults[0])
        return self._at_the_end(client, faults) if at >= self.ends_at else None

    def _take_in(self, at: float, client: NTPClientStatus) -> None:
        has_polled = self._passed_a_boundary(at, client)
        moved = self._last is not None and client.time_offset_ms != self._last.time_offset_ms
        self.polls += has_polled
        self._was_unsynced |= client.synced is False
        self._counts_down |= bool(client.time_to_next_sync_s)
        # An answer takes its time: the offset may follow its poll by one look.
        with_a_poll = has_polled or self._has_just_polled
        self._moves_between_polls += moved and self._counts_down and not with_a_poll
        is_measured = moved and (with_a_poll or not self._counts_down)
        if client.synced and (
            self._was_unsynced or (is_measured and self._moves_between_polls < _NO_MEASUREMENT)
        ):
            self.has_followed = True
        self._has_just_polled = has_polled
        self._last, self._last_at = client, at

    def _passed_a_boundary(self, at: float, client: NTPClientStatus) -> bool:
        before = self._last.time_to_next_sync_s if self._last else None
        now = client.time_to_next_sync_s
        if before is None or now is None:
            return False
        passed_s = at - self._last_at
        has_run_out = 0 < before < passed_s
        return has_run_out or now > max(0.0, before - passed_s) + _BOUNDARY_S

    def _at_the_end(self, client: NTPClientStatus, faults: list[tuple[str, str]]) -> Proven:
        servers = ", ".join(servers_in_use(client) or ()) or "its servers"
        if client.synced is None:
            return Proven(
                Verdict.INCONCLUSIVE, "no_evidence", "does not report whether it is synced"
            )
        if not client.synced:
            return Proven(Verdict.FAILED, "not_synced", f"is not synced with {servers}")
        if self.has_followed:
            return Proven(Verdict.FAILED, *faults[0])
        if self.polls >= _ASKED_IN_VAIN and client.time_offset_ms:
            return Proven(
                Verdict.FAILED,
                "not_synced",
                f"asked {servers} {self.polls} times since the change, and its offset "
                "never moved: they do not answer",
            )
        return Proven(
            Verdict.INCONCLUSIVE,
            "no_evidence",
            "calls itself synced, but nothing shows that it was since the change",
        )


def _faults_of_clock(
    client: NTPClientStatus, clock: ClockReading | None, thresholds: Thresholds
) -> list[tuple[str, str]]:
    """Give what is wrong with the clock of a device that follows its servers."""
    faults = []
    offset_ms = client.offset_ms
    if offset_ms is not None and abs(offset_ms) >= thresholds.offset_warning_ms:
        faults.append(("offset", f"its clock is {offset_ms:+.4g} ms off its server's"))
    if clock is not None:
        certain_s = abs(clock.skew_s) - clock.uncertainty_s
        if certain_s >= thresholds.skew_warning_s:
            servers = ", ".join(servers_in_use(client) or ()) or "its servers"
            faults.append(
                ("skew", f"follows {servers}, and is {clock.skew_s:+.1f} s against our clock")
            )
    return faults
