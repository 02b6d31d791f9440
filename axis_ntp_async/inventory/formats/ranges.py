"""Ranges in the name of a device, as Ansible writes them: `cam[001:200].example`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import product
from string import ascii_letters
from typing import Final

from axis_ntp_async.errors import InventoryError
from axis_ntp_async.inventory.formats.addresses import shown

MOST_DEVICES: Final = 1_000_000
"""A slip in a range, such as a digit too many, shall not fill the memory."""

_RANGE = re.compile(r"\[(\w+):(\w+)(?::([0-9]{1,6}))?\]", re.ASCII)
_DIGITS_MAX: Final = 12


def expand(pattern: str) -> Iterator[str]:
    """
    Give the names of `cam[001:200].example` or `cam-[a:f][1:9:2]`, the last range fastest.

    Raises:
        InventoryError: A range that cannot be counted, is empty, or gives too many names.
    """
    ranges = [_Range(found) for found in _RANGE.finditer(pattern)]
    if not ranges:
        yield pattern
        return
    if math.prod(len(one.numbers) for one in ranges) > MOST_DEVICES:
        raise InventoryError(f"{shown(pattern)} gives more than {MOST_DEVICES:,} devices")
    # Three parts are captured in each range, so every fourth text stands outside.
    texts = _RANGE.split(pattern)[::4]
    for numbers in product(*(one.numbers for one in ranges)):
        name = texts[0]
        for one, number, text in zip(ranges, numbers, texts[1:], strict=True):
            name += one.written(number) + text
        yield name


class _Range:
    """One `[first:last:step]`, of numbers or of letters."""

    def __init__(self, found: re.Match[str]) -> None:
        first, last, step = found[1], found[2], int(found[3] or 1)
        self.are_letters = first in set(ascii_letters) and last in set(ascii_letters)
        self.width = len(first) if first.startswith("0") else 0
        if self.are_letters:
            ends = ascii_letters.index(first), ascii_letters.index(last)
        elif first.isdigit() and last.isdigit() and max(len(first), len(last)) <= _DIGITS_MAX:
            ends = int(first), int(last)
        else:
            raise InventoryError(f"{shown(found[0])} is not a range like [01:20] or [a:f]")
        if ends[0] > ends[1] or not step:
            raise InventoryError(f"{shown(found[0])} is an empty range")
        self.numbers = range(ends[0], ends[1] + 1, step)

    def written(self, number: int) -> str:
        """Give one of the numbers as it stands in a name."""
        return ascii_letters[number] if self.are_letters else str(number).zfill(self.width)
