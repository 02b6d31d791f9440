"""What goes wrong on the way to a device, as our errors: foreign exceptions and HTTP statuses."""

from __future__ import annotations

import contextlib
import datetime as dt
import email.utils
import errno
import functools
import os
import ssl
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Final

import aiohttp
from aiohttp import hdrs
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError

from axis_ntp_async.device.exchange import Response
from axis_ntp_async.device.records import Device
from axis_ntp_async.device.trust import PeerRefusedError
from axis_ntp_async.errors import (
    AccessBlockedError,
    CertificateRejectedError,
    DeviceBusyError,
    DeviceError,
    DeviceUnreachableError,
    TooManyOpenFilesError,
    UnexpectedResponseError,
    UnsupportedDeviceError,
)

_BUSY: Final = frozenset({429, 502, 503, 504})
_ABSENT: Final = frozenset({404, 405})
_NEEDS_A_LOOK: Final = frozenset({200, 401, 500})
_WANTS_TLS: Final = frozenset({400, 426})
_NO_MORE_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE})


def error_of_status(device: Device, response: Response) -> DeviceError | None:
    """Give what an HTTP status means; `None` for 200, 401 and 500, which need a closer look."""
    status, name = response.status, device.name
    if status in _NEEDS_A_LOOK:
        return None
    said = f"HTTP {status} {response.reason or ''}".rstrip()
    if status == HTTPStatus.FORBIDDEN:
        return AccessBlockedError(
            name,
            f"{said}: our address is blocked for a while after failed logins, "
            "or the user is no administrator",
        )
    if status in _ABSENT:
        return UnsupportedDeviceError(
            name, f"{said}: no NTP API here; AXIS OS has it from version 9.10 on"
        )
    if status in _BUSY:
        return DeviceBusyError(name, said, _seconds(response.headers.get(hdrs.RETRY_AFTER)))
    if 300 <= status < 400:  # noqa: PLR2004  the redirects
        target = response.headers.get(hdrs.LOCATION, "nowhere")
        return UnexpectedResponseError(
            name, f"{said} to {target!r}; redirects are not followed, correct 'scheme' and 'host'"
        )
    if status in _WANTS_TLS and device.scheme == "http":
        said += "; it may take HTTPS only: scheme = 'https'"
    return UnexpectedResponseError(name, said)


def _seconds(retry_after: str | None) -> float:
    """Read a Retry-After header: seconds, or a date."""
    if retry_after is None:
        return 0.0
    if retry_after.strip().isdecimal():
        return float(retry_after)
    until = http_date(retry_after)
    return max(0.0, (until - dt.datetime.now(dt.UTC)).total_seconds()) if until else 0.0


@functools.lru_cache(maxsize=16)  # a fleet says the same second again and again
def http_date(text: str) -> dt.datetime | None:
    """Read the date of an HTTP header; `None` when it is none."""
    try:
        date = email.utils.parsedate_to_datetime(text)
        return date.replace(tzinfo=date.tzinfo or dt.UTC).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


@contextlib.contextmanager
def translated_errors(device: Device, timeout_s: float) -> Iterator[None]:
    """
    Raise what aiohttp and asyncio raise as the fitting `DeviceError`.

    What was raised is kept as the cause, unless it may show the headers of the
    request, and so the login, to whoever prints it: some devices echo them.
    """
    try:
        yield
    except _FOREIGN as error:
        translated = _translation_of(error)(device, error, timeout_s)
        if not (hasattr(error, "request_info") or isinstance(error, HttpProcessingError)):
            raise translated from error
        try:
            raise translated from None
        finally:
            translated.__context__ = None


_FOREIGN: Final = (aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError, UnicodeError)
_Translation = Callable[[Device, BaseException, float], DeviceError]


def _translation_of(error: BaseException) -> _Translation:
    """Give the first row that fits; so children stand above their parents."""
    if getattr(error, "errno", None) in _NO_MORE_FILES:
        return _no_more_files
    return next(to for kind, to in _TRANSLATIONS if isinstance(error, kind))


def _no_more_files(device: Device, _: BaseException, __: float) -> DeviceError:
    return TooManyOpenFilesError(
        device.name, "this process may open no more files (see ulimit -n)"
    )


def _certificate(device: Device, error: BaseException, _: float) -> DeviceError:
    cause = getattr(error, "certificate_error", error)
    if isinstance(cause, PeerRefusedError):
        return cause.device_error
    reason = getattr(cause, "verify_message", "") or str(cause)
    return CertificateRejectedError(
        device.name,
        f"its certificate is not trusted: {reason}. Name its CA (tls = 'verify:ca.pem'), "
        "or look at it and record it with 'axis-ntp trust' (tls = 'tofu')",
    )


def _handshake(device: Device, error: BaseException, _: float) -> DeviceError:
    reason = getattr(getattr(error, "os_error", error), "reason", None) or str(error)
    return CertificateRejectedError(
        device.name,
        f"TLS failed: {reason}. An old device may need legacy_tls = true, "
        "one without TLS scheme = 'http'",
    )


def _unreachable(text: str) -> _Translation:
    def translate(device: Device, error: BaseException, timeout_s: float) -> DeviceError:
        return DeviceUnreachableError(
            device.name, text.format(device=device, reason=_reason(error), timeout_s=timeout_s)
        )

    return translate


def _reason(error: BaseException) -> str:
    cause = getattr(error, "os_error", error)
    if isinstance(cause, OSError) and cause.errno and cause.errno > 0:
        return os.strerror(cause.errno)
    if type(cause) is ConnectionResetError:  # in a TLS handshake it has neither number nor text
        return os.strerror(errno.ECONNRESET)
    return str(cause) or type(error).__name__


def _payload(device: Device, error: BaseException, timeout_s: float) -> DeviceError:
    if isinstance(error.__cause__, ContentEncodingError):
        return UnexpectedResponseError(device.name, "its answer cannot be unpacked")
    return _unreachable("broke off in the middle of its answer")(device, error, timeout_s)


def _not_http(device: Device, error: BaseException, _: float) -> DeviceError:
    message: str = getattr(error, "message", "")
    [told, *_quoted] = message.splitlines() or [""]
    reason = told.rstrip(" :") or type(error).__name__
    return UnexpectedResponseError(device.name, f"does not speak HTTP as expected: {reason}")


_TRANSLATIONS: Final[tuple[tuple[type[BaseException], _Translation], ...]] = (
    (aiohttp.ClientConnectorCertificateError, _certificate),
    (aiohttp.ClientConnectorDNSError, _unreachable("no such name: {device.host} ({reason})")),
    (aiohttp.ClientConnectorSSLError, _handshake),
    (ssl.SSLCertVerificationError, _certificate),
    (aiohttp.ConnectionTimeoutError, _unreachable("no connection to {device.address} in time")),
    (TimeoutError, _unreachable("no answer from {device.address} within {timeout_s:g} s")),
    (aiohttp.ClientConnectorError, _unreachable("{device.address}: {reason}")),
    (aiohttp.ClientPayloadError, _payload),
    (aiohttp.ClientConnectionError, _unreachable("closed the connection without an answer")),
    (aiohttp.InvalidURL, _unreachable("{device.host!r} cannot be an address")),
    (aiohttp.ClientError, _not_http),
    (HttpProcessingError, _not_http),
    (ssl.SSLError, _handshake),
    (UnicodeError, _unreachable("{device.host!r} cannot be an address: {reason}")),
    (OSError, _unreachable("{device.address}: {reason}")),
)
