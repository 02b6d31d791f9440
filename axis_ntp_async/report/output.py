"""Documents for programs: JSON lines, one JSON document, CSV. A line leaves when it is known."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from typing import Protocol, TextIO

from attrs import define, field

from axis_ntp_async.report.documents import Document

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Writer(Protocol):
    """Somebody who takes documents one by one."""

    def write(self, document: Document) -> None:
        """Take one document."""
        ...

    def end(self, summary: Document | None = None) -> None:
        """Take the summary, and write what is still held back."""
        ...


@define
class JSONLines:
    """One JSON document a line; the summary is the last one."""

    stream: TextIO

    def write(self, document: Document) -> None:
        """Write one line, at once."""
        self.stream.write(_json(document) + "\n")
        self.stream.flush()

    def end(self, summary: Document | None = None) -> None:
        """Write the summary's line."""
        if summary is not None:
            self.write(summary)


@define
class JSONDocument:
    """
    One JSON document of everything, written as it comes.

    Attributes:
        schema: Its schema.
        members: The name of the member that lists the documents.
    """

    stream: TextIO
    schema: str
    members: str
    _count: int = field(default=0, init=False)

    def write(self, document: Document) -> None:
        """Write one element."""
        self._open()
        self.stream.write((",\n  " if self._count else "\n  ") + _json(document))
        self._count += 1

    def end(self, summary: Document | None = None) -> None:
        """Close the list, and add the summary."""
        self._open()
        tail = f',\n "summary": {_json(summary)}' if summary is not None else ""
        self.stream.write(f"\n ]{tail}\n}}\n")
        self.stream.flush()

    def _open(self) -> None:
        if self._count == 0:
            self.stream.write(
                f'{{\n "schema": {json.dumps(self.schema)},\n {json.dumps(self.members)}: ['
            )


@define
class CSV:
    """
    A table for spreadsheets: a header, then a row for each document.

    A list becomes words with blanks between them, an object its JSON. Text
    that a spreadsheet would take for a formula gets an apostrophe in front.
    """

    stream: TextIO
    columns: Sequence[str]
    _has_header: bool = field(default=False, init=False)

    def write(self, document: Document) -> None:
        """Write one row, at once."""
        self._write_header()
        csv.writer(self.stream).writerow([_cell(document.get(name)) for name in self.columns])
        self.stream.flush()

    def end(self, summary: Document | None = None) -> None:  # noqa: ARG002  a table has no place for it
        """Write at least the header."""
        self._write_header()
        self.stream.flush()

    def _write_header(self) -> None:
        if not self._has_header:
            csv.writer(self.stream).writerow(self.columns)
            self._has_header = True


def _json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, allow_nan=False)


def _cell(value: object) -> object:
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        value = " ".join(value)
    if isinstance(value, dict | list):
        return _json(value) if value else ""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return {True: "true", False: "false"}.get(value, value) if isinstance(value, bool) else value
