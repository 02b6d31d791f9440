"""
The report as one HTML file: no network, nothing beside it.

Charts are drawn by Chart.js, which is shipped in `assets/` and inlined: see
`assets/README.md` for why, and for how to update it. What comes from devices
and files is in the page twice: escaped in the summary for readers without
JavaScript, and as JSON in a block that is no script. The page's own code puts
it there as text only, and the content security policy forbids it anything else:
no request, no foreign script, no string that becomes markup.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from html import escape
from importlib.resources import files
from string import Template
from typing import Final

from axis_ntp_async.report.documents import Document
from axis_ntp_async.report.page.data import page_data
from axis_ntp_async.report.page.report import Report
from axis_ntp_async.report.page.summary import summary, title

_ASSETS: Final = files("axis_ntp_async.report.page") / "assets"
_LIBRARY: Final = "chart.umd.min.js"
_SCRIPTS: Final = ("words.js", "sections.js", "charts.js", "devices.js", "page.js")
_STYLE: Final = "page.css"

_UNSAFE: Final = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
"""What could end a script block, begin a comment in it, or be taken for an entity."""


def page(report: Report) -> str:
    """Give the complete file."""
    return _page(report, live=False)


def live_page(report: Report) -> str:
    """
    Give the same page for a server.

    It fetches `page.json`, which is `page_data`, whenever the event source
    `events` sends a message named `sweep`.
    """
    return _page(report, live=True)


def content_security_policy(*, live: bool) -> str:
    """
    Give what a server sends as header beside the page.

    Args:
        live: Whether the page may fetch from the server that it came from.
    """
    return f"{_policy(live=live)}; frame-ancestors 'none'"


@functools.cache
def _policy(*, live: bool) -> str:
    scripts = " ".join(_hash(text) for text in (_asset(_LIBRARY), _script()))
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {scripts}",
            f"style-src {_hash(_asset(_STYLE))}",
            "img-src data:",
            *(("connect-src 'self'",) if live else ()),
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _page(report: Report, *, live: bool) -> str:
    data = page_data(report)
    return Template(_asset("page.html")).substitute(
        policy=escape(_policy(live=live)),
        title=escape(title(data)),
        mode="live" if live else "file",
        style=_asset(_STYLE),
        summary=summary(data),
        data=embedded(data),
        library=_asset(_LIBRARY),
        script=_script(),
    )


def embedded(data: Document) -> str:
    """Give JSON that can stand in a script block: plain ASCII without `<`, `>` and `&`."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.translate(_UNSAFE)


@functools.cache
def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


@functools.cache
def _script() -> str:
    parts = "".join(map(_asset, _SCRIPTS))
    return f'(() => {{\n"use strict";\n{parts}}})();\n'


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
