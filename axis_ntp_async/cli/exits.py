"""How a command ends, and how it speaks to people besides its results."""

from __future__ import annotations

import enum

import click

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
