"""What is told at the end of a sweep: real changes, each once."""

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axis_ntp_async.errors import (
    CredentialSuspendedError,
    DeviceUnreachableError,
    LoginRefusedError,
)
from axis_ntp_async.health.finding import Cause, State
from axis_ntp_async.health.watch.memory import WatchMemory

WELL: dict[str, Any] = {}
UNSYNCED = {"synced": False, "time_offset_ms": 0.0}
GONE = {"error": DeviceUnreachableError("cam", "no answer within 10 s")}
REFUSED = {"error": LoginRefusedError("cam", "refuses the user name or the password")}
SUSPENDED = {
    "error": CredentialSuspendedError("cam", "not tried: credentials 'fleet' are suspended")
}
LOOKS = {"well": WELL, "unsynced": UNSYNCED, "gone": GONE, "refused": REFUSED}


def test_a_change_tells_before_and_after(hand_watch: Any) -> None:
    """From ok to critical and back, with the reason, once each."""
    hand_watch.sweep({"cam": WELL})
    assert hand_watch.sweep({"cam": UNSYNCED}).changes == ()
    [change] = hand_watch.sweep({"cam": UNSYNCED}).changes
    assert (change.before, change.after, change.cause) == (
        State.OK,
        State.CRITICAL,
        Cause.NOT_SYNCED,
    )
    assert "not synced with 10.0.0.5" in change.message
    assert change.hint
    assert hand_watch.sweep({"cam": UNSYNCED}).changes == ()
    hand_watch.sweep({"cam": WELL})
    [change] = hand_watch.sweep({"cam": WELL}).changes
    assert (change.is_recovery, change.cause, change.message) == (True, None, "in sync")


def test_a_device_never_seen_ok_was_in_no_state_before(hand_watch: Any) -> None:
    """Nobody says that it has been ok; after its first recovery it has."""
    hand_watch.sweep({"cam": UNSYNCED})
    [change] = hand_watch.sweep({"cam": UNSYNCED}).changes
    assert (change.before, change.after) == (None, State.CRITICAL)
    hand_watch.sweep({"cam": WELL})
    [change] = hand_watch.sweep({"cam": WELL}).changes
    assert (change.before, change.after) == (State.CRITICAL, State.OK)


def test_devices_that_we_did_not_look_at_stand_as_they_did(hand_watch: Any) -> None:
    """A suspended password is one thing to tell, not four hundred."""
    fleet = {f"cam-{place}": WELL for place in range(6)}
    hand_watch.sweep(fleet)
    before = dict(hand_watch.memory.standings)
    looks = {**dict.fromkeys(fleet, SUSPENDED), "cam-0": REFUSED, "new": SUSPENDED}
    for _ in range(3):
        told = hand_watch.sweep(looks)
        assert [(one.reason, one.affected, one.of) for one in told.untried] == [
            ("credentials 'fleet' are suspended", 6, 7)
        ]
        assert {one.device.name for one in told.changes} <= {"cam-0"}
    after = hand_watch.memory.standings
    assert {name: one for name, one in after.items() if name != "cam-0"} == {
        name: one for name, one in before.items() if name != "cam-0"
    }
    assert hand_watch.sweep(fleet).untried == ()


def test_a_cause_of_a_site_outlasts_a_sweep_in_which_nobody_looked(hand_watch: Any) -> None:
    """It is not over because its devices were not tried."""
    fleet = [f"cam-{place}" for place in range(6)]
    for _ in range(2):
        hand_watch.sweep(dict.fromkeys(fleet, UNSYNCED))
    told = hand_watch.sweep(dict.fromkeys(fleet, SUSPENDED))
    assert (len(told.site_causes), told.ended, told.changes) == (1, (), ())


def test_one_bad_look_is_not_told(hand_watch: Any) -> None:
    """A device that did not answer once is nobody's business."""
    told = [hand_watch.sweep({"cam": members}) for members in (WELL, GONE, WELL, GONE, WELL)]
    assert [one.changes for one in told] == [()] * 5


def test_flapping_is_told_when_it_begins_and_when_it_ends(hand_watch: Any) -> None:
    """Not every turn is: a device that reboots all night makes two messages."""
    changes = []
    for _ in range(5):
        for members in (WELL, WELL, GONE, GONE):
            changes += hand_watch.sweep({"cam": members}).changes
    begin = [change for change in changes if change.is_flapping]
    assert len(begin) == 1
    assert changes[-1] is begin[0]
    after: list[Any] = []
    for _ in range(25):
        after += hand_watch.sweep({"cam": WELL}).changes
    assert [(change.is_flapping, change.after) for change in after] == [(False, State.OK)]


def test_what_was_learned_survives_a_restart(hand_watch: Any) -> None:
    """Half of a debounce before the restart and half after it make a whole."""
    hand_watch.sweep({"cam": WELL})
    hand_watch.sweep({"cam": GONE})
    hand_watch.memory = WatchMemory.from_plain(hand_watch.memory.plain(with_offsets=False))
    [change] = hand_watch.sweep({"cam": GONE}).changes
    assert change.after is State.UNKNOWN


def test_a_device_that_is_gone_from_the_list_is_forgotten() -> None:
    """It has no state, and if it comes back it is seen for the first time."""
    memory = WatchMemory()
    assert memory.forget_others(frozenset()) == frozenset()


def test_forgetting_leaves_the_others(hand_watch: Any) -> None:
    """Only who is not listed any more goes, also out of what a site had in common."""
    for _ in range(2):
        hand_watch.sweep({f"cam-{place}": UNSYNCED for place in range(4)})
    memory = hand_watch.memory
    assert memory.forget_others(frozenset({"cam-0", "cam-1"})) == {"cam-2", "cam-3"}
    assert sorted(memory.standings) == sorted(memory.hidden) == ["cam-0", "cam-1"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    sweeps=st.lists(
        st.lists(st.sampled_from(list(LOOKS)), min_size=5, max_size=5), min_size=1, max_size=30
    ),
    restarts=st.sets(st.integers(0, 30)),
)
def test_what_is_told_adds_up(
    hand_watch: Any, sweeps: list[list[str]], restarts: set[int]
) -> None:
    """Whoever follows the changes alone knows how every device stands, restarts or not."""
    hand_watch.memory = WatchMemory()
    believed: Counter[str] = Counter()
    states: dict[str, State] = {}
    for place, looks in enumerate(sweeps):
        if place in restarts:
            hand_watch.memory = WatchMemory.from_plain(hand_watch.memory.plain(with_offsets=False))
        told = hand_watch.sweep(
            {f"cam-{number}": LOOKS[word] for number, word in enumerate(looks)}
        )
        for change in told.changes:
            states[change.device.name] = change.after
            believed[change.device.name] += 1
        assert all(not cause.affected < 2 for cause in told.site_causes)
        assert {one.key for one in told.began} <= {one.key for one in told.site_causes}
        for name, standing in hand_watch.memory.standings.items():
            if not standing.is_flapping:
                assert states.get(name, State.OK) is standing.state
