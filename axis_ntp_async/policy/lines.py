"""
On which lines of a policy its tables and members stand: Python's TOML reader does not tell.

The lines are never wrong, rather unknown: a text that only looks like a
header, within quotes or a comment, is left out, and headers that are written
in an unusual way leave the overrides without any.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from attrs import define, field

_QUOTED_OR_COMMENT: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}(?!")'
    r"|'''.*?'{3,5}(?!')"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*",
    re.DOTALL,
)
_HEADER: Final = re.compile(r"\s*(\[\[?)([\w\-. \t]+)\]")
_KEY: Final = re.compile(r"\s*([\w\-]+(?:[ \t]*\.[ \t]*[\w\-]+)*)[ \t]*=")

Path = tuple[str, ...]


@define
class Section:
    """
    Where one table stands.

    Attributes:
        line: Of its header; `None` when that is not known.
        members: Lines of its members, by their path below it.
    """

    line: int | None = None
    members: dict[Path, int] = field(factory=dict)

    def line_of(self, path: Path) -> int | None:
        """Give the line of a member, else of the table it is in, as near as is known."""
        nearest = (path[:end] for end in range(len(path), 0, -1))
        return next((self.members[one] for one in nearest if one in self.members), self.line)


@define
class Lines:
    """
    Where everything stands.

    Attributes:
        beside: Of the members at the top of the file.
        base: Of `[policy]`.
    """

    beside: Section = field(factory=Section)
    base: Section = field(factory=Section)
    _overrides: list[Section] = field(factory=list)

    @classmethod
    def of(cls, text: str) -> Lines:
        """Look for headers and members in a text that is TOML."""
        lines, depth = cls(), 0
        section: Section | None = lines.beside
        above: Path = ()
        for number, line in enumerate(_QUOTED_OR_COMMENT.sub(_blank, text).split("\n"), start=1):
            if depth == 0 and line.lstrip().startswith("["):
                section, above = lines.section_of(_HEADER.match(line), number)
            elif depth == 0 and section is not None and (found := _KEY.match(line)):
                lines.note(section, (*above, *_path(found[1])), number)
            depth += sum(map(line.count, "[{")) - sum(map(line.count, "]}"))
        return lines

    def overrides(self, count: int) -> Sequence[Section]:
        """Give where so many overrides stand."""
        known = self._overrides
        return known if len(known) == count else [Section() for _ in range(count)]

    def section_of(self, header: re.Match[str] | None, number: int) -> tuple[Section | None, Path]:
        """Give the table that a header opens, as one of those we know and a path below it."""
        path = _path(header[2]) if header else ()
        if header and header[1] == "[[" and path == ("policy", "override"):
            self._overrides.append(Section(line=number))
            return self._overrides[-1], ()
        if path[:2] == ("policy", "override") and self._overrides:
            self._overrides[-1].members.setdefault(path[2:], number)
            return self._overrides[-1], path[2:]
        if path[:1] == ("policy",):
            self.note(self.beside, path, number)
            return self.base, path[1:]
        if path:
            self.beside.members.setdefault(path[:1], number)
        return None, ()

    def note(self, section: Section, path: Path, number: int) -> None:
        """Take down where a member stands; `policy.servers` at the top is one of `[policy]`."""
        if section is self.beside and path[0] == "policy":
            if path[1:]:
                self.base.members.setdefault(path[1:], number)
            else:
                self.base.line = number
        section.members.setdefault(path[:1] if section is self.beside else path, number)


def _path(text: str) -> Path:
    return tuple(part.strip() for part in text.split("."))


def _blank(found: re.Match[str]) -> str:
    """Leave the line breaks of a text, so that lines can be counted."""
    return "" if found[0].startswith("#") else '""' + "\n" * found[0].count("\n")
