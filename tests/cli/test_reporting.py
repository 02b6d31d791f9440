"""`report`, and `sweep -o html`."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Kind

Make = Callable[..., Camera]
QUICK = ("--timeout", 1, "--attempts", 1)


@pytest.fixture
def inventory(serve: Callable[..., Path], make_camera: Make) -> Path:
    """Three devices that are well, and one that never answers."""
    well = [make_camera(f"lobby-{number}", site="berlin") for number in range(3)]
    return serve(make_camera("mute", faults=Kind.REFUSED, site="berlin"), *well)


def test_a_report_is_one_file(run: Callable[..., Any], inventory: Path) -> None:
    """It is written whole, is told where it is, and leaves as a sweep does."""
    ran = run("report", inventory, *QUICK)
    html = Path("report.html").read_text(encoding="utf-8")
    assert ran.code == 1
    assert (ran.out, "the report is in report.html:" in ran.err) == ("", True)
    assert html.lower().startswith("<!doctype html>")
    assert "mute" in html
    assert "lobby-2" in html
    assert list(Path().glob(".report*")) == []


LOST: Final = {"uptime_s": 0.0, "clock_error_s": 60.0}
COUNTED: Final[tuple[tuple[list[dict[str, Any]], str], ...]] = (
    ([{}, {}], "2 devices: 2 ok"),
    (
        [{}, LOST, {"faults": Kind.REFUSED}],
        (
            "3 devices: 1 ok, 1 unknown, 1 critical. It leaves with 1: "
            "1 critical, 1 could not be read"
        ),
    ),
    (
        [{}, {"password": "x"}],
        (
            "2 devices: 1 ok, 1 unknown. It leaves with 4: "
            "all that is wrong is logins and certificates; correct them first"
        ),
    ),
)


@pytest.mark.parametrize(("cameras", "told"), COUNTED)
def test_counts_and_the_code_are_told(
    run: Callable[..., Any],
    serve: Callable[..., Path],
    make_camera: Make,
    cameras: list[dict[str, Any]],
    told: str,
) -> None:
    """In a line beside the page, so that nobody wonders; with --quiet there is none."""
    inventory = serve(*(make_camera(f"cam-{number}", **one) for number, one in enumerate(cameras)))
    ran = run("report", inventory, *QUICK)
    assert ran.err.splitlines()[-1] == f"axis-ntp: {told}"
    _, _, code = told.partition("leaves with ")
    assert ran.code == int(code[:1] or 0)
    assert "devices:" not in run("report", inventory, *QUICK, "--quiet").err


def test_suspended_credentials_are_told(
    run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make
) -> None:
    """They are why it leaves with 4, whatever else is wrong."""
    inventory = serve(*(make_camera(f"cam-{number}") for number in range(5)))
    inventory.with_name("fleet.password").write_text("wrong", encoding="utf-8")
    ran = run("report", inventory, *QUICK)
    assert ran.code == 4
    assert ran.err.splitlines()[-1] == (
        "axis-ntp: 5 devices: 5 unknown. It leaves with 4: "
        "devices refused credentials, so these were tried no more; correct them first"
    )


def test_a_sweep_can_be_a_page(run: Callable[..., Any], inventory: Path) -> None:
    """On standard output, to go wherever one likes."""
    ran = run("sweep", inventory, "-o", "html", *QUICK)
    assert ran.code == 1
    assert ran.out.lower().startswith("<!doctype html>")
    assert run("report", inventory, *QUICK, "--out", "-").out[:15] == ran.out[:15]


def test_a_page_is_not_poured_over_a_terminal(
    in_a_terminal: Callable[..., tuple[int, str]], inventory: Path
) -> None:
    """Nobody reads it there."""
    code, shown = in_a_terminal("sweep", inventory, "-o", "html")
    assert code == 2
    assert "> report.html" in shown


@pytest.mark.parametrize("out", ["nowhere/report.html", "."])
def test_a_place_that_cannot_be_is_told_before_the_sweep(
    run: Callable[..., Any], inventory: Path, out: str
) -> None:
    """Nobody waits for a sweep that ends in nothing."""
    ran = run("report", inventory, "--out", out)
    assert ran.code == 2
    assert f"--out {out}" in ran.err


def test_a_page_shows_the_history_of_a_watch(run: Callable[..., Any], inventory: Path) -> None:
    """The user's own, or the one that is named."""
    for _ in range(3):
        run("watch", inventory, "--once", *QUICK)
    run("report", inventory, *QUICK)
    with_history = Path("report.html").read_text(encoding="utf-8")
    run("watch", inventory, "--once", *QUICK, "--history", "other.db")
    run("report", inventory, *QUICK, "--history", "other.db")
    assert len(with_history) > len(Path("report.html").read_text(encoding="utf-8"))


def test_a_history_that_is_none_is_told_in_the_page(
    run: Callable[..., Any], inventory: Path
) -> None:
    """The sweep is not lost for it."""
    Path("other.db").write_text("no history", encoding="utf-8")
    ran = run("report", inventory, *QUICK, "--history", "other.db")
    assert ran.code == 1
    assert "other.db" in Path("report.html").read_text(encoding="utf-8")


def test_a_policy_shows_the_drift(run: Callable[..., Any], inventory: Path, policy: str) -> None:
    """What is not as wanted is in it."""
    run("report", inventory, *QUICK, "--policy", policy)
    assert "10.9.0.1" in Path("report.html").read_text(encoding="utf-8")


def test_a_full_disk_loses_nothing_but_the_page(
    run: Callable[..., Any], inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence, and no half of a file."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    ran = run("report", inventory, *QUICK)
    assert ran.code == 2
    assert "report.html: cannot be written: No space left on device" in ran.err
    assert list(Path().glob("*report*")) == []


def test_a_closed_pipe_is_no_traceback(inventory: Path) -> None:
    """Whoever reads may stop at any time."""
    command = [sys.executable, "-m", "axis_ntp_async", "sweep", str(inventory), "-o", "html"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        process.wait(60)
        assert b"Traceback" not in process.stderr.read()
        assert process.returncode == 141
