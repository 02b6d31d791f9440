"""Runs, for people."""

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable

import pytest

from axis_ntp_async.health.finding import Cause, Problem, State
from axis_ntp_async.report.rollout.runs import device_table, reason, run_table, runs_table
from axis_ntp_async.rollout.plan import Step, StepState, StepStatus, Unplannable
from axis_ntp_async.rollout.rules.proof import Verdict
from axis_ntp_async.rollout.runs import Run, RunStatus, TrailLine, WaveTimes

Drawn = Callable[..., str]
MakeRun = Callable[..., Run]
MakeStep = Callable[..., Step]

UNREACHABLE = StepStatus(
    state=StepState.UNREACHABLE, cause="unreachable", message="no answer within 10 s"
)


def test_runs_are_one_line_each(drawn: Drawn, make_run: MakeRun, make_step: MakeStep) -> None:
    """With what came of them; a wide terminal also shows when and by whom."""
    run = make_run((make_step("a"), StepState.APPLIED), (make_step("b"), UNREACHABLE)).summary
    nobody = make_run(summary={"begun_by": "", "rollback_of": "r0", "status": RunStatus.PAUSED})
    lines = drawn(runs_table([run, nobody.summary], 120)).splitlines()
    assert lines[0].split()[:5] == ["run", "status", "begun", "by", "devices"]
    assert lines[1].endswith("ann@vms  2        1 changed, 1 left alone")
    assert lines[2].split()[-4:] == ["-", "0", "(undoes", "r0)"]
    lines = drawn(runs_table([run], 60), 60).splitlines()
    assert lines[0].split()[:3] == ["run", "status", "devices"]
    assert lines[1].startswith("20261123-1200-ab12  finished  2")


@pytest.mark.parametrize(
    ("cause", "told"), [("stopped", "why"), ("", "why"), ("not_synced", "not synced: why")]
)
def test_the_reason_of_a_pause(make_run: MakeRun, cause: str, told: str) -> None:
    """That somebody wanted it is no cause."""
    assert reason(make_run(summary={"cause": cause, "message": "why"}).summary) == told


def test_the_head_of_a_run(drawn: Drawn, make_run: MakeRun, make_step: MakeStep) -> None:
    """Who began it, how long it took, by which policy, and what it has to do with others."""
    step = (make_step("a"), StepState.APPLIED)
    lines = drawn(run_table(make_run(step, undone_by=("r2",)))).splitlines()
    assert lines[0] == "run 20261123-1200-ab12: finished"
    assert lines[1].startswith("begun 2026-11-23 ")
    assert lines[1].endswith(" by ann@vms, ended after 1:15")
    assert lines[2:4] == ["policy p.toml, digest dddddddddddd…", "undone by run r2"]
    assert "1 device = 1 applied" in lines
    bare = make_run(
        step,
        summary={
            "begun_by": "",
            "ended_at": None,
            "status": RunStatus.RUNNING,
            "rollback_of": "r0",
        },
        plan={"policy": ""},
    )
    lines = drawn(run_table(bare)).splitlines()
    assert lines[0].endswith(": running")
    assert lines[1].endswith(" by -")
    assert lines[2] == "undoes run r0"


def test_a_paused_run_has_not_ended(
    drawn: Drawn, make_run: MakeRun, make_step: MakeStep, at: dt.datetime
) -> None:
    """It says why, and when; hours are told as such."""
    paused = {
        "status": RunStatus.PAUSED,
        "cause": "not_synced",
        "message": "2 of 3 failed",
        "ended_at": at + dt.timedelta(hours=2, seconds=61),
    }
    text = drawn(run_table(make_run((make_step("a"), StepState.PLANNED), summary=paused)))
    assert "by ann@vms, paused after 2:01:01\n" in text
    assert "\nnot synced: 2 of 3 failed\n" in text


def test_totals_add_up_or_are_called_a_bug(
    drawn: Drawn, make_run: MakeRun, make_step: MakeStep
) -> None:
    """Nobody has to trust them."""
    steps = [(make_step("a"), StepState.APPLIED), (make_step("b"), StepState.FAILED)]
    assert "\n2 devices = 1 applied + 1 failed\n" in drawn(run_table(make_run(*steps)))
    wrong = make_run(*steps, summary={"states": Counter({StepState.APPLIED: 1})})
    assert "2 devices = 1 applied  BUG of this program: 1 counted" in drawn(run_table(wrong))
    none = make_run(*steps, summary={"states": Counter()})
    assert "2 devices = 0  BUG of this program: 0 counted" in drawn(run_table(none))


@pytest.mark.parametrize(
    ("as_desired", "unplannable", "told"),
    [
        (1, 0, "besides 1 was as desired"),
        (2, 0, "besides 2 were as desired"),
        (0, 1, "besides 1 could not be planned"),
        (3, 2, "besides 3 were as desired and 2 could not be planned"),
    ],
)
def test_devices_that_have_no_step_are_counted_beside(
    drawn: Drawn,
    make_run: MakeRun,
    make_step: MakeStep,
    *,
    as_desired: int,
    unplannable: int,
    told: str,
) -> None:
    """So that all of the plan are accounted for."""
    problem = Problem(cause=Cause.LOGIN, state=State.UNKNOWN, message="no", hint="")
    plan = {
        "as_desired": ("x",) * as_desired,
        "unplannable": (Unplannable(device=make_step().device, problem=problem),) * unplannable,
    }
    run = make_run((make_step("a"), StepState.APPLIED), plan=plan)
    assert f"1 device = 1 applied; {told}\n" in drawn(run_table(run))


