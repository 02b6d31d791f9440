"""From what is to be kept to rows, in blocks that are chained."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from attrs import define, field, frozen

from axis_ntp_async.health.history.chain import GENESIS, BlockDigest
from axis_ntp_async.health.history.record import Note, Record, SweepRecord
from axis_ntp_async.health.history.rows import (
    Numbers,
    damaged,
    key_of,
    look_text,
    milliseconds,
    notes_text,
    numbers_of,
    record_from,
    sweep_text,
)

Item = Record | Note | SweepRecord
"""What is written down."""


@define
class Block:
    """
    What is committed together.

    Attributes:
        at: Of the last thing in it.
        records, notes: What is in it.
        sweep: The sweep that it ends.
        sums: The digest of all sums, where it has changed.
    """

    at: dt.datetime
    records: list[Record] = field(factory=list)
    notes: list[Note] = field(factory=list)
    sweep: SweepRecord | None = None
    sums: bytes | None = None


def blocks_of(items: Iterable[Item]) -> list[Block]:
    """Make blocks of what is to be written, in its order; a sweep ends its block."""
    blocks: list[Block] = []
    for item in items:
        at = item.ended_at if isinstance(item, SweepRecord) else item.at
        if not blocks or blocks[-1].sweep is not None:
            blocks.append(Block(at))
        block = blocks[-1]
        block.at = at
        match item:
            case Record():
                block.records.append(item)
            case Note():
                block.notes.append(item)
            case _:
                block.sweep = item
    return blocks


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Commit all that is done meanwhile, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


class End(NamedTuple):
    """The last record of a device: its place, and its look."""

    seq: int
    look: int
    text: str


@frozen
class Head:
    """The end of the chain, and the last record."""

    number: int = 0
    last: int = 0
    digest: bytes = GENESIS


def head_of(connection: sqlite3.Connection) -> Head:
    """Give the end of the chain."""
    row = connection.execute(
        "SELECT number, last, digest FROM blocks ORDER BY number DESC LIMIT 1"
    ).fetchone()
    return _head(row) if row else anchor_of(connection)


def anchor_of(connection: sqlite3.Connection) -> Head:
    """Give the last block that was forgotten."""
    return _head(connection.execute("SELECT number, last, digest FROM anchor").fetchone())


def _head(row: tuple[object, ...] | None) -> Head:
    match row:
        case (int(number), int(last), bytes(digest)) if len(digest) == len(GENESIS):
            return Head(number, last, digest)
        case _:
            raise damaged("the chain of its blocks")


@define
class Writer:
    """
    Where a history goes on.

    Attributes:
        head: The last block.
        ends: The last record of each device.
    """

    head: Head = Head()
    ends: dict[str, End] = field(factory=dict)

    @classmethod
    def load(cls, connection: sqlite3.Connection) -> tuple[Writer, dict[str, Record]]:
        """Find out where a history goes on; also give the last record of each device."""
        writer, records = cls(head_of(connection)), dict[str, Record]()
        for seq, look, text, *numbers in connection.execute(
            "SELECT seq, look, text, at_ms, offset_us, skew_ms, uncertainty_ms "
            "FROM ends JOIN records USING (seq, look) JOIN looks ON looks.id = look ORDER BY seq"
        ):
            record = record_from(text, Numbers(*numbers))
            writer.ends[record.device] = End(seq, look, text)
            records[record.device] = record
        return writer, records

    def write(self, connection: sqlite3.Connection, blocks: Iterable[Block]) -> Writer:
        """Write blocks; give where it would go on, should that be committed."""
        written = Writer(self.head)
        for block in blocks:
            _write_block(connection, block, self, written)
        return written

    def take(self, written: Writer) -> None:
        """Go on after what was committed."""
        self.head = written.head
        self.ends.update(written.ends)

    def forget(self, first: int) -> list[str]:
        """Forget devices whose last record lies before this one; give their names."""
        gone = [name for name, end in self.ends.items() if end.seq < first]
        for name in gone:
            del self.ends[name]
        return gone


def _write_block(
    connection: sqlite3.Connection, block: Block, before: Writer, written: Writer
) -> None:
    number, seq, at = written.head.number + 1, written.head.last, milliseconds(block.at)
    sweep = sweep_text(block.sweep) if block.sweep else None
    notes = notes_text(tuple(block.notes))
    header = (number, at, seq + len(block.records), sweep, notes, block.sums)
    digest = BlockDigest(written.head.digest, *header)
    rows = []
    for record in block.records:
        seq += 1
        text, numbers = look_text(record), numbers_of(record)
        end = written.ends.get(record.device) or before.ends.get(record.device)
        look = end.look if end and end.text == text else _look(connection, record, text)
        previous = end.seq if end else None
        written.ends[record.device] = End(seq, look, text)
        digest.add(seq, previous, numbers, text)
        rows.append((seq, previous, look, *numbers))
    connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    connection.executemany(
        "INSERT OR REPLACE INTO ends VALUES (?, ?)", [(row[2], row[0]) for row in rows]
    )
    written.head = Head(number, seq, digest.end())
    connection.execute(
        "INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*header, written.head.digest),
    )


def _look(connection: sqlite3.Connection, record: Record, text: str) -> int:
    """Give the look with this text; devices that change to and fro come back to the same ones."""
    name = key_of(record.device)
    connection.execute("INSERT OR IGNORE INTO devices (name) VALUES (?)", (name,))
    [device] = connection.execute("SELECT id FROM devices WHERE name = ?", (name,)).fetchone()
    found = connection.execute(
        "SELECT id FROM looks WHERE device = ? AND text = ?", (device, text)
    ).fetchone()
    if found is not None:
        return int(found[0])
    made = connection.execute(
        "INSERT INTO looks (device, rank, text) VALUES (?, ?, ?)",
        (device, record.state.rank, text),
    )
    return int(made.lastrowid or 0)
