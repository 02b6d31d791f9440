"""What a journal says of a run, and what a run says of itself."""

import datetime as dt
from collections import Counter
from collections.abc import Callable

import pytest

from axis_ntp_async.rollout.events import Finished, Paused, WaveJudged
from axis_ntp_async.rollout.plan import Plan, StepState
from axis_ntp_async.rollout.rules.proof import Verdict
from axis_ntp_async.rollout.runs import Run, RunStatus, RunSummary

AT = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("status", "is_over"),
    [
        (RunStatus.RUNNING, False),
        (RunStatus.PAUSED, False),
        (RunStatus.FINISHED, True),
        (RunStatus.ABORTED, True),
        (RunStatus.ROLLED_BACK, True),
    ],
)
def test_which_runs_can_go_on(status: RunStatus, is_over: bool) -> None:
    """One that runs, or is paused, may be resumed; the others are over."""
    assert status.is_over is is_over


def test_a_summary_counts_its_devices(make_plan: Callable[..., Plan]) -> None:
    """The states of a run add up to its devices, and a run has the name of its summary."""
    states = Counter({StepState.APPLIED: 2, StepState.FAILED: 1})
    summary = RunSummary(
        name="r", status=RunStatus.PAUSED, begun_at=AT, begun_by="ada", states=states
    )
    assert summary.devices == 3
    assert Run(summary=summary, plan=make_plan(), statuses={}, waves={}).name == "r"


def test_events_can_be_kept_in_a_set() -> None:
    """Also those with states in them, which count for their equality all the same."""
    judged = WaveJudged(
        run="r", at=AT, wave=1, verdict=Verdict.HEALTHY, states={StepState.NOOP: 1}
    )
    paused = Paused(run="r", at=AT, wave=1, verdict=None, cause="stopped", message="somebody")
    finished = Finished(run="r", at=AT, status=RunStatus.PAUSED, states={}, elapsed_s=1.0)
    assert len({judged, paused, finished, paused}) == 3
