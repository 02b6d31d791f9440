"""
The file of a history: where it is, and its tables.

What a look says besides numbers (name, address, settings, state) is nearly
always what the look before said: it stands once in `looks`, and a record is a
place, two references and four small integers, some 33 bytes. Records are only
ever appended: each points at the one before of its device, so that no index has
to be kept up to date in ten thousand places, which wears out the cards that
small machines write to. `benchmarks/history.py` measures it: with the rules'
defaults and 10,000 devices a good 0.8 kB a device and day.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from axis_ntp_async.errors import HistoryError
from axis_ntp_async.storage.files import FileKind, state_path

_TABLES: Final = """
CREATE TABLE devices (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE looks (
    id INTEGER PRIMARY KEY,
    device INTEGER NOT NULL,
    rank INTEGER NOT NULL,      -- of its state
    text TEXT NOT NULL          -- all of it but the numbers, as JSON
);
CREATE INDEX look_of_device ON looks (device);
CREATE TABLE records (
    seq INTEGER PRIMARY KEY,    -- without gaps
    previous INTEGER,           -- the record before of the same device
    look INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,     -- since 1970
    offset_us INTEGER,
    skew_ms INTEGER,
    uncertainty_ms INTEGER
);
CREATE TABLE ends (look INTEGER PRIMARY KEY, seq INTEGER NOT NULL);  -- the last record with it
CREATE TABLE blocks (
    number INTEGER PRIMARY KEY, -- without gaps
    at_ms INTEGER NOT NULL,
    last INTEGER NOT NULL,      -- the last record up to here
    sweep TEXT,                 -- the sweep that it ends
    notes TEXT,
    sums BLOB,                  -- the digest of table sums, where it changed
    digest BLOB NOT NULL
);
CREATE INDEX block_of_record ON blocks (last);
CREATE TABLE anchor (           -- the last block that was forgotten
    one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER, last INTEGER, digest BLOB
);
INSERT INTO anchor VALUES (1, 0, 0, zeroblob(32));
CREATE TABLE days (             -- what remains of forgotten records
    day INTEGER, device INTEGER, records INTEGER NOT NULL, worst INTEGER NOT NULL,
    least_offset_us INTEGER, most_offset_us INTEGER,
    least_skew_ms INTEGER, most_skew_ms INTEGER,
    PRIMARY KEY (day, device)
) WITHOUT ROWID;
CREATE TABLE hours (            -- what remains of forgotten sweeps
    hour INTEGER, site TEXT, sweeps INTEGER NOT NULL,
    ok INTEGER NOT NULL, warning INTEGER NOT NULL,
    unknown INTEGER NOT NULL, critical INTEGER NOT NULL,
    PRIMARY KEY (hour, site)
) WITHOUT ROWID;
CREATE TABLE sums (             -- the digest of what days and hours have of a day
    day INTEGER PRIMARY KEY, digest BLOB NOT NULL
);
CREATE TABLE memory (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE owner (one INTEGER PRIMARY KEY CHECK (one = 1), name TEXT, since TEXT)
"""

HISTORY: Final = FileKind(
    noun="history", error=HistoryError, application=0x41784E48, version=2, tables=_TABLES
)
"""How a history is made, opened, and told from other files."""


def history_path(given: str | None = None) -> Path:
    """Give where a history is: where somebody says, by default that of this user."""
    return Path(given) if given else state_path("history.db")
