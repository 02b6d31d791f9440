"""Connections of our own: the same requests and errors as by aiohttp's sessions, which step in."""

import asyncio
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
import aioresponses
import pytest
from aiohttp import client_proto

from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.device.kept import Kept
from axis_ntp_async.device.records import Device
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.device.straight import Straight, is_known, make_way
from axis_ntp_async.errors import (
    CertificateRejectedError,
    DeviceUnreachableError,
    UnexpectedResponseError,
)

Serve = Callable[..., Any]

ROOT = Credentials("root", "pass")
CHALLENGE = 'Basic realm="x"'


def session_of(device: Device, *, keep_alive: bool = False, **how: Any) -> DeviceSession:
    """Give a session; one that keeps connections goes through aiohttp's."""
    return DeviceSession(device, ROOT, keep_alive=keep_alive, **how)


# The same as by aiohttp's sessions


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_requests_say_the_same_by_both_ways(serve: Serve, say: Any, host: str) -> None:
    """Every header, byte by byte, and the body, but for its running number."""
    said = []
    for keep_alive in (False, True):
        asked, right = say.asked(CHALLENGE), lambda heard: say.result(heard, {})
        server = await serve(say.in_turn(asked, right))
        device = server.device(host=host, plaintext_basic=True)
        async with session_of(device, keep_alive=keep_alive) as session:
            await session.get_ntp_info()
        for heard in server.heard:
            heard.headers.pop("connection", None)
            assert heard.headers.pop("host") == f"{host}:{server.port}"
            assert int(heard.headers.pop("content-length")) == len(heard.body)
        said.append([(heard.headers, {**heard.json, "context": ""}) for heard in server.heard])
    assert said[0] == said[1]
    assert [bool(headers.get("authorization")) for headers, _ in said[0]] == [False, True]


@pytest.mark.parametrize("keep_alive", [False, True])
async def test_an_interim_answer_is_not_the_answer(
    serve: Serve, say: Any, keep_alive: bool
) -> None:
    """100 and its like come before; only 101 is a last word, and none that we can use."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"

    def patiently(heard: Any) -> Any:
        return say.raw(interim + say.result(heard, {}).text)

    switching = say.raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")
    server = await serve(say.in_turn(patiently, switching))
    async with session_of(server.device(), keep_alive=keep_alive, timeout_s=5) as session:
        await session.get_ntp_info()
        with pytest.raises(UnexpectedResponseError, match="HTTP 101"):
            await session.get_ntp_info()


@pytest.mark.parametrize("keep_alive", [False, True])
async def test_an_answer_that_ends_with_the_connection_is_read(
    serve: Serve, say: Any, keep_alive: bool
) -> None:
    """HTTP/1.0 knows no other end."""

    def old(heard: Any) -> Any:
        head = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"
        return say.raw(head + say.result(heard, {}).text.partition(b"\r\n\r\n")[2], True)

    server = await serve(old)
    async with session_of(server.device(), keep_alive=keep_alive) as session:
        for _ in range(2):
            await session.get_ntp_info()
    assert server.connections == 2


# Connecting


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[tuple[Any, ...]]]:
    """Give the book in which names are looked up: rows of getaddrinfo."""
    known: dict[str, list[tuple[Any, ...]]] = {}

    def look_up(host: str, *_: Any, **__: Any) -> Any:
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return known[host]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


def row(address: str, port: int) -> tuple[Any, ...]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return (family, socket.SOCK_STREAM, 6, "", (address, port, 0, 0)[: 4 if ":" in address else 2])


@pytest.mark.parametrize("first", ["::1", "127.0.0.9"])
async def test_a_name_with_a_dead_address_is_reached_at_its_other_one(
    serve: Serve, say: Any, names: dict[str, list[tuple[Any, ...]]], first: str
) -> None:
    """A camera may be known by IPv6 and IPv4, and listen at one of them."""
    server = await serve(lambda heard: say.result(heard, {}))
    names["lobby.example"] = [row(first, server.port), row("127.0.0.1", server.port)]
    async with session_of(server.device(host="lobby.example")) as session:
        await session.get_ntp_info()


async def test_a_name_in_other_letters_is_looked_up_as_dns_knows_it(
    serve: Serve, say: Any, names: dict[str, list[tuple[Any, ...]]]
) -> None:
    """And the device is called by it."""
    server = await serve(lambda heard: say.result(heard, {}))
    names["xn--tr-xka.example"] = [row("127.0.0.1", server.port)]
    device = Device(name="lobby-3", host="tür.example", port=server.port, scheme="http")
    async with session_of(device) as session:
        await session.get_ntp_info()
    assert server.heard[0].headers["host"] == f"xn--tr-xka.example:{server.port}"


async def test_a_name_that_does_not_exist_is_told(
    names: dict[str, list[tuple[Any, ...]]],
) -> None:
    """With what the system says of it."""
    assert not names
    async with session_of(Device(name="lobby-3", host="nobody.example")) as session:
        with pytest.raises(DeviceUnreachableError, match=r"no such name: nobody\.example \(.*not"):
            await session.get_ntp_info()


async def test_an_address_of_the_sixth_version_is_reached() -> None:
    """In brackets where it is part of a request."""
    try:
        server = await asyncio.start_server(lambda *_: None, "::1", 0)
    except OSError:
        pytest.skip("there is no IPv6 here")
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    async with session_of(Device(name="lobby-3", host="::1", port=port)) as session:
        with pytest.raises(DeviceUnreachableError, match=rf"\[::1\]:{port}: Connection refused"):
            await session.get_ntp_info()


@contextmanager
def full_backlog() -> Iterator[int]:
    """Give the port of a listener that lets nobody in any more."""
    waiting = [socket.socket() for _ in range(4)]
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        yield full.getsockname()[1]
    for one in waiting:
        one.close()


async def test_a_connection_that_does_not_come_about_ends_in_time() -> None:
    """Before the time for the answer is over, and is told as what it is."""
    with full_backlog() as port:
        device = Device(name="lobby-3", host="127.0.0.1", port=port, scheme="http")
        async with session_of(device, connect_timeout_s=0.2) as session:
            with pytest.raises(DeviceUnreachableError, match="no connection to 127"):
                await session.get_ntp_info()


async def test_a_device_without_tls_is_told(serve: Serve, say: Any) -> None:
    """The handshake fails, and is named."""
    server = await serve(lambda _: say.raw(b"HTTP/1.1 400 Bad\r\n\r\n", True))
    async with session_of(server.device(scheme="https", tls="insecure")) as session:
        with pytest.raises((CertificateRejectedError, DeviceUnreachableError)):
            await session.get_ntp_info()


# Which way is taken


@pytest.mark.parametrize(("keep_alive", "kind"), [(False, Straight), (True, Kept)])
async def test_a_way_suits_what_connections_are_for(keep_alive: bool, kind: type) -> None:
    """With the aiohttp that is installed here; kept connections are aiohttp's business."""
    way = make_way(keep_alive=keep_alive)
    assert isinstance(way, kind)
    await way.close()


