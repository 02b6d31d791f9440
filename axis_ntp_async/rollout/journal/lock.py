"""One process at a time is at a journal."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from attrs import define, field

from axis_ntp_async.errors import JournalError


@define
class Lock:
    """
    A lock that ends with its process, however that ends, so it cannot be left behind.

    It is SQLite's own lock on an empty file beside the journal: that works on
    every system, and the journal itself stays open for whoever only looks.

    Attributes:
        path: Of the journal.
    """

    path: Path
    _held: sqlite3.Connection | None = field(default=None, init=False)

    def acquire(self) -> bool:
        """
        Take it; `False` when another process has it.

        Raises:
            JournalError: The file beside the journal cannot be made.
        """
        path = self.path.resolve()  # the same file may have other names
        beside = path.with_name(f"{path.name}.lock")
        try:
            held = sqlite3.connect(beside, timeout=0, isolation_level=None)
        except sqlite3.Error as error:
            raise JournalError(f"journal {self.path}: cannot be locked: {error}") from error
        try:
            held.execute("PRAGMA journal_mode = OFF")
            held.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            held.close()
            if "locked" in str(error):
                return False
            raise JournalError(f"journal {self.path}: cannot be locked: {error}") from error
        self._held = held
        return True

    def release(self) -> None:
        """Give it back."""
        held, self._held = self._held, None
        if held is not None:
            with contextlib.closing(held):
                held.execute("ROLLBACK")
