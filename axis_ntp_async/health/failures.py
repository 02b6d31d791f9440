"""What it means for a device's health when it could not be read."""

from __future__ import annotations

from typing import Final

from axis_ntp_async.device.records import Device
from axis_ntp_async.errors import (
    AccessBlockedError,
    APIError,
    CertificateRejectedError,
    ConfigurationRefusedError,
    CredentialSuspendedError,
    DeviceBusyError,
    DeviceError,
    DeviceUnreachableError,
    IdentityMismatchError,
    LoginRefusedError,
    NotAuthorizedError,
    NotTriedError,
    PlaintextLoginError,
    TooManyOpenFilesError,
    UnexpectedResponseError,
    UnsupportedDeviceError,
    UnsupportedVersionError,
)
from axis_ntp_async.health.finding import Cause, Problem, State

_FAILURES: Final[tuple[tuple[type[DeviceError], Cause, State, str], ...]] = (
    (
        DeviceUnreachableError,
        Cause.UNREACHABLE,
        State.UNKNOWN,
        "Check power, cabling, VLAN and firewall, and its address in the inventory.",
    ),
    (DeviceBusyError, Cause.BUSY, State.UNKNOWN, "It may be starting up: sweep again later."),
    (
        CertificateRejectedError,
        Cause.CERTIFICATE,
        State.CRITICAL,
        "Look at the certificate with 'axis-ntp trust', and record it if it is the device's own.",
    ),
    (
        IdentityMismatchError,
        Cause.IDENTITY,
        State.CRITICAL,
        "Another device answers there: correct the address or the serial in the inventory.",
    ),
    (
        CredentialSuspendedError,
        Cause.NOT_TRIED,
        State.UNKNOWN,
        "Correct the credentials first: nobody is locked out as long as they are not tried.",
    ),
    (
        TooManyOpenFilesError,
        Cause.NOT_TRIED,
        State.UNKNOWN,
        "Raise the limit of open files with 'ulimit -n', or lower --concurrency.",
    ),
    (NotTriedError, Cause.NOT_TRIED, State.UNKNOWN, "Run again for the rest."),
    (
        LoginRefusedError,
        Cause.LOGIN,
        State.UNKNOWN,
        "Correct the user name or password of its credentials; it must be an administrator.",
    ),
    (
        PlaintextLoginError,
        Cause.LOGIN,
        State.UNKNOWN,
        "Turn HTTPS on in the device and use scheme = 'https'.",
    ),
    (
        NotAuthorizedError,
        Cause.LOGIN,
        State.UNKNOWN,
        "Give the user administrator rights in the device.",
    ),
    (
        AccessBlockedError,
        Cause.BLOCKED,
        State.UNKNOWN,
        "Wait, then look for whoever logs in with a wrong password from this address.",
    ),
    (
        ConfigurationRefusedError,
        Cause.UNSUPPORTED,
        State.UNKNOWN,
        "Want of it only what it supports, as 'axis-ntp get' shows; nothing was sent.",
    ),
    (
        UnsupportedDeviceError,
        Cause.UNSUPPORTED,
        State.UNKNOWN,
        "The NTP API came with AXIS OS 9.10: update it, or set its clock by other means.",
    ),
    (
        UnsupportedVersionError,
        Cause.UNSUPPORTED,
        State.UNKNOWN,
        "Its firmware is newer than this program: look for an update of this program.",
    ),
    (
        APIError,
        Cause.DEVICE_ERROR,
        State.UNKNOWN,
        "Restart the device; if it stays, send its server report to Axis.",
    ),
    (
        UnexpectedResponseError,
        Cause.BAD_ANSWER,
        State.UNKNOWN,
        "Something other than an Axis device, or a proxy, may answer at its address.",
    ),
    (DeviceError, Cause.DEVICE_ERROR, State.UNKNOWN, "Look at the device itself."),
)
"""The first row that fits decides, so children stand above their parents."""


_NO_CREDENTIALS: Final = (
    "Name 'credentials' for it in the inventory, or give --username and --password-from."
)


def problem_of(device: Device, error: DeviceError) -> Problem:
    """Give the problem that an error is for a device."""
    cause, state, hint = _row_of(error)
    if device.credentials is None and isinstance(error, LoginRefusedError):
        hint = _NO_CREDENTIALS
    return Problem(
        cause=cause, state=state, message=str(error).removeprefix(f"{error.device}: "), hint=hint
    )


def cause_of_failure(error: DeviceError) -> Cause:
    """Give the cause that an error is."""
    return _row_of(error)[0]


def _row_of(error: DeviceError) -> tuple[Cause, State, str]:
    return next(
        (cause, state, hint) for kind, cause, state, hint in _FAILURES if isinstance(error, kind)
    )
