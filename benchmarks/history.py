"""
What a history costs: `python -m benchmarks.history [--devices 10000] [--days 3]`.

Sweeps of a believable fleet are handed to it as quickly as it takes them: one
device in a hundred changes a day, offsets and readings of clocks jitter.
"""

import argparse
import contextlib
import datetime as dt
import platform
import random
import resource
import sqlite3
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

from attrs import evolve

from axis_ntp_async.health.finding import Cause, State
from axis_ntp_async.health.history.history import History
from axis_ntp_async.health.history.keeping import HistoryRules
from axis_ntp_async.health.history.reading import HistoryReader
from axis_ntp_async.health.history.record import Record, SweepRecord

BEGIN = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
INTERVAL = dt.timedelta(minutes=5)
SWEEPS_A_DAY = 288
CHANGES_A_DAY = 0.01


class Fleet:
    """Devices whose clocks wander a little, and some of which break now and then."""

    def __init__(self, devices: int) -> None:
        self.chance = random.Random(1)
        self.broken: dict[int, int] = {}
        """Devices that are out of reach, and until which sweep."""
        self.devices = [
            Record(
                device=f"cam-{number:05}",
                address=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
                serial=f"ACCC8E{number:06X}",
                site=f"site-{number % 50:02}",
                at=BEGIN,
                state=State.OK,
                enabled=True,
                nts=False,
                source="static",
                servers=("10.0.0.5", "10.0.0.6"),
                synced=True,
            )
            for number in range(devices)
        ]

    def sweep(self, number: int) -> list[Record]:
        """Look at all of them, spread over half of the interval."""
        begin, found = BEGIN + number * INTERVAL, []
        for place, device in enumerate(self.devices):
            if self.chance.random() < CHANGES_A_DAY / SWEEPS_A_DAY:
                self.broken[place] = number + self.chance.randrange(2, 100)
            at = begin + INTERVAL / 2 * (place / len(self.devices))
            if self.broken.get(place, 0) > number:
                found.append(_out_of_reach(device, at))
                continue
            round_trip_s = 0.01 + self.chance.expovariate(50)
            found.append(
                evolve(
                    device,
                    at=at,
                    offset_ms=self.chance.gauss(0, 8),
                    skew_s=self.chance.uniform(-0.5, 0.5),
                    uncertainty_s=0.5 + round_trip_s / 2,
                )
            )
        return found


def _out_of_reach(device: Record, at: dt.datetime) -> Record:
    return Record(
        device=device.device,
        address=device.address,
        serial=device.serial,
        site=device.site,
        at=at,
        state=State.UNKNOWN,
        cause=Cause.UNREACHABLE,
        message="no answer within 3 s",
    )


def sweep_record(number: int, found: list[Record]) -> SweepRecord:
    """Add up what was found."""
    sites: dict[str | None, Counter[State]] = {}
    for record in found:
        sites.setdefault(record.site, Counter())[record.state] += 1
    begin = BEGIN + number * INTERVAL
    return SweepRecord(
        at=begin,
        ended_at=begin + INTERVAL / 2,
        states=Counter(record.state for record in found),
        sites=sites,
        own_skew_s=0.02,
        own_devices=len(found),
    )


def fill(history: History, fleet: Fleet, sweeps: range) -> tuple[int, list[float]]:
    """Write sweeps; give how many records were kept, and seconds for each."""
    kept, took = 0, []
    for number in sweeps:
        found = fleet.sweep(number)
        record = sweep_record(number, found)
        began = time.perf_counter()
        kept += history.append(found)
        history.end_sweep(record)
        history.prune(record.ended_at)
        took.append(time.perf_counter() - began)
    return kept, took


def timed(what: str, repeat: int, call: object) -> None:
    """Print how long a call takes, the median of some."""
    assert callable(call)
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    print(f"{what:<44}{statistics.median(times):10.4f} s")


def size_of(path: Path) -> int:
    """Give the bytes of a history; the file beside it keeps to some 4 MB."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint")
    return path.stat().st_size


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--keep-days", type=float, default=90.0)
    given = parser.parse_args()
    rules = HistoryRules(keep_days=given.keep_days)
    fleet, sizes, kept = Fleet(given.devices), [], 0
    print(f"Python {platform.python_version()}, {given.devices} devices, every 5 min")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "history.db")
        with History(path, rules=rules) as history:
            sizes.append(size_of(path))
            for day in range(given.days):
                count, took = fill(
                    history, fleet, range(day * SWEEPS_A_DAY, (day + 1) * SWEEPS_A_DAY)
                )
                kept += count
                sizes.append(size_of(path))
                print(
                    f"day {day + 1}: {sizes[-1] / 1e6:.1f} MB, {count / given.devices:.1f} "
                    f"records a device, a sweep takes {statistics.median(took):.3f} s to keep "
                    f"(at most {max(took):.3f} s)"
                )
        print(f"closed: {path.stat().st_size / 1e6:.1f} MB in all")
        daily = (sizes[-1] - sizes[1]) / max(1, given.days - 1)
        print(f"bytes a device and day{daily / given.devices:>32.0f}")
        print(f"MB for 90 days, extrapolated{(sizes[1] + 89 * daily) / 1e6:>26.0f}")
        reader, middle = HistoryReader(path), BEGIN + given.days * INTERVAL * SWEEPS_A_DAY / 2
        timed("evidence of one device", 20, lambda: reader.evidence("cam-00007", middle))
        timed("timeline of one device", 20, lambda: reader.timeline("cam-00007"))
        timed("courses of all devices, 60 points", 1, lambda: reader.courses(BEGIN))
        timed("sweeps of all the time", 3, reader.sweeps)
        timed(f"verify {kept} records", 1, reader.verify)
        print(reader.verify())

        def reopen() -> None:
            with History(path):
                pass

        timed("open for writing", 3, reopen)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
