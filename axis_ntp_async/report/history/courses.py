"""The course of one device: its states, its offset, and every change."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from axis_ntp_async.health.finding import State
from axis_ntp_async.health.history.evidence import APART_MOST
from axis_ntp_async.health.history.record import DayRecord, Record
from axis_ntp_async.report.history.strips import (
    Span,
    between,
    days_table,
    identity,
    points_of,
    seconds,
    sparkline,
)
from axis_ntp_async.report.tables import (
    STYLES,
    counted,
    plain_table,
    signed_offset,
    signed_skew,
    word,
)

_LETTERS: Final = {State.OK: "·", State.WARNING: "W", State.UNKNOWN: "?", State.CRITICAL: "C"}
_LEGEND: Final = "· ok, W warning, ? unknown, C critical, - not listed, blank: nobody looked"
_MOMENT: Final = dt.timedelta(milliseconds=1)
_STEP_MS: Final = 50.0
_WIDE: Final = 100


def course_table(
    records: Sequence[Record],
    days: Sequence[DayRecord],
    since: dt.datetime,
    until: dt.datetime,
    width: int,
    *,
    show_all: bool,
) -> RenderableType:
    """
    Show the course of one device: its states, its offset, and every change.

    Args:
        records: Its records; the first may be older than the span.
        days: What remains of older ones.
        since: When the span begins.
        until: When it ends.
        width: Of the terminal.
        show_all: Whether to list records that tell no change, too.
    """
    parts: list[RenderableType] = []
    if records:
        span = Span(max(since, records[0].at), until, points_of(width))
        parts += [identity(records[-1]), between(span, counted(len(records), "record"))]
        parts += [Text(), *_strips(records, span)]
    if days:
        parts += [Text(), *days_table(days)]
    if records:
        parts += [Text(), *_changes(records, width, show_all=show_all)]
    return Group(*parts)


def _strips(records: Sequence[Record], span: Span) -> Iterator[RenderableType]:
    shown: list[list[Record]] = [[] for _ in range(span.points)]
    for record, after in itertools.zip_longest(records, records[1:]):
        # Silence means unchanged, but not for longer than anybody looks.
        end = min(record.at + APART_MOST, after.at if after else span.until, span.until)
        first, last = span.place(record.at), span.place(max(record.at, end - _MOMENT))
        if end >= span.since:
            for place in range(first, last + 1):
                shown[place].append(record)
    worst = [max(here, key=_badness, default=None) for here in shown]
    letters = Text("state   ")
    for record in worst:
        letters.append(*_letter(record))
    yield letters
    for title, value, told in (
        ("offset  ", lambda one: one.offset_ms, signed_offset),
        ("skew    ", lambda one: one.skew_s, signed_skew),
    ):
        yield from _bars(title, shown, value, told)
    yield Text(f"        {_LEGEND}", style="dim")


def _badness(record: Record) -> tuple[int, dt.datetime]:
    return record.state.rank, record.at


def _letter(record: Record | None) -> tuple[str, str]:
    if record is None:
        return " ", ""
    if record.has_left:
        return "-", "dim"
    return _LETTERS[record.state], STYLES[record.state]


def _bars(
    title: str,
    shown: Sequence[Sequence[Record]],
    value: Callable[[Record], float | None],
    told: Callable[[float | None], str],
) -> Iterator[Text]:
    columns = [
        max((abs(one) for record in here if (one := value(record)) is not None), default=None)
        for here in shown
    ]
    every = [one for here in shown for record in here if (one := value(record)) is not None]
    if every:
        least, most = min(every), max(every)
        yield Text.assemble(title, sparkline(columns), f"  {told(least)} to {told(most)}")


def _changes(records: Sequence[Record], width: int, *, show_all: bool) -> Iterator[RenderableType]:
    rows, hidden, last = [], 0, None
    for record in records:
        what = what_changed(last, record)
        if what or show_all:
            rows.append((record, what))
        else:
            hidden += 1
        last = record
    titles = ["when (UTC)", "state", "offset", "skew", "what changed"]
    if width < _WIDE:
        del titles[2:4]
    table = plain_table(
        titles,
        [
            [cells[title] for title in titles]
            for record, what in rows
            for cells in [_cells(record, what)]
        ],
    )
    table.columns[0].no_wrap = True
    yield table
    if hidden:
        more = counted(hidden, "record")
        yield Text(f"… and {more} that tell no change; --all lists every one", style="dim")


def _cells(record: Record, what: Sequence[str]) -> dict[str, str]:
    return {
        "when (UTC)": seconds(record.at),
        "state": "-" if record.has_left else record.state.value,
        "offset": signed_offset(record.offset_ms),
        "skew": signed_skew(record.skew_s),
        "what changed": "; ".join(what) or "-",
    }


def what_changed(last: Record | None, record: Record) -> tuple[str, ...]:
    """Give what a record says that the one before did not; nothing when it only repeats it."""
    if record.has_left:
        return ("is no more among the devices of the watch",)
    told = record.trouble
    if last is None:
        return (told or "in sync",)
    what = []
    if (last.state, last.cause, last.message, last.has_left) != (
        *(record.state, record.cause, record.message, record.has_left),
    ):
        what.append(told or "ok again")
    if record.message or last.message or last.has_left:
        return tuple(what)  # it did not tell its settings now, or then
    for name in ("address", "serial", "site", "enabled", "nts", "source", "servers", "synced"):
        before, after = getattr(last, name), getattr(record, name)
        if before != after:
            what.append(f"{name} {word(before)} → {word(after)}")
    if last.drift != record.drift and record.drift:
        what.append(f"not as desired: {', '.join(record.drift)}")
    return (*what, *_jumps(last, record))


def _jumps(last: Record, record: Record) -> Iterator[str]:
    if None not in (last.offset_ms, record.offset_ms):
        by = (record.offset_ms or 0.0) - (last.offset_ms or 0.0)
        if abs(by) > _STEP_MS:
            yield f"offset moved by {signed_offset(by)}"
    if None not in (last.skew_s, record.skew_s):
        by = (record.skew_s or 0.0) - (last.skew_s or 0.0)
        if abs(by) > 1.0 + (last.uncertainty_s or 0.0):
            yield f"its clock moved by {signed_skew(by)}"
