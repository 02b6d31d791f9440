"""`python -m benchmarks`: what reading a fleet costs, with us and with plain aiohttp."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks.contenders import CONTENDERS, SWEEPS

Costs = dict[str, float]
Run = list[Costs]
"""The costs of each sweep of one process."""


def main() -> None:
    """Run the contenders in turn, and show what they cost."""
    options = _options()
    print(_circumstances(options), flush=True)
    runs: dict[str, list[Run]] = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder, _served(Path(folder), options) as inventory:
        for repetition in range(options.repetitions):
            order = list(CONTENDERS)
            for name in reversed(order) if repetition % 2 else order:
                runs[name].append(_run(name, inventory, options))
    for sweep in range(SWEEPS):
        print(f"\nsweep {sweep + 1}")
        _show({name: [run[sweep] for run in of_name] for name, of_name in runs.items()})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--devices", type=int, default=600)
    parser.add_argument("--concurrency", type=int, default=100)
    parser.add_argument("--latency", type=float, default=0.02, help="seconds of each answer")
    parser.add_argument("--faults", type=float, default=0.0, help="share: half silent, half reset")
    parser.add_argument("--https-share", type=float, default=0.5)
    parser.add_argument("--timeout", type=float, default=2.0, help="seconds for each device")
    parser.add_argument("--repetitions", type=int, default=3)
    return parser.parse_args()


def _circumstances(options: argparse.Namespace) -> str:
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    given = " ".join(f"{name}={value}" for name, value in vars(options).items())
    return (
        f"commit {asked.stdout.strip() or 'unknown'}, Python {platform.python_version()}, "
        f"aiohttp {version('aiohttp')}, {os.cpu_count()} cores, {platform.system()}\n{given}"
    )


@contextmanager
def _served(folder: Path, options: argparse.Namespace) -> Iterator[Path]:
    """Serve the fleet in a process of its own; give its inventory."""
    names = ("devices", "latency", "faults", "https_share")
    given = [f"--{name.replace('_', '-')}={getattr(options, name)}" for name in names]
    command = [sys.executable, "-m", "benchmarks.fleet", str(folder), *given]
    fleet = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with fleet:
        if fleet.stdout is None or not (inventory := fleet.stdout.readline().strip()):
            sys.exit("the simulated fleet did not start")
        yield Path(inventory)


def _run(name: str, inventory: Path, options: argparse.Namespace) -> Run:
    given = [f"--concurrency={options.concurrency}", f"--timeout={options.timeout}"]
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.contenders", name, str(inventory), *given],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in ended.stdout.splitlines()]


def _show(costs: Mapping[str, list[Costs]]) -> None:
    """Print a line of medians for each contender, and one of ratios of the first to the last."""
    columns = list(next(iter(costs.values()))[0])
    print(f"{'':<16}", *(f"{column:>14}" for column in columns))
    for name, runs in costs.items():
        print(f"{name:<16}", *(f"{median(one[c] for one in runs):14,.1f}" for c in columns))
    first, *_, last = costs
    pairs = list(zip(costs[first], costs[last], strict=True))
    ratios = [median(one[c] / other[c] for one, other in pairs) for c in columns]
    print(f"{'ratio':<16}", *(f"{ratio:14.2f}" for ratio in ratios))


if __name__ == "__main__":
    main()
