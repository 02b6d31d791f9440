"""Names are looked up in threads of their own; nobody else's lookup has to wait for a dead one."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from axis_ntp_async.device.kept import make_http_session
from axis_ntp_async.device.records import Device
from axis_ntp_async.device.resolver import Resolver
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.errors import DeviceUnreachableError

Serve = Callable[..., Any]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Give the names that were looked up; those that begin with `dead` hang until the end."""
    asked: list[str] = []
    real, is_over = socket.getaddrinfo, threading.Event()

    def look_up(host: str, *args: Any, **kwargs: Any) -> Any:
        asked.append(host)
        if host.startswith("dead"):
            is_over.wait(20)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return real("127.0.0.1" if host.startswith("lives") else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield asked
    is_over.set()
    while any(thread.name.startswith("look up") for thread in threading.enumerate()):
        time.sleep(0.01)


async def test_dead_names_keep_no_healthy_one_waiting(
    names: list[str], serve: Serve, say: Any
) -> None:
    """There are more of them than any event loop has threads of its own."""
    server = await serve(lambda heard: say.result(heard, {}))

    async def call(host: str, timeout_s: float = 10) -> None:
        device = Device(name=host, host=host, port=server.port, scheme="http")
        async with DeviceSession(
            device, http_session=http_session, timeout_s=timeout_s
        ) as session:
            await session.get_ntp_info()

    async with make_http_session() as http_session:
        dead = [asyncio.create_task(call(f"dead{place}.example", 1)) for place in range(40)]
        await asyncio.sleep(0)
        await asyncio.gather(*(call(f"lives{place}.example") for place in range(40)))
        assert not any(task.done() for task in dead)
        found = await asyncio.gather(*dead, return_exceptions=True)
        assert {type(one) for one in found} == {DeviceUnreachableError}
        await call("lives0.example")
    assert names.count("lives0.example") == 1


async def test_an_address_is_not_looked_up(names: list[str], serve: Serve, say: Any) -> None:
    """It needs no thread."""
    server = await serve(lambda heard: say.result(heard, {}))
    async with DeviceSession(server.device()) as session:
        await session.get_ntp_info()
    assert names == []


async def test_a_name_that_does_not_exist_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what the system says of it."""

    def unknown(*_: object, **__: object) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    device = Device(name="lobby-3", host="nobody.example", scheme="http")
    async with DeviceSession(device) as session:
        with pytest.raises(DeviceUnreachableError, match=r"no such name: nobody\.example"):
            await session.get_ntp_info()


async def test_a_local_address_keeps_its_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it nobody could connect there."""
    rows = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 80, 0, 2)),
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", 80, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
    found = await Resolver().resolve("lobby.local", 80)
    assert [one["host"] for one in found] == ["fe80::1%2", "2001:db8::1", "192.0.2.1"]
    assert {one["hostname"] for one in found} == {"lobby.local"}


def test_a_lookup_that_outlives_its_loop_harms_nobody(names: list[str]) -> None:
    """Nothing is raised in its thread, which is checked as all warnings are."""

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(Resolver().resolve("dead.example"), 0.05)

    asyncio.run(give_up())
    assert names == ["dead.example"]
    [thread] = [one for one in threading.enumerate() if one.name == "look up dead.example"]
    assert thread.daemon


async def test_a_lookup_holds_its_place_until_its_thread_ends(
    monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    """Else the threads of a name server that is down would be without number."""
    monkeypatch.setattr("axis_ntp_async.device.resolver._MOST_LOOKUPS", 1)
    resolver = Resolver()
    for name in ("dead.example", "lives.example"):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(resolver.resolve(name), 0.05)
    assert names == ["dead.example"]


async def test_a_place_is_free_again_when_its_thread_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also when nobody waits for what it has found."""
    is_over = threading.Event()

    def look_up(*_: object, **__: object) -> list[Any]:
        is_over.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr("axis_ntp_async.device.resolver._MOST_LOOKUPS", 1)
    resolver = Resolver()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(resolver.resolve("slow.example"), 0.05)
    is_over.set()
    assert await asyncio.wait_for(resolver.resolve("next.example"), 10) == []


async def test_a_lookup_without_a_thread_is_the_devices_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A system that is at its limit ends no run, and the place is given back."""

    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    resolver = Resolver()
    room = resolver._room._value
    with pytest.raises(OSError, match="cannot be looked up: can't start"):
        await resolver.resolve("lobby.example")
    assert resolver._room._value == room
    async with DeviceSession(Device(name="lobby-3", host="lobby.example")) as session:
        with pytest.raises(DeviceUnreachableError):
            await session.get_ntp_info()
