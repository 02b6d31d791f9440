"""Where a command's results go: a table for people, documents for programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from attrs import define, field
from rich.console import RenderableType

from axis_ntp_async.cli.options import PoolOptions
from axis_ntp_async.device.records import Outcome
from axis_ntp_async.health.finding import Finding
from axis_ntp_async.health.judge import judge
from axis_ntp_async.report.documents import Document, schema
from axis_ntp_async.report.output import CSV, JSONDocument, JSONLines, Writer
from axis_ntp_async.report.terminal import show, width

T = TypeVar("T")


def failed(outcomes: Iterable[Outcome[Any]]) -> list[Finding]:
    """Judge the devices that did not answer, whatever they were asked for."""
    return [judge(outcome) for outcome in outcomes if outcome.error is not None]


@define
class Results(Generic[T]):
    """
    The results of a command, shown one by one or, as a table, in the end.

    Attributes:
        kind: Of the JSON document that holds them all, like `sweep`.
        document_of: What a program gets to see of one.
        table_of: What people get to see of all, for so many columns of characters.
    """

    kind: str
    document_of: Callable[[T], Document]
    table_of: Callable[[Sequence[T], int], RenderableType]
    columns: Sequence[str]
    output: str | None
    _kept: list[T] = field(factory=list, init=False)
    _writer: Writer | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        output = self.output or ("table" if sys.stdout.isatty() else "jsonl")
        if output == "jsonl":
            self._writer = JSONLines(sys.stdout)
        elif output == "json":
            self._writer = JSONDocument(sys.stdout, schema(self.kind), "results")
        elif output == "csv":
            self._writer = CSV(sys.stdout, self.columns)

    @property
    def is_table(self) -> bool:
        """Whether people are to read it."""
        return self._writer is None

    def leaves_room(self, options: PoolOptions) -> bool:
        """Tell whether progress may be shown: not between results that run over a terminal."""
        return not options.quiet and (self.is_table or not sys.stdout.isatty())

    def add(self, item: T) -> None:
        """Show one, or keep it for the table."""
        if self._writer is None:
            self._kept.append(item)
        else:
            self._writer.write(self.document_of(item))

    def end(
        self, summary: Document | None = None, *, order: Callable[[T], int] | None = None
    ) -> None:
        """
        Show what is still to be shown.

        Args:
            summary: Of documents, their last one.
            order: What to sort a table by; documents have come as they came.
        """
        if self._writer is not None:
            self._writer.end(summary)
            return
        kept = sorted(self._kept, key=order) if order else self._kept
        show(self.table_of(kept, width()))
