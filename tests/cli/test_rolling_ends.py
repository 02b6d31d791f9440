"""How a run ends, and how one that did not goes on or is undone."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.rollout.journal import journal as journals
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Fault, Kind

Make = Callable[..., Camera]
Run = Callable[..., Any]
Serve = Callable[..., Path]

OLD = ("10.0.0.5", "10.0.0.6")
NEW = ("10.9.0.1", "10.9.0.2")
REFUSING = (Fault(Kind.WRITE_REFUSED),)
QUICK = ("--proof", "readback", "--rate", "1e6", "--rate-per-server", "1e6", "--no-preflight")


def servers_of(cameras: Sequence[Camera]) -> set[tuple[str, ...] | None]:
    return {camera.status.static_servers for camera in cameras}


@pytest.fixture
def cameras(make_camera: Make) -> list[Camera]:
    """Enough for a canary of one and two more waves."""
    return [make_camera(f"cam-{number}", site="berlin") for number in range(6)]


@pytest.fixture
def inventory(serve: Serve, cameras: list[Camera]) -> Path:
    return serve(*cameras)


@pytest.fixture
def plan(run: Run, inventory: Path, policy: str) -> Path:
    """A plan in a file."""
    assert run("plan", inventory, "--policy", policy, *QUICK, "--out", "plan.json").code == 0
    return Path("plan.json")


def test_devices_that_are_left_alone_leave_with_1(
    run: Run, plan: Path, cameras: list[Camera]
) -> None:
    """Here one that somebody has changed since the plan was made."""
    cameras[3].configure(NTPClientConfiguration(static_servers=("10.0.0.9",)))
    ran = run("apply", plan, "--no-preflight", "--yes", "-o", "table")
    assert ran.code == 1
    assert "6 devices = 5 applied + 1 conflict" in ran.out
    assert "somebody changed static_servers since the plan was made" in ran.out


@pytest.mark.parametrize(("members", "code"), [({"password": "x"}, 4), ({"firmware": "8.40"}, 1)])
def test_devices_that_could_not_be_planned_count(
    apply: Run, serve: Serve, make_camera: Make, members: dict[str, Any], code: int
) -> None:
    """4 when there is nothing wrong but logins."""
    ran = apply(serve(make_camera("a"), make_camera("b"), make_camera("c", **members)))
    assert (ran.code, ran.lines[-1]["states"]) == (code, {"applied": 2})


def test_a_canary_that_fails_stops_all(
    apply: Run, run: Run, inventory: Path, cameras: list[Camera]
) -> None:
    """With 3, why, and the exact commands for what can be done now."""
    for camera in cameras:
        camera.faults = REFUSING
    ran = apply(inventory, "--journal", "night.db", "-o", "table")
    assert ran.code == 3
    name = ran.out.partition("run ")[2].partition(":")[0]
    assert f"run {name}: paused" in ran.out
    assert "paused in the canary: 1 x error_4004: what one meets so, all may (error 4004)" in (
        ran.err
    )
    told = ran.err.splitlines()[-5:]
    assert told[0] == "axis-ntp: devices: cam-0"
    assert [line.partition("axis-ntp rollout ")[2] for line in told[1:]] == [
        f"{command} {name} --journal night.db"
        for command in ("show", "resume", "rollback", "abort")
    ]
    assert [line.split(":")[1].strip() for line in told[1:]] == [
        "look at it",
        "go on all the same",
        "undo it",
        "end it as it is",
    ]
    assert sum(camera.write_attempts for camera in cameras) == 1
    for camera in cameras:
        camera.faults = ()
    ran = run("rollout", "resume", name, "--journal", "night.db")
    assert (ran.code, ran.lines[-1]["states"]) == (1, {"failed": 1, "applied": 5})


def test_a_secret_that_is_corrected_lets_it_go_on(
    run: Run, plan: Path, inventory: Path, cameras: list[Camera]
) -> None:
    """A wrong one stops the canary; devices to which nothing was sent are tried again."""
    secret = inventory.parent / "fleet.password"
    right = secret.read_text(encoding="utf-8")
    secret.write_text("wrong", encoding="utf-8")
    ran = run("apply", plan, "--no-preflight", "--yes")
    assert (ran.code, ran.lines[-2]["cause"]) == (3, "login")
    assert ran.lines[-1]["states"] == {"failed": 1, "planned": 5}
    assert servers_of(cameras) == {OLD}
    secret.write_text(right, encoding="utf-8")
    ran = run("rollout", "resume", "latest")
    assert (ran.code, ran.lines[-1]["states"]) == (0, {"applied": 6})
    assert servers_of(cameras) == {NEW}


def test_many_that_went_wrong_are_not_all_named(
    run: Run, serve: Serve, make_camera: Make, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some of them, and how many more; a single wave is no canary."""
    cameras = [make_camera(f"cam-{number}") for number in range(14)]
    options = ("--policy", policy, *QUICK, "--one-wave", "--out", "plan.json")
    run("plan", serve(*cameras), *options)
    for camera in cameras:
        camera.faults = (Fault(Kind.RESET),)
    monkeypatch.setattr("axis_ntp_async.rollout.rules.budget._EXAMPLES", 3)
    ran = run("apply", "plan.json", "--no-preflight", "--yes", "--attempts", 1)
    assert (ran.code, ran.lines[-1]["states"]) == (3, {"unreachable": 14})
    assert "axis-ntp: paused in wave 1: 10 of 10 did not answer, 2 are borne" in ran.err
    assert "axis-ntp: devices: cam-0, cam-1, cam-10 and 7 more\n" in ran.err


