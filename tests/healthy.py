"""A healthy device as it answers, to be changed in one place: for tests of several floors."""

import datetime as dt
from typing import Any, Final

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

AT: Final = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)

CLIENT: Final = NTPClientStatus(
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


def clock(
    skew_s: float, uncertainty_s: float = 0.5, *, round_trip_s: float = 0.0, at: dt.datetime = AT
) -> ClockReading:
    """Give a reading of a clock that is so far off ours."""
    return ClockReading(
        device_time=at,
        read_at=at,
        round_trip_s=round_trip_s,
        skew_s=skew_s,
        uncertainty_s=uncertainty_s,
    )


def outcome(
    device: Device,
    *,
    error: DeviceError | None = None,
    client: NTPClientStatus | None = CLIENT,
    clock: ClockReading | None = None,
    api_version: str | None = None,
    at: dt.datetime = AT,
    attempts: int = 1,
    elapsed_s: float = 0.1,
    **members: Any,
) -> Outcome[NTPInfo]:
    """Give what came of a look at a device: all is well, but for what is named."""
    status = None if client is None else evolve(client, **members)
    info = NTPInfo(api_version=api_version, client=status, clock=clock)
    return Outcome(
        device=device,
        value=None if error else info,
        error=error,
        at=at,
        attempts=attempts,
        elapsed_s=elapsed_s,
    )
