"""Tables for people, at the width of their terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from axis_ntp_async.device.records import Device, NTPClientStatus, NTPInfo, Outcome, ServersSource
from axis_ntp_async.health.finding import Finding, State
from axis_ntp_async.health.judge import servers_in_use
from axis_ntp_async.health.sweep import Summary
from axis_ntp_async.report.documents import ChangedDevice

ALL_BELOW = 50
"""Up to so many devices a table shows those that are ok, too."""

_STYLES = {
    State.OK: "green",
    State.WARNING: "yellow",
    State.UNKNOWN: "magenta",
    State.CRITICAL: "bold red",
}
_NARROW = 100


def printable(text: str) -> str:
    """Give a text that cannot steer a terminal: control characters become `?`."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def findings_table(findings: Sequence[Finding], width: int, *, show_all: bool) -> RenderableType:
    """Show findings, the worst first; those that are ok only if asked for or few."""
    shown = [one for one in findings if one.problems or show_all or len(findings) <= ALL_BELOW]
    shown.sort(key=lambda one: (-one.state.rank, one.device.site or "", one.device.name))
    table = _table()
    table.add_column("device", overflow="fold")
    table.add_column("site", overflow="fold")
    table.add_column("state", no_wrap=True)
    if width >= _NARROW:
        table.add_column("offset", justify="right", no_wrap=True)
        table.add_column("skew", justify="right", no_wrap=True)
        table.add_column("servers", overflow="fold", max_width=28)
    table.add_column("what is so", overflow="fold", ratio=1)
    for finding in shown:
        table.add_row(*_finding_row(finding, wide=width >= _NARROW))
    hidden = len(findings) - len(shown)
    more = Text(f"… and {hidden} devices that are ok (--all shows them)", style="dim")
    parts: list[RenderableType] = [table] if shown else []
    return Group(*parts, *([more] if hidden else []))


def _finding_row(finding: Finding, *, wide: bool) -> list[Text]:
    client = (finding.info.client if finding.info else None) or NTPClientStatus()
    row = [
        _text(finding.device.name),
        _text(finding.device.site or "-"),
        Text(finding.state.value, style=_STYLES[finding.state]),
    ]
    if wide:
        row += [
            Text(_signed_offset(finding.offset_ms)),
            Text("-" if finding.skew_s is None else f"{finding.skew_s:+.1f} s"),
            _text(" ".join(servers_in_use(client) or ()) or "-"),
        ]
    return [*row, _text(_in_short(finding))]


def _in_short(finding: Finding) -> str:
    others = len(finding.problems) - 1
    return finding.message + (f" (and {others} more)" if others > 0 else "")


def summary_table(summary: Summary) -> RenderableType:
    """Show the totals of a sweep: states, sites, causes with examples and hints."""
    headline = Text.assemble(
        (f"{summary.devices} devices: ", "bold"),
        *_joined(
            (f"{summary.states[state]} {state.value}", _STYLES[state])
            for state in State
            if summary.states[state]
        ),
    )
    parts: list[RenderableType] = [headline]
    p50, p95, most = (_offset(summary.offset_percentile_ms(percent)) for percent in (50, 95, 100))
    if most != "-":
        parts.append(Text(f"offset: half within {p50}, 95 % within {p95}, all within {most}"))
    if summary.plain_http:
        parts.append(Text(f"{summary.plain_http} of {summary.devices} over plain HTTP"))
    if len(summary.sites) > 1:
        parts.append(_sites(summary))
    parts.extend(_causes(summary))
    return Group(*parts)


def _sites(summary: Summary) -> Table:
    table = _table()
    table.add_column("site", overflow="fold")
    for state in State:
        table.add_column(state.value, justify="right")
    for site, states in sorted(summary.sites.items(), key=lambda one: one[0] or ""):
        cells = [
            Text(str(states[state]), style=_STYLES[state] if states[state] else "dim")
            for state in State
        ]
        table.add_row(_text(site or "-"), *cells)
    return table


