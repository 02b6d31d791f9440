"""One process at a time writes a file, and a lock cannot be left behind."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from axis_ntp_async.errors import JournalError
from axis_ntp_async.rollout.journal.files import JOURNAL
from axis_ntp_async.storage.lock import Lock

HOLDER = """
import sys
from pathlib import Path
from axis_ntp_async.rollout.journal.files import JOURNAL
from axis_ntp_async.storage.lock import Lock
lock = Lock(JOURNAL, Path(sys.argv[1]))
print(lock.acquire(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rollouts.db"


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    with process:
        yield process
        process.kill()


def test_two_in_one_process(path: Path) -> None:
    """Even there only one has it, until it gives it back, which it may do twice."""
    one, other = Lock(JOURNAL, path), Lock(JOURNAL, path)
    assert one.acquire()
    assert not other.acquire()
    one.release()
    one.release()
    assert other.acquire()
    other.release()


def test_two_processes(path: Path, holder: subprocess.Popen[str]) -> None:
    """It is kept from us while the other lives, and is ours when that was killed."""
    lock = Lock(JOURNAL, path)
    assert not lock.acquire()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert lock.acquire()
    lock.release()


def test_a_lock_that_cannot_be_made(tmp_path: Path) -> None:
    """In a folder that is not there, where a folder is in the way, or in a file that is none."""
    (tmp_path / "a.db.lock").mkdir()
    (tmp_path / "b.db.lock").write_text("somebody's notes\n" * 100, encoding="utf-8")
    for path in (tmp_path / "gone" / "c.db", tmp_path / "a.db", tmp_path / "b.db"):
        with pytest.raises(JournalError, match=rf"journal {path}: cannot be locked: "):
            Lock(JOURNAL, path).acquire()


def test_another_name_of_the_file_has_the_same_lock(path: Path, tmp_path: Path) -> None:
    """A link does not let a second process in."""
    path.touch()
    link = tmp_path / "link.db"
    link.symlink_to(path)
    lock, other = Lock(JOURNAL, path), Lock(JOURNAL, link)
    assert lock.acquire()
    assert not other.acquire()
    lock.release()
    assert other.acquire()
    other.release()
