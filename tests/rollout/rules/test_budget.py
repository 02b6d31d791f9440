"""When to stop: every bound by name, with its denominator, and how quickly that is known."""

import copy
import time
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axis_ntp_async.rollout.plan import Step, StepState, StepStatus
from axis_ntp_async.rollout.rules.budget import Ledger, Stop
from axis_ntp_async.rollout.rules.settings import Budget

MakeStep = Callable[..., Step]

OK = StepStatus(state=StepState.APPLIED, writes=1)
NOOP = StepStatus(state=StepState.NOOP)
BAD = StepStatus(state=StepState.MISMATCH, cause="mismatch", writes=1)
LOGIN = StepStatus(state=StepState.FAILED, cause="login")
REFUSED = StepStatus(state=StepState.FAILED, cause="error_4004", writes=1)
AWAY = StepStatus(state=StepState.UNREACHABLE, cause="unreachable")
LOST = StepStatus(state=StepState.INCONCLUSIVE, cause="no_evidence", writes=1)
STEPS_AWAY = StepStatus(state=StepState.SKIPPED, cause="step")
MET = StepStatus(state=StepState.CONFLICT, cause="conflict")
MADE = StepStatus(state=StepState.CONFLICT, cause="conflict", writes=1)
BUSY = StepStatus(state=StepState.PROVING, writes=1)


@pytest.fixture
def ledger_of(make_step: MakeStep) -> Callable[..., Ledger]:
    """A ledger into which so many devices of a wave and a site have come, by how they stand."""
    names = iter(range(1_000_000))

    def make(
        *counts: tuple[int, StepStatus],
        wave: int = 1,
        site: str | None = None,
        ledger: Ledger | None = None,
        **bounds: Any,
    ) -> Ledger:
        ledger = ledger or Ledger(Budget(**bounds))
        for count, status in counts:
            for _ in range(count):
                ledger.move(make_step(f"cam-{next(names)}", wave=wave, site=site), status)
        return ledger

    return make


LedgerOf = Callable[..., Ledger]


def told(stop: Stop | None) -> tuple[str, str, int] | None:
    return None if stop is None else (stop.verdict.value, stop.message, stop.count)


CANARY_PROVES_NOTHING = "the canary proves nothing: none of its devices was changed"


@pytest.mark.parametrize(
    ("counts", "over", "expected"),
    [
        ([(20, OK)], True, None),
        ([(1, BAD), (2, OK)], True, None),
        ([(2, BAD)], False, ("failed", "2 of 2 failed in the canary, 1 is borne", 2)),
        ([(2, BAD), (9, OK)], True, ("failed", "2 of 11 failed in the canary, 1 is borne", 2)),
        ([(1, MADE), (1, BAD)], False, ("failed", "2 of 2 failed in the canary, 1 is borne", 2)),
        ([(5, MET), (1, BAD), (2, OK)], True, None),
        ([(1, LOGIN)], False, ("failed", "1 x login: what one meets so, all may", 1)),
        (
            [(1, REFUSED), (9, OK)],
            False,
            ("failed", "1 x error_4004: what one meets so, all may", 1),
        ),
        ([(1, LOST), (9, OK)], False, None),
        (
            [(1, LOST), (9, OK)],
            True,
            ("inconclusive", "of 1 of the canary nobody knows what came of the change", 1),
        ),
        ([(3, NOOP)], True, None),
        ([(1, AWAY), (2, NOOP)], True, ("inconclusive", CANARY_PROVES_NOTHING, 1)),
        ([(3, STEPS_AWAY)], True, ("inconclusive", CANARY_PROVES_NOTHING, 3)),
        ([(3, STEPS_AWAY)], False, None),
        ([(1, BAD)], True, ("inconclusive", CANARY_PROVES_NOTHING, 1)),
        ([(1, AWAY), (2, OK)], True, None),
        (
            [(2, AWAY), (2, OK)],
            True,
            ("inconclusive", "2 of 4 did not answer, 1 are borne", 2),
        ),
        ([(2, AWAY), (2, OK)], False, None),
        ([(4, AWAY), (16, OK)], True, None),
    ],
)
def test_the_bounds_of_the_canary(
    ledger_of: LedgerOf,
    counts: list[tuple[int, StepStatus]],
    over: bool,
    expected: tuple[str, str, int] | None,
) -> None:
    """One failure is borne, none that all would share, and it has to prove something."""
    assert told(ledger_of(*counts).stop(1, over=over)) == expected


