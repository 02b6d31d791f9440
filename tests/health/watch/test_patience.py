"""A device that was changed has its time, and one whose offset stands still is found out."""

import datetime as dt
from typing import Any

import pytest
from attrs import evolve

from axis_ntp_async.health.finding import Cause, State
from axis_ntp_async.health.watch.rules import WatchRules

STILL = {"time_offset_ms": -0.62}
UNSYNCED = {"synced": False, "time_offset_ms": 0.0}


@pytest.fixture
def patient(hand_watch: Any) -> Any:
    """A watch with the usual grace."""
    hand_watch.rules = WatchRules()
    return hand_watch


def test_at_first_sight_a_device_has_time_to_get_in_sync(patient: Any) -> None:
    """Not synced is a warning with a deadline in it, and critical once that is over."""
    finding = patient.look("cam", UNSYNCED)
    assert (finding.state, finding.cause) == (State.WARNING, Cause.NOT_SYNCED)
    assert "until 12:08:32 UTC" in finding.message
    patient.sweep({"cam": UNSYNCED})
    assert patient.look("cam", UNSYNCED).state is State.WARNING
    patient.sweep({"cam": UNSYNCED})
    assert patient.look("cam", UNSYNCED).state is State.CRITICAL


def test_after_a_change_it_has_that_time_again(patient: Any) -> None:
    """A change that the journal knows of begins the grace anew, and one of long ago does not."""
    patient.sweep({"cam": {}})
    patient.at += dt.timedelta(days=1)
    patient.changed_at["cam"] = patient.at - dt.timedelta(seconds=500)
    assert patient.look("cam", UNSYNCED).state is State.WARNING
    patient.changed_at["cam"] = patient.at - dt.timedelta(seconds=513)
    assert patient.look("cam", UNSYNCED).state is State.CRITICAL


@pytest.mark.parametrize(
    ("members", "state"),
    [
        ({"time_offset_ms": 5000.0}, State.WARNING),
        ({"enabled": False}, State.CRITICAL),
        ({"static_servers": ()}, State.CRITICAL),
        ({"skew_s": 60.0}, State.CRITICAL),
    ],
)
def test_grace_is_for_what_settles_by_itself(
    patient: Any, members: dict[str, Any], state: State
) -> None:
    """An offset is slewed away; a client that is off, or follows a wrong server, stays so."""
    assert patient.look("cam", members).state is state


def test_an_offset_that_does_not_move_is_found_out(hand_watch: Any) -> None:
    """A live client measures anew each time it polls: the same number for long is no number."""
    for _ in range(9):
        assert hand_watch.look("cam", STILL).cause is None
        hand_watch.sweep({"cam": STILL})
    finding = hand_watch.look("cam", STILL)
    assert (finding.state, finding.cause) == (State.WARNING, Cause.STALE)
    assert "45 min" in finding.message


@pytest.mark.parametrize(
    "members",
    [{"time_offset_ms": 0.0}, {**STILL, "maxpoll": 12}, {**STILL, "enabled": False}],
    ids=["always-nothing", "polls-rarely", "off"],
)
def test_what_need_not_move_is_not_called_stale(hand_watch: Any, members: dict[str, Any]) -> None:
    """Firmware that always says 0, and clients that poll rarely, are left in peace."""
    for _ in range(12):
        hand_watch.sweep({"cam": members})
    assert hand_watch.look("cam", members).cause is not Cause.STALE


def test_an_offset_that_moves_is_not_stale(hand_watch: Any) -> None:
    """Whatever it is, as long as it changes, somebody answers."""
    for place in range(30):
        hand_watch.sweep({"cam": {"time_offset_ms": 1.0 + place % 2}})
    assert hand_watch.look("cam", {"time_offset_ms": 2.0}).cause is None


def test_a_worse_problem_stays_in_front(hand_watch: Any) -> None:
    """Causes keep their order: the offset that is too large is only told after it stands still."""
    members = {"time_offset_ms": 500.0, "static_servers": ("10.0.0.5",)}
    for _ in range(12):
        hand_watch.sweep({"cam": members})
    causes = [problem.cause for problem in hand_watch.look("cam", members).problems]
    assert causes == [Cause.STALE, Cause.OFFSET, Cause.FEW_SERVERS]


def test_patience_leaves_a_healthy_finding_alone(hand_watch: Any) -> None:
    """Nothing is added where nothing is wrong."""
    finding = hand_watch.look("cam", {})
    assert finding == evolve(finding, problems=())


def test_a_device_that_was_ok_is_not_new(patient: Any) -> None:
    """It has lost sync, and needs no time to find it for the first time."""
    patient.sweep({"cam": {}})
    assert patient.look("cam", UNSYNCED).state is State.CRITICAL


def test_moments_that_are_still_to_come_give_no_grace(patient: Any) -> None:
    """They were written while our own clock was wrong, and may be a year ahead."""
    patient.sweep({"cam": UNSYNCED})
    patient.changed_at["cam"] = patient.at + dt.timedelta(days=365)
    patient.at -= dt.timedelta(days=2)
    assert patient.look("cam", UNSYNCED).state is State.CRITICAL
