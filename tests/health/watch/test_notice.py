"""What is worth telling of a sweep, and of several that could not be told in time."""

import datetime as dt
from typing import Any

import pytest
from attrs import evolve

from axis_ntp_async.device.records import Device
from axis_ntp_async.health.finding import Cause, State
from axis_ntp_async.health.sweep import Summary
from axis_ntp_async.health.watch.events import Remark, StateChange, SweepEnded, Topic
from axis_ntp_async.health.watch.notice import Notice, notice_of
from axis_ntp_async.health.watch.own_clock import OwnClock
from axis_ntp_async.health.watch.site_causes import SiteCause, SiteTrouble

AT = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


def change(
    name: str, after: State, before: State | None = State.OK, **members: Any
) -> StateChange:
    return StateChange(
        device=Device(name=name, host="192.0.2.17", site="berlin"),
        before=before,
        cause_before=None if before in {None, State.OK} else Cause.NOT_SYNCED,
        after=after,
        cause=None if after is State.OK else Cause.NOT_SYNCED,
        message="not synced",
        hint="Check.",
        since=AT,
        **members,
    )


def cause(site: str = "berlin") -> SiteCause:
    return SiteCause(
        site=site,
        trouble=SiteTrouble.TIME_SERVER,
        servers=("10.0.0.5",),
        affected=41,
        of=43,
        began_at=AT,
        within_s=360.0,
    )


def ended(**members: Any) -> SweepEnded:
    usual: dict[str, Any] = {
        "number": 1,
        "began_at": AT,
        "ended_at": AT,
        "interval_s": 300.0,
        "summary": Summary(),
        "own_clock": OwnClock(),
    }
    return SweepEnded(**{**usual, **members})


def test_a_quiet_sweep_is_no_notice() -> None:
    """Nobody is told that nothing happened."""
    assert notice_of(ended()) is None


def test_what_belongs_to_a_site_is_told_once() -> None:
    """One line for the site in place of 41 devices."""
    common = cause()
    notice = notice_of(
        ended(
            changes=(
                change("lobby-1", State.CRITICAL, site_trouble=common.trouble),
                change("roof-7", State.CRITICAL),
            ),
            began=(common,),
        )
    )
    assert notice is not None
    assert [one.device.name for one in notice.changes] == ["roof-7"]
    assert notice.began == (common,)


def notice(**members: Any) -> Notice:
    return Notice(at=AT, **members)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((State.OK, State.CRITICAL), (State.CRITICAL, State.OK), None),
        ((State.OK, State.WARNING), (State.WARNING, State.CRITICAL), (State.OK, State.CRITICAL)),
        ((State.CRITICAL, State.OK), (State.OK, State.CRITICAL), None),
        ((None, State.CRITICAL), (State.CRITICAL, State.OK), None),
    ],
)
def test_two_notices_become_one(
    first: tuple[State | None, State],
    second: tuple[State, State],
    expected: tuple[State | None, State] | None,
) -> None:
    """What could not be delivered is told as it is now, and nothing when it is as it was."""
    early = notice(changes=(change("cam", first[1], first[0]),))
    late = notice(changes=(change("cam", second[1], second[0]),))
    both = early.followed_by(late)
    assert [(one.before, one.after) for one in both.changes] == ([expected] if expected else [])
    assert both.is_empty is (expected is None)


def test_other_devices_are_kept_as_they_are() -> None:
    """Two notices about two devices are a notice about both."""
    both = notice(changes=(change("one", State.CRITICAL),)).followed_by(
        notice(changes=(change("two", State.UNKNOWN),), states={State.OK: 3})
    )
    assert [one.device.name for one in both.changes] == ["one", "two"]
    assert both.states == {State.OK: 3}


def test_a_cause_that_came_and_went_is_not_told() -> None:
    """A site that was down while nobody listened is up again; one that ended did end."""
    begun = notice(began=(cause(), cause("lyon")))
    both = begun.followed_by(notice(ended=(cause(), cause("oslo"))))
    assert [one.site for one in both.began] == ["lyon"]
    assert [one.site for one in both.ended] == ["oslo"]


