"""What a change is going to do to a device's clock. Pure."""

from __future__ import annotations

import math
from typing import Final

from axis_ntp_async.device.records import Device, NTPClientStatus, NTPInfo
from axis_ntp_async.health.finding import servers_in_use

GIVES_UP_ABOVE_S: Final = 2145.0
"""OpenNTPD stops for good when it finds the clock farther off. Source: AXIS OS knowledge base."""

_CHRONY_FIRMWARE: Final = 11
_CHRONY_API: Final = (1, 3)
"""Versions 1.0 to 1.2 were seen before AXIS OS 11 only."""


def runs_openntpd(device: Device, api_version: str | None) -> bool:
    """
    Tell whether a device is older than AXIS OS 11, which brought chrony.

    Its label `firmware` tells, if it has one, else the version of its API.

    Source: AXIS OS knowledge base, NTP.
    """
    release = device.labels.get("firmware", "").partition(".")[0]
    if release.isdecimal():
        return int(release) < _CHRONY_FIRMWARE
    numbers = (api_version or "").split(".")
    return all(map(str.isdecimal, numbers)) and tuple(map(int, numbers)) < _CHRONY_API


def clock_step_s(info: NTPInfo) -> float | None:
    """
    Give how far the clock will jump if the new servers are right, in seconds.

    The skew against our own clock knows of no server, but only to half a
    second. Where the device's own offset agrees with it, that is the better
    number; where it does not, the device follows a wrong server. `None` when
    the answer told no time.
    """
    if info.clock is None:
        return None
    offset_ms = info.client.offset_ms if info.client else None
    error_s = info.clock.skew_s
    if offset_ms is not None:
        offset_s = abs(offset_ms) / 1000
        if abs(abs(error_s) - offset_s) <= info.clock.uncertainty_s:
            error_s = math.copysign(offset_s, error_s)
    return 0.0 - error_s


def has_given_up(device: Device, info: NTPInfo) -> bool:
    """
    Tell whether the device's NTP client has stopped for good, its clock too far off.

    Source: AXIS OS knowledge base: OpenNTPD, before AXIS OS 11, until it is
    configured again.
    """
    client = info.client or NTPClientStatus()
    is_idle = client.enabled is True and client.time_to_next_sync_s == 0
    return (
        is_idle
        and bool(servers_in_use(client))
        and info.clock is not None
        and abs(info.clock.skew_s) > GIVES_UP_ABOVE_S
        and runs_openntpd(device, info.api_version)
    )
