"""The page in a real browser: it shows, it filters, and nothing in it runs or leaks."""

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final

import pytest
from attrs import evolve

from axis_ntp_async.errors import DeviceUnreachableError
from axis_ntp_async.report.page.report import Report

COMMAND: Final = "axis-ntp get fleet.toml --limit lyon-dock-3"
MINUS: Final = "\N{MINUS SIGN}"
ROWS: Final = "#device-table tbody tr:not(.more)"

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def until(tab: Any, expression: str) -> None:
    """Wait for the page; a function of the driver would be forbidden by the page's policy."""
    async with asyncio.timeout(5):
        while not await tab.evaluate(expression):  # noqa: ASYNC110  a test may look
            await asyncio.sleep(0.02)


async def names(tab: Any) -> list[str]:
    """Give the devices that the table shows."""
    found: list[str] = await tab.locator(f"{ROWS} th button").all_inner_texts()
    return found


async def test_it_opens_from_a_file(opened: Any, write: Any, full: Report) -> None:
    """Every part is there, the charts are drawn, and the title tells the news."""
    async with opened(write(full, "full")) as one:
        assert await one.tab.title() == "79.1 % in sync · fleet.toml · NTP report"
        assert "79.1 %" in await one.tab.inner_text("#headline")
        assert "Time server suspected: oslo" in await one.tab.inner_text("#todo article >> nth=0")
        assert await one.tab.inner_text("#count") == "421 devices"
        for chart in ("trend", "histogram", "scatter"):
            drawn = await one.tab.evaluate(
                "id => { const c = document.getElementById(id); const d = c.getContext('2d')"
                ".getImageData(0, 0, c.width, c.height).data; return d.some((x) => x) }",
                f"{chart}-chart",
            )
            assert drawn, chart
        assert "10.3.0.1" in await one.tab.inner_text("#servers .single >> nth=1")
        assert not await one.tab.locator("#plain").count()


@pytest.mark.parametrize("kind", ["empty", "one", "silent", "no history"])
async def test_little_is_shown_well(
    opened: Any, write: Any, full: Report, fleet: Any, kind: str
) -> None:
    """Nothing divides by nothing, and parts without content are not there."""
    if kind == "one":
        fleet.device("lobby-3", None)
    report = fleet.report()
    if kind == "silent":
        silent = [one for one in full.findings if one.error]
        report = evolve(report, findings=silent, summary=type(report.summary)())
        for finding in silent:
            report.summary.add(finding)
    if kind == "no history":
        report = evolve(full, sweeps=(), courses={}, policy=None)
    async with opened(write(report, kind)) as one:
        assert not await one.tab.locator("#trend").is_visible()
        assert await one.tab.locator("#clocks").is_visible() == (kind != "empty")
        words = await one.tab.inner_text("main")
        assert not re.search(r"NaN|undefined|null|Infinity|\[object", words)
        assert await one.tab.locator("#device-table .spark").count() == 0


async def test_filters_narrow_the_table(opened: Any, write: Any, full: Report) -> None:
    """Search, state, site and cause work together, and the count is told aloud."""
    async with opened(write(full, "full")) as one:
        tab = one.tab
        await tab.fill("#filter-q", "NTP.wrong")
        await tab.wait_for_selector("#count:text-is('7 of 421 devices')")
        await tab.fill("#filter-q", "")
        await tab.click("#filter-states button:has-text('critical')")
        await tab.select_option("#filter-site", "=berlin")
        assert await names(tab) == ["berlin-yard-4", "berlin-yard-24"]
        await tab.select_option("#filter-cause", "disabled")
        assert await names(tab) == ["berlin-yard-4"]
        assert tab.url.endswith("#site=berlin&state=critical&cause=disabled")
        await tab.click("#filter-clear")
        assert await tab.inner_text("#count") == "421 devices"
        assert "#" not in tab.url
        await tab.fill("#filter-q", "no such device")
        await tab.wait_for_selector("text=None of 421 devices fits.")


async def test_every_column_sorts(opened: Any, write: Any, full: Report) -> None:
    """Once, the other way round, and back; numbers without their sign, nothing known last."""
    async with opened(write(full, "full")) as one:
        tab = one.tab
        at_first = await names(tab)
        head = "#device-table thead th"
        for title in ("Device", "Site", "State", "What is so", "Offset", "Skew", "Servers"):
            cell = tab.locator(head, has_text=title).first
            first, then = (
                ("descending", "ascending")
                if title in {"Offset", "Skew"}
                else ("ascending", "descending")
            )
            for expected in (first, then, "none"):
                await cell.locator("button").click()
                assert await cell.get_attribute("aria-sort") == expected
                assert tab.url.endswith("#devices") is False
        assert await names(tab) == at_first
        await tab.click(f"{head} button:has-text('Offset')")
        assert (await names(tab))[0] == "berlin-yard-24"
        await tab.click(f"{head} button:has-text('Device')")
        assert (await names(tab))[:3] == ["berlin-dock-3", "berlin-dock-7", "berlin-dock-11"]


