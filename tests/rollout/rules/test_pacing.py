"""How quickly devices are written to: evenly, over all, by site and by server."""

from collections import Counter
from collections.abc import Callable, Iterable

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axis_ntp_async.rollout.plan import Step
from axis_ntp_async.rollout.rules.pacing import Pacer
from axis_ntp_async.rollout.rules.settings import Pace

MakeStep = Callable[..., Step]


def turns(pace: Pace, steps: Iterable[Step], now: float = 100.0) -> list[float]:
    pacer = Pacer(pace)
    return [pacer.turn(step, now) - now for step in steps]


def pointed_at(step: Step, *servers: str) -> Step:
    return evolve(step, after=evolve(step.after, static_servers=servers))


def test_devices_begin_at_even_distances(make_step: MakeStep) -> None:
    """With 120 a minute one begins every half second, the first at once."""
    assert turns(Pace(per_minute=120.0), [make_step()] * 4) == pytest.approx([0.0, 0.5, 1.0, 1.5])


def test_a_pause_makes_no_burst(make_step: MakeStep) -> None:
    """Turns that nobody took are gone, and the distance is kept afterwards."""
    pacer = Pacer(Pace(per_minute=60.0))
    begins = [pacer.turn(make_step(), now) for now in (0.0, 50.0, 50.0, 51.5)]
    assert begins == pytest.approx([0.0, 50.0, 51.0, 52.0])


def test_each_site_has_its_own_bound(make_step: MakeStep) -> None:
    """Two sites go on side by side, and who has no site is bound by the whole only."""
    pace = Pace(per_minute=6000.0, per_site=60.0, per_server=None)
    sites = ("a", "a", "b", "b", None, None)
    begins = turns(pace, [make_step(site=site) for site in sites])
    assert begins == pytest.approx([0.0, 1.0, 1.01, 2.01, 2.02, 2.03])


def test_both_servers_of_a_device_are_spared(make_step: MakeStep) -> None:
    """A device that asks two servers counts with both, in whatever letters they are written."""
    pace = Pace(per_minute=6000.0, per_server=60.0)
    steps = [
        pointed_at(make_step(), "ntp-1", "ntp-2"),
        pointed_at(make_step(), "NTP-2"),
        pointed_at(make_step(), "ntp-3"),
        pointed_at(make_step(), "Ntp-1", "ntp-3"),
        pointed_at(make_step(), "same", "SAME"),
        pointed_at(make_step(), "same"),
    ]
    assert turns(pace, steps) == pytest.approx([0.0, 1.0, 1.01, 2.01, 2.02, 3.02])


def test_who_asks_nobody_is_bound_by_the_whole_only(make_step: MakeStep) -> None:
    """A device that is switched off spares every server."""
    pace = Pace(per_minute=6000.0, per_server=60.0)
    off = make_step()
    off = evolve(off, after=evolve(off.after, enabled=False))
    assert turns(pace, [off] * 3) == pytest.approx([0.0, 0.01, 0.02])


placed = st.lists(
    st.tuples(st.sampled_from([None, "a", "b"]), st.sampled_from(["ntp-1", "ntp-2"])), max_size=60
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(placed)
def test_no_minute_has_more_than_it_may(
    make_step: MakeStep, placed: list[tuple[str | None, str]]
) -> None:
    """In any minute at most as many begin as the bound says, over all and for each key."""
    pace = Pace(per_minute=30.0, per_site=12.0, per_server=20.0)
    steps = [pointed_at(make_step(site=site), server) for site, server in placed]
    begins = turns(pace, steps, now=0.0)
    assert begins == sorted(begins)
    for first in begins:
        inside = [
            one for one, at in zip(placed, begins, strict=True) if first <= at < first + 59.999
        ]
        assert len(inside) <= 30
        assert max(Counter(site for site, _ in inside if site).values(), default=0) <= 12
        assert max(Counter(server for _, server in inside).values()) <= 20
