"""A run that is interrupted, killed, or loses its reader, and what comes after that."""

import json
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Fault, Kind

Make = Callable[..., Camera]
Process = subprocess.Popen[str]
Run = Callable[..., Any]

NEW = ("10.9.0.1", "10.9.0.2")


@pytest.fixture
def cameras(make_camera: Make) -> list[Camera]:
    return [make_camera(f"cam-{number}", site="berlin") for number in range(20)]


@pytest.fixture
def inventory(serve: Callable[..., Path], cameras: list[Camera]) -> Path:
    return serve(*cameras)


@pytest.fixture
def begin(
    start: Callable[..., Process], inventory: Path, policy: str
) -> Callable[..., tuple[Process, list[dict[str, Any]]]]:
    """`apply` in a process of its own, fifteen devices a second; gives its first events, too."""

    def begun(*arguments: object, applied: int) -> tuple[Process, list[dict[str, Any]]]:
        quick = ("--proof", "readback", "--no-preflight", "--rate", 900, "--rate-per-server", 900)
        options = ("--policy", policy, *quick, "--yes", "-o", "jsonl")
        process = start("apply", inventory, *options, *arguments)
        assert process.stdout
        events: list[dict[str, Any]] = []
        while sum(one.get("state") == "applied" for one in events) < applied:
            events.append(json.loads(process.stdout.readline()))
        return process, events

    return begun


def rest_of(process: Process) -> tuple[list[dict[str, Any]], str]:
    out, err = process.communicate(timeout=60)
    return [json.loads(line) for line in out.splitlines()], err


def test_once_lets_what_is_in_flight_end(begin: Any, run: Run, cameras: list[Camera]) -> None:
    """The run is paused, and the command to go on is told; that one does the rest."""
    process, events = begin(applied=5)
    process.send_signal(signal.SIGINT)
    rest, err = rest_of(process)
    name = events[0]["run"]
    paused, last = rest[-2:]
    assert process.returncode == 130
    assert (paused["event"], paused["cause"], last["status"]) == ("paused", "stopped", "paused")
    assert set(last["states"]) == {"applied", "planned"}
    assert sum(last["states"].values()) == 20
    assert f"axis-ntp:   go on:               axis-ntp rollout resume {name}\n" in err
    assert "Traceback" not in err
    assert [one["status"] for one in run("rollout", "list").lines] == ["paused"]
    ran = run("rollout", "resume", "latest")
    assert (ran.code, ran.lines[0]["resumed"]) == (0, True)
    assert ran.lines[-1]["states"] == {"applied": 20}
    assert [camera.write_attempts for camera in cameras] == [1] * 20


def test_twice_does_not_wait(begin: Any, run: Run, cameras: list[Camera]) -> None:
    """What was in flight is decided by reading when the run goes on."""
    cameras[-1].faults = (Fault(Kind.WRITE_SILENT),)
    process, events = begin("--timeout", 300, "--limit", "cam-19", "--limit", "cam-0", applied=1)
    assert process.stderr
    assert process.stdout
    while events[-1].get("device") != "cam-19" or events[-1]["state"] != "intent":
        events.append(json.loads(process.stdout.readline()))
    process.send_signal(signal.SIGINT)
    while "stopping: " not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = rest_of(process)
    name = events[0]["run"]
    assert process.returncode == 130
    assert err.strip() == (
        f"axis-ntp: run {name} was interrupted; go on with: axis-ntp rollout resume {name}"
    )
    [line] = run("rollout", "list").lines
    assert (line["status"], line["states"]) == ("running", {"applied": 1, "intent": 1})
    ran = run("rollout", "resume", name)
    assert (ran.code, ran.lines[-1]["states"]) == (0, {"applied": 2})
    assert cameras[-1].write_attempts == 1


