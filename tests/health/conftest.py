"""Outcomes to judge, made by hand: a healthy device, changed in one place each."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from axis_ntp_async.device.records import (
    ClockReading,
    Device,
    NTPClientStatus,
    NTPInfo,
    Outcome,
    ServersSource,
)
from axis_ntp_async.errors import DeviceError

AT = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)

HEALTHY = NTPClientStatus(
    enabled=True,
    nts_enabled=False,
    ntske_server_ca_certs=(),
    servers_source=ServersSource.STATIC,
    max_supported_static_servers=5,
    static_servers=("10.0.0.5", "10.0.0.6"),
    advertised_servers=(),
    static_ntske_servers=(),
    synced=True,
    time_to_next_sync_s=44,
    time_offset_ms=-0.62,
    minpoll=6,
    maxpoll=10,
)

MakeOutcome = Callable[..., Outcome[NTPInfo]]


@pytest.fixture
def healthy() -> NTPClientStatus:
    return HEALTHY


@pytest.fixture
def make_outcome() -> MakeOutcome:
    """An outcome of a healthy client, but for the members that are named."""

    def make(
        *,
        error: DeviceError | None = None,
        skew_s: float | None = 0.1,
        uncertainty_s: float = 0.5,
        name: str = "lobby-3",
        site: str | None = None,
        scheme: str = "https",
        client: NTPClientStatus | None = HEALTHY,
        **members: Any,
    ) -> Outcome[NTPInfo]:
        clock = None if skew_s is None else _clock(skew_s, uncertainty_s)
        status = None if client is None else evolve(client, **members)
        return Outcome(
            device=Device(name=name, host="192.0.2.17", site=site, scheme=scheme),
            value=None if error else NTPInfo(client=status, clock=clock),
            error=error,
            at=AT,
            attempts=2,
            elapsed_s=0.25,
        )

    return make


def _clock(skew_s: float, uncertainty_s: float) -> ClockReading:
    return ClockReading(
        device_time=AT, read_at=AT, round_trip_s=0.0, skew_s=skew_s, uncertainty_s=uncertainty_s
    )
