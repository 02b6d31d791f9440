"""How far a rollout is, made of its events: for a live view, and for one line now and then."""

from __future__ import annotations

import datetime as dt
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import define, field
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from axis_ntp_async.report.printable import printable
from axis_ntp_async.report.tables import counted, plain_table
from axis_ntp_async.report.terminal import Fitting
from axis_ntp_async.rollout.events import (
    Event,
    Finished,
    Paused,
    RunStarted,
    StepChanged,
    Watching,
    WaveStarted,
)
from axis_ntp_async.rollout.plan import Result, Step, StepState, StepStatus
from axis_ntp_async.rollout.runs import Run

_SITES: Final = 8
_LAST: Final = 100
_BAR: Final = 40
_CAUSES: Final = 5

RESULTS: Final[Mapping[Result, str]] = {
    Result.CHANGED: "green",
    Result.UNCHANGED: "green",
    Result.LEFT_ALONE: "yellow",
    Result.FAILED: "bold red",
    Result.UNDECIDED: "magenta",
    Result.OPEN: "dim",
}
"""The results of a run in the order in which they are shown, each with its style."""

_WRONG: Final = frozenset({Result.LEFT_ALONE, Result.FAILED, Result.UNDECIDED})


@define
class Board:
    """
    What is so far, after every event it has taken.

    Attributes:
        devices: Of the run.
        waves: Their sizes.
        wave: The current one; 0 before the first.
        phase: What is being done with it.
        results: Devices of the run by result.
        sites: The same by site.
        causes: Of those that went wrong, or were left alone.

    A run that goes on begins with `of`: its events tell only what changes from then on.
    """

    devices: int = 0
    waves: tuple[int, ...] = ()
    wave: int = 0
    phase: str = "beginning"
    results: Counter[Result] = field(factory=Counter)
    sites: dict[str, Counter[Result]] = field(factory=dict)
    causes: Counter[str] = field(factory=Counter)
    _last: dict[str, tuple[Result, str]] = field(factory=dict, repr=False)
    _ended: dict[int, set[str]] = field(factory=dict, repr=False)
    _ends: deque[dt.datetime] = field(factory=lambda: deque(maxlen=_LAST), repr=False)
    _until: dt.datetime | None = None

    @classmethod
    def of(cls, run: Run) -> Board:
        """Give the board of a run that goes on where it was left."""
        board = cls()
        for step in run.plan.steps:
            board._set(step, run.statuses[step.device.name])
        return board

    def take(self, event: Event) -> None:
        """Take in what has happened."""
        match event:
            case RunStarted():
                self.devices, self.waves = event.devices, event.waves
                self.results = results_of(event.states)
            case WaveStarted():
                self.wave, self.phase, self._until = event.wave, "changing", None
                self._ends.clear()
            case Watching():
                self.phase = "soaking" if event.is_soak else "watching clocks"
                self._until = event.at + dt.timedelta(seconds=event.seconds)
            case StepChanged():
                self._take_step(event)
            case Paused() | Finished():
                self.phase = "paused" if isinstance(event, Paused) else "done"

    def _take_step(self, event: StepChanged) -> None:
        before, _ = self._last.get(event.step.device.name, (Result.OPEN, ""))
        self.results[before] -= 1
        self.results[event.status.state.result] += 1
        if self._set(event.step, event.status):
            self._ends.append(event.at)

    def _set(self, step: Step, status: StepStatus) -> bool:
        """Count a step among its site, causes and wave; tell whether its change has ended now."""
        name, state = step.device.name, status.state
        site = self.sites.setdefault(step.device.site or "-", Counter())
        if name in self._last:
            before, cause = self._last[name]
            site[before] -= 1
            self.causes[cause] -= 1
        cause = status.cause if state.result in _WRONG else ""
        self._last[name] = state.result, cause
        site[state.result] += 1
        self.causes[cause] += 1
        ended = self._ended.setdefault(step.wave, set())
        is_new = name not in ended and (state.is_over or state is StepState.PROVING)
        if is_new:
            ended.add(name)
        return is_new

    @property
    def per_minute(self) -> float | None:
        """Devices a minute, of late."""
        if len(self._ends) < 2:  # noqa: PLR2004  a rate takes two
            return None
        seconds = (self._ends[-1] - self._ends[0]).total_seconds()
        return (len(self._ends) - 1) * 60 / seconds if seconds > 0 else None

    @property
    def size_of_wave(self) -> int:
        """Devices of the current wave."""
        return self.waves[self.wave - 1] if self.wave else 0

    @property
    def ended_in_wave(self) -> int:
        """Devices of it that are changed, or will not be."""
        return len(self._ended.get(self.wave, ()))

    def left_s(self, now: dt.datetime) -> float | None:
        """Give the seconds that this phase of this wave still takes, roughly."""
        if self._until is not None:
            return max(0.0, (self._until - now).total_seconds())
        rate = self.per_minute
        return (self.size_of_wave - self.ended_in_wave) * 60 / rate if rate else None

    def line(self, now: dt.datetime) -> str:
        """Give all of it in one line."""
        left_s = self.left_s(now)
        told = [
            f"{self._place}, {self.phase}",
            f"{self.ended_in_wave} of {self.size_of_wave}",
            *([f"{_minutes(left_s)} left"] if left_s is not None else []),
            *filter(None, [words_of(self.results)]),
        ]
        return "; ".join([", ".join(told), *self._causes])

    def render(self, now: dt.datetime) -> RenderableType:
        """Give all of it as a live view."""
        left_s, rate = self.left_s(now), self.per_minute
        left = "" if left_s is None else f", {_minutes(left_s)} left"
        done = self.devices - self.results[Result.OPEN]
        bars = (
            (self._place, self.ended_in_wave, self.size_of_wave, f"{self.phase}{left}"),
            ("run", done, self.devices, f"{rate:.0f} devices/min" if rate else ""),
        )
        parts: list[RenderableType] = [Fitting(_beside(bars), _below(bars))]
        parts.append(_results(self.results))
        if len(self.sites) > 1:
            parts.append(sites_table(self.sites, _SITES))
        parts += [Text(printable(cause), "red") for cause in self._causes]
        return Group(*parts)

    @property
    def _place(self) -> str:
        canary = " (canary)" if self.wave == 1 and len(self.waves) > 1 else ""
        return f"wave {self.wave} of {len(self.waves)}{canary}"

    @property
    def _causes(self) -> list[str]:
        """The commonest, each with its number."""
        found = [(cause, count) for cause, count in self.causes.items() if cause and count]
        commonest = sorted(found, key=lambda one: -one[1])[:_CAUSES]
        return [f"{count} x {cause.replace('_', ' ')}" for cause, count in commonest]