@pytest.mark.parametrize(
    ("counts", "over", "expected"),
    [
        ([(3, BAD), (90, OK)], True, None),
        ([(4, BAD)], False, None),
        ([(4, BAD), (5, OK)], False, None),
        ([(4, BAD), (6, OK)], False, ("failed", "4 of 10 failed in wave 2, 3 are borne", 4)),
        ([(4, BAD), (5, AWAY), (90, NOOP)], False, None),
        ([(4, BAD)], True, ("failed", "4 of 4 failed in wave 2, 3 are borne", 4)),
        ([(8, BAD), (392, OK)], True, None),
        ([(9, BAD), (391, OK)], True, ("failed", "9 of 400 failed in wave 2, 8 are borne", 9)),
        ([(4, LOST), (400, OK)], True, None),
        ([(4, LOST), (4, OK)], False, None),
        (
            [(4, LOST), (4, OK)],
            True,
            ("inconclusive", "of 4 in wave 2 nobody knows what came of the change", 4),
        ),
        ([(2, LOGIN), (9, OK)], True, None),
        ([(3, LOGIN)], False, ("failed", "3 x login: what one meets so, all may", 3)),
        ([(2, LOGIN), (1, REFUSED), (9, OK)], False, None),
        ([(2, AWAY), (8, OK)], False, None),
        (
            [(3, AWAY), (7, OK)],
            False,
            ("inconclusive", "3 of 10 did not answer, 2 are borne", 3),
        ),
        ([(9, AWAY)], False, None),
        ([(2, AWAY), (3, OK)], True, ("inconclusive", "2 of 5 did not answer, 1 are borne", 2)),
        ([(20, AWAY), (80, NOOP)], True, None),
        ([(3, STEPS_AWAY), (3, MET)], True, None),
    ],
)
def test_the_bounds_of_a_wave(
    ledger_of: LedgerOf,
    counts: list[tuple[int, StepStatus]],
    over: bool,
    expected: tuple[str, str, int] | None,
) -> None:
    """A count or a share of what was attempted, whichever is more, and no share of too few."""
    ledger = ledger_of(*counts, wave=2, site_failures=1_000)
    assert told(ledger.stop(2, over=over)) == expected


def test_it_is_told_when_all_that_failed_are_of_one_site(ledger_of: LedgerOf) -> None:
    """One time server or one uplink is then the cause, and not the devices."""
    ledger = ledger_of((4, BAD), (6, OK), wave=2, site="berlin")
    stop = ledger.stop(2, over=False)
    assert stop is not None
    assert stop.message == "4 of 10 failed in wave 2, 3 are borne, all of them at berlin"


def test_a_site_has_its_own_bound(ledger_of: LedgerOf) -> None:
    """Three failures of one site stop, though the wave would bear them."""
    ledger = ledger_of((3, BAD), (7, OK), wave=2, site="berlin")
    expected = ("failed", "3 of 10 failed in site berlin, 2 are borne", 3)
    assert told(ledger.stop(2, over=False)) == expected
    ledger_of((1, OK), wave=2, site="paris", ledger=ledger)
    assert told(ledger.stop(2, over=False)) is None
    assert told(ledger.stop(2, over=False, everywhere=True)) == expected
    assert told(ledger.stop(2, over=True)) == expected


def test_devices_without_a_site_are_told_as_such(ledger_of: LedgerOf) -> None:
    """They share nothing but that nobody said where they are."""
    stop = ledger_of((3, BAD), (7, OK), wave=2).stop(2, over=False)
    assert told(stop) == ("failed", "3 of 10 failed in devices without a site, 2 are borne", 3)


