"""What a watch tells on standard output: lines for people, JSON lines for programs."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator

from attrs import define, field
from rich.text import Text

from axis_ntp_async.cli.exits import say
from axis_ntp_async.cli.fleet import counted
from axis_ntp_async.health.finding import State
from axis_ntp_async.health.watch.events import SourceKept, SweepEnded, WatchEvent
from axis_ntp_async.health.watch.site_causes import SiteCause
from axis_ntp_async.report.documents import summary_document
from axis_ntp_async.report.notices import (
    change_document,
    change_line,
    site_cause_document,
    source_kept_document,
)
from axis_ntp_async.report.output import JSONLines
from axis_ntp_async.report.printable import printable
from axis_ntp_async.report.tables import STYLES
from axis_ntp_async.report.terminal import show


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
        if isinstance(event, SweepEnded) and self._lines is not None:
            self._write(event, self._lines)
        elif isinstance(event, SweepEnded):
            for line in self._shown(event):
                show(Text.assemble((f"{event.ended_at.astimezone():%H:%M:%S}  ", "dim"), line))
        elif isinstance(event, SourceKept) and self._lines is not None:
            self._lines.write(source_kept_document(event))
        elif isinstance(event, SourceKept):
            show(Text(printable(f"the old list of devices is kept: {event.message}"), "yellow"))

    def _write(self, event: SweepEnded, lines: JSONLines) -> None:
        for change in event.changes:
            lines.write(change_document(change))
        for cause, is_over in _causes(event):
            lines.write({**site_cause_document(cause), "is_over": is_over})
        lines.write(
            {
                **summary_document(event.summary),
                "sweep": event.number,
                "at": event.began_at.isoformat(timespec="milliseconds"),
                "duration_s": round(event.duration_s, 3),
                "is_complete": event.is_complete,
                "own_clock": event.own_clock.message,
            }
        )

    def _shown(self, event: SweepEnded) -> Iterator[Text]:
        if message := event.own_clock.message:
            yield Text(message, "bold red")
        for cause, is_over in _causes(event):
            style = "green" if is_over else "bold red"
            yield Text(printable(f"over: {cause.message}" if is_over else cause.message), style)
        for change in sorted(event.changes, key=lambda one: -one.after.rank):
            if change.site_cause is None:
                yield Text(printable(change_line(change)), STYLES[change.after])
        if not self.quiet:
            yield _counts(event)


def _causes(event: SweepEnded) -> Iterator[tuple[SiteCause, bool]]:
    yield from ((cause, False) for cause in event.began)
    yield from ((cause, True) for cause in event.ended)


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
