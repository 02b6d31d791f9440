"""The course of one device: its states, its offset, and every change."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from axis_ntp_async.health.finding import State
from axis_ntp_async.health.history.record import DayRecord, Record
from axis_ntp_async.health.history.watched import Times
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
_WORDS: Final = {
    **{letter: state.value for state, letter in _LETTERS.items()},
    "-": "not listed",
    " ": "blank: no look",
}
_MOMENT: Final = dt.timedelta(milliseconds=1)
_STEP_MS: Final = 50.0
_FLAT: Final = 1.0
_WIDE: Final = 100


def course_table(
    records: Sequence[Record],
    days: Sequence[DayRecord],
    times: Times,
    width: int,
    *,
    watched: Sequence[Times],
    show_all: bool,
) -> RenderableType:
    """
    Show the course of one device: its states, its offset, and every change.

    Args:
        records: Its records; the first may be older than the span.
        days: What remains of older ones.
        times: When the span begins, and when it ends.
        width: Of the terminal.
        watched: When somebody looked.
        show_all: Whether to list records that tell no change, too.
    """
    parts: list[RenderableType] = []
    if records:
        span = Span(max(times[0], records[0].at), times[1], points_of(width))
        parts += [identity(records[-1]), between(span, counted(len(records), "record"))]
        parts += [Text(), *_strips(records, span, watched)]
    if days:
        parts += [Text(), *days_table(days)]
    if records:
        parts += [Text(), *_changes(records, width, show_all=show_all)]
    return Group(*parts)


def _strips(
    records: Sequence[Record], span: Span, watched: Sequence[Times]
) -> Iterator[RenderableType]:
    shown: list[list[Record]] = [[] for _ in range(span.points)]
    for record, after in itertools.zip_longest(records, records[1:]):
        end = after.at if after else span.until
        for place in _places(record, end, span, watched):
            shown[place].append(record)
    letters = [_letter(max(here, key=_badness, default=None)) for here in shown]
    yield Text.assemble("state   ", *letters)
    known = {letter for letter, _ in letters}
    words = (f"{letter} {what}".strip() for letter, what in _WORDS.items() if letter in known)
    yield Text(f"        {', '.join(words)}", style="dim")
    yield from _bars("offset  ", shown, lambda one: one.offset_ms, signed_offset)
    yield from _bars("skew    ", shown, lambda one: one.skew_s, signed_skew)


def _places(record: Record, end: dt.datetime, span: Span, watched: Sequence[Times]) -> set[int]:
    """
    Give the steps in which somebody found a device as a record says.

    That is when it was written; and until the next one, as long as somebody
    looked: then silence means unchanged.
    """
    places = {span.place(record.at)} if record.at >= span.since else set()
    for begin, stop in watched:
        first = max(record.at, begin, span.since)
        last = min(end - _MOMENT, stop, span.until)
        if first <= last:
            places.update(range(span.place(first), span.place(last) + 1))
    return places


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
    if not every:
        return
    least, most = min(every), max(every)
    bounds = " to ".join(dict.fromkeys((told(least), told(most))))
    is_flat = most - least <= _FLAT  # of a millisecond or a second there is nothing to be drawn
    yield Text(f"{title}{bounds}" if is_flat else f"{title}{sparkline(columns)}  {bounds}")


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
