"""A file that one process alone writes, and says so in it."""

from pathlib import Path

import pytest

from axis_ntp_async.errors import HistoryError, HistoryLockedError
from axis_ntp_async.health.history.files import HISTORY
from axis_ntp_async.storage.claim import Claim


def claim(path: Path, owner: str) -> Claim:
    return Claim(
        kind=HISTORY, path=path, owner=owner, refusal=HistoryLockedError, rule="one at a time"
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "history.db"


def test_others_are_told_who_is_at_it(path: Path) -> None:
    """Until it ends; who has no name is another process."""
    for owner, told in (("ada", "ada since 20"), ("", "another process; one at a time")):
        first = claim(path, owner)
        assert first.make() is None
        with pytest.raises(HistoryLockedError, match=f"^history {path} is in use by {told}"):
            claim(path, "bob").make()
        first.end()


def test_who_did_not_end_is_told_to_the_next_one(path: Path) -> None:
    """Once; and to end twice takes nothing from who is at it by then."""
    first, second = claim(path, "ada"), claim(path, "bob")
    first.make()
    first.drop()
    left_by = second.make()
    assert left_by is not None
    assert left_by.startswith("ada since 20")
    first.end()
    with pytest.raises(HistoryLockedError, match="in use by bob since"):
        first.make()
    second.end()
    assert first.make() is None
    first.end()


def test_what_is_no_such_file_is_not_kept_locked(path: Path) -> None:
    """It can be moved away, and claimed then."""
    path.parent.mkdir()
    path.write_text("somebody's notes\n" * 100, encoding="utf-8")
    first = claim(path, "ada")
    with pytest.raises(HistoryError, match="file is not a database"):
        first.make()
    path.unlink()
    assert claim(path, "bob").make() is None
