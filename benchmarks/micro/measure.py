"""How single steps are measured: again and again, the median and the least."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

Step = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """
    What one step costs.

    Attributes:
        what: The step.
        median: The median of all repetitions.
        least: The least: what it costs when nobody disturbs.
        unit: Of both.
        note: What to compare it with.
    """

    what: str
    median: float
    least: float
    unit: str
    note: str = ""


def each(what: str, step: Step, *, times: int, rounds: int, note: str = "") -> Row:
    """Measure a short step in microseconds: so many times in a row, in so many rounds."""
    took = []
    with _collected():
        for _ in range(rounds):
            began = time.perf_counter()
            for _ in range(times):
                step()
            took.append((time.perf_counter() - began) / times * 1e6)
    return Row(what, median(took), min(took), "µs", note)


def once(what: str, step: Step, *, rounds: int, note: str = "") -> Row:
    """Measure a long step in milliseconds."""
    took = []
    for _ in range(rounds):
        with _collected():
            began = time.perf_counter()
            step()
            took.append((time.perf_counter() - began) * 1e3)
    return Row(what, median(took), min(took), "ms", note)


@contextmanager
def _collected() -> Iterator[None]:
    """Begin without garbage of somebody else."""
    gc.collect()
    yield
