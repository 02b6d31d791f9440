"""One wave: its devices are changed, those of its sample watched, and the whole is judged."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Iterable
from contextlib import aclosing
from typing import Final

from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.rollout.course import Course
from axis_ntp_async.rollout.events import WaveJudged, WaveStarted
from axis_ntp_async.rollout.plan import Step, StepState, Wave
from axis_ntp_async.rollout.proving import Proving
from axis_ntp_async.rollout.rules.budget import Stop
from axis_ntp_async.rollout.rules.pacing import Pacer
from axis_ntp_async.rollout.rules.proof import Verdict
from axis_ntp_async.rollout.visit import Visit, read_back, read_each

_TO_CHANGE: Final = frozenset(
    {StepState.PLANNED, StepState.INTENT, StepState.UNKNOWN, StepState.ACKED}
)


class WaveCourse:
    """
    One wave of a run.

    Args:
        course: The run.
        pool: How to reach devices.
        wave: The wave.
        pacer: Who gives devices their turns, over all waves.
    """

    def __init__(self, course: Course, pool: SessionPool, wave: Wave, pacer: Pacer) -> None:
        self._course = course
        self._pool = pool
        self._wave = wave
        self._pacer = pacer

    async def carry_out(self) -> Stop | None:
        """Carry it out; give why the run must stop, if it must."""
        course, number = self._course, self._wave.number
        await course.journal.wave_began(course.name, number, _now())
        course.tell(
            WaveStarted(
                run=course.name,
                at=_now(),
                wave=number,
                is_canary=self._wave.is_canary,
                devices=len(self._wave.steps),
            )
        )
        course.look_back(self._wave)
        await self._change_all()
        if course.goes_on:
            await self._look_at_the_late()
            await Proving(course, self._pool, self._wave).carry_out()
        if course.stopping.is_set():
            return course.crossed
        stop = course.crossed or course.ledger.stop(number, over=True)
        await self._judge(stop)
        return stop

    async def _judge(self, stop: Stop | None) -> None:
        course, at = self._course, _now()
        verdict = stop.verdict if stop else Verdict.HEALTHY
        await course.journal.wave_ended(course.name, self._wave.number, verdict, at)
        states = Counter(map(course.state, self._wave.steps))
        course.tell(
            WaveJudged(
                run=course.name, at=at, wave=self._wave.number, verdict=verdict, states=states
            )
        )

    def _in(self, states: Iterable[StepState]) -> list[Step]:
        wanted = set(states)
        return [step for step in self._wave.steps if self._course.state(step) in wanted]

    async def _change_all(self) -> None:
        """Begin one device after the other, as pace and bounds allow; wait for all that began."""
        under_way: set[asyncio.Task[None]] = set()
        try:
            for step in sorted(self._in(_TO_CHANGE), key=self._is_untouched):
                await self._wait_for_room(under_way)
                begins_at = self._pacer.turn(step, self._course.clock.now())
                left_s = begins_at - self._course.clock.now()
                await self._course.clock.sleep(left_s, self._course.stopping)
                if not self._may_begin(step, len(under_way)):
                    break
                visit = Visit(self._course, self._pool, step)
                under_way.add(asyncio.create_task(visit.change()))
            while under_way:
                await _first_of(under_way)
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    def _is_untouched(self, step: Step) -> bool:
        return self._course.state(step) is StepState.PLANNED

    def _may_begin(self, step: Step, under_way: int) -> bool:
        """Whoever was begun before the run was left is brought to an end, whatever was crossed."""
        if self._is_untouched(step):
            return self._course.goes_on and self._room(under_way) > 0
        return not self._course.stopping.is_set()

    async def _wait_for_room(self, under_way: set[asyncio.Task[None]]) -> None:
        await self._course.be_heard()
        _reap({task for task in under_way if task.done()}, under_way)
        while under_way and self._course.goes_on and self._room(len(under_way)) <= 0:
            await _first_of(under_way)

    def _room(self, under_way: int) -> int:
        course = self._course
        if not self._wave.is_canary or course.plan.rules.staging.one_wave:
            return course.plan.rules.pace.at_once - under_way
        # Whoever has not answered since it was written to may have failed as well.
        undecided = course.ledger.wave(self._wave.number).undecided
        return course.ledger.room_in_canary(under_way + undecided)

    async def _look_at_the_late(self) -> None:
        """Look once more at devices that took a change and did not show it in time."""
        late = self._in({StepState.MISMATCH})
        async with aclosing(read_each(self._pool, late)) as outcomes:
            async for step, outcome in outcomes:
                decision = read_back(step, outcome)
                if decision.state in {StepState.APPLIED, StepState.PROVING}:
                    await self._course.move(step, decision)


async def _first_of(under_way: set[asyncio.Task[None]]) -> None:
    """Wait until at least one has ended; whatever it raised is a bug, or the journal's end."""
    done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
    _reap(done, under_way)


def _reap(done: set[asyncio.Task[None]], under_way: set[asyncio.Task[None]]) -> None:
    for task in done:
        under_way.discard(task)
        task.result()


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
