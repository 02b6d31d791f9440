"""`plan`."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from axis_ntp_async.cli import planning
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import ServersSource
from axis_ntp_async.errors import AxisNTPError
from axis_ntp_async.rollout.planning.document import read_plan
from axis_ntp_async.rollout.servers.checks import ServerCheck, ServerKind
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Fault, Kind

Make = Callable[..., Camera]
Run = Callable[..., Any]
Serve = Callable[..., Path]
Asked = list[tuple[Sequence[str], Sequence[str]]]

NEW = NTPClientConfiguration(
    enabled=True, servers_source=ServersSource.STATIC, static_servers=("10.9.0.1", "10.9.0.2")
)
CHECKS = (
    ServerCheck(server="10.9.0.1", kind=ServerKind.NTP, stratum=1, offset_s=0.001),
    ServerCheck(server="10.9.0.2", kind=ServerKind.NTP, faults=("does not answer at all",)),
)


@pytest.fixture
def plan(run: Run, policy: str) -> Run:
    """`plan` of an inventory with the policy; its time servers are left alone."""

    def planned(inventory: object, *arguments: object) -> Any:
        options = ("--policy", policy, "--no-preflight", "--attempts", "1")
        return run("plan", inventory, *options, *arguments)

    return planned


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Time servers that answer `CHECKS`; gives what was asked."""
    questions: Asked = []

    async def ask(servers: Sequence[str], ntske_servers: Sequence[str]) -> tuple[ServerCheck, ...]:
        questions.append((servers, ntske_servers))
        return CHECKS

    monkeypatch.setattr(planning, "ask_servers", ask)
    return questions


def test_equal_changes_are_told_together(plan: Run, serve: Serve, make_camera: Make) -> None:
    """Most devices first, ten names of them; nobody reads a thousand equal lines."""
    alike = [make_camera(f"gate-{number}") for number in range(1, 13)]
    other = make_camera("odd", configuration=NTPClientConfiguration(enabled=False))
    ran = plan(serve(other, *alike), "-o", "table")
    assert ran.code == 0
    head, _, first, names, second, *_ = ran.out.splitlines()
    assert head == "13 devices: 13 to change"
    assert first == "12 devices: servers [10.0.0.5, 10.0.0.6] → [10.9.0.1, 10.9.0.2]"
    assert names == "    " + ", ".join(f"gate-{number}" for number in range(1, 11)) + " and 2 more"
    assert second == (
        "1 device: enabled no → yes; source DHCP → static; servers none → [10.9.0.1, 10.9.0.2]"
    )
    assert "waves: canary of 3, then 4, 4, 2" in ran.out
    assert all(camera.writes == [] for camera in (other, *alike))


def test_every_device_has_a_document(plan: Run, serve: Serve, make_camera: Make) -> None:
    """And the last line sums them up."""
    cameras = [make_camera("a"), make_camera("b", configuration=NEW), make_camera("c")]
    old = make_camera("d", firmware="8.40.4")
    ran = plan(serve(*cameras, old))
    *found, summary = ran.lines
    assert {one["device"]: one["result"] for one in found} == {
        "a": "to_change",
        "b": "as_desired",
        "c": "to_change",
        "d": "unplannable",
    }
    assert {one["schema"] for one in found} == {"axis-ntp/planned/v1"}
    assert found[0]["changes"] == [
        {
            "member": "static_servers",
            "before": ["10.0.0.5", "10.0.0.6"],
            "after": ["10.9.0.1", "10.9.0.2"],
        }
    ]
    assert summary["schema"] == "axis-ntp/plan-summary/v1"
    counted = [summary[name] for name in ("devices", "to_change", "as_desired", "unplannable")]
    assert (counted, summary["waves"], summary["policy"]) == ([4, 2, 1, 1], [1, 1], "p.toml")
    document = json.loads(plan(serve(*cameras), "-o", "json").out)
    assert document["schema"] == "axis-ntp/plan-list/v1"
    assert [one["device"] for one in document["results"]] == ["a", "c", "b"]
    assert document["summary"]["to_change"] == 2


