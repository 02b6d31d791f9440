"""The course of sites: which share of their devices was ok."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from axis_ntp_async.health.finding import State
from axis_ntp_async.health.history.record import Note, NoteKind, SweepRecord
from axis_ntp_async.report.history.strips import (
    Span,
    between,
    minutes,
    points_of,
    seconds,
    sparkline,
)
from axis_ntp_async.report.printable import printable
from axis_ntp_async.report.tables import counted, natural, plain_table

_NOTES: Final = 10
_COMING_AND_GOING: Final = (NoteKind.OPENED, NoteKind.CLOSED)


def sweeps_table(
    what: str,
    sweeps: Sequence[SweepRecord],
    notes: Sequence[Note],
    times: tuple[dt.datetime, dt.datetime],
    width: int,
) -> RenderableType:
    """
    Show the course of a site, or of all of them.

    Args:
        what: Whose course it is.
        sweeps: Complete sweeps, or hours of them.
        notes: What happened besides.
        times: When the span begins, and when it ends.
        width: Of the terminal.
    """
    span = Span(max(times[0], sweeps[0].at), times[1], points_of(width - 14))
    count = sum(sweep.sweeps for sweep in sweeps)
    parts: list[RenderableType] = [
        Text(printable(what), style="bold"),
        between(span, counted(count, "sweep")),
        Text(),
        _ratios(sweeps, span),
        *_lowest(sweeps),
    ]
    shown = _worth_it(notes)
    if shown:
        parts += [Text(), plain_table(("when (UTC)", "besides"), map(_noted, shown))]
        if hidden := len(notes) - len(shown):
            parts.append(Text(f"… and {counted(hidden, 'note')} more of that time", style="dim"))
    return Group(*parts)


def _worth_it(notes: Sequence[Note]) -> list[Note]:
    """Give the last notes; those of watches that come and go leave their place to others."""
    rare = [note for note in notes if note.kind not in _COMING_AND_GOING][-_NOTES:]
    usual = [note for note in notes if note.kind in _COMING_AND_GOING]
    return sorted([*rare, *usual[len(rare) - _NOTES :]], key=lambda note: note.at)


def _noted(note: Note) -> tuple[str, str]:
    return seconds(note.at), note.text


def _ratios(sweeps: Sequence[SweepRecord], span: Span) -> RenderableType:
    sites: dict[str | None, list[tuple[SweepRecord, float]]] = {}
    for sweep in sweeps:
        for site, states in sweep.sites.items():
            if total := sum(states.values()):
                sites.setdefault(site, []).append((sweep, states.get(State.OK, 0) / total))
    rows = []
    for site in sorted(sites, key=lambda one: natural(one or "")):
        ratios = [ratio for _, ratio in sites[site]]
        columns: list[float | None] = [None] * span.points
        for sweep, ratio in sites[site]:
            place = span.place(sweep.at)
            known = columns[place]
            columns[place] = ratio if known is None else min(ratio, known)
        rows.append(
            (
                site or "(no site)",
                str(sum(sites[site][-1][0].sites[site].values())),
                f"{ratios[-1]:.1%}",
                f"{min(ratios):.1%}",
                sparkline(columns, 1.0),
            )
        )
    table = plain_table(("site", "devices", "ok now", "least ok", "share that is ok"), rows)
    for column in table.columns[1:4]:
        column.justify = "right"
    table.columns[4].no_wrap = True
    return table


def _lowest(sweeps: Sequence[SweepRecord]) -> Iterator[RenderableType]:
    ratios = [(sweep.ok_ratio, sweep) for sweep in sweeps if sweep.ok_ratio is not None]
    if not ratios:
        return
    ratio, sweep = min(ratios, key=lambda one: one[0])
    if ratio < ratios[-1][0]:
        told = ", ".join(f"{count} {state.value}" for state, count in sweep.states.items())
        yield Text(f"least of them were ok at {minutes(sweep.at)} UTC: {told}")
