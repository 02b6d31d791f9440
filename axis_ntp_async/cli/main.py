"""`run`: from arguments to an exit code; no error of a user ends in a traceback."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

import click

from axis_ntp_async.cli.exits import ExitCode, PipeClosedError, say
from axis_ntp_async.errors import (
    AxisNTPError,
    HistoryLockedError,
    JournalLockedError,
    StalePlanError,
)

_SHOWN_FAULTS = 20
_STALE_OR_LOCKED = (StalePlanError, JournalLockedError, HistoryLockedError)


def run(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command line.

    Args:
        arguments: Without the program's name; by default those of the process.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    _make_writable()
    if {"--help", "-h"} & set(arguments) and sys.stdout.isatty():
        _decorate_help()
    from axis_ntp_async.cli.commands import axis_ntp  # noqa: PLC0415  help must be decorated before

    try:
        code = axis_ntp.main(list(arguments), prog_name="axis-ntp", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except AxisNTPError as error:
        _show(error)
        is_stale_or_locked = isinstance(error, _STALE_OR_LOCKED)
        return ExitCode.STALE_OR_LOCKED if is_stale_or_locked else ExitCode.USAGE
    except (PipeClosedError, BrokenPipeError):
        _forget_stdout()
        return ExitCode.PIPE_CLOSED
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EIO}:
            raise
        _forget_stdout()
        say(f"the output cannot be written: {error.strerror}")
        return ExitCode.SOME_FAILED
    return int(code or ExitCode.OK)


def _make_writable() -> None:
    """Let standard output take every letter, and be there even if the caller closed it."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123  until the end
    if reconfigure := getattr(sys.stdout, "reconfigure", None):
        reconfigure(errors="replace")


def _decorate_help() -> None:
    """Make help pretty for people; importing that costs a program more than it gives."""
    try:
        from rich_click.patch import patch  # noqa: PLC0415  slow
    except ModuleNotFoundError:
        return
    patch()


def _show(error: AxisNTPError) -> None:
    faults = str(error).splitlines()
    for fault in faults[:_SHOWN_FAULTS]:
        say(fault)
    if len(faults) > _SHOWN_FAULTS:
        say(f"… and {len(faults) - _SHOWN_FAULTS} more")


def _forget_stdout() -> None:
    """Let the interpreter flush into nothing when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
