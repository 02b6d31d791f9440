"""The board of a rollout on standard error: live where somebody watches."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.live import Live

from axis_ntp_async.report.rollout.board import Board


def is_watched() -> bool:
    """Tell whether standard error is a terminal that can show something live."""
    return sys.stderr.isatty() and Console(stderr=True).is_interactive


@contextlib.contextmanager
def shown_live(board: Board) -> Iterator[None]:
    """Show a board, four times a second, and take it away in the end."""

    def render() -> RenderableType:
        return board.render(dt.datetime.now(dt.UTC))

    console = Console(stderr=True)
    with Live(
        console=console,
        get_renderable=render,
        refresh_per_second=4,
        transient=True,
        redirect_stdout=False,
    ):
        yield
