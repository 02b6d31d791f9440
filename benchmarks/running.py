"""Running scenarios: all entries in turn, again and again, each in two new processes."""

import datetime as dt
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from benchmarks.contenders import CONTENDERS, Contender, Pythons, versions
from benchmarks.processes import ROOT, CrashError, Process, client, cores, fleet
from benchmarks.scenarios import Entry, Scenario
from benchmarks.setting import Setting

Sweep = dict[str, Any]
"""What the client measured and the fleet counted in one sweep."""

_ROTATED: Final = 2
"""Before the third sweep the nonces change."""

_SMALL_COUNTS: Final = ("mismatched", "twice", "missing", "wrong_logins", "wrong_requests")


def run(scenario: Scenario, pythons: Pythons, repetitions: int) -> dict[str, Any]:
    """Run a scenario; give its results, with all that one needs to believe them."""
    results: dict[str, list[list[Sweep]]] = {entry.label: [] for entry in scenario.entries}
    problems: dict[str, str] = {}
    for repetition in range(repetitions):
        for entry in scenario.entries:
            if entry.label in problems:
                continue
            _tell(f"{scenario.name} {repetition + 1}/{repetitions}: {entry.label}")
            if missing := pythons.missing(CONTENDERS[entry.contender]):
                problems[entry.label] = f"not installed: {', '.join(missing)}"
                continue
            try:
                sweeps = run_entry(entry, pythons)
            except CrashError as error:
                problems[entry.label] = f"crashed: {error}"
                continue
            if scenario.shows != "curve":
                sweeps = [{**sweep, "curve_s": []} for sweep in sweeps]  # nobody looks at it
            results[entry.label].append(sweeps)
    _tell("")
    return {
        "title": scenario.title,
        "shows": scenario.shows,
        "circumstances": circumstances_of(
            (entry.contender for entry in scenario.entries), pythons
        ),
        "entries": [
            {
                "label": entry.label,
                "contender": entry.contender,
                "setting": asdict(entry.setting),
                "problem": problems.get(entry.label),
                "runs": results[entry.label],
            }
            for entry in scenario.entries
        ],
    }


def run_entry(entry: Entry, pythons: Pythons) -> list[Sweep]:
    """
    Run one entry; give one result a sweep.

    Raises:
        CrashError: Fleet or client ended before their time.
    """
    contender, setting = CONTENDERS[entry.contender], entry.setting
    own = cores() or (None, None)
    python = pythons.of(contender)
    assert python is not None
    with fleet(setting, own[1]) as devices:
        ports, peer = devices.greeting["ports"], f"benchmarks.peers.{contender.peer}"
        how = {"speed": contender.speed, "program": contender.program}
        with client(python, peer, setting, ports, own[0], **how) as reader:
            return list(_sweeps(devices, reader, setting.sweeps))


def _sweeps(devices: Process, reader: Process, count: int) -> Iterator[Sweep]:
    for number in range(count):
        if number:
            devices.tell("close")
            reader.tell("pause")
        if number == _ROTATED:
            devices.tell("rotate")
        devices.tell("report")  # begins to count anew
        yield {**reader.tell("sweep"), **devices.tell("report")}


def faults(sweep: Sweep, setting: Setting) -> Iterator[str]:
    """Give what a client did wrong in a sweep."""
    healthy = setting.fates().count("healthy")
    if sweep["answered"] != healthy:
        failed = ", ".join(f"{count} {name}" for name, count in sweep["failed"].items())
        yield f"{sweep['answered']:,} of {healthy:,} answered ({failed})"
    for name in _SMALL_COUNTS:
        if sweep[name]:
            yield f"{name.replace('_', ' ')}: {sweep[name]}"
    if sweep["most_in_flight"] > 1:
        yield f"{sweep['most_in_flight']} requests at once at one device"


def circumstances_of(contenders: Iterable[str], pythons: Pythons) -> dict[str, Any]:
    """Give machine, commit, time, and the versions of what contenders are made of."""
    return {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="minutes"),
        "commit": _commit(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "pinned": cores() is not None,
        "versions": _versions({CONTENDERS[name] for name in contenders}, pythons),
    }


def _versions(contenders: set[Contender], pythons: Pythons) -> dict[str, str]:
    found: dict[str, str] = {}
    for contender in contenders:
        if python := pythons.of(contender):
            known = versions(python, contender.needs)
            found |= {name: version for name, version in known.items() if version}
    return dict(sorted(found.items()))


def _commit() -> str:
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or "unknown"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _tell(text: str) -> None:
    """Show what is going on, in one line of a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)