def test_waves_are_told_with_verdict_and_time(
    drawn: Drawn, make_run: MakeRun, make_step: MakeStep, at: dt.datetime
) -> None:
    """Those that began, and those that did not; a single one is no canary."""
    later = at + dt.timedelta(seconds=62)
    steps = [(make_step(f"c-{wave}", wave=wave), StepState.APPLIED) for wave in (1, 2, 3)]
    waves = {
        1: WaveTimes(began_at=at, ended_at=later, verdict=Verdict.HEALTHY),
        2: WaveTimes(began_at=at),
    }
    lines = [line.split() for line in drawn(run_table(make_run(*steps, waves=waves))).splitlines()]
    assert ["wave", "devices", "changed", "verdict", "took"] in lines
    assert ["canary", "1", "1", "healthy", "1:02"] in lines
    assert ["2", "1", "1", "-", "-"] in lines
    assert ["3", "1", "1", "-", "-"] in lines
    assert "canary" not in drawn(run_table(make_run(steps[0])))


def test_sites_are_shown_when_there_are_several(
    drawn: Drawn, make_run: MakeRun, make_step: MakeStep
) -> None:
    """Those with most trouble first; of many, some."""
    steps = [(make_step(f"c-{number}", site=f"s-{number}"), StepState.APPLIED) for number in
             range(21)]  # fmt: skip
    bad = (make_step("bad", site=None), UNREACHABLE)
    text = drawn(run_table(make_run(*steps, bad)))
    sites = text[text.index("\nsite") :].splitlines()
    assert sites[2].split() == ["-", "0", "1"]
    assert "… and 2 more sites\n" in text
    assert "\nsite" not in drawn(run_table(make_run(*steps[:1])))


def test_what_went_wrong_is_told_with_the_devices(
    drawn: Drawn, make_run: MakeRun, make_step: MakeStep
) -> None:
    """Alike ones together, most first, at a site if all are there; ten names of many."""
    dead = [(make_step(f"gate-{number}"), UNREACHABLE) for number in range(1, 13)]
    off = StepStatus(state=StepState.UNHEALTHY, cause="not_synced", message="is not synced")
    apart = [(make_step("x", site="lyon"), off), (make_step("y", site=None), off)]
    alone = (make_step("z", site=None), StepStatus(state=StepState.ABORTED, message="ended"))
    text = drawn(run_table(make_run(alone, *apart, *dead)), 200)
    assert "\n12 x unreachable at berlin: gate-1, gate-2, gate-3, " in text
    assert "gate-10 and 2 more\n    no answer within 10 s\n" in text
    assert "\n2 x unhealthy, not synced: x, y\n    is not synced\n" in text
    assert text.index("unreachable at") < text.index("unhealthy, ") < text.index("aborted: z")


def test_one_device_is_told_from_its_beginning(
    drawn: Drawn, make_run: MakeRun, make_step: MakeStep, at: dt.datetime
) -> None:
    """Every state in words, and what was to change."""
    step = make_step("gate-1")
    states = (StepState.INTENT, StepState.ACKED, StepState.APPLIED, StepState.NOOP)
    trail = [TrailLine(device="gate-1", status=StepStatus(state=one, at=at)) for one in states]
    trail.append(TrailLine(device="gate-1", status=UNREACHABLE))
    text = drawn(device_table(make_run((step, StepState.APPLIED)), step, trail))
    lines = text.splitlines()
    assert lines[0] == "gate-1 (berlin): applied, wave 1 of run 20261123-1200-ab12"
    assert lines[1] == "  servers [10.0.0.1] → [10.0.0.5, 10.0.0.6]"
    assert [line.split("  ")[-1].strip() for line in lines[4:]] == [
        "is about to be written to",
        "took the change",
        "says what was wanted",
        "-",
        "no answer within 10 s",
    ]
    assert lines[-1].startswith("- ")
    nowhere = make_step("x", site=None)
    text = drawn(device_table(make_run((nowhere, StepState.PLANNED)), nowhere, []))
    assert text.startswith("x: planned, wave 1")


def test_nothing_hostile_gets_through(
    drawn: Drawn, make_run: MakeRun, make_step: MakeStep
) -> None:
    """Neither markup nor letters that steer."""
    step = make_step("[red]\u202ex", site="[b]y")
    status = StepStatus(state=StepState.FAILED, cause="[i]c", message="\x1b[2J[u]m")
    summary = {"message": "\x1b]0;x", "cause": "[c]", "begun_by": "\x1b[31mann"}
    run = make_run((step, status), (make_step("z"), UNREACHABLE), summary=summary)
    for shown in (run_table(run), device_table(run, step, [TrailLine(device="", status=status)])):
        text = drawn(shown)
        assert not {"\x1b", "\u202e"} & set(text)
        assert "[red]?x" in text
        assert "?[2J[u]m" in text


@pytest.mark.parametrize("width", [40, 60, 80])
def test_every_word_fits(drawn: Drawn, make_run: MakeRun, make_step: MakeStep, width: int) -> None:
    """Also where there is little room: nothing is cut off."""
    dead = [(make_step(f"berlin-parking-{number}"), UNREACHABLE) for number in range(9)]
    good = [(make_step(f"c-{number}", site=f"lyon-{number}", wave=2), StepState.HEALTHY)
            for number in range(3)]  # fmt: skip
    undecided = (make_step("u", site="oslo", wave=3), StepState.INCONCLUSIVE)
    failed = (make_step("f", site="oslo", wave=3), StepState.FAILED)
    text = drawn(run_table(make_run(*dead, *good, undecided, failed)), width)
    assert all(len(line) <= width for line in text.splitlines())
    assert all(f"berlin-parking-{number}" in text for number in range(9))
    assert re.search(r"^canary +9 +0" if width == 80 else r"^canary +-", text, re.MULTILINE)
    for word in ("undecided", "verdict", "9 left alone" if width < 80 else "left alone"):
        assert word in text
