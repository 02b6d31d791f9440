"""The shorter way to plain addresses, and aiohttp's own where that is not as we know it."""

import asyncio
import contextlib
import functools
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler

from axis_ntp_async.device import connector as connectors
from axis_ntp_async.device.connector import (
    DirectConnector,
    _is_address,
    _that_hangs_up,
    hangs_up,
    is_known,
    make_connector,
)
from axis_ntp_async.device.transport import make_http_session


@pytest.fixture(params=["direct", "aiohttp's own"], autouse=True)
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything here holds on both ways."""
    if request.param != "direct":
        monkeypatch.setattr(connectors, "is_known", lambda _: False)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server on 127.0.0.1 that answers every request alike, on plain HTTP."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def ask(url: str, **how: Any) -> str:
    async with make_http_session() as session, session.get(url, **how) as answer:
        return await answer.text()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_addresses_and_names_are_reached(port: int, host: str) -> None:
    """Whether there is something to look up or not."""
    assert await ask(f"http://{host}:{port}/") == "ok"


async def test_an_address_of_the_sixth_version_is_reached() -> None:
    """In brackets, as URLs have it."""
    try:
        server = await asyncio.start_server(lambda *_: None, "::1", 0)
    except OSError:
        pytest.skip("there is no IPv6 here")
    free = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(aiohttp.ClientConnectorError):
        await ask(f"http://[::1]:{free}/")


@pytest.mark.parametrize(
    ("host", "is_one"),
    [("127.0.0.1", True), ("fe80::1%eth0", True), ("localhost", False), ("1.2.3", False)],
)
def test_only_whole_addresses_take_the_shorter_way(host: str, is_one: bool) -> None:
    """Half an address is a name, and looked up in aiohttp's way."""
    assert _is_address(host) is is_one


async def test_a_refused_connection_is_the_usual_error() -> None:
    """With the reason of the system."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await ask(f"http://127.0.0.1:{bound.getsockname()[1]}/")
    assert isinstance(caught.value.os_error, ConnectionRefusedError)


async def test_a_connection_that_takes_too_long_is_the_usual_error() -> None:
    """A backlog that is full lets nobody in."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(address)
            waiting.append(one)
        timeout = aiohttp.ClientTimeout(sock_connect=0.2)
        with pytest.raises(aiohttp.ConnectionTimeoutError):
            await ask(f"http://127.0.0.1:{address[1]}/", timeout=timeout)
        for one in waiting:
            one.close()


async def test_a_server_without_tls_is_the_usual_error(port: int) -> None:
    """The handshake fails, and is told as one."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.raises(aiohttp.ClientConnectorSSLError):
        await ask(f"https://127.0.0.1:{port}/", ssl=context)


async def test_the_shorter_way_is_taken_where_it_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the aiohttp that is installed here it is; else nothing but time is lost."""
    monkeypatch.undo()
    connector = make_connector(15.0)
    assert isinstance(connector, DirectConnector)
    await connector.close()


def test_a_connector_that_is_not_as_known_is_noticed() -> None:
    """A method that is gone, or takes something else."""
    assert is_known(aiohttp.TCPConnector)
    assert not is_known(aiohttp.UnixConnector)

    class Changed(aiohttp.TCPConnector):
        async def _create_direct_connection(self, request: Any) -> Any:  # type: ignore[override]  # on purpose
            """Take something else."""

    assert not is_known(Changed)


@pytest.mark.parametrize("keep_alive", [True, False])
async def test_a_connection_ends_with_an_answer_only_where_that_is_wanted(
    monkeypatch: pytest.MonkeyPatch, keep_alive: bool
) -> None:
    """Else it is kept, as aiohttp does; a challenge ends it in no case."""
    monkeypatch.undo()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            for status in (b"401 Unauthorized", b"200 OK"):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 %b\r\nContent-Length: 2\r\n\r\nok" % status)
            await reader.read()
        writer.close()
        await writer.wait_closed()
        ended.set()

    ended = asyncio.Event()
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    kept = []
    async with make_http_session(keep_alive=keep_alive) as session:
        assert hangs_up(session.connector) is not keep_alive
        for _ in range(2):
            async with session.get(url) as answered:
                await answered.read()
            assert isinstance(session.connector, aiohttp.TCPConnector)
            kept.append(sum(map(len, session.connector._conns.values())))
    await ended.wait()
    server.close()
    assert kept == [1, int(keep_alive)]


@pytest.mark.parametrize(
    "factory",
    [
        None,
        ResponseHandler,
        functools.partial(len),
        functools.partial(type("Changed", (), {"should_close": property(bool)})),
        functools.partial(type("Changed", (), {"feed_data": len, "should_close": True})),
    ],
)
def test_connections_that_are_not_as_known_are_left_alone(factory: Any) -> None:
    """Devices are asked to close them, then."""
    assert _that_hangs_up(factory) is None
