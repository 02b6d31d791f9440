"""
Which of several rules wins: the more specific one.

A condition of a `match` says more of a device the further up it stands here:

    EXACT    the very name, serial or host
    PATTERN  a pattern of one of these, like `lobby-*`
    LABEL    `label.model=P32*`
    GROUP    `group=indoor`
    SITE     `site=berlin`
    OTHER    anything else: scheme, credentials, and `*` or nothing for a name, serial or host

A term is as specific as its conditions, the highest first: `site=berlin,
label.model=P32*` is above `label.model=P32*` alone, which is above
`group=indoor,site=berlin`. Negated conditions count nothing. Of several
terms the most specific one counts that fits the device in question. Of
equal rules the later one in the file wins, and `[policy]` itself comes last.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import define, field, frozen

from axis_ntp_async.device.records import Device
from axis_ntp_async.inventory.selection import LABEL_PREFIX, Condition, Selection, Term


class Rank(enum.IntEnum):
    """How much a condition says of a device."""

    OTHER = 1
    SITE = 2
    GROUP = 3
    LABEL = 4
    PATTERN = 5
    EXACT = 6


_RANK_OF_KEY: Final = {"site": Rank.SITE, "group": Rank.GROUP}
_OF_ONE_DEVICE: Final = ("name", "serial", "host")
_HANDLES: Final = (*_OF_ONE_DEVICE, "label", "group", "site")
"""Conditions to look rules up by, the rarest first."""


@frozen(order=True)
class Fit:
    """
    That a rule fits a device; of two the greater one wins.

    Attributes:
        ranks: Of the conditions of its most specific term, the highest first.
        number: The place of the rule in the file.
        terms: Numbers of the terms that fit; none when the rule has exclusions only.
    """

    ranks: tuple[int, ...]
    number: int
    terms: tuple[int, ...] = field(default=(), order=False)


def fit_of(number: int, selection: Selection, device: Device) -> Fit | None:
    """Tell how well a rule fits a device; `None` when it does not."""
    if not selection.matches(device):
        return None
    terms = {
        place: _ranks(term, device)
        for place, term in enumerate(selection.terms)
        if not term.is_exclusion and term.matches(device)
    }
    return Fit(max(terms.values(), default=()), number, tuple(terms))


def _ranks(term: Term, device: Device) -> tuple[int, ...]:
    positive = (condition for condition in term.conditions if not condition.is_negated)
    return tuple(sorted((_rank(condition, device) for condition in positive), reverse=True))


def _rank(condition: Condition, device: Device) -> Rank:
    if condition.key not in _OF_ONE_DEVICE:
        is_label = condition.key.startswith(LABEL_PREFIX)
        return Rank.LABEL if is_label else _RANK_OF_KEY.get(condition.key, Rank.OTHER)
    if not condition.pattern.strip("*"):
        return Rank.OTHER
    if condition.is_pattern and not _is_literally(condition, device):
        return Rank.PATTERN
    return Rank.EXACT


def _is_literally(condition: Condition, device: Device) -> bool:
    """Tell a name with brackets of its own from a pattern."""
    wanted = condition.pattern.casefold()
    return any(wanted == value.casefold() for value in condition.values_of(device))


@define
class Register:
    """
    Rules, to be found by the devices that they may fit.

    A rule is filed under one value that each of its terms asks for, where
    they all do; so a fleet with a rule for each site is not tried with each.
    """

    selections: Sequence[Selection]
    _filed: dict[str, tuple[Condition, dict[str, list[int]]]] = field(factory=dict, init=False)
    _others: list[int] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        for number, selection in enumerate(self.selections):
            terms = [term for term in selection.terms if not term.is_exclusion]
            handles = [_handle(term) for term in terms]
            if not all(handles) or not handles:
                self._others.append(number)
                continue
            for handle in filter(None, handles):
                _, numbers = self._filed.setdefault(handle.key, (handle, {}))
                numbers.setdefault(handle.pattern.casefold(), []).append(number)

    def fits(self, device: Device) -> list[Fit]:
        """Give how the rules that fit a device do so, the most specific one first."""
        found = (
            fit_of(number, self.selections[number], device) for number in self._numbers(device)
        )
        return sorted(filter(None, found), reverse=True)

    def _numbers(self, device: Device) -> set[int]:
        return {*self._others, *self._filed_for(device)}

    def _filed_for(self, device: Device) -> Iterator[int]:
        for condition, numbers in self._filed.values():
            for value in condition.values_of(device):
                yield from numbers.get(value.casefold(), ())


def _handle(term: Term) -> Condition | None:
    """Give the condition of a term that asks for one value, the rarest such."""
    handles = [
        condition
        for condition in term.conditions
        if condition.pattern and not condition.is_negated and not condition.is_pattern
    ]
    return min(handles, key=_rarity, default=None)


def _rarity(condition: Condition) -> int:
    kind = condition.key.partition(".")[0]
    return _HANDLES.index(kind) if kind in _HANDLES else len(_HANDLES)
