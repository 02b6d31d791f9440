"""
The way through a session of aiohttp's, which keeps connections for the next call.

Taken by whoever asks a device again and again, as a rollout does, for names, and
whenever an embedder gave us his session, with its proxies, tracing or mocks.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from typing import ClassVar, Final

import aiohttp
from attrs import define

from axis_ntp_async.device.exchange import Exchange, Response, body_of, url_of
from axis_ntp_async.device.records import Device
from axis_ntp_async.device.resolver import Resolver
from axis_ntp_async.device.trust import Trust

_KEPT_S: Final = 15.0
_NAMES_KEPT_S: Final = 300


def make_http_session(kept_s: float = _KEPT_S) -> aiohttp.ClientSession:
    """
    Make an aiohttp session that suits many devices: no limits of its own, no cookies.

    Args:
        kept_s: Seconds for which an unused connection is kept.
    """
    connector = aiohttp.TCPConnector(
        limit=0, resolver=Resolver(), ttl_dns_cache=_NAMES_KEPT_S, keepalive_timeout=kept_s
    )
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


@define
class Kept:
    """
    Requests through an aiohttp session.

    Attributes:
        http_session: The session.
        is_ours: Whether it is closed with this way.
    """

    http_session: aiohttp.ClientSession
    is_ours: bool = False

    def begin(self, device: Device, trust: Trust, connect_timeout_s: float) -> Exchange:
        """Begin to ask a device; opens nothing yet."""
        return _KeptExchange(self.http_session, device, trust, connect_timeout_s)

    async def close(self) -> None:
        """Close the session, where it is ours."""
        if self.is_ours:
            await self.http_session.close()


@define
class _KeptExchange:
    hangs_up: ClassVar = False
    http_session: aiohttp.ClientSession
    device: Device
    trust: Trust
    connect_timeout_s: float

    async def post(self, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        if self.device.scheme != "https":
            return await self._post(path, headers, body)
        with self.trust.checking(self.device):
            return await self._post(path, headers, body)

    async def _post(self, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        device, sent = self.device, time.monotonic()
        async with self.http_session.post(
            url_of(device, path),
            data=body,
            headers=headers,
            allow_redirects=False,
            raise_for_status=False,
            ssl=self.trust.context(device) if device.scheme == "https" else True,
            timeout=aiohttp.ClientTimeout(sock_connect=self.connect_timeout_s),
        ) as response:
            round_trip_s, at = time.monotonic() - sent, dt.datetime.now(dt.UTC)
            return Response(
                status=response.status,
                reason=response.reason,
                headers=response.headers,
                body=await body_of(device, response.status, response.content),
                at=at,
                round_trip_s=round_trip_s,
            )

    def end(self) -> None:
        """Leave the connection to the session."""
