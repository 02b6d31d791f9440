"""
The small language in which people say which devices they mean.

    lobby-3                         the device of that name
    lobby-*  cam-[12]?              names by a pattern: `*`, `?`, `[...]`
    site=berlin  group=indoor       members: name, host, scheme, site, serial, group, credentials
    label.model=P32*                labels; the value may be a pattern
    site=                           devices that have none
    site=berlin,label.model=P32*    all of these; ` and ` may stand for the comma
    !group=lab   not group=lab      the opposite of one condition
    @lobby.txt                      names in a file, one a line, taken literally

Several terms are added up. Terms that consist of opposites only are taken
away from the rest; when there are no others, from all devices. Letter case is
of no importance. A name with a comma, an equals sign or the word "and" is
written with `?` in their place, or in a file.
"""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final

from attrs import field, frozen

from axis_ntp_async.device.records import Device, normalized_serial
from axis_ntp_async.errors import SelectionError

LABEL_PREFIX: Final = "label."
_ALIASES: Final = {"groups": "group", "tag": "group", "tags": "group"}
_COMPARED_MAX: Final = 10_000
_SHOWN_MAX: Final = 5

_VALUES: Final[dict[str, Callable[[Device], Iterable[str]]]] = {
    "name": lambda device: (device.name,),
    "host": lambda device: (device.host,),
    "scheme": lambda device: (device.scheme,),
    "site": lambda device: (device.site or "",),
    "serial": lambda device: (device.serial or "",),
    "group": lambda device: device.groups,
    "credentials": lambda device: (device.credentials or "",),
}

ReadNames = Callable[[str], Iterable[str]]
"""Gives the names in the file of an `@file` term."""


@frozen(kw_only=True)
class Condition:
    """
    What one device must, or must not, be.

    Attributes:
        text: As written.
        key: A member, `label.<name>`, or `@` for a list of names.
        pattern: What its value must look like; empty for "has none".
        names: The names of `@`.
        is_negated: Whether the opposite is meant.
    """

    text: str
    key: str
    pattern: str = ""
    names: frozenset[str] = frozenset()
    is_negated: bool = False
    _folded: str = field(init=False, eq=False, repr=False)
    _compiled: re.Pattern[str] | None = field(init=False, eq=False, repr=False)

    @_folded.default
    def _fold(self) -> str:
        return self.pattern.casefold()

    @_compiled.default
    def _compile(self) -> re.Pattern[str] | None:
        has_signs = not set("*?[").isdisjoint(self._folded)
        return re.compile(fnmatch.translate(self._folded)) if has_signs else None

    @property
    def is_pattern(self) -> bool:
        """Whether several values may fit."""
        return self._compiled is not None

    def finds(self, device: Device) -> bool:
        """Whether the device fits, the negation left aside."""
        if self.key == "@":
            return device.name in self.names
        values = [value.casefold() for value in self.values_of(device) if value]
        return any(map(self._fits, values)) if self.pattern else not values

    def _fits(self, value: str) -> bool:
        # A name may have brackets of its own, so it always fits itself.
        return value == self._folded or bool(self._compiled and self._compiled.match(value))

    def matches(self, device: Device) -> bool:
        """Whether the device is what the condition asks for."""
        return self.finds(device) is not self.is_negated

    def values_of(self, device: Device) -> Iterable[str]:
        """Give what is compared with the pattern."""
        if self.key.startswith(LABEL_PREFIX):
            wanted = self.key.removeprefix(LABEL_PREFIX)
            return [text for name, text in device.labels.items() if name.casefold() == wanted]
        return _VALUES[self.key](device)


@frozen(kw_only=True)
class Term:
    """Conditions that must all be met by one device."""

    text: str
    conditions: tuple[Condition, ...]

    @property
    def is_exclusion(self) -> bool:
        """Whether it only says what is not meant."""
        return all(condition.is_negated for condition in self.conditions)

    def matches(self, device: Device) -> bool:
        """Whether the device meets all conditions."""
        return all(condition.matches(device) for condition in self.conditions)


