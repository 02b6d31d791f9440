"""A file of ours: made once, known again, and told in a sentence when it is none."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from axis_ntp_async.errors import JournalError
from axis_ntp_async.storage.files import FileKind, state_path

KIND = FileKind(
    noun="journal",
    error=JournalError,
    application=0x41784E00,
    version=1,
    tables="CREATE TABLE runs (name); CREATE TABLE owner (one INTEGER, name TEXT, since TEXT)",
    checkpoint_pages=1,
)


def run(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def fault_of(path: Path) -> str:
    with pytest.raises(JournalError) as caught:
        KIND.connect(path)
    message = str(caught.value)
    assert message.startswith(f"journal {path}: ")
    return message.removeprefix(f"journal {path}: ")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rollouts.db"


def test_the_usual_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the state folder of this user, wherever that is."""
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert state_path("rollouts.db") == Path("/home/ada/.local/state/axis-ntp/rollouts.db")
    monkeypatch.setenv("XDG_STATE_HOME", "/srv/state")
    assert state_path("rollouts.db") == Path("/srv/state/axis-ntp/rollouts.db")


def test_a_file_is_made_to_last(path: Path) -> None:
    """Each commit is on the disk before it is told, and in the file itself."""
    KIND.create(path)
    with contextlib.closing(KIND.connect(path)) as connection:
        found = {
            name: pragma(connection, name)
            for name in ("application_id", "journal_mode", "synchronous", "wal_autocheckpoint")
        }
    assert found == {
        "application_id": KIND.application,
        "journal_mode": "wal",
        "synchronous": 2,
        "wal_autocheckpoint": 1,
    }


def test_one_that_is_there_stays(path: Path) -> None:
    """Making it again loses nothing; an empty file in its place becomes one."""
    path.touch()
    KIND.create(path)
    run(path, "INSERT INTO owner VALUES (1, 'ada', 'now')")
    KIND.create(path)
    with contextlib.closing(KIND.connect(path)) as connection:
        assert connection.execute("SELECT name FROM owner").fetchone() == ("ada",)


@pytest.mark.parametrize("made", ["", "BEGIN; CREATE TABLE runs (name)", "tables"])
def test_one_that_was_left_half_made_is_made(path: Path, made: str) -> None:
    """Whoever was killed in the middle of it leaves nothing that keeps others from it."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 0")
        if made == "tables":
            KIND.create(path)
            connection.execute("PRAGMA journal_mode = DELETE")
        else:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(made)
    KIND.create(path)
    with contextlib.closing(KIND.connect(path)) as connection:
        assert pragma(connection, "journal_mode") == "wal"
        assert connection.execute("SELECT COUNT(*) FROM runs").fetchone() == (0,)


def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    """All the way down, and once is enough."""
    path = tmp_path / "a" / "b" / "rollouts.db"
    KIND.make_folder(path)
    KIND.make_folder(path)
    KIND.create(path)
    assert path.is_file()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """Where a file is in the way, that is told."""
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "rollouts.db"
    with pytest.raises(JournalError, match="File exists"):
        KIND.make_folder(path)
    with pytest.raises(JournalError, match="Not a directory"):
        KIND.create(path)


def test_a_file_that_is_not_there(path: Path, tmp_path: Path) -> None:
    """Looking into it makes none; and a folder is no file."""
    assert fault_of(path) == "there is no such file; name yours with --journal"
    assert fault_of(tmp_path) == "is no file; name yours with --journal"
    KIND.create(tmp_path)
    assert [*tmp_path.iterdir()] == []


def test_a_file_that_nobody_may_see(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system says of it is told."""

    def refused(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refused)
    assert fault_of(path) == "Permission denied"


def test_other_files_are_told_from_it(path: Path, tmp_path: Path) -> None:
    """A text, the file of another program, and a file of another version are refused."""
    path.write_text("name,host\n" * 100, encoding="utf-8")
    assert fault_of(path) == "file is not a database; name your journal with --journal"
    other = tmp_path / "history.db"
    run(other, "CREATE TABLE urls (url)")
    assert fault_of(other) == "is no journal of this program; name yours with --journal"
    later = tmp_path / "later.db"
    KIND.create(later)
    run(later, "PRAGMA user_version = 2")
    assert fault_of(later) == (
        "was written by a newer version of this program; use that one for it"
    )
    run(later, "PRAGMA user_version = 0")
    assert fault_of(later) == (
        "was written by an earlier version of this program, which this one cannot go on with; "
        "move it away to begin a new journal"
    )


def test_a_file_that_was_cut_short(path: Path) -> None:
    """Half of a file is told as damaged, and not read as if it were less."""
    KIND.create(path)
    path.write_bytes(path.read_bytes()[:6000])
    with (
        pytest.raises(JournalError, match="malformed; restore a copy of it, or move it away"),
        KIND.telling(path),
        contextlib.closing(KIND.connect(path)) as connection,
    ):
        connection.execute("SELECT * FROM runs").fetchall()


def test_what_cannot_be_stored_is_told(path: Path) -> None:
    """Half a character is no text that a file could hold."""
    KIND.create(path)
    with (
        pytest.raises(JournalError, match="surrogates not allowed"),
        KIND.telling(path),
        contextlib.closing(KIND.connect(path)) as connection,
    ):
        connection.execute("INSERT INTO owner VALUES (1, ?, '')", ("\ud800",))
