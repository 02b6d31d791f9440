"""
`History`: writing down what a watch finds.

What cannot be written at once (the disk is full, somebody copies the file)
waits in memory and is written with what comes next; so a watch goes on.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sqlite3
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from attrs import evolve

from axis_ntp_async.errors import HistoryError, HistoryLockedError
from axis_ntp_async.health.finding import State
from axis_ntp_async.health.history.files import HISTORY
from axis_ntp_async.health.history.keeping import HistoryRules, differs
from axis_ntp_async.health.history.pruning import prune
from axis_ntp_async.health.history.record import Note, NoteKind, Record, SweepRecord
from axis_ntp_async.health.history.rows import bytes_of, text_of
from axis_ntp_async.health.history.writing import Block, Item, Writer, blocks_of, transaction
from axis_ntp_async.storage.claim import Claim


class History:
    """
    A history that this process alone writes, as a context manager.

    Its methods may be called from any thread, one at a time.

    Args:
        path: Its file; is made when it is not there.
        owner: Who we are; told to others who find it locked.
        rules: What is kept, and for how long.

    Raises:
        HistoryLockedError: Another process is at it.
        HistoryError: It is none, damaged, or cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        owner: str = "",
        rules: HistoryRules = HistoryRules(),  # noqa: B008  frozen
    ) -> None:
        self.path = Path(path)
        self.owner = owner
        self.rules = rules
        self._claim = Claim(
            kind=HISTORY,
            path=self.path,
            owner=owner,
            refusal=HistoryLockedError,
            rule="one process at a time writes it",
        )
        self._connection: sqlite3.Connection | None = None
        self._writer = Writer()
        self._last: dict[str, Record] = {}
        self._doubted: set[str] = set()
        """Devices whose last record was lost: the next look at them is worth one."""
        self._seen: set[str] = set()
        """Devices that were looked at since the last sweep ended."""
        self._is_patchy = False
        """Whether records of the sweep under way were lost."""
        self._pending: deque[Item] = deque()
        self._lost = 0

    def __enter__(self) -> Self:
        self._claim.make()
        try:
            self._connection = HISTORY.connect(self.path)
            with HISTORY.telling(self.path):
                self._writer, self._last = Writer.load(self._connection)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(HistoryError):
            self._write()
        self._close()

    @property
    def pending(self) -> int:
        """How many records and sweeps wait in memory until they can be written."""
        return len(self._pending)

    def append(self, records: Iterable[Record]) -> int:
        """
        Keep those of these looks that are worth it; give how many.

        Raises:
            HistoryError: They could not be written; they wait for the next call.
        """
        kept = []
        for record in records:
            name = record.device
            self._seen.add(name)
            last = None if name in self._doubted else self._last.get(name)
            if differs(last, record, self.rules):
                self._last[name] = record
                self._doubted.discard(name)
                kept.append(record)
        self._put(*kept)
        return len(kept)

    def end_sweep(self, sweep: SweepRecord, notes: Iterable[Note] = ()) -> None:
        """
        Tell that a sweep has ended: every look at a device since the last one was part of it.

        When it is complete, devices of earlier sweeps that were not in it have
        left the inventory, and get a record that says so.

        Raises:
            HistoryError: It could not be written; it waits for the next call.
        """
        sweep = evolve(
            sweep,
            is_complete=sweep.is_complete and not self._is_patchy,
            offset_step_ms=self.rules.offset_step_ms,
            skew_step_s=self.rules.skew_step_s,
        )
        left = []
        if sweep.is_complete:
            left = [
                _farewell(record, sweep.ended_at)
                for name, record in self._last.items()
                if name not in self._seen and not record.has_left
            ]
            self._last.update({record.device: record for record in left})
        self._seen.clear()
        self._is_patchy = False
        self._put(*left, *notes, sweep)

    def note(self, kind: NoteKind, text: str, at: dt.datetime | None = None) -> None:
        """
        Take down something that happened besides sweeps.

        Raises:
            HistoryError: It could not be written; it waits for the next call.
        """
        self._put(Note(kind, text, at or dt.datetime.now(dt.UTC)))

    def prune(self, now: dt.datetime) -> bool:
        """
        Forget a little of what is too old; give whether there is more of that.

        Each call takes away a bounded number of records, so that it never takes
        long, and so that a clock that jumps ahead for an hour cannot make a
        history forget everything. To be called after every sweep.

        Raises:
            HistoryError: The file cannot be written.
        """
        opened, written = self._opened, None
        with HISTORY.telling(self.path), transaction(opened) as connection:
            pruned = prune(connection, self.rules, now)
            if pruned.sums is not None:
                written = self._writer.write(connection, [Block(now, sums=pruned.sums)])
        if written is not None:
            self._writer.take(written)
        for name in self._writer.forget(pruned.first):
            self._last.pop(name, None)
        return pruned.is_more

    def memory(self) -> dict[str, str]:
        """Give what was remembered; it is no part of the chain."""
        with HISTORY.telling(self.path):
            rows = self._opened.execute("SELECT key, value FROM memory").fetchall()
            return {text_of(key): text_of(value) for key, value in rows}

    def remember(self, changed: Mapping[str, str | None]) -> None:
        """
        Remember texts by their keys, all of them or none; `None` forgets one.

        Raises:
            HistoryError: They could not be written.
        """
        kept = [
            (bytes_of(key), bytes_of(value)) for key, value in changed.items() if value is not None
        ]
        gone = [(bytes_of(key),) for key, value in changed.items() if value is None]
        with HISTORY.telling(self.path), transaction(self._opened) as connection:
            connection.executemany("INSERT OR REPLACE INTO memory VALUES (?, ?)", kept)
            connection.executemany("DELETE FROM memory WHERE key = ?", gone)

    @property
    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise HistoryError(f"history {self.path}: is not open")
        return self._connection

    def _put(self, *items: Item) -> None:
        self._pending.extend(items)
        try:
            self._write()
        except HistoryError:
            self._give_up_the_oldest()
            raise

    def _write(self) -> None:
        """Write all that waits, in blocks, together."""
        opened = self._opened
        if not self._pending:
            return
        blocks = blocks_of(self._pending)
        if self._lost:
            blocks[0].notes.insert(0, self._note_of_loss(blocks[0].at))
        with HISTORY.telling(self.path), transaction(opened) as connection:
            written = self._writer.write(connection, blocks)
        self._writer.take(written)
        self._pending.clear()
        self._lost = 0

    def _note_of_loss(self, at: dt.datetime) -> Note:
        text = f"{self._lost} records and sweeps before this were lost: they could not be written"
        return Note(NoteKind.LOST, text, at)

    def _give_up_the_oldest(self) -> None:
        """
        Leave no more waiting than memory is meant for, and no silence that would be a lie.

        A device whose record is lost would be taken for one that has not changed,
        so no sweep that waits, nor the one under way, counts as complete.
        """
        if len(self._pending) <= self.rules.pending_most:
            return
        while len(self._pending) > self.rules.pending_most:
            item = self._pending.popleft()
            self._lost += 1
            if isinstance(item, Record) and self._last.get(item.device) is item:
                self._doubted.add(item.device)
        self._pending = deque(
            evolve(item, is_complete=False) if isinstance(item, SweepRecord) else item
            for item in self._pending
        )
        self._is_patchy = True

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._claim.end()


def _farewell(record: Record, at: dt.datetime) -> Record:
    return Record(
        device=record.device,
        address=record.address,
        serial=record.serial,
        site=record.site,
        at=at,
        state=State.UNKNOWN,
        has_left=True,
    )
