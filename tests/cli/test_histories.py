"""`history`, `history verify` and `evidence`."""

import contextlib
import datetime as dt
import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from axis_ntp_async.cli.commands import axis_ntp
from axis_ntp_async.cli.histories import time_of
from axis_ntp_async.cli.history_commands import HISTORY_COMMANDS
from axis_ntp_async.errors import SettingsError
from axis_ntp_async.health.finding import Cause, State
from axis_ntp_async.health.history.history import History
from axis_ntp_async.health.history.keeping import HistoryRules
from axis_ntp_async.health.history.record import Note, NoteKind, Record, SweepRecord

Run = Callable[..., Any]

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


@pytest.fixture(autouse=True)
def commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """These commands are there."""
    for command in HISTORY_COMMANDS:
        monkeypatch.setitem(axis_ntp.commands, str(command.name), command)


def sweep(history: History, *records: Record, notes: tuple[Note, ...] = ()) -> None:
    sites = {record.site: {record.state: 1} for record in records}
    end = records[0].at + dt.timedelta(minutes=1)
    history.append(records)
    history.end_sweep(
        SweepRecord(
            at=records[0].at, ended_at=end, sites=sites, own_skew_s=-0.04, own_devices=len(sites)
        ),
        notes,
    )


def three_hours(home: Path, usual: Record, rules: HistoryRules) -> Path:
    """Keep three hours of two devices, in the usual place; one lost its servers an hour ago."""
    path = home / "axis-ntp" / "history.db"
    with History(path, rules=rules) as opened:
        for minutes in range(180, 0, -10):
            at = NOW - dt.timedelta(minutes=minutes)
            lobby = evolve(usual, at=at)
            if minutes <= 60:
                lobby = evolve(
                    lobby,
                    state=State.CRITICAL,
                    cause=Cause.NOT_SYNCED,
                    synced=False,
                    offset_ms=None,
                    servers=("10.9.9.9",),
                )
            gate = evolve(usual, device="verify", site=None, address="[::1]", at=at, serial=None)
            note = Note(NoteKind.OWN_CLOCK, "our own clock was set by +3.0 s", at)
            sweep(opened, lobby, gate, notes=(note,) * (minutes == 120))
    return path


@pytest.fixture
def history(home: Path, usual: Record) -> Path:
    """These three hours, as they are kept usually."""
    return three_hours(home, usual, HistoryRules())


@pytest.fixture
def steady_history(home: Path, usual: Record) -> Path:
    """The same without a record every hour: which look has it is a matter of the time of day."""
    return three_hours(home, usual, HistoryRules(every_s=1e6))


def test_the_course_of_a_device_is_shown(run: Run, history: Path) -> None:
    """Its states as letters, its offset as bars, and each change in words."""
    assert history.is_file()
    ran = run("history", "lobby-3", "-o", "table")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0] == "lobby-3 (berlin, 10.0.4.17, ACCC8E012345)"
    assert re.search(r"a column is 2 min 3\d s$", lines[1])
    assert lines[3].startswith("state   ····")
    assert lines[3].rstrip().endswith("CCC")
    assert "in sync" in ran.out
    assert "not synced; servers 10.0.0.5 10.0.0.6 → 10.9.9.9; synced yes → no" in ran.out
    assert "that tell no change; --all lists every one" in ran.out
    assert "tell no change" not in run("history", "lobby-3", "-o", "table", "--all").out


@pytest.mark.parametrize(
    "arguments",
    [
        ("history", "show", "verify"),
        ("history", "device=verify"),
        ("history", "-o", "jsonl", "device=verify"),
        ("history", "--since", "1d", "device=verify"),
    ],
)
def test_a_device_may_be_called_like_a_command(
    run: Run, history: Path, arguments: tuple[str, ...]
) -> None:
    """And options may stand anywhere."""
    ran = run(*arguments, "--history", history)
    assert {line["device"] for line in ran.lines} == {"verify"}
    assert {line["schema"] for line in ran.lines} == {"axis-ntp/record/v1"}


def test_records_are_documents(run: Run, history: Path) -> None:
    """Offsets and skews in seconds, times in UTC; as lines, as one document, as a table."""
    lines = run("history", "lobby-3", "--history", history).lines
    assert [line["state"] for line in lines if line["cause"]] == ["critical"] * (
        sum(line["state"] == "critical" for line in lines)
    )
    assert (lines[0]["offset_s"], lines[0]["skew_s"]) == (0.00125, 0.1)
    assert lines[0]["at"].endswith("+00:00")
    document = json.loads(run("history", "lobby-3", "-o", "json").out)
    assert (document["schema"], document["results"]) == ("axis-ntp/records/v1", lines)
    rows = run("history", "lobby-3", "-o", "csv").rows
    assert [row["servers"] for row in rows][-1] == "10.9.9.9"
    assert len(rows) == len(lines)


