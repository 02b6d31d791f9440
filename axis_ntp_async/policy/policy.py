"""
What is wanted of each device, and which rule decides that.

A policy is a list of rules: `[policy]`, which is for every device, and the
overrides, each for those that it fits. Every member of a device's
configuration is decided by itself, by the most specific rule that names it;
`specificity.py` says which one that is. What no rule names stays as the
device has it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from attrs import define, field, fields, frozen

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import Device
from axis_ntp_async.errors import PolicyError, SelectionError
from axis_ntp_async.inventory.selection import Selection
from axis_ntp_async.policy.specificity import Register

MEMBERS: Final = tuple(one.name for one in fields(NTPClientConfiguration))

_EXAMPLES: Final = 3
_EXPLAINED: Final = 20
"""How many misfits are told with the nearest: looking for that takes a while in a large fleet."""

_Order = tuple[int, ...]
"""Numbers of the rules that fit a device, the most specific one first."""


@frozen(kw_only=True)
class Rule:
    """
    What one table of a policy wants, and of whom.

    Attributes:
        place: File and line, or the number of the override where its line is not known.
        wants: What it names; the rest is left to others.
        selection: Of whom; without terms, of every device.
        optional: Whether it may fit no device.
    """

    place: str
    wants: NTPClientConfiguration
    selection: Selection = field(factory=Selection)
    optional: bool = False

    @property
    def match(self) -> str:
        """The terms as written; empty for `[policy]`."""
        return "; ".join(term.text for term in self.selection.terms)


@frozen(kw_only=True)
class Claim:
    """What one rule wants one member to be."""

    place: str
    match: str
    value: object


@frozen(kw_only=True)
class Decision:
    """
    Who decides what one member of one device is to be.

    Attributes:
        member: Its name in `NTPClientConfiguration`.
        claim: The rule that decides, and its value.
        overruled: Rules that want something of it, too; the most specific one first.
    """

    member: str
    claim: Claim
    overruled: tuple[Claim, ...] = ()


@frozen(kw_only=True)
class Resolution:
    """A configuration, of how many devices it is wanted, and the names of the first ones."""

    configuration: NTPClientConfiguration
    devices: int
    examples: tuple[str, ...]


@frozen(kw_only=True)
class Survey:
    """
    A policy, held against the devices of an inventory.

    Attributes:
        contradictions: A sentence for each pair of rules that cannot be obeyed together.
        misfits: Overrides, or terms of theirs, that fit no device and are not optional.
        resolutions: What is wanted, of most devices first, contradictions left out.
    """

    contradictions: tuple[str, ...]
    misfits: tuple[str, ...]
    resolutions: tuple[Resolution, ...]


@frozen
class _Contradiction:
    """That two rules together put minpoll above maxpoll."""

    minpoll: Claim
    maxpoll: Claim

    def told(self, name: str, devices: int = 1) -> str:
        more = devices - 1
        others = f" and {more} more device{'s' * (more > 1)}" if more else ""
        return (
            f"{self.minpoll.place}: minpoll {self.minpoll.value} is above maxpoll "
            f"{self.maxpoll.value} of {self.maxpoll.place}, for {name}{others}"
        )


@define
class _Seen:
    """Which rules a number of devices came to, and which terms were of use."""

    counts: Counter[_Order] = field(factory=Counter)
    examples: dict[_Order, list[str]] = field(factory=dict)
    rules: set[int] = field(factory=set)
    terms: set[tuple[int, int]] = field(factory=set)


@frozen(kw_only=True)
class Policy:
    """
    What is wanted of each device of a fleet.

    Attributes:
        rules: In the order of the file, `[policy]` itself before its overrides.
        source: The file as it was named.
    """

    rules: tuple[Rule, ...]
    source: str = ""
    _register: Register = field(init=False, eq=False, repr=False)
    _resolved: dict[_Order, NTPClientConfiguration | _Contradiction] = field(
        factory=dict, init=False, eq=False, repr=False
    )

    @_register.default
    def _registered(self) -> Register:
        return Register([rule.selection for rule in self.rules])

    def configuration_for(self, device: Device) -> NTPClientConfiguration:
        """
        Give what is wanted of a device; members that are `None` stay as it has them.

        Raises:
            PolicyError: Rules that fit the device contradict each other, as `faults_for` tells.
        """
        resolved = self._resolve(self._order(device))
        if isinstance(resolved, _Contradiction):
            raise PolicyError(resolved.told(device.name))
        return resolved

    def explain(self, device: Device) -> tuple[Decision, ...]:
        """Give who decides what is wanted of a device, member by member, in their order."""
        claims = self._claims(self._order(device))
        return tuple(
            Decision(member=member, claim=first, overruled=tuple(others))
            for member, (first, *others) in claims.items()
        )

    @property
    def digest(self) -> str:
        """
        SHA-256, in hex, of what the rules mean.

        It stays the same when comments, white space, the file's name, or
        `optional` change: these change the configuration of no device.
        """
        meaning = [_meaning(rule) for rule in self.rules if rule.wants.members]
        text = json.dumps(
            meaning, sort_keys=True, separators=(",", ":"), default=lambda source: source.value
        )
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    def faults_for(self, devices: Iterable[Device]) -> tuple[str, ...]:
        """Give what is wrong with the policy for the devices of an inventory, place by place."""
        survey = self.survey(devices)
        return (*survey.contradictions, *survey.misfits)

    def survey(self, devices: Iterable[Device]) -> Survey:
        """Hold the policy against all devices of an inventory."""
        devices = tuple(devices)
        seen = _Seen()
        for device in devices:
            fits = self._register.fits(device)
            order = tuple(fit.number for fit in fits)
            seen.counts[order] += 1
            if len(examples := seen.examples.setdefault(order, [])) < _EXAMPLES:
                examples.append(device.name)
            seen.rules.update(order)
            seen.terms.update((fit.number, term) for fit in fits for term in fit.terms)
        return Survey(
            contradictions=tuple(self._contradictions(seen)),
            misfits=tuple(self._misfits(seen, devices)),
            resolutions=tuple(self._resolutions(seen)),
        )

    def _order(self, device: Device) -> _Order:
        return tuple(fit.number for fit in self._register.fits(device))

    def _claims(self, order: _Order) -> dict[str, list[Claim]]:
        """Give who claims a member, for each that is claimed."""
        claims: dict[str, list[Claim]] = {}
        for member in MEMBERS:
            for rule in (self.rules[number] for number in order):
                if (value := getattr(rule.wants, member)) is not None:
                    claim = Claim(place=rule.place, match=rule.match, value=value)
                    claims.setdefault(member, []).append(claim)
        return claims

    def _resolve(self, order: _Order) -> NTPClientConfiguration | _Contradiction:
        if order not in self._resolved:
            first = {member: claims[0] for member, claims in self._claims(order).items()}
            self._resolved[order] = _resolution(first)
        return self._resolved[order]

    def _contradictions(self, seen: _Seen) -> Iterator[str]:
        counts: Counter[_Contradiction] = Counter()
        examples: dict[_Contradiction, str] = {}
        for order, count in seen.counts.items():
            resolved = self._resolve(order)
            if isinstance(resolved, _Contradiction):
                counts[resolved] += count
                examples.setdefault(resolved, seen.examples[order][0])
        for contradiction, name in examples.items():
            yield contradiction.told(name, counts[contradiction])

    def _misfits(self, seen: _Seen, devices: Sequence[Device]) -> Iterator[str]:
        told = 0
        for rule, match, selection in self._unused(seen):
            if told == _EXPLAINED:
                yield f"{rule.place}: match: {match!r} likewise finds none of them"
                continue
            try:
                selection.choose(devices)
            except SelectionError as error:
                told += 1
                yield f"{rule.place}: match: {error}; if that may be so, say optional = true"

    def _unused(self, seen: _Seen) -> Iterator[tuple[Rule, str, Selection]]:
        """Give rules that fit no device, and single terms of the others that do not."""
        for number, rule in enumerate(self.rules):
            if rule.optional or not rule.selection.terms:
                continue
            if number not in seen.rules:
                yield rule, rule.match, rule.selection
                continue
            for place, term in enumerate(rule.selection.terms):
                if not term.is_exclusion and (number, place) not in seen.terms:
                    yield rule, term.text, Selection(terms=(term,))

    def _resolutions(self, seen: _Seen) -> Iterator[Resolution]:
        counts: Counter[NTPClientConfiguration] = Counter()
        examples: dict[NTPClientConfiguration, list[str]] = {}
        for order, count in seen.counts.items():
            resolved = self._resolve(order)
            if isinstance(resolved, NTPClientConfiguration):
                counts[resolved] += count
                examples.setdefault(resolved, []).extend(seen.examples[order])
        for configuration, count in counts.most_common():
            yield Resolution(
                configuration=configuration,
                devices=count,
                examples=tuple(examples[configuration][:_EXAMPLES]),
            )


def _resolution(first: dict[str, Claim]) -> NTPClientConfiguration | _Contradiction:
    """Put members together: each is right by itself, so only the poll bounds can contradict."""
    wanted: dict[str, Any] = {member: claim.value for member, claim in first.items()}
    if "minpoll" in wanted and "maxpoll" in wanted and wanted["minpoll"] > wanted["maxpoll"]:
        return _Contradiction(first["minpoll"], first["maxpoll"])
    return NTPClientConfiguration(**wanted)


def _meaning(rule: Rule) -> dict[str, Any]:
    return {
        "match": sorted(
            sorted([one.key, one.pattern.casefold(), one.is_negated] for one in term.conditions)
            for term in rule.selection.terms
        ),
        "wants": rule.wants.members,
    }
