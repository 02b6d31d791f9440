"""Putting on a terminal what the tables give."""

from __future__ import annotations

from attrs import frozen
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment


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