@pytest.mark.parametrize("output", ["jsonl", "json", "table"])
def test_a_journal_that_fails_stops_everything(
    apply: Run,
    run: Run,
    inventory: Path,
    *,
    cameras: list[Camera],
    monkeypatch: pytest.MonkeyPatch,
    output: str,
) -> None:
    """Nothing more leaves; once there is room again, the run goes on."""
    commit, done = journals._commit, 0

    def commit_some(*arguments: Any) -> None:
        nonlocal done
        done += 1
        if done > 9:
            raise sqlite3.OperationalError("database or disk is full")
        commit(*arguments)

    with monkeypatch.context() as full:
        full.setattr(journals, "_commit", commit_some)
        ran = apply(inventory, "-o", output)
    assert ran.code == 3
    assert output != "json" or json.loads(ran.out)["results"]
    assert "axis-ntp: nothing more is sent: journal " in ran.err
    assert "database or disk is full" in ran.err
    assert "was interrupted; go on with: axis-ntp rollout resume " in ran.err
    assert servers_of(cameras) == {OLD, NEW}
    ran = run("rollout", "resume", "latest")
    assert (ran.code, ran.lines[-1]["states"]) == (0, {"applied": 6})


def test_a_rollback_restores_what_was_there(
    apply: Run, run: Run, inventory: Path, cameras: list[Camera]
) -> None:
    """As a run of its own; the run that it undoes says so."""
    name = apply(inventory).lines[0]["run"]
    ran = run("rollout", "rollback", name, "--yes", "-o", "table")
    assert ran.code == 0
    assert ran.err.startswith("6 devices: 6 to change\n")
    assert "jump" not in ran.err
    assert f"undoes run {name}" in ran.out
    assert servers_of(cameras) == {OLD}
    undoing, undone = run("rollout", "list").lines
    assert (undone["run"], undone["status"]) == (name, "rolled back")
    assert (undoing["status"], undoing["rollback_of"]) == ("finished", name)


def test_a_rollback_is_asked_about(
    apply: Run, run: Run, inventory: Path, cameras: list[Camera], answer: Any
) -> None:
    """It changes devices, too."""
    apply(inventory)
    ran = run("rollout", "rollback", "latest")
    assert ran.code == 2
    assert "rollback: nobody is there to confirm this" in ran.err
    answer("n")
    ran = run("rollout", "rollback", "latest")
    assert ran.code == 0
    assert ran.err.endswith("axis-ntp: nothing was changed\n")
    assert servers_of(cameras) == {NEW}
    answer("y")
    assert run("rollout", "rollback", "latest").code == 0
    assert servers_of(cameras) == {OLD}


def test_what_cannot_be_undone_or_resumed_is_told_before_anybody_is_asked(
    apply: Run, run: Run, inventory: Path, answer: Any
) -> None:
    """In one sentence, and without secrets."""
    name = apply(inventory).lines[0]["run"]
    (inventory.parent / "fleet.password").unlink()
    asked = answer("y")
    ran = run("rollout", "resume", name)
    assert (ran.code, ran.err) == (2, f"axis-ntp: run '{name}' is finished: nothing to resume\n")
    ran = run("rollout", "rollback", name)
    assert ran.code == 2
    assert "fleet.password" in ran.err
    assert len(asked) == 1


def test_the_latest_run_is_not_undone_and_done_again(
    apply: Run, run: Run, inventory: Path
) -> None:
    """Typed twice, it does not undo the rollback, which would be the change once more."""
    apply(inventory)
    assert run("rollout", "rollback", "latest", "--yes").code == 0
    ran = run("rollout", "rollback", "latest", "--yes")
    assert ran.code == 2
    assert "is rolled back already" in ran.err


def test_a_run_is_undone_once(apply: Run, run: Run, inventory: Path, answer: Any) -> None:
    """A second time it is refused, and nobody is asked."""
    name = apply(inventory).lines[0]["run"]
    assert run("rollout", "rollback", name, "--yes").code == 0
    asked = answer("y")
    ran = run("rollout", "rollback", name)
    assert (ran.code, asked) == (2, [])
    assert ran.err == f"axis-ntp: run '{name}' is rolled back already\n"
