"""The nouns of a rollout, and the table of what may become of a device."""

import datetime as dt
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from axis_ntp_async.device.configuration import Change, NTPClientConfiguration
from axis_ntp_async.device.records import ServersSource
from axis_ntp_async.rollout.plan import (
    NEXT,
    REOPENED,
    Plan,
    Result,
    Step,
    StepState,
    StepStatus,
    Wave,
    digest_of,
    has_servers,
    plain_configuration,
    targets_of,
    totals_of,
)

MakeStep = Callable[..., Step]
MakeInfo = Callable[..., Any]

STARTED = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
OPEN = {"planned", "intent", "acked", "unknown", "proving"}
NTS = NTPClientConfiguration(nts_enabled=True, static_ntske_servers=("nts.example",))
STATIC = NTPClientConfiguration(
    servers_source=ServersSource.STATIC, static_servers=("10.0.0.5", "10.0.0.6")
)
DHCP = evolve(STATIC, servers_source=ServersSource.DHCP)


def reachable(state: StepState) -> set[StepState]:
    found, left = set[StepState](), [state]
    while left:
        if (one := left.pop()) not in found:
            found.add(one)
            left += NEXT.get(one, frozenset())
    return found


@pytest.mark.parametrize("state", StepState)
def test_every_state_has_its_place(state: StepState) -> None:
    """Each can be reached, has a result, and is open exactly when something must follow."""
    assert state in reachable(StepState.PLANNED)
    assert state.is_over is (state.value not in OPEN)
    assert (state.result is Result.OPEN) is not state.is_over
    may_leave = not state.is_over or state is StepState.MISMATCH
    assert bool(NEXT.get(state)) is may_leave


@pytest.mark.parametrize("state", [state for state in StepState if not state.is_over])
def test_every_open_state_leads_to_an_end(state: StepState) -> None:
    """Nothing runs in a circle: from each open state some end can be reached."""
    assert any(one.is_over for one in reachable(state))


def test_a_write_never_leaves_without_an_intent() -> None:
    """What came of a write can only follow an intent, and an intent only what is not sent."""
    written = {StepState.ACKED, StepState.UNKNOWN}
    assert {state for state, after in NEXT.items() if after & written} == {StepState.INTENT}
    before_intent = {state for state, after in NEXT.items() if StepState.INTENT in after}
    assert before_intent == {StepState.PLANNED, StepState.UNKNOWN}


def test_what_is_reopened_is_open_again() -> None:
    """A resumed run tries again what was not sent, and reads again what could not be read."""
    assert all(state.is_over and not again.is_over for state, again in REOPENED.items())
    assert REOPENED[StepState.INCONCLUSIVE] is StepState.UNKNOWN
    assert StepState.MISMATCH not in REOPENED


@given(st.lists(st.sampled_from(StepState)))
def test_totals_add_up(states: list[StepState]) -> None:
    """Every step is counted once, by the state that it has."""
    totals = totals_of(StepStatus(state=state) for state in states)
    assert totals == Counter(states)
    assert totals.total() == len(states)


@pytest.mark.parametrize(
    ("state", "writes", "is_failure"),
    [
        (StepState.FAILED, 0, True),
        (StepState.MISMATCH, 1, True),
        (StepState.UNHEALTHY, 1, True),
        (StepState.CONFLICT, 0, False),
        (StepState.CONFLICT, 1, True),
        (StepState.INCONCLUSIVE, 1, False),
        (StepState.UNREACHABLE, 0, False),
        (StepState.SKIPPED, 0, False),
        (StepState.APPLIED, 1, False),
    ],
)
def test_what_a_budget_counts(state: StepState, writes: int, is_failure: bool) -> None:
    """A conflict is a failure only when we had written; one that we met is none of ours."""
    assert StepStatus(state=state, writes=writes).is_failure is is_failure


def test_a_step_tells_its_changes(make_step: MakeStep) -> None:
    """Only the member that differs is a change, with both of its values."""
    assert make_step().changes == (
        Change(member="static_servers", before=("10.0.0.1",), after=("10.0.0.5", "10.0.0.6")),
    )


