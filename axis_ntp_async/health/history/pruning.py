"""Forgetting what is too old, a little at a time; sums of it remain."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections import Counter
from typing import Final

from axis_ntp_async.health.finding import State
from axis_ntp_async.health.history.keeping import HistoryRules
from axis_ntp_async.health.history.rows import key_of, milliseconds, sweep_from
from axis_ntp_async.health.history.writing import transaction

RECORDS: Final = 20_000
"""How many records are taken away at once, at most, if they are of several blocks."""

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS

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


def prune(
    connection: sqlite3.Connection, rules: HistoryRules, now: dt.datetime
) -> tuple[int, bool]:
    """
    Forget whole blocks from the beginning on, and keep sums of them: both, or neither.

    The first block whose time is neither too old nor still to come ends what
    may go: times that were written while our own clock was wrong do no harm,
    and where there is no such block, nothing is forgotten.

    Returns:
        The first record that is still there, and whether more may go.
    """
    now_ms = milliseconds(now)
    with transaction(connection):
        _forget_sums(connection, rules, now_ms)
        [number, last] = connection.execute("SELECT number, last FROM anchor").fetchone()
        stays = connection.execute(
            "SELECT number FROM blocks WHERE at_ms BETWEEN ? AND ? ORDER BY number LIMIT 1",
            (now_ms - int(rules.keep_days * _DAY_MS), now_ms + _DAY_MS),
        ).fetchone()
        gone = (
            stays
            and connection.execute(_LAST_TO_GO, (stays[0], last + RECORDS, number + 1)).fetchone()
        )
        if not gone:
            return last + 1, False
        number, last, digest = gone
        _keep_hours(connection, number)
        connection.execute(_SUM_DAYS, (last,))
        connection.execute("DELETE FROM records WHERE seq <= ?", (last,))
        connection.execute("DELETE FROM blocks WHERE number <= ?", (number,))
        connection.execute(
            "DELETE FROM looks WHERE id IN (SELECT look FROM ends WHERE seq <= ?)", (last,)
        )
        connection.execute("DELETE FROM ends WHERE seq <= ?", (last,))
        connection.execute(
            "UPDATE anchor SET number = ?, last = ?, digest = ?", (number, last, digest)
        )
        return last + 1, number + 1 < stays[0]


def _keep_hours(connection: sqlite3.Connection, number: int) -> None:
    """Add the complete sweeps up to a block to the hours of their sites."""
    sums: dict[tuple[int, str], Counter[State]] = {}
    sweeps: Counter[tuple[int, str]] = Counter()
    for (text,) in connection.execute(
        "SELECT sweep FROM blocks WHERE number <= ? AND sweep IS NOT NULL", (number,)
    ):
        sweep = sweep_from(text)
        if not sweep.is_complete:
            continue
        for site, states in sweep.sites.items():
            key = milliseconds(sweep.at) // _HOUR_MS, key_of(site or "")
            sums.setdefault(key, Counter()).update(states)
            sweeps[key] += 1
    connection.executemany(
        _SUM_HOURS,
        [
            (*key, sweeps[key], *(counts[state] for state in sorted(State, key=_rank)))
            for key, counts in sums.items()
        ],
    )


def _rank(state: State) -> int:
    return state.rank


def _forget_sums(connection: sqlite3.Connection, rules: HistoryRules, now_ms: int) -> None:
    """Forget the oldest day of sums once it is too old: one day at a time, as with records."""
    before = now_ms - int(rules.keep_sums_days * _DAY_MS)
    connection.execute(
        "DELETE FROM days WHERE day < ? AND day = (SELECT MIN(day) FROM days)",
        (before // _DAY_MS,),
    )
    connection.execute(
        "DELETE FROM hours WHERE hour < ? AND hour <= (SELECT MIN(hour) FROM hours) + 23",
        (before // _HOUR_MS,),
    )
