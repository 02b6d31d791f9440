"""What a plan, an event and a run look like outside; `report/documents.py` tells the rules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Final

from axis_ntp_async.device.configuration import Change
from axis_ntp_async.device.records import Device
from axis_ntp_async.report.documents import Document, schema
from axis_ntp_async.report.rollout.board import results_of
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
from axis_ntp_async.rollout.plan import (
    AsDesired,
    Plan,
    Step,
    StepState,
    StepStatus,
    Unplannable,
    plain_configuration,
    plain_value,
)
from axis_ntp_async.rollout.runs import Run, RunSummary, TrailLine
from axis_ntp_async.rollout.servers.checks import ServerCheck

_DEVICE: Final = ("device", "host", "site", "serial")
PLANNED_COLUMNS: Final = (
    *("schema", *_DEVICE, "result", "wave", "changes", "clock_step_s", "cause", "message"),
)
EVENT_COLUMNS: Final = (
    *("schema", "event", "run", "at", "wave", *_DEVICE, "state", "result"),
    *("cause", "message", "writes", "verdict", "status"),
)
STEP_COLUMNS: Final = (
    *("schema", "run", "wave", *_DEVICE, "state", "result", "cause", "message"),
    *("writes", "at", "changes"),
)
RUN_COLUMNS: Final = (
    *("schema", "run", "status", "devices", "states", "begun_at", "ended_at", "begun_by"),
    *("cause", "message", "rollback_of"),
)
TRAIL_COLUMNS: Final = ("schema", "run", "device", "at", "state", "cause", "message", "writes")
"""The columns of CSV."""


def planned_document(one: Step | AsDesired | Unplannable) -> Document:
    """Give what a plan has for one device."""
    head = {"schema": schema("planned"), **_device(one.device)}
    if isinstance(one, Step):
        return {
            **head,
            "result": "to_change",
            "wave": one.wave,
            "changes": list(map(_change, one.changes)),
            "digest": one.digest,
            "clock_step_s": _rounded(one.clock_step_s),
            "has_given_up": one.has_given_up,
        }
    if isinstance(one, AsDesired):
        return {**head, "result": "as_desired", "has_given_up": one.has_given_up}
    return {
        **head,
        "result": "unplannable",
        "cause": one.problem.cause.value,
        "message": one.problem.message,
        "hint": one.problem.hint,
    }


def plan_summary_document(plan: Plan, checks: tuple[ServerCheck, ...]) -> Document:
    """Give the totals of a plan, its waves, and what was found out about its servers."""
    return {
        "schema": schema("plan-summary"),
        "devices": len(plan.steps) + len(plan.as_desired) + len(plan.unplannable),
        "to_change": len(plan.steps),
        "as_desired": len(plan.as_desired),
        "unplannable": len(plan.unplannable),
        "waves": [len(wave.steps) for wave in plan.waves],
        "policy": plan.policy,
        "policy_digest": plan.policy_digest,
        "preflight": list(map(_check, checks)),
    }


def _check(check: ServerCheck) -> Document:
    return {
        "server": check.server,
        "kind": check.kind.value,
        "ok": check.is_ok,
        "faults": list(check.faults),
        "stratum": check.stratum,
        "offset_s": check.offset_s,
    }


def event_document(event: Event) -> Document:
    """Give one event of a run."""
    name, members = _EVENTS[type(event)]
    return {
        "schema": schema("rollout-event"),
        "event": name,
        "run": event.run,
        "at": _moment(event.at),
        **members(event),
    }


def _started(event: RunStarted) -> Document:
    return {
        "devices": event.devices,
        "waves": list(event.waves),
        "as_desired": event.as_desired,
        "unplannable": [
            {**_device(one.device), "cause": one.problem.cause.value} for one in event.unplannable
        ],
        "resumed": event.is_resumed,
        "rollback_of": event.rollback_of,
        **states_of(event.states),
    }


def _stepped(event: StepChanged) -> Document:
    return {"wave": event.step.wave, **_device(event.step.device), **_status(event.status)}


def _judged(event: WaveJudged) -> Document:
    return {"wave": event.wave, "verdict": event.verdict.value, **states_of(event.states)}


def _paused(event: Paused) -> Document:
    return {
        "wave": event.wave,
        "verdict": event.verdict.value if event.verdict else None,
        "cause": event.cause,
        "message": event.message,
        "devices": list(event.devices),
        "count": event.count,
    }


_EVENTS: Final[Mapping[type[Event], tuple[str, Callable[[Any], Document]]]] = {
    RunStarted: ("run_started", _started),
    WaveStarted: (
        "wave_started",
        lambda one: {"wave": one.wave, "canary": one.is_canary, "devices": one.devices},
    ),
    StepChanged: ("step", _stepped),
    Watching: (
        "watching",
        lambda one: {
            "wave": one.wave,
            "devices": one.devices,
            "seconds": _rounded(one.seconds),
            "soak": one.is_soak,
        },
    ),
    WaveJudged: ("wave_judged", _judged),
    Paused: ("paused", _paused),
    Finished: (
        "finished",
        lambda one: {
            "status": one.status.value,
            "elapsed_s": _rounded(one.elapsed_s),
            **states_of(one.states),
        },
    ),
}


def states_of(states: Mapping[StepState, int]) -> Document:
    """Give steps by state, and more coarsely by result; both add up to all."""
    results = results_of(states)
    return {
        "states": {state.value: count for state, count in states.items() if count},
        "results": {result.value: count for result, count in results.items() if count},
    }


def step_document(run: Run, step: Step) -> Document:
    """Give what a run did with one device, with what it was before and shall be after."""
    return {
        "schema": schema("step"),
        "run": run.name,
        "wave": step.wave,
        **_device(step.device),
        **_status(run.statuses[step.device.name]),
        "changes": list(map(_change, step.changes)),
        "before": plain_configuration(step.before),
        "after": plain_configuration(step.after),
    }


def run_document(run: RunSummary) -> Document:
    """Give a run in short."""
    return {
        "schema": schema("run"),
        "run": run.name,
        "status": run.status.value,
        "devices": run.devices,
        "begun_at": _moment(run.begun_at),
        "ended_at": _moment(run.ended_at),
        "begun_by": run.begun_by,
        "cause": run.cause,
        "message": run.message,
        "rollback_of": run.rollback_of,
        **states_of(run.states),
    }


def trail_document(run: str, line: TrailLine) -> Document:
    """Give one thing that became of a device."""
    return {
        "schema": schema("trail"),
        "run": run,
        "device": line.device,
        **_status(line.status),
    }


def _device(device: Device) -> Document:
    return {
        "device": device.name,
        "host": device.host,
        "site": device.site,
        "serial": device.serial,
    }


def _status(status: StepStatus) -> Document:
    return {
        "state": status.state.value,
        "result": status.state.result.value,
        "cause": status.cause or None,
        "message": status.message,
        "writes": status.writes,
        "at": _moment(status.at),
    }


def _change(change: Change) -> Document:
    return {
        "member": change.member,
        "before": plain_value(change.before),
        "after": plain_value(change.after),
    }


def _moment(moment: dt.datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds") if moment else None


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
