"""Where the journal is, and who we are in it."""

import getpass
from pathlib import Path

import pytest

from axis_ntp_async.cli.journals import journal_option, journal_path, who


def test_the_usual_journal_is_the_users(home: Path) -> None:
    """By the convention of the platform, unless another one is named."""
    assert journal_path(None) == home / "axis-ntp" / "rollouts.db"
    assert journal_path("x/y.db") == Path("x/y.db")


def test_commands_name_a_journal_that_is_not_the_usual_one() -> None:
    """So that they can be copied as they are."""
    assert journal_option(journal_path(None)) == ""
    assert journal_option(Path("night shift.db")) == " --journal 'night shift.db'"


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_a_user_without_a_name_has_a_number(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """As in a container."""

    def nobody() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert who().startswith("user ")
    assert "@" in who()
