"""`judge`: from an outcome to a finding. Pure: it reads no clock and asks nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from axis_ntp_async.device.configuration import Change, NTPClientConfiguration
from axis_ntp_async.device.records import (
    ClockReading,
    NTPClientStatus,
    NTPInfo,
    Outcome,
    ServersSource,
)
from axis_ntp_async.health.failures import problem_of
from axis_ntp_async.health.finding import (
    PROFILES,
    Cause,
    Finding,
    Problem,
    State,
    Thresholds,
    falls_back,
    servers_in_use,
)

_GAVE_UP: Final = "setting the same servers again makes it try anew."
_NO_ATTEMPT: Final = (
    "A server name may not resolve, or firmware before 11 gave up because its clock was "
    f"more than 36 min off: {_GAVE_UP}"
)
_LARGE_MS: Final = 10_000.0
_NO_ANSWER: Final = (
    "Check that UDP 123 to its servers is open and that they answer; "
    "after a restart or a change, firmware before 11 needs some minutes."
)


def judge(
    outcome: Outcome[NTPInfo],
    thresholds: Thresholds = PROFILES["default"],
    desired: NTPClientConfiguration | None = None,
) -> Finding:
    """
    Give the verdict on one device.

    The reported offset counts only while the device is synced. The device's
    clock against ours needs no word of the device: it finds out who follows
    a wrong server with an offset of nothing.

    Args:
        outcome: What came of `DeviceSession.get_ntp_info`.
        thresholds: When a value is too large.
        desired: What is wanted of the device; `None` compares nothing.
    """
    info = outcome.value
    drift: tuple[Change, ...] = ()
    if outcome.error is not None:
        problems = [problem_of(outcome.device, outcome.error)]
    elif info is None or info.client is None:
        problems = [_no_client()]
    else:
        drift = _drift(desired, info.client) if desired else ()
        problems = [
            *problems_of_settings(info.client, desired),
            *_of_sync(info.client),
            *_of_offset(info.client, thresholds),
            *_of_skew(info.client, info.clock, thresholds),
            *_of_drift([change.member for change in drift]),
            *_of_fallback(info.client),
            *_of_few_servers(info.client, thresholds),
        ]
    return Finding(
        device=outcome.device,
        at=outcome.at,
        problems=tuple(problems),
        info=info,
        error=outcome.error,
        drift=drift,
        attempts=outcome.attempts,
        elapsed_s=outcome.elapsed_s,
    )


def _drift(desired: NTPClientConfiguration, client: NTPClientStatus) -> tuple[Change, ...]:
    return desired.applicable_to(client).changes_from(client)


def _no_client() -> Problem:
    return Problem(
        cause=Cause.UNSUPPORTED,
        state=State.UNKNOWN,
        message="reports no NTP client",
        hint="The product may have no NTP client of its own.",
    )


def problems_of_settings(
    client: NTPClientStatus, desired: NTPClientConfiguration | None = None
) -> Iterator[Problem]:
    """Give what is wrong with a device's settings alone: so no device can be in sync."""
    if client.enabled is False:
        if desired is None or desired.enabled is not False:
            yield Problem(
                cause=Cause.DISABLED,
                state=State.CRITICAL,
                message="its NTP client is switched off",
                hint="Switch it on: axis-ntp set … --enable.",
            )
        return
    if servers_in_use(client) == ():
        yield _no_servers(client)


def _no_servers(client: NTPClientStatus) -> Problem:
    if client.nts_enabled:
        message = "NTS is on, but it has no NTS-KE server"
        hint = "Name NTS-KE servers, or switch NTS off."
    elif falls_back(client):
        message = "DHCP advertises no NTP server, and it has no static one"
        hint = "Hand out NTP servers with DHCP option 42, or name static servers."
    elif client.advertised_servers:
        advertised = ", ".join(client.advertised_servers)
        message = f"its source is static without a server, while DHCP advertises {advertised}"
        hint = "Name static servers, or set the source to DHCP."
    else:
        message = "it has no NTP server"
        hint = "Name static servers: axis-ntp set … --server ADDRESS."
    return Problem(cause=Cause.NO_SERVERS, state=State.CRITICAL, message=message, hint=hint)