@frozen(kw_only=True)
class Selection:
    """
    Which devices are meant; no terms mean all of them.

    Attributes:
        terms: As described at the head of this module.
    """

    terms: tuple[Term, ...] = ()

    @classmethod
    def parse(cls, terms: Iterable[str], *, read_names: ReadNames | None = None) -> Selection:
        """
        Read terms.

        Args:
            terms: One text each.
            read_names: Reads the file of an `@file`; without it there may be none.

        Raises:
            SelectionError: A term that cannot be understood.
        """
        return cls(terms=tuple(_term(text.strip(), read_names) for text in terms))

    def matches(self, device: Device) -> bool:
        """Whether the device is among those that are meant."""
        included = [term for term in self.terms if not term.is_exclusion]
        if included and not any(term.matches(device) for term in included):
            return False
        return all(term.matches(device) for term in self.terms if term.is_exclusion)

    def choose(self, devices: Sequence[Device]) -> tuple[Device, ...]:
        """
        Give those of the devices that are meant, in their order.

        Raises:
            SelectionError: Nothing is left, or a term (or what it excludes) fits no device.
        """
        for term in self.terms:
            _check(term, devices)
        chosen = tuple(filter(self.matches, devices)) if self.terms else tuple(devices)
        if not chosen:
            raise SelectionError(
                f"no device is left of {len(devices)}: the selection excludes all that it includes"
                if self.terms
                else "there are no devices to select from"
            )
        return chosen


def _term(text: str, read_names: ReadNames | None) -> Term:
    unnegated, is_negated = _without_negation(text)
    if unnegated.startswith("@"):
        if read_names is None:
            raise SelectionError(f"{text!r}: a file of names may not stand here")
        names = frozenset(read_names(unnegated[1:]))
        condition = Condition(text=text, key="@", names=names, is_negated=is_negated)
        return Term(text=text, conditions=(condition,))
    parts = re.split(r"\s*,\s*|\s+and\s+", text)
    return Term(text=text, conditions=tuple(_condition(part, text) for part in parts))


def _without_negation(text: str) -> tuple[str, bool]:
    found = re.match(r"!\s*|not\s+", text)
    return (text[found.end() :], True) if found else (text, False)


def _condition(text: str, term: str) -> Condition:
    unnegated, is_negated = _without_negation(text)
    key, equals, pattern = (part.strip() for part in unnegated.partition("="))
    if not key:
        raise SelectionError(f"{term!r}: a condition is empty")
    if not equals:
        key, pattern = "name", key
    elif key.casefold().startswith(LABEL_PREFIX):
        key = key.casefold()
    else:
        key = _ALIASES.get(key.casefold(), key.casefold())
        if key not in _VALUES:
            nearest = difflib.get_close_matches(key, _VALUES, n=1)
            hint = f"did you mean {nearest[0]!r}?" if nearest else "for a label write label.NAME="
            raise SelectionError(f"{term!r}: {key!r} is not known; {hint}")
    if key == "serial" and "[" not in pattern:
        pattern = normalized_serial(pattern)
    return Condition(text=text, key=key, pattern=pattern, is_negated=is_negated)


def _check(term: Term, devices: Sequence[Device]) -> None:
    """See that a term, and everything it excludes, fits at least one device."""
    for condition in term.conditions:
        if condition.key == "@":
            _check_names(condition, devices)
        elif not any(map(condition.finds, devices)):
            raise SelectionError(
                f"{condition.text!r} fits none of {len(devices)} devices"
                f"{_nearest(condition, devices)}"
            )
    if not any(map(term.matches, devices)):
        raise SelectionError(
            f"{term.text!r} fits none of {len(devices)} devices; within a term all conditions "
            "must be met, several terms are added up"
        )


def _check_names(condition: Condition, devices: Sequence[Device]) -> None:
    missing = sorted(condition.names - {device.name for device in devices})
    if missing or not condition.names:
        some = ", ".join(map(repr, missing[:_SHOWN_MAX])) or "no names at all"
        more = f" and {len(missing) - _SHOWN_MAX} more" if len(missing) > _SHOWN_MAX else ""
        raise SelectionError(f"{condition.text!r}: not in the inventory: {some}{more}")


def _nearest(condition: Condition, devices: Sequence[Device]) -> str:
    values = {value: None for device in devices for value in condition.values_of(device) if value}
    prefix, wanted, known = (
        f"{condition.key}=",
        condition.pattern,
        list(islice(values, _COMPARED_MAX)),
    )
    if condition.key == "name":
        prefix = ""
    elif condition.key.startswith(LABEL_PREFIX) and not known:
        prefix, wanted = LABEL_PREFIX, condition.key.removeprefix(LABEL_PREFIX)
        known = list({name: None for device in devices for name in device.labels})
    folded = {value.casefold(): value for value in known}
    nearest = difflib.get_close_matches(wanted.casefold(), folded, n=3, cutoff=0.5)
    if not nearest:
        return ""
    return f"; the closest: {', '.join(prefix + folded[one] for one in nearest)}"
