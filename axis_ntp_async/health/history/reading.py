"""Looking into a history: courses of devices and sites, and evidence of one instant."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from axis_ntp_async.health.history.course import course_of
from axis_ntp_async.health.history.damage import refuse_what_hides
from axis_ntp_async.health.history.evidence import APART_MOST, Evidence
from axis_ntp_async.health.history.files import HISTORY
from axis_ntp_async.health.history.record import (
    DayRecord,
    Note,
    Place,
    Record,
    SweepRecord,
    Verdict,
)
from axis_ntp_async.health.history.rows import (
    HOUR_MS,
    Numbers,
    damaged,
    day_from,
    hour_from,
    key_of,
    milliseconds,
    notes_from,
    record_from,
    sweep_from,
    total_of,
)
from axis_ntp_async.health.history.searching import blocks_behind, find_evidence
from axis_ntp_async.health.history.verifying import fault_between, verify
from axis_ntp_async.health.history.watched import Times, watched

_HOUR: Final = dt.timedelta(hours=1)
_FIRST: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LAST: Final = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)

_COLUMNS: Final = "seq, text, records.at_ms, offset_us, skew_ms, uncertainty_ms"

_WORST_OF_EACH_STEP: Final = f"""
SELECT {_COLUMNS} FROM (
    SELECT MAX(rank << 48 | seq) & 0xFFFFFFFFFFFF AS worst FROM records
    JOIN looks ON looks.id = look
    WHERE seq > IFNULL((SELECT MAX(last) FROM blocks WHERE number < ?), 0)
        AND NOT (typeof(at_ms) = 'integer' AND at_ms BETWEEN 0 AND ? - 1)
    GROUP BY device, (at_ms - ?) / ?
) JOIN records ON seq = worst JOIN looks ON looks.id = look ORDER BY seq
"""  # noqa: S608  names of columns

_DAYS: Final = """
SELECT day, records, worst, least_offset_us, most_offset_us, least_skew_ms, most_skew_ms
FROM days WHERE day = ? AND device = (SELECT id FROM devices WHERE name = ?)
"""

_HOURS: Final = """
SELECT hour, site, sweeps, ok, warning, unknown, critical FROM hours
WHERE hour BETWEEN ? AND ? ORDER BY hour, site
"""


@frozen
class HistoryReader:
    """
    Looks into a history, also while a watch writes it.

    Attributes:
        path: Of the history.

    Raises:
        HistoryError: It is not there, none, or damaged.
    """

    path: Path

    def names(self) -> tuple[str, ...]:
        """Give the names of all devices that anything is known of."""
        with self._open() as connection:
            rows = connection.execute("SELECT name FROM devices ORDER BY name")
            return tuple(name for (name,) in rows)

    def sites(self) -> tuple[str, ...]:
        """Give the sites of the last sweeps, and of those that are only known as sums."""
        with self._open() as connection:
            known = {site for (site,) in connection.execute("SELECT DISTINCT site FROM hours")}
            for (text,) in connection.execute(
                "SELECT sweep FROM blocks WHERE sweep IS NOT NULL ORDER BY number DESC LIMIT 100"
            ):
                known |= {site or "" for site in sweep_from(text).sites}
            if not all(isinstance(site, str) for site in known):
                raise damaged("the name of a site in it")
            return tuple(sorted(known - {""}))

    def timeline(
        self, device: str, since: dt.datetime = _FIRST, until: dt.datetime = _LAST
    ) -> tuple[Record, ...]:
        """
        Give the records of one device, in the order in which they were written.

        That is the order of time as long as our own clock was not set back. The
        record that was in force when the time asked for began comes first.
        Of what is older than the records `days` tells.
        """
        with self._open() as connection:
            records = [record for _, record in course_of(connection, device)]
        first = next(
            (place for place, record in enumerate(records) if record.at >= since), len(records)
        )
        if first and (first == len(records) or records[first].at > since):
            first -= 1
        return tuple(record for record in records[first:] if record.at <= until)

    def days(
        self, device: str, since: dt.datetime = _FIRST, until: dt.datetime = _LAST
    ) -> tuple[DayRecord, ...]:
        """Give what remains of one device's forgotten records, day by day."""
        with self._open() as connection:
            days = connection.execute(
                "SELECT day FROM sums WHERE day BETWEEN ? AND ? ORDER BY day",
                (_day(since), _day(until)),
            ).fetchall()
            found = (day_record(connection, device, day) for (day,) in days)
            return tuple(day for day in found if day is not None)

    def sweeps(
        self,
        since: dt.datetime = _FIRST,
        until: dt.datetime = _LAST,
        site: str | None = None,
    ) -> tuple[SweepRecord, ...]:
        """
        Give the sweeps that ended in a span of time: one by one, or older ones hour by hour.

        Args:
            since: Its begin.
            until: Its end.
            site: Only of this site, or of devices without one when it is empty; sweeps
                without any of these are left out.
        """
        with self._open() as connection:
            found = [*_hours(connection, since, until), *_sweeps(connection, since, until)]
        if site is None:
            return tuple(found)
        return tuple(
            evolve(sweep, states=states, sites={site or None: states})
            for sweep in found
            if (states := sweep.sites.get(site or None)) is not None
        )

    def watched(self, since: dt.datetime, until: dt.datetime) -> tuple[Times, ...]:
        """Give when somebody looked in a span of time, see `watched()`."""
        around = since - APART_MOST, until + APART_MOST
        with self._open() as connection:
            found = _sweeps(connection, *around)
            return watched((sweep.at, sweep.ended_at) for sweep in found if sweep.is_complete)

    def notes(self, since: dt.datetime = _FIRST, until: dt.datetime = _LAST) -> tuple[Note, ...]:
        """Give what was noted in a span of time."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT notes FROM blocks WHERE notes IS NOT NULL AND at_ms >= ? ORDER BY number",
                (milliseconds(since),),
            )
            notes = itertools.chain.from_iterable(notes_from(text) for (text,) in rows)
            return tuple(note for note in notes if since <= note.at <= until)

    def courses(
        self, since: dt.datetime, names: Sequence[str] | None = None, *, points: int = 60
    ) -> dict[str, tuple[Record, ...]]:
        """
        Give the courses of devices since then, thinned: of each step the worst record.

        Args:
            since: From when on.
            names: Of which devices; `None` is all of them.
            points: Into how many steps the time until now is divided.
        """
        begin_ms = milliseconds(since)
        wanted = None if names is None else frozenset(names)
        courses: dict[str, list[Record]] = {}
        with self._open() as connection:
            number, end_ms = connection.execute(
                "SELECT MIN(number), MAX(at_ms) FROM blocks WHERE at_ms >= ?", (begin_ms,)
            ).fetchone()
            if number is None:
                return {}
            step_ms = max(1, (end_ms - begin_ms) // points + 1)
            rows = connection.execute(_WORST_OF_EACH_STEP, (number, begin_ms, begin_ms, step_ms))
            for _, text, *numbers in rows:
                record = record_from(text, Numbers(*numbers))
                if wanted is None or record.device in wanted:
                    courses.setdefault(record.device, []).append(record)
        return {name: tuple(records) for name, records in courses.items()}

    def evidence(self, device: str, at: dt.datetime) -> Evidence:
        """Give all that is known of one device around one instant."""
        with self._open() as connection:
            day = day_record(connection, device, _day(at))
            found = find_evidence(connection, device, at, course_of(connection, device), day)
            blocks = blocks_behind(connection, found)
            return evolve(found, fault=fault_between(connection, *blocks)) if blocks else found

    def verify(self, head: Place | None = None) -> Verdict:
        """
        Check everything against the chain.

        Args:
            head:
                The end of the chain, as it was told earlier: the chain must
                still hold it. Without one, it cannot be seen when the end was cut
                off, or everything was written anew.
        """
        with self._open(is_to_be_read=False) as connection:
            return verify(connection, head)

    @contextlib.contextmanager
    def _open(self, *, is_to_be_read: bool = True) -> Iterator[sqlite3.Connection]:
        with (
            HISTORY.telling(self.path),
            contextlib.closing(HISTORY.connect(self.path)) as connection,
        ):
            connection.text_factory = _as_text
            connection.execute("BEGIN")  # all that is read is of one moment
            if is_to_be_read:
                refuse_what_hides(connection)
            yield connection


def _sweeps(
    connection: sqlite3.Connection, since: dt.datetime, until: dt.datetime
) -> Iterator[SweepRecord]:
    rows = connection.execute(
        "SELECT number, at_ms, sweep FROM blocks WHERE sweep IS NOT NULL "
        "AND at_ms BETWEEN ? AND ? ORDER BY number",
        (milliseconds(since), milliseconds(until)),
    )
    for number, at_ms, text in rows:
        sweep = sweep_from(text)
        if milliseconds(sweep.ended_at) != at_ms:
            raise damaged(f"block {number} in it")
        yield sweep


def _hours(
    connection: sqlite3.Connection, since: dt.datetime, until: dt.datetime
) -> Iterator[SweepRecord]:
    rows = connection.execute(
        _HOURS, (milliseconds(since) // HOUR_MS, milliseconds(until) // HOUR_MS)
    )
    hours = (hour_from(*row) for row in rows)
    for begin, same in itertools.groupby(hours, lambda hour: hour.begin):
        group = list(same)
        sites = {one.site: one.states for one in group}
        yield SweepRecord(
            at=begin,
            ended_at=begin + _HOUR,
            sweeps=max(one.sweeps for one in group),
            sites=sites,
            states=total_of(sites.values()),
        )


def _day(at: dt.datetime) -> int:
    return milliseconds(at) // 86_400_000


def day_record(connection: sqlite3.Connection, device: str, day: int) -> DayRecord | None:
    """Give what remains of a device's forgotten records of one day."""
    row = connection.execute(_DAYS, (day, key_of(device))).fetchone()
    return day_from(device, *row) if row else None


def _as_text(cell: bytes) -> str:
    """Give a text, also one that is none: it fits nothing that we write."""
    return cell.decode("utf-8", "surrogateescape")
