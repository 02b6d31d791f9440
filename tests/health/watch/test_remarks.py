"""What a watch says of itself: when it begins and when it is over, also over a restart."""

import datetime as dt
from typing import Any

import pytest
from attrs import define, field

from axis_ntp_async.health.watch.conclusion import Conclusion
from axis_ntp_async.health.watch.events import SourceKept, SweepBegan, Topic, Untried
from axis_ntp_async.health.watch.memory import WatchMemory
from axis_ntp_async.health.watch.own_clock import OwnClock
from axis_ntp_async.health.watch.remarks import Sayings

AT = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


@define
class Speaker:
    """Sweeps of 300 s, and what is said after each."""

    memory: WatchMemory = field(factory=WatchMemory)

    def __call__(
        self,
        *,
        kept: str | None = None,
        took_s: float | None = 1.0,
        joined: tuple[str, ...] = (),
        left: tuple[str, ...] = (),
        **told: Any,
    ) -> list[str]:
        began = SweepBegan(number=2, at=AT, devices=(), interval_s=300.0, joined=joined, left=left)
        remarks = Sayings(self.memory.said).of(
            began,
            SourceKept(at=AT, message=kept) if kept else None,
            Conclusion(**told),
            took_s,
        )
        return [remark.text for remark in remarks]

    def restarts(self) -> None:
        self.memory = WatchMemory.from_plain(self.memory.plain(with_offsets=False))


@pytest.fixture
def say() -> Speaker:
    return Speaker()


def test_nothing_is_said_when_all_is_well(say: Speaker) -> None:
    """Sweep after sweep."""
    assert say() == say() == []


def test_our_own_clock_is_told_when_it_begins_and_ends(say: Speaker) -> None:
    """The number changes with every sweep, and is not news."""
    odd = [OwnClock(skew_s=3.0 + place, devices=9, is_odd=True) for place in range(3)]
    told = [say(own_clock=one) for one in (*odd, OwnClock(), OwnClock())]
    assert [[text.split(":")[0] for text in one] for one in told] == [
        ["our own clock is the odd one"],
        [],
        [],
        ["our own clock agrees with the devices again"],
        [],
    ]


def test_a_clock_that_was_set_is_told_each_time(say: Speaker) -> None:
    """Two steps are two pieces of news, also while it is the odd one."""
    assert all(say(own_clock=OwnClock(stepped_s=5.0)) for _ in range(2))
    odd = OwnClock(skew_s=3.0, devices=9, is_odd=True, stepped_s=3.0)
    assert [text.split(" by ")[0] for text in say(own_clock=odd)][1:] == ["our own clock was set"]
    assert len(say(own_clock=odd)) == 1


def test_a_broken_list_is_told_until_it_is_right_again(say: Speaker) -> None:
    """Once for each fault, and once at the end."""
    told = [say(kept=message) for message in ("line 3", "line 3", "line 4", None, None)]
    assert told == [
        ["the list of devices cannot be read, all stays as it was: line 3"],
        [],
        ["the list of devices cannot be read, all stays as it was: line 4"],
        ["what is to be watched can be read again"],
        [],
    ]


def test_devices_that_we_did_not_look_at_are_one_remark(say: Speaker) -> None:
    """However many, and whether it is one more or less in the next sweep."""
    reason = "credentials 'fleet' are suspended"
    told = [
        say(untried=(Untried(reason=reason, affected=affected, of=400),) if affected else ())
        for affected in (312, 398, 0, 0)
    ]
    assert told == [
        [f"312 of 400 devices were not looked at: {reason}"],
        [],
        ["all devices are looked at again"],
        [],
    ]


def test_reasons_in_another_order_are_the_same(say: Speaker) -> None:
    """Of two passwords now the one is refused more often, now the other."""
    one, other = (Untried(reason=f"credentials {name!r}", affected=9, of=40) for name in "ab")
    assert len(say(untried=(one, other))) == 1
    assert say(untried=(other, one)) == []


def test_sweeps_that_do_not_fit_are_told(say: Speaker) -> None:
    """When they begin not to, and when they fit again, well; a single one need not fit."""
    assert [say(took_s=seconds) for seconds in (299, 412, 299, 302, 290, 260, None)] == [
        [],
        ["a sweep takes 412 s, longer than the interval of 300 s: one follows the other at once"],
        *([], [], []),
        ["a sweep fits into its interval again"],
        [],
    ]


def test_devices_that_came_or_left_are_told(say: Speaker) -> None:
    """Whoever shortened a file by mistake learns of it."""
    names = tuple(f"cam-{place:02}" for place in range(27))
    assert say(left=("cam-29",), joined=("cam-30", "cam-31")) == [
        "2 devices new in the list: cam-30, cam-31",
        "1 device has left the list: cam-29",
    ]
    [line] = say(left=names)
    assert line.startswith("27 devices have left the list: cam-00, cam-01")
    assert line.endswith("and 17 more")


def test_cron_is_told_once(say: Speaker) -> None:
    """A process for each sweep says nothing twice, and knows what is over."""
    odd = OwnClock(skew_s=3.0, devices=9, is_odd=True)
    assert len(say(own_clock=odd, kept="line 3")) == 2
    say.restarts()
    assert say(own_clock=odd, kept="line 3") == []
    say.restarts()
    assert len(say()) == 2
    assert say.memory.said == {}
    assert Topic.TEST not in say.memory.said