def test_a_span_may_be_named(run: Run, history: Path) -> None:
    """From its begin on, with what was so then; until its end."""
    ago = (NOW - dt.timedelta(minutes=90)).isoformat()
    late = run("history", "lobby-3", "--since", "30min", "--history", history).lines
    assert {line["state"] for line in late} == {"critical"}
    early = run("history", "lobby-3", "--since", "1d", "--until", ago).lines
    assert {line["state"] for line in early} == {"ok"}


def test_all_sites_are_shown(run: Run, history: Path) -> None:
    """Each with the share that is ok, and what was noted."""
    ran = run("history", "-o", "table", "--history", history)
    lines = ran.out.splitlines()
    assert lines[0] == "all sites"
    assert ", 18 sweeps; a column is" in lines[1]
    assert [line.split()[:4] for line in lines[4:6]] == [
        ["(no", "site)", "1", "100.0%"],
        ["berlin", "1", "0.0%", "0.0%"],
    ]
    assert "█" in lines[5]
    assert "▁" in lines[5]
    assert "our own clock was set by +3.0 s" in lines[-1]


def test_one_site_is_shown(run: Run, history: Path) -> None:
    """Only its own devices; devices without one are a site, too."""
    lines = run("history", "site=berlin", "--history", history).lines
    assert len(lines) == 18
    assert {line["schema"] for line in lines} == {"axis-ntp/sweep-record/v1"}
    assert (lines[0]["ok"], lines[0]["ok_ratio"], lines[-1]["ok_ratio"]) == (1, 1.0, 0.0)
    without = run("history", "site=").lines
    assert {line["ok_ratio"] for line in without} == {1.0}
    rows = run("history", "site=berlin", "-o", "csv").rows
    assert (rows[-1]["critical"], rows[-1]["own_skew_s"]) == ("1", "-0.04")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("lobby-4",), "'lobby-4' is none of the 2 devices in history PATH; the closest: lobby-3"),
        (("xyz",), "'xyz' is none of the 2 devices in history PATH"),
        (
            ("site=berlim",),
            "site=berlim: is none of the 1 sites in history PATH; the closest: berl",
        ),
        (("device=",), "'' is none of the 2 devices"),
        (("lobby-3", "--since", "soon"), "--since: 'soon' is no time; write how long ago, like"),
        (("lobby-3", "--until", "2026-13-01"), "--until: '2026-13-01' is no time; write how"),
        (("lobby-3", "--since", "1h", "--until", "2h"), "--since: "),
        (("verify", "--head", "12:ab"), "--head: '12:ab' is no end of a chain; copy it as"),
    ],
)
def test_a_wrong_question_is_told(
    run: Run, history: Path, arguments: tuple[str, ...], expected: str
) -> None:
    """In one line, with what might have been meant."""
    ran = run("history", *arguments, "-o", "table", "--history", history)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"axis-ntp: {expected.replace('PATH', str(history))}")
    assert len(ran.err.splitlines()) == 1


def test_a_span_without_anything(run: Run, history: Path) -> None:
    """That is told, and is no fault."""
    for target, told in (
        ("lobby-3", "device 'lobby-3': nothing was recorded from"),
        ("site=berlin", "site berlin: no sweep was recorded from"),
    ):
        ran = run("history", target, "--since", "9d", "--until", "8d", "--history", history)
        assert (ran.code, ran.out) == (0, "")
        assert ran.err.startswith(f"axis-ntp: {told} ")
    assert run("history", "--since", "9d", "--until", "8d", "-o", "table").out == ""


