"""Tables for people, at the width of their terminal."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from axis_ntp_async.device.records import Device, NTPClientStatus, NTPInfo, Outcome, ServersSource
from axis_ntp_async.health.finding import Cause, Finding, State, servers_in_use
from axis_ntp_async.health.sweep import EXAMPLES
from axis_ntp_async.report.documents import ChangedDevice
from axis_ntp_async.report.printable import printable

ALL_BELOW: Final = 50
"""Up to so many devices a table shows every one."""

STYLES: Final = {
    State.OK: "green",
    State.WARNING: "yellow",
    State.UNKNOWN: "magenta",
    State.CRITICAL: "bold red",
}

_NARROW = 60
_WIDE = 100
_WIDER = 130


def findings_table(findings: Sequence[Finding], width: int, *, show_all: bool) -> RenderableType:
    """
    Show findings, the worst first.

    Of many devices those that are ok are only counted, and of those with the
    same trouble ten are shown, unless all are asked for.
    """
    ordered = sorted(findings, key=_worst_first)
    shown = ordered if show_all or len(ordered) <= ALL_BELOW else _examples(ordered)
    parts: list[RenderableType] = []
    if shown:
        parts.append(_stacked(shown) if width < _NARROW else _finding_rows(shown, width))
    if len(shown) < len(findings):
        parts.append(Text(_hidden(findings, shown), style="dim"))
    return Group(*parts)


def _worst_first(finding: Finding) -> tuple[Any, ...]:
    return -finding.state.rank, finding.device.site or "", natural(finding.device.name)


def natural(name: str) -> list[str | int]:
    """Give what sorts `gate-2` before `gate-10`."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def first_of(names: Sequence[str], most: int, total: int | None = None) -> str:
    """
    Name the first of some, and how many more there are.

    Args:
        names: In their order.
        most: How many to name.
        total: How many there are; `None` when these are all.
    """
    more = (len(names) if total is None else total) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _examples(findings: Iterable[Finding]) -> list[Finding]:
    alike: Counter[tuple[Cause | None, str]] = Counter()
    shown = []
    for finding in findings:
        kind = (finding.cause, finding.hint)
        alike[kind] += 1
        if finding.problems and alike[kind] <= EXAMPLES:
            shown.append(finding)
    return shown


def _hidden(findings: Sequence[Finding], shown: Sequence[Finding]) -> str:
    well = sum(not one.problems for one in findings)
    more = len(findings) - len(shown) - well
    told = [f"{well} that are ok"] * (well > 0) + [f"{more} more like these"] * (more > 0)
    return f"… and {' and '.join(told)}; --all lists every device"


def _stacked(findings: Iterable[Finding]) -> RenderableType:
    parts: list[RenderableType] = []
    for finding in findings:
        parts.append(Text.assemble(_state(finding), "  ", _text(finding.device.name)))
        parts.append(Padding(_in_short(finding), (0, 0, 0, 4)))
    return Group(*parts)


def _finding_rows(findings: Sequence[Finding], width: int) -> Table:
    has_sites = any(finding.device.site for finding in findings)
    table, cells = _table(), list[Callable[[Finding], Text]]()
    for title, cell, is_shown, how in (
        ("device", lambda one: _text(one.device.name), True, {"overflow": "fold"}),
        ("site", lambda one: _text(one.device.site or "-"), has_sites, {"overflow": "fold"}),
        ("state", _state, True, {"no_wrap": True}),
        ("offset", _offset, width >= _WIDE, {"justify": "right", "no_wrap": True}),
        ("skew", _skew, width >= _WIDE, {"justify": "right", "no_wrap": True}),
        ("servers", _servers, width >= _WIDER, {"overflow": "fold", "max_width": 28}),
        ("what is so", _in_short, True, {"overflow": "fold", "ratio": 1}),
    ):
        if is_shown:
            table.add_column(title, **how)
            cells.append(cell)
    for finding in findings:
        table.add_row(*(cell(finding) for cell in cells))
    return table


def _state(finding: Finding) -> Text:
    return Text(finding.state.value, style=STYLES[finding.state])


def _offset(finding: Finding) -> Text:
    return Text(signed_offset(finding.offset_ms))


def _skew(finding: Finding) -> Text:
    return Text(signed_skew(finding.skew_s))


def _servers(finding: Finding) -> Text:
    """Give the first server and how many there are besides: a row is one line, if it can be."""
    client = (finding.info.client if finding.info else None) or NTPClientStatus()
    first, *others = servers_in_use(client) or ("-",)
    return _text(f"{first} +{len(others)}" if others else first)


