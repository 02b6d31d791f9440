"""`Course`: how a run stands. Every change of a step goes through `Course.move`."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Mapping
from typing import Final

from axis_ntp_async.errors import RolloutError
from axis_ntp_async.fleet.clock import Clock
from axis_ntp_async.rollout.events import Event, StepChanged
from axis_ntp_async.rollout.journal.journal import Journal
from axis_ntp_async.rollout.plan import (
    NEXT,
    Plan,
    Step,
    StepState,
    StepStatus,
    Wave,
    totals_of,
)
from axis_ntp_async.rollout.rules.budget import Ledger, Stop
from axis_ntp_async.rollout.rules.decision import Decision
from axis_ntp_async.rollout.rules.proof import Verdict
from axis_ntp_async.rollout.runs import Run

_EVENTS_AHEAD: Final = 1000


class Course:
    """
    How a run stands, in memory and in its journal.

    Args:
        run: As the journal has it.
        journal: Where every change is taken down before anybody hears of it.
        clock: What it waits by.
        seen: How steps stood when somebody looked at a paused run and resumed it.

    Attributes:
        name: Of the run.
        plan: What it does.
        crossed: The bound that was crossed first, once one was.
        stopping: Set when nothing more is to be begun.
        events: What has happened, in order.
    """

    def __init__(
        self,
        run: Run,
        journal: Journal,
        clock: Clock,
        seen: Mapping[str, StepStatus] | None = None,
    ) -> None:
        self.name = run.name
        self.plan: Plan = run.plan
        self.journal = journal
        self.clock = clock
        self.crossed: Stop | None = None
        self.stopping = asyncio.Event()
        self.events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._taken = asyncio.Event()
        self.ledger = Ledger(
            self.plan.rules.budget, needs_a_change=_needs_a_change(run, is_seen=seen is not None)
        )
        self._statuses = dict(run.statuses)
        self._seen = seen or {}
        # A wave that failed is judged again, unless the run was paused for it and resumed.
        self._judged = {
            number
            for number, wave in run.waves.items()
            if wave.verdict is Verdict.HEALTHY or (wave.verdict and seen is not None)
        }
        for step in self.plan.steps:
            if step.device.name not in run.accepted:
                self.ledger.move(step, self.status(step))

    def status(self, step: Step) -> StepStatus:
        """Give how a step stands."""
        return self._statuses[step.device.name]

    def state(self, step: Step) -> StepState:
        """Give how far a step is."""
        return self._statuses[step.device.name].state

    def is_over(self, wave: Wave) -> bool:
        """Tell whether nothing is left to be done, or looked at, in a wave that was judged."""
        states = map(self.state, wave.steps)
        return wave.number in self._judged and all(
            state.is_over and state is not StepState.MISMATCH for state in states
        )

    @property
    def states(self) -> Counter[StepState]:
        """All steps by state."""
        return totals_of(self._statuses.values())

    async def move(self, step: Step, decision: Decision) -> None:
        """
        Let a step become what was decided; it is on the disk when this is done.

        A bound that it crosses ends the beginning of others.

        Raises:
            JournalError: It could not be taken down, so nothing must follow from it.
        """
        before = self.status(step)
        if decision.state not in NEXT.get(before.state, frozenset()):
            raise RuntimeError(
                f"{step.device.name}: {before.state} cannot become {decision.state}"
            )
        status = StepStatus(
            state=decision.state,
            cause=decision.cause,
            message=decision.message,
            writes=before.writes + (decision.state is StepState.INTENT),
            found=decision.found,
            at=dt.datetime.now(dt.UTC),
        )
        self._statuses[step.device.name] = status
        self._count(step, status)
        await self.journal.note(self.name, step, status)
        self.tell(StepChanged(run=self.name, at=_now(), step=step, status=status))

    def look_back(self, wave: Wave) -> None:
        """Before a wave begins: see the bound that was crossed when the run was killed."""
        self.crossed = self.ledger.stop(wave.number, over=False, everywhere=True)

    def _count(self, step: Step, status: StepStatus) -> None:
        """
        Take a step into the tallies, unless it came to the end that somebody has seen before.

        Devices of a resumed run that fail as they did would pause it for ever.
        """
        seen = self._seen.get(step.device.name)
        if seen is not None and _gist(seen) == _gist(status):
            return
        self.ledger.move(step, status)
        if status.state.is_over and self.crossed is None:
            self.crossed = self.ledger.stop(step.wave, over=False)

    def tell(self, event: Event) -> None:
        """Say what has happened."""
        self.events.put_nowait(event)

    async def next_event(self) -> Event | None:
        """Give what happened next; `None` is the end."""
        event = await self.events.get()
        self._taken.set()
        return event

    async def be_heard(self) -> None:
        """Wait while whoever listens is far behind: memory stays flat."""
        while self.events.qsize() >= _EVENTS_AHEAD:
            self._taken.clear()
            await self._taken.wait()

    @property
    def goes_on(self) -> bool:
        """Whether more may be begun."""
        return self.crossed is None and not self.stopping.is_set()

    def check_sums(self) -> Mapping[StepState, int]:
        """
        Give all steps by state, once nothing is open any more.

        Raises:
            RolloutError: A step is missing, or has not ended: a bug of ours.
        """
        states = self.states
        still_open = [state for state in states if not state.is_over]
        if still_open or states.total() != len(self.plan.steps):
            raise RolloutError(f"run {self.name!r}: a bug of this program: {dict(states)}")
        return states


def _needs_a_change(run: Run, *, is_seen: bool) -> bool:
    """
    Tell whether the canary must have changed a device before others follow.

    Devices that were as desired already tell nothing of a change: they may
    have what is wrong with it. A rollback only restores, and whoever has seen
    that the canary proved nothing, and resumed, wants to go on.
    """
    has_verdict = 1 in run.waves and run.waves[1].verdict is not None
    return (
        len(run.plan.waves) > 1 and run.plan.rollback_of is None and not (is_seen and has_verdict)
    )


def _gist(status: StepStatus) -> tuple[StepState, str, int]:
    return status.state, status.cause, status.writes


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