@pytest.mark.parametrize(
    "changed",
    [
        {"read": None},
        {"read": lambda _, size: size},
        {"abort": None},
        {"should_close": False},
        {"set_response_params": lambda one: one},
        {"__init__": lambda _: None},
    ],
)
def test_a_protocol_that_is_not_as_known_is_noticed(changed: dict[str, Any]) -> None:
    """A member that is gone, or takes something else."""
    assert is_known(client_proto.ResponseHandler)
    assert not is_known(type("Changed", (client_proto.ResponseHandler,), changed))


@pytest.mark.parametrize("module", [None, SimpleNamespace()])
async def test_without_the_protocol_a_session_of_aiohttps_is_taken(
    serve: Serve, say: Any, monkeypatch: pytest.MonkeyPatch, module: Any
) -> None:
    """The module is gone, or the class in it; calls come through all the same."""
    monkeypatch.setitem(sys.modules, "aiohttp.client_proto", module)
    way = make_way(keep_alive=False)
    assert isinstance(way, Kept)
    server = await serve(lambda heard: say.result(heard, {}))
    await DeviceSession(server.device(), way=way).get_ntp_info()
    await way.close()


async def test_who_mocks_aiohttp_sees_every_request(responses: aioresponses.aioresponses) -> None:
    """An embedder's tests must not call his cameras."""
    device = Device(name="lobby-3", host="192.0.2.17", scheme="http")
    responses.post("http://192.0.2.17/axis-cgi/ntp.cgi", payload={"data": {}})
    async with session_of(device) as session:
        await session.get_ntp_info()
    assert len(responses.requests) == 1


async def test_who_watches_aiohttps_sessions_sees_every_request(
    serve: Serve, say: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As instrumentation for tracing does, which gives each new session a trace of its own."""
    seen, real = [], aiohttp.ClientSession.__init__

    def watched(self: aiohttp.ClientSession, **how: Any) -> None:
        trace = aiohttp.TraceConfig()

        async def note(*_: object) -> None:
            seen.append(1)

        trace.on_request_end.append(note)
        real(self, trace_configs=[trace], **how)

    monkeypatch.setattr(aiohttp.ClientSession, "__init__", watched)
    server = await serve(lambda heard: say.result(heard, {}))
    async with session_of(server.device()) as session:
        await session.get_ntp_info()
    assert len(seen) == len(server.heard) == 1


async def test_nothing_is_opened_before_a_call_and_left_after_it(serve: Serve) -> None:
    """Also of one that had to be broken off."""
    server = await serve(lambda _: None)
    async with session_of(server.device(), timeout_s=0.1) as session:
        assert server.connections == 0
        with pytest.raises(DeviceUnreachableError):
            await session.get_ntp_info()
    async with asyncio.timeout(5):
        while server.open:  # noqa: ASYNC110  the server has no event for it
            await asyncio.sleep(0.01)
