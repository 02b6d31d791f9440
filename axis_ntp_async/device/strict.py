"""
JSON with strict types: `"no"` is no boolean, `5` is no text, and NaN is no number.

What is read here comes from anybody who answers at a device's address. So it
is also kept from being too deep, too large or half a character, of which
something behind us might break.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NoReturn

_load_quickly: Callable[[bytes], object] | None
try:
    from orjson import loads as _load_quickly
except ModuleNotFoundError:  # pragma: no cover  it is an extra, and tests have it
    _load_quickly = None

_SHOWN_CHARACTERS: Final = 60
_MOST_LEVELS: Final = 32
"""The API itself needs four."""

_LARGEST_INTEGER: Final = (1 << 63) - 1
_LONG_NUMBER: Final = re.compile(rb"[0-9]{19}")
"""Of a whole number that is longer than 64 bits orjson makes another one."""

_ESCAPED_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


class WrongTypeError(Exception):
    """A member has another JSON type than the document gives it."""


def dump(members: Mapping[str, Any]) -> bytes:
    """Give an object as JSON."""
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()


def load(body: bytes) -> object:
    """
    Read JSON in UTF-8; of a name that comes twice the last value counts.

    Where orjson is installed it reads what is well: that takes a third of the
    time. What it does not like is read again, and judged, as without it.

    Raises:
        ValueError: It is no JSON, or none that anybody should have to bear.
    """
    if _load_quickly is not None and not _LONG_NUMBER.search(body):
        with contextlib.suppress(ValueError):
            quick = _load_quickly(body)
            if body.count(b"{") + body.count(b"[") <= _MOST_LEVELS or _is_shallow(quick):
                return quick
    text = body.decode("utf-8-sig")
    try:
        value: object = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not _is_shallow(value):
        raise ValueError("it is nested too deep")
    if _ESCAPED_SURROGATE.search(text):
        json.dumps(value, ensure_ascii=False).encode()  # a ValueError for half a character
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _is_shallow(value: object) -> bool:
    level: list[object] = [value]
    for _ in range(_MOST_LEVELS):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return True
    return False


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def refuse(value: object, expected: str) -> NoReturn:
    """Say what was found in place of what was expected."""
    found = json.dumps(value, ensure_ascii=False)
    shown = found if len(found) <= _SHOWN_CHARACTERS else found[:_SHOWN_CHARACTERS] + "…"
    raise WrongTypeError(f"is {shown}, not {expected}")


def boolean(value: object, _: object = None) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        refuse(value, "true or false")
    return value


def number(value: object, _: object = None) -> float:
    """Read a number, whole or not; one that became infinite on the way is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_usual(value):
        refuse(value, "a number")
    return float(value)


def integer(value: object, _: object = None) -> int:
    """Read a whole number of at most 64 bits; `44.0` is one."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not _is_usual(value)
        or abs(value) > _LARGEST_INTEGER
        or value != int(value)
    ):
        refuse(value, "a whole number")
    return int(value)


def _is_usual(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an int that no float can hold
        return False


def text(value: object, _: object = None) -> str:
    """Read a text."""
    if not isinstance(value, str):
        refuse(value, "text")
    return value


def names(value: object, _: object = None) -> tuple[str, ...]:
    """Read a list of texts; the empty ones in it mean nothing."""
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        refuse(value, "a list of texts")
    return tuple(name for name in value if name)


def members(value: object) -> dict[str, Any]:
    """Read an object."""
    if not isinstance(value, dict):
        refuse(value, "an object")
    return value


def version(value: object) -> str:
    """Read a version, which comes as text or as a number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        refuse(value, "a version like 1.0")
    return str(value)