def test_a_spreadsheet_has_a_row_for_each(plan: Run, serve: Serve, make_camera: Make) -> None:
    """With the changes as JSON in one cell."""
    rows = plan(serve(make_camera("a"), make_camera("b", password="x")), "-o", "csv").rows
    assert [(row["device"], row["result"], row["cause"]) for row in rows] == [
        ("a", "to_change", ""),
        ("b", "unplannable", "login"),
    ]
    assert json.loads(rows[0]["changes"])[0]["after"] == ["10.9.0.1", "10.9.0.2"]


def test_a_plan_is_written_whole(plan: Run, serve: Serve, make_camera: Make) -> None:
    """With all that is needed to carry it out, and the command for that."""
    ran = plan(serve(make_camera("a"), make_camera("b")), "--out", "my plan.json")
    written = read_plan(Path("my plan.json"))
    assert [step.device.name for step in written.steps] == ["a", "b"]
    assert written.policy == "p.toml"
    assert written.inventory.endswith("fleet.toml")
    assert "@" in written.made_by
    assert ran.err.endswith(
        "axis-ntp: plan written to my plan.json; carry it out with: "
        "axis-ntp apply 'my plan.json'\n"
    )
    assert [path.name for path in Path().glob("*plan*")] == ["my plan.json"]


