"""A file that one process alone writes, and says so in it."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from attrs import define, field

from axis_ntp_async.errors import AxisNTPError
from axis_ntp_async.storage.files import FileKind
from axis_ntp_async.storage.lock import Lock


@define(kw_only=True)
class Claim:
    """
    What a process has on a file that it alone writes.

    Attributes:
        kind: What it is; one of its tables is `owner`.
        path: Of the file; is made when it is not there.
        owner: Who we are; told to others who find it claimed.
        refusal: What is raised when another process is at it.
        rule: Why there is but one at it, for that error.
    """

    kind: FileKind
    path: Path
    owner: str
    refusal: type[AxisNTPError]
    rule: str
    _lock: Lock = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._lock = Lock(self.kind, self.path)

    def make(self) -> str | None:
        """Claim it; give who was at it before, should they not have ended in an orderly way."""
        self.kind.make_folder(self.path)
        if not self._lock.acquire():
            raise self.refusal(
                f"{self.kind.noun} {self.path} is in use by {self._other()}; {self.rule}"
            )
        try:
            self.kind.create(self.path)
            now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
            with self._opened() as connection:
                row = _owner(connection)
                connection.execute(
                    "INSERT OR REPLACE INTO owner VALUES (1, ?, ?)", (self.owner, now)
                )
        except BaseException:
            self.drop()
            raise
        return f"{row[0]} since {row[1]}" if row else None

    def end(self) -> None:
        """End in an orderly way: nobody is at it then."""
        if self._lock.is_held:
            with contextlib.suppress(self.kind.error), self._opened() as connection:
                connection.execute("DELETE FROM owner")
        self.drop()

    def drop(self) -> None:
        """Let others at it."""
        self._lock.release()

    def _other(self) -> str:
        """Give who has it now; it may be making the file at this moment."""
        row = None
        with contextlib.suppress(self.kind.error), self._opened() as connection:
            row = _owner(connection)
        return f"{row[0]} since {row[1]}" if row and row[0] else "another process"

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with (
            self.kind.telling(self.path),
            contextlib.closing(self.kind.connect(self.path)) as connection,
        ):
            yield connection


def _owner(connection: sqlite3.Connection) -> tuple[str, str] | None:
    row: tuple[str, str] | None = connection.execute("SELECT name, since FROM owner").fetchone()
    return row
