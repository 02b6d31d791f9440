"""The file of a journal: where it is, and its tables."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from axis_ntp_async.errors import JournalError
from axis_ntp_async.storage.files import FileKind, state_path

_TABLES: Final = """
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
"""

JOURNAL: Final = FileKind(
    noun="journal",
    error=JournalError,
    application=0x41784E54,
    version=1,
    tables=_TABLES,
    checkpoint_pages=1,  # a journal's few hundred rows a minute never feel that
)
"""How a journal is made, opened, and told from other files."""


def default_path() -> Path:
    """Give the journal of this user."""
    return state_path("rollouts.db")
