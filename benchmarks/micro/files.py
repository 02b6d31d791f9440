"""What is read and written for a whole fleet: inventory, journal, history, report, metrics."""

import asyncio
import itertools
import json
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from axis_ntp_async.health.history.history import History
from axis_ntp_async.health.sweep import Summary
from axis_ntp_async.health.watch.events import Found
from axis_ntp_async.health.watch.overview import Overview
from axis_ntp_async.inventory.inventory import load_inventory
from axis_ntp_async.report.metrics import exposition
from axis_ntp_async.report.page.page import page
from axis_ntp_async.report.page.report import Report
from axis_ntp_async.rollout.journal.journal import Journal
from axis_ntp_async.rollout.plan import StepState, StepStatus
from benchmarks import history
from benchmarks.micro import samples
from benchmarks.micro.measure import Row, once
from benchmarks.setting import address_of, serial_of

_COMMITS: Final = 200


def measure(devices: int, listed: int, rounds: int) -> Iterator[Row]:
    """Measure all of it: so many devices of a sweep, so many in an inventory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield from _inventories(folder, listed, rounds)
        yield from _journal(folder, devices, rounds)
        yield from _history(folder, devices, rounds)
    yield from _shown(devices, rounds)


def _inventories(folder: Path, devices: int, rounds: int) -> Iterator[Row]:
    writers: dict[str, Callable[[list[dict[str, str]]], str]] = {
        "csv": _csv,
        "jsonl": lambda rows: "".join(f"{json.dumps(row)}\n" for row in rows),
        "toml": _toml,
    }
    rows = [_row(number) for number in range(devices)]
    for kind, write in writers.items():
        path = folder / f"fleet.{kind}"
        path.write_text(write(rows), encoding="utf-8")
        what = f"load an inventory of {devices:,}, {kind.upper()}"
        load = partial(load_inventory, path)
        yield once(what, load, rounds=rounds, note="goal at 100,000: 3,000 ms")


def _row(number: int) -> dict[str, str]:
    return {
        "name": f"cam-{number:06}",
        "host": address_of(number),
        "serial": serial_of(number),
        "site": f"site-{number % 50:02}",
        "tls": "insecure",
    }


def _csv(rows: list[dict[str, str]]) -> str:
    return "\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)]) + "\n"


def _toml(rows: list[dict[str, str]]) -> str:
    tables = (
        "".join(f"{name} = {json.dumps(value)}\n" for name, value in row.items()) for row in rows
    )
    return "".join(f"[[devices]]\n{table}\n" for table in tables)


def _journal(folder: Path, steps: int, rounds: int) -> Iterator[Row]:
    plan, numbers = samples.plan(steps), itertools.count()
    with Journal(folder / "journal.db", "benchmark") as journal:
        yield once(
            f"begin a run of {steps:,} in the journal",
            lambda: journal.begin(f"run-{next(numbers)}", plan, "benchmark"),
            rounds=rounds,
        )
        status = StepStatus(state=StepState.APPLIED, writes=1, at=samples.AT)

        async def one_by_one() -> None:
            for step in plan.steps[:_COMMITS]:
                await journal.note("run-0", step, status)

        async def together() -> None:
            await asyncio.gather(
                *(journal.note("run-0", step, status) for step in plan.steps[:_COMMITS])
            )

        yield once(
            f"{_COMMITS} notes, each waits for its commit",
            lambda: asyncio.run(one_by_one()),
            rounds=rounds,
        )
        yield once(f"{_COMMITS} notes at once", lambda: asyncio.run(together()), rounds=rounds)


def _history(folder: Path, devices: int, rounds: int) -> Iterator[Row]:
    fleet = history.Fleet(devices)
    with History(folder / "history.db") as kept:
        _, took_s = history.fill(kept, fleet, range(rounds))
    took = [seconds * 1e3 for seconds in took_s]
    what = f"keep a sweep of {devices:,} in the history"
    yield Row(what, median(took), min(took), "ms", "`python -m benchmarks.history` tells more")


def _shown(devices: int, rounds: int) -> Iterator[Row]:
    findings, summary, overview = samples.findings(devices), Summary(), Overview()
    for finding in findings:
        summary.add(finding)
        overview.add(Found(finding=finding, standing=None))
    report = Report(findings=findings, summary=summary, at=samples.AT, source="fleet.toml")
    yield once(f"HTML report of {devices:,}", lambda: page(report), rounds=rounds)
    yield once(f"metrics of {devices:,}, totals", lambda: exposition(overview), rounds=rounds)
    yield once(
        f"metrics of {devices:,}, all devices",
        lambda: exposition(overview, per_device=True),
        rounds=rounds,
    )
