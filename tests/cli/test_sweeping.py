"""`sweep`."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axis_ntp_async.simulator.fleets import Troubles, make_fleet
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Kind
from axis_ntp_async.simulator.model.truth import truth_of

Make = Callable[..., Camera]
Show = Callable[..., tuple[int, str]]

TROUBLES = {
    "refused": 0.03,
    "silent": 0.02,
    "slow": 0.02,
    "wrong_password": 0.01,
    "old_firmware": 0.03,
    "garbage": 0.03,
    "disabled": 0.03,
    "no_servers": 0.03,
    "one_server": 0.03,
    "write_ignored": 0.01,
    "write_late": 0.01,
    "write_unanswered": 0.01,
    "write_refused": 0.01,
}


def test_a_thousand_devices_give_a_thousand_findings(
    start: Callable[..., subprocess.Popen[str]], run: Callable[..., Any]
) -> None:
    """None is lost, none comes twice, and each has its true cause."""
    shares = [f"--trouble={name}={share}" for name, share in TROUBLES.items()]
    simulator = start("simulate", "--devices", 1000, "--seed", 11, "--https-share", 0.2, *shares)
    assert simulator.stdout
    command = simulator.stdout.readline().split()
    assert command[:2] == ["axis-ntp", "sweep"]
    ran = run(*command[1:], "--attempts", "1", "--timeout", "5")

    fleet = make_fleet(1000, seed=11, https_share=0.2, troubles=Troubles(**TROUBLES))
    truth = {
        camera.name: truth_of(camera, fleet.logins["fleet"]).cause for camera in fleet.cameras
    }
    *found, summary = ran.lines
    assert len(found) == 1000
    assert {finding["device"]: finding["cause"] for finding in found} == truth
    assert {"unreachable", "login", "unsupported", "bad_answer"} <= set(truth.values())
    assert (ran.code, summary["devices"]) == (1, 1000)


def test_a_fleet_in_sync_leaves_with_0(
    run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make
) -> None:
    """And says so."""
    ran = run("sweep", serve(make_camera("a"), make_camera("b")), "-o", "table")
    assert ran.code == 0
    assert "2 devices: 2 ok" in ran.out


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"password": "other"}, 4),
        ({"clock_error_s": 60.0, "uptime_s": 0.0}, 1),
        ({"faults": Kind.HTML}, 1),
    ],
)
def test_the_worst_decides_the_code(
    run: Callable[..., Any],
    serve: Callable[..., Path],
    make_camera: Make,
    bad: dict[str, Any],
    code: int,
) -> None:
    """Devices that are critical are no matter of logins, and the other way round."""
    good = [make_camera(f"good-{number}") for number in range(2)]
    inventory = serve(*good, make_camera("bad", **bad), make_camera("badder", password="x"))
    assert run("sweep", inventory, "--attempts", "1", "--limit", "!badder").code == code
    assert run("sweep", inventory, "--attempts", "1").code == code


def test_a_warning_is_no_failure(
    run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make
) -> None:
    """A script need not wake anybody for a single server; a stricter profile asks for four."""
    inventory = serve(make_camera())
    ran = run("sweep", inventory, "--profile", "strict")
    assert (ran.code, ran.lines[0]["cause"]) == (0, "few_servers")


def test_a_policy_tells_who_is_not_as_wanted(
    run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make
) -> None:
    """Each device by what is wanted of it; an override that fits nobody is told, and no more."""
    inventory = serve(make_camera("a"), make_camera("b"), make_camera("c"))
    Path("p.toml").write_text(
        """
        [policy]
        servers = ["10.0.0.5", "10.0.0.6"]
        [[policy.override]]
        match = "b"
        servers = ["10.0.0.6"]
        [[policy.override]]
        match = "d"
        enabled = false
        """,
        encoding="utf-8",
    )
    code, out, err = run("sweep", inventory, "--policy", "p.toml", "--limit", "!c", "-q")
    *found, summary = map(json.loads, out.splitlines())
    assert (code, summary["causes"]) == (0, {"drift": 1})
    assert {one["device"]: one["drift"] for one in found} == {
        "a": {},
        "b": {"static_servers": ["10.0.0.6"]},
    }
    assert err == (
        "axis-ntp: p.toml:7: match: 'd' fits none of 3 devices; "
        "if that may be so, say optional = true\n"
    )
    shown = run("sweep", inventory, "--policy", "p.toml", "-o", "table").out
    assert "not as desired: static_servers" in shown


def test_a_policy_that_cannot_be_is_told_before_anything_is_sent(
    run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make
) -> None:
    """And the program leaves with 2."""
    camera = make_camera("a")
    inventory = serve(camera)
    Path("p.toml").write_text(
        "policy.minpoll = 9\n[[policy.override]]\nmatch = 'a'\nmaxpoll = 8", encoding="utf-8"
    )
    code, out, err = run("sweep", inventory, "--policy", "p.toml")
    assert (code, out) == (2, "")
    assert err == ("axis-ntp: p.toml: [policy]: minpoll 9 is above maxpoll 8 of p.toml:2, for a\n")


def test_thresholds_can_be_set(
    run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make
) -> None:
    """Each by itself, over the profile's."""
    inventory = serve(make_camera())
    ran = run("sweep", inventory, "--offset-warning-ms", "0", "--offset-critical-ms", "0")
    assert (ran.code, ran.lines[0]["cause"]) == (1, "offset")


