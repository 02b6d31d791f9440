"""From what a watch tells into a history; a history that fails stops no watch."""

import datetime as dt
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from axis_ntp_async.device.records import NTPInfo, Outcome
from axis_ntp_async.errors import DeviceUnreachableError, HistoryError
from axis_ntp_async.health.finding import Finding, State
from axis_ntp_async.health.history.history import History
from axis_ntp_async.health.history.reading import HistoryReader
from axis_ntp_async.health.history.record import NoteKind
from axis_ntp_async.health.history.recorder import Recorder
from axis_ntp_async.health.judge import judge
from axis_ntp_async.health.sweep import Summary
from axis_ntp_async.health.watch.events import (
    Found,
    Remark,
    SourceKept,
    SweepBegan,
    SweepEnded,
    Topic,
)
from axis_ntp_async.health.watch.memory import WatchMemory
from axis_ntp_async.health.watch.own_clock import OwnClock
from axis_ntp_async.health.watch.rules import WatchRules
from axis_ntp_async.health.watch.standing import settle

AT = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
Make = Callable[..., Outcome[NTPInfo]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def found(make_outcome: Make) -> Callable[..., Finding]:
    def make(name: str, minute: int = 0, *, dead: bool = False) -> Finding:
        error = DeviceUnreachableError(name, "no answer") if dead else None
        outcome = make_outcome(name=name, site="berlin", error=error)
        return judge(evolve(outcome, at=AT + dt.timedelta(minutes=minute)))

    return make


def ended(*findings: Finding, minute: int = 0, **members: Any) -> SweepEnded:
    summary = Summary()
    for finding in findings:
        summary.add(finding)
    at = AT + dt.timedelta(minutes=minute)
    return SweepEnded(
        number=1,
        began_at=at,
        ended_at=at + dt.timedelta(seconds=30),
        interval_s=300.0,
        summary=summary,
        own_clock=members.pop("own_clock", OwnClock()),
        **members,
    )


async def test_findings_and_sweeps_are_written(path: Path, found: Callable[..., Finding]) -> None:
    """Every device has its record, and the sweep its counts."""
    findings = [found("lobby-1"), found("mute", dead=True)]
    with History(path) as history:
        async with Recorder(history, WatchMemory()) as recorder:
            began = SweepBegan(number=1, at=AT, devices=(), interval_s=300.0)
            await recorder.take(began)
            for finding in findings:
                await recorder.take(Found(finding=finding, standing=None))
            await recorder.take(ended(*findings))
            assert recorder.fault is None
    reader = HistoryReader(path)
    assert [record.state for record in reader.timeline("mute")] == [State.UNKNOWN]
    assert [note.kind for note in reader.notes()] == [NoteKind.OPENED, NoteKind.CLOSED]
    [sweep] = reader.sweeps()
    assert sweep.states == {State.OK: 1, State.UNKNOWN: 1}
    assert sweep.sites == {"berlin": {State.OK: 1, State.UNKNOWN: 1}}


async def test_a_sweep_that_is_left_loses_no_finding(
    path: Path, found: Callable[..., Finding]
) -> None:
    """What was found before the end is there, without a sweep around it."""
    with History(path) as history:
        async with Recorder(history, WatchMemory()) as recorder:
            await recorder.take(Found(finding=found("lobby-1"), standing=None))
    reader = HistoryReader(path)
    assert len(reader.timeline("lobby-1")) == 1
    assert (reader.sweeps(), reader.notes()) == ((), ())


async def test_findings_are_written_some_hundreds_at_once(
    path: Path, found: Callable[..., Finding]
) -> None:
    """Long before the sweep ends, so that little is lost when the process is killed."""
    with History(path) as history:
        async with Recorder(history, WatchMemory()) as recorder:
            for place in range(501):
                await recorder.take(Found(finding=found(f"cam-{place}"), standing=None))
            assert len(HistoryReader(path).names()) == 500


async def test_findings_are_written_after_a_while(
    path: Path, found: Callable[..., Finding], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small fleet that is spread over minutes does not wait for some hundreds."""
    monkeypatch.setattr("axis_ntp_async.health.history.recorder._AT_LEAST_EVERY_S", 0.0)
    with History(path) as history:
        async with Recorder(history, WatchMemory()) as recorder:
            await recorder.take(Found(finding=found("lobby-1"), standing=None))
            assert HistoryReader(path).names() == ("lobby-1",)


async def test_what_is_known_is_remembered(path: Path, found: Callable[..., Finding]) -> None:
    """After each sweep, and what is gone is forgotten."""
    memory = WatchMemory()
    with History(path) as history:
        async with Recorder(history, memory) as recorder:
            for name in ("lobby-1", "lobby-2"):
                memory.standings[name] = settle(None, found(name), WatchRules())
            await recorder.take(ended())
            assert WatchMemory.from_plain(history.memory()).standings.keys() == {
                "lobby-1",
                "lobby-2",
            }
            memory.forget_others(frozenset({"lobby-2"}))
            await recorder.take(ended(minute=5))
            assert list(history.memory()) == ["device lobby-2"]


async def test_our_own_clock_is_noted(path: Path) -> None:
    """When it is set, when it begins to be the odd one, and when that ends; nothing else is."""
    remarks = [
        Remark(Topic.OWN_CLOCK, "our own clock is the odd one"),
        Remark(Topic.LISTED, "1 device new in the list: cam-1"),
        Remark(Topic.OWN_CLOCK, "our own clock agrees with the devices again", is_over=True),
        Remark(Topic.CLOCK_SET, "our own clock was set by -5.0 s"),
    ]
    with History(path) as history:
        async with Recorder(history, WatchMemory()) as recorder:
            for place, remark in enumerate(remarks):
                await recorder.take(ended(minute=5 * place, remarks=(remark,)))
    told = [note.text for note in HistoryReader(path).notes() if note.kind is NoteKind.OWN_CLOCK]
    assert told == [remarks[0].text, remarks[2].text, remarks[3].text]


async def test_a_history_that_fails_is_told_once(
    path: Path,
    found: Callable[..., Finding],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The watch goes on, and all is there once it can be written again."""
    with caplog.at_level(logging.WARNING), History(path) as history:
        async with Recorder(history, WatchMemory()) as recorder:
            put = History._write

            def full(_: History) -> None:
                raise HistoryError(f"history {path}: database or disk is full")

            monkeypatch.setattr(History, "_write", full)
            for minute in (0, 5):
                await recorder.take(
                    Found(finding=found("lobby-1", minute, dead=bool(minute)), standing=None)
                )
                await recorder.take(ended(minute=minute))
            assert recorder.fault is not None
            assert "disk is full" in recorder.fault
            monkeypatch.setattr(History, "_write", put)
            await recorder.take(Found(finding=found("lobby-1", 10), standing=None))
            await recorder.take(ended(minute=10))
            assert recorder.fault is None
    assert [message.split(":")[-1] for message in caplog.messages] == [
        " database or disk is full; the watch goes on without",
        caplog.messages[-1].split(":")[-1],
    ]
    assert "can be written again" in caplog.messages[-1]
    reader = HistoryReader(path)
    states = [record.state for record in reader.timeline("lobby-1")]
    assert states == [State.OK, State.UNKNOWN, State.OK]
    assert len(reader.sweeps()) == 3


async def test_a_memory_that_could_not_be_kept_is_kept_later(
    path: Path, found: Callable[..., Finding], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was new when it failed is not taken for kept."""
    memory = WatchMemory()
    with History(path) as history:
        async with Recorder(history, memory) as recorder:
            memory.standings["lobby-1"] = settle(None, found("lobby-1"), WatchRules())
            remember = History.remember

            def full(*_: object) -> None:
                raise HistoryError("full")

            monkeypatch.setattr(History, "remember", full)
            await recorder.take(ended())
            monkeypatch.setattr(History, "remember", remember)
            await recorder.take(ended(minute=5))
            assert list(history.memory()) == ["device lobby-1"]


async def test_other_events_are_no_business_of_a_history(path: Path) -> None:
    """A list that could not be read is told elsewhere."""
    with History(path) as history:
        async with Recorder(history, WatchMemory()) as recorder:
            await recorder.take(SourceKept(at=AT, message="line 3"))
    assert HistoryReader(path).names() == ()
