"""`apply`, and `rollout resume` and `rollback`."""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from axis_ntp_async.cli import planning, rolling
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import ServersSource
from axis_ntp_async.rollout.journal.journal import Journal
from axis_ntp_async.rollout.servers.checks import ServerCheck, ServerKind
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Kind

Make = Callable[..., Camera]
Run = Callable[..., Any]
Serve = Callable[..., Path]

OLD = ("10.0.0.5", "10.0.0.6")
NEW = ("10.9.0.1", "10.9.0.2")
AS_WANTED = NTPClientConfiguration(
    enabled=True, servers_source=ServersSource.STATIC, static_servers=NEW
)
QUICK = ("--proof", "readback", "--rate", "1e6", "--rate-per-server", "1e6", "--no-preflight")
FAR = {"clock_error_s": 60.0, "uptime_s": 0.0}


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


def test_every_event_is_a_line(apply: Run, inventory: Path, cameras: list[Camera]) -> None:
    """The last one is `finished`, and what it sums up is what happened."""
    ran = apply(inventory, "-o", "jsonl")
    first, *_, last = ran.lines
    assert ran.code == 0
    assert {line["schema"] for line in ran.lines} == {"axis-ntp/rollout-event/v1"}
    assert {line["run"] for line in ran.lines} == {first["run"]}
    assert (first["event"], first["devices"], first["waves"]) == ("run_started", 6, [1, 2, 2, 1])
    assert (last["event"], last["status"]) == ("finished", "finished")
    steps = [line for line in ran.lines if line["event"] == "step"]
    ended = {line["device"]: line["state"] for line in steps}
    assert last["states"] == Counter(ended.values()) == {"applied": 6}
    assert sum(last["results"].values()) == first["devices"] == len(ended)
    judged = [line for line in ran.lines if line["event"] == "wave_judged"]
    assert [line["verdict"] for line in judged] == ["healthy"] * 4
    assert servers_of(cameras) == {NEW}


def test_one_document_or_table_holds_all_events(
    apply: Run, run: Run, inventory: Path, policy: str
) -> None:
    """Also when it is rolled back."""
    document = json.loads(apply(inventory, "-o", "json").out)
    assert document["schema"] == "axis-ntp/rollout/v1"
    assert document["results"][-1]["event"] == "finished"
    rows = run("rollout", "rollback", "latest", "--yes", "-q", "-o", "csv").rows
    assert (rows[0]["event"], rows[-1]["event"]) == ("run_started", "finished")
    assert {row["state"] for row in rows} >= {"intent", "acked", "applied"}
    assert policy == "p.toml"


def test_people_get_the_plan_the_verdicts_and_a_table(apply: Run, inventory: Path) -> None:
    """The plan and what is said beside it do not mix with the results."""
    ran = apply(inventory, "-o", "table")
    assert ran.err.startswith("6 devices: 6 to change\n")
    assert ran.err.endswith("".join(f"axis-ntp: wave {one}: healthy\n" for one in range(1, 5)))
    assert ran.out.splitlines()[0].endswith(": finished")
    assert "6 devices = 6 applied" in ran.out


def test_quiet_is_quiet(apply: Run, inventory: Path) -> None:
    """Results only."""
    ran = apply(inventory, "-q")
    assert (ran.code, ran.err) == (0, "")
    assert ran.lines[-1]["event"] == "finished"


def test_names_may_have_any_letters(apply: Run, serve: Serve, make_camera: Make) -> None:
    """In tables and documents alike."""
    names = {"Küche-3", "カメラ 1", "[red]x"}
    inventory = serve(*(make_camera(name, site="Köln") for name in names))
    ran = apply(inventory)
    assert {line["device"] for line in ran.lines if line["event"] == "step"} == names
    assert all(name in ran.err for name in names)


