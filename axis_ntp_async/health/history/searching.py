"""Finding in a history what is known around one instant."""

from __future__ import annotations

import datetime as dt
import itertools
import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from attrs import evolve

from axis_ntp_async.health.history.chain import GENESIS
from axis_ntp_async.health.history.evidence import APART_MOST, Evidence, Look
from axis_ntp_async.health.history.record import DayRecord, Note, Place, Record, SweepRecord
from axis_ntp_async.health.history.rows import damaged, milliseconds, notes_from, sweep_from
from axis_ntp_async.health.history.writing import head_of


def find_evidence(
    connection: sqlite3.Connection,
    device: str,
    at: dt.datetime,
    course: Sequence[tuple[int, Record]],
    day: DayRecord | None,
) -> Evidence:
    """
    Find the looks at a device around an instant, and what else is known of that time.

    Args:
        connection: To the history.
        device: Its name.
        at: The instant.
        course: All records of the device with their places, in their order.
        day: What remains of that day, should the records be forgotten.
    """
    looks, notes = _looks_and_notes(connection, course, at)
    head = head_of(connection)
    near = list(_sweeps_near(connection, at))
    telling = [sweep for sweep in near if sweep.own_skew_s is not None]
    return Evidence(
        device=device,
        at=at,
        before=looks[0],
        after=looks[1],
        own_before=next((one for one in reversed(telling) if one.ended_at <= at), None),
        own_after=next((one for one in telling if one.at >= at), None),
        notes=notes,
        day=None if looks[0] else day,
        came_twice=_came_twice(near, at),
        head=Place(head.number, head.digest.hex()),
    )


def _looks_and_notes(
    connection: sqlite3.Connection, records: Sequence[tuple[int, Record]], at: dt.datetime
) -> tuple[list[Look | None], tuple[Note, ...]]:
    """Give the looks before and after an instant, and what was noted between them."""
    before, after, then = _around([record for _, record in records], at)
    looks = [
        Look(record=records[place][1], place=_block_of(connection, records[place][0]))
        if place is not None
        else None
        for place in (before, after)
    ]
    if looks[0] is None:
        return looks, ()
    end = _block_of(connection, records[then][0]).number if then is not None else None
    silent = list(_silent(connection, looks[0].place.number, end))
    looks, first, last = _confirmed(looks[0], looks[1], at, silent)
    return looks, tuple(_notes(connection, first, last))


def _around(
    records: Sequence[Record], at: dt.datetime
) -> tuple[int | None, int | None, int | None]:
    """
    Give the records before and after an instant, and the one that was written next.

    Where our clock was wrong for a while, the next one need not be the one after.
    """
    known = [place for place, record in enumerate(records) if record.at <= at]
    before = max(known, key=lambda place: (records[place].at, place), default=None)
    begin = 0 if before is None else before + 1
    after = next((place for place in range(begin, len(records)) if records[place].at > at), None)
    then = begin if before is not None and begin < len(records) else None
    return before, after, then


def _silent(
    connection: sqlite3.Connection, first: int, end: int | None
) -> Iterator[tuple[int, SweepRecord]]:
    """
    Give the complete sweeps that found a device as its record says, with their blocks.

    The record itself belongs to the sweep that ends first after it, and the next
    record to one that ends no earlier than its block: both are none of them.
    """
    rows = connection.execute(
        "SELECT number, sweep FROM blocks WHERE sweep IS NOT NULL AND number >= ? "
        "AND (? IS NULL OR number < ?) ORDER BY number",
        (first, end, end),
    )
    for number, text in itertools.islice(rows, 1, None):
        sweep = sweep_from(text)
        if sweep.is_complete:
            yield number, sweep


def _confirmed(
    before: Look, after: Look | None, at: dt.datetime, silent: Sequence[tuple[int, SweepRecord]]
) -> tuple[list[Look | None], int, int | None]:
    """
    Give the looks nearest to the instant, also those that were not worth a record.

    Returns:
        The looks before and after, and the blocks that they are told in.
    """
    earlier = [one for one in silent if one[1].ended_at <= at and not before.record.has_left]
    later = [one for one in silent if one[1].at >= at and not before.record.has_left]
    looks, first, last = (
        [before, after],
        before.place.number,
        after.place.number if after else None,
    )
    if earlier:
        first, sweep = earlier[-1]
        looks[0] = evolve(before, sweep=sweep)
    if later:
        last, sweep = later[0]
        looks[1] = evolve(before, sweep=sweep)
    return looks, first, last


def _notes(connection: sqlite3.Connection, first: int, last: int | None) -> Iterator[Note]:
    rows = connection.execute(
        "SELECT notes FROM blocks WHERE notes IS NOT NULL AND number >= ? "
        "AND (? IS NULL OR number <= ?) ORDER BY number",
        (first, last, last),
    )
    for (text,) in rows:
        yield from notes_from(text)


def _sweeps_near(connection: sqlite3.Connection, at: dt.datetime) -> Iterator[SweepRecord]:
    """Give the complete sweeps around an instant, in the order in which they were written."""
    rows = connection.execute(
        "SELECT sweep FROM blocks WHERE sweep IS NOT NULL AND at_ms BETWEEN ? AND ? "
        "ORDER BY number",
        (milliseconds(at - APART_MOST), milliseconds(at + APART_MOST)),
    )
    for (text,) in rows:
        sweep = sweep_from(text)
        if sweep.is_complete:
            yield sweep


def _came_twice(near: Iterable[SweepRecord], at: dt.datetime) -> bool:
    """Tell whether sweeps ended after that instant, and later ones before it."""
    is_over = False
    for sweep in near:
        if sweep.ended_at > at:
            is_over = True
        elif is_over:
            return True
    return False


def blocks_behind(connection: sqlite3.Connection, evidence: Evidence) -> tuple[int, int] | None:
    """Give the first and the last block that evidence rests on; `None` when it is of no look."""
    looks = [look.place.number for look in (evidence.before, evidence.after) if look]
    if not looks:
        return None
    near = connection.execute(
        "SELECT number FROM blocks WHERE at_ms BETWEEN ? AND ?",
        (milliseconds(evidence.at - APART_MOST), milliseconds(evidence.at + APART_MOST)),
    )
    numbers = [*looks, *(number for (number,) in near)]
    return min(numbers), max(numbers)


def _block_of(connection: sqlite3.Connection, seq: int) -> Place:
    row = connection.execute(
        "SELECT number, digest FROM blocks WHERE last >= ? ORDER BY last, number LIMIT 1", (seq,)
    ).fetchone()
    match row:
        case (int(number), bytes(digest)) if len(digest) == len(GENESIS):
            return Place(number, digest.hex())
        case _:
            raise damaged(f"the block of record {seq} in it")
