"""Forgetting what is too old, a little at a time; sums of it remain."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from axis_ntp_async.health.finding import State
from axis_ntp_async.health.history.keeping import HistoryRules
from axis_ntp_async.health.history.rows import HOUR_MS, STATES, key_of, milliseconds, sweep_from
from axis_ntp_async.health.history.sums import HOURS, are_sound, hours_of_day, seal
from axis_ntp_async.health.history.writing import Head, anchor_of

RECORDS: Final = 20_000
"""How many records are taken away at once, at most, if they are of several blocks."""

_DAY_MS: Final = HOURS * HOUR_MS

_LAST_TO_GO: Final = """
SELECT number, last, digest FROM blocks
WHERE number < ? AND (last <= ? OR number = ?) ORDER BY number DESC LIMIT 1
"""

_SUM_DAYS: Final = """
INSERT INTO days
SELECT at_ms / 86400000 AS day, device, COUNT(*), MAX(rank),
    MIN(offset_us), MAX(offset_us), MIN(skew_ms), MAX(skew_ms)
FROM records JOIN looks ON looks.id = look WHERE seq <= ? GROUP BY day, device
ON CONFLICT (day, device) DO UPDATE SET
    records = records + excluded.records,
    worst = MAX(worst, excluded.worst),
    least_offset_us = MIN(IFNULL(least_offset_us, excluded.least_offset_us),
        IFNULL(excluded.least_offset_us, least_offset_us)),
    most_offset_us = MAX(IFNULL(most_offset_us, excluded.most_offset_us),
        IFNULL(excluded.most_offset_us, most_offset_us)),
    least_skew_ms = MIN(IFNULL(least_skew_ms, excluded.least_skew_ms),
        IFNULL(excluded.least_skew_ms, least_skew_ms)),
    most_skew_ms = MAX(IFNULL(most_skew_ms, excluded.most_skew_ms),
        IFNULL(excluded.most_skew_ms, most_skew_ms))
"""

_SUM_HOURS: Final = """
INSERT INTO hours VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (hour, site) DO UPDATE SET
    sweeps = sweeps + excluded.sweeps, ok = ok + excluded.ok,
    warning = warning + excluded.warning, unknown = unknown + excluded.unknown,
    critical = critical + excluded.critical
"""


class Pruned(NamedTuple):
    """
    What was forgotten.

    Attributes:
        first: The first record that is still there.
        is_more: Whether more may go.

        sums:
            The digest of all sums now; `None` when nothing was forgotten, or when
            they were not as they were written: then it stays like that, for
            whoever checks them.
    """

    first: int
    is_more: bool
    sums: bytes | None = None


Hours = dict[tuple[int, str], Counter[State | None]]
"""Devices by state, of each hour and site; under `None` how many sweeps there were."""


def prune(connection: sqlite3.Connection, rules: HistoryRules, now: dt.datetime) -> Pruned:
    """
    Forget whole blocks from the beginning on, and keep sums of them.

    The first block whose time is neither too old nor still to come ends what
    may go: times that were written while our own clock was wrong do no harm,
    and where there is no such block, nothing is forgotten.
    """
    now_ms = milliseconds(now)
    old = _oldest_sums(connection, (now_ms - int(rules.keep_sums_days * _DAY_MS)) // _DAY_MS)
    anchor = anchor_of(connection)
    stays = connection.execute(
        "SELECT number FROM blocks WHERE at_ms BETWEEN ? AND ? ORDER BY number LIMIT 1",
        (now_ms - int(rules.keep_days * _DAY_MS), now_ms + _DAY_MS),
    ).fetchone()
    most = anchor.last + RECORDS, anchor.number + 1
    gone = stays and connection.execute(_LAST_TO_GO, (stays[0], *most)).fetchone()
    if not gone and not old:
        return Pruned(anchor.last + 1, is_more=False)
    end = Head(*gone) if gone else anchor
    hours = _hours_of(connection, end.number)
    days = old | {hour // HOURS for hour, _ in hours} | _days_of(connection, end.last)
    was_sound = are_sound(connection, days)
    _forget_sums(connection, old)
    _keep_hours(connection, hours)
    connection.execute(_SUM_DAYS, (end.last,))
    _forget(connection, end)
    sums = seal(connection, days) if was_sound else None
    is_more = bool(gone) and end.number + 1 < stays[0]
    return Pruned(end.last + 1, is_more=is_more, sums=sums)


def _oldest_sums(connection: sqlite3.Connection, before: int) -> set[int]:
    """Give the oldest day of sums, if it is too old: one at a time may go, as with records."""
    rows = connection.execute("SELECT MIN(day) FROM sums WHERE day < ? HAVING COUNT(*)", (before,))
    return {day for (day,) in rows}


def _days_of(connection: sqlite3.Connection, last: int) -> set[int]:
    """Give the days of the records up to one."""
    rows = connection.execute(
        "SELECT DISTINCT at_ms / 86400000 FROM records WHERE seq <= ?", (last,)
    )
    return {day for (day,) in rows}


def _hours_of(connection: sqlite3.Connection, number: int) -> Hours:
    """Give what the complete sweeps up to a block add to the hours of their sites."""
    hours: Hours = {}
    for (text,) in connection.execute(
        "SELECT sweep FROM blocks WHERE number <= ? AND sweep IS NOT NULL", (number,)
    ):
        sweep = sweep_from(text)
        if not sweep.is_complete:
            continue
        for site, states in sweep.sites.items():
            key = milliseconds(sweep.at) // HOUR_MS, key_of(site or "")
            counts = hours.setdefault(key, Counter({None: 0}))
            counts.update({None: 1})
            counts.update(states)
    return hours


def _keep_hours(connection: sqlite3.Connection, hours: Hours) -> None:
    counted = (None, *STATES)
    connection.executemany(
        _SUM_HOURS,
        [(*key, *(counts[one] for one in counted)) for key, counts in hours.items()],
    )


def _forget(connection: sqlite3.Connection, end: Head) -> None:
    """Take away everything up to a block."""
    connection.execute("DELETE FROM records WHERE seq <= ?", (end.last,))
    connection.execute("DELETE FROM blocks WHERE number <= ?", (end.number,))
    connection.execute(
        "DELETE FROM looks WHERE id IN (SELECT look FROM ends WHERE seq <= ?)", (end.last,)
    )
    connection.execute("DELETE FROM ends WHERE seq <= ?", (end.last,))
    connection.execute(
        "UPDATE anchor SET number = ?, last = ?, digest = ?", (end.number, end.last, end.digest)
    )


def _forget_sums(connection: sqlite3.Connection, days: Iterable[int]) -> None:
    for day in days:
        connection.execute("DELETE FROM days WHERE day = ?", (day,))
        connection.execute("DELETE FROM hours WHERE hour BETWEEN ? AND ?", hours_of_day(day))
