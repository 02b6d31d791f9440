"""A device is what it was seen to be twice, and one that goes to and fro is flapping."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis_ntp_async.device.records import Device
from axis_ntp_async.health.finding import Cause, Finding, Problem, State
from axis_ntp_async.health.watch.rules import WatchRules
from axis_ntp_async.health.watch.standing import Standing, settle

AT = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
RULES = WatchRules()
LOOKS = {
    "ok": (State.OK, None),
    "gone": (State.UNKNOWN, Cause.UNREACHABLE),
    "login": (State.UNKNOWN, Cause.LOGIN),
    "unsynced": (State.CRITICAL, Cause.NOT_SYNCED),
}


def finding(word: str, minute: int = 0) -> Finding:
    state, cause = LOOKS[word]
    problems = () if cause is None else (Problem(cause=cause, state=state, message="", hint=""),)
    return Finding(
        device=Device(name="lobby-3", host="192.0.2.17"),
        at=AT + dt.timedelta(minutes=minute),
        problems=problems,
        attempts=1,
        elapsed_s=0.1,
    )


def after(*words: str) -> Standing:
    """Give how a device stands after looks five minutes apart."""
    standing = None
    for place, word in enumerate(words):
        standing = settle(standing, finding(word, 5 * place), RULES)
    assert standing is not None
    return standing


@pytest.mark.parametrize(
    ("words", "state"),
    [
        (["gone"], State.OK),
        (["ok", "gone"], State.OK),
        (["ok", "gone", "gone"], State.UNKNOWN),
        (["gone", "gone"], State.UNKNOWN),
        (["gone", "gone", "ok"], State.UNKNOWN),
        (["gone", "gone", "ok", "ok"], State.OK),
        (["ok", "gone", "ok", "gone"], State.OK),
        (["ok", "gone", "unsynced"], State.OK),
        (["ok", "gone", "unsynced", "unsynced"], State.CRITICAL),
        (["ok", "gone", "login"], State.UNKNOWN),
        (["ok", "unsynced", "gone"], State.OK),
    ],
)
def test_a_state_counts_after_two_looks_in_a_row(words: list[str], state: State) -> None:
    """One look says nothing yet; two that disagree with what was do."""
    assert after(*words).state is state


def test_a_new_cause_counts_like_a_new_state() -> None:
    """From unreachable to a refused login it stays unknown, for another reason."""
    standing = after("gone", "gone", "login", "login")
    assert (standing.state, standing.cause) == (State.UNKNOWN, Cause.LOGIN)


def test_it_is_so_since_it_was_first_seen_so() -> None:
    """What needs two looks to be believed began with the first of them."""
    standing = after("ok", "gone", "gone", "gone")
    assert standing.since == AT + dt.timedelta(minutes=5)
    assert standing.first_seen == AT
    assert standing.seen_at == AT + dt.timedelta(minutes=15)


def test_to_and_fro_is_flapping_until_it_rests() -> None:
    """Six turns of twenty looks begin it; it ends with no more than three."""
    words = ["ok", "gone"] * 4
    assert after(*words[:6]).is_flapping is False
    assert after(*words).is_flapping
    assert after(*words, *["ok"] * 12).is_flapping
    assert after(*words, *["ok"] * 20).is_flapping is False


@given(words=st.lists(st.sampled_from(list(LOOKS)), min_size=1, max_size=60))
def test_no_single_look_is_believed(words: list[str]) -> None:
    """Whenever a standing changes, the look before disagreed with it, too."""
    before = after(words[0])
    assert before.state is State.OK
    for place in range(1, len(words)):
        standing = after(*words[: place + 1])
        was = (before.state, before.cause)
        if (standing.state, standing.cause) != was:
            assert (standing.state, standing.cause) == LOOKS[words[place]]
            assert LOOKS[words[place - 1]] != was
        assert standing.turns < 1 << RULES.flapping_in
        before = standing
