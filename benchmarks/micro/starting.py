"""What it costs to start: our program to a bare click program, our import to aiohttp's."""

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.micro.measure import Row

_BARE_CLICK: Final = """
import click

@click.group()
def main():
    pass

@main.command()
def status():
    pass

main()
"""


_PROGRAMS: Final[Mapping[str, tuple[str, ...]]] = {
    "axis-ntp --help": ("-m", "axis_ntp_async", "--help"),
    "axis-ntp --version": ("-m", "axis_ntp_async", "--version"),
}
_IMPORTS: Final[Mapping[str, tuple[str, ...]]] = {
    "import aiohttp, axis_ntp_async": ("-c", "import aiohttp, axis_ntp_async"),
    "import aiohttp, and SessionPool of ours": (
        "-c",
        "import aiohttp; from axis_ntp_async import SessionPool",
    ),
}


def measure(rounds: int) -> Iterator[Row]:
    """Run all of them in turn; CPU time, for the disk is a matter of luck."""
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder, "bare.py")
        bare.write_text(_BARE_CLICK, encoding="utf-8")
        base = {"bare click program, --help": (str(bare), "--help")}
        yield from _compared({**base, **_PROGRAMS}, rounds, "goal: 2")
    base = {"import aiohttp": ("-c", "import aiohttp")}
    yield from _compared({**base, **_IMPORTS}, rounds, "goal of the package alone: 1.15")


def _compared(programs: Mapping[str, Sequence[str]], rounds: int, goal: str) -> Iterator[Row]:
    """Run programs in turn, and compare them with the first one."""
    took: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, arguments in programs.items():
            took[name].append(_cpu_ms(arguments))
    base, *others = took
    yield Row(base, median(took[base]), min(took[base]), "ms")
    for name in others:
        ratio = median(one / other for one, other in zip(took[name], took[base], strict=True))
        note = f"{ratio:.2f} of {base}; {goal}"
        yield Row(name, median(took[name]), min(took[name]), "ms", note)


def _cpu_ms(arguments: Sequence[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3
