"""The journal of a command: where it is, and who we are in it."""

from __future__ import annotations

import getpass
import os
import shlex
import socket
from pathlib import Path

from axis_ntp_async.cli.exits import say
from axis_ntp_async.rollout.journal.files import default_path
from axis_ntp_async.rollout.journal.journal import Journal
from axis_ntp_async.rollout.runs import RunStatus


def journal_path(given: str | None) -> Path:
    """Give the path of `--journal`, by default that of this user."""
    return Path(given) if given else default_path()


def journal_option(path: Path) -> str:
    """Give what has to be typed for commands to find a journal: nothing for the usual one."""
    return "" if path == default_path() else f" --journal {shlex.quote(str(path))}"


def who() -> str:
    """Give who we are, as others shall read it in the journal."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"user {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def opened_journal(given: str | None) -> Journal:
    """Give the journal of `--journal`, to be opened for writing."""
    return Journal(journal_path(given), f"{who()}, process {os.getpid()},")


def warn_of_interrupted(journal: Journal) -> None:
    """Tell runs whose process ended without pausing them."""
    for run in journal.reader.runs():
        if run.status is RunStatus.RUNNING:
            where = journal_option(journal.path)
            say(
                f"run {run.name} was interrupted; go on with: "
                f"axis-ntp rollout resume {run.name}{where}"
            )
