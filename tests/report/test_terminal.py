"""Putting things on a terminal."""

import contextlib
import io

import pytest
from rich.table import Table
from rich.text import Text

from axis_ntp_async.report.terminal import Fitting, show, width


def test_lines_end_where_their_words_end(capsys: pytest.CaptureFixture[str]) -> None:
    """What is copied or compared has no blanks that nobody sees."""
    table = Table(box=None)
    table.add_column("one")
    table.add_column("two")
    table.add_row("a", "b")
    table.add_row("a long one", "")
    show(table, "", Text("end  "))
    lines = capsys.readouterr().out.split("\n")
    assert lines == [line.rstrip() for line in lines]
    assert lines[-3:] == ["", "end", ""]


def test_it_can_go_to_the_other_stream(capsys: pytest.CaptureFixture[str]) -> None:
    """What is no result does not stand among results."""
    show("about to change", on_stderr=True)
    assert capsys.readouterr() == ("", "about to change\n")


def test_the_width_is_that_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or what the user says it is."""
    monkeypatch.setenv("COLUMNS", "43")
    assert width() == 43


@pytest.mark.parametrize(("columns", "shown"), [(9, "a heading\n"), (8, "short\n")])
def test_what_does_not_fit_may_look_otherwise(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    columns: int,
    shown: str,
) -> None:
    """A table with broken words is harder to read than a few words."""
    monkeypatch.setenv("COLUMNS", str(columns))
    show(Fitting(Text("a heading"), Text("short")))
    assert capsys.readouterr().out == shown


def test_a_pipe_gets_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs do not want them."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        show(Text("bad", style="bold red"))
    assert stream.getvalue() == "bad\n"
