"""Notices that wait, as texts that a history remembers: a process may end before they are told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from axis_ntp_async.report.documents import Document

_KEY: Final = "undelivered "


def texts_of(notices: Mapping[str, Sequence[Document]]) -> dict[str, str]:
    """Give notices, by the names of their channels, as texts by keys."""
    return {_KEY + name: json.dumps(list(waiting)) for name, waiting in notices.items()}


def notices_in(texts: Mapping[str, str]) -> dict[str, list[Document]]:
    """
    Give back what `texts_of` gave; keys of others are left out.

    Raises:
        ValueError: One is none of ours; it says which.
    """
    notices: dict[str, list[Document]] = {}
    for key, text in texts.items():
        if not key.startswith(_KEY):
            continue
        try:
            waiting = json.loads(text)
        except ValueError:
            waiting = None
        if not (isinstance(waiting, list) and all(isinstance(one, dict) for one in waiting)):
            raise ValueError(f"what waited for {key.removeprefix(_KEY)} is damaged")
        notices[key.removeprefix(_KEY)] = waiting
    return notices


def is_one(key: str) -> bool:
    """Tell whether it is the key of notices that wait."""
    return key.startswith(_KEY)
