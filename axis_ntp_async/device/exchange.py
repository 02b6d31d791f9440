"""
Requests to a device and its answers over HTTP, by whichever way they travel.

There are two: `straight.py`, a connection of our own for each exchange, and
`kept.py`, through a session of aiohttp's.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

import aiohttp
import yarl
from aiohttp import hdrs
from attrs import define

from axis_ntp_async.device.records import Device
from axis_ntp_async.device.trust import Trust
from axis_ntp_async.errors import DeviceUnreachableError, UnexpectedResponseError

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

MAX_BODY_BYTES: Final = 1 << 20
"""An answer of the NTP API has about 1 KiB; one above 1 MiB is refused."""

_WORTH_READING: Final = frozenset(
    {HTTPStatus.OK, HTTPStatus.UNAUTHORIZED, HTTPStatus.INTERNAL_SERVER_ERROR}
)
_IPV4: Final = re.compile(r"[0-9.]+")
"""Enough for hosts of a `Device`, which checks what looks like one."""


@define(kw_only=True)
class Response:
    """
    What came back for one request.

    Attributes:
        status: The HTTP status.
        reason: What stands beside it; may be missing.
        headers: Of the answer.
        body: Of 200, 401 and 500; at most `MAX_BODY_BYTES`.
        at: When its head had come, by our clock, in UTC.
        round_trip_s: Seconds until then: from sending the request, or before connecting for it.
    """

    status: int
    reason: str | None
    headers: CIMultiDictProxy[str]
    body: bytes
    at: dt.datetime
    round_trip_s: float

    @property
    def challenges(self) -> Iterable[str]:
        """The `WWW-Authenticate` headers."""
        return self.headers.getall(hdrs.WWW_AUTHENTICATE, ())


class Exchange(Protocol):
    """What is asked of one device in a row: a request, and with a challenge its answer."""

    @property
    def hangs_up(self) -> bool:
        """Whether its connection ends with it, also where the device was not asked to close it."""
        ...

    async def post(self, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Send a request; raises what `failures.translated_errors` translates."""
        ...

    def end(self) -> None:
        """Leave the connection; the next request would open another one."""
        ...


class Way(Protocol):
    """How requests get to devices."""

    def begin(self, device: Device, trust: Trust, connect_timeout_s: float) -> Exchange:
        """Begin to ask a device; opens nothing yet."""
        ...

    async def close(self) -> None:
        """Close what it has opened."""
        ...


async def body_of(device: Device, status: int, content: aiohttp.StreamReader) -> bytes:
    """
    Read the body of an answer, up to the limit, where anybody wants to see it.

    Raises:
        UnexpectedResponseError: It is larger than we take.
    """
    if status not in _WORTH_READING:
        return b""
    body = bytearray()
    try:
        while chunk := await content.readany():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise UnexpectedResponseError(
                    device.name, f"the answer has more than {MAX_BODY_BYTES >> 20} MiB"
                )
    except aiohttp.ClientError:
        # Firmware 5 closes the connection right after its 401.
        if status != HTTPStatus.UNAUTHORIZED:
            raise
    return bytes(body)


def url_of(device: Device, path: str) -> yarl.URL:
    """
    Give a URL of a device, made anew: kept, it would weigh as much as all else of a session.

    An IPv4 address has nothing to encode, and leaving that out takes a third of the time.

    Raises:
        DeviceUnreachableError: Its host cannot be one.
    """
    if is_ipv4(device.host):
        return yarl.URL.build(
            scheme=device.scheme, authority=device.address, path=path, encoded=True
        )
    try:
        return yarl.URL.build(scheme=device.scheme, host=device.host, port=device.port, path=path)
    except ValueError as error:
        raise DeviceUnreachableError(
            device.name, f"{device.host!r} cannot be an address: {error}"
        ) from error


def is_ipv4(host: str) -> bool:
    """Tell whether the host of a device is an address of the fourth version."""
    return _IPV4.fullmatch(host) is not None
