"""Thresholds that make sense."""

import math

import pytest

from axis_ntp_async.errors import ConfigurationError
from axis_ntp_async.health.finding import Thresholds


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
