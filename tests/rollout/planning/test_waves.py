"""In which order devices are changed: sizes, the canary, the sample, the way back."""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axis_ntp_async.rollout.plan import Step
from axis_ntp_async.rollout.planning.waves import (
    arranged,
    arranged_backwards,
    kind_of,
    size_of_sample,
    sizes_of_waves,
)
from axis_ntp_async.rollout.rules.settings import Proof, ProofRules, Rules, Staging

MakeStep = Callable[..., Step]
READBACK = Rules(proof=ProofRules(kind=Proof.READBACK))

stagings = st.builds(
    Staging,
    canary_ratio=st.floats(0, 1),
    canary_min=st.integers(1, 30),
    canary_max=st.integers(1, 30),
    canary_alone_below=st.integers(0, 20),
    growth=st.floats(1, 10),
    cap_ratio=st.floats(0.01, 1),
    cap=st.integers(1, 5000),
    one_wave=st.booleans(),
)
kinds = st.tuples(st.sampled_from([None, "a", "b", "c"]), st.sampled_from(["1.2", "1.5"]))


def fleet_of(make_step: MakeStep, kinds: Sequence[tuple[Any, Any]]) -> list[Step]:
    return [
        make_step(f"cam-{number}", site=site, api_version=version)
        for number, (site, version) in enumerate(kinds)
    ]


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (0, ()),
        (1, (1,)),
        (5, (1, 2, 2)),
        (9, (1, 3, 3, 2)),
        (10, (3, 3, 3, 1)),
        (40, (3, 9, 10, 10, 8)),
        (200, (3, 9, 27, 50, 50, 50, 11)),
        (1_000, (10, 30, 90, 250, 250, 250, 120)),
        (10_000, (20, 60, 180, 540, 1620, 2500, 2500, 2500, 80)),
    ],
)
def test_the_sizes_of_waves(count: int, sizes: tuple[int, ...]) -> None:
    """A small canary, then three times as many each, up to a quarter of the fleet."""
    assert sizes_of_waves(count, Staging()) == sizes


def test_a_large_fleet_has_waves_of_a_bounded_size() -> None:
    """A hundred thousand devices make 25 waves of at most 5,000, and start with 20."""
    sizes = sizes_of_waves(100_000, Staging())
    assert (len(sizes), sizes[0], max(sizes), sum(sizes)) == (25, 20, 5000, 100_000)


@pytest.mark.parametrize(("count", "sizes"), [(0, ()), (1, (1,)), (20, (20,)), (21, (3, 6, 6, 6))])
def test_one_wave_is_for_few_devices(count: int, sizes: tuple[int, ...]) -> None:
    """Up to twenty devices go in one go when that is asked for, more never do."""
    assert sizes_of_waves(count, Staging(one_wave=True)) == sizes


@pytest.mark.parametrize("growth", [1.5, 3.0, math.inf])
def test_waves_grow(growth: float) -> None:
    """Even from a canary of one, by less than its double, and up to all that is allowed."""
    staging = Staging(canary_max=1, growth=growth)
    sizes = sizes_of_waves(100, staging)
    assert sizes[0] < sizes[1] < 26
    assert len(sizes) < 15


@given(st.integers(0, 3000), stagings)
def test_sizes_add_up(count: int, staging: Staging) -> None:
    """Whatever the numbers, every device has its wave, and none is empty or too large."""
    sizes = sizes_of_waves(count, staging)
    assert sum(sizes) == count
    assert all(size > 0 for size in sizes)
    is_one_wave = staging.one_wave and count <= 20
    if sizes and not is_one_wave:
        assert sizes[0] <= max(staging.canary_max, 1)
        assert max(sizes[1:], default=0) <= min(math.ceil(staging.cap_ratio * count), staging.cap)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(kinds, max_size=120))
def test_every_device_has_one_wave(make_step: MakeStep, kinds: list[tuple[Any, Any]]) -> None:
    """The steps are the same ones as before, each in one wave of the size it should have."""
    steps = fleet_of(make_step, kinds)
    placed = arranged(steps, Rules())
    assert Counter(step.device.name for step in placed) == Counter(
        step.device.name for step in steps
    )
    found = Counter(step.wave for step in placed)
    sizes = sizes_of_waves(len(steps), Rules().staging)
    assert [found[number] for number in sorted(found)] == list(sizes)
    assert [step.wave for step in placed] == sorted(step.wave for step in placed)
    assert placed == arranged(steps, Rules())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(kinds, min_size=1, max_size=120))
