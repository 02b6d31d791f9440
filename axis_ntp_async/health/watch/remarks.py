"""What a watch has to say of itself: its list, its clock, its passwords. Once each. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import define, field, frozen

from axis_ntp_async.health.sweep import EXAMPLES
from axis_ntp_async.health.watch.events import SourceKept, SweepBegan, SweepEnded, Untried
from axis_ntp_async.health.watch.own_clock import OwnClock


class Topic(enum.Enum):
    """What a remark is about."""

    SOURCE = "source"
    """What is to be watched cannot be read anew."""

    UNTRIED = "untried"
    """We ourselves did not look at some devices."""

    OWN_CLOCK = "own_clock"
    """Our own clock is the odd one."""

    LATE = "late"
    """Sweeps take longer than their interval."""

    LISTED = "listed"
    """Devices came to the list, or left it: that happens, and does not last."""

    CLOCK_SET = "clock_set"
    """Our own clock was set; that does not last either."""

    TEST = "test"
    """Nothing has happened: somebody wants to know whether notices get through."""


_LASTING: Final = frozenset(Topic) - {Topic.LISTED, Topic.CLOCK_SET, Topic.TEST}


@frozen
class Remark:
    """
    One thing that a watch says of itself.

    Attributes:
        topic: What it is about.
        text: What is so, in a sentence.
        is_over: Whether it says that this is over.
    """

    topic: Topic
    text: str
    is_over: bool = False


def followed(first: Sequence[Remark], later: Sequence[Remark]) -> tuple[Remark, ...]:
    """Give remarks and later ones together: of what lasts, only what is so now."""
    renewed = {remark.topic for remark in later} & _LASTING
    begun = {remark.topic for remark in first if not remark.is_over}
    kept = (remark for remark in first if remark.topic not in renewed)
    new = (remark for remark in later if not (remark.is_over and remark.topic in begun))
    return tuple(dict.fromkeys((*kept, *new)))


@define
class Remarks:
    """Makes remarks of what a watch tells; it remembers what it has said."""

    _said: dict[Topic, str] = field(factory=dict, init=False)
    _kept: SourceKept | None = field(default=None, init=False)
    _joined: dict[str, None] = field(factory=dict, init=False)
    _left: dict[str, None] = field(factory=dict, init=False)

    def see(self, event: SourceKept | SweepBegan) -> None:
        """Take in what is told when its sweep has ended."""
        if isinstance(event, SourceKept):
            self._kept = event
            return
        self._joined |= dict.fromkeys(event.joined)
        self._left |= dict.fromkeys(event.left)

    def of(self, event: SweepEnded) -> tuple[Remark, ...]:
        """Give what there is to say after a sweep."""
        kept, self._kept = self._kept, None
        return (
            *self._lasting(
                Topic.SOURCE,
                kept.text if kept else None,
                "what is to be watched can be read again",
            ),
            *self._listed(),
            *self._untried(event.untried),
            *self._clock(event.own_clock),
            *self._late(event),
        )

    def _lasting(
        self, topic: Topic, text: str | None, over: str, key: str | None = None
    ) -> Iterator[Remark]:
        """Say what is so when that is new, and at its end that it is over."""
        said, now = self._said.get(topic), (key or text) if text else None
        if now is None:
            self._said.pop(topic, None)
            if said is not None:
                yield Remark(topic, over, is_over=True)
        elif text and said != now:
            self._said[topic] = now
            yield Remark(topic, text)

    def _listed(self) -> Iterator[Remark]:
        joined, self._joined = self._joined, {}
        left, self._left = self._left, {}
        if came := sorted(joined.keys() - left.keys()):
            yield Remark(Topic.LISTED, f"{_devices(came)} new in the list: {_named(came)}")
        if gone := sorted(left.keys() - joined.keys()):
            have = "has" if len(gone) == 1 else "have"
            yield Remark(Topic.LISTED, f"{_devices(gone)} {have} left the list: {_named(gone)}")

    def _untried(self, untried: Sequence[Untried]) -> Iterator[Remark]:
        text = "; ".join(one.message for one in untried) or None
        over = "all devices are looked at again"
        yield from self._lasting(
            Topic.UNTRIED, text, over, key="; ".join(one.reason for one in untried)
        )

    def _clock(self, own_clock: OwnClock) -> Iterator[Remark]:
        message = own_clock.message
        yield from self._lasting(
            Topic.OWN_CLOCK,
            message if own_clock.is_odd else None,
            "our own clock agrees with the devices again",
            key="odd",
        )
        if message and not own_clock.is_odd:
            yield Remark(Topic.CLOCK_SET, message)

    def _late(self, event: SweepEnded) -> Iterator[Remark]:
        text = (
            f"a sweep takes {event.duration_s:.0f} s, longer than the interval of "
            f"{event.interval_s:g} s: one follows the other at once"
        )
        is_late = event.duration_s > event.interval_s
        over = "a sweep fits into its interval again"
        yield from self._lasting(Topic.LATE, text if is_late else None, over, key="late")


def _devices(names: Sequence[str]) -> str:
    return "1 device" if len(names) == 1 else f"{len(names)} devices"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - EXAMPLES} more" if len(names) > EXAMPLES else ""
    return f"{', '.join(names[:EXAMPLES])}{more}"
