"""Putting on a terminal what the tables give."""

from __future__ import annotations

from typing import Final

from attrs import frozen
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment

_ANY_WIDTH: Final = 1000


@frozen
class Trimmed:
    """
    Something to show, without blanks at the ends of its lines.

    Attributes:
        content: What to show.
    """

    content: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in console.render_lines(self.content, options, pad=False):
            while line and not line[-1].text.strip():
                line.pop()
            if line:
                line[-1] = Segment(line[-1].text.rstrip(), line[-1].style)
            yield from line
            yield Segment.line()


@frozen
class Fitting:
    """
    Something to show where there is room for all of it, and something else where there is not.

    Attributes:
        wide: Shown where no line of it would be broken.
        narrow: Shown elsewhere.
    """

    wide: RenderableType
    narrow: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        needed = console.measure(self.wide, options=options.update(width=_ANY_WIDTH)).maximum
        yield self.wide if needed <= options.max_width else self.narrow


class _Console(Console):
    """A console that tells when nobody reads it any more, in place of ending the program."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def show(*parts: RenderableType, on_stderr: bool = False) -> None:
    """Show one thing below the other, at the width of the terminal; in pipes 80 columns."""
    console = _Console(stderr=on_stderr)
    console.print(Trimmed(Group(*parts)), end="")


def width() -> int:
    """Give how many columns standard output has."""
    return Console().width
