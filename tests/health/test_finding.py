"""Thresholds that make sense, and who is in sync."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from axis_ntp_async.device.records import NTPInfo, Outcome
from axis_ntp_async.errors import ConfigurationError, DeviceUnreachableError
from axis_ntp_async.health.finding import Cause, Problem, State, Thresholds
from axis_ntp_async.health.judge import judge


def test_thresholds_that_make_no_sense_are_refused() -> None:
    """All at once, each beginning with its member."""
    with pytest.raises(ConfigurationError) as caught:
        Thresholds(
            offset_warning_ms=2000.0,
            skew_warning_s=math.nan,
            skew_critical_s=-1.0,
            servers_min=-2,
        )
    assert caught.value.faults == (
        "skew_warning_s: nan is not a number from 0 on",
        "skew_critical_s: -1.0 is not a number from 0 on",
        "servers_min: -2 is not a number from 0 on",
        "offset_warning_ms: 2000 is above offset_critical_ms 1000, so there would be no warning",
    )


def test_a_warning_may_be_critical_at_once() -> None:
    """Equal bounds leave warnings out, on purpose."""
    assert Thresholds(offset_warning_ms=5.0, offset_critical_ms=5.0).offset_warning_ms == 5.0


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, True),
        ({"static_servers": ("10.0.0.5",)}, True),
        ({"skew_s": None}, True),
        ({"skew_s": 2.4}, True),
        ({"skew_s": 37.0}, False),
        ({"skew_s": -3.0}, False),
        ({"time_offset_ms": 150.0}, False),
        ({"synced": False}, False),
        ({"synced": None}, False),
        ({"static_servers": ()}, False),
        ({"enabled": False}, False),
        ({"client": None}, False),
        ({"error": DeviceUnreachableError("lobby-3", "no answer")}, False),
    ],
)
def test_in_sync_is_who_says_so_and_is_right(
    make_outcome: Callable[..., Outcome[NTPInfo]], members: dict[str, Any], expected: bool
) -> None:
    """Few servers do not hurt yet; a wrong clock does, however it was found out."""
    assert judge(make_outcome(**members)).is_in_sync is expected


def test_an_offset_that_stands_still_is_not_in_sync(
    make_outcome: Callable[..., Outcome[NTPInfo]],
) -> None:
    """Whoever calls itself synced may have lost its server long ago."""
    stale = Problem(cause=Cause.STALE, state=State.CRITICAL, message="stands still", hint="Look.")
    assert not evolve(judge(make_outcome()), problems=(stale,)).is_in_sync
