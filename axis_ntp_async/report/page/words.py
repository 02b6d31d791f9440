"""Values as they may stand in a page: harmless texts, finite numbers, times in UTC. Pure."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import define, field

from axis_ntp_async.health.finding import Cause, Finding, State
from axis_ntp_async.report.printable import printable

NO_SITE: Final = ""
"""Stands for the site of devices that have none."""

_CAUSES: Final = {
    Cause.NOT_SYNCED: "not in sync",
    Cause.STALE: "offset stands still",
    Cause.SKEW: "wrong time",
    Cause.OFFSET: "large offset",
    Cause.DRIFT: "not as the policy wants",
    Cause.DISABLED: "switched off",
    Cause.NO_SERVERS: "no time server",
    Cause.FEW_SERVERS: "too few servers",
    Cause.DHCP_FALLBACK: "falls back from DHCP",
    Cause.LOGIN: "login refused",
    Cause.BLOCKED: "login blocked",
    Cause.IDENTITY: "another device answers",
    Cause.BAD_ANSWER: "strange answer",
}


def shown(text: str) -> str:
    """Give a text that cannot steer what is around it, nor hide a part of itself."""
    return text if text.isprintable() else printable(text)


def cause_in_words(cause: Cause) -> str:
    """Give a cause as people call it."""
    return _CAUSES.get(cause) or cause.value.replace("_", " ")


def site_of(finding: Finding) -> str:
    """Give a device's site, or `NO_SITE`."""
    return shown(finding.device.site or NO_SITE)


def rounded(value: float | None, digits: int) -> float | None:
    """Give a number for JSON, which knows no infinity; `None` when there is none."""
    if value is None or not math.isfinite(value):
        return None
    return round(value, digits) + 0.0


def seconds(milliseconds: float | None) -> float | None:
    """Give milliseconds in seconds, to the microsecond."""
    return None if milliseconds is None else rounded(milliseconds / 1000, 6)


def moment(at: dt.datetime) -> str:
    """Give a time for programs."""
    return f"{at.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def by_state(counts: Mapping[State, int]) -> dict[str, int]:
    """Give devices by state, every state named, from good to bad."""
    return {state.value: counts.get(state, 0) for state in State}


@define
class Texts:
    """
    Texts that are told once each, and referred to by number.

    Attributes:
        all: They, in the order of their numbers.
    """

    all: list[str] = field(factory=list)
    _numbers: dict[str, int] = field(factory=dict)

    def number(self, text: str) -> int:
        """Give the number of a text."""
        found = self._numbers.get(text)
        if found is None:
            found = self._numbers[text] = len(self.all)
            self.all.append(shown(text))
        return found

    def numbers(self, texts: Iterable[str]) -> list[int]:
        """Give the numbers of some texts."""
        return [self.number(text) for text in texts]