def test_a_run_has_its_own_bound(ledger_of: LedgerOf) -> None:
    """Three failures in each wave are borne there, but not for ever."""
    ledger = ledger_of((1, BAD), (9, OK), site_failures=1_000)
    ledger_of((2, BAD), (28, OK), wave=2, ledger=ledger)
    assert ledger.stop(2, over=True) is None
    ledger_of((3, BAD), (87, OK), wave=3, ledger=ledger)
    assert told(ledger.stop(3, over=True)) == (
        "failed",
        "6 of 130 failed in the run, 3 are borne",
        6,
    )


def test_failures_of_a_kind_are_counted_over_the_run(ledger_of: LedgerOf) -> None:
    """The third of one kind stops, in whichever waves they were."""
    ledger = ledger_of((1, OK))
    for wave in (2, 3):
        ledger_of((1, LOGIN), (30, OK), wave=wave, ledger=ledger)
    assert ledger.stop(3, over=True) is None
    ledger_of((1, LOGIN), wave=4, ledger=ledger)
    assert told(ledger.stop(4, over=False)) == (
        "failed",
        "3 x login: what one meets so, all may",
        3,
    )


def test_a_stop_names_the_commonest_cause_and_some_devices(ledger_of: LedgerOf) -> None:
    """Ten names are enough to go and look, and the count tells how many there are."""
    drift = StepStatus(state=StepState.UNHEALTHY, cause="drift", writes=1)
    stop = ledger_of((5, drift), (8, BAD), wave=2).stop(2, over=True)
    assert stop is not None
    assert (stop.cause, stop.count, len(stop.devices)) == ("mismatch", 13, 10)
    assert stop.devices[0] == "cam-0"
    nameless = ledger_of((1, evolve(LOST, cause=""))).stop(1, over=True)
    assert nameless is not None
    assert nameless.cause == "no_evidence"


def test_what_is_under_way_is_not_counted(ledger_of: LedgerOf) -> None:
    """Only what has come to an end tells anything."""
    ledger = ledger_of((5, BUSY), (5, StepStatus()))
    assert (ledger.run.visited, ledger.stop(1, over=False)) == (0, None)


def test_a_device_that_shows_it_late_is_taken_out_again(
    ledger_of: LedgerOf, make_step: MakeStep
) -> None:
    """A mismatch that became what was wanted is no failure any more, in any scope."""
    ledger = ledger_of((1, BAD), (1, OK))
    step = make_step("late", site="berlin")
    ledger.move(step, evolve(BAD, cause="error_4004"))
    assert ledger.stop(1, over=False) is not None
    ledger.move(step, OK)
    assert ledger.stop(1, over=True) is None
    for tally, failed, changed in (
        (ledger.run, 1, 2),
        (ledger.wave(1), 1, 2),
        (ledger.sites["berlin"], 0, 1),
    ):
        assert (tally.failed, tally.changed) == (failed, changed)
        assert tally.attempted == failed + changed
    ledger.move(step, BUSY)
    assert (ledger.run.visited, ledger.sites["berlin"].visited) == (2, 0)


def test_accepted_failures_do_not_count(ledger_of: LedgerOf) -> None:
    """What was not moved in, since somebody has seen it, is borne."""
    ledger = ledger_of((3, OK))
    assert ledger.room_in_canary(0) == 1
    assert ledger.stop(1, over=True) is None
    assert ledger_of().stop(1, over=True) is None


