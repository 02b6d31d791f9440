"""`python -m benchmarks.micro`: what single steps cost, without a network."""

import argparse
import dataclasses
from typing import Any

from benchmarks import store, tables
from benchmarks.contenders import Pythons
from benchmarks.micro import files, memory, starting, steps
from benchmarks.micro.measure import Row
from benchmarks.running import circumstances_of


def measure_all(*, quick: bool) -> dict[str, Any]:
    """Measure everything; less of it, and less often, where it has to be quick."""
    rounds = 3 if quick else 9
    devices, listed = (2000, 10_000) if quick else (10_000, 100_000)
    rows: list[Row] = [
        *steps.measure(rounds),
        *files.measure(devices, listed, rounds),
        *starting.measure(rounds),
        *memory.measure(),
    ]
    return {
        "rows": [dataclasses.asdict(row) for row in rows],
        "circumstances": circumstances_of(("ours",), Pythons()),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.micro", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller, and less often")
    parser.add_argument("--write", action="store_true", help="keep results beside the others")
    options = parser.parse_args()
    measured = measure_all(quick=options.quick)
    print("\n".join(tables.micro(measured["rows"])))
    if options.write:
        store.keep({"micro": measured})
