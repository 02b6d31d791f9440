"""`report`, and `sweep -o html`."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
