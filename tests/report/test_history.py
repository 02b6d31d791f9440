"""A history as people look at it."""

import datetime as dt
import io
from typing import Any

import pytest
from attrs import evolve
from rich.console import Console, RenderableType

from axis_ntp_async.health.finding import Cause, State
from axis_ntp_async.health.history.evidence import Evidence, Look
from axis_ntp_async.health.history.record import (
    DayRecord,
    Note,
    NoteKind,
    Place,
    Record,
    SweepRecord,
    Verdict,
)
from axis_ntp_async.report.history.courses import course_table, what_changed
from axis_ntp_async.report.history.documents import (
    EVIDENCE_COLUMNS,
    RECORD_COLUMNS,
    SWEEP_COLUMNS,
    VERDICT_COLUMNS,
    evidence_document,
    note_document,
    record_document,
    sweep_document,
    verdict_document,
)
from axis_ntp_async.report.history.evidence import evidence_table, verdict_table
from axis_ntp_async.report.history.strips import Span, sparkline
from axis_ntp_async.report.history.sweeps import sweeps_table

AT = dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
HOURS_10 = AT + 10 * HOUR
HERE = Place(7, "ab" * 32)
LEFT = Record(device="lobby-3", address="10.0.4.17", at=AT, state=State.UNKNOWN, has_left=True)
AWAY = Record(
    device="lobby-3",
    address="10.0.4.17",
    serial="ACCC8E012345",
    site="berlin",
    at=AT,
    state=State.UNKNOWN,
    cause=Cause.UNREACHABLE,
    message="no answer",
)
DAY = DayRecord(device="lobby-3", day=AT.date(), records=9, worst=State.WARNING, skew_s=(-0.5, 2))


def shown(what: RenderableType, width: int = 120) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(what)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


@pytest.mark.parametrize(
    ("values", "most", "expected"),
    [
        ([], None, ""),
        ([0.0, 0.0], None, "▁▁"),
        ([None, None], None, "  "),
        ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], None, "▁▁▂▃▄▅▆▇█"),
        ([0.0, None, 1.0, 9.0], 1.0, "▁ ██"),
    ],
)
def test_bars(values: list[float | None], most: float | None, expected: str) -> None:
    """From nothing to the greatest; a blank where nothing is known."""
    assert sparkline(values, most) == expected


def test_steps_of_a_span() -> None:
    """What lies outside belongs to the first and the last one."""
    span = Span(AT, AT + 10 * HOUR, 5)
    assert [span.place(AT + hours * HOUR) for hours in (-3, 0, 1.9, 2, 9.9, 10, 99)] == [
        *(0, 0, 0, 1, 4, 4, 4),
    ]
    assert Span(AT, AT, 5).place(AT) == 0


@pytest.mark.parametrize(
    ("last", "now", "expected"),
    [
        (None, {}, ["in sync"]),
        (None, {"state": State.WARNING, "cause": Cause.FEW_SERVERS}, ["few servers"]),
        ({}, {}, []),
        ({}, {"offset_ms": 51.0, "skew_s": 1.5}, []),
        ({}, {"offset_ms": 60.0}, ["offset moved by +58.75 ms"]),
        ({}, {"skew_s": -2.0}, ["its clock moved by -2.1 s"]),
        ({}, {"servers": ()}, ["servers 10.0.0.5 10.0.0.6 → none"]),
        ({}, {"address": "10.0.4.18"}, ["address 10.0.4.17 → 10.0.4.18"]),
        ({}, {"drift": ("enabled",)}, ["not as desired: enabled"]),
        ({"drift": ("enabled",)}, {}, []),
        ({"state": State.WARNING, "cause": Cause.DRIFT}, {}, ["ok again"]),
        ({"skew_s": None, "offset_ms": None}, {}, []),
        (LEFT, {"site": "lyon"}, ["ok again"]),
        (AWAY, {}, ["ok again"]),
    ],
)
def test_what_changed(
    usual: Record, last: Record | dict[str, Any] | None, now: dict[str, Any], expected: list[str]
) -> None:
    """Only what is new, in words."""
    before = evolve(usual, **last) if isinstance(last, dict) else last
    assert list(what_changed(before, evolve(usual, **now))) == expected


