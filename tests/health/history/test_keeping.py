"""Which looks are worth a record."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import (
    ClockReading,
    Device,
    NTPClientStatus,
    NTPInfo,
    Outcome,
    ServersSource,
)
from axis_ntp_async.errors import DeviceUnreachableError
from axis_ntp_async.health.finding import Cause, State
from axis_ntp_async.health.history.keeping import HistoryRules, differs, record_of
from axis_ntp_async.health.history.record import Record
from axis_ntp_async.health.judge import judge

MakeRecord = Callable[..., Record]

AT = dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.UTC)
RULES = HistoryRules()


def look(device: Device, **status: Any) -> Record:
    client = NTPClientStatus(
        **{
            "enabled": True,
            "nts_enabled": False,
            "servers_source": ServersSource.STATIC,
            "static_servers": ("10.0.0.5", "10.0.0.6"),
            "synced": True,
            "time_offset_ms": -12.5,
            **status,
        }
    )
    clock = ClockReading(
        device_time=AT, read_at=AT, round_trip_s=0.1, skew_s=0.25, uncertainty_s=0.55
    )
    outcome = Outcome(
        device=device, value=NTPInfo(client=client, clock=clock), at=AT, attempts=1, elapsed_s=0.1
    )
    return record_of(judge(outcome, desired=NTPClientConfiguration(enabled=True)))


def test_what_is_kept_of_a_finding(device: Device) -> None:
    """Identity, verdict, settings, numbers."""
    assert look(device) == Record(
        device="lobby-3",
        address="192.0.2.17",
        serial="ACCC8E012345",
        at=AT,
        state=State.OK,
        enabled=True,
        nts=False,
        source="static",
        servers=("10.0.0.5", "10.0.0.6"),
        synced=True,
        offset_ms=-12.5,
        skew_s=0.25,
        uncertainty_s=0.55,
    )


def test_what_is_kept_of_a_device_that_is_not_as_desired(device: Device) -> None:
    """Which members; and words that the document does not have stay as they are."""
    record = look(device, enabled=False, servers_source="GPS")
    assert (record.state, record.cause) == (State.CRITICAL, Cause.DISABLED)
    assert (record.source, record.drift) == ("GPS", ("enabled",))


def test_what_is_kept_of_a_device_that_did_not_answer(device: Device) -> None:
    """Why; by another clock, if one is given."""
    error = DeviceUnreachableError(device.name, "no answer within 3 s")
    outcome: Outcome[NTPInfo] = Outcome(
        device=device, error=error, at=AT, attempts=3, elapsed_s=9.0
    )
    record = record_of(judge(outcome), AT + dt.timedelta(1))
    assert (record.state, record.cause) == (State.UNKNOWN, Cause.UNREACHABLE)
    assert (record.message, record.at) == ("no answer within 3 s", AT + dt.timedelta(1))
    assert (record.servers, record.offset_ms, record.skew_s) == (None, None, None)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, False),
        ({"minute": 0.5}, False),
        ({"state": State.WARNING}, True),
        ({"cause": Cause.DRIFT}, True),
        ({"message": "HTTP 503"}, True),
        ({"enabled": False}, True),
        ({"nts": True}, True),
        ({"source": "DHCP"}, True),
        ({"servers": ("10.0.0.5",)}, True),
        ({"servers": None}, True),
        ({"synced": False}, True),
        ({"drift": ("enabled",)}, True),
        ({"address": "10.0.4.18"}, True),
        ({"serial": None}, True),
        ({"site": "lyon"}, True),
        ({"has_left": True}, True),
        ({"offset_ms": 51.25}, False),
        ({"offset_ms": 51.3}, True),
        ({"offset_ms": -48.8}, True),
        ({"offset_ms": None}, True),
        ({"skew_s": 1.1}, False),
        ({"skew_s": 1.11}, True),
        ({"skew_s": 0.9, "uncertainty_s": 0.8}, True),
        ({"skew_s": None, "uncertainty_s": None}, True),
    ],
)
def test_a_look_that_differs_is_worth_a_record(
    make_record: MakeRecord, change: dict[str, Any], *, expected: bool
) -> None:
    """Whatever it differs in; numbers only by a step."""
    assert differs(make_record(), make_record(**{"minute": 0.1, **change}), RULES) is expected


def test_the_first_look_is_worth_a_record(make_record: MakeRecord) -> None:
    """There is nothing that it could be like."""
    assert differs(None, make_record(), RULES)


@pytest.mark.parametrize("minutes", [60, -60, 1e6])
def test_time_alone_is_worth_a_record(make_record: MakeRecord, minutes: float) -> None:
    """After an hour, in whichever direction our own clock went."""
    assert differs(make_record(), make_record(minute=minutes), RULES)


def test_the_hourly_records_of_many_devices_are_spread(make_record: MakeRecord) -> None:
    """Each has its own moment, which stays the same."""
    due = [
        minute
        for device in (f"cam-{number}" for number in range(120))
        for minute in range(60)
        if differs(make_record(device, minute), make_record(device, minute + 1), RULES)
    ]
    assert len(due) == 120
    assert len(set(due)) > 40


@given(
    last=st.tuples(st.floats(-9, 9), st.floats(0.5, 3)),
    now=st.tuples(st.floats(-9, 9), st.floats(0.5, 3)),
)
def test_silence_has_a_meaning(last: tuple[float, float], now: tuple[float, float]) -> None:
    """Without a record the clock was for certain within the step around the last reading."""
    usual = Record(device="a", address="a", at=AT, state=State.OK, skew_s=0.0, uncertainty_s=0.0)
    before = evolve(usual, skew_s=last[0], uncertainty_s=last[1])
    if not differs(before, evolve(usual, skew_s=now[0], uncertainty_s=now[1]), RULES):
        for true_s in (now[0] - now[1], now[0] + now[1]):
            assert abs(true_s - last[0]) <= last[1] + RULES.skew_step_s + 1e-9


def test_rules_that_cannot_be_are_refused() -> None:
    """At once, not when it is time to prune."""
    for wrong in ({"every_s": 0}, {"keep_days": 0}, {"offset_step_ms": -1}, {"pending_most": 0}):
        with pytest.raises(ValueError, match="must be"):
            HistoryRules(**wrong)
