"""The change of one device, from its first reading to its last."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from attrs import evolve

from axis_ntp_async.device.records import NTPInfo, Outcome
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.errors import DeviceError
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.rollout.course import Course
from axis_ntp_async.rollout.plan import Step, StepState
from axis_ntp_async.rollout.rules.decision import (
    Decision,
    after_an_error,
    applied_state,
    decide,
    found_in,
)

_LEFT_IN_THE_MIDDLE = Decision(
    state=StepState.UNKNOWN, cause="interrupted", message="nobody saw what came of the write"
)


class Visit:
    """
    One device of a run.

    Args:
        course: The run.
        pool: How to reach devices.
        step: What is to be done.
    """

    def __init__(self, course: Course, pool: SessionPool, step: Step) -> None:
        self._course = course
        self._pool = pool
        self._step = step

    async def change(self) -> None:
        """Bring the step from wherever it stands to where the device says what it has."""
        if self._state is StepState.INTENT:
            await self._move(_LEFT_IN_THE_MIDDLE)
        if self._state in {StepState.PLANNED, StepState.UNKNOWN}:
            await self._read_and_write()
        if self._state is StepState.UNKNOWN:
            await self._settle()
        if self._state is StepState.ACKED:
            await self._read_back()

    @property
    def _state(self) -> StepState:
        return self._course.state(self._step)

    async def _move(self, decision: Decision) -> None:
        await self._course.move(self._step, decision)

    async def _read_and_write(self) -> None:
        """
        Read the device, decide, and write if that was decided.

        The pool may try again what comes before the write, never the write:
        what came of that is for a later reading to tell.
        """
        outcome = await self._pool.one(self._step.device, self._attempt)
        if outcome.value is not None:
            await self._move(outcome.value)
        elif outcome.error is not None and self._state is StepState.INTENT:
            await self._move(_LEFT_IN_THE_MIDDLE)
        elif outcome.error is not None and self._state is StepState.PLANNED:
            await self._move(after_an_error(outcome.error, intent=False))

    async def _attempt(self, session: DeviceSession) -> Decision | None:
        """Give what becomes of the step; `None` when it is taken down already."""
        info = await session.get_ntp_info()
        decision = decide(
            self._step, self._course.status(self._step), info, self._course.plan.rules
        )
        if decision.request is None:
            return decision
        await self._move(decision)
        try:
            await session.set_ntp_client_configuration(decision.request)
        except DeviceError as error:
            await self._move(await self._after_the_write(session, error))
            return None
        return Decision(state=StepState.ACKED)

    async def _after_the_write(self, session: DeviceSession, error: DeviceError) -> Decision:
        """Decide about a write that failed; what was refused may still be done in part."""
        decision = after_an_error(error, intent=True)
        if decision.state is not StepState.FAILED:
            return decision
        try:
            client = (await session.get_ntp_info()).client
        except DeviceError:
            return decision
        if client is None or not self._step.before.changes_from(client):
            return decision
        if not self._step.after.changes_from(client):
            return evolve(decision, state=StepState.UNKNOWN)
        return evolve(decision, found=found_in(client))

    async def _settle(self) -> None:
        """Read until the device tells what came of a write that it did not answer."""
        for wait_s in self._course.plan.rules.unknown_waits_s:
            await self._course.clock.sleep(wait_s, self._course.stopping)
            await self._read_and_write()
            if self._state is not StepState.UNKNOWN:
                return
            if self._course.stopping.is_set():
                return
        await self._move(
            Decision(
                state=StepState.INCONCLUSIVE,
                cause="unreachable",
                message="was written to and has not answered since",
            )
        )

    async def _read_back(self) -> None:
        """Read until the device says what was wanted."""
        decision = Decision(state=StepState.INCONCLUSIVE)
        for wait_s in self._course.plan.rules.read_back_waits_s:
            await self._course.clock.sleep(wait_s)
            outcome = await self._pool.one(self._step.device, DeviceSession.get_ntp_info)
            decision = read_back(self._step, outcome)
            if decision.state not in {StepState.MISMATCH, StepState.INCONCLUSIVE}:
                break
        await self._move(decision)


def read_back(step: Step, outcome: Outcome[NTPInfo]) -> Decision:
    """Decide about a device that took a change and was read again."""
    client = outcome.value.client if outcome.value else None
    if client is None:
        why = outcome.error.message if outcome.error else "reports no NTP client any more"
        return Decision(
            state=StepState.INCONCLUSIVE,
            cause="unreachable",
            message=f"took the change, then could not be read: {why}",
        )
    left = step.after.changes_from(client)
    if not left:
        return Decision(state=applied_state(step))
    members = ", ".join(change.member for change in left)
    return Decision(
        state=StepState.MISMATCH,
        cause="mismatch",
        message=f"took the change, but reports another {members}",
        found=found_in(client),
    )


async def read_each(
    pool: SessionPool, steps: Sequence[Step]
) -> AsyncGenerator[tuple[Step, Outcome[NTPInfo]], None]:
    """Read the devices of these steps, each with its step, in the order of the answers."""
    by_name = {step.device.name: step for step in steps}
    devices = [step.device for step in steps]
    async with aclosing(pool.each(devices, DeviceSession.get_ntp_info)) as outcomes:
        async for outcome in outcomes:
            yield by_name[outcome.device.name], outcome
