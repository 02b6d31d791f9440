"""What a watch tells on standard output: lines for people, JSON lines for programs."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from typing import Final

from attrs import define, field
from rich.table import Table
from rich.text import Text

from axis_ntp_async.cli.exits import say
from axis_ntp_async.cli.fleet import counted
from axis_ntp_async.health.finding import State
from axis_ntp_async.health.watch.events import SourceKept, SweepEnded, WatchEvent
from axis_ntp_async.health.watch.notice import notice_of
from axis_ntp_async.report.documents import Document, summary_document
from axis_ntp_async.report.notices import (
    change_document,
    notice_lines,
    remark_document,
    site_cause_document,
    source_kept_document,
)
from axis_ntp_async.report.output import JSONLines
from axis_ntp_async.report.printable import printable
from axis_ntp_async.report.tables import STYLES, first_of
from axis_ntp_async.report.terminal import show

_NAMED: Final = 5


@define
class Telling:
    """
    Tells what lasts, and a line for each sweep.

    Attributes:
        output: `table` for people, `jsonl` for programs; `None` decides by the terminal.
        quiet: Whether sweeps without news are left out.
    """

    output: str | None
    quiet: bool
    _lines: JSONLines | None = field(init=False)
    _is_first: bool = field(default=True, init=False)
    _is_full: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        output = self.output or ("table" if sys.stdout.isatty() else "jsonl")
        self._lines = JSONLines(sys.stdout) if output == "jsonl" else None

    def take(self, event: WatchEvent) -> None:
        """Tell what there is to be told of an event; a full disk does not end a watch."""
        try:
            self._tell(event)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EIO}:
                raise
            if not self._is_full:
                say(f"the output cannot be written: {error.strerror}; the watch goes on without")
            self._is_full = True

    def _tell(self, event: WatchEvent) -> None:
        if self._lines is not None:
            self._write(event, self._lines)
            return
        if isinstance(event, SweepEnded):
            shown = Table.grid(padding=(0, 2, 0, 0))
            for line in self._shown(event):
                shown.add_row(Text(f"{event.ended_at.astimezone():%H:%M:%S}", "dim"), line)
            if shown.rows:
                show(shown)

    def _write(self, event: WatchEvent, lines: JSONLines) -> None:
        if isinstance(event, SourceKept) and not self.quiet:
            lines.write(source_kept_document(event))
        if not isinstance(event, SweepEnded):
            return
        for remark in event.remarks:
            lines.write(remark_document(remark, event.ended_at))
        for change in event.changes:
            lines.write(change_document(change))
        for cause in (*event.began, *event.grown):
            lines.write({**site_cause_document(cause), "is_over": False})
        for cause in event.ended:
            lines.write({**site_cause_document(cause), "is_over": True})
        if not self.quiet:
            lines.write(_sweep_document(event))

    def _shown(self, event: SweepEnded) -> Iterator[Text]:
        notice = notice_of(event)
        for line in notice_lines(notice) if notice else ():
            style = "bold red" if line.state is None else STYLES[line.state]
            yield Text(printable(line.text), style)
        if self.quiet:
            return
        if self._is_first:
            yield from _at_first(event)
        self._is_first = False
        yield _counts(event)


def _sweep_document(event: SweepEnded) -> Document:
    return {
        **summary_document(event.summary),
        "sweep": event.number,
        "at": event.began_at.isoformat(timespec="milliseconds"),
        "duration_s": round(event.duration_s, 3),
        "is_complete": event.is_complete,
        "own_clock": event.own_clock.message,
        "untried": [one.message for one in event.untried],
    }


def _at_first(event: SweepEnded) -> Iterator[Text]:
    """Give what is wrong when a watch begins, also what was told long ago."""
    told = {*event.began, *event.grown}
    known = (cause for cause in event.site_causes if cause not in told)
    yield from (Text(printable(f"still: {cause.message}"), "red") for cause in known)
    groups = sorted(
        event.summary.groups.items(),
        key=lambda one: (-one[1].examples[0].state.rank, -one[1].count),
    )
    for (cause, hint), group in groups:
        first = group.examples[0]
        names = first_of([one.device.name for one in group.examples], _NAMED, group.count)
        word = cause.value.replace("_", " ")
        text = f"at first look {counted(group.count, 'device')}: {word}: {names}. {hint}"
        yield Text(printable(text), STYLES[first.state])


def _counts(event: SweepEnded) -> Text:
    summary = event.summary
    devices = counted(summary.devices, "device")
    line = Text(f"sweep {event.number}: {devices} in {event.duration_s:.0f} s: ")
    counts = [
        Text(f"{summary.states[state]} {state.value}", STYLES[state])
        for state in State
        if summary.states[state]
    ]
    line.append_text(Text(", ").join(counts))
    return line if event.is_complete else line.append(" (stopped before all were looked at)")
