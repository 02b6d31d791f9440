"""What a watch prints, for people and for programs."""

import datetime as dt
import errno
import json
from collections.abc import Callable
from typing import Any

import pytest
from attrs import define, evolve

from axis_ntp_async.cli.telling import Telling
from axis_ntp_async.device.records import Device
from axis_ntp_async.health.finding import Cause, Finding, Problem, State
from axis_ntp_async.health.sweep import Summary
from axis_ntp_async.health.watch.events import (
    Remark,
    SourceKept,
    StateChange,
    SweepBegan,
    SweepEnded,
    Topic,
)
from axis_ntp_async.health.watch.own_clock import OwnClock
from axis_ntp_async.health.watch.site_causes import SiteCause, SiteTrouble

AT = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
LOBBY = Device(name="lobby-1", host="192.0.2.17", site="berlin")
CAUSE = SiteCause(
    site="berlin", trouble=SiteTrouble.NETWORK, affected=9, of=9, began_at=AT, within_s=60.0
)


def ended(**members: Any) -> SweepEnded:
    summary = Summary()
    summary.add(Finding(device=LOBBY, at=AT, attempts=1, elapsed_s=0.1))
    usual: dict[str, Any] = {"own_clock": OwnClock(), "summary": summary, "interval_s": 300.0}
    return SweepEnded(
        number=7, began_at=AT, ended_at=AT + dt.timedelta(seconds=12), **{**usual, **members}
    )


def troubled() -> Summary:
    problem = Problem(
        cause=Cause.UNREACHABLE,
        state=State.UNKNOWN,
        message="no answer",
        hint="Check the network.",
    )
    summary = Summary()
    for place in range(7):
        device = Device(name=f"cam-{place}", host="192.0.2.17")
        finding = Finding(device=device, at=AT, problems=(problem,), attempts=1, elapsed_s=0.1)
        summary.add(finding)
    return summary


def change(name: str, after: State, site_trouble: SiteTrouble | None = None) -> StateChange:
    return StateChange(
        device=Device(name=name, host="192.0.2.17"),
        before=State.OK,
        after=after,
        cause=Cause.UNREACHABLE,
        message="no answer",
        hint="",
        since=AT,
        site_trouble=site_trouble,
    )


Told = Callable[..., list[str]]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """The lines that events make."""

    def lines(*events: Any, output: str = "table", quiet: bool = False) -> list[str]:
        telling = Telling(output, quiet)
        for event in events:
            telling.take(event)
        return capsys.readouterr().out.splitlines()

    return lines


def test_people_get_news_above_counts(told: Told) -> None:
    """Ourselves, then sites, then devices that are not part of one, the worst first."""
    event = ended(
        remarks=(Remark(Topic.CLOCK_SET, "our own clock was set by +5.0 s"),),
        began=(CAUSE,),
        ended=(evolve(CAUSE, affected=0),),
        changes=(
            change("roof-1", State.UNKNOWN),
            change("roof-2", State.CRITICAL),
            change("roof-3", State.UNKNOWN, CAUSE.trouble),
        ),
    )
    lines = [line[10:] for line in told(event)]
    assert lines == [
        "our own clock was set by +5.0 s",
        f"{CAUSE.message}. {CAUSE.hint}",
        "over: network of berlin: its devices answer again",
        "roof-2 is critical: no answer",
        "roof-1 is unknown: no answer",
        "sweep 7: 1 device in 12 s: 1 ok",
    ]


def test_a_quiet_watch_tells_news_only(told: Told) -> None:
    """No line for a sweep in which nothing happened."""
    assert told(ended(), quiet=True) == []
    assert len(told(ended(changes=(change("roof-1", State.UNKNOWN),)), quiet=True)) == 1


def test_a_sweep_that_was_stopped_says_so(told: Told) -> None:
    """Its counts are not those of the fleet."""
    assert told(ended(is_complete=False))[0].endswith("(stopped before all were looked at)")


def test_a_list_that_is_kept_is_told(told: Told) -> None:
    """People get the remark at the end of the sweep, programs the event itself."""
    event = SourceKept(at=AT, message="fleet.toml: line 3")
    assert told(event) == []
    [line] = told(ended(remarks=(Remark(Topic.SOURCE, event.text),)), quiet=True)
    assert line.endswith(
        "the list of devices cannot be read, all stays as it was: fleet.toml: line 3"
    )
    [line] = told(event, output="jsonl")
    assert json.loads(line)["schema"] == "axis-ntp/source-kept/v1"
    assert json.loads(line)["what"] == "the list of devices"


def test_a_watch_begins_with_what_is_wrong(told: Told) -> None:
    """Also with what was told before it was started anew; after that only with news."""
    lines = told(ended(summary=troubled(), site_causes=(CAUSE,)), ended(summary=troubled()))
    assert [line[10:] for line in lines] == [
        f"still: {CAUSE.message}",
        (
            "at first look 7 devices: unreachable: cam-0, cam-1, cam-2, cam-3, cam-4 and 2 more. "
            "Check the network."
        ),
        "sweep 7: 7 devices in 12 s: 7 unknown",
        "sweep 7: 7 devices in 12 s: 7 unknown",
    ]


def test_a_quiet_watch_for_programs_has_no_line_for_each_sweep(told: Told) -> None:
    """Else cron sends a mail every five minutes."""
    assert told(ended(), output="jsonl", quiet=True) == []
    changed = ended(changes=(change("roof-1", State.UNKNOWN),))
    assert len(told(changed, output="jsonl", quiet=True)) == 1


def test_programs_get_a_document_for_everything(told: Told) -> None:
    """Changes, also those of a site's cause, causes that begin and end, and the sweep."""
    event = ended(
        remarks=(Remark(Topic.LATE, "a sweep fits into its interval again", is_over=True),),
        began=(CAUSE,),
        ended=(CAUSE,),
        changes=(change("roof-3", State.UNKNOWN, CAUSE.trouble),),
    )
    documents = [json.loads(line) for line in told(event, output="jsonl")]
    assert [one["schema"].split("/")[1] for one in documents] == [
        "remark",
        "change",
        "site-cause",
        "site-cause",
        "summary",
    ]
    assert documents[0]["topic"] == "late"
    assert documents[0]["is_over"]
    assert [one["is_over"] for one in documents[2:4]] == [False, True]
    assert (documents[-1]["sweep"], documents[-1]["duration_s"]) == (7, 12.0)


def test_nothing_else_is_told(told: Told) -> None:
    """That a sweep begins is no news."""
    assert told(SweepBegan(number=1, at=AT, devices=(LOBBY,), interval_s=300.0)) == []


@define
class Full:
    """Somewhere that nothing can be written to."""

    number: int = errno.ENOSPC

    def write(self, _: object) -> None:
        raise OSError(self.number, "cannot be written")


def test_a_full_disk_ends_no_watch(capsys: pytest.CaptureFixture[str]) -> None:
    """It is told once; a pipe that was closed is another matter."""
    telling, full = Telling("jsonl", quiet=False), Full()
    telling._lines = full  # type: ignore[assignment]  # all that is needed of it
    for _ in range(2):
        telling.take(ended())
    assert capsys.readouterr().err.count("the watch goes on without") == 1
    full.number = errno.EPIPE
    with pytest.raises(BrokenPipeError):
        telling.take(ended())
