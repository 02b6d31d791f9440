"""
Why nobody can change what is in a history unseen. Pure.

A block is what was committed together. Its digest covers the digest of the
block before, so it covers everything before. Whoever changes, removes or
inserts something has to change every digest after it, too, and with them the
last one, the *head*: keep a head somewhere else (it is printed with every
evidence), and even somebody who can write the file cannot pass a changed one
off as the same. Only what came after the last head that was kept is as good as
the file's own protection.

What is covered: every cell of `records`, `looks` and `blocks`, and by their
digests in blocks (`sums.py`) the sums of what was forgotten. What is not: what a
watch remembers for itself, names of devices of which nothing else is kept, and
where the chain begins: a beginning that was forgotten too early looks like any
other.
"""

from __future__ import annotations

import hashlib
from typing import Final

from axis_ntp_async.health.history.rows import Numbers, line_of

GENESIS: Final = bytes(32)
"""The digest before the first block."""


class BlockDigest:
    """
    The digest of one block, as its parts come in.

    Args:
        before: The digest of the block before.
        header: Every other cell of the block, in the order of the table.
    """

    def __init__(self, before: bytes, *header: object) -> None:
        self._digest = hashlib.sha256(before)
        self._digest.update(line_of(*header))

    def add(self, seq: object, previous: object, numbers: Numbers, text: object) -> None:
        """Take in one record: its place, that of the one before, its numbers and its look."""
        self._digest.update(line_of(seq, previous, *numbers, text))

    def end(self) -> bytes:
        """Give the digest."""
        return self._digest.digest()
