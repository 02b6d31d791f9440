"""Runs of a journal, as people look at them afterwards."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from axis_ntp_async.report.printable import printable
from axis_ntp_async.report.rollout.board import RESULTS, results_of, sites_table, words_of
from axis_ntp_async.report.rollout.plans import change_in_words
from axis_ntp_async.report.tables import counted, first_of, natural, plain_table
from axis_ntp_async.report.terminal import Fitting
from axis_ntp_async.rollout.plan import Result, Step, StepState, StepStatus
from axis_ntp_async.rollout.runs import Run, RunStatus, RunSummary, TrailLine, WaveTimes

_EXAMPLES: Final = 10
_SITES: Final = 20
_WIDE: Final = 100
_WITHOUT_A_MESSAGE: Final = {
    StepState.INTENT: "is about to be written to",
    StepState.ACKED: "took the change",
    StepState.APPLIED: "says what was wanted",
    StepState.PROVING: "says what was wanted; now its clock is watched",
    StepState.HEALTHY: "its clock follows its servers",
}
_STYLES: Final = {
    RunStatus.RUNNING: "yellow",
    RunStatus.PAUSED: "bold yellow",
    RunStatus.FINISHED: "green",
    RunStatus.ABORTED: "magenta",
    RunStatus.ROLLED_BACK: "magenta",
}
_TELLING: Final = frozenset({Result.LEFT_ALONE, Result.FAILED, Result.UNDECIDED})


def runs_table(runs: Sequence[RunSummary], width: int) -> RenderableType:
    """Show all runs, one a line."""
    titles = ["run", "status", "devices", "what came of them"]
    if width >= _WIDE:
        titles[2:2] = ["begun", "by"]
    table = plain_table(
        titles,
        [[cells[title] for title in titles] for cells in map(_cells, runs)],
    )
    table.columns[0].no_wrap = True
    return table


def _cells(run: RunSummary) -> dict[str, str]:
    told = words_of(results_of(run.states))
    return {
        "run": run.name,
        "status": run.status.value,
        "begun": _time(run.begun_at),
        "by": run.begun_by or "-",
        "devices": str(run.devices),
        "what came of them": f"{told} (undoes {run.rollback_of})" if run.rollback_of else told,
    }


def run_table(run: Run) -> RenderableType:
    """Show one run: its totals, waves, sites, and what went wrong with hints to the devices."""
    parts: list[RenderableType] = [*_head(run), Text(), _totals(run), Text(), _waves(run)]
    sites = _by_site(run)
    if len(sites) > 1:
        parts += [Text(), sites_table(sites, _SITES)]
    parts += _troubles(run)
    return Group(*parts)


def _head(run: Run) -> Iterable[RenderableType]:
    summary = run.summary
    yield Text.assemble(
        (f"run {summary.name}: ", "bold"), (summary.status.value, _STYLES[summary.status])
    )
    ended = "paused" if summary.status is RunStatus.PAUSED else "ended"
    took = f", {ended} after {_took(summary.begun_at, summary.ended_at)}" * bool(summary.ended_at)
    yield Text(printable(f"begun {_time(summary.begun_at)} by {summary.begun_by or '-'}{took}"))
    if run.plan.policy:
        yield Text(printable(f"policy {run.plan.policy}, digest {run.plan.policy_digest[:12]}…"))
    if summary.rollback_of:
        yield Text(printable(f"undoes run {summary.rollback_of}"))
    for name in run.undone_by:
        yield Text(printable(f"undone by run {name}"))
    if summary.message:
        yield Text(printable(reason(summary)), "bold yellow")


def reason(run: RunSummary) -> str:
    """Give why a run was paused; that somebody wanted it needs no cause."""
    cause = "" if run.cause == "stopped" else run.cause.replace("_", " ")
    return f"{cause}: {run.message}" if cause else run.message


def _totals(run: Run) -> RenderableType:
    states = run.summary.states
    total = sum(states.values())
    told = [f"{states[state]} {state.value}" for state in StepState if states[state]]
    planned, already = len(run.plan.steps), len(run.plan.as_desired)
    is_right = total == planned
    line = f"{counted(planned, 'device')} = {' + '.join(told) or '0'}"
    beside = [
        f"{already} {'was' if already == 1 else 'were'} as desired" if already else "",
        f"{len(run.plan.unplannable)} could not be planned" if run.plan.unplannable else "",
    ]
    more = "; besides " + " and ".join(filter(None, beside)) if any(beside) else ""
    wrong = "" if is_right else f"  BUG of this program: {total} counted"
    return Text.assemble((line, "bold"), more, (wrong, "bold red"))


def _waves(run: Run) -> RenderableType:
    waves = run.plan.waves
    results = [
        results_of(Counter(run.statuses[step.device.name].state for step in wave.steps))
        for wave in waves
    ]
    names = ["canary" if one.is_canary and len(waves) > 1 else str(one.number) for one in waves]
    times = [_times(run.waves.get(wave.number)) for wave in waves]
    shown = [one for one in RESULTS if any(counts[one] for counts in results)]
    table = plain_table(
        ("wave", "devices", *(result.value for result in shown), "verdict", "took"),
        [
            (name, str(counts.total()), *(str(counts[one]) for one in shown), *time)
            for name, counts, time in zip(names, results, times, strict=True)
        ],
    )
    for column in table.columns[1:-2]:
        column.justify = "right"
    in_words = plain_table(
        ("wave", "verdict", "took", "what came of them"),
        [
            (name, *time, words_of(counts))
            for name, counts, time in zip(names, results, times, strict=True)
        ],
    )
    return Fitting(table, in_words)


def _times(times: WaveTimes | None) -> tuple[str, str]:
    if times is None or times.ended_at is None or times.verdict is None:
        return "-", "-"
    return times.verdict.value, _took(times.began_at, times.ended_at)


def _by_site(run: Run) -> dict[str, Counter[Result]]:
    sites: dict[str, Counter[Result]] = {}
    for step in run.plan.steps:
        status = run.statuses[step.device.name]
        sites.setdefault(step.device.site or "-", Counter())[status.state.result] += 1
    return sites


def _troubles(run: Run) -> Iterable[RenderableType]:
    alike: dict[tuple[StepState, str], list[tuple[Step, StepStatus]]] = {}
    for step in run.plan.steps:
        status = run.statuses[step.device.name]
        if status.state.result in _TELLING:
            alike.setdefault((status.state, status.cause), []).append((step, status))
    for (state, cause), found in sorted(alike.items(), key=lambda one: -len(one[1])):
        sites = {step.device.site for step, _ in found}
        where = f" at {next(iter(sites))}" if len(sites) == 1 and None not in sites else ""
        title = f"{len(found)} x {state.value}"
        if cause and cause != state.value:
            title += f", {cause.replace('_', ' ')}"
        names = sorted((step.device.name for step, _ in found), key=natural)
        yield Text()
        yield Text.assemble(
            (printable(f"{title}{where}: "), "bold"),
            printable(first_of(names, _EXAMPLES)),
        )
        yield Padding(Text(printable(found[0][1].message)), (0, 0, 0, 4))


def device_table(run: Run, step: Step, trail: Sequence[TrailLine]) -> RenderableType:
    """Show all that is known of one device of a run."""
    status = run.statuses[step.device.name]
    site = f" ({step.device.site})" if step.device.site else ""
    head = Text.assemble(
        (printable(f"{step.device.name}{site}: "), "bold"),
        status.state.value,
        f", wave {step.wave} of run {run.name}",
    )
    changes = [Text(printable(f"  {change_in_words(change)}")) for change in step.changes]
    lines = plain_table(
        ("when", "state", "what happened"),
        [
            (_time(line.status.at), line.status.state.value, _happened(line.status))
            for line in trail
        ],
    )
    return Group(head, *changes, Text(), lines)


def _happened(status: StepStatus) -> str:
    return status.message or _WITHOUT_A_MESSAGE.get(status.state, "-")


def _time(moment: dt.datetime | None) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}" if moment else "-"


def _took(begun_at: dt.datetime, ended_at: dt.datetime | None) -> str:
    seconds = int((ended_at - begun_at).total_seconds()) if ended_at else 0
    hours, rest = divmod(seconds, 3600)
    return (
        f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
    )
