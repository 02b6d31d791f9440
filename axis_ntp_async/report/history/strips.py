"""What a course is drawn with: steps of time, bars, and the head above them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from attrs import frozen
from rich.console import RenderableType
from rich.text import Text

from axis_ntp_async.health.history.evidence import Range, in_words
from axis_ntp_async.health.history.record import DayRecord, Record
from axis_ntp_async.report.printable import printable
from axis_ntp_async.report.tables import plain_table, signed_offset, signed_skew

_BARS: Final = "▁▂▃▄▅▆▇█"
_POINTS_MOST: Final = 72


@frozen
class Span:
    """
    A span of time, divided into steps of equal length.

    Attributes:
        since: Its begin.
        until: Its end.
        points: How many steps.
    """

    since: dt.datetime
    until: dt.datetime
    points: int

    @property
    def step(self) -> dt.timedelta:
        """How long a step is."""
        return max((self.until - self.since) / self.points, dt.timedelta(milliseconds=1))

    def place(self, at: dt.datetime) -> int:
        """Give the step that a moment lies in."""
        return min(max(0, (at - self.since) // self.step), self.points - 1)


def sparkline(values: Sequence[float | None], most: float | None = None) -> str:
    """
    Give numbers from 0 on as bars, and a blank where there is none.

    Args:
        values: One for each column.
        most: What a full bar stands for; `None` is the greatest of them.
    """
    top = most if most is not None else max((one for one in values if one is not None), default=0)
    return "".join(
        " " if value is None else _BARS[min(7, int(value / top * 7.999)) if top > 0 else 0]
        for value in values
    )


def points_of(width: int) -> int:
    """Give how many steps fit into so many columns of characters."""
    return max(10, min(_POINTS_MOST, width - 36))


def identity(record: Record) -> Text:
    """Give the name of a device, and what else it is known by."""
    more = ", ".join(filter(None, (record.site, record.address, record.serial)))
    return Text.assemble((printable(record.device), "bold"), printable(f" ({more})"))


def between(span: Span, what: str) -> Text:
    """Tell which span is shown."""
    return Text(
        f"{minutes(span.since)} to {minutes(span.until)} UTC, {what}; "
        f"a column is {in_words(span.step)}"
    )


def days_table(days: Sequence[DayRecord]) -> Iterator[RenderableType]:
    """Show what remains of forgotten records."""
    yield Text("older, day by day", style="bold")
    yield plain_table(
        ("day", "worst state", "records", "offset", "skew"),
        [
            (
                one.day.isoformat(),
                one.worst.value,
                str(one.records),
                _from_to(one.offset_ms, signed_offset),
                _from_to(one.skew_s, signed_skew),
            )
            for one in days
        ],
    )


def _from_to(bounds: Range | None, told: Callable[[float | None], str]) -> str:
    return f"{told(bounds[0])} to {told(bounds[1])}" if bounds else "-"


def minutes(moment: dt.datetime) -> str:
    """Give a moment in UTC to the minute."""
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M}"


def seconds(moment: dt.datetime) -> str:
    """Give a moment in UTC to the second."""
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}"
