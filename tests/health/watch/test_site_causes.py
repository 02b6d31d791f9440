"""Many devices of a site in the same trouble have one cause, and it is named."""

import datetime as dt
from typing import Any

import pytest

from axis_ntp_async.errors import DeviceUnreachableError
from axis_ntp_async.health.finding import Cause, State
from axis_ntp_async.health.watch.rules import WatchRules
from axis_ntp_async.health.watch.site_causes import SiteCause, SiteTrouble

GONE = {"error": DeviceUnreachableError("cam", "no answer within 10 s")}
UNSYNCED = {"synced": False, "time_offset_ms": 0.0}
AT = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


def dead(name: str) -> dict[str, Any]:
    return {"error": DeviceUnreachableError(name, "no answer within 10 s")}


def names(count: int) -> list[str]:
    return [f"cam-{place:02}" for place in range(count)]


def fleet(count: int, bad: int, members: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Give so many devices, the first of which are in trouble."""
    return {name: members if place < bad else {} for place, name in enumerate(names(count))}


def test_a_dead_time_server_is_one_cause(hand_watch: Any) -> None:
    """41 of 43 lost it: that is told once, and every change says what it belongs to."""
    hand_watch.sweep(fleet(43, 0, UNSYNCED))
    assert hand_watch.sweep(fleet(43, 41, UNSYNCED)).changes == ()
    told = hand_watch.sweep(fleet(43, 41, UNSYNCED))
    [cause] = told.began
    assert cause.message == (
        "time servers 10.0.0.5 and 10.0.0.6 of berlin suspected: "
        "41 of 43 devices lost it within 1 min"
    )
    assert cause.examples == tuple(names(10))
    assert len(told.changes) == 41
    assert {change.site_trouble for change in told.changes} == {cause.trouble}


def test_the_whole_site_recovers_at_once(hand_watch: Any) -> None:
    """The end of the cause is told once, and the recoveries belong to it."""
    for bad in (0, 41, 41, 0):
        told = hand_watch.sweep(fleet(43, bad, UNSYNCED))
    assert (told.changes, told.ended) == ((), ())
    told = hand_watch.sweep(fleet(43, 0, UNSYNCED))
    [ended] = told.ended
    assert ended.affected == 0
    assert len(told.changes) == 41
    assert all(change.is_recovery for change in told.changes)
    assert all(change.site_trouble is not None for change in told.changes)
    assert hand_watch.memory.hidden == {}


def test_those_who_are_still_bad_are_told_by_themselves(hand_watch: Any) -> None:
    """When the server is back and one device stays behind, it has a cause of its own."""
    for bad in (41, 41, 1):
        hand_watch.sweep(fleet(43, bad, UNSYNCED))
    told = hand_watch.sweep(fleet(43, 1, UNSYNCED))
    assert len(told.ended) == 1
    [alone] = [change for change in told.changes if not change.is_recovery]
    assert (alone.device.name, alone.cause, alone.site_trouble) == (
        "cam-00",
        Cause.NOT_SYNCED,
        None,
    )
    assert hand_watch.sweep(fleet(43, 1, UNSYNCED)).changes == ()


def test_a_single_recovery_within_the_cause_belongs_to_it(hand_watch: Any) -> None:
    """While the site is down nobody wants to hear of one that came back."""
    for bad in (41, 41, 40):
        hand_watch.sweep(fleet(43, bad, UNSYNCED))
    [change] = hand_watch.sweep(fleet(43, 40, UNSYNCED)).changes
    assert change.is_recovery
    assert change.site_trouble is not None


@pytest.mark.parametrize(
    ("devices", "bad", "is_one"),
    [(40, 2, False), (40, 3, True), (100, 5, False), (100, 6, True), (3, 2, False), (3, 3, True)],
)
def test_it_takes_some_devices_and_a_share(
    hand_watch: Any, devices: int, bad: int, *, is_one: bool
) -> None:
    """More than 5 % of a site, and three at least."""
    for _ in range(2):
        told = hand_watch.sweep(fleet(devices, bad, UNSYNCED))
    assert bool(told.site_causes) is is_one
    assert len(told.changes) == bad


def test_a_cause_does_not_come_and_go(hand_watch: Any) -> None:
    """It lasts until it holds for half of what it takes to begin."""
    for _ in range(2):
        hand_watch.sweep(fleet(100, 6, UNSYNCED))
    for _ in range(2):
        told = hand_watch.sweep(fleet(100, 4, UNSYNCED))
    assert len(told.site_causes) == 1
    for _ in range(2):
        told = hand_watch.sweep(fleet(100, 2, UNSYNCED))
    assert told.site_causes == ()


def test_a_server_that_serves_somebody_well_is_not_suspected(hand_watch: Any) -> None:
    """Who depends on one of the two alone, and is in sync, acquits it."""
    devices = fleet(20, 10, UNSYNCED)
    devices["well"] = {"static_servers": ("10.0.0.6",)}
    hand_watch.rules = hand_watch.rules.__class__(grace_s=0.0)
    for _ in range(2):
        told = hand_watch.sweep({**devices, "well": {**devices["well"], "time_offset_ms": 1.0}})
    # One server only is a warning of its own, so it is not well enough to acquit.
    assert told.site_causes[0].servers == ("10.0.0.5", "10.0.0.6")


def test_without_a_server_in_common_none_is_named(hand_watch: Any) -> None:
    """Devices with servers of their own lost sync together: the way out is suspected."""
    devices = {
        name: {**UNSYNCED, "static_servers": (f"10.0.{place}.1", f"10.0.{place}.2")}
        for place, name in enumerate(names(10))
    }
    for _ in range(2):
        told = hand_watch.sweep(devices)
    assert told.site_causes[0].servers == ()
    assert told.site_causes[0].message.startswith("time servers of berlin suspected: 10 of 10")


def test_a_site_out_of_reach_is_its_network(hand_watch: Any) -> None:
    """Nobody blames the time server when nobody answers."""
    for _ in range(2):
        told = hand_watch.sweep({name: dead(name) for name in names(8)})
    [cause] = told.site_causes
    assert cause.trouble is SiteTrouble.NETWORK
    assert cause.message == (
        "network of berlin suspected: 8 of 8 devices went out of reach within 1 min"
    )
    assert "uplink" in cause.hint


def test_a_site_that_follows_a_wrong_server_is_told(hand_watch: Any) -> None:
    """In sync, and all of them 37 s ahead, while other sites are right."""
    devices = fleet(10, 10, {"skew_s": 37.0})
    others: dict[str, dict[str, Any]] = {f"other-{place}": {} for place in range(20)}
    hand_watch.sites = dict.fromkeys(others, "lyon")
    for _ in range(2):
        told = hand_watch.sweep({**devices, **others})
    [cause] = told.site_causes
    assert cause.message == (
        "time servers 10.0.0.5 and 10.0.0.6 of berlin suspected to tell a wrong time: "
        "10 of 10 devices follow it"
    )


def test_sites_do_not_mix(hand_watch: Any) -> None:
    """Two bad ones in each of five sites are no site's cause."""
    devices = dict.fromkeys(names(10), UNSYNCED)
    hand_watch.sites = {name: f"site-{place // 2}" for place, name in enumerate(names(10))}
    for _ in range(2):
        told = hand_watch.sweep(devices)
    assert told.site_causes == ()
    assert len(told.changes) == 10


@pytest.mark.parametrize("trouble", list(SiteTrouble))
@pytest.mark.parametrize("servers", [(), ("10.0.0.5",), ("10.0.0.5", "10.0.0.6")])
def test_every_cause_is_a_sentence_with_a_hint(
    trouble: SiteTrouble, servers: tuple[str, ...]
) -> None:
    """Whatever is known, the site and the numbers are in it."""
    cause = SiteCause(
        site="berlin",
        trouble=trouble,
        servers=servers,
        affected=41,
        of=43,
        began_at=AT,
        within_s=360.0,
    )
    assert "berlin" in cause.message
    assert "41 of 43" in cause.message
    assert cause.hint.endswith(".")
    assert (trouble is SiteTrouble.WRONG_TIME) or "within 6 min" in cause.message


def test_a_state_that_is_told_is_the_worst_of_that_cause(hand_watch: Any) -> None:
    """What a change says is what the device is believed to be."""
    for _ in range(2):
        told = hand_watch.sweep(fleet(3, 3, UNSYNCED))
    assert {change.after for change in told.changes} == {State.CRITICAL}
    assert all("not synced with" in change.message for change in told.changes)


def test_devices_that_are_still_to_settle_have_lost_nothing(hand_watch: Any) -> None:
    """A new site needs some minutes: its time server is not suspected for that."""
    hand_watch.rules = WatchRules()
    for _ in range(2):
        told = hand_watch.sweep(fleet(40, 40, UNSYNCED))
    assert told.site_causes == ()
    for _ in range(3):
        told = hand_watch.sweep(fleet(40, 40, UNSYNCED))
    assert len(told.site_causes) == 1


def test_a_cause_that_grows_is_told_again(hand_watch: Any) -> None:
    """Three of 43 is not what 33 of 43 is."""
    began, grown = [], []
    for bad in (3, 3, 4, 4, 33, 33, 34):
        told = hand_watch.sweep(fleet(43, bad, UNSYNCED))
        began += [one.affected for one in told.began]
        grown += [one.affected for one in told.grown]
    assert (began, grown) == ([3], [33])


def test_a_dead_server_has_not_recovered_because_nobody_can_be_asked(hand_watch: Any) -> None:
    """Its devices go out of reach: that is another cause, and ends none."""
    for bad in (UNSYNCED, UNSYNCED, GONE, GONE, GONE):
        told = hand_watch.sweep(fleet(6, 6, bad))
        assert told.ended == ()
    assert {one.trouble for one in told.site_causes} == {
        SiteTrouble.TIME_SERVER,
        SiteTrouble.NETWORK,
    }
    ended = [one for _ in range(3) for one in hand_watch.sweep(fleet(6, 0, GONE)).ended]
    assert {(one.trouble, one.affected) for one in ended} == {
        (SiteTrouble.TIME_SERVER, 0),
        (SiteTrouble.NETWORK, 0),
    }


def test_a_site_that_is_not_watched_any_more_has_not_recovered(hand_watch: Any) -> None:
    """Nobody says that it is over."""
    hand_watch.sites = {"other": "lyon"}
    for _ in range(2):
        hand_watch.sweep({**fleet(10, 10, UNSYNCED), "other": {}})
    told = hand_watch.sweep({"other": {}})
    assert (told.ended, told.site_causes) == ((), ())
