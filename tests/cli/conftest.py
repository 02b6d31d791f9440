"""The command line in this process, and simulated fleets that answer from another thread."""

import asyncio
import contextlib
import csv
import io
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from axis_ntp_async.cli.main import run as run_program
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import ServersSource
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.world import VirtualTime, World
from axis_ntp_async.simulator.serving.server import SimulatedFleet

SERVERS = ("10.0.0.5", "10.0.0.6")
PATIENCE_S = 60.0


class Ran(NamedTuple):
    """What a run left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Its JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def rows(self) -> list[dict[str, str]]:
        """Its CSV."""
        return list(csv.DictReader(io.StringIO(self.out)))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without any settings, in an empty folder, before a wide terminal."""
    for name in (name for name in os.environ if name.startswith("AXIS_NTP_")):
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """The program with these arguments."""

    def ran(*arguments: object) -> Ran:
        capsys.readouterr()
        code = run_program([str(one) for one in arguments])
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return ran


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """The program in a process of its own, killed at the end if it still runs."""
    with contextlib.ExitStack() as stack:

        def started(*arguments: object, **how: Any) -> subprocess.Popen[str]:
            usual = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "axis_ntp_async", *map(str, arguments)],
                    **{**usual, **how},
                )
            )
            stack.callback(process.kill)
            return process

        yield started


@pytest.fixture
def in_a_terminal() -> Callable[..., tuple[int, str]]:
    """
    The program where people watch; gives its exit code and all that was shown.

    `typed` is what they type, `stop_at` the text at which they press Ctrl-C.
    """

    def ran(
        *arguments: object, typed: str = "", stop_at: str = "", columns: int = 0
    ) -> tuple[int, str]:
        answer, terminal = pty.openpty()
        environment = {**os.environ, "TERM": "xterm"}
        for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
            environment.pop(name, None)
        if columns:
            environment["COLUMNS"] = str(columns)
        os.write(answer, typed.encode())
        with subprocess.Popen(
            [sys.executable, "-m", "axis_ntp_async", *map(str, arguments)],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env=environment,
        ) as process:
            os.close(terminal)
            shown, stopped = b"", not stop_at
            while part := _read(answer):
                shown += part
                if not stopped and stop_at.encode() in shown:
                    process.send_signal(signal.SIGINT)
                    stopped = True
        os.close(answer)
        return process.returncode, shown.decode()

    return ran


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Somebody at the terminal who answers every question alike; gives the questions."""

    def answered(text: str) -> list[str]:
        asked: list[str] = []

        def ask(question: str) -> str:
            asked.append(question)
            return text

        monkeypatch.setattr("click.termui.visible_prompt_func", ask)
        monkeypatch.setattr("sys.stdin.isatty", lambda: True)
        return asked

    return answered


@pytest.fixture
def policy() -> str:
    """A policy that points every device at two other servers, in a file of this name."""
    Path("p.toml").write_text(
        '[policy]\nenabled = true\nsource = "static"\nservers = ["10.9.0.1", "10.9.0.2"]\n',
        encoding="utf-8",
    )
    return "p.toml"


@pytest.fixture
def apply(run: Callable[..., Ran], policy: str) -> Callable[..., Ran]:
    """`apply` of an inventory with that policy, as quickly as it goes, without a question."""
    quick = ("--proof", "readback", "--rate", "1e6", "--rate-per-server", "1e6", "--no-preflight")

    def applied(inventory: object, *arguments: object) -> Ran:
        return run("apply", inventory, "--policy", policy, *quick, "--yes", *arguments)

    return applied


@pytest.fixture
def world() -> World:
    world = World(VirtualTime(speed=0.0, start=1_700_000_000.0))
    for name in SERVERS:
        world.server(name)
    return world


@pytest.fixture
def make_camera(world: World) -> Callable[..., Camera]:
    """Cameras that are well; each is `name`, and the simulator's clock is nobody's business."""
    told = NTPClientConfiguration(
        enabled=True, servers_source=ServersSource.STATIC, static_servers=SERVERS
    )

    def make(name: str = "lobby-3", **members: Any) -> Camera:
        serial = f"ACCC8E{abs(hash(name)) % 0xFFFFFF:06X}"
        usual: dict[str, Any] = {"serial": serial, "world": world, "configuration": told}
        return Camera(name=name, **{**usual, **members})

    return make


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Serves cameras, or a whole fleet, and gives the path of their inventory."""
    with contextlib.ExitStack() as stack:

        def served(*cameras: Camera, fleet: SimulatedFleet | None = None) -> Path:
            fleet = fleet or SimulatedFleet(cameras)
            stack.enter_context(_in_the_background(fleet))
            return fleet.write(tmp_path / "fleet")

        yield served


@contextlib.contextmanager
def _in_the_background(fleet: SimulatedFleet) -> Iterator[None]:
    ready, loop, stopped = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def answer() -> None:
        async with fleet:
            ready.set()
            await stopped.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(answer(),))
    thread.start()
    try:
        assert ready.wait(PATIENCE_S)
        yield
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join(PATIENCE_S)
        loop.close()
