"""What a watch answers over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from attrs import define, evolve, field

from axis_ntp_async.device.records import Device
from axis_ntp_async.fleet.clock import Clock
from axis_ntp_async.health.finding import Finding
from axis_ntp_async.health.history.reading import HistoryReader
from axis_ntp_async.health.watch.events import SourceKept
from axis_ntp_async.report.page.report import Report
from axis_ntp_async.service.access import Access
from axis_ntp_async.service.board import Board
from axis_ntp_async.service.server import Server, serving

Client = TestClient[web.Request, web.Application]
Swept = Callable[..., None]


@define
class Looking:
    """Looks at devices by what the board found last; slowly, if told so."""

    board: Board
    takes_s: float = 0.0
    looked_at: list[str] = field(factory=list)

    async def __call__(self, device: Device) -> Finding:
        self.looked_at.append(device.name)
        await asyncio.sleep(self.takes_s)
        return self.board.overview.findings[device.name]


@pytest.fixture
def board() -> Board:
    return Board(source="fleet.toml", commands="fleet.toml")


@pytest.fixture
def looking(board: Board) -> Looking:
    return Looking(board)


@pytest.fixture
async def client(board: Board, looking: Looking) -> AsyncIterator[Client]:
    server = Server(board=board, look=looking)
    client = TestClient(TestServer(server.application(Access())))
    await client.start_server()
    yield client
    await client.close()


async def test_the_page_has_a_policy_and_no_cache(
    client: Client, board: Board, swept: Swept
) -> None:
    """Nothing but its own script runs, and it talks to nobody but us."""
    swept(board)
    answer = await client.get("/")
    html = await answer.text()
    assert answer.status == 200
    assert answer.content_type == "text/html"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "<b>" not in html.partition("Füße")[2][:10]


async def test_before_the_first_sweep_there_is_a_page_too(client: Client) -> None:
    """It says that nothing is known yet, and does not fail."""
    assert (await client.get("/")).status == 200
    document = await (await client.get("/page.json")).json()
    assert document["headline"]["devices"] == 0


async def test_the_page_is_made_once_for_each_sweep(
    client: Client, board: Board, swept: Swept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten browsers cost no more than one."""
    made = []

    def render(report: Report, _: object) -> tuple[str, bytes]:
        made.append(report)
        return "page", b"{}"

    monkeypatch.setattr("axis_ntp_async.service.server._render", render)
    for number in (1, 2):
        swept(board, number=number)
        await asyncio.gather(*(client.get("/") for _ in range(10)), client.get("/page.json"))
        assert len(made) == number


async def test_browsers_are_told_of_each_sweep(client: Client, board: Board, swept: Swept) -> None:
    """At once of the last one, and then of each that ends."""
    swept(board)
    answer = await client.get("/events")
    assert answer.content_type == "text/event-stream"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert await answer.content.readuntil(b"\n\n") == b"event: sweep\ndata: 1\n\n"
    swept(board, number=2)
    assert await answer.content.readuntil(b"\n\n") == b"event: sweep\ndata: 2\n\n"
    answer.close()


async def test_a_quiet_stream_shows_signs_of_life(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that nobody between us and the browser closes it, and a browser that left is noticed."""
    monkeypatch.setattr("axis_ntp_async.service.server._BREATH_S", 0.01)
    answer = await client.get("/events")
    assert await answer.content.readuntil(b"\n\n") == b"event: sweep\ndata: 0\n\n"
    assert await answer.content.readuntil(b"\n\n") == b": still here\n\n"
    answer.close()


async def test_too_many_listeners_are_sent_away(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They cannot use up our sockets; whoever leaves makes room."""
    monkeypatch.setattr("axis_ntp_async.service.server._LISTENERS", 1)
    monkeypatch.setattr("axis_ntp_async.service.server._BREATH_S", 0.01)
    first = await client.get("/events")
    assert (await client.get("/events")).status == 503
    first.close()
    for _ in range(100):
        again = await client.get("/events")
        if again.status == 200:
            break
        await asyncio.sleep(0.02)
    assert again.status == 200
    again.close()


async def test_metrics_are_what_prometheus_reads(
    client: Client, board: Board, swept: Swept
) -> None:
    """Counts by site, and the one device that is not ok."""
    swept(board)
    answer = await client.get("/metrics")
    text = await answer.text()
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert 'axis_ntp_sweep_devices{site="berlin",state="ok"} 1.0' in text
    assert 'axis_ntp_up{device="roof-3",site=""} 0.0' in text
    assert "lobby-1" not in text


async def test_metrics_of_every_device_if_wanted(
    board: Board, looking: Looking, swept: Swept
) -> None:
    """For fleets that are small enough."""
    swept(board)
    server = Server(board=board, look=looking, per_device=True)
    async with TestClient(TestServer(server.application(Access()))) as client:
        assert "lobby-1" in await (await client.get("/metrics")).text()


async def test_a_probe_looks_now(
    client: Client, board: Board, looking: Looking, swept: Swept
) -> None:
    """One device, by its name."""
    swept(board)
    text = await (await client.get("/probe", params={"target": "Füße <b>"})).text()
    assert "probe_success 1.0" in text
    assert looking.looked_at == ["Füße <b>"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("?target=lobby-1&target=roof-3", 400),
        ("?target=10.0.0.1", 404),
        ("?target=192.0.2.99", 404),
        ("?target=nobody", 404),
        ("?target=", 404),
    ],
)
async def test_only_names_of_the_inventory_are_probed(
    client: Client, looking: Looking, swept: Swept, query: str, status: int
) -> None:
    """An address, even one that is listed, makes us talk to nobody."""
    swept(looking.board)
    assert (await client.get(f"/probe{query}")).status == status
    assert looking.looked_at == []


