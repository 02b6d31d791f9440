"""How a command ends, and how it speaks to people besides its results."""

from __future__ import annotations

import enum
import shlex
import sys
from typing import Final

import click

from axis_ntp_async.errors import SettingsError
from axis_ntp_async.report.printable import printable

_TYPED_ABOVE: Final = 100
"""To change more devices their number has to be typed."""


class ExitCode(enum.IntEnum):
    """What the program leaves with."""

    OK = 0
    SOME_FAILED = 1
    USAGE = 2
    STOPPED = 3
    LOGIN_OR_TRUST = 4
    STALE_OR_LOCKED = 5
    CHANGES_PENDING = 10
    INTERRUPTED = 130
    PIPE_CLOSED = 141


class PipeClosedError(Exception):
    """Whoever reads our output has seen enough."""


def say(text: str) -> None:
    """Tell people something, on standard error; above whatever is shown live there."""
    if sys.stderr is not None:
        sys.stderr.write(f"axis-ntp: {printable(text)}\n")
        sys.stderr.flush()


def confirmed(command: str, question: str, *, yes: bool) -> bool:
    """
    Ask people before a command goes on.

    Args:
        command: Its name.
        question: What to ask.
        yes: Whether they have agreed beforehand.

    Raises:
        SettingsError: Nobody is there to be asked.
    """
    if yes:
        return True
    _check_terminal(command)
    return click.confirm(question, err=True)


def confirmed_by_count(command: str, count: int, *, yes: bool) -> bool:
    """
    Ask people before so many devices are changed; of many they have to type the number.

    Args:
        command: Its name.
        count: How many devices it is about.
        yes: Whether they have agreed beforehand.

    Raises:
        SettingsError: Nobody is there to be asked.
    """
    if count <= _TYPED_ABOVE:
        devices = f"{count} device" + ("s" if count > 1 else "")
        return confirmed(command, f"Change {devices}?", yes=yes)
    if yes:
        return True
    _check_terminal(command)
    typed: str = click.prompt(
        f"This changes {count} devices. Type their number to go on",
        default="",
        err=True,
        show_default=False,
    )
    return typed.strip() == str(count)


def _check_terminal(command: str) -> None:
    if not sys.stdin.isatty():
        again = shlex.join(["axis-ntp", *sys.argv[1:], "--yes"])
        raise SettingsError(
            f"{command}: nobody is there to confirm this; if it is right, run it with --yes: "
            f"{again}"
        )