def test_a_plan_that_cannot_be_written_leaves_no_half_of_one(
    plan: Run, serve: Serve, make_camera: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was there before stays; there is one sentence about it."""
    inventory = serve(make_camera("a"))
    ran = plan(inventory, "--out", "gone/plan.json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == ("axis-ntp: gone/plan.json: cannot be written: No such file or directory\n")
    Path("plan.json").write_text("mine", encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert plan(inventory, "--out", "plan.json").code == 2
    assert Path("plan.json").read_text(encoding="utf-8") == "mine"
    assert list(Path().glob(".plan*")) == []


def test_the_exit_code_may_tell_whether_anything_changes(
    plan: Run, serve: Serve, make_camera: Make
) -> None:
    """For scripts that only look; else a plan is a success."""
    inventory = serve(make_camera("a"), make_camera("b", configuration=NEW))
    assert plan(inventory).code == 0
    assert plan(inventory, "--exit-code").code == 10
    assert plan(inventory, "--exit-code", "--limit", "b").code == 0


def test_nothing_to_change_is_all_right(plan: Run, serve: Serve, make_camera: Make) -> None:
    """And such a plan is not said to be carried out."""
    ran = plan(serve(make_camera(configuration=NEW)), "-o", "table", "--out", "plan.json")
    assert (ran.code, ran.out) == (0, "1 device: 1 as desired already\n")
    assert ran.err == "axis-ntp: plan written to plan.json\n"


WELL: dict[str, Any] = {}
LOGIN = {"password": "other"}
OLD = {"firmware": "8.40.4"}


@pytest.mark.parametrize(
    ("devices", "code"),
    [
        ([WELL, LOGIN], 4),
        ([LOGIN] * 6, 4),
        ([WELL, OLD], 1),
        ([LOGIN, OLD], 1),
        ([{"faults": Kind.INTERNAL}], 1),
    ],
)
def test_devices_that_cannot_be_planned_decide_the_code(
    plan: Run, serve: Serve, make_camera: Make, devices: list[dict[str, Any]], code: int
) -> None:
    """4 when only logins are wrong, also where they were suspended for the rest."""
    cameras = [make_camera(f"cam-{place}", **one) for place, one in enumerate(devices)]
    inventory = serve(*cameras)
    (inventory.parent / "fleet.password").write_text("pass", encoding="utf-8")
    ran = plan(inventory, "-o", "table")
    assert ran.code == code
    assert "cannot be planned" in ran.out
    assert "left out, " in ran.out


def test_clocks_that_would_jump_are_listed(plan: Run, serve: Serve, make_camera: Make) -> None:
    """The farthest first, and that they are skipped."""
    far = make_camera("far", clock_error_s=60.0, uptime_s=0.0)
    farther = make_camera("farther", clock_error_s=-600.0, uptime_s=0.0)
    good = [make_camera(f"good-{number}") for number in range(4)]
    inventory = serve(far, farther, *good)
    out = plan(inventory, "-o", "table").out
    assert "2 devices whose clock would jump by more than 1 s are skipped" in out
    found = re.findall(r"^ +(far\w*)  ([+-]\d+\.\d) s$", out, re.MULTILINE)
    assert [name for name, _ in found] == ["farther", "far"]
    assert [float(step_s) for _, step_s in found] == pytest.approx([600, -60], abs=1.5)
    assert "--allow-step changes them too" in out
    assert "our own clock" not in out
    out = plan(inventory, "-o", "table", "--allow-step", "--step-limit", "100").out
    assert "1 device whose clock would jump by more than 100 s is changed all the same" in out
    assert "changes them too" not in out


def test_our_own_clock_may_be_the_wrong_one(plan: Run, serve: Serve, make_camera: Make) -> None:
    """When most of them differ from it alike."""
    cameras = [make_camera(f"c-{number}", clock_error_s=60.0, uptime_s=0.0) for number in range(3)]
    out = plan(serve(*cameras), "-o", "table").out
    found = re.search(r"Most would jump alike, by (-\d+) s: is it our own clock that is", out)
    assert found
    assert int(found[1]) == pytest.approx(-60, abs=1)


def test_a_policy_is_held_against_the_whole_inventory(
    plan: Run, serve: Serve, make_camera: Make
) -> None:
    """An override for a device that is not selected now is no fault."""
    with Path("p.toml").open("a", encoding="utf-8") as file:
        file.write("[[policy.override]]\nmatch = 'b'\nservers = ['10.9.0.3']\n")
    ran = plan(serve(make_camera("a"), make_camera("b"), make_camera("c")), "--limit", "a,!c")
    assert ran.code == 0
    assert [one.get("device") for one in ran.lines] == ["a", None]
    assert "1 of 3 devices" in ran.err


def test_all_faults_of_a_policy_are_told_before_anything_is_read(
    plan: Run, serve: Serve, make_camera: Make
) -> None:
    """Overrides that fit no device among them."""
    with Path("p.toml").open("a", encoding="utf-8") as file:
        file.write("[[policy.override]]\nmatch = 'x'\n[[policy.override]]\nmatch = 'y'\n")
    ran = plan(serve(make_camera("a", faults=Kind.SILENT)), "--timeout", "300")
    assert (ran.code, ran.out) == (2, "")
    assert [line.partition(" fits")[0] for line in ran.err.splitlines()] == [
        "axis-ntp: p.toml:5: match: 'x'",
        "axis-ntp: p.toml:7: match: 'y'",
    ]


def test_a_policy_is_read_before_secrets_are_asked_for(run: Run) -> None:
    """Nobody types a password to be told that the policy is missing."""
    Path("fleet.toml").write_text(
        "[credentials.c]\nusername = 'x'\npassword = 'env:NOT_SET'\n"
        "[[devices]]\nname = 'a'\nhost = '127.0.0.1'\ncredentials = 'c'\n",
        encoding="utf-8",
    )
    ran = run("plan", "fleet.toml")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("axis-ntp: no policy is given")


def test_time_servers_are_asked(
    run: Run, serve: Serve, make_camera: Make, policy: str, asked: Asked
) -> None:
    """What they answer stands in the plan; a bad one is a warning and no more."""
    inventory = serve(make_camera("a"))
    ran = run("plan", inventory, "--policy", policy, "-o", "table")
    assert ran.code == 0
    assert "time servers that answer well: 10.9.0.1" in ran.out
    assert "time server 10.9.0.2: does not answer at all" in ran.out
    summary = run("plan", inventory, "--policy", policy).lines[-1]
    assert [(one["server"], one["ok"]) for one in summary["preflight"]] == [
        ("10.9.0.1", True),
        ("10.9.0.2", False),
    ]
    assert asked == [(("10.9.0.1", "10.9.0.2"), ())] * 2


def test_good_time_servers_may_be_required(
    run: Run, serve: Serve, make_camera: Make, policy: str, asked: Asked
) -> None:
    """Then no plan is written for bad ones, but shown; `--no-preflight` does not help."""
    arguments = ("--policy", policy, "--require-preflight", "--no-preflight", "--out", "plan.json")
    ran = run("plan", serve(make_camera("a")), *arguments)
    assert (ran.code, len(ran.lines), len(asked)) == (2, 2, 1)
    assert ran.err == (
        "axis-ntp: --require-preflight: 1 time server cannot be relied on: 10.9.0.2; "
        "nothing was sent\n"
    )
    assert not Path("plan.json").exists()


def test_without_servers_nobody_is_asked(
    run: Run, serve: Serve, make_camera: Make, asked: Asked
) -> None:
    """Those of DHCP are not ours."""
    Path("p.toml").write_text("[policy]\nsource = 'DHCP'\n", encoding="utf-8")
    camera = make_camera("a", advertised_servers=("10.0.0.7",))
    ran = run("plan", serve(camera), "--policy", "p.toml")
    assert (ran.lines[0]["result"], asked) == ("to_change", [])


def test_asking_may_be_impossible(
    run: Run, serve: Serve, make_camera: Make, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without what it takes that is told, unless it is required."""

    async def ask(*_: object) -> None:
        raise AxisNTPError("install the extra 'preflight'")

    monkeypatch.setattr(planning, "ask_servers", ask)
    inventory = serve(make_camera("a"))
    ran = run("plan", inventory, "--policy", policy)
    assert ran.code == 0
    assert ran.err == "axis-ntp: time servers were not asked: install the extra 'preflight'\n"
    ran = run("plan", inventory, "--policy", policy, "--require-preflight")
    assert (ran.code, ran.err) == (2, "axis-ntp: install the extra 'preflight'\n")


def test_one_wave_is_for_few(plan: Run, serve: Serve, make_camera: Make) -> None:
    """Of more devices it is not done, and that is told."""
    cameras = [make_camera(f"cam-{number}") for number in range(21)]
    ran = plan(serve(*cameras), "--one-wave")
    assert ran.lines[-1]["waves"] == [3, 6, 6, 6]
    assert ran.err == (
        "axis-ntp: --one-wave is for up to 20 devices: these 21 are changed in 4 waves\n"
    )
    ran = plan(serve(*cameras[:3]), "--one-wave", "-o", "table")
    assert "waves: all 3 at once" in ran.out
    assert ran.err == ""


def test_only_devices_that_cannot_be_planned_are_troubled(
    plan: Run, serve: Serve, make_camera: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Progress counts neither those to change nor those that are as desired."""
    told: list[bool] = []

    @contextmanager
    def progress(_: int, *, shown: bool) -> Iterator[Callable[[bool], None]]:
        assert shown
        yield told.append

    monkeypatch.setattr(planning, "progress", progress)
    plan(serve(make_camera("a"), make_camera("b", configuration=NEW), make_camera("c", **LOGIN)))
    assert sorted(told) == [False, True, True]


def test_half_a_plan_is_none(
    start: Callable[..., subprocess.Popen[str]], serve: Serve, make_camera: Make, policy: str
) -> None:
    """After Ctrl-C nothing is shown, and nothing is written."""
    slow = Fault(Kind.SLOW, seconds=0.2)
    cameras = [make_camera(f"cam-{number}", faults=slow) for number in range(20)]
    options = ("--policy", policy, "--no-preflight", "--concurrency", 1, "--out", "plan.json")
    process = start("plan", serve(*cameras), *options)
    while not any(camera.dice._struck for camera in cameras):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "stopping: " in err
    assert "Traceback" not in err
    assert not Path("plan.json").exists()