def test_what_changed_when_it_went_away(usual: Record) -> None:
    """That it tells nothing of its settings is no change of these."""
    assert what_changed(usual, AWAY) == ("unreachable: no answer",)
    assert what_changed(usual, LEFT) == ("is no more among the devices of the watch",)


def test_a_course_in_letters(usual: Record) -> None:
    """Silence means unchanged where somebody looked, and nothing where nobody did."""
    records = [
        usual,
        evolve(usual, at=AT + HOUR),
        evolve(AWAY, at=AT + 2 * HOUR),
        evolve(usual, at=AT + 7 * HOUR, state=State.WARNING, cause=Cause.DRIFT),
        evolve(LEFT, at=AT + 8 * HOUR),
    ]
    looked = [
        (AT, AT + 2.5 * HOUR),
        (AT + 3.5 * HOUR, AT + 3.5 * HOUR),
        (AT + 6.5 * HOUR, HOURS_10),
    ]
    table = course_table(records, [], (AT, HOURS_10), 20, watched=looked, show_all=False)
    out = shown(table, 80).splitlines()
    assert out[0] == "lobby-3 (10.0.4.17)"
    assert out[1] == "2026-11-01 12:00 to 2026-11-01 22:00 UTC, 5 records; a column is 1 h"
    assert out[3] == "state   ··??  ?W--"
    assert out[4] == "        · ok, W warning, ? unknown, - not listed, blank: no look"
    assert out[5:7] == ["offset  +1.25 ms", "skew    +0.1 s"]


def test_a_course_fits_into_a_usual_terminal(usual: Record) -> None:
    """With all that a legend can say, and the longest offsets; no line is broken."""
    records = [
        evolve(usual, offset_ms=-123_456.78),
        evolve(usual, at=AT + HOUR, state=State.WARNING, offset_ms=987_654.32),
        evolve(AWAY, at=AT + 2 * HOUR, state=State.CRITICAL),
        evolve(AWAY, at=AT + 3 * HOUR),
        evolve(LEFT, at=AT + 4 * HOUR),
    ]
    table = course_table(records, [], (AT, HOURS_10), 80, watched=[], show_all=False)
    strips = shown(table, 80).splitlines()[3:6]
    assert [line[:6].strip() for line in strips] == ["state", "", "offset"]
    assert strips[1].endswith("- not listed, blank: no look")


@pytest.mark.parametrize(
    ("offsets", "expected"),
    [
        ((0.101, 0.104), "offset  +0.10 ms"),
        ((0.1, 1.05), "offset  +0.10 ms to +1.05 ms"),
        ((0.0, 2.0), "offset  ▁    █      0.00 ms to +2.00 ms"),
    ],
)
def test_only_what_differs_is_drawn(
    usual: Record, offsets: tuple[float, ...], expected: str
) -> None:
    """Bars of values that are the same, or as good as, would say that they differ."""
    records = [
        evolve(usual, at=AT + place * 5 * HOUR, offset_ms=offset)
        for place, offset in enumerate(offsets)
    ]
    table = course_table(records, [], (AT, HOURS_10), 20, watched=[], show_all=False)
    assert shown(table).splitlines()[5] == expected


def test_what_was_long_before_is_not_drawn() -> None:
    """But it is listed: it was so until the next one; and without numbers there are no bars."""
    records = [AWAY, evolve(AWAY, at=AT + 9 * HOUR)]
    span = (AT + 5 * HOUR, HOURS_10)
    table = course_table(records, [], span, 15, watched=[], show_all=False)
    out = shown(table).splitlines()
    assert [line[:7] for line in out[3:6]] == ["state  ", "       ", ""]
    assert out[3].rstrip() == "state           ?"
    assert "2026-11-01 12:00:00  unknown" in "\n".join(out)


