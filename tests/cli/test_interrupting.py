"""Ctrl-C, once and twice."""

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Kind

Make = Callable[..., Camera]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def inventory(serve: Callable[..., Path], make_camera: Make) -> Path:
    """Slow devices, and one that never answers."""
    slow = [make_camera(f"slow-{number}", latency_s=0.2) for number in range(40)]
    return serve(make_camera("mute", faults=Kind.SILENT), *slow)


def interrupted(process: subprocess.Popen[str], lines: int = 1) -> str:
    """Press Ctrl-C after so many lines of results; give them."""
    assert process.stdout
    head = "".join(process.stdout.readline() for _ in range(lines))
    process.send_signal(signal.SIGINT)
    return head


def rest_of(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait for the end; give what is left of both outputs."""
    assert process.stdout
    assert process.stderr
    rest = process.stdout.read(), process.stderr.read()
    process.wait(60)
    return rest


@pytest.mark.parametrize("command", ["get", "sweep", "versions"])
def test_once_lets_the_rest_be(start: Start, inventory: Path, command: str) -> None:
    """What is in flight ends, the others are told as not tried, and every device is there."""
    process = start(command, inventory, "--timeout", 1, "--attempts", 1, "--concurrency", 4)
    head = interrupted(process)
    out, err = rest_of(process)
    lines = [json.loads(line) for line in (head + out).splitlines()]
    devices = [line for line in lines if "device" in line]
    kinds = [line["error"] and line["error"]["type"] for line in devices]
    assert process.returncode == 130
    assert len({line["device"] for line in devices}) == len(devices) == 41
    assert kinds.count("NotTriedError") > 20
    assert kinds.count(None) >= 1
    assert "stopping: " in err
    assert "Traceback" not in err


def test_once_still_sums_up(start: Start, inventory: Path) -> None:
    """Half a sweep is a sweep of half the devices, and a whole document."""
    process = start("sweep", inventory, "-o", "json", "--timeout", 1, "--concurrency", 4)
    head = interrupted(process, lines=5)
    out, _ = rest_of(process)
    document = json.loads(head + out)
    assert document["summary"]["devices"] == len(document["results"]) == 41
    assert process.returncode == 130


@pytest.mark.parametrize("command", ["get", "sweep"])
def test_twice_does_not_wait(start: Start, inventory: Path, command: str) -> None:
    """A silent device with a long timeout holds nobody."""
    process = start(command, inventory, "--timeout", 300, "--concurrency", 4)
    interrupted(process)
    assert process.stderr
    assert "stopping: " in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, err = rest_of(process)
    assert process.returncode == 130
    assert time.monotonic() - began < 30
    assert "Traceback" not in err


def test_a_question_can_be_interrupted(
    run: Callable[..., Any],
    serve: Callable[..., Path],
    make_camera: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C at the question whether to change is a no, at once."""
    camera = make_camera()

    def ask(_: str) -> str:
        signal.raise_signal(signal.SIGINT)
        return "y"

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.termui.visible_prompt_func", ask)
    assert run("set", serve(camera), "--disable").code == 130
    assert camera.writes == []


def test_somebody_elses_cancellation_stays_one(
    run: Callable[..., Any],
    serve: Callable[..., Path],
    make_camera: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only our own second Ctrl-C is taken for one."""

    def fail(*_: object, **__: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr("axis_ntp_async.cli.showing.Results.end", fail)
    with pytest.raises(asyncio.CancelledError):
        run("get", serve(make_camera()))