@pytest.mark.parametrize(
    ("first", "later", "expected"),
    [
        ("+clock", "+clock", ["+clock"]),
        ("+clock", "-clock", []),
        ("-clock", "+clock2", ["+clock2"]),
        ("+clock", "+list", ["+clock", "+list"]),
        ("+list", "+list2", ["+list2"]),
    ],
)
def test_remarks_that_were_not_delivered_are_told_as_things_are_now(
    first: str, later: str, expected: list[str]
) -> None:
    """Nobody reads that the clock is odd when that was over an hour ago."""

    def remark(word: str) -> Remark:
        topic = Topic.OWN_CLOCK if "clock" in word else Topic.SOURCE
        return Remark(topic, word, is_over=word[0] == "-")

    both = notice(remarks=(remark(first),)).followed_by(notice(remarks=(remark(later),)))
    assert [one.text for one in both.remarks] == expected


def test_what_happened_twice_is_told_twice() -> None:
    """Devices that left the list at two times have both left."""
    one, two = Remark(Topic.LISTED, "a has left"), Remark(Topic.LISTED, "b has left")
    assert notice(remarks=(one,)).followed_by(notice(remarks=(two,))).remarks == (one, two)


def test_merging_is_the_same_in_one_go_or_two() -> None:
    """However often delivery fails, the outcome is the same."""
    steps = [
        notice(changes=(change("cam", State.CRITICAL),)),
        notice(changes=(change("cam", State.OK, State.CRITICAL),), began=(cause(),)),
        notice(changes=(change("cam", State.UNKNOWN),), ended=(cause(),)),
    ]
    left = steps[0].followed_by(steps[1]).followed_by(steps[2])
    right = steps[0].followed_by(steps[1].followed_by(steps[2]))
    assert evolve(left, states={}) == evolve(right, states={})
    assert [one.after for one in left.changes] == [State.UNKNOWN]


def test_what_became_of_a_cause_outlasts_a_deaf_channel() -> None:
    """Told of its begin long ago, one hears of its end, though it grew in between."""
    small, large, over = cause(), evolve(cause(), affected=82), evolve(cause(), affected=0)
    grew, ended_ = notice(grown=(large,)), notice(ended=(over,))
    assert grew.followed_by(ended_).ended == (over,)
    assert notice(began=(small,)).followed_by(grew).began == (large,)
    assert notice(began=(small,)).followed_by(grew).followed_by(ended_).is_empty
    assert ended_.followed_by(notice(began=(small,))).followed_by(ended_).ended == (over,)


def test_the_end_of_flapping_outlasts_a_deaf_channel() -> None:
    """Well before and well after: that it does not flap any more is news all the same."""
    calm = change("cam", State.OK, was_flapping=True)
    other = notice(remarks=(Remark(Topic.LISTED, "1 device new in the list"),))
    assert notice(changes=(calm,)).followed_by(other).changes == (calm,)
    begin = change("cam", State.OK, is_flapping=True)
    assert notice(changes=(begin,)).followed_by(notice(changes=(calm,))).changes == ()


def test_another_cause_or_flapping_is_news() -> None:
    """Still critical, but for another reason, or to and fro: that is told."""
    early = notice(changes=(change("cam", State.OK, State.CRITICAL),))
    late = change("cam", State.CRITICAL)
    other = evolve(late, cause=Cause.DISABLED)
    assert early.followed_by(notice(changes=(late,))).changes == ()
    assert early.followed_by(notice(changes=(other,))).changes != ()
    assert early.followed_by(notice(changes=(evolve(late, is_flapping=True),))).changes != ()


def test_a_cause_that_ended_and_began_again_goes_on() -> None:
    """Nobody reads that it is over while it is not."""
    both = notice(ended=(cause(),)).followed_by(notice(began=(cause(),)))
    assert both.is_empty
