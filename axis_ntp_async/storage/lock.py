"""One process at a time writes a file."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from attrs import define, field

from axis_ntp_async.storage.files import FileKind


@define
class Lock:
    """
    A lock that ends with its process, however that ends, so it cannot be left behind.

    It is SQLite's own lock on an empty file beside the one that it is about:
    that works on every system, and the file itself stays open for whoever only
    looks.

    Attributes:
        kind: What is locked; its error is raised when the lock itself cannot be made.
        path: Of the file.
    """

    kind: FileKind
    path: Path
    _held: sqlite3.Connection | None = field(default=None, init=False)

    @property
    def is_held(self) -> bool:
        """Whether we have it."""
        return self._held is not None

    def acquire(self) -> bool:
        """Take it; `False` when another process has it."""
        path = self.path.resolve()  # the same file may have other names
        beside = path.with_name(f"{path.name}.lock")
        try:
            held = sqlite3.connect(
                beside, timeout=0, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise self.kind.fault(self.path, f"cannot be locked: {error}") from error
        try:
            held.execute("PRAGMA journal_mode = OFF")
            held.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            held.close()
            if "locked" in str(error):
                return False
            raise self.kind.fault(self.path, f"cannot be locked: {error}") from error
        self._held = held
        return True

    def release(self) -> None:
        """Give it back."""
        held, self._held = self._held, None
        if held is not None:
            with contextlib.closing(held):
                held.execute("ROLLBACK")
