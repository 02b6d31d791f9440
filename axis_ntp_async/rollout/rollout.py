"""
`Rollout`: carries out a plan, wave by wave, and tells what happens.

Intent before effect, reading after effect: a write leaves only when the
journal has it, and a change counts only when the device, read again, says so.
So a run may be killed at any moment, and resumed from its journal.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Final, Self

from attrs import evolve

from axis_ntp_async.errors import RolloutError, StalePlanError
from axis_ntp_async.fleet.clock import Clock
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.rollout.course import Course
from axis_ntp_async.rollout.events import (
    Event,
    Finished,
    Paused,
    RunStarted,
)
from axis_ntp_async.rollout.journal.journal import Journal
from axis_ntp_async.rollout.plan import Plan, Result, StepState, StepStatus, Wave
from axis_ntp_async.rollout.rules.budget import Stop
from axis_ntp_async.rollout.rules.pacing import Pacer
from axis_ntp_async.rollout.runs import Run, RunStatus
from axis_ntp_async.rollout.wave import WaveCourse

PLAN_AGE_MAX: Final = dt.timedelta(hours=24)
"""An older plan is not carried out: too much may have changed since."""


class Rollout:
    """
    One run: a plan that is being carried out.

    Make it with `begin` or `resume`, iterate over `run()`, and close nothing:
    pool and journal stay yours.

    Attributes:
        name: Of the run, in the journal.
    """

    def __init__(self, pool: SessionPool, course: Course, *, is_resumed: bool) -> None:
        self._pool = pool
        self._course = course
        self._is_resumed = is_resumed

    @property
    def name(self) -> str:
        """Name of the run, in the journal."""
        return self._course.name

    @classmethod
    def begin(
        cls,
        pool: SessionPool,
        journal: Journal,
        plan: Plan,
        *,
        name: str | None = None,
        by: str = "",
        clock: Clock | None = None,
    ) -> Self:
        """
        Take a plan down in a journal; nothing is sent before `run`.

        Args:
            pool: How to reach devices; one with `keep_alive` saves handshakes.
            journal: An open one.
            plan: What is to be done.
            name: Of the run; by default made of the time.
            by: Who begins it.
            clock: What it waits by.

        Raises:
            StalePlanError: The plan is more than a day old.
            JournalError: It cannot be written.
        """
        check_idle(journal)
        check_age(plan)
        run = journal.begin(name or new_name(), plan, by)
        return cls(pool, Course(run, journal, clock or Clock()), is_resumed=False)

    @classmethod
    def resume(
        cls, pool: SessionPool, journal: Journal, name: str, *, clock: Clock | None = None
    ) -> Self:
        """
        Go on with a run that was paused, interrupted or killed.

        What was left in the middle is read before anything is sent. After a
        pause, what failed so far is borne, and devices to which nothing was
        sent are tried again.

        Raises:
            RolloutError: There is no such run, or it is over.
            JournalError: It cannot be read or written.
        """
        check_idle(journal)
        run, seen = journal.reader.load(name), None
        check_resumable(run)
        if run.summary.status is RunStatus.PAUSED:
            seen = run.statuses
            journal.reopen(run)
            run = journal.reader.load(name)
        return cls(pool, Course(run, journal, clock or Clock(), seen), is_resumed=True)

    @classmethod
    def undo(
        cls,
        pool: SessionPool,
        journal: Journal,
        plan: Plan,
        *,
        by: str = "",
        clock: Clock | None = None,
    ) -> Self:
        """
        Begin a run that rolls another back; that one is aborted if it is not over.

        Args:
            pool: How to reach devices.
            journal: That of the run to be undone.
            plan: From `plan_of_rollback`.
            by: Who begins it.
            clock: What it waits by.

        Raises:
            RolloutError: Nothing was ever written in that run, or it is being undone already.
            StalePlanError: The plan is more than a day old.
            JournalError: It cannot be read or written.
        """
        check_idle(journal)
        undone = journal.reader.load(plan.rollback_of or "")
        check_undoable(undone, plan)
        check_age(plan)
        if not undone.summary.status.is_over:
            abort(journal, undone.name)
        return cls.begin(pool, journal, plan, by=by, clock=clock)

    def stop(self) -> None:
        """Begin nothing more; what is under way ends as it would, and the run is paused."""
        self._course.stopping.set()

    async def run(self) -> AsyncGenerator[Event, None]:
        """
        Carry out the plan, and give everything that happens; the last event is `Finished`.

        Leave the stream early through `contextlib.aclosing`: what is under way
        is cancelled then, and decided by reading when the run is resumed.

        Raises:
            RolloutError: Another run, or this one, is under way in the journal.
            JournalError: The journal cannot be written, so nothing more is sent.
        """
        journal = self._course.journal
        check_idle(journal)
        journal.running = self.name
        work = asyncio.create_task(self._carry_out())
        work.add_done_callback(lambda _: self._course.events.put_nowait(None))
        try:
            while (event := await self._course.next_event()) is not None:
                yield event
            await work
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            journal.running = None

    async def _carry_out(self) -> None:
        course, began = self._course, asyncio.get_running_loop().time()
        self._tell(
            RunStarted,
            devices=len(course.plan.steps),
            waves=tuple(len(wave.steps) for wave in course.plan.waves),
            as_desired=len(course.plan.as_desired),
            unplannable=course.plan.unplannable,
            is_resumed=self._is_resumed,
            rollback_of=course.plan.rollback_of,
            states=course.states,
        )
        paused = await self._waves()
        if paused is None:
            states, status = course.check_sums(), RunStatus.FINISHED
            # First: killed in between, this run is resumed, and closes both.
            if course.plan.rollback_of is not None and _is_restored(states):
                course.journal.close_run(course.plan.rollback_of, RunStatus.ROLLED_BACK)
            course.journal.close_run(course.name, status)
        else:
            states, status = course.states, RunStatus.PAUSED
            course.journal.close_run(course.name, status, paused.cause, paused.message)
            course.tell(paused)
        elapsed_s = asyncio.get_running_loop().time() - began
        self._tell(Finished, status=status, states=states, elapsed_s=elapsed_s)

    async def _waves(self) -> Paused | None:
        """Carry out one wave after the other; give why it stopped, if it did."""
        course, pacer = self._course, Pacer(self._course.plan.rules.pace)
        for wave in course.plan.waves:
            if course.is_over(wave):
                continue
            stop = await WaveCourse(course, self._pool, wave, pacer).carry_out()
            if stop is not None or course.stopping.is_set():
                return self._paused(wave, stop)
        return None

    def _paused(self, wave: Wave, stop: Stop | None) -> Paused:
        event = Paused(
            run=self.name,
            at=_now(),
            wave=wave.number,
            verdict=None,
            cause="stopped",
            message="somebody stopped it",
        )
        if stop is None:
            return event
        return evolve(
            event,
            verdict=stop.verdict,
            cause=stop.cause,
            message=stop.message,
            devices=stop.devices,
            count=stop.count,
        )

    def _tell(self, kind: Callable[..., Event], **members: object) -> None:
        self._course.tell(kind(run=self.name, at=_now(), **members))


def check_idle(journal: Journal) -> None:
    """
    See that nothing is under way in a journal of this process.

    Raises:
        RolloutError: A run is; there is one at a time.
    """
    if journal.running is not None:
        raise RolloutError(f"run {journal.running!r} is under way: there is one run at a time")


def _is_restored(states: Mapping[StepState, int]) -> bool:
    """Whether nothing is left that a rollback would have to restore."""
    return all(state.result in {Result.CHANGED, Result.UNCHANGED} for state in states)


def check_age(plan: Plan) -> None:
    """
    See that a plan is young enough to be carried out.

    Raises:
        StalePlanError: It is more than a day old.
    """
    if dt.datetime.now(dt.UTC) - plan.made_at > PLAN_AGE_MAX:
        raise StalePlanError(
            f"the plan was made at {plan.made_at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC, more "
            f"than {PLAN_AGE_MAX.total_seconds() / 3600:g} h ago: make it anew"
        )


def check_resumable(run: Run) -> None:
    """
    See that a run can go on.

    Raises:
        RolloutError: It is over.
    """
    if run.summary.status.is_over:
        raise RolloutError(f"run {run.name!r} is {run.summary.status.value}: nothing to resume")


def check_undoable(run: Run, plan: Plan) -> None:
    """
    See that a run can be undone by a plan.

    Raises:
        RolloutError: Nothing was ever written in it, or it is being undone already.
    """
    if not plan.steps:
        raise RolloutError(f"run {run.name!r} has written to no device: nothing to undo")
    if run.summary.status is RunStatus.ROLLED_BACK:
        raise RolloutError(f"run {run.name!r} is rolled back already")
    if run.is_being_undone:
        raise RolloutError(
            f"run {run.name!r} is being undone by {run.undone_by[-1]!r}: resume or abort that one"
        )


def new_name() -> str:
    """Give a name for a run: the time, and four letters in case there are two."""
    return f"{dt.datetime.now():%Y%m%d-%H%M}-{secrets.token_hex(2)}"  # noqa: DTZ005  people's own time


def abort(journal: Journal, name: str) -> Run:
    """
    End a run for good: nothing is sent, and what was open stays as it is.

    Devices that were written to without anybody knowing what came of it are
    `inconclusive`, the others `aborted`.

    Raises:
        RolloutError: There is no such run, or it is over.
    """
    check_idle(journal)
    run = journal.reader.load(name)
    if run.summary.status.is_over:
        raise RolloutError(f"run {name!r} is {run.summary.status.value}: nothing to abort")
    now = _now()
    changes = {
        device: StepStatus(
            state=StepState.INCONCLUSIVE if status.writes else StepState.ABORTED,
            cause="aborted",
            message="the run was aborted before its end",
            writes=status.writes,
            at=now,
        )
        for device, status in run.statuses.items()
        if not status.state.is_over
    }
    journal.abandon(run, changes.items())
    return journal.reader.load(name)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
