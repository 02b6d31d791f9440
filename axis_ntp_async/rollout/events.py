"""What a rollout tells while it runs: small records, one for everything that happens."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from attrs import field, frozen

from axis_ntp_async.rollout.plan import Step, StepState, StepStatus, Unplannable
from axis_ntp_async.rollout.rules.proof import Verdict
from axis_ntp_async.rollout.runs import RunStatus


@frozen(kw_only=True)
class Event:
    """
    Anything that happens in a run.

    Attributes:
        run: Its name.
        at: When, in UTC.
    """

    run: str
    at: dt.datetime


@frozen(kw_only=True)
class RunStarted(Event):
    """
    A run begins, or goes on.

    Attributes:
        devices: How many steps it has.
        waves: Their sizes.
        as_desired: How many devices needed nothing when the plan was made.
        unplannable: Devices for which there is no step, and why.
        is_resumed: Whether it goes on where it was left.
        rollback_of: The run that it undoes.
        states: Steps by state.
    """

    devices: int
    waves: tuple[int, ...]
    as_desired: int
    unplannable: tuple[Unplannable, ...]
    is_resumed: bool
    rollback_of: str | None
    states: Mapping[StepState, int] = field(hash=False)


@frozen(kw_only=True)
class WaveStarted(Event):
    """
    A wave begins.

    Attributes:
        wave: Its number, from 1 on.
        is_canary: Whether it is the first.
        devices: How many steps it has.
    """

    wave: int
    is_canary: bool
    devices: int


@frozen(kw_only=True)
class StepChanged(Event):
    """
    Something became of one device.

    Attributes:
        step: Its step.
        status: How it stands now.
    """

    step: Step
    status: StepStatus


@frozen(kw_only=True)
class Watching(Event):
    """
    The changes of a wave are made; now its clocks are watched, or it is left to itself.

    Attributes:
        wave: Its number.
        devices: How many are watched.
        seconds: How long that takes at most.
        is_soak: Whether they are proven, and only left to themselves.
    """

    wave: int
    devices: int
    seconds: float
    is_soak: bool


@frozen(kw_only=True)
class WaveJudged(Event):
    """
    A wave has come to its end.

    Attributes:
        wave: Its number.
        verdict: What is thought of it.
        states: Its steps by state.
    """

    wave: int
    verdict: Verdict
    states: Mapping[StepState, int] = field(hash=False)


@frozen(kw_only=True)
class Paused(Event):
    """
    A run has stopped, and waits for somebody to decide.

    Attributes:
        wave: In which wave.
        verdict: Failed or inconclusive; `None` when somebody stopped it.
        cause: The commonest cause, in one word.
        message: Why, in a sentence.
        devices: Names of some that it is about.
        count: How many it is about.
    """

    wave: int
    verdict: Verdict | None
    cause: str
    message: str
    devices: tuple[str, ...] = ()
    count: int = 0


@frozen(kw_only=True)
class Finished(Event):
    """
    The last event of every run.

    Attributes:
        status: Finished, or paused.
        states: Steps by state; they add up to all of them.
        elapsed_s: Seconds since the run was started or resumed.
    """

    status: RunStatus
    states: Mapping[StepState, int] = field(hash=False)
    elapsed_s: float
