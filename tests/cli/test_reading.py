"""`get` and `versions`."""

import itertools
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Fault, Kind

Make = Callable[..., Camera]


def test_one_device_is_shown_as_a_list(
    run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make
) -> None:
    """With everything that it says."""
    ran = run("get", serve(make_camera()), "-o", "table")
    assert ran.code == 0
    assert "10.0.0.5 10.0.0.6" in ran.out
    assert "lobby-3 (127." in ran.out


def test_several_devices_are_shown_in_the_order_of_the_inventory(
    run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make
) -> None:
    """Whoever answers first."""
    slow = Fault(Kind.SLOW, seconds=0.4)
    inventory = serve(make_camera("zulu", faults=slow), make_camera("alfa"), make_camera("mike"))
    rows = run("get", inventory, "-o", "table").out.splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["zulu", "alfa", "mike"]


def test_failures_stand_below_with_what_to_do(
    run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make
) -> None:
    """Those alike together; the others are shown all the same."""
    dead = (make_camera(f"dead-{number}", faults=Kind.REFUSED) for number in range(12))
    inventory = serve(make_camera("good"), *dead)
    code, out, _ = run("get", inventory, "-o", "table", "--attempts", "1")
    assert code == 1
    assert "12 x unreachable" in out
    assert "and 2 more" in out
    assert "Check power" in out
    assert out.index("good") < out.index("12 x")


@pytest.mark.parametrize(("output", "expected"), [("json", 2), ("csv", 2), ("jsonl", 2)])
def test_every_output_has_every_device(
    run: Callable[..., Any],
    serve: Callable[..., Path],
    make_camera: Make,
    output: str,
    expected: int,
) -> None:
    """Those that failed, too."""
    inventory = serve(make_camera("good"), make_camera("bad", faults=Kind.HTML))
    ran = run("get", inventory, "-o", output, "--attempts", "1")
    read: dict[str, Callable[[], list[Any]]] = {
        "json": lambda: json.loads(ran.out)["results"],
        "csv": lambda: ran.rows,
        "jsonl": lambda: ran.lines,
    }
    found = read[output]()
    assert ran.code == 1
    assert len(found) == expected
    assert {one["schema"] for one in found} == {"axis-ntp/ntp-info/v1"}
    errors = {one["device"]: bool(one["error"]) for one in found}
    assert errors == {"good": False, "bad": True}


def test_lines_leave_as_devices_answer(
    start: Callable[..., subprocess.Popen[str]], serve: Callable[..., Path], make_camera: Make
) -> None:
    """The first line is there while a silent device still keeps the program waiting."""
    inventory = serve(make_camera("mute", faults=Kind.SILENT), make_camera("quick"))
    process = start("get", inventory, "--timeout", "30", "--attempts", "1")
    assert process.stdout
    first = json.loads(process.stdout.readline())
    assert (first["device"], process.poll()) == ("quick", None)


