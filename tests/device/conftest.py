"""Golden answers, a server that says exactly what a test wants, and simulated cameras."""

import asyncio
import contextlib
import importlib.util
import itertools
import json
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from axis_ntp_async.device.records import Device
from axis_ntp_async.device.trust import KnownDevices, Trust
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.world import VirtualTime, World

ANSWERS = Path(__file__).parent.parent / "answers"


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Our check lives in the TLS handshake, which each kind of loop drives in its own way."""
    loops = {"asyncio": asyncio.new_event_loop}
    if item.path.name == "test_handshakes.py" and importlib.util.find_spec("uvloop"):
        loops["uvloop"] = importlib.import_module("uvloop").new_event_loop
    return loops


@pytest.fixture
def golden() -> Callable[[str], bytes]:
    """Give the bytes of `tests/answers/<name>.json`, as they would come over the wire."""
    return lambda name: (ANSWERS / f"{name}.json").read_bytes()


class Heard(NamedTuple):
    """One request as a scripted server received it."""

    connection: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def login(self) -> str | None:
        return self.headers.get("authorization")


class Said(NamedTuple):
    """What a scripted server answers: bytes, and whether it then hangs up."""

    text: bytes
    hangs_up: bool = False


Script = Callable[[Heard], Said | None]


def said(
    body: bytes = b"",
    *,
    status: int = 200,
    headers: Iterable[tuple[str, str]] = (),
    content_type: str | None = "application/json",
    length: int | None = None,
    hangs_up: bool = False,
) -> Said:
    """Give an answer; `length` is what its head says when that is not the truth."""
    lines = [f"HTTP/1.1 {status} Reason"]
    lines += [f"{name}: {value}" for name, value in headers]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return Said("\r\n".join([*lines, "", ""]).encode() + body, hangs_up)


def result(heard: Heard, data: Mapping[str, Any], api_version: str = "1.5") -> Said:
    """Give a right answer to a request."""
    request = heard.json
    members = {"apiVersion": api_version, "method": request["method"], "data": data}
    body = json.dumps({**members, "context": request["context"]}).encode()
    return said(body, headers=[("Date", formatdate(usegmt=True))])


def failure(heard: Heard, code: int, status: int = 200) -> Said:
    """Give the answer that reports an error of the document."""
    error = {"code": code, "message": f"message {code}"}
    members = {"apiVersion": "1.5", "context": heard.json["context"], "error": error}
    return said(json.dumps(members).encode(), status=status)


def asked(*challenges: str, hangs_up: bool = False) -> Said:
    """Give a 401 with these challenges."""
    headers = [("WWW-Authenticate", challenge) for challenge in challenges]
    return said(b"login", status=401, headers=headers, hangs_up=hangs_up)


def in_turn(*answers: Said | Script | None) -> Script:
    """Give a script that says each answer once, then the last one for ever."""
    rest = list(answers)

    def script(heard: Heard) -> Said | None:
        answer = rest.pop(0) if len(rest) > 1 else rest[0]
        return answer(heard) if callable(answer) else answer

    return script


class Server:
    """
    A server that plays a script; `None` in it is silence.

    Attributes:
        heard: The requests, in order.
        connections: How many were opened; over TLS, completely.
        received: How many bytes came, inside of TLS.
        open: Connections that are open now.
    """

    def __init__(self, script: Script) -> None:
        self.script = script
        self.heard: list[Heard] = []
        self.connections = 0
        self.received = 0
        self.open = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, context: ssl.SSLContext | None = None) -> "Server":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=context)
        self.host, self.port = self._server.sockets[0].getsockname()
        return self

    def device(self, **members: Any) -> Device:
        usual = {"name": "lobby-3", "host": self.host, "port": self.port, "scheme": "http"}
        return Device(**{**usual, **members})

    async def stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open += 1
        try:
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await self._serve(self.connections, reader, writer)
        except asyncio.IncompleteReadError as error:
            self.received += len(error.partial)
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.transport.abort()

    async def _serve(
        self, connection: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            lines = head.decode().split("\r\n")[1:]
            pairs = (line.split(": ", 1) for line in lines if line)
            headers = {name.lower(): value for name, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.received += len(head) + len(body)
            heard = Heard(connection, headers, body)
            self.heard.append(heard)
            answer = self.script(heard)
            if answer is None:
                await reader.read()
                return
            writer.write(answer.text)
            await writer.drain()
            if answer.hangs_up:
                return


@pytest.fixture
def say() -> SimpleNamespace:
    """Give the answers of a scripted server."""
    return SimpleNamespace(
        raw=Said, http=said, result=result, failure=failure, asked=asked, in_turn=in_turn
    )


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Any]]:
    """Start scripted servers; they are stopped at the end."""
    async with contextlib.AsyncExitStack() as running:

        async def start(script: Script, context: ssl.SSLContext | None = None) -> Server:
            server = await Server(script).start(context)
            running.push_async_callback(server.stop)
            return server

        yield start


@pytest.fixture
def world() -> World:
    """A world that stands still."""
    world = World(VirtualTime(speed=0.0, start=1_700_000_000.0))
    world.server("10.0.0.5")
    return world


@pytest.fixture
def make_camera(world: World) -> Callable[..., Camera]:
    """Make simulated cameras of one fleet."""
    numbers = itertools.count(1)

    def make(**members: Any) -> Camera:
        number = next(numbers)
        usual = {"name": f"lobby-{number}", "serial": f"ACCC8E{number:06X}", "world": world}
        return Camera(**{**usual, **members})

    return make


@pytest.fixture
def trust() -> Trust:
    """Trust that remembers nothing on disk."""
    return Trust(KnownDevices())
