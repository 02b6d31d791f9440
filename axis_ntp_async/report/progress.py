"""How far a run is, on standard error, and only where somebody watches."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextlib.contextmanager
def progress(total: int, *, shown: bool = True) -> Iterator[Callable[[bool], None]]:
    """
    Give a function to call for every device, with whether it is well.

    Args:
        total: Devices in all.
        shown: `False` shows nothing anywhere.
    """
    console = Console(stderr=True)
    if not (shown and sys.stderr.isatty() and console.is_interactive):
        yield lambda is_well: None  # noqa: ARG005  nobody watches
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[troubled]} troubled"),
        TimeRemainingColumn(),
    )
    # Standard output stays untouched: rich would send it to the console, which is the other one.
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        line = bar.add_task("", total=total, troubled=0)
        troubled = 0

        def advance(is_well: bool) -> None:
            nonlocal troubled
            troubled += not is_well
            bar.update(line, advance=1, troubled=troubled)

        yield advance
