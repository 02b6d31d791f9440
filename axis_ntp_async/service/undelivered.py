"""Notices that wait, as texts that a history remembers: a process may end before they are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import cattrs
from cattrs.preconf.json import make_converter

from axis_ntp_async.health.watch.notice import Notice

_KEY: Final = "undelivered "
_CONVERTER: Final = make_converter(omit_if_default=True)


def texts_of(notices: Mapping[str, Notice]) -> dict[str, str]:
    """Give notices, by the names of their channels, as texts by keys."""
    return {_KEY + name: _CONVERTER.dumps(notice) for name, notice in notices.items()}


def notices_in(texts: Mapping[str, str]) -> dict[str, Notice]:
    """
    Give back what `texts_of` gave; keys of others are left out.

    Raises:
        ValueError: One is none of ours; it says which.
    """
    notices: dict[str, Notice] = {}
    for key, text in texts.items():
        if is_one(key):
            name = key.removeprefix(_KEY)
            try:
                notices[name] = _CONVERTER.loads(text, Notice)
            except (ValueError, KeyError, TypeError, cattrs.BaseValidationError) as error:
                raise ValueError(f"what waited for {name} is damaged") from error
    return notices


def is_one(key: str) -> bool:
    """Tell whether it is the key of notices that wait."""
    return key.startswith(_KEY)