@pytest.mark.parametrize(
    ("counts", "under_way", "bounds", "room"),
    [
        ([], 0, {}, 1),
        ([], 1, {}, 0),
        ([(1, BAD)], 0, {}, 1),
        ([(2, BAD)], 0, {}, 0),
        ([(1, LOGIN)], 0, {}, 0),
        ([], 0, {"systemic_canary": 9}, 2),
        ([], 0, {"systemic_canary": 9, "canary_failures": 5}, 6),
        ([(1, BAD)], 2, {"systemic_canary": 9, "canary_failures": 5}, 3),
        ([], 0, {"canary_failures": 0}, 1),
        ([(5, OK), (5, AWAY), (5, NOOP)], 0, {}, 1),
    ],
)
def test_the_room_in_the_canary(
    ledger_of: LedgerOf,
    counts: list[tuple[int, StepStatus]],
    under_way: int,
    bounds: dict[str, int],
    room: int,
) -> None:
    """Whoever is under way counts as a failure to come, and as one that all share."""
    assert ledger_of(*counts, **bounds).room_in_canary(under_way) == room


ends = st.sampled_from([OK, NOOP, BAD, LOGIN, REFUSED, AWAY, LOST, STEPS_AWAY, MET, MADE])
budgets = st.builds(Budget, canary_failures=st.integers(0, 4), systemic_canary=st.integers(1, 4))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(budget=budgets, ends=st.lists(ends, max_size=30), data=st.data())
def test_the_bound_of_the_canary_is_exact(
    make_step: MakeStep, budget: Budget, ends: list[StepStatus], data: st.DataObject
) -> None:
    """Begun as a wave begins them, in whatever order they end, no failure is one too many."""
    ledger, crossed = Ledger(budget), False
    waiting = [(make_step(str(number)), end) for number, end in enumerate(ends)]
    under_way: list[tuple[Step, StepStatus]] = []
    while under_way or (waiting and not crossed):
        has_room = not under_way or ledger.room_in_canary(len(under_way)) > 0
        if waiting and not crossed and has_room:
            under_way.append(waiting.pop(0))
            continue
        place = data.draw(st.integers(0, len(under_way) - 1))
        ledger.move(*under_way.pop(place))
        crossed = crossed or ledger.stop(1, over=False) is not None
    systemic = [end for _, end in ledger._ended.values() if end.cause in {"login", "error_4004"}]
    assert ledger.wave(1).failed <= budget.canary_failures + 1
    for cause in ("login", "error_4004"):
        assert sum(end.cause == cause for end in systemic) <= budget.systemic_canary
    if not crossed:
        assert waiting == []
        assert ledger.wave(1).failed <= budget.canary_failures


moves = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from([OK, BAD, LOGIN, AWAY, LOST, NOOP, BUSY, StepStatus()]),
    )
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(moves)
def test_tallies_are_what_one_would_count(
    make_step: MakeStep, moves: list[tuple[int, StepStatus]]
) -> None:
    """However often a step is moved, the sums are those of how the steps stand at last."""
    ledger, last = Ledger(Budget()), dict[int, StepStatus]()
    for number, status in moves:
        ledger.move(make_step(str(number), wave=number % 2 + 1, site=str(number % 3)), status)
        last[number] = status
    ended = [status for status in last.values() if status.state.is_over]
    assert ledger.run.visited == len(ended)
    assert ledger.run.failed == sum(status.is_failure for status in ended)
    assert ledger.run.visited == sum(tally.visited for tally in ledger.waves.values())
    assert ledger.run.attempted == sum(tally.attempted for tally in ledger.sites.values())


def test_a_large_run_is_judged_quickly(make_step: MakeStep) -> None:
    """With 100,000 devices in 5,000 sites the end of each is judged in some microseconds."""
    step = make_step(wave=2)
    sites = [evolve(step.device, site=f"site-{number}") for number in range(5_000)]
    ledger = Ledger(Budget())
    for number in range(100_000):
        device = copy.copy(sites[number % 5_000])
        object.__setattr__(device, "name", f"cam-{number}")  # unchecked, to be quick
        ledger.move(Step(device=device, before=step.before, after=step.after, sends=()), OK)
    began = time.process_time()
    for _ in range(1_000):
        assert ledger.stop(1, over=False) is None
        assert ledger.stop(2, over=False) is None
    assert ledger.stop(2, over=True) is None
    assert time.process_time() - began < 0.5
    assert (ledger.run.visited, len(ledger.sites)) == (100_000, 5_000)