def test_nothing_to_change_is_all_right(
    apply: Run, serve: Serve, make_camera: Make, answer: Callable[[str], list[str]]
) -> None:
    """Nobody is asked, and there is no run of it."""
    asked, camera = answer("n"), make_camera(configuration=AS_WANTED)
    ran = apply(serve(camera), "-o", "table")
    assert (ran.code, ran.out) == (0, "1 device: 1 as desired already\n")
    assert ran.err == "axis-ntp: nothing to change\n"
    assert (asked, camera.writes) == ([], [])


@pytest.mark.parametrize(("text", "is_changed"), [("y", True), ("n", False), ("", False)])
def test_people_are_asked(
    run: Run, plan: Path, cameras: list[Camera], answer: Any, text: str, *, is_changed: bool
) -> None:
    """After they have seen the plan, also when they want to see little."""
    asked = answer(text)
    ran = run("apply", plan, "--no-preflight", "-q")
    assert ran.code == 0
    assert "Change 6 devices?" in asked[0]
    assert "6 devices: servers [10.0.0.5, 10.0.0.6] → [10.9.0.1, 10.9.0.2]" in ran.err
    assert ("nothing was changed" in ran.err) is not is_changed
    assert servers_of(cameras) == {NEW if is_changed else OLD}
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("text", "is_changed"), [("101", True), ("100", False), ("y", False), ("", False)]
)
def test_of_many_devices_the_number_is_typed(
    run: Run,
    serve: Serve,
    make_camera: Make,
    *,
    answer: Any,
    policy: str,
    text: str,
    is_changed: bool,
) -> None:
    """A yes comes too easily."""
    cameras = [make_camera(f"cam-{number}") for number in range(101)]
    asked = answer(text)
    ran = run("apply", serve(*cameras), "--policy", policy, *QUICK, "-o", "table")
    assert ran.code == 0
    assert "This changes 101 devices. Type their number to go on" in asked[0]
    assert servers_of(cameras) == {NEW if is_changed else OLD}