async def test_rows_come_a_hundred_at_a_time(opened: Any, write: Any, full: Report) -> None:
    """Until there are no more; the focus goes to the first new row then."""
    async with opened(write(full, "full")) as one:
        tab = one.tab
        for shown in (100, 200, 300, 400, 421):
            assert await tab.locator(ROWS).count() == shown
            if shown < 421:
                await tab.click("#show-more")
        assert not await tab.locator("#show-more").is_visible()
        assert await tab.evaluate("document.activeElement.closest('tr').rowIndex") == 401


async def test_a_link_opens_what_it_is_about(opened: Any, write: Any, full: Report) -> None:
    """An alert links to a site and a state, and the table stands there."""
    address = write(full, "full")
    async with opened(f"{address}#site=lyon&state=critical,warning&sort=-skew") as one:
        tab = one.tab
        assert await tab.inner_text("#count") == "9 of 421 devices"
        assert (await names(tab))[0].startswith("lyon-")
        assert await tab.locator("#device-table [aria-sort=descending]").inner_text() == "Skew"
        assert await tab.locator("#devices h2").is_visible()
        assert await tab.evaluate("scrollY") > 500
        await tab.evaluate("location.hash = '#server=10.3.0.1&q=gate'")
        await tab.wait_for_selector("#count:text-is('19 of 421 devices')")
        await tab.click("#filter-more button")
        await tab.evaluate("location.hash = '#site=atlantis&sort=__proto__&state=evil'")
        await tab.wait_for_selector("text=None of 421 devices fits.")
        assert await tab.locator("#filter-site option:checked").inner_text() == "atlantis (0)"


async def test_figures_lead_to_their_devices(opened: Any, write: Any, full: Report) -> None:
    """A click on a number, a cause, a site, a server or a difference filters the table."""
    async with opened(write(full, "full")) as one:
        tab = one.tab
        for selector, expected in (
            ("#headline .tile:has-text('unknown')", "5 of 421 devices"),
            ("#todo article >> nth=0 >> button.count", "69 of 421 devices"),
            ("#todo article:has-text('Wrong time') button.count", "7 of 421 devices"),
            ("#sites tbody th button:has-text('riga')", "34 of 421 devices"),
            ("#sites tr:has-text('lyon') td button >> nth=0", "8 of 421 devices"),
            ("#servers .chip:has-text('ntp.wrong')", "7 of 421 devices"),
            ("#drift tbody button:has-text('enabled')", "1 of 421 devices"),
            ("#drift .lead button", "88 of 421 devices"),
        ):
            await tab.click(selector)
            assert await tab.inner_text("#count") == expected, selector
            assert await tab.evaluate("document.activeElement.id") == "devices"


async def test_a_row_opens(opened: Any, write: Any, full: Report) -> None:
    """All that is known of a device, and its row stays open when the order changes."""
    async with opened(f"{write(full, 'full')}#q=lyon-dock-3") as one:
        tab = one.tab
        button = tab.locator(f"{ROWS} th button").first
        await button.click()
        assert await button.get_attribute("aria-expanded") == "true"
        words = await tab.inner_text("tr.more")
        for part in (
            "ACCC8E",
            "ntp.wrong.example",
            "wanted is 10.0.0.5",
            "+37.4 s ± 0.5 s",
            COMMAND,
        ):
            assert part in words
        assert await tab.locator("tr.more time").get_attribute("title") == (
            "2026-03-01 12:04:27 UTC"
        )
        await tab.click("#device-table thead button >> nth=0")
        assert await tab.locator("tr.more").count() == 1
        await button.click()
        assert await tab.locator("tr.more").count() == 0


async def test_times_are_told_in_24_hours(opened: Any, write: Any, full: Report) -> None:
    """Whatever the reader's language: afternoon is 13, and midnight is 0."""
    late = evolve(full, at=full.at.replace(hour=23))
    for report, name, time in ((full, "full", "13:05:00"), (late, "late", "00:05:00")):
        async with opened(write(report, name), locale="en-US") as one:
            assert time in await one.tab.inner_text("#made")
            words = await one.tab.inner_text("main")
            assert not re.search(r"\d\s?[AP]M\b", words)


async def test_a_change_is_told_of_what_and_since_when(
    opened: Any, write: Any, full: Report
) -> None:
    """The share that was ok then, with the day; points alone mean nothing."""
    async with opened(write(full, "full"), locale="en-US") as one:
        facts = await one.tab.inner_text("#headline .facts span >> nth=0")
        told = r"76.7 % ok, ▼ down from 91.7 % on Feb 28, 2026(,| at) 13:05"
        assert re.fullmatch(told, facts), facts


