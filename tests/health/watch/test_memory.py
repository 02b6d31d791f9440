"""What a watch has learned survives its end, and costs little to keep."""

from typing import Any

import pytest
from attrs import evolve

from axis_ntp_async.errors import HistoryError
from axis_ntp_async.health.finding import Cause
from axis_ntp_async.health.watch.memory import WatchMemory

STILL = {"time_offset_ms": -0.62}
UNSYNCED = {"synced": False, "time_offset_ms": 0.0}


def test_everything_that_lasts_comes_back(hand_watch: Any) -> None:
    """Standings, causes of sites, and who belongs to them; unicode names, too."""
    hand_watch.sites = {"Füße 1": "Köln süd"}
    for _ in range(2):
        hand_watch.sweep({"Füße 1": {}, **{f"cam {place}": UNSYNCED for place in range(5)}})
    memory = hand_watch.memory
    again = WatchMemory.from_plain(memory.plain(with_offsets=False))
    assert again.site_causes == memory.site_causes
    assert again.hidden == memory.hidden
    assert len(again.hidden) == 5
    for name, standing in memory.standings.items():
        other = again.standings[name]
        assert evolve(other, seen_at=standing.seen_at) == evolve(
            standing, offset_ms=other.offset_ms, offset_since=other.offset_since
        )


def test_a_quiet_fleet_changes_nothing_in_it(hand_watch: Any) -> None:
    """What is kept is the same after each sweep in which offsets moved and nothing else did."""
    for place in range(3):
        hand_watch.sweep({"cam": {"time_offset_ms": 1.0 + place}})
    kept = hand_watch.memory.plain(with_offsets=False)
    hand_watch.sweep({"cam": {"time_offset_ms": 7.0}})
    assert hand_watch.memory.plain(with_offsets=False) == kept


def test_an_offset_that_stands_still_is_kept(hand_watch: Any) -> None:
    """So a watch that cron begins anew each time finds stale devices, too."""
    for _ in range(10):
        hand_watch.sweep({"cam": STILL})
        kept = hand_watch.memory.plain(with_offsets=True)
        hand_watch.memory = WatchMemory.from_plain(kept)
    assert hand_watch.look("cam", STILL).cause is Cause.STALE


@pytest.mark.parametrize(
    "texts",
    [
        {"device cam": "{"},
        {"device cam": "{}"},
        {"device cam": '{"since": "yesterday"}'},
        {"site cause network berlin": "[]"},
        {"hidden cam": "no such trouble"},
    ],
)
def test_a_damaged_memory_is_one_error(texts: dict[str, str]) -> None:
    """It names the place."""
    with pytest.raises(HistoryError, match=next(iter(texts)).split()[0]):
        WatchMemory.from_plain(texts)


def test_what_another_program_keeps_there_does_no_harm() -> None:
    """Keys of others are theirs."""
    assert WatchMemory.from_plain({"something else": "1"}) == WatchMemory()
