"""The two processes of a run, spoken to in lines of JSON."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from benchmarks.setting import Setting

ROOT: Final = Path(__file__).parents[1]
_PATIENCE_S: Final = 1800.0


class CrashError(Exception):
    """A process did not do what it was told; says why."""


class Process:
    """
    One of them.

    Args:
        running: What was started.

    Attributes:
        greeting: What it said first.
    """

    def __init__(self, running: subprocess.Popen[str]) -> None:
        self._running = running
        self.greeting = self._hear()

    def tell(self, order: str) -> dict[str, Any]:
        """
        Give an order, and hear what came of it.

        Raises:
            CrashError: Nothing did.
        """
        assert self._running.stdin is not None
        try:
            self._running.stdin.write(f"{order}\n")
            self._running.stdin.flush()
        except BrokenPipeError:
            raise CrashError("the process ended") from None
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self._running.stdout is not None
        watchdog = threading.Timer(_PATIENCE_S, self._running.kill)
        watchdog.start()
        line = self._running.stdout.readline()
        watchdog.cancel()
        if not line:
            raise CrashError("the process ended without a word")
        heard: dict[str, Any] = json.loads(line)
        if "crash" in heard:
            raise CrashError(heard["crash"])
        return heard


@contextmanager
def fleet(setting: Setting, core: int | None) -> Iterator[Process]:
    """Run a fleet."""
    command = [sys.executable, "-m", "benchmarks.fleet", setting.to_json()]
    with _process(command, core) as running:
        yield running


@contextmanager
def client(
    python: str,
    peer: str,
    setting: Setting,
    ports: dict[str, int],
    core: int | None,
    *,
    speed: bool,
    program: bool = False,
) -> Iterator[Process]:
    """Run a peer, with the Python that has it."""
    order = {
        "peer": peer,
        "setting": asdict(setting),
        "ports": ports,
        "speed": speed,
        "program": program,
        "core": core,
    }
    with _process([python, "-m", "benchmarks.client", json.dumps(order)], core) as running:
        yield running


@contextmanager
def _process(command: Sequence[str], core: int | None) -> Iterator[Process]:
    running = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with running:
        try:
            if core is not None:
                os.sched_setaffinity(running.pid, {core})
            yield Process(running)
        finally:
            assert running.stdin is not None
            running.stdin.close()
            try:
                running.wait(timeout=30)
            except subprocess.TimeoutExpired:
                running.kill()


def cores() -> tuple[int, int] | None:
    """Give a core for the client and one for the fleet; `None` where they cannot be set apart."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    ours = sorted(os.sched_getaffinity(0))
    return (ours[0], ours[1]) if len(ours) > 1 else None
