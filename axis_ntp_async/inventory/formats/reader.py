"""Which format an inventory has, and who reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Final

from axis_ntp_async.errors import InventoryError
from axis_ntp_async.inventory.formats.ansible_ini import SECTION, read_ansible_ini
from axis_ntp_async.inventory.formats.ansible_yaml import read_ansible_yaml
from axis_ntp_async.inventory.formats.content import decoded
from axis_ntp_async.inventory.formats.csv_files import DELIMITERS, known_columns, read_csv
from axis_ntp_async.inventory.formats.entries import Draft
from axis_ntp_async.inventory.formats.host_lists import read_list
from axis_ntp_async.inventory.formats.members import suggestion
from axis_ntp_async.inventory.formats.tables import TABLES, read_json, read_json_lines, read_toml

READER_OF_FORMAT: Final[dict[str, Callable[[str], Draft]]] = {
    "toml": read_toml,
    "csv": lambda text: read_csv(text, {}),
    "json": read_json,
    "jsonl": read_json_lines,
    "list": read_list,
    "ansible-ini": read_ansible_ini,
    "ansible-yaml": read_ansible_yaml,
}
FORMATS: Final = tuple(READER_OF_FORMAT)
"""What `load_inventory(format=...)` takes."""

FORMAT_OF_ENDING: Final = {
    ".toml": "toml",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".list": "list",
    ".ini": "ansible-ini",
    ".yaml": "ansible-yaml",
    ".yml": "ansible-yaml",
}
"""Other endings, such as `.txt`, say nothing: the content decides."""

_ALWAYS_UTF8: Final = frozenset({"toml", "json", "jsonl", "ansible-yaml"})
_JSON_LIST = re.compile(r"\[\s*[{\]]")
_TOML_LINE = re.compile(
    rf"^[ \t]*(\[\[[ \t]*devices[ \t]*\]\]|\[({'|'.join(TABLES)})(\.[^\]:]+)?\]|devices\s*=)",
    re.MULTILINE,
)
_YAML_LINE = re.compile(r"---|[\w-]+:")
_VARIABLE_OF_A_HOST = re.compile(r"\S+\s+\w+=.*")


def read_draft(name: str, raw: bytes, format: str | None, columns: Mapping[str, str]) -> Draft:  # noqa: A002  as load_inventory calls it
    """
    Read the content of a file whose format may be known.

    Args:
        name: Of the file; its ending tells the format.
        raw: The content.
        format: One of `FORMATS`, or `None`.
        columns: The column of a member, for CSV.

    Raises:
        InventoryError: Nothing can be made of it.
    """
    if format is not None and format not in FORMATS:
        raise InventoryError(
            f"format {format!r} is none of {', '.join(FORMATS)}{suggestion(format, FORMATS)}"
        )
    text, warning = decoded(raw)
    guessed = format or FORMAT_OF_ENDING.get(PurePath(name).suffix.lower())
    known = guessed or ("csv" if columns else guess_format(text))
    if warning and known in _ALWAYS_UTF8:
        raise InventoryError(f"{warning}; {known} is always UTF-8, save it so")
    if columns and known != "csv":
        raise InventoryError(f"columns can be mapped in CSV only, and this is {known}")
    draft = read_csv(text, columns) if columns else READER_OF_FORMAT[known](text)
    if not draft.entries and not draft.faults:
        raise InventoryError(f"no devices in it (read as {known})")
    if warning:
        draft.warnings.append(f"{warning}; read as Windows-1252")
    return draft


def guess_format(text: str) -> str:
    """Give the format that the content looks like; a plain list when it looks like nothing."""
    lines = [line.strip() for line in text.splitlines()]
    first = next((line for line in lines if line and line[0] not in "#;"), "")
    if first.startswith("{"):
        return "json" if _is_one_object(text, first) else "jsonl"
    looks = {
        "json": _JSON_LIST.match(text.lstrip()),
        "toml": _TOML_LINE.search(text),
        "ansible-yaml": _YAML_LINE.fullmatch(first),
        "csv": any(known_columns(first, delimiter) for delimiter in DELIMITERS),
        "ansible-ini": SECTION.fullmatch(first) or _VARIABLE_OF_A_HOST.fullmatch(first),
    }
    return next((name for name, is_so in looks.items() if is_so), "list")


def _is_one_object(text: str, first: str) -> bool:
    """Tell an object that fills the file from objects that fill a line each."""
    try:
        found = json.loads(first)
    except (ValueError, RecursionError):
        return True
    return first == text.strip() and "devices" in found