def test_what_was_noted_is_told() -> None:
    """The last of it, below the sites; a sweep of nobody has no share."""
    notes = [Note(NoteKind.OTHER, f"note {number}", AT) for number in range(12)]
    empty = SweepRecord(at=AT, ended_at=AT)
    out = shown(sweeps_table("all sites", [empty], notes, (AT, AT + HOUR), 120))
    assert "note 11" in out
    assert "note 1\n" not in out
    came = [Note(NoteKind.OPENED, f"came {place}", AT + place * HOUR) for place in range(30)]
    out = shown(sweeps_table("all sites", [empty], [notes[0], *came], (AT, HOURS_10), 120))
    *lines, hidden = out.splitlines()
    assert hidden == "… and 21 notes more of that time"
    assert [line.split("  ")[-1] for line in lines[-10:]] == [
        "note 0",
        *(f"came {place}" for place in range(21, 30)),
    ]
    assert note_document(notes[0]) == {
        "schema": "axis-ntp/note/v1",
        "kind": "other",
        "message": "note 0",
        "at": "2026-11-01T12:00:00.000+00:00",
    }


def test_a_look_without_an_offset() -> None:
    """It tells none, and its document neither."""
    look = Look(record=AWAY, place=HERE, sweep=SweepRecord(at=AT, ended_at=AT + HOUR))
    found = Evidence(device="lobby-3", at=AT, before=None, after=look, head=HERE)
    assert evidence_document(found)["after"]["offset_min_s"] is None
    out = shown(evidence_table(found))
    assert "look after" in out
    assert "look before" not in out
    assert "2026-11-01 12:00:00 to 13:00:00" in out


def test_who_was_not_tried_was_not_looked_at(usual: Record) -> None:
    """Neither in the evidence nor in a course is that called a look, nor told twice."""
    message = "not tried: credentials 'fleet' are suspended"
    record = evolve(AWAY, cause=Cause.NOT_TRIED, message=message)
    look = Look(record=record, place=HERE, sweep=SweepRecord(at=AT, ended_at=AT + HOUR))
    out = shown(evidence_table(Evidence(device="lobby-3", at=AT, before=look, head=HERE)))
    assert "looked at (UTC)         not tried at 2026-11-01 13:00:00" in out
    assert "not tried: not tried" not in out
    assert what_changed(usual, record) == (message,)
    assert evolve(record, message="no file is left").trouble == "not tried: no file is left"


def test_evidence_without_any_doubt(usual: Record) -> None:
    """Then nothing is said of it but how our own clock was."""
    sweep = SweepRecord(at=AT, ended_at=AT, own_skew_s=0.5, own_devices=1)
    look = Look(record=usual, place=HERE)
    found = Evidence(device="lobby-3", at=AT, own_before=sweep, head=HERE, before=look, after=look)
    out = shown(evidence_table(found))
    assert "Mind what" not in out
    assert "Mind what" in shown(evidence_table(evolve(found, own_before=None)))
    assert "Its clock was between 0.4 s behind and 0.6 s ahead of ours" in out
    assert "it was +0.5 s against the median of 1 device in sync" in out


def test_a_wide_terminal_shows_numbers(usual: Record) -> None:
    """Offset and skew beside each change."""
    times = AT, AT + HOUR
    out = shown(course_table([usual], [DAY], times, 120, watched=[], show_all=True))
    assert "2026-11-01 12:00:00  ok     +1.25 ms  +0.1 s  in sync" in out
    assert "2026-11-01  warning      9        -       -0.5 s to +2.0 s" in out


def test_only_days_remain() -> None:
    """Then there is nothing to draw."""
    times = AT, AT + HOUR
    out = shown(course_table([], [DAY], times, 120, watched=[], show_all=False))
    assert out.splitlines()[1] == "older, day by day"


