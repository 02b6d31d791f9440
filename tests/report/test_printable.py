"""Texts of strangers on a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis_ntp_async.report.printable import printable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lobby-3", "lobby-3"),
        ("Pförtner 東京", "Pförtner 東京"),
        ("\x1b[2Jgone", "?[2Jgone"),
        ("\x9b31m", "?31m"),
        ("two\nlines\r", "two?lines?"),
        ("right\u202eleft", "right?left"),
        ("half \ud800", "half ?"),
        ("[red]x[/red]", "[red]x[/red]"),
    ],
)
def test_what_steers_a_terminal_is_replaced(text: str, expected: str) -> None:
    """Letters stay, controls become question marks."""
    assert printable(text) == expected


@given(st.text(st.characters()))
def test_nothing_invisible_is_left(text: str) -> None:
    """Whatever a device sends, no control, format or surrogate code point comes through."""
    assert not [one for one in printable(text) if unicodedata.category(one)[0] == "C"]


@given(st.text(st.characters()))
def test_the_length_stays(text: str) -> None:
    """One letter for one letter, so that alignment holds."""
    assert len(printable(text)) == len(text)
