"""The file of a journal: its tables, opening it, and telling what is wrong with it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from axis_ntp_async.errors import JournalError

APPLICATION: Final = 0x41784E54
"""Tells a journal from another SQLite file."""

VERSION: Final = 1
"""Of the tables; a newer one is refused by an older program."""

_TABLES: Final = f"""
BEGIN;
CREATE TABLE runs (
    name TEXT PRIMARY KEY,
    head TEXT NOT NULL,         -- the plan without its steps, as JSON
    status TEXT NOT NULL,
    begun_at TEXT NOT NULL,
    begun_by TEXT NOT NULL,
    ended_at TEXT,
    cause TEXT NOT NULL DEFAULT '',
    message TEXT NOT NULL DEFAULT '',
    accepted INTEGER NOT NULL DEFAULT 0,  -- failures up to this line of the trail are borne
    rollback_of TEXT
) WITHOUT ROWID;
CREATE TABLE steps (
    run TEXT NOT NULL,
    place INTEGER NOT NULL,
    device TEXT NOT NULL,
    step TEXT NOT NULL,         -- device, before, after: as in a plan's document
    state TEXT NOT NULL,
    cause TEXT NOT NULL DEFAULT '',
    message TEXT NOT NULL DEFAULT '',
    writes INTEGER NOT NULL DEFAULT 0,
    found TEXT,
    at TEXT,
    line INTEGER NOT NULL DEFAULT 0,      -- of the trail
    PRIMARY KEY (run, place)
) WITHOUT ROWID;
CREATE UNIQUE INDEX step_of_device ON steps (run, device);
CREATE TABLE trail (
    line INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    device TEXT NOT NULL,
    state TEXT NOT NULL,
    cause TEXT NOT NULL,
    message TEXT NOT NULL,
    writes INTEGER NOT NULL,
    at TEXT NOT NULL
);
CREATE INDEX trail_of_device ON trail (run, device);
CREATE TABLE waves (
    run TEXT NOT NULL,
    wave INTEGER NOT NULL,
    began_at TEXT NOT NULL,
    ended_at TEXT,
    verdict TEXT,
    PRIMARY KEY (run, wave)
) WITHOUT ROWID;
CREATE TABLE owner (one INTEGER PRIMARY KEY CHECK (one = 1), name TEXT, since TEXT);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
COMMIT;
"""

_PATIENCE_S: Final = 10.0


def default_path() -> Path:
    """Give the journal of this user: below `$XDG_STATE_HOME`, or its usual place."""
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state, "axis-ntp", "rollouts.db").expanduser()


@contextlib.contextmanager
def telling(path: Path) -> Iterator[None]:
    """Raise what SQLite raises, and what cannot be stored or read, as a `JournalError`."""
    try:
        yield
    except OSError as error:
        raise JournalError(f"journal {path}: {error.strerror}") from error
    except (sqlite3.Error, ValueError) as error:
        raise JournalError(f"journal {path}: {error}") from error


def make_folder(path: Path) -> None:
    """
    Make the folder of a journal, if need be.

    Raises:
        JournalError: It cannot be made.
    """
    with telling(path):
        path.parent.mkdir(parents=True, exist_ok=True)


def create(path: Path) -> None:
    """
    Make a journal where there is none; one that is there stays as it is.

    Only who has its lock may do so: of two, one would find it half made.

    Raises:
        JournalError: It cannot be made.
    """
    with telling(path):
        if path.exists() and not path.is_file():
            return
        path.touch(mode=0o600)  # references may name programs and paths
        with contextlib.closing(sqlite3.connect(path)) as connection:
            # Whoever was killed while making it left a file that is empty once it is opened.
            if not connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
                connection.executescript(_TABLES)
            if _application(connection) == APPLICATION:
                connection.execute("PRAGMA journal_mode = WAL")


def connect(path: Path) -> sqlite3.Connection:
    """
    Open a journal that is there.

    Every commit goes on into the file itself at once, so that a copy of that
    file alone is complete, unless its writer was killed in just that moment:
    then the file beside it is needed, as SQLite does by itself. That costs a
    journal's few hundred rows a minute nothing that anybody would notice.

    Raises:
        JournalError: It is not there, is none, or is of a newer program.
    """
    with telling(path):
        if not path.is_file():
            what = "is no file" if path.exists() else "there is no such file"
            raise JournalError(f"journal {path}: {what}; name yours with --journal")
        connection = sqlite3.connect(
            path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
        )
        try:
            _check(connection, path)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA wal_autocheckpoint = 1")
        except BaseException:
            connection.close()
            raise
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    [version] = connection.execute("PRAGMA user_version").fetchone()
    if _application(connection) != APPLICATION:
        raise JournalError(f"journal {path}: is no journal of this program")
    if version > VERSION:
        raise JournalError(f"journal {path}: was written by a newer version of this program")


def _application(connection: sqlite3.Connection) -> int:
    [application] = connection.execute("PRAGMA application_id").fetchone()
    return int(application)
