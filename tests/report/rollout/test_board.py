"""How far a rollout is."""

import datetime as dt
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from attrs import define

from axis_ntp_async.report.rollout.board import Board, results_of
from axis_ntp_async.rollout.events import (
    Event,
    Finished,
    Paused,
    RunStarted,
    StepChanged,
    Watching,
    WaveJudged,
    WaveStarted,
)
from axis_ntp_async.rollout.plan import Result, Step, StepState, StepStatus
from axis_ntp_async.rollout.rules.proof import Verdict
from axis_ntp_async.rollout.runs import Run, RunStatus

MakeStep = Callable[..., Step]
Drawn = Callable[..., str]


@define
class Teller:
    """Tells a board what happens, a second after the other."""

    board: Board
    at: dt.datetime

    def tell(self, kind: type[Event], **members: Any) -> None:
        self.board.take(kind(run="r", at=self.at, **members))

    def start(self, *waves: int, states: Counter[StepState] | None = None) -> None:
        self.tell(
            RunStarted,
            devices=sum(waves),
            waves=waves,
            as_desired=0,
            unplannable=(),
            is_resumed=states is not None,
            rollback_of=None,
            states=states or Counter({StepState.PLANNED: sum(waves)}),
        )

    def wave(self, number: int) -> None:
        self.tell(WaveStarted, wave=number, is_canary=number == 1, devices=2)

    def step(self, step: Step, state: StepState, cause: str = "") -> None:
        self.at += dt.timedelta(seconds=1)
        self.tell(StepChanged, step=step, status=StepStatus(state=state, cause=cause))


@pytest.fixture
def teller(at: dt.datetime) -> Teller:
    return Teller(Board(), at)


def test_states_make_results() -> None:
    """Several states have the same one."""
    states = {StepState.APPLIED: 2, StepState.HEALTHY: 1, StepState.INTENT: 4}
    assert results_of(states) == {Result.CHANGED: 3, Result.OPEN: 4}


def test_every_device_is_counted_once(teller: Teller, make_step: MakeStep) -> None:
    """However often something becomes of it."""
    teller.start(2, 1)
    teller.wave(1)
    a, b = make_step("a"), make_step("b", site=None)
    for state in (StepState.INTENT, StepState.ACKED, StepState.MISMATCH, StepState.APPLIED):
        teller.step(a, state, "mismatch" if state is StepState.MISMATCH else "")
    teller.step(b, StepState.UNREACHABLE, "unreachable")
    board = teller.board
    assert +board.results == {Result.CHANGED: 1, Result.LEFT_ALONE: 1, Result.OPEN: 1}
    assert {site: +results for site, results in board.sites.items()} == {
        "berlin": {Result.CHANGED: 1},
        "-": {Result.LEFT_ALONE: 1},
    }
    assert (board.ended_in_wave, board.size_of_wave) == (2, 2)
    assert board.line(teller.at) == (
        "wave 1 of 2 (canary), changing, 2 of 2, 0:00 left, 1 changed, 1 left alone, 1 open; "
        "1 x unreachable"
    )


def test_a_device_that_is_watched_has_been_changed(teller: Teller, make_step: MakeStep) -> None:
    """It is still open, but the wave is that far."""
    teller.start(2)
    teller.wave(1)
    teller.step(make_step("a"), StepState.PROVING)
    assert (teller.board.ended_in_wave, teller.board.results[Result.OPEN]) == (1, 2)
    teller.step(make_step("a"), StepState.HEALTHY)
    assert (teller.board.ended_in_wave, teller.board.results[Result.OPEN]) == (1, 1)


def test_what_is_left_is_told_from_the_last_ones(teller: Teller, make_step: MakeStep) -> None:
    """One device is no rate yet, nor are two at the same moment; every wave has its own."""
    board = teller.board
    teller.start(4, 4)
    teller.wave(1)
    assert board.left_s(teller.at) is None
    teller.step(make_step("a"), StepState.APPLIED)
    assert board.left_s(teller.at) is None
    teller.at -= dt.timedelta(seconds=1)
    teller.step(make_step("b"), StepState.APPLIED)
    assert board.left_s(teller.at) is None
    teller.step(make_step("c"), StepState.APPLIED)
    assert (board.per_minute, board.left_s(teller.at)) == (120.0, 0.5)
    teller.wave(2)
    assert (board.per_minute, board.ended_in_wave) == (None, 0)


