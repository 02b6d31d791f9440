"""How far a run is."""

import sys

import pytest

from axis_ntp_async.report.progress import progress


def watch(monkeypatch: pytest.MonkeyPatch, term: str) -> None:
    """Let standard error be a terminal from here on."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", term)
    for name in ("TTY_INTERACTIVE", "TTY_COMPATIBLE", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


def test_people_see_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """How many are done, of how many, and how many are in trouble; nothing on standard output."""
    watch(monkeypatch, "xterm")
    with progress(3) as advance:
        for is_well in (True, False, True):
            advance(is_well)
    out, err = capsys.readouterr()
    assert out == ""
    assert "3/3" in err
    assert "1 troubled" in err


def test_results_are_left_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is printed meanwhile goes where it was meant to go."""
    watch(monkeypatch, "xterm")
    with progress(1):
        print("a result")  # noqa: T201  what is tested
    assert capsys.readouterr().out == "a result\n"


@pytest.mark.parametrize(("term", "shown"), [("dumb", True), ("unknown", True), ("xterm", False)])
def test_where_nothing_can_move_nothing_does(
    term: str, shown: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Dumb terminals and those who want quiet get nothing."""
    watch(monkeypatch, term)
    with progress(1, shown=shown) as advance:
        advance(True)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "TTY_INTERACTIVE"])
def test_a_log_gets_no_progress(
    variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Colour that is forced does not make a terminal out of a file."""
    monkeypatch.setenv(variable, "1")
    with progress(1) as advance:
        advance(True)
    assert capsys.readouterr() == ("", "")