async def test_a_site_that_could_not_be_read_has_a_row(
    opened: Any, write: Any, fleet: Any
) -> None:
    """Nobody takes its silence for a single server less."""
    fleet.device("a", "lyon")
    fleet.device("b", "dark", error=DeviceUnreachableError)
    fleet.device("c", "off", enabled=False)
    async with opened(write(fleet.report(), "dark")) as one:
        rows = await one.tab.locator("#servers tbody tr").all_inner_texts()
        assert [row.split("\t")[:3] for row in rows[1:]] == [
            ["dark", "0", "not read"],
            ["off", "0", "not told"],
        ]
        assert "of 2 sites nothing is known." in await one.tab.inner_text("#servers .lead")


async def test_a_point_tells_its_device(opened: Any, write: Any, full: Report) -> None:
    """The scatter names what is under the pointer, and a click leads there."""
    async with opened(write(full, "full")) as one:
        tab = one.tab
        chart = tab.locator("#scatter-chart")
        await chart.scroll_into_view_if_needed()
        point = await tab.evaluate(
            "(({x, y}) => ({x, y}))(Chart.getChart('scatter-chart').getDatasetMeta(2).data[0])"
        )
        await chart.hover(position=point)
        tooltip = "Chart.getChart('scatter-chart').tooltip"
        await until(tab, f"{tooltip}.opacity === 1")
        said = await tab.evaluate(f"{tooltip}.body[0].lines[0]")
        assert said.replace(MINUS, "-") == "berlin-yard-24: offset -5.23 s, skew -5.1 s"
        await chart.click(position=point)
        await tab.wait_for_selector("#count:has-text('1 of 421')")
        assert await names(tab) == ["berlin-yard-24"]


async def test_hostile_names_stay_text(opened: Any, write: Any, hostile: Report) -> None:
    """Nothing runs, nothing becomes an element, in no part and in no opened row."""
    async with opened(f"{write(hostile, 'hostile')}#site=%3Cimg src=x%3E") as one:
        tab = one.tab
        await tab.click("#filter-clear")
        rows = await tab.locator(ROWS).count()
        for place in range(rows):
            await tab.locator(f"{ROWS} th button").nth(place).click()
        assert await tab.locator("tr.more").count() == rows
        foreign = "img, iframe, object, embed, base, form[action], script[src], a:not([href^='#'])"
        assert await tab.locator(foreign).count() == 0
        assert await tab.locator("script").count() == 3
        for select in await tab.locator("#filters select option").all():
            assert await select.locator("*").count() == 0
        words = await tab.inner_text("#device-table")
        assert "</script><img src=x onerror=alert(1)>" in words
        assert "gate?gnp.exe" in words
        assert not set(words) & set("\u2028\u2029\u202e")
        await tab.fill("#filter-q", "<img")
        await tab.wait_for_selector("#count:has-text(' of ')")
        attempt = (
            "(() => { try { document.body.innerHTML = '<b>x</b>'; return 'ran' }"
            " catch (error) { return error.name } })()"
        )
        assert await tab.evaluate(attempt) == "TypeError"
        one.complaints.clear()  # The browser tells that it has forbidden our own attempt.


async def test_ten_thousand_rows_are_workable(
    opened: Any, write: Any, make_full: Callable[..., Report]
) -> None:
    """Filter, search and sort them all; the table holds a hundred of them."""
    async with opened(write(make_full(10_000), "big")) as one:
        tab = one.tab
        assert await tab.inner_text("#count") == "10,000 devices"
        assert await tab.locator(ROWS).count() == 100
        await tab.fill("#filter-q", "yard-2399")
        await tab.wait_for_selector("#count:has-text('of 10,000 devices')")
        await tab.fill("#filter-q", "")
        await tab.wait_for_selector("#count:text-is('10,000 devices')")
        await tab.click("#device-table thead button:has-text('Device')")
        assert (await names(tab))[0] == "berlin-dock-3"
        assert await tab.locator(ROWS).count() == 100


async def test_a_command_is_copied(opened: Any, write: Any, full: Report) -> None:
    """What is pasted is the line, and the button says that it worked."""
    async with opened(
        write(full, "full"), permissions=["clipboard-read", "clipboard-write"]
    ) as one:
        button = one.tab.locator(".command button").first
        await button.click()
        await one.tab.wait_for_selector(".command button:has-text('Copied')")
        copied = await one.tab.evaluate("navigator.clipboard.readText()")
        assert copied == "axis-ntp sweep fleet.toml --limit site=oslo"
