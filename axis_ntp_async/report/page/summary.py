"""The most important in plain HTML, for mail previews and readers without JavaScript. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from axis_ntp_async.report.documents import Document

_CAUSES: Final = 10


def title(data: Document) -> str:
    """Give the title of the page: the news first."""
    return f"{in_sync(data)} · {data['source']} · NTP report"


def in_sync(data: Document) -> str:
    """Give the share of devices that are in sync, in words."""
    figures = data["headline"]
    if not figures["devices"]:
        return "No devices"
    return f"{percent(figures['in_sync'], figures['devices'])} in sync"


def percent(part: int, whole: int) -> str:
    """Give a share; 100 % and 0 % are said only when it is all and none."""
    share = 100 * part / whole
    if 0 < part < whole:
        share = min(99.9, max(0.1, share))
    return f"{share:.0f} %" if part in {0, whole} else f"{share:.1f} %"


def summary(data: Document) -> str:
    """Give the headline, what is wrong, and a word about JavaScript, as HTML."""
    return "\n".join(_lines(data))


def _lines(data: Document) -> Iterator[str]:
    figures = data["headline"]
    devices = figures["devices"]
    yield f"<h2>{escape(in_sync(data))}</h2>"
    at = data["at"][:16].replace("T", " ")
    yield f"<p><bdi>{escape(data['source'])}</bdi>, as of {at} UTC</p>"
    yield f"<p>{figures['in_sync']} of {devices} device{'s' * (devices != 1)}. "
    yield ", ".join(f"{count} {state}" for state, count in figures["states"].items()) + ".</p>"
    yield from (f"<p><strong>{escape(note)}</strong></p>" for note in data["notes"])
    told = [f"{one['message']}. {one['hint']}" for one in data["site_causes"]]
    told += [_cause(one) for one in data["causes"][:_CAUSES]]
    if told:
        yield "<ul>"
        yield from (f"<li><bdi>{escape(one)}</bdi></li>" for one in told)
        yield "</ul>"
    if (more := len(data["causes"]) - _CAUSES) > 0:
        yield f"<p>… and {more} more causes.</p>"
    yield "<p>Open this file in a browser with JavaScript for charts and for every device: "
    yield "it needs no network.</p>"


def _cause(row: Document) -> str:
    example = "for example: " if row["is_example"] else ""
    return f"{row['devices']} x {row['title']}: {example}{row['message']}. {row['hint']}"
