"""The page that a watch serves: it follows the sweeps, and the reader stays in place."""

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from aiohttp import web
from attrs import evolve, field, frozen

from axis_ntp_async.report.page.data import page_data
from axis_ntp_async.report.page.page import content_security_policy, live_page
from axis_ntp_async.report.page.report import Report

ROWS: Final = "#device-table tbody tr:not(.more)"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@frozen
class Server:
    """
    What a watch does for the page: the page itself, its data, and news of sweeps.

    Attributes:
        reports: The last one is served.
        listeners: Those who wait for news.
    """

    reports: list[Report]
    listeners: list[asyncio.Queue[str]] = field(factory=list)

    async def page(self, _: web.Request) -> web.Response:
        """Serve the page, with its policy as a header."""
        policy = {"Content-Security-Policy": content_security_policy(live=True)}
        text = live_page(self.reports[-1])
        return web.Response(text=text, content_type="text/html", headers=policy)

    async def data(self, _: web.Request) -> web.Response:
        """Serve the data."""
        return web.json_response(page_data(self.reports[-1]))

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Serve news until the reader, or the server, goes."""
        news: asyncio.Queue[str] = asyncio.Queue()
        self.listeners.append(news)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while word := await news.get():
            await response.write(f"event: {word}\ndata: 1\n\n".encode())
        return response

    async def tell(self, word: str) -> None:
        """Send news; an empty word ends the connection."""
        while not self.listeners:  # noqa: ASYNC110  a test may look
            await asyncio.sleep(0.01)
        for one in self.listeners:
            await one.put(word)


@asynccontextmanager
async def serving(report: Report) -> AsyncGenerator[tuple[Server, str, web.AppRunner], None]:
    server, app = Server([report]), web.Application()
    app.add_routes(
        [
            web.get("/", server.page),
            web.get("/page.json", server.data),
            web.get("/events", server.events),
        ]
    )
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield server, "http://{}:{}/".format(*runner.addresses[0][:2]), runner
    finally:
        await runner.cleanup()


async def test_a_live_page_refreshes_where_the_reader_is(opened: Any, full: Report) -> None:
    """News change the figures; search, order, open rows, place and focus stay."""
    small = evolve(full, findings=full.findings[:200], summary=type(full.summary)())
    for finding in small.findings:
        small.summary.add(finding)
    async with (
        serving(small) as (server, address, _),
        opened(f"{address}#q=lyon&sort=-name") as one,
    ):
        tab = one.tab
        await tab.wait_for_selector("#live:has-text('live, updated')")
        await tab.locator(f"{ROWS} th button").nth(3).click()
        at_first = await tab.locator(f"{ROWS} th button").all_inner_texts()
        place = "document.activeElement.getBoundingClientRect().y"
        before = await tab.evaluate(place)
        server.reports.append(evolve(full, at=full.at + dt.timedelta(minutes=5)))
        await server.tell("sweep")
        await tab.wait_for_selector("#count:has-text('of 421 devices')")
        assert await tab.input_value("#filter-q") == "lyon"
        assert await tab.locator("#device-table [aria-sort=descending]").count() == 1
        assert await tab.locator("tr.more").count() == 1
        assert abs(await tab.evaluate(place) - before) <= 1
        key = await tab.evaluate("document.activeElement.dataset.key")
        assert key == f"device:{at_first[3]}"
        assert "79.1 %" in await tab.inner_text("#headline")
        await server.tell("")


async def test_a_lost_connection_is_told(opened: Any, full: Report) -> None:
    """The page says that it is old, and of when."""
    async with (
        serving(full) as (server, address, runner),
        opened(address) as one,
    ):
        await one.tab.wait_for_selector("#live:has-text('live, updated')")
        await server.tell("")
        await runner.cleanup()
        await one.tab.wait_for_selector("#live.lost:has-text('connection lost, trying again')")
        one.complaints[:] = [said for said in one.complaints if "ERR_" not in said]