def _in_short(finding: Finding) -> Text:
    others = len(finding.problems) - 1
    more = f" (and {others} more problem{'s' * (others > 1)})" if others > 0 else ""
    return _text(first_sentence(finding.message) + more)


def first_sentence(message: str) -> str:
    """Give what is so; what to do about it stands in the hint."""
    return message.split(". ", 1)[0]


def info_table(outcomes: Sequence[Outcome[NTPInfo]], width: int) -> RenderableType:
    """Show what devices said of their NTP clients: one as a list, several as a table."""
    answers = [(outcome.device, outcome.value) for outcome in outcomes if outcome.value]
    if not answers:
        return Group()
    if len(outcomes) == 1:
        return _one_info(*answers[0])
    titles = ["device", "synced", "offset"]
    if width >= _NARROW:
        titles += ["source", "servers"]
    if width >= _WIDE:
        titles += ["enabled", "skew", "API"]
    table = _table()
    for title in titles:
        table.add_column(title, overflow="fold")
    for device, info in answers:
        cells = _info_cells(device, info)
        table.add_row(*(_text(cells[title]) for title in titles))
    return table


def _info_cells(device: Device, info: NTPInfo) -> dict[str, str]:
    client = info.client or NTPClientStatus()
    return {
        "device": device.name,
        "synced": word(client.synced),
        "offset": signed_offset(client.offset_ms),
        "source": word(client.servers_source),
        "servers": word(servers_in_use(client)),
        "enabled": word(client.enabled),
        "skew": signed_skew(info.clock.skew_s if info.clock else None),
        "API": info.api_version or "-",
    }


def _one_info(device: Device, info: NTPInfo) -> Table:
    client = info.client or NTPClientStatus()
    clock = info.clock
    rows = {
        "device": device.name + (f" ({device.address})" if device.name != device.address else ""),
        "API version": info.api_version or "-",
        "enabled": word(client.enabled),
        "source": word(client.servers_source),
        "static servers": word(client.static_servers),
        "advertised servers": word(client.advertised_servers),
        "most static servers": word(client.max_supported_static_servers),
        "NTS": word(client.nts_enabled),
        "NTS-KE servers": word(client.static_ntske_servers),
        "NTS-KE CA certificates": word(client.ntske_server_ca_certs),
        "poll interval": _poll_interval(client),
        "synced": word(client.synced),
        "next sync in": "-"
        if client.time_to_next_sync_s is None
        else f"{client.time_to_next_sync_s} s",
        "offset": "-" if client.offset_ms is None else f"{client.offset_ms:+.6g} ms",
        "clock against ours": (
            f"{signed_skew(clock.skew_s)} (± {clock.uncertainty_s:.1f} s)" if clock else "-"
        ),
        **{name: repr(value) for name, value in client.other.items()},
        **{name: repr(value) for name, value in info.other.items()},
    }
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        table.add_row(_text(name, "bold"), _text(value))
    return table


def _poll_interval(client: NTPClientStatus) -> str:
    """Give its bounds as the API has them: a device may send a power that no memory holds."""
    if client.minpoll is None or client.maxpoll is None:
        return "-"
    return f"2^{client.minpoll} to 2^{client.maxpoll} s"


def changes_table(changed: Sequence[ChangedDevice]) -> RenderableType:
    """Show what is about to change."""
    return plain_table(
        ("device", "member", "now", "then"),
        [
            (one.outcome.device.name, change.member, word(change.before), word(change.after))
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


def offset(offset_ms: float | None) -> str:
    """Give an offset with two decimals, in the unit that suits it."""
    if offset_ms is None:
        return "-"
    if abs(offset_ms) >= 1000:  # noqa: PLR2004  one second
        return f"{offset_ms / 1000:.2f} s"
    return f"{offset_ms:.2f} ms"


def signed_offset(offset_ms: float | None) -> str:
    """Give an offset with its sign."""
    sign = "+" if offset_ms is not None and offset_ms > 0 else ""
    return sign + offset(offset_ms)


def signed_skew(skew_s: float | None) -> str:
    """Give a skew with its sign, in seconds; more digits than one would be a lie."""
    return "-" if skew_s is None else f"{round(skew_s, 1) + 0.0:+.1f} s"


def counted(count: int, noun: str) -> str:
    """Give a number with its noun: `1 device`, `2 devices`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def word(value: object) -> str:
    """Give a value as people read it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, ServersSource):
        return value.value
    return " ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)
