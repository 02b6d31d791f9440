"""Where a command's results go: a table for people, documents for programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from attrs import define, field
from rich.console import Console, RenderableType

from axis_ntp_async.report.documents import Document, schema
from axis_ntp_async.report.output import CSV, JSONDocument, JSONLines, Writer

T = TypeVar("T")


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

    def add(self, item: T) -> None:
        """Show one, or keep it for the table."""
        if self._writer is None:
            self._kept.append(item)
        else:
            self._writer.write(self.document_of(item))

    def end(self, summary: Document | None = None) -> None:
        """Show what is still to be shown, documents with their summary."""
        if self._writer is not None:
            self._writer.end(summary)
        elif self._kept:
            console = Console()
            console.print(self.table_of(self._kept, console.width))
