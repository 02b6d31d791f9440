"""SQLite files of this program: making one, opening it, and telling what is wrong with it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import frozen

from axis_ntp_async.errors import AxisNTPError

_PATIENCE_S: Final = 10.0


def state_path(name: str) -> Path:
    """Give where a file of this user is: below `$XDG_STATE_HOME`, or its usual place."""
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state, "axis-ntp", name).expanduser()


_OF_THE_DISK: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
)


@frozen(kw_only=True)
class FileKind:
    """
    One kind of file, which is told from all others.

    Attributes:
        noun: What people call it, like `journal`; `--journal` names another one.
        error: What is raised when one cannot be read or written.
        application: Tells it from another SQLite file.
        version: Of its tables; any other one is refused.
        tables: The statements that make them.

        checkpoint_pages:
            From so many pages on, what was committed moves from the file beside
            it into the file itself; 1 is at once, so that a copy of the file
            alone is complete.
    """

    noun: str
    error: type[AxisNTPError]
    application: int
    version: int
    tables: str
    checkpoint_pages: int = 1000

    @contextlib.contextmanager
    def telling(self, path: Path) -> Iterator[None]:
        """Raise what SQLite raises, and what cannot be stored or read, as an error of ours."""
        try:
            yield
        except OSError as error:
            raise self.fault(path, str(error.strerror)) from error
        except sqlite3.DatabaseError as error:
            raise self.fault(path, f"{error}{self._way_out(error)}") from error
        except (sqlite3.Error, ValueError) as error:
            raise self.fault(path, str(error)) from error

    def fault(self, path: Path, what: str) -> AxisNTPError:
        """Make an error that names the file."""
        return self.error(f"{self.noun} {path}: {what}")

    def make_folder(self, path: Path) -> None:
        """Make the folder of a file, if need be."""
        with self.telling(path):
            path.parent.mkdir(parents=True, exist_ok=True)

    def create(self, path: Path) -> None:
        """
        Make a file where there is none; one that is there stays as it is.

        Only who has its lock may do so: of two, one would find it half made.
        """
        with self.telling(path):
            if path.exists() and not path.is_file():
                return
            path.touch(mode=0o600)  # names, addresses and paths are nobody else's business
            with contextlib.closing(sqlite3.connect(path)) as connection:
                # Whoever was killed while making it left a file that is empty once it is opened.
                if not connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
                    connection.executescript(
                        f"BEGIN; {self.tables}; PRAGMA application_id = {self.application}; "
                        f"PRAGMA user_version = {self.version}; COMMIT;"
                    )
                if _pragma(connection, "application_id") == self.application:
                    connection.execute("PRAGMA journal_mode = WAL")

    def connect(self, path: Path) -> sqlite3.Connection:
        """
        Open a file that is there; any thread may use the connection, one at a time.

        A commit is on the disk before it returns.
        """
        with self.telling(path):
            if not path.is_file():
                what = "is no file" if path.exists() else "there is no such file"
                raise self.fault(path, f"{what}; name yours with --{self.noun}")
            connection = sqlite3.connect(
                path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
            )
            try:
                self._check(connection, path)
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute(f"PRAGMA wal_autocheckpoint = {self.checkpoint_pages}")
            except BaseException:
                connection.close()
                raise
        return connection

    def _check(self, connection: sqlite3.Connection, path: Path) -> None:
        if _pragma(connection, "application_id") != self.application:
            raise self.fault(
                path, f"is no {self.noun} of this program; name yours with --{self.noun}"
            )
        version = _pragma(connection, "user_version")
        if version > self.version:
            raise self.fault(
                path, "was written by a newer version of this program; use that one for it"
            )
        if version < self.version:
            raise self.fault(
                path,
                "was written by an earlier version of this program, which this one cannot go on "
                f"with; move it away to begin a new {self.noun}",
            )

    def _way_out(self, error: sqlite3.DatabaseError) -> str:
        match getattr(error, "sqlite_errorcode", None):
            case sqlite3.SQLITE_NOTADB:
                return f"; name your {self.noun} with --{self.noun}"
            case sqlite3.SQLITE_CORRUPT:
                return f"; restore a copy of it, or move it away to begin a new {self.noun}"
            case code if isinstance(code, int) and code & 0xFF in _OF_THE_DISK:
                return "; is the disk full?"
            case _:
                return ""


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    [value] = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)
