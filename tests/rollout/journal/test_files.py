"""Where the journal of a user is, and how it is made."""

import contextlib
from pathlib import Path

import pytest

from axis_ntp_async.rollout.journal.files import JOURNAL, default_path


def test_the_usual_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the state folder of this user."""
    monkeypatch.setenv("XDG_STATE_HOME", "/srv/state")
    assert default_path() == Path("/srv/state/axis-ntp/rollouts.db")


def test_a_copy_of_a_journal_is_complete(tmp_path: Path) -> None:
    """Each commit goes on into the file itself at once."""
    path = tmp_path / "rollouts.db"
    JOURNAL.create(path)
    with contextlib.closing(JOURNAL.connect(path)) as connection:
        assert connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (1,)
        assert connection.execute("SELECT COUNT(*) FROM steps").fetchone() == (0,)
