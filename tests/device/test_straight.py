"""Connections of our own: the same requests and errors as by aiohttp's sessions, which step in."""

import asyncio
import functools
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import aiohttp
import pytest
from aiohttp import client_proto

from axis_ntp_async.device import transport
from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.device.kept import Kept
from axis_ntp_async.device.records import Device
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.device.straight import (
    Straight,
    _without_zone,
    is_known,
    is_somebody_in_between,
    make_way,
)
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


async def test_requests_say_the_same_by_both_ways(serve: Serve, say: Any) -> None:
    """Every header, byte by byte, and the body, but for its running number."""
    said = []
    for keep_alive in (False, True):
        asked, right = say.asked(CHALLENGE), lambda heard: say.result(heard, {})
        server = await serve(say.in_turn(asked, right))
        device = server.device(plaintext_basic=True)
        async with session_of(device, keep_alive=keep_alive) as session:
            await session.get_ntp_info()
        for heard in server.heard:
            heard.headers.pop("connection", None)
            assert heard.headers.pop("host") == f"{server.host}:{server.port}"
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


@pytest.mark.parametrize(
    ("address", "without"),
    [
        ("192.0.2.17:8080", "192.0.2.17:8080"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%eth0]:8080", "[fe80::1]:8080"),
        ("[fe80::1%eth0]", "[fe80::1]"),
        ("[2001:db8::1]", "[2001:db8::1]"),
    ],
)
def test_a_zone_is_kept_to_ourselves(address: str, without: str) -> None:
    """Neither the device nor its certificate knows what we call the network."""
    assert _without_zone(address) == without


async def test_a_login_that_waits_holds_no_connection(
    serve: Serve, say: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device has few of them; the login then has one of its own."""
    monkeypatch.setattr(transport, "_HELD_S", 0.05)
    opens = asyncio.Event()

    class Gate:
        has_room = False

        async def enter(self, _: str) -> None:
            await opens.wait()

        def leave(self, _: str, *, accepted: bool | None) -> None:
            assert accepted

    server = await serve(say.in_turn(say.asked(CHALLENGE), lambda heard: say.result(heard, {})))
    device = server.device(plaintext_basic=True)
    async with session_of(device, login_gate=Gate()) as session:
        call = asyncio.create_task(session.get_ntp_info())
        async with asyncio.timeout(5):
            while server.open or not server.heard:  # noqa: ASYNC110  the server has no event for it
                await asyncio.sleep(0.01)
        opens.set()
        await call
    assert [heard.connection for heard in server.heard] == [1, 2]


async def test_a_device_that_echoes_the_login_does_not_spread_it(serve: Serve, say: Any) -> None:
    """The parser quotes the line that it could not read."""

    def echo(heard: Any) -> Any:
        return say.raw(f"Authorization: {heard.login}\r\n\r\n".encode(), True)

    server = await serve(say.in_turn(say.asked(CHALLENGE), echo))
    async with session_of(server.device(plaintext_basic=True)) as session:
        with pytest.raises(UnexpectedResponseError, match="does not speak HTTP") as caught:
            await session.get_ntp_info()
    told = "".join(traceback.format_exception(caught.value))
    assert server.heard[-1].login is not None
    assert server.heard[-1].login.removeprefix("Basic ") not in told


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
    assert make_way(keep_alive=False) == Straight(None)
    server = await serve(lambda heard: say.result(heard, {}))
    async with session_of(server.device()) as session:
        await session.get_ntp_info()
    assert len(server.heard) == 1


class Proxy:
    """What wrapt puts in the place of a method: it says that it is equal to it."""

    def __init__(self, wrapped: Any) -> None:
        self.wrapped = wrapped

    def __eq__(self, other: object) -> bool:
        return bool(self.wrapped == other)

    def __hash__(self) -> int:
        return hash(self.wrapped)


@pytest.mark.parametrize("name", ["__init__", "_request", "request", "post"])
@pytest.mark.parametrize("kind", [Proxy, Mock, functools.partialmethod])
def test_whoever_mocks_or_watches_a_session_is_noticed(
    monkeypatch: pytest.MonkeyPatch, name: str, kind: Any
) -> None:
    """By whatever means, as long as it is there."""
    assert not is_somebody_in_between()
    monkeypatch.setattr(aiohttp.ClientSession, name, kind(getattr(aiohttp.ClientSession, name)))
    assert is_somebody_in_between()
    monkeypatch.undo()
    assert not is_somebody_in_between()


def test_a_session_of_somebody_elses_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class that stands in for aiohttp's, with or without its methods; or one of them gone."""
    with monkeypatch.context() as changed:
        changed.setattr(aiohttp, "ClientSession", type("Fake", (), {}))
        assert is_somebody_in_between()
    monkeypatch.delattr(aiohttp.ClientSession, "_request")
    assert is_somebody_in_between()


async def test_who_mocks_aiohttp_sees_every_request(request: pytest.FixtureRequest) -> None:
    """An embedder's tests must not call his cameras, also if he begins to mock after us."""
    device = Device(name="lobby-3", host="192.0.2.17", scheme="http")
    async with session_of(device) as session:
        responses = request.getfixturevalue("responses")
        responses.post("http://192.0.2.17/axis-cgi/ntp.cgi", payload={"data": {}})
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
