"""When everybody disagrees with us, we are the odd one."""

import datetime as dt
from typing import Any

import pytest

from axis_ntp_async.errors import DeviceUnreachableError
from axis_ntp_async.health.watch.own_clock import OwnClock


def fleet(count: int, **members: Any) -> dict[str, dict[str, Any]]:
    return {f"cam-{place}": members for place in range(count)}


def test_no_device_is_blamed_for_our_own_clock(hand_watch: Any) -> None:
    """All 20 devices seem 37 s ahead: nothing is told of them, and one thing of us."""
    for _ in range(3):
        told = hand_watch.sweep(fleet(20, skew_s=37.0))
    assert told.changes == ()
    assert told.site_causes == ()
    assert told.own_clock.is_odd
    assert told.own_clock.skew_s == pytest.approx(-37.0)
    message = told.own_clock.message
    assert message is not None
    assert "37.0 s behind the median of 20 devices" in message
    assert "unless 10.0.0.5 and 10.0.0.6" in message


def test_a_minority_is_not_believed(hand_watch: Any) -> None:
    """Four of ten that follow a wrong server do not make our clock wrong."""
    for _ in range(2):
        told = hand_watch.sweep(
            {**fleet(10), **{f"bad-{place}": {"skew_s": 37.0} for place in range(4)}}
        )
    assert not told.own_clock.is_odd
    assert len(told.changes) == 4


def test_devices_that_disagree_among_themselves_say_nothing(hand_watch: Any) -> None:
    """A median of chaos is no time."""
    told = hand_watch.sweep({f"cam-{place}": {"skew_s": 10.0 * place} for place in range(11)})
    assert not told.own_clock.is_odd


@pytest.mark.parametrize("members", [{"synced": False}, {"skew_s": None}, {"enabled": False}])
def test_only_devices_in_sync_that_told_their_time_count(
    hand_watch: Any, members: dict[str, Any]
) -> None:
    """Who is not in sync knows no better than we do."""
    told = hand_watch.sweep(fleet(20, **{"skew_s": 37.0, **members}))
    assert told.own_clock == OwnClock(devices=0)
    assert told.own_clock.message is None


def test_servers_of_their_own_speak_against_us(hand_watch: Any) -> None:
    """Where the sites do not share a server, no server can be the odd one."""
    devices = {
        f"cam-{place}": {"skew_s": -9.0, "static_servers": (f"10.0.{place}.1",)}
        for place in range(6)
    }
    message = hand_watch.sweep(devices).own_clock.message
    assert (
        message == "our own clock is the odd one: 9.0 s ahead of the median of 6 devices in sync"
    )


def test_a_clock_that_is_set_is_told(hand_watch: Any) -> None:
    """Times before and after it do not compare."""
    message = hand_watch.sweep(fleet(6), stepped_s=-3600.0).own_clock.message
    assert (
        message
        == "our own clock was set by -3600.0 s while we were watching, or this machine slept"
    )


def test_a_clock_that_is_right_is_not_worth_a_word(hand_watch: Any) -> None:
    """A second of difference is what one cannot read any better."""
    assert hand_watch.sweep(fleet(6, skew_s=1.0)).own_clock.message is None


def test_other_troubles_count_while_we_are_odd(hand_watch: Any) -> None:
    """Three that do not answer are three of a hundred, not three of three."""
    gone = {"error": DeviceUnreachableError("cam", "no answer")}
    devices = {**fleet(97, skew_s=8.0), **{f"gone-{place}": gone for place in range(3)}}
    for _ in range(2):
        told = hand_watch.sweep(devices)
    assert told.own_clock.is_odd
    assert told.site_causes == ()
    assert {change.device.name for change in told.changes} == {"gone-0", "gone-1", "gone-2"}


def test_what_was_wrong_before_neither_ends_nor_changes(hand_watch: Any) -> None:
    """A device that follows a wrong server is no recovery because we are wrong, too."""
    bad = {f"bad-{place}": {"skew_s": 37.0} for place in range(4)}
    for _ in range(2):
        first = hand_watch.sweep({**fleet(20), **bad})
    assert len(first.site_causes) == 1
    for _ in range(3):
        told = hand_watch.sweep({**fleet(20, skew_s=9.0), **bad})
        assert (told.changes, told.ended) == ((), ())


def test_spans_survive_a_step_of_our_clock(hand_watch: Any) -> None:
    """Two hours more on our clock do not make an offset stand still for two hours."""
    still = {"time_offset_ms": -0.62}
    hand_watch.sweep(fleet(6, **still))
    hand_watch.at += dt.timedelta(hours=2)
    hand_watch.sweep(fleet(6, **still), stepped_s=7200.0)
    assert hand_watch.look("cam-0", still).cause is None
