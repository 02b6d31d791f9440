"""The goals, as data, and whether the results reach them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.figures import (
    T95,
    Result,
    connections_per_device,
    entry_of,
    of,
    ratio,
    requests_per_device,
    time_of,
    typical,
)

_BASE: Final = "bare aiohttp"
_FLOOR: Final = "floor + speed"
_PROGRAM: Final = "the program"
_SIZES: Final = tuple(f"{_PROGRAM}, {size}" for size in ("1,000", "10,000", "100,000"))
_MORE_DEVICES: Final = 90_000

Find = Callable[[Result], float | None]


@dataclass(frozen=True)
class Goal:
    """
    One goal.

    Attributes:
        what: What is looked at.
        scenario: Whose results.
        find: How the value is found in them.
        limit: What it must not exceed.
        exact: Whether it must be just that.
    """

    what: str
    scenario: str
    find: Find
    limit: float
    exact: bool = False

    def is_reached(self, value: float) -> bool:
        """Tell whether a value is good enough."""
        return value == self.limit if self.exact else value <= self.limit


def _cpu(label: str, base: str, sweep: int) -> Find:
    return lambda result: ratio(result, label, base, sweep)


def _requests(sweep: int) -> Find:
    return lambda result: typical(entry_of(result, _PROGRAM), sweep, requests_per_device)


def _connections(sweep: int) -> Find:
    return lambda result: typical(entry_of(result, _PROGRAM), sweep, connections_per_device)


def _memory(result: Result) -> float | None:
    """Give KiB for each further device, all included: the inventory, too."""
    small, large = (typical(entry_of(result, label), 0, of("rss_mib")) for label in _SIZES[1:])
    if small is None or large is None:
        return None
    return (large - small) * 1024 / _MORE_DEVICES


def _t95(dead: str) -> Find:
    return lambda result: ratio(
        result, f"{_PROGRAM}, {dead}", f"{_PROGRAM}, all healthy", 0, time_of(T95)
    )


GOALS: Final = (
    Goal(
        "CPU to bare aiohttp, HTTP digest, sweep 1", "http-digest", _cpu(_PROGRAM, _BASE, 0), 0.60
    ),
    Goal(
        "CPU to bare aiohttp, HTTP digest, sweep 2", "http-digest", _cpu(_PROGRAM, _BASE, 1), 0.50
    ),
    Goal(
        "CPU to bare aiohttp, HTTPS digest, sweep 1",
        "https-digest",
        _cpu(_PROGRAM, _BASE, 0),
        0.50,
    ),
    Goal(
        "CPU to bare aiohttp, HTTPS digest, sweep 2",
        "https-digest",
        _cpu(_PROGRAM, _BASE, 1),
        0.50,
    ),
    Goal(
        "the library on plain asyncio, HTTPS, sweep 1",
        "https-digest",
        _cpu("ours", _BASE, 0),
        0.75,
    ),
    Goal(
        "the library on plain asyncio, HTTPS, sweep 2",
        "https-digest",
        _cpu("ours", _BASE, 1),
        0.75,
    ),
    Goal(
        "CPU to the floor, HTTPS digest, sweep 1", "https-digest", _cpu(_PROGRAM, _FLOOR, 0), 1.3
    ),
    Goal(
        "CPU to the floor, HTTPS digest, sweep 2", "https-digest", _cpu(_PROGRAM, _FLOOR, 1), 1.3
    ),
    Goal("CPU to the floor, HTTP digest, sweep 1", "http-digest", _cpu(_PROGRAM, _FLOOR, 0), 2.5),
    Goal("CPU to the floor, HTTP digest, sweep 2", "http-digest", _cpu(_PROGRAM, _FLOOR, 1), 2.5),
    Goal(
        "peak RSS, 10,000 HTTPS devices, findings streamed, MiB",
        "memory",
        lambda result: typical(entry_of(result, _PROGRAM), 0, of("rss_mib")),
        120,
    ),
    Goal(
        "100,000 devices with 1,024 open files: without an answer",
        "scale",
        lambda result: typical(
            entry_of(result, _SIZES[2]), 0, lambda sweep: 100_000 - sweep["answered"]
        ),
        0,
        exact=True,
    ),
    Goal("memory of each further device, from 10,000 to 100,000, KiB", "scale", _memory, 2.0),
    Goal("CPU at 100,000 to that at 1,000", "scale", _cpu(_SIZES[2], _SIZES[0], 0), 1.1),
    Goal("T95 of the healthy, 5 % black-holed", "dead", _t95("5 % black-holed"), 1.05),
    Goal("T95 of the healthy, 5 % silent", "dead", _t95("5 % silent"), 1.05),
    Goal("requests per device, first sweep", "http-digest", _requests(0), 2, exact=True),
    Goal("requests per device, second sweep", "http-digest", _requests(1), 1, exact=True),
    Goal("requests per device, nonces changed", "http-digest", _requests(2), 2, exact=True),
    Goal("connections per device, nonces changed", "https-digest", _connections(2), 1, exact=True),
)


def judged(results: Mapping[str, Result]) -> Iterator[tuple[Goal, float | None, str]]:
    """Give each goal, its value, and whether it is reached."""
    for goal in GOALS:
        value = goal.find(results[goal.scenario]) if goal.scenario in results else None
        if value is None:
            yield goal, None, "not measured"
        else:
            yield goal, value, "yes" if goal.is_reached(value) else "**no**"
