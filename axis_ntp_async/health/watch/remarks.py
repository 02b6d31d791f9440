"""What a watch has to say of itself: its list, its clock, its passwords. Once each. Pure."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from typing import Final

from attrs import frozen

from axis_ntp_async.health.sweep import EXAMPLES
from axis_ntp_async.health.watch.conclusion import Conclusion
from axis_ntp_async.health.watch.events import Remark, SourceKept, SweepBegan, Topic
from axis_ntp_async.health.watch.own_clock import OwnClock

_OVER: Final = {
    Topic.SOURCE: "what is to be watched can be read again",
    Topic.UNTRIED: "all devices are looked at again",
    Topic.OWN_CLOCK: "our own clock agrees with the devices again",
    Topic.LATE: "a sweep fits into its interval again",
}

_AGAIN: Final = 0.9
"""Of the interval: a sweep that takes less fits again, so that this does not come and go."""


@frozen
class Sayings:
    """
    Makes remarks of what was so in a sweep.

    Attributes:
        said: What is so and was said already, by its topic; it is kept up to date.
    """

    said: MutableMapping[Topic, str]

    def of(
        self,
        began: SweepBegan,
        kept: SourceKept | None,
        told: Conclusion,
        took_s: float | None = None,
    ) -> tuple[Remark, ...]:
        """
        Give what there is to say after a sweep.

        Args:
            began: Its begin.
            kept: Why its list is an old one; `None` when it is not.
            told: What follows from it.
            took_s: Seconds that it took; `None` when no other sweep follows.
        """
        untried, own_clock = told.untried, told.own_clock
        reasons = "; ".join(sorted(one.reason for one in untried))
        return (
            *self._lasting(Topic.SOURCE, kept.text if kept else ""),
            *_listed(began),
            *self._lasting(Topic.UNTRIED, "; ".join(one.message for one in untried), reasons),
            *self._lasting(Topic.OWN_CLOCK, own_clock.odd_message or "", "odd"),
            *_clock_set(own_clock),
            *self._lasting(Topic.LATE, self._late(began, took_s), "late"),
        )

    def _late(self, began: SweepBegan, took_s: float | None) -> str:
        least_s = began.interval_s * (_AGAIN if Topic.LATE in self.said else 1.0)
        if took_s is None or took_s <= least_s:
            return ""
        return (
            f"a sweep takes {took_s:.0f} s, longer than the interval of {began.interval_s:g} s: "
            "one follows the other at once"
        )

    def _lasting(self, topic: Topic, text: str, key: str = "") -> Iterator[Remark]:
        """Say what is so when that is new, by *key* or all of the text, and when it is over."""
        said, now = self.said.get(topic), (key or text) if text else None
        if now is None:
            self.said.pop(topic, None)
            if said is not None:
                yield Remark(topic, _OVER[topic], is_over=True)
        elif said != now:
            self.said[topic] = now
            yield Remark(topic, text)


def followed(first: Sequence[Remark], later: Sequence[Remark]) -> tuple[Remark, ...]:
    """Give remarks and later ones together: of what lasts, only what is so now."""
    renewed = {remark.topic for remark in later} & _OVER.keys()
    begun = {remark.topic for remark in first if not remark.is_over}
    kept = (remark for remark in first if remark.topic not in renewed)
    new = (remark for remark in later if not (remark.is_over and remark.topic in begun))
    return tuple(dict.fromkeys((*kept, *new)))


def _listed(began: SweepBegan) -> Iterator[Remark]:
    if came := began.joined:
        yield Remark(Topic.LISTED, f"{_devices(came)} new in the list: {_named(came)}")
    if gone := began.left:
        have = "has" if len(gone) == 1 else "have"
        yield Remark(Topic.LISTED, f"{_devices(gone)} {have} left the list: {_named(gone)}")


def _clock_set(own_clock: OwnClock) -> Iterator[Remark]:
    if own_clock.step_message:
        yield Remark(Topic.CLOCK_SET, own_clock.step_message)


def _devices(names: Sequence[str]) -> str:
    return "1 device" if len(names) == 1 else f"{len(names)} devices"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - EXAMPLES} more" if len(names) > EXAMPLES else ""
    return f"{', '.join(names[:EXAMPLES])}{more}"