def test_names_of_others_steer_nothing(usual: Record) -> None:
    """Neither a device, a site, a server nor a message gets at the terminal."""
    evil = "\x1b[31mred\u202e[bold]x[/bold]"
    record = evolve(AWAY, device=evil, site=evil, message=evil, address=evil, serial=evil)
    found = Evidence(device=evil, at=AT, before=Look(record=record, place=HERE), head=HERE)
    sweep = SweepRecord(at=AT, ended_at=AT, sites={evil: {State.OK: 1}}, states={State.OK: 1})
    verdict = Verdict(fault=evil, blocks=0, records=0, begins_after=HERE, head=HERE)
    for what in (
        course_table(
            [record, evolve(usual, servers=(evil,))],
            [],
            (AT, AT + HOUR),
            120,
            watched=[],
            show_all=True,
        ),
        evidence_table(found),
        evidence_table(evolve(found, before=None)),
        sweeps_table(evil, [sweep], [], (AT, AT + HOUR), 120),
        verdict_table(verdict),
    ):
        out = shown(what, 300)
        assert "\x1b" not in out
        assert "\u202e" not in out
        assert "[bold]x[/bold]" in out


def test_the_share_of_a_site_is_its_least() -> None:
    """A step with a bad moment is a bad step."""
    sweeps = [
        SweepRecord(
            at=AT + minute * HOUR / 60,
            ended_at=AT,
            states={State.OK: ok, State.CRITICAL: 4 - ok},
            sites={"berlin": {State.OK: ok, State.CRITICAL: 4 - ok}, "empty": {}},
        )
        for minute, ok in ((0, 4), (1, 0), (2, 4), (30, 2), (59, 4))
    ]
    out = shown(sweeps_table("all sites", sweeps, [], (AT - HOUR, AT + HOUR), 32))
    assert "berlin        4  100.0%      0.0%  ▁    ▄   █" in out.replace("▄", "▄")
    assert "least of them were ok at 2026-11-01 12:01 UTC: 0 ok, 4 critical" in out
    assert "empty" not in out
    calm = shown(sweeps_table("all sites", [sweeps[0]], [], (AT - HOUR, AT + HOUR), 32))
    assert "least of them" not in calm


def test_a_device_that_left_has_no_clock() -> None:
    """It is told as not listed, and with what is left of that day."""
    found = Evidence(device="lobby-3", at=AT, before=Look(record=LEFT, place=HERE), head=HERE)
    out = shown(evidence_table(found))
    assert "it was not among the devices of the watch then." in out
    assert "not listed" in out
    out = shown(evidence_table(evolve(found, before=None, day=DAY)))
    assert "2026-11-01  warning      9" in out
    assert "Evidence for lobby-3\n" in out


def test_what_is_forgotten_is_told() -> None:
    """So that nobody takes the chain for all there ever was."""
    verdict = Verdict(fault=None, blocks=1, records=1, begins_after=HERE, head=Place(8, "c" * 64))
    out = shown(verdict_table(verdict))
    assert "sound: 1 block with 1 record are as written" in out
    remain = "; the sums that remain of it are as written"
    assert f"what was up to block 7 is forgotten{remain}\n" in out
    out = shown(verdict_table(evolve(verdict, fault="block 8: is missing")))
    assert out.endswith("what was up to block 7 is forgotten")


def test_columns_are_members_of_documents(usual: Record) -> None:
    """A table has nothing that a document has not."""
    found = Evidence(device="lobby-3", at=AT, head=HERE)
    sweep = SweepRecord(at=AT, ended_at=AT, states=dict.fromkeys(State, 1))
    verdict = Verdict(fault=None, blocks=0, records=0, begins_after=HERE, head=HERE)
    records = {*record_document(usual), *record_document(DAY)}
    assert set(RECORD_COLUMNS) == records
    assert set(EVIDENCE_COLUMNS) <= set(evidence_document(found))
    assert set(SWEEP_COLUMNS) <= set(sweep_document(sweep))
    assert set(VERDICT_COLUMNS) == set(verdict_document(verdict))
