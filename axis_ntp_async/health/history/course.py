"""The records of one device, as each points at the one before."""

from __future__ import annotations

import sqlite3
from typing import Final

from axis_ntp_async.health.history.record import Record
from axis_ntp_async.health.history.rows import Numbers, damaged, key_of, record_from
from axis_ntp_async.health.history.writing import anchor_of

_ENDS: Final = """
SELECT ends.seq FROM devices JOIN looks ON looks.device = devices.id
LEFT JOIN ends ON ends.look = looks.id WHERE name = ?
"""

_COURSE: Final = """
WITH RECURSIVE course (place, before) AS (
    SELECT seq, previous FROM records WHERE seq = ?
    UNION ALL
    SELECT seq, previous FROM records JOIN course ON seq = before AND seq < place
)
SELECT seq, previous, text, records.at_ms, offset_us, skew_ms, uncertainty_ms
FROM course JOIN records ON seq = place LEFT JOIN looks ON looks.id = look ORDER BY seq
"""
"""The records of one device, from its last one back to its first."""


def course_of(connection: sqlite3.Connection, device: str) -> list[tuple[int, Record]]:
    """
    Give the records of a device with their places, from its first one on.

    Raises:
        ValueError: They do not hang together.
    """
    name, fault = key_of(device), damaged(f"the course of {device!r} in it")
    ends = {seq for (seq,) in connection.execute(_ENDS, (name,))}
    if not ends:
        return []
    if not all(isinstance(seq, int) for seq in ends):
        raise fault
    rows = connection.execute(_COURSE, (max(ends),)).fetchall()
    if not ends <= {row[0] for row in rows} or not _is_whole(connection, rows[0][1]):
        raise fault
    course = [(seq, record_from(text, Numbers(*cells))) for seq, _, text, *cells in rows]
    if any(key_of(record.device) != name for _, record in course):
        raise fault
    return course


def _is_whole(connection: sqlite3.Connection, previous: object) -> bool:
    """Tell whether the record before the first one was forgotten, if there was one."""
    if previous is None:
        return True
    return isinstance(previous, int) and 0 < previous <= anchor_of(connection).last
