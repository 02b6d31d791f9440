"""Checking what is in a history against its chain: all of it, or what an answer rests on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, Final

from attrs import define, field

from axis_ntp_async.health.finding import State
from axis_ntp_async.health.history.chain import BlockDigest
from axis_ntp_async.health.history.record import Place, Verdict
from axis_ntp_async.health.history.rows import DAMAGE, Numbers, key_of
from axis_ntp_async.health.history.sums import fault_of_sums

_RECORDS: Final = """
SELECT seq, previous, look, at_ms, offset_us, skew_ms, uncertainty_ms
FROM records WHERE seq > ? ORDER BY seq
"""
_BLOCKS: Final = """
SELECT number, at_ms, last, sweep, notes, sums, digest FROM blocks
WHERE number > ? AND (? IS NULL OR number <= ?) ORDER BY number
"""
_ANCHOR: Final = "SELECT number, last, digest FROM anchor"
_BEFORE: Final = """
SELECT number, last, digest FROM blocks WHERE number = ?
UNION SELECT number, last, digest FROM anchor WHERE number = ?
"""
_LOOKS: Final = """
SELECT looks.id, looks.device, name, rank, text FROM looks
LEFT JOIN devices ON devices.id = looks.device
"""


class _FaultError(Exception):
    """Something is not as it was written."""


@define
class _Check:
    """
    One pass over a history, from its beginning to its end, or to some block.

    Attributes:
        connection: To the history.
        anchor: The block before the first, its last record, and its digest.
        at: The block up to which all is well.
        blocks, records: How many were checked.
        looks: The device and the text of every look.
        ends: The last record with each look.
        last_of: The last record of each device.
    """

    connection: sqlite3.Connection
    anchor: tuple[int, int, bytes]
    at: Place
    blocks: int = 0
    records: int = 0
    looks: dict[int, tuple[int, str]] = field(factory=dict)
    ends: dict[int, int] = field(factory=dict)
    last_of: dict[int, int] = field(factory=dict)

    def run(self, head: Place | None) -> None:
        """
        Check all of it.

        Raises:
            _FaultError: The first thing that is not as it was written.
        """
        self._read_looks()
        self._check_chain(head)
        if head is not None and head.number > self.at.number:
            raise _FaultError(
                f"the chain ends with block {self.at.number}, before block {head.number} that you "
                "know: its end was cut off, or this is another or an older file"
            )
        if dict(self.connection.execute("SELECT look, seq FROM ends").fetchall()) != self.ends:
            raise _FaultError("table ends: does not fit the records")
        if unused := self.looks.keys() - self.ends.keys():
            raise _FaultError(f"look {min(unused)}: no record has it")
        if fault := fault_of_sums(self.connection):
            raise _FaultError(fault)

    def run_to(self, last: int) -> None:
        """
        Check the blocks up to that one, and no more.

        Raises:
            _FaultError: The first thing that is not as it was written.
        """
        self._read_looks()
        self._check_chain(None, last)
        if self.at.number < last:
            raise _FaultError(f"block {self.at.number + 1}: is missing")

    def _read_looks(self) -> None:
        for look, device, name, rank, text in self.connection.execute(_LOOKS):
            if not _fits(name, rank, text):
                raise _FaultError(f"look {look}: does not fit its device or its state")
            self.looks[look] = device, text

    def _check_chain(self, head: Place | None, until: int | None = None) -> None:
        begin, seq, digest = self.anchor
        records = self.connection.execute(_RECORDS, (seq,))
        self._check_head(head)
        for *header, told in self.connection.execute(_BLOCKS, (begin, until, until)):
            number, _, last, *_ = header
            if number != self.at.number + 1:
                raise _FaultError(f"block {self.at.number + 1}: is missing")
            computed = BlockDigest(digest, *header)
            for row in _up_to(records, seq, last, number):
                self._add(computed, row, number)
            digest = computed.end()
            if digest != told:
                raise _FaultError(
                    f"block {number}: it, or the {last - seq} records in it, are not as they were "
                    f"written; block {self.at} before it is the last good one"
                )
            self.records += last - seq
            seq, self.at = last, Place(number, digest.hex())
            self.blocks += 1
            self._check_head(head)
        if until is None and (left := records.fetchone()) is not None:
            raise _FaultError(f"record {left[0]}: is in no block")

    def _add(self, digest: BlockDigest, row: tuple[Any, ...], number: int) -> None:
        seq, previous, look, *numbers = row
        if look not in self.looks:
            raise _FaultError(f"block {number}, record {seq}: its look is missing")
        device, text = self.looks[look]
        known = self.last_of.get(device)
        # The one before may have been forgotten; its digest tells whether it is the right one.
        if known is not None and previous != known:
            raise _FaultError(f"block {number}, record {seq}: does not follow the one before it")
        digest.add(seq, previous, Numbers(*numbers), text)
        self.last_of[device] = self.ends[look] = seq

    def _check_head(self, head: Place | None) -> None:
        if head is None:
            return
        if head.number < self.anchor[0]:
            raise _FaultError(
                f"block {head.number} that you know was forgotten since: "
                f"the chain begins after block {self.anchor[0]}"
            )
        if head.number == self.at.number and head.digest != self.at.digest:
            raise _FaultError(
                f"block {head.number}: is not the one that you know: "
                "everything up to it was written anew, or this is another file"
            )


def verify(connection: sqlite3.Connection, head: Place | None = None) -> Verdict:
    """
    Check every block, record, look and sum; give the first fault.

    Args:
        connection: To the history.
        head: A block that was told earlier, which the chain must still hold.
    """
    row = connection.execute(_ANCHOR).fetchone()
    if row is None or not _is_anchor(row):
        begin = Place(0, "")
        fault = "table anchor: the beginning of the chain is missing"
        return Verdict(fault=fault, blocks=0, records=0, begins_after=begin, head=begin)
    begin = Place(row[0], row[2].hex())
    check = _Check(connection, row, begin)
    return Verdict(
        fault=_fault_of(lambda: check.run(head)),
        blocks=check.blocks,
        records=check.records,
        begins_after=begin,
        head=check.at,
    )


def fault_between(connection: sqlite3.Connection, first: int, last: int) -> str | None:
    """
    Give the first fault in some blocks, by the digest of the block before them.

    That finds what was altered in them. Whether the blocks before and after
    bear out the same, `verify` tells.
    """
    row = connection.execute(_BEFORE, (first - 1, first - 1)).fetchone()
    if row is None or not _is_anchor(row):
        return f"block {first - 1}: is missing"
    check = _Check(connection, row, Place(row[0], row[2].hex()))
    return _fault_of(lambda: check.run_to(last))


def _fault_of(run: Callable[[], None]) -> str | None:
    try:
        run()
    except _FaultError as error:
        return str(error)
    return None


def _is_anchor(row: tuple[Any, ...]) -> bool:
    return [type(cell) for cell in row] == [int, int, bytes]


def _fits(name: object, rank: object, text: object) -> bool:
    try:
        members = json.loads(text) if isinstance(text, str) else {}
        return bool(name == key_of(members["device"]) and rank == State(members["state"]).rank)
    except (*DAMAGE, AttributeError):
        return False


def _up_to(
    records: sqlite3.Cursor, seq: int, last: object, number: int
) -> Iterator[tuple[Any, ...]]:
    """Give the records of one block."""
    if not isinstance(last, int):
        raise _FaultError(f"block {number}: has no last record")
    while seq < last:
        row = records.fetchone()
        seq += 1
        if row is None or row[0] != seq:
            raise _FaultError(f"block {number}, record {seq}: is missing")
        yield row