def test_a_killed_run_goes_on(begin: Any, run: Run, apply: Run, cameras: list[Camera]) -> None:
    """It is called running, the next `apply` warns of it, and `resume` does the rest."""
    process, events = begin(applied=4)
    process.kill()
    rest_of(process)
    name = events[0]["run"]
    [line] = run("rollout", "list").lines
    assert (line["run"], line["status"], line["ended_at"]) == (name, "running", None)
    assert sum(line["states"].values()) == 20
    warning = f"axis-ntp: run {name} was interrupted; go on with: axis-ntp rollout resume {name}\n"
    assert apply("no-such-file.toml").err.startswith(warning)
    ran = run("rollout", "resume", "latest")
    assert (ran.code, ran.lines[-1]["states"]) == (0, {"applied": 20})
    writes = [camera.write_attempts for camera in cameras]
    assert set(writes) == {1}
    assert {camera.status.static_servers for camera in cameras} == {NEW}
    assert warning not in apply("no-such-file.toml").err


def test_the_journal_may_be_carried_elsewhere(
    begin: Any, run: Run, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of its file alone is enough, in another folder, under another name."""
    process, _ = begin(applied=4)
    process.kill()
    rest_of(process)
    (tmp_path / "laptop").mkdir()
    copy = tmp_path / "laptop" / "copy.db"
    shutil.copy(home / "axis-ntp" / "rollouts.db", copy)
    shutil.rmtree(home / "axis-ntp")
    monkeypatch.chdir(tmp_path / "laptop")
    ran = run("rollout", "resume", "latest", "--journal", "copy.db")
    assert (ran.code, ran.lines[-1]["states"]) == (0, {"applied": 20})
    assert not (home / "axis-ntp").exists()


def test_a_reader_that_has_seen_enough_ends_it_quietly(begin: Any, run: Run) -> None:
    """As `| head -1` does; the command to go on is told."""
    process, events = begin(applied=2)
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    err = process.stderr.read()
    name = events[0]["run"]
    assert process.wait(60) == 141
    assert "Traceback" not in err
    assert err.endswith(
        f"axis-ntp: run {name} was interrupted; go on with: axis-ntp rollout resume {name}\n"
    )
    ran = run("rollout", "resume", "latest", "-q", "-o", "table")
    assert ran.code == 0
    assert "20 devices = 20 applied" in ran.out


def test_who_resumes_sees_what_was_done_before(
    begin: Any,
    run: Run,
    in_a_terminal: Callable[..., tuple[int, str]],
) -> None:
    """The live view counts the whole wave and all sites, not only what is left."""
    process, _ = begin("--canary", 20, applied=12)
    process.send_signal(signal.SIGINT)
    rest_of(process)
    done = run("rollout", "list").lines[0]["states"]["applied"]
    code, shown = in_a_terminal("rollout", "resume", "latest", columns=80)
    assert code == 0
    counts = [int(count) for count in re.findall(r" (\d+)/20", shown)]
    assert counts
    assert min(counts) >= done >= 12


def test_a_run_that_went_wrong_may_be_ended(begin: Any, run: Run, cameras: list[Camera]) -> None:
    """Nothing is sent then, and nothing can be resumed; it can still be undone."""
    process, events = begin(applied=4)
    process.send_signal(signal.SIGINT)
    rest_of(process)
    name = events[0]["run"]
    ran = run("rollout", "abort", name)
    assert (ran.code, ran.err) == (0, "")
    head = ran.out.splitlines()
    assert head[0] == f"run {name}: aborted"
    assert "somebody stopped it" in head
    assert "x aborted at berlin: cam-" in ran.out
    for command in ("resume", "abort"):
        ran = run("rollout", command, name)
        told = f"axis-ntp: run '{name}' is aborted: nothing to {command}\n"
        assert (ran.code, ran.err) == (2, told)
    written = Counter(camera.write_attempts for camera in cameras)
    ran = run("rollout", "rollback", name, "--yes")
    assert ran.lines[-1]["states"] == {"applied": written[1]}
    assert {camera.status.static_servers for camera in cameras} == {("10.0.0.5", "10.0.0.6")}