def _of_sync(client: NTPClientStatus) -> Iterator[Problem]:
    if client.enabled is False or client.synced:
        return
    if client.synced is None:
        yield Problem(
            cause=Cause.NOT_SYNCED,
            state=State.UNKNOWN,
            message="it does not report whether it is synced",
            hint="Judge its clock by the skew.",
        )
        return
    servers = servers_in_use(client)
    named = f" with {', '.join(servers)}" if servers else ""
    if servers == ():
        message, hint = "not synced: it has no server", "Give it a server first."
    elif client.time_to_next_sync_s == 0:
        message, hint = f"not synced{named}, and no attempt is due", _NO_ATTEMPT
    else:
        message, hint = f"not synced{named}", _NO_ANSWER
    if client.nts_enabled and servers != ():
        hint += " With NTS: TCP 4460 must be open too, and its CA certificate be known."
    elif client.servers_source is ServersSource.STATIC and client.advertised_servers:
        hint += " DHCP advertises servers, but its source is static."
    yield Problem(cause=Cause.NOT_SYNCED, state=State.CRITICAL, message=message, hint=hint)


def _of_offset(client: NTPClientStatus, thresholds: Thresholds) -> Iterator[Problem]:
    if client.enabled is False or client.offset_ms is None:
        return
    state = _level(
        abs(client.offset_ms), thresholds.offset_warning_ms, thresholds.offset_critical_ms
    )
    if state is not State.OK:
        yield Problem(
            cause=Cause.OFFSET,
            state=state,
            message=f"its clock is {_offset(client.offset_ms)} off its server's",
            hint="It may still be slewing towards the right time; if it stays, look at the "
            "network's delay and at the server.",
        )


def _offset(offset_ms: float) -> str:
    is_large = abs(offset_ms) >= _LARGE_MS
    return f"{offset_ms / 1000:+.1f} s" if is_large else f"{offset_ms:+.4g} ms"


def _of_skew(
    client: NTPClientStatus, clock: ClockReading | None, thresholds: Thresholds
) -> Iterator[Problem]:
    if clock is None:
        return
    certain_s = max(0.0, abs(clock.skew_s) - clock.uncertainty_s)
    state = _level(certain_s, thresholds.skew_warning_s, thresholds.skew_critical_s)
    if state is State.OK:
        return
    direction = "ahead of" if clock.skew_s > 0 else "behind"
    message = f"its clock is {_duration(abs(clock.skew_s))} {direction} ours"
    says_synced = client.synced and client.enabled is not False
    if says_synced and client.time_to_next_sync_s == 0:
        message += ", yet it calls itself synced, and no attempt is due"
        hint = f"It follows a wrong server, or it gave up: {_GAVE_UP}"
    elif says_synced:
        servers = ", ".join(servers_in_use(client) or ()) or "its server"
        message += f", yet it calls itself synced: it follows a wrong server ({servers})"
        hint = "Check the time of its servers, and our own clock."
    else:
        hint = "Its clock was never set right, or it drifts since its server is gone."
    yield Problem(cause=Cause.SKEW, state=state, message=message, hint=hint)


def _of_drift(members: list[str]) -> Iterator[Problem]:
    if members:
        yield Problem(
            cause=Cause.DRIFT,
            state=State.WARNING,
            message=f"not as desired: {', '.join(members)}",
            hint="Somebody changed it, or it was never set.",
        )


def _of_fallback(client: NTPClientStatus) -> Iterator[Problem]:
    if client.enabled is not False and falls_back(client) and client.static_servers != ():
        yield Problem(
            cause=Cause.DHCP_FALLBACK,
            state=State.WARNING,
            message="DHCP advertises no NTP server; it falls back to its static servers",
            hint="Hand out NTP servers with DHCP option 42, or set the source to static.",
        )


def _of_few_servers(client: NTPClientStatus, thresholds: Thresholds) -> Iterator[Problem]:
    servers = servers_in_use(client)
    if client.enabled is not False and servers and len(servers) < thresholds.servers_min:
        yield Problem(
            cause=Cause.FEW_SERVERS,
            state=State.WARNING,
            message=f"it has {len(servers)} of at least {thresholds.servers_min} servers",
            hint="Name another server: with a single one, its failure is yours.",
        )


def _level(value: float, warning: float, critical: float) -> State:
    if value >= critical:
        return State.CRITICAL
    return State.WARNING if value >= warning else State.OK


def _duration(seconds: float) -> str:
    for unit, size_s in (("days", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= 2 * size_s:
            return f"{seconds / size_s:.1f} {unit}"
    return f"{seconds:.1f} s"