def test_who_said_yes_types_no_number(
    apply: Run, inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scripts change many devices, too."""
    monkeypatch.setattr("axis_ntp_async.cli.exits._TYPED_ABOVE", 5)
    assert apply(inventory).code == 0


def test_without_a_terminal_nothing_is_sent(
    run: Run, plan: Path, cameras: list[Camera], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script is told what to run, whatever the number."""
    for least, name in ((100, plan), (5, plan)):
        monkeypatch.setattr("axis_ntp_async.cli.exits._TYPED_ABOVE", least)
        monkeypatch.setattr("sys.argv", ["axis-ntp", "apply", str(name), "-o", "jsonl"])
        ran = run("apply", name, "--no-preflight", "-o", "jsonl")
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.endswith("with --yes: axis-ntp apply plan.json -o jsonl --yes\n")
    assert servers_of(cameras) == {OLD}


def test_a_yes_skips_no_check(
    apply: Run,
    run: Run,
    serve: Serve,
    make_camera: Make,
    *,
    policy: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Clocks do not jump, other devices are not written to, bad time servers stay required."""

    async def ask(*_: object) -> tuple[ServerCheck, ...]:
        return (ServerCheck(server="10.9.0.1", kind=ServerKind.NTP, faults=("is dead",)),)

    far, good = make_camera("far", **FAR), make_camera("good")
    other = make_camera("other", faults=Kind.WRONG_REALM)
    inventory = serve(far, good, other)
    monkeypatch.setattr(planning, "ask_servers", ask)
    ran = run("apply", inventory, "--policy", policy, "--require-preflight", "--yes")
    assert (ran.code, ran.out) == (2, "")
    assert "cannot be relied on: 10.9.0.1; nothing was sent" in ran.err
    ran = apply(inventory, "--canary", 2)
    assert ran.lines[-1]["states"] == {"applied": 1, "skipped": 1}
    assert (far.writes, len(good.writes), other.writes) == ([], 1, [])
    assert apply(inventory, "--allow-step", "--limit", "far").code == 0
    assert len(far.writes) == 1


def test_a_journal_that_is_in_use_is_told_at_once(
    apply: Run, run: Run, inventory: Path, cameras: list[Camera]
) -> None:
    """By whom; nobody is asked, and nothing is sent."""
    with Journal(Path("night.db"), "ann@vms, process 7,"):
        for ran in (
            apply(inventory, "--journal", "night.db"),
            run("apply", inventory, "--journal", "night.db"),
            run("rollout", "resume", "latest", "--journal", "night.db"),
            run("rollout", "rollback", "latest", "--journal", "night.db"),
            run("rollout", "abort", "latest", "--journal", "night.db"),
        ):
            assert (ran.code, ran.out) == (5, "")
            assert ran.err.startswith(
                "axis-ntp: journal night.db is in use by ann@vms, process 7, since "
            )
            assert len(ran.err.splitlines()) == 1
    assert servers_of(cameras) == {OLD}


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("folder", "is a directory"),
        ("text", "text: file is not a database"),
        ("other.db", "other.db: is no journal of this program"),
        ("text/x.db", "text/x.db: "),
    ],
)
def test_a_file_that_cannot_be_a_journal_is_told_in_a_sentence(
    apply: Run, inventory: Path, cameras: list[Camera], path: str, told: str
) -> None:
    """Before anything is sent."""
    Path("folder").mkdir()
    Path("text").write_text("mine\n" * 1000, encoding="utf-8")
    connection = sqlite3.connect("other.db")
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    ran = apply(inventory, "--journal", path)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert "Traceback" not in ran.err
    assert servers_of(cameras) == {OLD}


def test_a_line_now_and_then_tells_how_far_it_is(
    apply: Run, inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody watches, as in a log."""
    monkeypatch.setattr(rolling, "_LINE_EVERY_S", 0.02)
    ran = apply(inventory, "--rate", 600, "--canary", 3)
    lines = [line for line in ran.err.splitlines() if line.startswith("axis-ntp: wave ")]
    assert any(line.startswith("axis-ntp: wave 1 of 3 (canary), changing, 1 of") for line in lines)
    assert any(line.startswith("axis-ntp: wave 2 of 3, changing, 1 of 2") for line in lines)
    assert "axis-ntp: wave 2: healthy" in lines


def test_people_see_how_far_it_is(
    in_a_terminal: Callable[..., tuple[int, str]],
    inventory: Path,
    policy: str,
    cameras: list[Camera],
) -> None:
    """Live, and taken away in the end: what stays is the plan, the answer and the result."""
    options = ("--proof", "readback", "--no-preflight", "--rate", 300, "--canary", 4)
    code, shown = in_a_terminal(
        "apply", inventory, "--policy", policy, *options, typed="y\n", columns=60
    )
    assert code == 0
    assert "Change 6 devices? [y/N]: " in shown
    assert "wave 2 of 2" in shown
    assert "devices/min" in shown
    assert ": healthy" not in shown
    rest = shown.rpartition("\x1b[2K")[2]
    assert "━" not in rest
    assert "6 devices = 6 applied" in rest
    assert servers_of(cameras) == {NEW}


def test_ctrl_c_does_not_write_into_the_live_view(
    in_a_terminal: Callable[..., tuple[int, str]], inventory: Path, policy: str
) -> None:
    """What is said stands above it, and the screen is clean in the end."""
    options = ("--proof", "readback", "--no-preflight", "--rate", 300, "--yes")
    code, shown = in_a_terminal(
        "apply", inventory, "--policy", policy, *options, stop_at="wave 2 of 4"
    )
    assert code == 130
    assert shown.partition("axis-ntp: stopping: ")[0].endswith("\x1b[2K")
    rest = shown.rpartition("\x1b[2K")[2]
    assert "━" not in rest
    assert "axis-ntp: paused in wave " in rest
    assert "go on:" in rest