def test_what_is_forgotten_is_shown_by_days(run: Run, history: Path, usual: Record) -> None:
    """One line a day, before what is still known."""
    old = NOW - dt.timedelta(days=30)
    with History(history, rules=HistoryRules(keep_days=7)) as opened:
        opened.append([evolve(usual, device="old", at=old), evolve(usual, device="old-2", at=old)])
    with History(history.with_name("pruned.db"), rules=HistoryRules(keep_days=7)) as opened:
        sweep(opened, evolve(usual, at=old))
        sweep(opened, evolve(usual, at=NOW - dt.timedelta(hours=1)))
        opened.prune(NOW)
    asked = ("history", "lobby-3", "--since", "60d", "--history", history.with_name("pruned.db"))
    out = run(*asked, "-o", "table").out
    assert "older, day by day" in out
    assert f"{old:%Y-%m-%d}  ok           1        +1.25 ms to +1.25 ms" in out
    day, record = run(*asked).lines
    assert (day["schema"], day["day"]) == ("axis-ntp/record-day/v1", f"{old:%Y-%m-%d}")
    assert (day["offset_min_s"], record["schema"]) == (0.00125, "axis-ntp/record/v1")
    out = run(
        "evidence", "lobby-3", "--at", f"{old:%Y-%m-%dT%H:%M:%S}", *asked[-2:], "-o", "table"
    ).out
    assert "older, day by day" not in out or "forgotten" in out


def test_evidence_is_told(run: Run, steady_history: Path) -> None:
    """What follows, from which looks, and where the chain ends; in UTC."""
    ran = run("evidence", "lobby-3", "--at", "95min", "-o", "table", "--history", steady_history)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Evidence for lobby-3 (berlin, 10.0.4.17, ACCC8E012345)\nat 20")
    assert "Its clock was between 1.4 s behind and 1.6 s ahead of ours, unless it was set" in (
        " ".join(ran.out.split())
    )
    assert "its clock against ours  +0.1 s ± 1.5 s" in ran.out
    assert "offset it reported      +1.25 ms ± 50 ms" in ran.out
    assert "static: 10.0.0.5 10.0.0.6" in ran.out
    assert "it was -0.0 s against the median" in ran.out or "+0.0 s against" in ran.out
    verdict = run("history", "verify").lines[0]
    assert f"The chain of records ends with block {verdict['head']}." in ran.out


def test_evidence_is_a_document(run: Run, steady_history: Path) -> None:
    """Everything in seconds, with the block that each record is in."""
    [line] = run("evidence", "lobby-3", "--at", "95min", "--history", steady_history).lines
    assert (line["schema"], line["device"]) == ("axis-ntp/evidence/v1", "lobby-3")
    assert (line["skew_min_s"], line["skew_max_s"], line["why_not"]) == (-1.4, 1.6, None)
    assert line["before"]["unchanged_in_sweep"] is True
    assert line["before"]["offset_max_s"] == 0.05125
    assert line["own_clock_before"]["skew_s"] == -0.04
    document = json.loads(run("evidence", "lobby-3", "--at", "95min", "-o", "json").out)
    assert document["results"][0]["head"] == line["head"]
    [row] = run("evidence", "lobby-3", "--at", "95min", "-o", "csv").rows
    assert json.loads(row["before"])["record"]["device"] == "lobby-3"


def test_where_there_is_no_evidence_that_is_told(run: Run, history: Path) -> None:
    """And why; with what is known all the same."""
    usual = ("evidence", "lobby-3", "-o", "table", "--history", history, "--at")
    assert "instant: nobody has looked at it since." in run(*usual, "5s").out
    assert "instant: no look at it before that instant is recorded." in run(*usual, "9h").out
    out = run(*usual, "115min").out
    assert "  our own clock was set by +3.0 s" in out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("lobby-33", "--at", "1h"), "'lobby-33' is none of the 2 devices in history"),
        (("lobby-3", "--at", "never"), "--at: 'never' is no time"),
        (("lobby-3", "--at", "2999-01-01"), "--at: 2999-01-01 00:00 UTC is still to come"),
    ],
)
def test_a_wrong_instant_or_device_is_told(
    run: Run, history: Path, arguments: tuple[str, ...], expected: str
) -> None:
    """In one line."""
    ran = run("evidence", *arguments, "--history", history)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"axis-ntp: {expected}")


def test_a_sound_history_is_told(run: Run, history: Path) -> None:
    """With its end, which later still holds."""
    ran = run("history", "verify", "-o", "table", "--history", history)
    assert ran.code == 0
    assert re.match(r"sound: \d+ blocks with \d+ records are as written\n", ran.out)
    head = ran.out.split()[-1]
    assert run("history", "verify", "--head", head).lines[0]["is_sound"] is True
    assert run("history", "verify", "--head", f"7{head}").code == 1
    assert run("history", "verify", "-o", "csv").rows[0]["head"] == head


