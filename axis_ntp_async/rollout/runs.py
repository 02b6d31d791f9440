"""The nouns of a journal: a run, how it stands, and what became of its devices. Pure."""

from __future__ import annotations

import datetime as dt
import enum
from collections import Counter
from collections.abc import Mapping

from attrs import field, frozen

from axis_ntp_async.rollout.plan import Plan, StepState, StepStatus
from axis_ntp_async.rollout.rules.proof import Verdict


class RunStatus(enum.Enum):
    """How a run stands."""

    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    ABORTED = "aborted"
    ROLLED_BACK = "rolled back"

    @property
    def is_over(self) -> bool:
        """Whether it can neither be resumed nor aborted any more."""
        return self not in {RunStatus.RUNNING, RunStatus.PAUSED}


@frozen(kw_only=True)
class RunSummary:
    """
    One run of a journal, in short.

    Attributes:
        name: Its name.
        status: How it stands; a run whose process was killed is still `running`.
        begun_at, ended_at: When, in UTC.
        begun_by: Who began it.
        cause, message: Why it was paused.
        rollback_of: The run that it undoes.
        states: Its steps by state; they add up to all of them.
    """

    name: str
    status: RunStatus
    begun_at: dt.datetime
    begun_by: str
    ended_at: dt.datetime | None = None
    cause: str = ""
    message: str = ""
    rollback_of: str | None = None
    states: Counter[StepState] = field(factory=Counter)

    @property
    def devices(self) -> int:
        """How many steps it has."""
        return self.states.total()


@frozen(kw_only=True)
class WaveTimes:
    """When a wave began and ended, in UTC, and what was thought of it."""

    began_at: dt.datetime
    ended_at: dt.datetime | None = None
    verdict: Verdict | None = None


@frozen(kw_only=True)
class Run:
    """
    One run of a journal, whole.

    Attributes:
        summary: The run in short.
        plan: What it does.
        statuses: How each step stands, by the name of the device.
        waves: What is known of the waves that began, by number.
        accepted: Devices that failed, or were left alone, before somebody resumed the run.
        undone_by: The runs that undo it, but for those that were aborted.
        is_being_undone: Whether one of them is not over.
    """

    summary: RunSummary
    plan: Plan
    statuses: Mapping[str, StepStatus]
    waves: Mapping[int, WaveTimes]
    accepted: frozenset[str] = frozenset()
    undone_by: tuple[str, ...] = ()
    is_being_undone: bool = False

    @property
    def name(self) -> str:
        """Its name."""
        return self.summary.name


@frozen(kw_only=True)
class TrailLine:
    """One thing that became of one device."""

    device: str
    status: StepStatus
