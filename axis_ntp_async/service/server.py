"""`serving`: metrics, probes, discovery, health and the page of a watch, over HTTP; read-only."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from aiohttp import web
from attrs import define, field, frozen

from axis_ntp_async.device.records import Device, NTPInfo, Outcome
from axis_ntp_async.errors import DeviceUnreachableError
from axis_ntp_async.health.finding import Finding
from axis_ntp_async.health.history.lately import last_week
from axis_ntp_async.health.history.reading import HistoryReader
from axis_ntp_async.health.judge import judge
from axis_ntp_async.report.metrics import CONTENT_TYPE, exposition, probe_exposition
from axis_ntp_async.report.page.data import page_data
from axis_ntp_async.report.page.page import content_security_policy, live_page
from axis_ntp_async.report.page.report import Report
from axis_ntp_async.service.access import HEADERS, Access, guarded
from axis_ntp_async.service.board import Board

Look = Callable[[Device], Awaitable[Finding]]
"""Looks at one device now, and judges it."""

_PROBE_S: Final = 10.0
_MARGIN_S: Final = 0.5
"""Taken off what Prometheus waits: an answer that comes too late is none."""

_LISTENERS: Final = 100
_BREATH_S: Final = 15.0
"""So often whoever listens is sent a sign of life."""

_FAREWELL_S: Final = 1.0


@frozen
class _Rendered:
    """The page of one sweep: whole, and what it shows as JSON."""

    number: int
    html: str
    document: bytes


@define(kw_only=True)
class Server:
    """
    Answers what can be asked of a watch.

    Attributes:
        board: What is known.
        look: Looks at one device now; for probes.
        per_device: Whether metrics hold every device, and not only those that are not ok.
    """

    board: Board
    look: Look
    per_device: bool = False
    _rendered: _Rendered | None = field(default=None, init=False)
    _making: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    _listeners: int = field(default=0, init=False)

    def application(self, access: Access) -> web.Application:
        """Give it as an application of aiohttp, for those whom *access* lets in."""
        application = web.Application(middlewares=[guarded(access)])
        application.on_response_prepare.append(_protect)
        application.add_routes(
            [
                web.get("/", self.page),
                web.get("/page.json", self.data),
                web.get("/events", self.events),
                web.get("/metrics", self.metrics),
                web.get("/probe", self.probe),
                web.get("/sd", self.discovery),
                web.get("/healthz", self.health),
            ]
        )
        return application

    async def page(self, _: web.Request) -> web.Response:
        """Show the page, which refreshes itself."""
        answer = web.Response(text=(await self._page()).html, content_type="text/html")
        answer.headers["Content-Security-Policy"] = content_security_policy(live=True)
        return answer

    async def data(self, _: web.Request) -> web.Response:
        """Give what the page shows."""
        document = (await self._page()).document
        return web.Response(body=document, content_type="application/json")

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Tell a browser of each sweep that ends."""
        if self._listeners >= _LISTENERS:
            return web.Response(status=503, text="too many browsers are listening\n")
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        self._listeners += 1
        try:
            await answer.prepare(request)
            seen = None
            while True:
                number = self.board.number
                line = ": still here" if number == seen else f"event: sweep\ndata: {number}"
                async with asyncio.timeout(_BREATH_S):
                    await answer.write(f"{line}\n\n".encode())
                seen = number
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.board.next_sweep(), _BREATH_S)
        except (ConnectionResetError, TimeoutError):
            return answer
        finally:
            self._listeners -= 1

    async def metrics(self, _: web.Request) -> web.Response:
        """Give aggregates, and the devices that are not ok."""
        known = self.board.snapshot()
        body = await asyncio.to_thread(exposition, known, per_device=self.per_device)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    async def probe(self, request: web.Request) -> web.Response:
        """Look at one device now, by its name in the inventory; an address is no name."""
        names = request.query.getall("target", [])
        if len(names) != 1:
            return web.Response(status=400, text="one target is needed: /probe?target=NAME\n")
        device = self.board.devices.get(names[0])
        if device is None:
            return web.Response(status=404, text="the inventory has no device of that name\n")
        began = time.monotonic()
        limit_s = _limit_s(request.headers.get("X-Prometheus-Scrape-Timeout-Seconds", ""))
        try:
            async with asyncio.timeout(limit_s):
                finding = await self.look(device)
        except TimeoutError:
            finding = self._too_late(device, limit_s)
        body = probe_exposition(finding, time.monotonic() - began)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    async def discovery(self, request: web.Request) -> web.Response:
        """List the devices for Prometheus, all or those of one site."""
        site = request.query.get("site")
        devices = self.board.devices.values()
        return web.json_response(
            list(_targets(one for one in devices if site in {None, one.site or ""}))
        )

    async def health(self, _: web.Request) -> web.Response:
        """Tell whether sweeps go on."""
        board = self.board
        status = "stale" if board.is_stale else "ok" if board.number else "starting"
        document = {"status": status, "sweeps": board.number, "age_s": round(board.age_s, 3)}
        return web.json_response(document, status=503 if board.is_stale else 200)

    async def _page(self) -> _Rendered:
        """Render the page once for each sweep, whoever asks, and beside the sweeps."""
        async with self._making:
            number, page = self.board.number, self._rendered
            if page is None or page.number != number or not number:
                html, document = await asyncio.to_thread(
                    _render, self.board.report(), self.board.history
                )
                page = self._rendered = _Rendered(number, html, document)
            return page

    def _too_late(self, device: Device, limit_s: float) -> Finding:
        error = DeviceUnreachableError(device.name, f"no answer within {limit_s:g} s")
        return judge(
            Outcome[NTPInfo](
                device=device,
                error=error,
                at=self.board.clock.utc(),
                attempts=1,
                elapsed_s=limit_s,
            )
        )


@contextlib.asynccontextmanager
async def serving(application: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """
    Serve an application as long as the context lasts; give its port, which may have been 0.

    Raises:
        OSError: It cannot listen there.
    """
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=_FAREWELL_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _protect(_: web.Request, answer: web.StreamResponse) -> None:
    answer.headers["Server"] = HEADERS["Server"]
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)


def _render(report: Report, history: HistoryReader | None) -> tuple[str, bytes]:
    report = report.with_history(last_week(history, report.at))
    document = json.dumps(page_data(report), separators=(",", ":"), allow_nan=False)
    return live_page(report), document.encode()


def _limit_s(header: str) -> float:
    """Give how long a probe may take, by what Prometheus says of its own patience."""
    try:
        patience_s = float(header)
    except ValueError:
        return _PROBE_S
    if not math.isfinite(patience_s):
        return _PROBE_S
    return max(patience_s - _MARGIN_S, patience_s / 2, 0.0)


def _targets(devices: Iterable[Device]) -> Iterable[dict[str, Any]]:
    for device in devices:
        labels = {"device": device.name, "site": device.site or "", **_plain(device.labels)}
        meta = {f"__meta_axis_ntp_{name}": value for name, value in labels.items()}
        yield {"targets": [device.name], "labels": meta}


def _plain(labels: Mapping[str, str]) -> dict[str, str]:
    """Give labels under names that Prometheus takes."""
    return {
        f"label_{re.sub(r'[^a-zA-Z0-9_]', '_', name)}": value for name, value in labels.items()
    }
