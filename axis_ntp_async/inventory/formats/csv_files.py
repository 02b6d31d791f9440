"""Inventories as CSV: exports of a VMS, of a spreadsheet, of ourselves."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Final

from attrs import frozen

from axis_ntp_async.errors import InventoryError
from axis_ntp_async.inventory.formats.addresses import shown
from axis_ntp_async.inventory.formats.entries import Draft, Entry
from axis_ntp_async.inventory.formats.members import LABEL_PREFIX, READERS, is_secret, suggestion

DELIMITERS: Final = ",;\t|"

ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "name": ("name", "device name", "camera name", "display name", "device", "camera"),
    "host": (
        "host",
        "address",
        "ip address",
        "ip",
        "ipv4 address",
        "ipv4",
        "ipv6 address",
        "ipv6",
        "hostname",
        "host name",
        "dns name",
        "fqdn",
        "url",
    ),
    "scheme": ("scheme", "protocol"),
    "site": ("site", "location"),
    "serial": ("serial", "serial number", "serialnumber", "mac address", "mac"),
    "groups": ("groups", "group", "tags", "tag"),
    "credentials": ("credentials", "credential"),
}
"""Headers that we know for a member, the best one first; the others of them become labels."""

_NAMES: Final = {member: ALIASES.get(member, (member.replace("_", " "),)) for member in READERS}
_KNOWN: Final = frozenset(name for names in _NAMES.values() for name in names)
_EXCEL_DELIMITER = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
_NEARLY_A_MEMBER: Final = 0.75
"""From this likeness on a title is taken for a member with a slip in it, not for a label."""


@frozen(kw_only=True)
class _Row:
    """One record of the file: its cells, and the first of the lines it runs over."""

    line: int
    cells: list[str]


def read_csv(text: str, columns: Mapping[str, str]) -> Draft:
    """
    Read a table whose first line names the members.

    A column that is no member becomes a label, unless it sounds like a
    secret: then it is not read. An empty cell is a member not given.

    Args:
        text: Separated by one of `DELIMITERS`, whichever fits the header.
        columns: The column of a member, where neither its name nor an alias fits.

    Raises:
        InventoryError: The header is of no use, or quotes do not match.
    """
    delimiter, skipped = None, 0
    if found := _EXCEL_DELIMITER.match(text):
        delimiter, skipped, text = found[1], 1, text[found.end() :]
    delimiter = delimiter or _best_delimiter(text, columns)
    draft = Draft()
    rows = _rows(text, delimiter, skipped)
    header = next(rows, None)
    if header is None:
        return draft
    members = _members_of_columns(header, columns, draft)
    for row in rows:
        if len(row.cells) != len(members):
            draft.faults.append(
                f"line {row.line}: has {len(row.cells)} cells, "
                f"but the header has {len(members)} columns"
            )
            continue
        raw = {
            member: cell
            for member, cell in zip(members, row.cells, strict=True)
            if member is not None and cell
        }
        draft.entries.append(Entry(place=f"line {row.line}", raw=raw))
    return draft


def known_columns(line: str, delimiter: str) -> int:
    """Count the columns of a header that we know without a mapping."""
    return sum(_folded(cell) in _KNOWN for cell in line.split(delimiter))


def _rows(text: str, delimiter: str, skipped: int) -> Iterator[_Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1 + skipped
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InventoryError(f"line {line}: {error}; is a quote not closed?") from error
        if any(map(str.strip, cells)):
            yield _Row(line=line, cells=cells)
        line = reader.line_num + 1 + skipped


def _best_delimiter(text: str, columns: Mapping[str, str]) -> str:
    header = text.lstrip("\r\n").split("\n", 1)[0]
    mapped = {_folded(column) for column in columns.values()}

    def fit(delimiter: str) -> tuple[int, int]:
        cells = header.split(delimiter)
        found = sum(_folded(cell) in mapped for cell in cells)
        return known_columns(header, delimiter) + found, len(cells)

    return max(DELIMITERS, key=fit)


def _folded(header: str) -> str:
    return re.sub(r"[\s_\-]+", " ", header.strip().strip('"')).strip().casefold()


def _members_of_columns(
    header: _Row, columns: Mapping[str, str], draft: Draft
) -> list[str | None]:
    """Give the member of each column, in order; `None` for one that is not read."""
    titles = [cell.strip() for cell in header.cells]
    place = f"line {header.line}"
    owners = _mapped(titles, columns, place)
    for member, names in _NAMES.items():
        if member not in owners.values():
            _claim(titles, member, names, owners)
    if "host" not in owners.values():
        raise InventoryError(
            f"{place}: no column for 'host' among {shown(', '.join(titles))}; "
            'map one, as with --map host="IP of camera"'
        )
    members = [owners.get(at) or _free_member(title) for at, title in enumerate(titles)]
    faults = [
        f"{place}: {fault}"
        for at, (title, member) in enumerate(zip(titles, members, strict=True), start=1)
        if (fault := _fault_of_column(at, title, member, members))
    ]
    if faults:
        raise InventoryError(*dict.fromkeys(faults))
    draft.warnings += [
        f"{place}: the column {shown(title)} sounds like a secret; it is not read"
        for title, member in zip(titles, members, strict=True)
        if member is None
    ]
    return members


def _mapped(titles: list[str], columns: Mapping[str, str], place: str) -> dict[int, str]:
    owners: dict[int, str] = {}
    faults = []
    folded = [_folded(title) for title in titles]
    for member, column in columns.items():
        if member not in READERS and not member.startswith(LABEL_PREFIX):
            nearest = suggestion(member, READERS)
            faults.append(f"mapping: {shown(member)} is not a member of a device{nearest}")
        elif is_secret(column):
            faults.append(f"mapping: {shown(column)} sounds like a secret; it is not read")
        elif _folded(column) not in folded:
            nearest = suggestion(column, titles)
            faults.append(f"{place}: no column {shown(column)} for {member!r}{nearest}")
        else:
            owners[folded.index(_folded(column))] = member
    if faults:
        raise InventoryError(*faults)
    return owners


def _claim(titles: list[str], member: str, names: tuple[str, ...], owners: dict[int, str]) -> None:
    """Let a member own the columns of its best name that stands in the header."""
    folded = [_folded(title) for title in titles]
    for name in names:
        found = [at for at, title in enumerate(folded) if title == name and at not in owners]
        if found:
            owners.update(dict.fromkeys(found, member))
            return


def _free_member(title: str) -> str | None:
    if is_secret(title):
        return None
    if title.casefold().startswith(LABEL_PREFIX):
        return LABEL_PREFIX + title[len(LABEL_PREFIX) :]
    return LABEL_PREFIX + title


def _fault_of_column(
    at: int, title: str, member: str | None, members: list[str | None]
) -> str | None:
    if not title:
        return f"column {at} has no title"
    if member is not None and members.count(member) > 1:
        return f"two columns give {member.removeprefix(LABEL_PREFIX)!r}"
    if member == LABEL_PREFIX + title and _folded(title) not in _KNOWN:
        nearest = suggestion(title, READERS, cutoff=_NEARLY_A_MEMBER)
        if nearest:
            return (
                f"{shown(title)} is not a member{nearest} (for a label, call it 'label.{title}')"
            )
    return None
