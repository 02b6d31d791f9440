"""How a command ends, and how it speaks to people besides its results."""

from __future__ import annotations

import enum
import sys

import click

from axis_ntp_async.errors import SettingsError
from axis_ntp_async.report.printable import printable


class ExitCode(enum.IntEnum):
    """What the program leaves with."""

    OK = 0
    SOME_FAILED = 1
    USAGE = 2
    LOGIN_OR_TRUST = 4
    INTERRUPTED = 130
    PIPE_CLOSED = 141


class PipeClosedError(Exception):
    """Whoever reads our output has seen enough."""


def say(text: str) -> None:
    """Tell people something, on standard error."""
    click.echo(f"axis-ntp: {printable(text)}", err=True)


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
    if not sys.stdin.isatty():
        raise SettingsError(f"{command}: nobody is there to confirm this; run it with --yes")
    return click.confirm(question, err=True)
