"""What the tests of the benchmarks need: a small fleet, and a peer that reads it."""

import pytest

from benchmarks.contenders import CONTENDERS, Pythons
from benchmarks.running import Sweep, faults, run_entry
from benchmarks.scenarios import Entry
from benchmarks.setting import Setting


@pytest.fixture(scope="session")
def pythons() -> Pythons:
    """The environment of the tests; there is none with niquests."""
    return Pythons()


@pytest.fixture
def read(pythons: Pythons) -> "Read":
    """Let a contender read a fleet; skips where it is not installed."""
    return Read(pythons)


class Read:
    """Reads, and tells what was wrong."""

    def __init__(self, pythons: Pythons) -> None:
        self._pythons = pythons

    def __call__(self, contender: str, setting: Setting) -> tuple[list[Sweep], list[str]]:
        if missing := self._pythons.missing(CONTENDERS[contender]):
            pytest.skip(f"not installed: {', '.join(missing)}")
        sweeps = run_entry(Entry(contender, contender, setting), self._pythons)
        return sweeps, [fault for sweep in sweeps for fault in faults(sweep, setting)]
