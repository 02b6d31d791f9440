"""The board on standard error."""

import datetime as dt
import sys
from collections import Counter

import pytest

from axis_ntp_async.report.rollout.board import Board
from axis_ntp_async.report.rollout.live import is_watched, shown_live
from axis_ntp_async.rollout.plan import Result


def watch(monkeypatch: pytest.MonkeyPatch, term: str = "xterm") -> None:
    """Let standard error be a terminal from here on."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLUMNS", "60")
    for name in ("TTY_INTERACTIVE", "TTY_COMPATIBLE", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("term", "watched"), [("xterm", True), ("dumb", False)])
def test_a_terminal_that_can_be_written_over_is_watched(
    monkeypatch: pytest.MonkeyPatch, term: str, *, watched: bool
) -> None:
    """A dumb one gets lines."""
    watch(monkeypatch, term)
    assert is_watched() is watched


def test_a_pipe_is_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sees anything move there, whatever is forced."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not is_watched()


def test_it_is_taken_away_in_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The hidden cursor comes back, and what is printed meanwhile goes where it was meant to."""
    watch(monkeypatch)
    board = Board(devices=3, waves=(1, 2), wave=2, results=Counter({Result.OPEN: 3}))
    with shown_live(board):
        print("a result")  # noqa: T201  what is tested
        sys.stderr.write("a word\n")
    out, err = capsys.readouterr()
    assert out == "a result\n"
    assert "a word" in err
    assert "wave 2 of 2" in err
    assert "0/3" in err
    assert "\x1b[?25h" in err
    assert "\x1b[2K" in err.rpartition("0/3")[2]


def test_it_is_of_the_present_moment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Time that is left goes on passing while nothing happens."""
    watch(monkeypatch)
    board = Board(devices=1, waves=(1,), wave=1)
    board._until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=90)
    with shown_live(board):
        pass
    assert "1:29 left" in capsys.readouterr().err