def _causes(summary: Summary) -> Iterable[RenderableType]:
    groups = sorted(summary.groups.items(), key=lambda one: -one[1].count)
    for (cause, hint), group in groups:
        names = ", ".join(printable(one.device.name) for one in group.examples)
        more = group.count - len(group.examples)
        where = f" at {printable(group.site)}" if group.site and group.count > 1 else ""
        yield Text.assemble(
            (f"{group.count} x {cause.value.replace('_', ' ')}{where}", "bold"),
            f": {names}" + (f" and {more} more" if more else ""),
        )
        if group.count == 1:
            yield Padding(_text(group.examples[0].message), (0, 0, 0, 4))
        yield Padding(Text(hint, style="dim"), (0, 0, 0, 4))


def info_table(outcomes: Sequence[Outcome[NTPInfo]], width: int) -> RenderableType:
    """Show what devices said of their NTP clients: one as a list, several as a table."""
    if len(outcomes) == 1 and (info := outcomes[0].value):
        return _one_info(outcomes[0].device, info)
    table = _table()
    for name in ("device", "enabled", "source", "servers", "synced", "offset", "skew"):
        table.add_column(name, overflow="fold")
    if width >= _NARROW:
        table.add_column("API", no_wrap=True)
    for outcome in outcomes:
        cells = _info_cells(outcome)
        table.add_row(_text(outcome.device.name), *cells[: len(table.columns) - 1])
    return table


def _info_cells(outcome: Outcome[NTPInfo]) -> list[Text]:
    if outcome.error is not None:
        return [Text("-"), Text("-"), _text(outcome.error.message, "red")]
    info = outcome.value or NTPInfo()
    client = info.client or NTPClientStatus()
    return [
        Text(_word(client.enabled)),
        Text(_word(client.servers_source)),
        _text(_word(servers_in_use(client))),
        Text(_word(client.synced)),
        Text(_signed_offset(client.offset_ms)),
        Text(f"{info.clock.skew_s:+.1f} s" if info.clock else "-"),
        Text(info.api_version or "-"),
    ]


def _one_info(device: Device, info: NTPInfo) -> Table:
    table = Table.grid(padding=(0, 2))
    client = info.client or NTPClientStatus()
    skew = f"{info.clock.skew_s:+.2f} s ± {info.clock.uncertainty_s:.2f} s" if info.clock else "-"
    offset = "-" if client.offset_ms is None else f"{client.offset_ms:+.6g} ms"
    rows = {
        "device": f"{device.name} ({device.address})",
        "API version": info.api_version or "-",
        "enabled": _word(client.enabled),
        "source": _word(client.servers_source),
        "static servers": _word(client.static_servers),
        "advertised servers": _word(client.advertised_servers),
        "most static servers": _word(client.max_supported_static_servers),
        "NTS": _word(client.nts_enabled),
        "NTS-KE servers": _word(client.static_ntske_servers),
        "NTS-KE CA certificates": _word(client.ntske_server_ca_certs),
        "poll bounds": f"2^{_word(client.minpoll)} to 2^{_word(client.maxpoll)} s",
        "synced": _word(client.synced),
        "next sync in": f"{_word(client.time_to_next_sync_s)} s",
        "offset": offset,
        "clock against ours": skew,
        **{name: repr(value) for name, value in client.other.items()},
    }
    for name, value in rows.items():
        table.add_row(Text(name, style="bold"), _text(value))
    return table


def changes_table(changed: Sequence[ChangedDevice]) -> RenderableType:
    """Show what is about to change."""
    return plain_table(
        ("device", "member", "now", "then"),
        [
            (one.outcome.device.name, change.member, _word(change.before), _word(change.after))
            for one in changed
            for change in one.changes
        ],
    )


def plain_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Show rows of text under their headings."""
    table = _table()
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_text(cell) for cell in row))
    return table


def _table() -> Table:
    return Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))


def _text(text: str, style: str = "") -> Text:
    return Text(printable(text), style=style)


def _offset(offset_ms: float | None) -> str:
    if offset_ms is None:
        return "-"
    if abs(offset_ms) >= 1000:  # noqa: PLR2004  one second
        return f"{offset_ms / 1000:.4g} s"
    return f"{offset_ms:.3g} ms"


def _signed_offset(offset_ms: float | None) -> str:
    return (
        f"+{_offset(offset_ms)}" if offset_ms is not None and offset_ms > 0 else _offset(offset_ms)
    )


def _word(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, ServersSource):
        return value.value
    return " ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)


def _joined(parts: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str] | str]:
    for place, part in enumerate(parts):
        if place:
            yield ", "
        yield part