def test_a_changed_history_is_told(run: Run, history: Path) -> None:
    """Where, and it leaves with 1."""
    with contextlib.closing(sqlite3.connect(history)) as connection:
        connection.execute("UPDATE records SET skew_ms = 0 WHERE seq = 3")
        connection.commit()
    ran = run("history", "verify", "-o", "table")
    assert ran.code == 1
    assert ran.out.startswith("NOT sound: block ")
    assert "are not as they were written" in ran.out
    assert run("history", "verify").lines[0]["is_sound"] is False


@pytest.mark.parametrize(
    "command", [("history",), ("history", "lobby-3"), ("evidence", "lobby-3", "--at", "1h")]
)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE looks SET device = 'x'",
        "UPDATE blocks SET at_ms = -at_ms",
        "UPDATE blocks SET at_ms = at_ms << 20",
        "UPDATE blocks SET sweep = '{}', digest = 'x'; UPDATE looks SET text = CAST(text AS BLOB)",
    ],
)
def test_damage_is_told(run: Run, history: Path, command: tuple[str, ...], statement: str) -> None:
    """In one line that names the file and what to do; nothing of it is shown."""
    with contextlib.closing(sqlite3.connect(history)) as connection:
        connection.executescript(statement)
    ran = run(*command, "-o", "table", "--history", history)
    assert (ran.code, ran.out) == (2, "")
    assert re.fullmatch(
        f"axis-ntp: history {history}: .+ is damaged.*; see: axis-ntp history verify\n", ran.err
    )
    assert run("history", "verify", "--history", history).code == 1


@pytest.mark.parametrize("command", [("history", "x"), ("history", "verify"), ("evidence", "x")])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("none.db", "there is no such file; name yours with --history"),
        ("text", "file is not a database; name your history with --history"),
        ("other.db", "is no history of this program; name yours with --history"),
        ("later.db", "was written by a newer version of this program; use that one for it"),
    ],
)
def test_another_file_is_told(
    run: Run, history: Path, command: tuple[str, ...], name: str, expected: str
) -> None:
    """In one line, with what to do."""
    Path("text").write_text("name,host\n" * 100, encoding="utf-8")
    with contextlib.closing(sqlite3.connect("other.db")) as connection:
        connection.execute("CREATE TABLE urls (url)")
    Path("later.db").write_bytes(history.read_bytes())
    with contextlib.closing(sqlite3.connect("later.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    at = ("--at", "1h") if command[0] == "evidence" else ()
    ran = run(*command, *at, "--history", name)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"axis-ntp: history {name}: {expected}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", dt.timedelta()),
        ("90 s", dt.timedelta(seconds=90)),
        ("90min", dt.timedelta(minutes=90)),
        ("5m", dt.timedelta(minutes=5)),
        (" 24h ", dt.timedelta(days=1)),
        ("7d", dt.timedelta(days=7)),
        ("2w", dt.timedelta(weeks=2)),
    ],
)
def test_times_that_are_past(text: str, expected: dt.timedelta) -> None:
    """So long ago."""
    assert NOW - time_of("--at", text, NOW) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24", "2026-11-24T00:00:00+00:00"),
        ("2026-11-24 14:05", "2026-11-24T14:05:00+00:00"),
        ("2026-11-24T14:05:30Z", "2026-11-24T14:05:30+00:00"),
        ("2026-11-24T14:05:30.5+02:00", "2026-11-24T12:05:30.500000+00:00"),
    ],
)
def test_times_as_dates(text: str, expected: str) -> None:
    """In UTC, unless they say otherwise."""
    assert time_of("--at", text, NOW).isoformat() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0001-01-01T00:00+14:00", "1970-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59-14:00", "9998-01-01T00:00:00+00:00"),
    ],
)
def test_times_beyond_any_history(text: str, expected: str) -> None:
    """They mean all of it, and nobody computes with what a calendar cannot hold."""
    assert time_of("--since", text, NOW).isoformat() == expected


@pytest.mark.parametrize("text", ["", "7", "-7d", "7 years", "999999w", "1e3h"])
def test_times_that_are_none(text: str) -> None:
    """Whatever is wrong with them."""
    with pytest.raises(SettingsError, match="is no time"):
        time_of("--at", text, NOW)


@pytest.mark.parametrize("command", [("history",), ("history", "show"), ("evidence",)])
def test_help_needs_no_history(run: Run, command: tuple[str, ...]) -> None:
    """It is there before a watch ever ran."""
    ran = run(*command, "--help")
    assert ran.code == 0
    assert "UTC" in ran.out or "TARGET" in ran.out
