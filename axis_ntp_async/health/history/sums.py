"""
Why nobody can change the sums of what was forgotten unseen.

The sums of a day have a digest, in table `sums`. Whoever forgets something also
appends a block with one digest over all of these: the last block that has one
tells what they have to be. It is appended in the same transaction, and before
the block before it can be forgotten; so there is always one.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from typing import Final

from axis_ntp_async.health.history.rows import day_of, line_of

HOURS: Final = 24
"""Hours of a day."""

_NOTHING: Final = hashlib.sha256().digest()
"""The digest of no sums at all."""

_DAYS: Final = """
SELECT day, device, name, records, worst, least_offset_us, most_offset_us,
    least_skew_ms, most_skew_ms
FROM days LEFT JOIN devices ON devices.id = device WHERE day = ? ORDER BY device
"""

_HOURS: Final = """
SELECT hour, site, sweeps, ok, warning, unknown, critical FROM hours
WHERE hour BETWEEN ? AND ? ORDER BY hour, site
"""


def seal(connection: sqlite3.Connection, days: Iterable[int]) -> bytes:
    """Take down the digests of these days, as their sums are now; give that of all sums."""
    for day in days:
        count, digest = _digest_of(connection, day)
        if count:
            connection.execute("INSERT OR REPLACE INTO sums VALUES (?, ?)", (day, digest))
        else:
            connection.execute("DELETE FROM sums WHERE day = ?", (day,))
    return _digest_of_all(connection)


def fault_of_sums(connection: sqlite3.Connection) -> str | None:
    """Give what of all sums is not as it was written; `None` when all is."""
    if not _are_chained(connection):
        return "table sums: is not as the chain of blocks tells"
    rows = 0
    for (day,) in connection.execute("SELECT day FROM sums ORDER BY day"):
        count = _sound(connection, day)
        if count is None:
            return f"sums of {day_of(day)}: are not as they were written"
        rows += count
    [found] = connection.execute(
        "SELECT (SELECT COUNT(*) FROM days) + (SELECT COUNT(*) FROM hours)"
    ).fetchone()
    return None if found == rows else "tables days and hours: have sums that were not written"


def are_sound(connection: sqlite3.Connection, days: Iterable[int]) -> bool:
    """Tell whether the sums of these days are as they were written."""
    return _are_chained(connection) and None not in (_sound(connection, day) for day in days)


def _are_chained(connection: sqlite3.Connection) -> bool:
    """Tell whether the digests are those that the chain of blocks has."""
    told = connection.execute(
        "SELECT sums FROM blocks WHERE sums IS NOT NULL ORDER BY number DESC LIMIT 1"
    ).fetchone()
    return (told[0] if told else _NOTHING) == _digest_of_all(connection)


def _sound(connection: sqlite3.Connection, day: int) -> int | None:
    """Give how many sums there are of a day; `None` when they are not as they were written."""
    known = connection.execute("SELECT digest FROM sums WHERE day = ?", (day,)).fetchone()
    count, digest = _digest_of(connection, day)
    return count if digest == (known[0] if known else _NOTHING) else None


def hours_of_day(day: int) -> tuple[int, int]:
    """Give the first and the last hour of a day, both counted since 1970."""
    return day * HOURS, day * HOURS + HOURS - 1


def _digest_of(connection: sqlite3.Connection, day: int) -> tuple[int, bytes]:
    """Give how many sums there are of a day, and their digest."""
    digest, count = hashlib.sha256(), 0
    for query, values in ((_DAYS, (day,)), (_HOURS, hours_of_day(day))):
        for row in connection.execute(query, values):
            digest.update(line_of(*row))
            count += 1
    return count, digest.digest()


def _digest_of_all(connection: sqlite3.Connection) -> bytes:
    digest = hashlib.sha256()
    for row in connection.execute("SELECT day, digest FROM sums ORDER BY day"):
        digest.update(line_of(*row))
    return digest.digest()
