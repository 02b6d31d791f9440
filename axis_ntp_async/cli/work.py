"""From what was typed to the file that does the work, which is imported only then."""

from __future__ import annotations

import importlib
from typing import Any

import click

from axis_ntp_async.cli.exits import PipeClosedError
from axis_ntp_async.errors import SettingsError


def work(module: str, function: str, *arguments: Any, **named: Any) -> int:  # noqa: ANN401  passed on
    """Import the file that does the work, and run its function, unless the settings are faulty."""
    if fault := click.get_current_context().find_object(SettingsError):
        raise fault
    import logging  # noqa: PLC0415  help does without

    logging.basicConfig(format="axis-ntp: %(message)s")
    work = getattr(importlib.import_module(f"axis_ntp_async.cli.{module}"), function)
    try:
        return int(work(*arguments, **named))
    except BrokenPipeError as error:
        # click would leave with 1, as if devices had failed.
        raise PipeClosedError from error


class InOrder(click.Group):
    """A group that lists its commands in the order in which one meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Give their names."""
        return list(self.commands)
