"""`simulate` and `demo`."""

import shlex
import signal
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_a_simulation_ends_quietly(
    start: Callable[..., subprocess.Popen[str]], which: signal.Signals
) -> None:
    """Both are the usual way to end it, so it leaves with 0; an old simulation is replaced."""
    Path("a folder").mkdir()
    Path("a folder/fleet.toml").write_text("# A simulated fleet of yesterday", encoding="utf-8")
    process = start("simulate", "--devices", 3, "--out", "a folder")
    assert process.stdout
    assert process.stderr
    command = shlex.split(process.stdout.readline())
    assert command == ["axis-ntp", "sweep", "a folder/fleet.toml"]
    process.send_signal(which)
    assert process.wait(30) == 0
    assert len(process.stderr.read().splitlines()) == 1


def test_a_simulation_can_be_swept_and_killed(
    start: Callable[..., subprocess.Popen[str]], run: Callable[..., Any]
) -> None:
    """What it leaves behind when killed does not hinder the next one."""
    for _ in range(2):
        process = start("simulate", "--devices", 4, "--https-share", 0.5)
        assert process.stdout
        process.stdout.readline()
        assert run("sweep", "simulated-fleet/fleet.toml").code == 0
        process.kill()
        process.wait()
    secret = Path("simulated-fleet/fleet.password")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_a_port_that_is_taken_is_told(run: Callable[..., Any]) -> None:
    """In a sentence."""
    with socket.create_server(("0.0.0.0", 0)) as taken:  # noqa: S104  whichever address it takes
        port = taken.getsockname()[1]
        ran = run("simulate", "--devices", "2", "--https-share", "0", "--http-port", port)
    assert ran.code == 2
    assert "simulate: cannot serve: " in ran.err


@pytest.mark.parametrize("content", ["[[devices]]\n", "\xff"])
def test_an_inventory_of_yours_is_not_overwritten(run: Callable[..., Any], content: str) -> None:
    """Only one that a simulation wrote."""
    path = Path("mine/fleet.toml")
    path.parent.mkdir()
    path.write_text(content, encoding="latin-1")
    ran = run("simulate", "--out", "mine")
    assert ran.code == 2
    assert path.read_text(encoding="latin-1") == content


def test_troubles_are_listed(run: Callable[..., Any]) -> None:
    """Nobody has to guess their names."""
    code, out, _ = run("simulate", "--trouble", "help")
    assert code == 0
    assert {"silent", "wrong_password", "old_firmware"} <= set(out.split())