_Bar = tuple[str, int, int, str]
"""Its title, how far it is, of how much, and what else there is to say."""


def _beside(bars: Iterable[_Bar]) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    for title, count, of, beside in bars:
        bar = ProgressBar(total=max(of, 1), completed=count, width=_BAR)
        cells = (Text(title, "bold", no_wrap=True), bar, Text(f"{count}/{of}"))
        grid.add_row(*cells, Text(beside, "dim", no_wrap=True))
    return grid


def _below(bars: Iterable[_Bar]) -> RenderableType:
    lines: list[RenderableType] = []
    for title, count, of, beside in bars:
        lines.append(Text.assemble((title, "bold"), "  ", (beside, "dim")))
        grid = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=max(of, 1), completed=count, width=_BAR // 2)
        grid.add_row(bar, Text(f"{count}/{of}"))
        lines.append(grid)
    return Group(*lines)


def results_of(states: Mapping[StepState, int]) -> Counter[Result]:
    """Count steps by result, given by state."""
    results: Counter[Result] = Counter()
    for state, count in states.items():
        results[state.result] += count
    return results


def _results(results: Counter[Result]) -> RenderableType:
    told = [
        Text(f"{results[result]} {result.value}", style)
        for result, style in RESULTS.items()
        if results[result]
    ]
    return Text(", ").join(told)


def sites_table(sites: Mapping[str, Counter[Result]], most: int) -> RenderableType:
    """Show the results by site, those with most trouble first."""
    ordered = sorted(
        sites.items(), key=lambda one: (-sum(one[1][result] for result in _WRONG), one[0])
    )
    shown = [result for result in RESULTS if any(one[result] for one in sites.values())]
    table = plain_table(
        ("site", *(result.value for result in shown)),
        [(name, *(str(results[result]) for result in shown)) for name, results in ordered[:most]],
    )
    for column in table.columns[1:]:
        column.justify = "right"
    in_words = plain_table(
        ("site", "what came of them"),
        [(name, words_of(results)) for name, results in ordered[:most]],
    )
    hidden = len(ordered) - most
    more = [Text(f"… and {counted(hidden, 'more site')}", "dim")] if hidden > 0 else []
    return Group(Fitting(table, in_words), *more)


def words_of(results: Mapping[Result, int]) -> str:
    """Give results in words, like `3 changed, 1 failed`."""
    return ", ".join(
        f"{count} {result.value}" for result in RESULTS if (count := results.get(result, 0))
    )


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