async def test_a_probe_ends_before_prometheus_gives_up(
    client: Client, board: Board, looking: Looking, swept: Swept
) -> None:
    """A late answer is none: the failure is told in time instead."""
    swept(board)
    looking.takes_s = 30.0
    headers = {"X-Prometheus-Scrape-Timeout-Seconds": "0.6"}
    async with asyncio.timeout(5.0):
        answer = await client.get("/probe", params={"target": "lobby-1"}, headers=headers)
    assert "probe_success 0.0" in await answer.text()


@pytest.mark.parametrize("header", ["nonsense", "nan", "inf", ""])
async def test_a_strange_patience_is_not_believed(
    client: Client, board: Board, swept: Swept, header: str
) -> None:
    """The probe has its usual time then."""
    swept(board)
    headers = {"X-Prometheus-Scrape-Timeout-Seconds": header}
    answer = await client.get("/probe", params={"target": "lobby-1"}, headers=headers)
    assert "probe_success 1.0" in await answer.text()


async def test_prometheus_discovers_the_devices(
    client: Client, board: Board, swept: Swept
) -> None:
    """All, or those of a site; an unknown site is an empty list, not an error."""
    assert await (await client.get("/sd")).json() == []
    swept(board)
    assert len(await (await client.get("/sd")).json()) == 3
    assert await (await client.get("/sd?site=berlin")).json() == [
        {
            "targets": ["lobby-1"],
            "labels": {
                "__meta_axis_ntp_device": "lobby-1",
                "__meta_axis_ntp_site": "berlin",
                "__meta_axis_ntp_label_model": "P3265-V",
            },
        }
    ]
    assert await (await client.get("/sd?site=nowhere")).json() == []


async def test_health_tells_whether_sweeps_go_on(
    client: Client, board: Board, swept: Swept
) -> None:
    """Starting, ok, and stale once two intervals are over without a sweep."""

    async def health() -> tuple[int, str]:
        answer = await client.get("/healthz")
        return answer.status, (await answer.json())["status"]

    assert await health() == (200, "starting")
    swept(board)
    assert await health() == (200, "ok")
    board._heard_at -= 601
    assert await health() == (503, "stale")


async def test_a_first_sweep_that_never_ends_is_stale_too(swept: Swept) -> None:
    """It counts from when the watch began."""
    board = Board(source="fleet.toml", clock=Clock(1_000_000.0))
    swept(board)
    board.overview.last = None
    await asyncio.sleep(0.001)
    assert board.is_stale


async def test_a_broken_history_is_a_note_on_the_page(
    board: Board, looking: Looking, swept: Swept, tmp_path: Path
) -> None:
    """What is known now is shown all the same, with what is wrong on top."""
    path = tmp_path / "history.db"
    path.write_text("no history", encoding="utf-8")
    board = evolve(
        board,
        history=HistoryReader(path),
        overview=board.overview,
        faults=lambda: ("the disk is full",),
    )
    swept(board)
    board.take(SourceKept(at=board.clock.utc(), message="line 3: what is this"))
    server = Server(board=board, look=looking)
    async with TestClient(TestServer(server.application(Access()))) as client:
        notes = (await (await client.get("/page.json")).json())["notes"]
    text = json.dumps(notes)
    assert "the disk is full" in text
    assert "line 3" in text
    assert str(path) in text


async def test_serving_ends_with_its_context() -> None:
    """A free port is found, and is free again afterwards."""
    application = web.Application()
    async with serving(application, "127.0.0.1", 0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await writer.wait_closed()
        assert reader is not None
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_port_that_is_taken_is_an_error() -> None:
    """The caller tells it in the words of its option."""

    async def serve(port: int) -> Any:
        async with serving(web.Application(), "127.0.0.1", port) as served:
            return served

    async with serving(web.Application(), "127.0.0.1", 0) as taken:
        with pytest.raises(OSError, match="in use"):
            await serve(taken)
