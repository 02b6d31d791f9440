"""What a plan, an event and a run look like for programs."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from attrs import fields

from axis_ntp_async.health.finding import Cause, Problem, State
from axis_ntp_async.report.rollout.documents import (
    EVENT_COLUMNS,
    PLANNED_COLUMNS,
    RUN_COLUMNS,
    STEP_COLUMNS,
    TRAIL_COLUMNS,
    event_document,
    plan_summary_document,
    planned_document,
    run_document,
    step_document,
    trail_document,
)
from axis_ntp_async.rollout import events
from axis_ntp_async.rollout.plan import (
    AsDesired,
    Plan,
    Step,
    StepState,
    StepStatus,
    Unplannable,
)
from axis_ntp_async.rollout.rules.proof import Verdict
from axis_ntp_async.rollout.runs import Run, RunStatus, TrailLine
from axis_ntp_async.rollout.servers.checks import ServerCheck, ServerKind

PROBLEM = Problem(cause=Cause.LOGIN, state=State.UNKNOWN, message="refuses", hint="Correct it.")
WHEN = "2026-11-23T12:00:00.000+00:00"


@pytest.fixture
def unplannable(make_step: Callable[..., Step]) -> Unplannable:
    return Unplannable(device=make_step("gate-1").device, problem=PROBLEM)


def test_what_planning_comes_to(make_step: Callable[..., Step], unplannable: Unplannable) -> None:
    """Each of the three kinds has its own members, and says of which kind it is."""
    step = make_step(clock_step_s=-0.12345)
    document = planned_document(step)
    assert document["result"] == "to_change"
    assert document["clock_step_s"] == -0.123
    assert document["digest"] == step.digest
    assert document["changes"] == [
        {"member": "static_servers", "before": ["10.0.0.1"], "after": ["10.0.0.5", "10.0.0.6"]}
    ]
    assert planned_document(make_step(clock_step_s=None))["clock_step_s"] is None
    assert planned_document(AsDesired(device=step.device, has_given_up=True)) == {
        "schema": "axis-ntp/planned/v1",
        "device": "lobby-3",
        "host": "192.0.2.7",
        "site": "berlin",
        "serial": "ACCC8E012345",
        "result": "as_desired",
        "has_given_up": True,
    }
    document = planned_document(unplannable)
    assert (document["result"], document["cause"], document["hint"]) == (
        "unplannable",
        "login",
        "Correct it.",
    )


def test_a_plan_in_short(
    make_plan: Callable[..., Plan], make_step: Callable[..., Step], unplannable: Unplannable
) -> None:
    """Its parts add up to all devices."""
    plan = make_plan(
        make_step("a"), make_step("b", wave=2), as_desired=("c",), unplannable=(unplannable,)
    )
    bad = ServerCheck(server="10.0.0.5", kind=ServerKind.NTP, faults=("is dead",))
    document = plan_summary_document(plan, (bad,))
    assert document["devices"] == 4
    parts = ("to_change", "as_desired", "unplannable")
    assert [document[part] for part in parts] == [2, 1, 1]
    assert document["waves"] == [1, 1]
    assert document["preflight"] == [
        {
            "server": "10.0.0.5",
            "kind": ServerKind.NTP.value,
            "ok": False,
            "faults": ["is dead"],
            "stratum": None,
            "offset_s": None,
        }
    ]


STATES = Counter({StepState.APPLIED: 2, StepState.FAILED: 1, StepState.PLANNED: 0})


def all_events(step: Step, unplannable: Unplannable, at: dt.datetime) -> list[events.Event]:
    """Give one event of each kind."""
    head: dict[str, Any] = {"run": "r", "at": at}
    status = StepStatus(state=StepState.FAILED, cause="login", message="refuses", writes=1, at=at)
    return [
        events.RunStarted(
            **head,
            devices=3,
            waves=(1, 2),
            as_desired=4,
            unplannable=(unplannable,),
            is_resumed=False,
            rollback_of=None,
            states=STATES,
        ),
        events.WaveStarted(**head, wave=1, is_canary=True, devices=1),
        events.StepChanged(**head, step=step, status=status),
        events.Watching(**head, wave=1, devices=1, seconds=512.00049, is_soak=False),
        events.WaveJudged(**head, wave=1, verdict=Verdict.HEALTHY, states=STATES),
        events.Paused(
            **head,
            wave=1,
            verdict=Verdict.FAILED,
            cause="login",
            message="stop",
            devices=("lobby-3",),
            count=1,
        ),
        events.Paused(**head, wave=1, verdict=None, cause="stopped", message="stop"),
        events.Finished(**head, status=RunStatus.PAUSED, states=STATES, elapsed_s=1.23456),
    ]


def test_every_event_has_a_document(
    make_step: Callable[..., Step], unplannable: Unplannable, at: dt.datetime
) -> None:
    """With its name, its run, when it was, and nothing that JSON does not know."""
    documents = [event_document(one) for one in all_events(make_step(), unplannable, at)]
    assert json.loads(json.dumps(documents, allow_nan=False)) == documents
    assert [one["event"] for one in documents] == [
        *("run_started", "wave_started", "step", "watching", "wave_judged"),
        *("paused", "paused", "finished"),
    ]
    assert {(one["schema"], one["run"], one["at"]) for one in documents} == {
        ("axis-ntp/rollout-event/v1", "r", WHEN)
    }
    started, _, stepped, watching, judged, paused, stopped, finished = documents
    assert (started["waves"], started["resumed"]) == ([1, 2], False)
    assert started["unplannable"][0]["cause"] == "login"
    assert stepped["state"] == "failed"
    assert (stepped["result"], stepped["cause"], stepped["writes"]) == ("failed", "login", 1)
    assert (watching["seconds"], watching["soak"]) == (512.0, False)
    assert (judged["verdict"], paused["verdict"], stopped["verdict"]) == (
        "healthy",
        "failed",
        None,
    )
    assert (paused["devices"], paused["count"]) == (["lobby-3"], 1)
    assert (finished["status"], finished["elapsed_s"]) == ("paused", 1.235)


def test_no_kind_of_event_is_forgotten(
    make_step: Callable[..., Step], unplannable: Unplannable, at: dt.datetime
) -> None:
    """Every class of `events.py` is among them."""
    kinds = {
        kind
        for kind in vars(events).values()
        if isinstance(kind, type) and issubclass(kind, events.Event) and fields(kind)
    }
    assert {type(one) for one in all_events(make_step(), unplannable, at)} == (
        kinds - {events.Event}
    )


def test_states_and_results_add_up_to_the_same(
    make_step: Callable[..., Step], unplannable: Unplannable, at: dt.datetime
) -> None:
    """What has nobody in it is left out."""
    document = event_document(all_events(make_step(), unplannable, at)[-1])
    assert document["states"] == {"applied": 2, "failed": 1}
    assert document["results"] == {"changed": 2, "failed": 1}


def test_a_run_and_its_parts(
    make_run: Callable[..., Run], make_step: Callable[..., Step], at: dt.datetime
) -> None:
    """In short, by device, and all that became of one."""
    step = make_step()
    run = make_run((step, StepState.APPLIED))
    document = run_document(run.summary)
    assert (document["schema"], document["devices"], document["states"]) == (
        "axis-ntp/run/v1",
        1,
        {"applied": 1},
    )
    assert (document["begun_at"], document["ended_at"]) == (WHEN, "2026-11-23T12:01:15.000+00:00")
    assert run_document(make_run(summary={"ended_at": None}).summary)["ended_at"] is None
    document = step_document(run, step)
    assert (document["schema"], document["state"], document["cause"]) == (
        "axis-ntp/step/v1",
        "applied",
        None,
    )
    assert document["before"] == {
        "enabled": True,
        "servers_source": "static",
        "static_servers": ["10.0.0.1"],
    }
    line = TrailLine(device="lobby-3", status=StepStatus(state=StepState.INTENT, at=at))
    document = trail_document("r", line)
    assert (document["schema"], document["run"], document["state"], document["at"]) == (
        "axis-ntp/trail/v1",
        "r",
        "intent",
        WHEN,
    )


def test_every_column_is_a_member(
    make_run: Callable[..., Run],
    make_step: Callable[..., Step],
    unplannable: Unplannable,
    at: dt.datetime,
) -> None:
    """A column that no document fills would be a slip."""
    step = make_step()
    run = make_run((step, StepState.APPLIED))
    line = TrailLine(device="lobby-3", status=StepStatus(at=at))
    planned: list[Step | AsDesired | Unplannable] = [
        step,
        AsDesired(device=step.device),
        unplannable,
    ]
    for columns, documents in (
        (PLANNED_COLUMNS, list(map(planned_document, planned))),
        (EVENT_COLUMNS, list(map(event_document, all_events(step, unplannable, at)))),
        (STEP_COLUMNS, [step_document(run, step)]),
        (RUN_COLUMNS, [run_document(run.summary)]),
        (TRAIL_COLUMNS, [trail_document("r", line)]),
    ):
        assert set(columns) <= {name for document in documents for name in document}
