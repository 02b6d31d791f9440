"""
The members of a device as a file gives them: which there are, and how each is read.

All formats share this, so a port means the same in a CSV cell and in TOML.
Text may stand where a number or a flag is meant, since CSV has only text; a
number never stands where text is meant, since `serial = 004012` loses digits.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from axis_ntp_async.inventory.formats.addresses import shown

LABEL_PREFIX: Final = "label."
TEXT_MAX: Final = 1_000
SEPARATORS_OF_GROUPS: Final = ";,|"
"""A group's name has none of these, so that groups can share a cell, and a term of a selection."""

_LINE_BREAKS = re.compile(r"\s*[\r\n\t]\s*")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SECRET = re.compile(
    r"(^|[^a-z])pass($|[^a-z])|passw(or)?d|passphrase|pwd|secret|token|(private|api)[ _-]?key"
    r"|community",
    re.IGNORECASE,
)
_FLAGS: Final = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}

Members = dict[str, Any]
"""Members of a device that have been read: the right types, but not yet a device."""


@functools.lru_cache
def is_secret(member: str) -> bool:
    """Whether a name sounds like that of a secret, whose value we neither keep nor show."""
    return bool(_SECRET.search(member))


def suggestion(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Give the end of a sentence that names the nearest known word, or nothing."""
    folded = {one.casefold(): one for one in known}
    nearest = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=cutoff)
    return f"; did you mean {folded[nearest[0]]!r}?" if nearest else ""


def read_members(raw: Mapping[str, object]) -> tuple[Members, list[str]]:
    """Give the members with the right types, and a sentence for each that is wrong."""
    members: Members = {}
    labels: dict[str, object] = {}
    faults: list[str] = []
    for member, value in raw.items():
        reader = READERS.get(member)
        if reader is None and str(member).startswith(LABEL_PREFIX):
            labels[member.removeprefix(LABEL_PREFIX)] = value
        elif reader is None:
            faults.append(_fault_of_unknown(str(member)))
        else:
            try:
                members[member] = reader(value)
            except ValueError as error:
                faults.append(f"{member}: {error}")
    if labels:
        apart, faults_apart = read_members({"labels": labels})
        faults += faults_apart
        members["labels"] = {**members.get("labels", {}), **apart.get("labels", {})}
    return members, faults


def _fault_of_unknown(member: str) -> str:
    if is_secret(member):
        return (
            f"{shown(member)}: secrets do not belong into an inventory; "
            "put a reference under [credentials.NAME]"
        )
    nearest = suggestion(member, READERS)
    return f"{shown(member)}: is not a member of a device{nearest or _ELSE_A_LABEL}"


_ELSE_A_LABEL: Final = "; free values go under 'labels'"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not text; write it in quotes")  # noqa: TRY004  a fault of the file
    if len(value) > TEXT_MAX:
        raise ValueError(f"has {len(value)} characters, at most {TEXT_MAX} are allowed")
    text = value.strip()
    if text.isprintable():
        return text
    text = _LINE_BREAKS.sub(" ", text)
    if found := _CONTROLS.search(text):
        raise ValueError(f"has the control character {found[0]!r}")
    return text


def _word(value: object) -> str:
    return _text(value).lower()


def _port(value: object) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = _text(value)
    if not text:
        return text
    if not (text.isascii() and text.isdigit() and len(text) <= len("65535")):
        raise ValueError(f"{shown(value)} is not a number from 1 to 65535")
    return int(text)


def _flag(value: object) -> bool | str:
    if isinstance(value, bool):
        return value
    word = _word(value)
    if word and word not in _FLAGS:
        raise ValueError(f"{shown(value)} is neither true nor false")
    return _FLAGS.get(word, word)


def _groups(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = re.split(f"[{SEPARATORS_OF_GROUPS}]", value)
    if not isinstance(value, list | tuple):
        raise ValueError(f"{shown(value)} is not a list of names")  # noqa: TRY004  a fault of the file
    groups = [_text(one) for one in value]
    for group in groups:
        if not set(SEPARATORS_OF_GROUPS).isdisjoint(group):
            raise ValueError(f"{shown(group)} has one of {SEPARATORS_OF_GROUPS} in it")
    return tuple(dict.fromkeys(filter(None, groups)))


def _labels(value: object) -> dict[str, str]:
    if isinstance(value, str):
        value = _pairs(value)
    if not isinstance(value, Mapping):
        raise ValueError(f"{shown(value)} is not a table of labels")  # noqa: TRY004  a fault of the file
    labels = {}
    for key, one in value.items():
        name = _text(key)
        if not name:
            raise ValueError("a label has no name")
        if is_secret(name):
            raise ValueError(f"{shown(name)}: secrets do not belong into an inventory")
        try:
            labels[name] = str(one) if type(one) is int else _text(one)
        except ValueError as error:
            raise ValueError(f"{shown(name)}: {error}") from error
    return {name: text for name, text in labels.items() if text}


def _pairs(text: str) -> dict[str, str]:
    pairs = {}
    for pair in filter(None, map(str.strip, text.split(";"))):
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"{shown(pair)} is not a label like model=P3265-V")
        pairs[name] = value
    return pairs


READERS: Final[dict[str, Callable[[object], object]]] = {
    "name": _text,
    "host": _text,
    "port": _port,
    "scheme": _word,
    "site": _text,
    "serial": _text,
    "groups": _groups,
    "labels": _labels,
    "credentials": _text,
    "tls": _text,
    "legacy_tls": _flag,
    "plaintext_basic": _flag,
}
"""Each member of a device, and how it is read; in the order in which we write them."""
