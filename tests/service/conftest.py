"""Something that happened, to tell others, and a board that knows of it."""

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from axis_ntp_async.device.records import Device, NTPInfo, Outcome
from axis_ntp_async.errors import DeviceError, DeviceUnreachableError
from axis_ntp_async.health.finding import Cause, State
from axis_ntp_async.health.judge import judge
from axis_ntp_async.health.sweep import Summary
from axis_ntp_async.health.watch.events import Found, StateChange, SweepBegan, SweepEnded
from axis_ntp_async.health.watch.own_clock import OwnClock
from axis_ntp_async.service.board import Board
from tests.healthy import AT, clock, outcome


@pytest.fixture
def sweep_ended() -> Callable[..., SweepEnded]:
    """The end of a sweep in which these devices changed."""

    def make(*names: str, after: State = State.CRITICAL, number: int = 1) -> SweepEnded:
        before = State.OK if after is not State.OK else State.CRITICAL
        changes = tuple(
            StateChange(
                device=Device(name=name, host="192.0.2.17", site="berlin"),
                before=before,
                after=after,
                cause=Cause.NOT_SYNCED if after is not State.OK else None,
                message="not synced with 10.0.0.5",
                hint="Check that UDP 123 is open.",
                since=AT,
            )
            for name in names
        )
        members: dict[str, Any] = {"summary": Summary(), "own_clock": OwnClock()}
        return SweepEnded(
            number=number,
            began_at=AT,
            ended_at=AT,
            interval_s=300.0,
            changes=changes,
            **members,
        )

    return make


def told(device: Device, error: DeviceError | None = None) -> Outcome[NTPInfo]:
    return outcome(device, error=error, clock=clock(0.1), api_version="1.5")


@pytest.fixture
def swept() -> Callable[..., None]:
    """Let a board see a sweep of three devices, one of which does not answer."""

    def sweep(board: Board, *, number: int = 1) -> None:
        devices = [
            Device(name="lobby-1", host="10.0.0.1", site="berlin", labels={"model": "P3265-V"}),
            Device(name="Füße <b>", host="10.0.0.2", site="lyon"),
            Device(name="roof-3", host="10.0.0.3"),
        ]
        at, summary = board.clock.utc(), Summary()
        began = SweepBegan(number=number, at=at, devices=tuple(devices), interval_s=300.0)
        board.take(began)
        for device in devices:
            dead = DeviceUnreachableError("roof-3", "no answer within 10 s")
            error = dead if device.name == "roof-3" else None
            finding = evolve(judge(told(device, error)), at=at)
            summary.add(finding)
            board.take(Found(finding=finding, standing=None))
        board.take(
            SweepEnded(
                number=number,
                began_at=at,
                ended_at=board.clock.utc(),
                interval_s=300.0,
                summary=summary,
                own_clock=OwnClock(),
            )
        )

    return sweep
