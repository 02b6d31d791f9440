"""The sample of a wave is watched until its clocks follow, left to itself, and looked at again."""

from __future__ import annotations

import datetime as dt
from contextlib import aclosing
from typing import Final

from axis_ntp_async.device.records import NTPInfo, Outcome
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.rollout.course import Course
from axis_ntp_async.rollout.events import Watching
from axis_ntp_async.rollout.plan import Step, StepState, Wave
from axis_ntp_async.rollout.rules.decision import Decision
from axis_ntp_async.rollout.rules.proof import Proven, Verdict, Watch, deadline_s
from axis_ntp_async.rollout.visit import read_each

_STATE_OF: Final = {
    Verdict.HEALTHY: StepState.HEALTHY,
    Verdict.FAILED: StepState.UNHEALTHY,
    Verdict.INCONCLUSIVE: StepState.INCONCLUSIVE,
}

_JUST_CHANGED: Final = dt.timedelta(minutes=5)
"""A device that was changed before that, as in a run that is resumed, polls seldom by now."""

_LAST_LOOKS: Final = 3
"""After the soak a device has so many looks to be as good as before."""


class Proving:
    """
    The devices of a wave whose clocks are watched.

    Args:
        course: The run.
        pool: How to reach devices.
        wave: The wave.
    """

    def __init__(self, course: Course, pool: SessionPool, wave: Wave) -> None:
        self._course = course
        self._pool = pool
        self._wave = wave
        self._rules = course.plan.rules.proof
        self._steps = {
            step.device.name: step
            for step in wave.steps
            if course.state(step) is StepState.PROVING
        }
        now = course.clock.now()
        self._watches = {
            name: Watch(now + self._deadline_s(step), self._rules.thresholds)
            for name, step in self._steps.items()
        }

    async def carry_out(self) -> None:
        """Bring every device that is watched to a verdict, unless the run stops before."""
        if not self._steps:
            return
        course, now = self._course, self._course.clock.now()
        longest_s = max(watch.ends_at for watch in self._watches.values()) - now
        self._tell(len(self._watches), longest_s, is_soak=False)
        proven = await self._look_until_decided(self._steps)
        soak_s = self._rules.soak_of(canary=self._wave.is_canary)
        if proven and soak_s > 0 and course.goes_on:
            self._tell(len(proven), soak_s, is_soak=True)
            await course.clock.sleep(soak_s, course.stopping)
            self._let_end_in(_LAST_LOOKS * self._rules.look_every_s)
            proven = await self._look_until_decided(proven)
        if course.goes_on:
            for step in proven.values():
                await course.move(step, Decision(state=StepState.HEALTHY))

    def _deadline_s(self, step: Step) -> float:
        since = self._course.status(step).at
        is_steady = since is not None and dt.datetime.now(dt.UTC) - since > _JUST_CHANGED
        return deadline_s(step, self._rules, is_steady=is_steady)

    def _let_end_in(self, seconds: float) -> None:
        for watch in self._watches.values():
            watch.ends_at = self._course.clock.now() + seconds

    async def _look_until_decided(self, steps: dict[str, Step]) -> dict[str, Step]:
        """Look at devices again and again; give those that are well."""
        left, proven = dict(steps), dict[str, Step]()
        while left and self._course.goes_on:
            async with aclosing(read_each(self._pool, list(left.values()))) as outcomes:
                async for step, outcome in outcomes:
                    verdict = self._judge(step, outcome)
                    if verdict is None:
                        continue
                    del left[step.device.name]
                    if verdict.verdict is Verdict.HEALTHY:
                        proven[step.device.name] = step
                    else:
                        await self._end(step, verdict)
            if left and self._course.goes_on:
                await self._course.clock.sleep(self._rules.look_every_s, self._course.stopping)
        return proven

    async def _end(self, step: Step, proven: Proven) -> None:
        await self._course.move(
            step,
            Decision(state=_STATE_OF[proven.verdict], cause=proven.cause, message=proven.message),
        )

    def _judge(self, step: Step, outcome: Outcome[NTPInfo]) -> Proven | None:
        watch, now = self._watches[step.device.name], self._course.clock.now()
        info = outcome.value
        if info is None or info.client is None:
            why = outcome.error.message if outcome.error else "reports no NTP client any more"
            is_late = now >= watch.ends_at
            return Proven(Verdict.INCONCLUSIVE, "unreachable", why) if is_late else None
        if changed := step.after.changes_from(info.client):
            members = ", ".join(change.member for change in changed)
            return Proven(
                Verdict.FAILED, "drift", f"applied, but somebody changed {members} since"
            )
        return watch.look(now, info)

    def _tell(self, devices: int, seconds: float, *, is_soak: bool) -> None:
        self._course.tell(
            Watching(
                run=self._course.name,
                at=dt.datetime.now(dt.UTC),
                wave=self._wave.number,
                devices=devices,
                seconds=seconds,
                is_soak=is_soak,
            )
        )