def test_poll_bounds_are_sent_only_where_they_must_be(
    make_step: MakeStep, make_info: MakeInfo
) -> None:
    """A bound that nobody named is left out, until the device has another than it shall have."""
    step = make_step()
    assert step.request_for(make_info().client).members.keys() == set(step.sends)
    request = step.request_for(make_info(minpoll=4).client)
    assert (request.minpoll, request.maxpoll) == (6, None)


def test_a_step_turned_round_twice_is_the_same(make_step: MakeStep) -> None:
    """What undoes a step goes from where that ended to where it began."""
    step = make_step()
    turned = step.turned_round()
    assert (turned.before, turned.after) == (step.after, step.before)
    assert turned.turned_round() == step


def test_the_digest_tells_pre_images_apart(make_step: MakeStep) -> None:
    """Any other pre-image has another digest; another goal has not."""
    step = make_step()
    other = evolve(step, before=evolve(step.before, minpoll=5))
    assert step.digest != other.digest
    assert step.digest == evolve(step, after=other.before).digest
    assert len(step.digest) == 64


def test_a_digest_knows_no_order_and_bears_every_text() -> None:
    """Members may stand in any order, and half a character breaks nothing."""
    assert digest_of({"a": 1, "b": "ü"}) == digest_of({"b": "ü", "a": 1})
    assert digest_of({"a": "\ud800"}) != digest_of({"a": "\ud801"})


def test_a_plan_gives_its_waves_in_order(make_step: MakeStep) -> None:
    """Steps are grouped by the number of their wave, of which the first is the canary."""
    steps = tuple(make_step(name, wave=wave) for name, wave in (("c", 2), ("a", 1), ("b", 2)))
    plan = Plan(made_at=STARTED, steps=steps)
    assert [(wave.number, wave.is_canary, len(wave.steps)) for wave in plan.waves] == [
        (1, True, 1),
        (2, False, 2),
    ]
    assert plan.waves[1] == Wave(number=2, steps=(steps[0], steps[2]))


def test_a_plan_names_each_server_once(make_step: MakeStep) -> None:
    """NTP servers and those of NTS are told apart, and nobody is asked twice."""
    plan = Plan(
        made_at=STARTED,
        steps=tuple(
            make_step(str(number), after=after)
            for number, after in enumerate((STATIC, NTS, DHCP, STATIC))
        ),
    )
    assert plan.targets == ("10.0.0.5", "10.0.0.6")
    assert plan.ntske_targets == ("nts.example",)


@pytest.mark.parametrize(
    ("configuration", "servers", "asks"),
    [
        (STATIC, ("10.0.0.5", "10.0.0.6"), True),
        (DHCP, (), True),
        (NTS, ("nts.example",), True),
        (evolve(NTS, servers_source=ServersSource.DHCP), ("nts.example",), True),
        (evolve(STATIC, enabled=False), (), False),
        (evolve(DHCP, enabled=False), (), False),
        (evolve(STATIC, static_servers=()), (), False),
        (evolve(NTS, static_ntske_servers=None), (), False),
        (evolve(NTS, static_ntske_servers=(), servers_source=ServersSource.DHCP), (), False),
        (NTPClientConfiguration(), (), False),
    ],
)
def test_the_servers_of_a_configuration(
    configuration: NTPClientConfiguration, servers: tuple[str, ...], asks: bool
) -> None:
    """Who is off asks nobody, who has NTS asks others, and those of DHCP are not ours."""
    assert targets_of(configuration) == servers
    assert has_servers(configuration) is asks


def test_groups_put_the_commonest_change_first(make_step: MakeStep) -> None:
    """Devices that get the same change are one group, the largest first."""
    same = [make_step(name) for name in "abc"]
    other = make_step("d", after=evolve(same[0].after, minpoll=4))
    groups = Plan(made_at=STARTED, steps=(other, *same)).groups
    assert [len(steps) for steps in groups.values()] == [3, 1]
    assert list(groups) == [same[0].changes, other.changes]


def test_a_configuration_as_json_has_it(make_step: MakeStep) -> None:
    """Tuples are lists, the source is its word, and members that are not set are left out."""
    assert plain_configuration(DHCP) == {
        "servers_source": "DHCP",
        "static_servers": ["10.0.0.5", "10.0.0.6"],
    }
    assert plain_configuration(make_step().before)["enabled"] is True
