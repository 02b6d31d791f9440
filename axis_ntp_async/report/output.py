"""Documents for programs: JSON lines, one JSON document, CSV. A line leaves when it is known."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol, TextIO

from attrs import define, field

from axis_ntp_async.report.documents import Document
from axis_ntp_async.report.printable import printable

_FORMULA_STARTS: Final = tuple("=+-@＝＋－＠")  # noqa: RUF001  spreadsheets take wide ones, too
_STEERS: Final = re.compile(
    r"[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
"""What JSON allows in a text, but can steer a terminal, or cannot be encoded."""


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
        self.stream.write(_json(document, self.stream) + "\n")
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
        """Write one element, at once."""
        self._open()
        self.stream.write((",\n  " if self._count else "\n  ") + _json(document, self.stream))
        self.stream.flush()
        self._count += 1

    def end(self, summary: Document | None = None) -> None:
        """Close the list, and add the summary."""
        self._open()
        tail = f',\n "summary": {_json(summary, self.stream)}' if summary is not None else ""
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
    that a spreadsheet would take for a formula gets an apostrophe in front, and
    what is no visible letter becomes `?`.
    """

    stream: TextIO
    columns: Sequence[str]
    _has_header: bool = field(default=False, init=False)

    def write(self, document: Document) -> None:
        """Write one row, at once."""
        self._write_header()
        self._row([_cell(document.get(name)) for name in self.columns])
        self.stream.flush()

    def end(self, summary: Document | None = None) -> None:  # noqa: ARG002  a table has no place for it
        """Write at least the header."""
        self._write_header()
        self.stream.flush()

    def _write_header(self) -> None:
        if not self._has_header:
            self._row(self.columns)
            self._has_header = True

    def _row(self, cells: Iterable[object]) -> None:
        csv.writer(self.stream, lineterminator="\n").writerow(cells)


def _json(document: object, stream: TextIO) -> str:
    """Give one line; readable letters stay as they are where the stream can take all of them."""
    is_utf8 = (stream.encoding or "utf-8").lower().replace("-", "") == "utf8"
    text = json.dumps(document, ensure_ascii=not is_utf8, allow_nan=False)
    return _STEERS.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _cell(value: Any) -> object:  # noqa: ANN401  any JSON
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict) or (
        value and isinstance(value, list) and isinstance(value[0], dict)
    ):
        value = json.dumps(value, ensure_ascii=False, allow_nan=False) if value else ""
    elif isinstance(value, list):
        value = " ".join(value)
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
