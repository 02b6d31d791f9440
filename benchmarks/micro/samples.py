"""Believable things to work with: devices, answers, findings, steps of a rollout."""

import datetime as dt
from functools import cache
from typing import Final

from attrs import evolve

from axis_ntp_async.device import wire
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import ClockReading, Device, NTPInfo, Outcome, ServersSource
from axis_ntp_async.errors import DeviceUnreachableError
from axis_ntp_async.health.finding import Finding
from axis_ntp_async.health.judge import judge
from axis_ntp_async.rollout.plan import Plan, Step
from benchmarks.fleet.camera import Cameras, Request
from benchmarks.setting import PATH, REQUEST, address_of, serial_of

AT: Final = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
CONTEXT: Final = "benchmark"

_SITES: Final = 50
_OUT_OF_REACH: Final = 50
_BEFORE: Final = NTPClientConfiguration(
    enabled=True, servers_source=ServersSource.STATIC, static_servers=("10.0.0.1",)
)


def answer(number: int = 7) -> bytes:
    """Give the body of an answer to getNTPInfo."""
    asked = Request(method="POST", path=PATH, login=None, close=True, body=REQUEST)
    chunked = Cameras("").answer(number, asked).partition(b"\r\n\r\n")[2]
    return chunked.split(b"\r\n")[1]


def device(number: int) -> Device:
    """Give one device of an inventory."""
    return Device(
        name=f"cam-{number:06}",
        host=address_of(number),
        serial=serial_of(number),
        site=f"site-{number % _SITES:02}",
        credentials="all",
        tls="insecure",
    )


def outcome(number: int) -> Outcome[NTPInfo]:
    """Give what came of reading it; one in fifty is out of reach."""
    whom = device(number)
    if number % _OUT_OF_REACH == 0:
        error = DeviceUnreachableError(whom.name, "no answer within 3 s")
        return Outcome(device=whom, error=error, at=AT, attempts=3, elapsed_s=10.2)
    return Outcome(device=whom, value=info(number), at=AT, attempts=1, elapsed_s=0.04)


def info(number: int) -> NTPInfo:
    """Give what a device says, and its clock."""
    name = f"cam-{number:06}"
    read = wire.decode_ntp_info(name, wire.decode_reply(name, answer(number), CONTEXT))
    clock = ClockReading(
        device_time=AT, read_at=AT, round_trip_s=0.04, skew_s=0.1, uncertainty_s=0.52
    )
    return evolve(read, clock=clock)


@cache
def findings(devices: int) -> tuple[Finding, ...]:
    """Give what a sweep has found."""
    return tuple(judge(outcome(number)) for number in range(devices))


def plan(steps: int) -> Plan:
    """Give a rollout of new servers."""
    after = evolve(_BEFORE, static_servers=("10.0.0.5", "10.0.0.6"))
    return Plan(
        made_at=AT,
        steps=tuple(
            Step(device=device(number), before=_BEFORE, after=after, sends=("static_servers",))
            for number in range(steps)
        ),
    )
