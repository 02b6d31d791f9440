"""A history of a small fleet, and the looks and sweeps that it is made of."""

import contextlib
import datetime as dt
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from axis_ntp_async.health.finding import State
from axis_ntp_async.health.history.history import History
from axis_ntp_async.health.history.record import Record, SweepRecord

AT = dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "history.db"


@pytest.fixture
def make_record(usual: Record) -> Callable[..., Record]:
    """A look at a device that is well, so many minutes after noon."""

    def make(device: str = "lobby-3", minute: float = 0.0, **members: Any) -> Record:
        at = AT + dt.timedelta(minutes=minute)
        return evolve(usual, device=device, **{"at": at, **members})

    return make


@pytest.fixture
def sweep() -> Callable[..., SweepRecord]:
    """Hands over a whole sweep, which took a minute."""

    def swept(
        history: History, records: Iterable[Record], minute: float, **members: Any
    ) -> SweepRecord:
        looks = list(records)
        sites: dict[str | None, Counter[State]] = {}
        for record in looks:
            sites.setdefault(record.site, Counter())[record.state] += 1
        begin = AT + dt.timedelta(minutes=minute)
        usual: dict[str, Any] = {
            "at": begin,
            "ended_at": begin + dt.timedelta(minutes=1),
            "states": sum(sites.values(), Counter()),
            "sites": sites,
            "own_skew_s": 0.02,
            "own_devices": len(looks),
        }
        ended = SweepRecord(**{**usual, **members})
        history.append(looks)
        history.end_sweep(ended)
        return ended

    return swept


@pytest.fixture
def rows_of(path: Path) -> Callable[[str], list[tuple[Any, ...]]]:
    """What a query finds in the file."""

    def found(query: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return connection.execute(query).fetchall()

    return found