def test_while_clocks_are_watched_the_end_is_known(teller: Teller) -> None:
    """At the latest; past it, there is nothing left."""
    teller.start(2)
    teller.wave(1)
    teller.tell(Watching, wave=1, devices=2, seconds=512, is_soak=False)
    assert teller.board.line(teller.at) == (
        "wave 1 of 1, watching clocks, 0 of 2, 8:32 left, 2 open"
    )
    assert teller.board.left_s(teller.at + dt.timedelta(hours=1)) == 0.0
    teller.tell(Watching, wave=1, devices=2, seconds=60, is_soak=True)
    assert "soaking, 0 of 2, 1:00 left" in teller.board.line(teller.at)
    teller.tell(WaveJudged, wave=1, verdict=Verdict.HEALTHY, states={})
    assert teller.board.phase == "soaking"


def test_the_end_is_told(teller: Teller) -> None:
    """Paused, or done."""
    teller.start(1)
    assert teller.board.line(teller.at) == "wave 0 of 1, beginning, 0 of 0, 1 open"
    teller.tell(Paused, wave=1, verdict=None, cause="stopped", message="stop")
    assert teller.board.phase == "paused"
    teller.tell(Finished, status=RunStatus.FINISHED, states={}, elapsed_s=1.0)
    assert teller.board.phase == "done"


def test_a_run_that_goes_on_counts_what_was_done_before(
    make_run: Callable[..., Run], make_step: MakeStep, at: dt.datetime
) -> None:
    """Also when that turns out to be otherwise later on."""
    steps = [make_step("a"), make_step("b"), make_step("c", site="lyon", wave=2)]
    late = StepStatus(state=StepState.MISMATCH, cause="mismatch", at=at)
    run = make_run((steps[0], StepState.APPLIED), (steps[1], late), (steps[2], StepState.PLANNED))
    teller = Teller(Board.of(run), at)
    teller.start(2, 1, states=run.summary.states)
    teller.wave(1)
    assert teller.board.line(at) == (
        "wave 1 of 2 (canary), changing, 2 of 2, 1 changed, 1 failed, 1 open; 1 x mismatch"
    )
    teller.step(steps[1], StepState.APPLIED)
    assert teller.board.line(at) == ("wave 1 of 2 (canary), changing, 2 of 2, 2 changed, 1 open")
    teller.wave(2)
    teller.step(steps[2], StepState.APPLIED)
    assert +teller.board.results == {Result.CHANGED: 3}
    assert +teller.board.sites["lyon"] == {Result.CHANGED: 1}


def test_people_see_two_bars_sites_and_causes(
    teller: Teller, make_step: MakeStep, drawn: Drawn
) -> None:
    """The sites with most trouble first, and the commonest causes; nothing is markup."""
    teller.start(2, 40)
    teller.wave(1)
    teller.step(make_step("x", site="[red]b"), StepState.UNHEALTHY, "not_synced")
    for number in range(10):
        teller.step(make_step(f"c-{number}", site=f"site-{number}"), StepState.APPLIED)
    text = drawn(teller.board.render(teller.at), 100)
    lines = [line.split() for line in text.splitlines()]
    assert lines[0][:5] == ["wave", "1", "of", "2", "(canary)"]
    assert "11/2" in lines[0]
    assert lines[1][0] == "run"
    assert lines[1][-3:] == ["11/42", "60", "devices/min"]
    assert lines[2] == ["10", "changed,", "1", "failed,", "31", "open"]
    assert lines[4][0] == "[red]b"
    assert "… and 3 more sites\n" in text
    assert lines[-1] == ["1", "x", "not", "synced"]


def test_at_most_five_causes_are_shown(teller: Teller, make_step: MakeStep, drawn: Drawn) -> None:
    """The commonest ones; a single site needs no table, and no rate is no text."""
    teller.start(20)
    teller.wave(1)
    for number in range(7):
        teller.step(make_step(f"c-{number}"), StepState.FAILED, f"cause_{max(number, 1)}")
        teller.at -= dt.timedelta(seconds=1)
    text = drawn(teller.board.render(teller.at))
    assert text.count(" x cause ") == 5
    assert "2 x cause 1\n" in text
    assert "site" not in text
    assert "devices/min" not in text


@pytest.mark.parametrize("width", [45, 60])
def test_a_narrow_terminal_shows_it_all(
    teller: Teller, make_step: MakeStep, drawn: Drawn, width: int
) -> None:
    """Bars give way to numbers."""
    teller.start(100, 400)
    teller.wave(1)
    for number in range(30):
        teller.step(make_step(f"c-{number}"), StepState.APPLIED)
    teller.step(make_step("x", site="lyon"), StepState.INCONCLUSIVE)
    lines = drawn(teller.board.render(teller.at), width).splitlines()
    assert lines[0] == "wave 1 of 2 (canary)  changing, 1:09 left"
    assert lines[1].split()[1:] == ["31/100"]
    assert lines[2] == "run  60 devices/min"
    assert lines[3].split()[1:] == ["31/500"]
    assert [line.split()[0] for line in lines[-3:]] == ["site", "lyon", "berlin"]
    assert all(len(line) <= width for line in lines)