def test_one_address_needs_no_inventory(
    run: Callable[..., Any],
    serve: Callable[..., Path],
    make_camera: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its login comes from options that name no secret."""
    [line] = run("inventory", "list", serve(make_camera(scheme="https"))).lines
    monkeypatch.setenv("PASSWORD_OF_MINE", "pass")
    address = f"{line['host']}:{line['port']}"
    login = ("--username", "root", "--password-from", "env:PASSWORD_OF_MINE")
    ran = run("get", address, "--tls", "insecure", *login)
    assert (ran.code, ran.lines[0]["synced"]) == (0, True)
    assert run("get", address, "--tls", "insecure").code == 4
    assert run("get", address, *login).lines[0]["error"]["type"] == "CertificateRejectedError"


def test_an_inventory_may_come_from_a_pipe(
    start: Callable[..., subprocess.Popen[str]], serve: Callable[..., Path], make_camera: Make
) -> None:
    """Its references are relative to the working directory."""
    inventory = serve(make_camera())
    process = start("get", "-", stdin=subprocess.PIPE, cwd=inventory.parent)
    out, _ = process.communicate(inventory.read_text(encoding="utf-8"))
    assert (process.returncode, json.loads(out)["device"]) == (0, "lobby-3")


def test_a_selection_is_counted(
    run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make
) -> None:
    """How many of how many, before anything is sent; not for those who want quiet."""
    inventory = serve(make_camera("a", site="berlin"), make_camera("b", site="lyon"))
    assert "1 of 2 devices, 1 site" in run("get", inventory, "--limit", "a").err
    assert run("get", inventory, "--limit", "a", "-q").err == ""
    assert run("get", inventory).err == ""


def test_a_login_that_nobody_needs_is_told(
    run: Callable[..., Any],
    serve: Callable[..., Path],
    make_camera: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It does not silently lose against the inventory's."""
    monkeypatch.setenv("PASSWORD_OF_MINE", "wrong")
    ran = run(
        "get", serve(make_camera()), "--username", "x", "--password-from", "env:PASSWORD_OF_MINE"
    )
    assert ran.code == 0
    assert "--username is not used" in ran.err


def test_warnings_of_an_inventory_are_told(run: Callable[..., Any]) -> None:
    """On standard error, with their place."""
    Path("fleet.toml").write_text(
        "[credentials.one]\nusername = 'x'\npassword = 'env:X'\n"
        "[[devices]]\nname = 'a'\nhost = '10.0.0.1'\ncredentials = 'other'\n",
        encoding="utf-8",
    )
    ran = run("inventory", "list", "fleet.toml")
    assert (ran.code, len(ran.lines)) == (0, 1)
    assert "axis-ntp: fleet.toml: " in ran.err
    assert "[credentials.other]" in ran.err


def test_versions_are_listed(
    run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make
) -> None:
    """As the devices list them."""
    inventory = serve(make_camera("new"), make_camera("old", firmware="9.80.2"))
    lines = run("versions", inventory).lines
    assert {line["device"]: line["api_versions"] for line in lines} == {
        "new": ["1.5"],
        "old": ["1.2"],
    }
    text = run("versions", inventory, "-o", "table").out
    assert [row.split() for row in text.splitlines()[1:]] == [["new", "1.5"], ["old", "1.2"]]


def test_versions_of_nobody(
    run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make
) -> None:
    """Old firmware says that there is no such API, and what helps."""
    ran = run("versions", serve(make_camera(firmware="8.40.4")), "-o", "table")
    assert ran.code == 1
    assert "1 x unsupported: lobby-3" in ran.out
    assert "AXIS OS 9.10" in ran.out


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        ({"password": "other"}, 4),
        ({"faults": Kind.NO_RIGHT}, 4),
        ({"faults": Kind.WRONG_REALM}, 4),
        ({"faults": Kind.HTML}, 1),
        ({"faults": Kind.REFUSED}, 1),
        ({"firmware": "8.40.4"}, 1),
    ],
)
def test_the_exit_code_tells_what_to_mend(
    run: Callable[..., Any],
    serve: Callable[..., Path],
    make_camera: Make,
    faults: dict[str, Any],
    code: int,
) -> None:
    """4 for logins and trust, 1 for everything else, and 1 when both are wrong."""
    good = [make_camera(f"good-{number}") for number in range(2)]
    bad = make_camera("bad", **faults)
    dead = make_camera("dead", faults=Kind.REFUSED)
    inventory = serve(*good, bad, dead)
    first = run("get", inventory, "--attempts", "1", "--limit", "!dead")
    assert (first.code, len(first.lines)) == (code, 3)
    assert run("get", inventory, "--attempts", "1").code == 1


def test_suspended_credentials_leave_with_4(
    run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make
) -> None:
    """Whatever else is wrong: trying again cannot help before they are corrected."""
    cameras = [make_camera(f"cam-{number}") for number in range(8)]
    inventory = serve(*cameras, make_camera("dead", faults=Kind.REFUSED))
    (inventory.parent / "fleet.password").write_text("wrong", encoding="utf-8")
    ran = run("get", inventory, "--attempts", "1")
    kinds = sorted(line["error"]["type"] for line in ran.lines)
    counts = {kind: len(list(group)) for kind, group in itertools.groupby(kinds)}
    assert ran.code == 4
    assert counts == {
        "CredentialSuspendedError": 5,
        "DeviceUnreachableError": 1,
        "LoginRefusedError": 3,
    }
