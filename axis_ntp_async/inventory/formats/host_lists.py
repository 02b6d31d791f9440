"""Inventories as plain lists: an address a line, and a name after it if it has one."""

from __future__ import annotations

import re
from typing import Final

from axis_ntp_async.inventory.formats.entries import Draft, Entry

_COMMENT = re.compile(r"(^|\s)#.*")
_WORDS_MAX: Final = 2


def read_list(text: str) -> Draft:
    """Read `10.0.4.17` or `10.0.4.17  lobby-3`; a `#` begins a comment."""
    draft = Draft()
    for number, line in enumerate(text.split("\n"), start=1):
        words = _COMMENT.sub("", line).split()
        place = f"line {number}"
        if len(words) > _WORDS_MAX:
            draft.faults.append(
                f"{place}: has {len(words)} words; expected an address, and perhaps a name "
                "without blanks"
            )
        elif words:
            members = dict(zip(("host", "name"), words, strict=False))
            draft.entries.append(Entry(place=place, raw=members))
    return draft