def test_the_canary_has_of_every_kind(make_step: MakeStep, kinds: list[tuple[Any, Any]]) -> None:
    """As many kinds as fit are in it, and none twice before all are."""
    steps = fleet_of(make_step, kinds)
    size = sizes_of_waves(len(steps), Rules().staging)[0]
    canary = Counter(kind_of(step) for step in arranged(steps, Rules())[:size])
    frequency = Counter(map(kind_of, steps))
    assert len(canary) == min(size, len(frequency))


def test_a_kind_is_site_version_model_and_main_release(make_step: MakeStep) -> None:
    """Firmware counts by its main number; what nobody told is a kind of its own."""
    labels = {"model": "P3265-V", "firmware": "12.11.77"}
    step = make_step(site="berlin", labels=labels)
    assert kind_of(step) == ("berlin", "1.5", "P3265-V", "12")
    assert kind_of(make_step(api_version=None)) == (None, None, None, None)


def test_later_waves_are_a_fair_mixture(make_step: MakeStep) -> None:
    """Two sites of unlike size have about their share of every wave."""
    steps = fleet_of(make_step, [("large", "1.5")] * 300 + [("small", "1.5")] * 100)
    for wave in range(4, 7):
        inside = [step for step in arranged(steps, Rules()) if step.wave == wave]
        small = sum(step.device.site == "small" for step in inside)
        assert small == pytest.approx(len(inside) / 4, abs=1.5)


def test_the_canary_has_what_is_rare_too(make_step: MakeStep) -> None:
    """Where a fleet has more sites than the canary has devices, no model is left out for them."""
    steps = [
        make_step(f"{site}-{number}", site=f"site-{site}", labels={"model": "P3265-V"})
        for site in range(50)
        for number in range(40)
    ]
    steps += [
        make_step(
            f"rare-{version}", site="site-7", labels={"model": "M1075-L"}, api_version=version
        )
        for version in ("1.2", "1.4")
    ]
    canary = arranged(steps, Rules())[:20]
    assert {step.device.labels["model"] for step in canary} == {"P3265-V", "M1075-L"}
    assert {"1.2", "1.4"} <= {step.api_version for step in canary}
    assert len({step.device.site for step in canary}) >= 18


@pytest.mark.parametrize(
    ("size", "canary", "sampled"),
    [(20, True, 20), (8, False, 8), (100, False, 10), (201, False, 11), (5000, False, 250)],
)
def test_the_size_of_a_sample(size: int, canary: bool, sampled: int) -> None:
    """The whole canary is watched; of later waves one in twenty, but ten at least."""
    assert size_of_sample(size, Rules(), canary=canary) == sampled
    assert size_of_sample(size, READBACK, canary=canary) == 0


def test_a_sample_is_exact_and_spread(make_step: MakeStep) -> None:
    """Every wave has as many sampled devices as it should, at even distances."""
    placed = arranged(fleet_of(make_step, [("a", "1.5")] * 1000), Rules())
    for wave in range(1, 8):
        marks = [step.is_sampled for step in placed if step.wave == wave]
        places = [place for place, mark in enumerate(marks) if mark]
        expected = size_of_sample(len(marks), Rules(), canary=wave == 1)
        assert len(places) == expected
        gaps = {later - earlier for earlier, later in itertools.pairwise(places)}
        assert max(gaps) - min(gaps) <= 1
    readback = arranged(fleet_of(make_step, [("a", "1.5")] * 30), READBACK)
    assert not any(step.is_sampled for step in readback)


def test_the_way_back_begins_with_the_last_wave(make_step: MakeStep) -> None:
    """What was changed last is restored first, in waves of the same rules."""
    steps = [
        evolve(step, wave=number // 4 + 1)
        for number, step in enumerate(fleet_of(make_step, [("a", "1.5")] * 12))
    ]
    placed = arranged_backwards(steps, Rules())
    names = [step.device.name for step in placed]
    assert names == [f"cam-{number}" for number in (8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3)]
    assert [step.wave for step in placed] == [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3
    assert arranged_backwards([], Rules()) == ()
