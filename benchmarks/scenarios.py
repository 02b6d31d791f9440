"""What is measured: scenarios, as data, and the suites they make up."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.setting import Setting


@dataclass(frozen=True)
class Entry:
    """
    One line of a scenario: a contender and what it has to read.

    Attributes:
        label: What it is called; unique in its scenario.
        contender: Its name in `CONTENDERS`.
        setting: The fleet, and how it is read.
    """

    label: str
    contender: str
    setting: Setting


@dataclass(frozen=True)
class Scenario:
    """
    Entries that are run in turn, and compared with each other.

    Attributes:
        name: Its name on the command line.
        title: What it shows, in one line.
        entries: The first one is what the others are compared with.
        repetitions: How often all of them run.
        shows: What is drawn: `cpu`, as bars, or `curve`, the share answered over time.
    """

    name: str
    title: str
    entries: tuple[Entry, ...]
    repetitions: int = 5
    shows: str = "cpu"


AGAIN: Final = "bare aiohttp, again"
"""The same as the first entry: what it differs by is noise."""

_QUICK: Final = ("bare aiohttp", "ours", "ours + speed", "the program", "floor + speed")
_FAST: Final = (
    "bare aiohttp",
    "bare aiohttp + speed",
    "ours",
    "ours + speed",
    "the program",
    "pycurl multi",
    "floor",
    "floor + speed",
)
_ALL: Final = (*_FAST, "httpx", "requests + threads", "niquests + threads")
_BEST: Final = _QUICK

_DEAD: Final = Setting(
    devices=5000,
    concurrency=100,
    latency_s=0.02,
    sweeps=1,
    connect_timeout_s=3.0,
    timeout_s=10.0,
    attempts=3,
)
_QUICK_DEAD: Final = replace(
    _DEAD, devices=1000, concurrency=50, connect_timeout_s=1.0, timeout_s=3.0, attempts=1
)
_LARGE: Final = Setting(concurrency=200, open_files=1024, sweeps=1, findings=True)


def _entries(
    contenders: Iterable[str], setting: Setting, *, again: bool = True
) -> tuple[Entry, ...]:
    entries = [Entry(name, name, setting) for name in contenders]
    if again:
        entries.insert(1, Entry(AGAIN, "bare aiohttp", setting))
    return tuple(entries)


def _by_mode(
    name: str, contenders: Iterable[str], setting: Setting, repetitions: int
) -> list[Scenario]:
    """Give the same scenario in all modes."""
    titles = {
        "http": "HTTP without a login",
        "http-digest": "HTTP, digest login",
        "https-digest": "HTTPS, digest login",
        "https-basic": "HTTPS, Basic login",
    }
    return [
        Scenario(
            name.format(mode),
            f"{title}: {setting.devices:,} devices, {setting.concurrency} at once",
            _entries(contenders, replace(setting, mode=mode)),
            repetitions,
        )
        for mode, title in titles.items()
    ]


def _dead(name: str, setting: Setting, repetitions: int) -> Scenario:
    """Compare the healthy devices of a fleet with dead ones to a fleet of them alone."""
    healthy = replace(setting, devices=round(setting.devices * 0.95))
    dead, mute = replace(setting, black_holed=0.05), replace(setting, silent=0.05)
    return Scenario(
        name,
        f"Dead devices: {setting.devices:,}, {setting.concurrency} at once, "
        f"{setting.latency_s * 1e3:g} ms latency, HTTP digest",
        (
            Entry("the program, all healthy", "the program", healthy),
            Entry("the program, all healthy, again", "the program", healthy),
            Entry("the program, 5 % black-holed", "the program", dead),
            Entry("the program, 5 % silent", "the program", mute),
            Entry("bare aiohttp, all healthy", "bare aiohttp", healthy),
            Entry("bare aiohttp, 5 % black-holed", "bare aiohttp", dead),
        ),
        repetitions,
        shows="curve",
    )


def _scale(name: str, title: str, sizes: Iterable[int], repetitions: int) -> Scenario:
    return Scenario(
        name,
        title,
        tuple(
            Entry(f"the program, {size:,}", "the program", replace(_LARGE, devices=size))
            for size in sizes
        ),
        repetitions,
    )


def _all() -> Iterable[Scenario]:
    quick = Setting(devices=300, concurrency=100)
    yield from (
        Scenario(f"quick-{one.name}", one.title, one.entries, one.repetitions)
        for one in _by_mode("{}", _QUICK, quick, 3)[1:3]
    )
    yield _dead("quick-dead", _QUICK_DEAD, 1)
    yield from _by_mode("everybody-{}", _ALL, Setting(devices=500), 3)
    yield from _by_mode("{}", _FAST, Setting(devices=2000), 5)
    yield from _by_mode("{}-10000", _BEST, Setting(devices=10_000, sweeps=2), 3)[1:3]
    for latency_ms in (20, 100):
        late = Setting(devices=2000, latency_s=latency_ms / 1000, sweeps=2)
        for one in _by_mode(f"{{}}-{latency_ms}ms", _BEST, late, 3)[1:3]:
            yield replace(one, title=f"{one.title}, {latency_ms} ms latency")
    yield _dead("dead", _DEAD, 5)
    yield Scenario(
        "memory",
        "Memory: 10,000 devices over HTTPS, findings streamed",
        (
            Entry(
                "the program",
                "the program",
                Setting(mode="https-digest", devices=10_000, sweeps=1, findings=True),
            ),
        ),
        repetitions=3,
    )
    yield _scale(
        "scale",
        "Scale: HTTP digest with 1,024 open files, findings streamed",
        (1000, 10_000, 100_000),
        5,
    )


SCENARIOS: Final[Mapping[str, Scenario]] = {one.name: one for one in _all()}

SUITES: Final[Mapping[str, tuple[str, ...]]] = {
    "quick": tuple(name for name in SCENARIOS if name.startswith("quick")),
    "reach": ("http-digest", "https-digest", "memory", "scale", "dead"),
    "full": tuple(name for name in SCENARIOS if not name.startswith("quick")),
}
