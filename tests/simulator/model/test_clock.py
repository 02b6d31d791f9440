"""The clock inside a camera."""

import pytest

from axis_ntp_async.simulator.model.clock import CameraClock


def make_clock(**members: float) -> CameraClock:
    return CameraClock(**{"at": 0.0, "slew_rate": 0.1, **members})


def test_an_oscillator_gains_in_parts_per_million() -> None:
    """20 ppm are 72 ms in an hour."""
    clock = make_clock(drift_ppm=20.0)
    clock.run_until(3600.0)
    assert clock.error_s == pytest.approx(0.072)


def test_a_moment_in_the_past_changes_nothing() -> None:
    """Time never runs backwards in a clock."""
    clock = make_clock(at=100.0, drift_ppm=1e6)
    clock.run_until(50.0)
    assert (clock.at, clock.error_s) == (100.0, 0.0)


def test_a_step_is_at_once() -> None:
    """A step needs no time, and ends a slew."""
    clock = make_clock(error_s=5.0)
    clock.slew(5.0)
    clock.step(5.0)
    clock.run_until(100.0)
    assert clock.error_s == 0.0


@pytest.mark.parametrize("error_s", [1.0, -1.0])
def test_a_slew_takes_its_time_and_then_ends(error_s: float) -> None:
    """At a tenth of a second per second, one second takes ten."""
    clock = make_clock(error_s=error_s)
    clock.slew(error_s)
    clock.run_until(4.0)
    assert clock.error_s == pytest.approx(error_s * 0.6)
    clock.run_until(100.0)
    assert clock.error_s == pytest.approx(0.0)


def test_a_learned_frequency_stops_the_drift() -> None:
    """After two updates hardly any drift is left."""
    clock = make_clock(drift_ppm=100.0)
    clock.learn_frequency()
    clock.learn_frequency()
    clock.run_until(1000.0)
    assert clock.error_s == pytest.approx(0.001)


def test_a_broken_oscillator_cannot_be_learned() -> None:
    """A kernel mends no more than 500 ppm."""
    clock = make_clock(drift_ppm=20_000.0)
    clock.learn_frequency()
    clock.run_until(10.0)
    assert clock.error_s == pytest.approx(0.195)
