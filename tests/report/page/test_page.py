"""The file as a whole: nothing gets out of its place, nothing is fetched, and it stays small."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from axis_ntp_async.report.page.data import page_data
from axis_ntp_async.report.page.page import (
    content_security_policy,
    embedded,
    live_page,
    page,
)
from axis_ntp_async.report.page.report import Report
from axis_ntp_async.report.page.summary import percent, summary, title

FIVE_MB = 5_000_000


class Tags(HTMLParser):
    """Collects what a browser would take for markup."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.blocks: list[tuple[dict[str, str | None], str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        tag, attributes = self.tags[-1] if self.tags else ("", {})
        if tag in {"script", "style"} and self.cdata_elem:
            self.blocks.append((attributes, data))


def data_of(html: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_data_in_the_page_is_the_data_of_the_report(full: Report) -> None:
    """What a program fetches is what a reader sees."""
    assert data_of(page(full)) == page_data(full)
    assert page_data(full)["schema"] == "axis-ntp/report/v1"


def test_names_do_not_become_markup(fleet: Any, hostile: Report) -> None:
    """The page of a hostile fleet has the tags of a harmless one, and the same scripts."""
    fleet.device("a")
    usual, odd = Tags(page(fleet.report())), Tags(page(hostile))
    frame = {"p", "ul", "li", "strong", "bdi"}
    kinds = [[tag for tag, _ in one.tags if tag not in frame] for one in (usual, odd)]
    assert kinds[0] == kinds[1]
    assert not any(name.startswith("on") for _, attributes in odd.tags for name in attributes)
    scripts = [one for one in odd.blocks if one[0].get("type") != "application/json"]
    assert scripts == [one for one in usual.blocks if one[0].get("type") != "application/json"]


def test_the_block_of_data_has_no_dangerous_letter(hostile: Report) -> None:
    """Plain ASCII, no markup, no letters that end a line or turn a text around."""
    text = embedded(page_data(hostile))
    assert text.isascii()
    assert not set(text) & set("<>&\u2028\u2029\u202e")
    for name in page_data(hostile)["devices"]["name"]:
        assert name.isprintable()
    page(hostile).encode("utf-8")


def test_the_policy_names_exactly_what_is_in_the_page(full: Report) -> None:
    """Every script and the style have their hash, and nothing else may run."""
    html = page(full)
    policy = content_security_policy(live=False)
    blocks = re.findall(r"<(?:script|style)>(.*?)</(?:script|style)>", html, re.DOTALL)
    digests = {
        f"'sha256-{base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()}'"
        for block in blocks
    }
    assert len(blocks) == 3
    assert set(re.findall(r"'sha256-[^']+'", policy)) == digests
    assert "unsafe" not in policy
    assert "connect-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "frame-ancestors" not in html
    for part in ("default-src 'none'", "base-uri 'none'", "form-action 'none'"):
        assert part in policy


def test_a_live_page_may_talk_to_its_server(full: Report) -> None:
    """The same file, but for what it may connect to."""
    assert "connect-src 'self'" in content_security_policy(live=True)
    assert 'data-mode="live"' in live_page(full)
    assert 'data-mode="file"' in page(full)


def test_nothing_refers_to_elsewhere(full: Report) -> None:
    """No address that a browser would fetch, no source map."""
    html = page(full)
    assert "sourceMappingURL" not in html
    for tag, attributes in Tags(html).tags:
        for name in ("src", "href", "action", "srcset", "data"):
            target = attributes.get(name) or "#"
            assert target.startswith(("#", "data:")), (tag, target)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_our_scripts_never_write_markup(full: Report) -> None:
    """Texts become text nodes: there is no other way in them."""
    ours = Tags(page(full)).blocks[-1][1]
    assert "textContent" in ours
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert not re.search(rf"(?<!no ){re.escape(word)}", ours)


def test_ten_thousand_devices_stay_small(make_full: Callable[..., Report]) -> None:
    """With a day of history each, the file is sent by mail without a complaint."""
    html = page(make_full(10_000))
    assert data_of(html)["devices"]["count"] == 10_000
    assert len(html.encode()) < FIVE_MB / 2


def test_without_javascript_the_news_are_there(full: Report) -> None:
    """Mail previews run nothing: headline, notes, causes and what to do are plain HTML."""
    text = summary(page_data(full))
    assert "<h2>79.1 % in sync</h2>" in text
    assert "333 of 421 devices" in text
    assert "time server 10.3.0.1 of oslo suspected" in text
    assert "could not be read again" in text
    assert "1 more cause" not in text
    assert title(page_data(full)) == "79.1 % in sync · fleet.toml · NTP report"


def test_a_summary_is_short(fleet: Any) -> None:
    """Of many causes ten are told; an empty fleet has a headline, too."""
    for number in range(12):
        fleet.device(f"cam-{number}", static_servers=(f"s{number}",), synced=False)
    data = page_data(fleet.report())
    one = data["causes"][0]
    assert "… and 2 more causes" in summary({**data, "causes": [one] * 12})
    empty = page_data(type(fleet)().report())
    assert "<h2>No devices</h2>" in summary(empty)


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(0, 5, "0 %"), (5, 5, "100 %"), (1, 100_000, "0.1 %"), (99_999, 100_000, "99.9 %")],
)
def test_nearly_all_is_not_all(part: int, whole: int, expected: str) -> None:
    """One device in trouble of a hundred thousand is not rounded away."""
    assert percent(part, whole) == expected
