"""Whoever follows the notices knows how things are, however they were delivered."""

import datetime as dt
from typing import Any

from attrs import define, field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axis_ntp_async.errors import (
    CredentialSuspendedError,
    DeviceUnreachableError,
    LoginRefusedError,
)
from axis_ntp_async.health.finding import Cause, State
from axis_ntp_async.health.sweep import Summary
from axis_ntp_async.health.watch.belief import Belief
from axis_ntp_async.health.watch.conclusion import Conclusion
from axis_ntp_async.health.watch.events import SweepEnded
from axis_ntp_async.health.watch.memory import WatchMemory
from axis_ntp_async.health.watch.notice import Notice, notice_of
from axis_ntp_async.health.watch.site_causes import SiteKey

AT = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
LOOKS: dict[str, dict[str, Any]] = {
    "well": {},
    "unsynced": {"synced": False, "time_offset_ms": 0.0},
    "disabled": {"enabled": False},
    "gone": {"error": DeviceUnreachableError("cam", "no answer within 10 s")},
    "refused": {"error": LoginRefusedError("cam", "refuses the password")},
    "untried": {"error": CredentialSuspendedError("cam", "not tried: suspended")},
}
DEVICES = [f"cam-{number}" for number in range(5)]


@define
class Reader:
    """Somebody who believes what notices tell."""

    beliefs: dict[str, Belief] = field(factory=dict)
    causes: set[SiteKey] = field(factory=set)

    def read(self, notice: Notice | None) -> None:
        if notice is None:
            return
        for change in notice.changes:
            assert change.is_flapping or (change.after is State.OK) is (
                change.message == "in sync"
            )
            self.beliefs[change.device.name] = Belief(
                state=change.after, cause=change.cause, is_flapping=change.is_flapping
            )
        self.causes |= {cause.key for cause in (*notice.began, *notice.grown)}
        self.causes -= {cause.key for cause in notice.ended}

    @property
    def worries(self) -> dict[str, Belief]:
        return {name: belief for name, belief in self.beliefs.items() if belief != Belief()}


def notice_after(told: Conclusion) -> Notice | None:
    return notice_of(
        SweepEnded(
            number=1,
            began_at=AT,
            ended_at=AT,
            interval_s=300.0,
            summary=Summary(),
            changes=told.changes,
            site_causes=told.site_causes,
            began=told.began,
            grown=told.grown,
            ended=told.ended,
            own_clock=told.own_clock,
        )
    )


looks_of_a_sweep = st.one_of(
    st.lists(st.sampled_from(list(LOOKS)), min_size=5, max_size=5),
    st.sampled_from(list(LOOKS)).map(lambda word: [word] * 5),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    sweeps=st.lists(st.tuples(looks_of_a_sweep, st.integers(1, 3)), min_size=1, max_size=12),
    deaf=st.sets(st.integers(0, 30)),
    restarts=st.sets(st.integers(0, 30)),
)
def test_at_the_end_all_is_well_and_nobody_worries(
    hand_watch: Any,
    sweeps: list[tuple[list[str], int]],
    deaf: set[int],
    restarts: set[int],
) -> None:
    """Whatever happened, with a channel that listens at once, and with one that often does not."""
    hand_watch.memory = WatchMemory()
    prompt, late, waiting = Reader(), Reader(), Notice(at=AT)
    every = [words for words, times in sweeps for _ in range(times)]
    for place, words in enumerate([*every, *[["well"] * 5] * 30]):
        if place in restarts:
            hand_watch.memory = WatchMemory.from_plain(hand_watch.memory.plain(with_offsets=False))
        looks = {name: LOOKS[word] for name, word in zip(DEVICES, words, strict=True)}
        notice = notice_after(hand_watch.sweep(looks))
        prompt.read(notice)
        waiting = waiting.followed_by(notice) if notice else waiting
        if place not in deaf:
            late.read(waiting)
            waiting = Notice(at=AT)
            assert (late.worries, late.causes) == (prompt.worries, prompt.causes)
        assert prompt.causes == set(hand_watch.memory.site_causes)
    assert (prompt.worries, prompt.causes) == ({}, set())


def test_a_device_that_was_bad_before_its_site_was_is_told_well_again(hand_watch: Any) -> None:
    """Somebody has an open ticket for it."""
    reader = Reader()
    for words in (
        *[["well"] * 5] * 2,
        *[["disabled", "well", "well", "well", "well"]] * 2,
        *[["gone"] * 5] * 2,
    ):
        looks = {name: LOOKS[word] for name, word in zip(DEVICES, words, strict=True)}
        reader.read(notice_after(hand_watch.sweep(looks)))
    assert reader.worries["cam-0"].cause is Cause.DISABLED
    for _ in range(3):
        reader.read(notice_after(hand_watch.sweep(dict.fromkeys(DEVICES, LOOKS["well"]))))
    assert reader.worries == {}
