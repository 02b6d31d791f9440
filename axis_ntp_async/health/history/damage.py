"""
What would be left out unseen, because it is damaged.

Cells that are read are checked as they are read (`rows.py`). Here are those
that decide whether something is read at all.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from axis_ntp_async.health.history.rows import damaged

_MOST_MS: Final = 253_402_300_799_999
"""The end of the year 9999."""

_CHECKS: Final = (
    (
        "block {} in it",
        f"""
        SELECT number FROM blocks
        WHERE typeof(at_ms) <> 'integer' OR at_ms NOT BETWEEN 0 AND {_MOST_MS}
        """,  # noqa: S608  a number
    ),
    (
        "an hour in it",
        """
        SELECT hour FROM (SELECT MIN(hour) AS hour FROM hours UNION SELECT MAX(hour) FROM hours)
        WHERE hour IS NOT NULL AND (typeof(hour) <> 'integer' OR hour < 0)
        """,
    ),
    ("device {} in it", "SELECT id FROM devices WHERE typeof(name) <> 'text'"),
    ("look {} in it", "SELECT id FROM looks WHERE device NOT IN (SELECT id FROM devices)"),
    ("look {} in it", "SELECT look FROM ends WHERE look NOT IN (SELECT id FROM looks)"),
)
"""What is damaged, and how it is found; all of them are quick."""


def refuse_what_hides(connection: sqlite3.Connection) -> None:
    """
    Look for what no question would find.

    Raises:
        ValueError: There is something.
    """
    for what, query in _CHECKS:
        row = connection.execute(f"{query} LIMIT 1").fetchone()
        if row is not None:
            raise damaged(what.format(row[0]))
