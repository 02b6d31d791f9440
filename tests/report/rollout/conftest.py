"""Steps, plans and runs made by hand, and what is drawn of them."""

import datetime as dt
import io
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from rich.console import Console, RenderableType

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import Device, ServersSource
from axis_ntp_async.report.terminal import Trimmed
from axis_ntp_async.rollout.plan import Plan, Step, StepState, StepStatus
from axis_ntp_async.rollout.runs import Run, RunStatus, RunSummary

AT = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
BEFORE = NTPClientConfiguration(
    enabled=True, servers_source=ServersSource.STATIC, static_servers=("10.0.0.1",)
)
AFTER = evolve(BEFORE, static_servers=("10.0.0.5", "10.0.0.6"))


@pytest.fixture
def at() -> dt.datetime:
    """A moment."""
    return AT


@pytest.fixture
def drawn() -> Callable[..., str]:
    """What people see of something, in a terminal of that width."""

    def draw(content: RenderableType, width: int = 120) -> str:
        stream = io.StringIO()
        Console(file=stream, width=width).print(Trimmed(content), end="")
        return stream.getvalue()

    return draw


def _step(name: str = "lobby-3", site: str | None = "berlin", **members: Any) -> Step:
    device = Device(name=name, host="192.0.2.7", site=site, serial="ACCC8E012345")
    usual: dict[str, Any] = {"before": BEFORE, "after": AFTER, "sends": (), "clock_step_s": 0.0}
    return Step(device=device, **{**usual, **members})


@pytest.fixture
def make_step() -> Callable[..., Step]:
    """A step that gives a device two other servers."""
    return _step


@pytest.fixture
def make_plan() -> Callable[..., Plan]:
    """A plan of these steps."""

    def make(*steps: Step, **members: Any) -> Plan:
        usual = {"made_at": AT, "policy": "p.toml", "policy_digest": "d" * 64}
        return Plan(steps=steps, **{**usual, **members})

    return make


@pytest.fixture
def make_run(make_plan: Callable[..., Plan]) -> Callable[..., Run]:
    """
    A run of these steps, each with its state, or with a whole status.

    Further members are those of the run, `summary` and `plan` those of its records.
    """

    def make(
        *steps: tuple[Step, StepState | StepStatus],
        summary: dict[str, Any] | None = None,
        plan: dict[str, Any] | None = None,
        **members: Any,
    ) -> Run:
        statuses = {
            step.device.name: one if isinstance(one, StepStatus) else StepStatus(state=one, at=AT)
            for step, one in steps
        }
        usual: dict[str, Any] = {
            "name": "20261123-1200-ab12",
            "status": RunStatus.FINISHED,
            "begun_at": AT,
            "begun_by": "ann@vms",
            "ended_at": AT + dt.timedelta(seconds=75),
            "states": Counter(status.state for status in statuses.values()),
        }
        return Run(
            summary=RunSummary(**{**usual, **(summary or {})}),
            plan=make_plan(*(step for step, _ in steps), **(plan or {})),
            statuses=statuses,
            **{"waves": {}, **members},
        )

    return make
