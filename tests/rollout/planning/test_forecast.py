"""What a change is going to do to a clock: told before it is made."""

from collections.abc import Callable
from typing import Any

import pytest

from axis_ntp_async.device.records import Device, NTPInfo
from axis_ntp_async.rollout.planning.forecast import (
    clock_step_s,
    has_given_up,
    runs_openntpd,
)

MakeInfo = Callable[..., NTPInfo]


def labelled(firmware: str | None = None) -> Device:
    labels = {} if firmware is None else {"firmware": firmware}
    return Device(name="lobby-3", host="192.0.2.17", labels=labels)


@pytest.mark.parametrize(
    ("firmware", "api_version", "is_old"),
    [
        ("10.12.240", "1.5", True),
        ("9.80.2", None, True),
        ("11.0.65", "1.2", False),
        ("12.11.77", None, False),
        ("12", "1.2", False),
        ("v12.1", "1.2", True),
        ("", "1.2", True),
        (None, "1.0", True),
        (None, "1.2", True),
        (None, "1.3", False),
        (None, "1.10", False),
        (None, "2.0", False),
        (None, "1", True),
        (None, None, False),
        (None, "", False),
        (None, "new", False),
    ],
)
def test_which_devices_run_openntpd(
    firmware: str | None, api_version: str | None, is_old: bool
) -> None:
    """The label of the firmware tells, else the version of the API; who says nothing is new."""
    assert runs_openntpd(labelled(firmware), api_version) is is_old


@pytest.mark.parametrize(
    ("members", "expected_s"),
    [
        ({"skew_s": 37.0, "synced": False}, -37.0),
        ({"skew_s": -37.0, "synced": False}, 37.0),
        ({"skew_s": 0.3, "time_offset_ms": 0.62}, -0.00062),
        ({"skew_s": -0.3, "time_offset_ms": 0.62}, 0.00062),
        ({"skew_s": 1.4, "time_offset_ms": -1800.0}, -1.8),
        ({"skew_s": 37.0, "time_offset_ms": 0.1}, -37.0),
        ({"skew_s": -0.4, "time_offset_ms": 500.0, "synced": False}, 0.4),
        ({"skew_s": -0.4, "time_offset_ms": None}, 0.4),
        ({"skew_s": 0.0, "time_offset_ms": 0.0}, 0.0),
        ({"skew_s": 5.0, "client": None}, -5.0),
        ({"skew_s": None}, None),
    ],
    ids=str,
)
def test_how_far_a_clock_will_jump(
    make_info: MakeInfo, members: dict[str, Any], expected_s: float | None
) -> None:
    """A clock that is ahead jumps back; the finer offset counts while it agrees with ours."""
    step_s = clock_step_s(make_info(**members))
    assert step_s == (None if expected_s is None else pytest.approx(expected_s))
    assert str(step_s) != "-0.0"


GAVE_UP = {"skew_s": 2_146.0, "time_to_next_sync_s": 0, "api_version": "1.2"}


@pytest.mark.parametrize(
    ("members", "gave_up"),
    [
        ({}, True),
        ({"skew_s": -9_000.0}, True),
        ({"synced": False}, True),
        ({"skew_s": 2_144.0}, False),
        ({"skew_s": None}, False),
        ({"time_to_next_sync_s": 30}, False),
        ({"enabled": False}, False),
        ({"enabled": None}, False),
        ({"static_servers": ()}, False),
        ({"static_servers": None}, False),
        ({"api_version": "1.5"}, False),
        ({"client": None}, False),
    ],
    ids=str,
)
def test_who_has_given_up(make_info: MakeInfo, members: dict[str, Any], gave_up: bool) -> None:
    """OpenNTPD has, when it has servers and makes no attempt, its clock more than 2,145 s off."""
    assert has_given_up(labelled(), make_info(**{**GAVE_UP, **members})) is gave_up
