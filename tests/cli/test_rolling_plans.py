"""`apply` of a plan that stands in a file."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from axis_ntp_async.simulator.model.camera import Camera

Make = Callable[..., Camera]
Run = Callable[..., Any]
Serve = Callable[..., Path]

OLD = ("10.0.0.5", "10.0.0.6")
NEW = ("10.9.0.1", "10.9.0.2")
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


def edited(plan: Path, **members: Any) -> Path:
    document = json.loads(plan.read_text(encoding="utf-8"))
    plan.write_text(json.dumps(document | members), encoding="utf-8")
    return plan


def test_a_plan_is_carried_out(
    run: Run, plan: Path, cameras: list[Camera], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From any folder: the secrets that it refers to are found again."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    ran = run("apply", tmp_path / plan, "--no-preflight", "--yes")
    assert (ran.code, ran.lines[0]["waves"]) == (0, [1, 2, 2, 1])
    assert servers_of(cameras) == {NEW}


def test_rules_that_are_typed_arrange_a_plan_anew(run: Run, plan: Path) -> None:
    """Every device is still in it once."""
    ran = run("apply", plan, "--no-preflight", "--yes", "--canary", 4, "--failures", 0)
    assert (ran.code, ran.lines[0]["waves"]) == (0, [4, 2])
    assert ran.lines[-1]["states"] == {"applied": 6}


def test_rules_of_a_settings_file_do_not_change_a_plan(
    run: Run, plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was reviewed is carried out; nor do they make a rollback wait for clocks."""
    Path("axis-ntp.toml").write_text("canary = 4\nproof = 'sync'\n", encoding="utf-8")
    monkeypatch.setenv("AXIS_NTP_WAVE_MAX", "1")
    ran = run("apply", plan, "--no-preflight", "--yes")
    assert ran.lines[0]["waves"] == [1, 2, 2, 1]
    ran = run("rollout", "rollback", "latest", "--yes")
    assert (ran.lines[0]["waves"], ran.lines[-1]["states"]) == ([1, 2, 2, 1], {"applied": 6})


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--limit", "cam-1"], "--limit"),
        (["--policy", "p.toml", "--tls", "insecure"], "--policy, --tls"),
        (["--username", "x", "--password-from", "env:X"], "--username, --password-from"),
    ],
)
def test_a_plan_is_carried_out_as_it_was_made(
    run: Run, plan: Path, cameras: list[Camera], arguments: list[str], named: str
) -> None:
    """Who names a part of it must not get all of it."""
    ran = run("apply", plan, *arguments, "--yes")
    assert (ran.code, ran.out) == (2, "")
    assert set(ran.err.removeprefix("axis-ntp: ").partition(": ")[0].split(", ")) == set(
        named.split(", ")
    )
    assert servers_of(cameras) == {OLD}


def test_settings_that_a_plan_has_already_do_no_harm(run: Run, plan: Path) -> None:
    """They stand in a file for other commands, too."""
    Path("axis-ntp.toml").write_text("limit = 'cam-1'\npolicy = 'p.toml'\n", encoding="utf-8")
    assert run("apply", plan, "--no-preflight", "--yes").lines[0]["devices"] == 6


def test_a_stale_plan_is_refused_before_anybody_is_asked(
    run: Run, plan: Path, cameras: list[Camera], answer: Callable[[str], list[str]]
) -> None:
    """Too much may have changed within more than a day."""
    edited(plan, made_at="2026-01-01T12:00:00+02:00")
    asked = answer("y")
    ran = run("apply", plan, "--no-preflight")
    assert (ran.code, asked) == (5, [])
    assert ran.err == (
        "axis-ntp: the plan was made at 2026-01-01 10:00 UTC, more than 24 h ago: make it anew\n"
    )
    assert servers_of(cameras) == {OLD}


def test_an_edited_plan_is_found_out(run: Run, plan: Path, cameras: list[Camera]) -> None:
    """All that is wrong with it is told at once."""
    waves = json.loads(plan.read_text(encoding="utf-8"))["waves"]
    waves[0]["steps"][0]["before"]["static_servers"] = ["10.0.0.9"]
    waves[1]["steps"][1]["wave"] = "2"
    ran = run("apply", edited(plan, waves=waves), "--yes")
    assert (ran.code, len(ran.err.splitlines())) == (2, 2)
    assert "waves[0].steps[0]: " in ran.err
    assert "'before' was edited" in ran.err
    assert "waves[1].steps[1]: wave: " in ran.err
    assert servers_of(cameras) == {OLD}


def test_an_inventory_in_json_is_no_plan(
    apply: Run, run: Run, inventory: Path, cameras: list[Camera]
) -> None:
    """And the list that `plan -o json` shows is none either."""
    listed = run("inventory", "list", inventory).lines
    devices = [
        {"name": one["device"], **{key: one[key] for key in ("host", "port", "scheme", "site")}}
        for one in listed
    ]
    Path("fleet.json").write_text(json.dumps(devices), encoding="utf-8")
    secret = inventory.parent / "fleet.password"
    login = ("--username", "root", "--password-from", f"file:{secret}")
    assert apply("fleet.json", *login).lines[-1]["states"] == {"applied": 6}
    text = run("plan", inventory, "--policy", "p.toml", "--no-preflight", "-o", "json").out
    Path("shown.json").write_text(text, encoding="utf-8")
    ran = run("apply", "shown.json", "--yes")
    assert ran.code == 2
    assert "'axis-ntp plan … --out FILE' writes one" in ran.err
    assert servers_of(cameras) == {NEW}


def test_a_plan_for_nobody_tells_who_is_left_out(
    run: Run, serve: Serve, make_camera: Make, policy: str
) -> None:
    """As it was when it was made."""
    inventory = serve(make_camera("a", firmware="8.40.4"), make_camera("b"))
    arguments = ("--policy", policy, "--no-preflight", "--limit", "a", "--out", "plan.json", "-q")
    assert run("plan", inventory, *arguments).code == 1
    ran = run("apply", "plan.json")
    assert (ran.code, ran.lines[0]["device"], ran.lines[0]["result"]) == (1, "a", "unplannable")
