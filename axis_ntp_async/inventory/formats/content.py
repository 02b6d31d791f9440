"""From a path to text: what can go wrong on the way, and how the text was encoded."""

from __future__ import annotations

import codecs
import sys
from pathlib import Path
from typing import BinaryIO, Final

from axis_ntp_async.errors import InventoryError

STANDARD_INPUT: Final = "-"
MOST_BYTES: Final = 512 * 1024 * 1024
"""More than any inventory; an endless one such as /dev/zero must end somewhere."""

_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "UTF-8"),
    (codecs.BOM_UTF16_LE, "UTF-16-LE"),
    (codecs.BOM_UTF16_BE, "UTF-16-BE"),
)
_WINDOWS: Final = "Windows-1252"


def content_of(path: str, stdin: BinaryIO | None = None) -> bytes:
    """
    Read a file, or standard input where *path* is `-`.

    Raises:
        InventoryError: It cannot be read; the sentence says what to do.
    """
    try:
        if path == STANDARD_INPUT:
            content = (stdin or sys.stdin.buffer).read(MOST_BYTES + 1)
        else:
            with Path(path).open("rb") as file:
                content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise InventoryError("there is no such file") from None
    except IsADirectoryError:
        raise InventoryError("is a folder; name the file in it") from None
    except PermissionError:
        raise InventoryError("you may not read it; ask its owner, or run: chmod u+r") from None
    except (OSError, ValueError) as error:
        raise InventoryError(f"cannot be read: {getattr(error, 'strerror', error)}") from error
    if len(content) > MOST_BYTES:
        raise InventoryError(f"has more than {MOST_BYTES >> 20} MiB: that is no inventory")
    return content


def decoded(content: bytes) -> tuple[str, str | None]:
    """
    Give the text, and a sentence on the first byte that is not UTF-8 if there is one.

    A byte order mark decides; without one it is UTF-8, else what Windows
    programs write in Western Europe and America.

    Raises:
        InventoryError: It is no text.
    """
    mark, encoding = next(
        (one for one in _BYTE_ORDER_MARKS if content.startswith(one[0])), (b"", "UTF-8")
    )
    body = content.removeprefix(mark)
    warning = None
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        warning = _sentence(body, error.start, encoding)
        if mark or b"\0" in body:
            raise InventoryError(f"{warning}; is it a binary file?") from None
        text = _from_windows(body)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InventoryError(f"line {line}: has a NUL character; is it a binary file?")
    return text, warning


def _from_windows(body: bytes) -> str:
    try:
        return body.decode(_WINDOWS)
    except UnicodeDecodeError as error:
        neither = f"UTF-8 nor {_WINDOWS}"
        raise InventoryError(
            f"{_sentence(body, error.start, neither, 'neither')}; save the file as UTF-8"
        ) from None


def _sentence(body: bytes, at: int, encoding: str, verb: str = "not") -> str:
    line = body.count(b"\n", 0, at) + 1
    return f"line {line}: the byte 0x{body[at]:02X} is {verb} {encoding}"
