"""`history` and `evidence`: nothing here talks to a device."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from typing import Final

from rich.console import RenderableType

from axis_ntp_async.cli.exits import ExitCode, say
from axis_ntp_async.cli.showing import Results
from axis_ntp_async.errors import SelectionError, SettingsError
from axis_ntp_async.health.history.evidence import Evidence
from axis_ntp_async.health.history.files import history_path
from axis_ntp_async.health.history.reading import HistoryReader
from axis_ntp_async.health.history.record import DayRecord, Place, Record, SweepRecord, Verdict
from axis_ntp_async.report.history.courses import course_table
from axis_ntp_async.report.history.documents import (
    EVIDENCE_COLUMNS,
    RECORD_COLUMNS,
    SWEEP_COLUMNS,
    VERDICT_COLUMNS,
    evidence_document,
    record_document,
    sweep_document,
    verdict_document,
)
from axis_ntp_async.report.history.evidence import evidence_table, verdict_table
from axis_ntp_async.report.history.strips import minutes
from axis_ntp_async.report.history.sweeps import sweeps_table

_AGO: Final = re.compile(r"(\d{1,6})\s*(s|m|min|h|d|w)")
_UNITS: Final = {
    "s": "seconds",
    "m": "minutes",
    "min": "minutes",
    "h": "hours",
    "d": "days",
    "w": "weeks",
}
_FIRST: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LAST: Final = dt.datetime(9998, 1, 1, tzinfo=dt.UTC)
_HEAD: Final = re.compile(r"(\d{1,18}):([0-9a-f]{64})")

Times = tuple[dt.datetime, dt.datetime]


def time_of(option: str, text: str, now: dt.datetime) -> dt.datetime:
    """
    Read a time: `now`, how long ago, or a date and time; in UTC, if it does not say otherwise.

    Args:
        option: What it was given for.
        text: As typed.
        now: The time now.

    Raises:
        SettingsError: It is none.
    """
    text = text.strip()
    if text == "now":
        return now
    try:
        if found := _AGO.fullmatch(text):
            return now - dt.timedelta(**{_UNITS[found[2]]: int(found[1])})
        at = dt.datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
        return min(max(at, _FIRST), _LAST).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise SettingsError(
            f"{option}: {text!r} is no time; write how long ago, like 90min, 24h or 7d, or a "
            "date and time in UTC, like 2026-11-24 or 2026-11-24T14:05:30"
        ) from None


def show_history(
    target: str | None,
    since: str,
    until: str,
    *,
    history: str | None,
    output: str | None,
    show_all: bool,
) -> ExitCode:
    """Show the course of a device, a site or all sites."""
    now = dt.datetime.now(dt.UTC)
    begin, end = time_of("--since", since, now), time_of("--until", until, now)
    if begin >= end:
        raise SettingsError(
            f"--since: {minutes(begin)} UTC is not before --until, {minutes(end)} UTC"
        )
    reader = HistoryReader(history_path(history))
    key, equals, name = (target or "").partition("=")
    if target and not (equals and key in {"site", "device"}):
        key, name = "device", target
    if key == "device":
        return _show_device(reader, name, (begin, end), output, show_all=show_all)
    return _show_sites(reader, name if key == "site" else None, (begin, end), output)


def _show_device(
    reader: HistoryReader, name: str, times: Times, output: str | None, *, show_all: bool
) -> ExitCode:
    records, days = reader.timeline(name, *times), reader.days(name, *times)
    if not records and not days:
        _check_device(reader, name)
        say(f"device {name!r}: nothing was recorded {_in_words(times)}")

    def table(_: object, width: int) -> RenderableType:
        watched = reader.watched(*times)
        return course_table(records, days, times, width, watched=watched, show_all=show_all)

    results: Results[Record | DayRecord] = Results(
        "records",
        record_document,
        table,
        RECORD_COLUMNS,
        output,
    )
    for day in days:
        results.add(day)
    for record in records:
        results.add(record)
    results.end()
    return ExitCode.OK


def _show_sites(
    reader: HistoryReader, site: str | None, times: Times, output: str | None
) -> ExitCode:
    sweeps = reader.sweeps(*times, site)
    if site and not sweeps:
        _check_site(reader, site)
    what = "all sites" if site is None else f"site {site}" if site else "devices without a site"
    if not sweeps:
        say(f"{what}: no sweep was recorded {_in_words(times)}")
    results: Results[SweepRecord] = Results(
        "sweep-records",
        sweep_document,
        lambda kept, width: sweeps_table(what, kept, reader.notes(*times), times, width),
        SWEEP_COLUMNS,
        output,
    )
    for sweep in sweeps:
        results.add(sweep)
    if sweeps or not results.is_table:
        results.end()
    return ExitCode.OK


def _in_words(times: Times) -> str:
    return f"from {minutes(times[0])} to {minutes(times[1])} UTC"


def _check_device(reader: HistoryReader, name: str) -> None:
    names = reader.names()
    if name not in names:
        raise SelectionError(
            f"{name!r} is none of the {len(names)} devices in history {reader.path}"
            f"{_nearest(name, names)}"
        )


def _check_site(reader: HistoryReader, site: str) -> None:
    sites = reader.sites()
    if site not in sites:
        raise SelectionError(
            f"site={site}: is none of the {len(sites)} sites in history {reader.path}"
            f"{_nearest(site, sites)}"
        )


def _nearest(name: str, names: tuple[str, ...]) -> str:
    folded = {one.casefold(): one for one in names}
    nearest = difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)
    return f"; the closest: {', '.join(folded[one] for one in nearest)}" if nearest else ""


def show_evidence(device: str, at: str, history: str | None, output: str | None) -> ExitCode:
    """Tell what a device's clock was at an instant."""
    now = dt.datetime.now(dt.UTC)
    instant = time_of("--at", at, now)
    if instant > now:
        raise SettingsError(f"--at: {minutes(instant)} UTC is still to come")
    reader = HistoryReader(history_path(history))
    name = device.removeprefix("device=")
    found = reader.evidence(name, instant)
    if found.before is None and found.after is None:
        _check_device(reader, name)
    results: Results[Evidence] = Results(
        "evidences",
        evidence_document,
        lambda _, __: evidence_table(found),
        EVIDENCE_COLUMNS,
        output,
    )
    results.add(found)
    results.end()
    return ExitCode.OK if found.fault is None else ExitCode.SOME_FAILED


def verify_history(head: str | None, history: str | None, output: str | None) -> ExitCode:
    """Check a history against its chain."""
    verdict = HistoryReader(history_path(history)).verify(_place(head))
    results: Results[Verdict] = Results(
        "verdicts",
        verdict_document,
        lambda _, __: verdict_table(verdict),
        VERDICT_COLUMNS,
        output,
    )
    results.add(verdict)
    results.end()
    return ExitCode.OK if verdict.is_sound else ExitCode.SOME_FAILED


def _place(head: str | None) -> Place | None:
    if head is None:
        return None
    found = _HEAD.fullmatch(head.strip())
    if not found:
        raise SettingsError(
            f"--head: {head!r} is no end of a chain; copy it as 'axis-ntp evidence' or "
            "'axis-ntp history verify' told it: a number, a colon and 64 hex digits"
        )
    return Place(int(found[1]), found[2])