def test_a_document_holds_findings_and_summary(
    run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make
) -> None:
    """One JSON document, with one schema for all of it."""
    ran = run("sweep", serve(make_camera("a"), make_camera("b")), "-o", "json")
    document = json.loads(ran.out)
    assert document["schema"] == "axis-ntp/sweep/v1"
    assert {one["device"] for one in document["results"]} == {"a", "b"}
    assert document["summary"]["states"] == {"ok": 2}


def test_csv_has_a_row_for_each(
    run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make
) -> None:
    """With the names of the JSON members as its header."""
    rows = run("sweep", serve(make_camera("a"), make_camera("b")), "-o", "csv").rows
    assert {row["device"]: row["servers"] for row in rows} == {
        "a": "10.0.0.5 10.0.0.6",
        "b": "10.0.0.5 10.0.0.6",
    }


def test_a_hostile_device_steers_nothing(
    run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make
) -> None:
    """Escapes, markup and formulas in what it says come out harmless."""
    server = "=cmd[red]\x1b[2J\u202e"
    camera = make_camera("[bold]a[/bold]", advertised_servers=(server,))
    inventory = serve(camera)
    for output in ("table", "csv", "jsonl", "json"):
        for command in ("sweep", "get"):
            ran = run(command, inventory, "-o", output)
            assert set("\x1b\u202e") & set(ran.out + ran.err) == set()
            assert "[bold]a[/bold]" in ran.out
    [row] = run("get", inventory, "-o", "csv").rows
    assert row["advertised_servers"] == "'=cmd[red]?[2J?"
    [line, _] = run("sweep", inventory).lines
    assert line["advertised_servers"] == [server]


def test_people_see_progress_and_a_table(
    in_a_terminal: Show, serve: Callable[..., Path], make_camera: Make
) -> None:
    """On a terminal nobody has to ask for either."""
    code, shown = in_a_terminal("sweep", serve(make_camera("a"), make_camera("b")))
    assert code == 0
    assert "2/2" in shown
    assert "2 devices: " in shown
    assert "axis-ntp/finding" not in shown


@pytest.mark.parametrize("arguments", [("-q",), ("-o", "jsonl")])
def test_people_may_do_without_progress(
    in_a_terminal: Show,
    serve: Callable[..., Path],
    make_camera: Make,
    arguments: tuple[str, ...],
) -> None:
    """And lines that run over the terminal are progress enough."""
    code, shown = in_a_terminal("sweep", serve(make_camera()), *arguments)
    assert code == 0
    assert "1/1" not in shown


def test_help_is_framed_for_people(in_a_terminal: Show) -> None:
    """As rich-click does it."""
    code, shown = in_a_terminal("sweep", "-h")
    assert code == 0
    assert "╭" in shown
