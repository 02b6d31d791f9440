"""The end of a table: totals of a sweep, and troubles with those alike together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from axis_ntp_async.health.finding import Finding, State
from axis_ntp_async.health.sweep import Group as Alike
from axis_ntp_async.health.sweep import Summary
from axis_ntp_async.report.printable import printable
from axis_ntp_async.report.tables import STYLES, first_sentence, natural, offset

_SITES_SHOWN: Final = 10
_ENOUGH_FOR_PERCENTILES: Final = 3


def summary_table(summary: Summary, *, with_causes: bool = True) -> RenderableType:
    """Show the totals of a sweep: states, sites, and causes with examples and hints."""
    parts: list[RenderableType] = [_headline(summary)]
    p50, p95, most = (offset(summary.offset_percentile_ms(percent)) for percent in (50, 95, 100))
    if most != "-" and summary.devices >= _ENOUGH_FOR_PERCENTILES:
        parts.append(Text(f"offset: half within {p50}, 95 % within {p95}, all within {most}"))
    if summary.plain_http:
        parts.append(Text(f"{summary.plain_http} of {summary.devices} over plain HTTP"))
    if len(summary.sites) > 1:
        parts += [Text(), *_sites(summary)]
    if summary.groups and with_causes:
        parts += [Text(), *_causes(summary)]
    return Group(*parts)


def failures(failed: Iterable[Finding]) -> RenderableType:
    """Show why devices did not answer, those alike together, with what to do about it."""
    summary = Summary()
    for finding in failed:
        summary.add(finding)
    return Group(*_causes(summary))


def counts(summary: Summary) -> str:
    """Give the devices by state in a line."""
    return _headline(summary).plain


def _headline(summary: Summary) -> Text:
    counted = f"{summary.devices} device" + ("s" if summary.devices != 1 else "")
    line = Text.assemble((f"{counted}: ", "bold"))
    states = [state for state in State if summary.states[state]]
    for state in states:
        line.append(f"{summary.states[state]} {state.value}", STYLES[state])
        line.append(", " if state is not states[-1] else "")
    return line


def _sites(summary: Summary) -> Iterable[RenderableType]:
    """Show the sites with most trouble first, and no more than people read."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("site", overflow="fold")
    for state in State:
        table.add_column(state.value, justify="right")
    ordered = sorted(
        summary.sites.items(), key=lambda one: (one[1][State.OK] - one[1].total(), one[0] or "")
    )
    for site, states in ordered[:_SITES_SHOWN]:
        table.add_row(Text(printable(site or "-")), *_counts(states))
    yield table
    if len(ordered) > _SITES_SHOWN:
        yield Text(f"… and {len(ordered) - _SITES_SHOWN} sites with no more trouble", "dim")


def _counts(states: Counter[State]) -> Iterable[Text]:
    for state in State:
        yield Text(str(states[state]), style=STYLES[state] if states[state] else "dim")


def _causes(summary: Summary) -> Iterable[RenderableType]:
    groups = sorted(
        summary.groups.items(),
        key=lambda one: (-one[1].count, -one[1].examples[0].state.rank),
    )
    for (cause, hint), group in groups:
        where = f" at {printable(group.site)}" if group.site and group.count > 1 else ""
        named = sorted((one.device.name for one in group.examples), key=natural)
        names = printable(", ".join(named))
        more = group.count - len(group.examples)
        yield Text.assemble(
            (f"{group.count} x {cause.value.replace('_', ' ')}{where}", "bold"),
            f": {names}" + (f" and {more} more" if more else ""),
        )
        yield _below(_said_by(group))
        yield _below(hint, "dim")


def _said_by(group: Alike) -> str:
    messages = list(dict.fromkeys(first_sentence(one.message) for one in group.examples))
    return messages[0] if len(messages) == 1 else f"for example: {messages[0]}"


def _below(text: str, style: str = "") -> Padding:
    return Padding(Text(printable(text), style=style), (0, 0, 0, 4))
