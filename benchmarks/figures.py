"""From results to figures: medians, paired ratios, what went wrong."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any, Final

from benchmarks.running import Sweep, faults
from benchmarks.scenarios import AGAIN
from benchmarks.setting import Setting

Result = Mapping[str, Any]
"""A scenario's result, as `running.run` gives it."""

Measure = Callable[[Sweep], float]

T50: Final = 49
T95: Final = 94
LAST: Final = 99


def of(name: str) -> Measure:
    """Measure a member of a sweep by its name."""
    return lambda sweep: float(sweep[name])


CPU: Final = of("cpu_us")


def time_of(part: int) -> Measure:
    """Measure when a part of the answers had come."""
    return lambda sweep: float(sweep["curve_s"][part]) if sweep["curve_s"] else float("nan")


def requests_per_device(sweep: Sweep) -> float:
    """Measure how many requests a device got."""
    return float(sweep["requests"] / sweep["devices_asked"]) if sweep["devices_asked"] else 0.0


def connections_per_device(sweep: Sweep) -> float:
    """Measure how many connections a device got."""
    return float(sweep["connections"] / sweep["devices_asked"]) if sweep["devices_asked"] else 0.0


def entry_of(result: Result, label: str) -> Mapping[str, Any]:
    """Give one entry of a scenario."""
    entries: dict[str, Mapping[str, Any]] = {one["label"]: one for one in result["entries"]}
    return entries[label]


def typical(entry: Mapping[str, Any], sweep: int, measure: Measure) -> float | None:
    """Give the median over all repetitions; `None` where there are none."""
    values = [measure(run[sweep]) for run in entry["runs"] if sweep < len(run)]
    return median(values) if values else None


def ratio(
    result: Result, label: str, base: str, sweep: int, measure: Measure = CPU
) -> float | None:
    """
    Give the median of the ratios within each repetition.

    So a machine that gets slower meanwhile favours nobody.
    """
    pairs = zip(entry_of(result, label)["runs"], entry_of(result, base)["runs"], strict=False)
    ratios = [
        measure(one[sweep]) / measure(other[sweep])
        for one, other in pairs
        if sweep < min(len(one), len(other)) and measure(other[sweep])
    ]
    return median(ratios) if ratios else None


def spread(entry: Mapping[str, Any], sweep: int, measure: Measure) -> tuple[float, float] | None:
    """Give the least and the most over all repetitions."""
    values = [measure(run[sweep]) for run in entry["runs"] if sweep < len(run)]
    return (min(values), max(values)) if values else None


def noise(results: Iterable[Result]) -> tuple[float, float] | None:
    """Give the least and the most by which a client differs from itself, over all sweeps."""
    ratios = [
        value
        for result in results
        for entry in result["entries"]
        if entry["label"] == AGAIN
        for sweep in range(int(entry["setting"]["sweeps"]))
        if (value := ratio(result, AGAIN, result["entries"][0]["label"], sweep)) is not None
    ]
    return (min(ratios), max(ratios)) if ratios else None


def complaints(entry: Mapping[str, Any]) -> Iterator[str]:
    """Give what was wrong with an entry, each thing once."""
    if entry["problem"]:
        yield entry["problem"]
    setting = Setting(**entry["setting"])
    said: dict[str, None] = {}
    for run in entry["runs"]:
        for number, sweep in enumerate(run, 1):
            said |= {f"sweep {number}: {fault}": None for fault in faults(sweep, setting)}
    yield from said


def curve(entry: Mapping[str, Any]) -> Sequence[float]:
    """Give the median curve of the first sweep: seconds until each hundredth had answered."""
    curves = [run[0]["curve_s"] for run in entry["runs"] if run and run[0]["curve_s"]]
    return [median(values) for values in zip(*curves, strict=True)] if curves else []
