"""`DeviceSession`: our open line to one device, one method per method of the NTP API."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from attrs import evolve

from axis_ntp_async.device import wire
from axis_ntp_async.device.auth import Credentials, Login, LoginGate
from axis_ntp_async.device.configuration import NTPClientConfiguration, limits_of
from axis_ntp_async.device.exchange import Way
from axis_ntp_async.device.kept import Kept
from axis_ntp_async.device.records import ClockReading, Device, NTPClientStatus, NTPInfo
from axis_ntp_async.device.straight import make_way
from axis_ntp_async.device.transport import Answer, Transport
from axis_ntp_async.device.trust import Trust
from axis_ntp_async.device.turns import Turns
from axis_ntp_async.errors import (
    ConfigurationRefusedError,
    InternalDeviceError,
    UnexpectedResponseError,
    UnsupportedVersionError,
)

_CONTEXTS: Final = itertools.count(1)
"""A new context for every request, so that an answer to another one is found out."""


class DeviceSession:
    """
    Our open line to one device.

    One request is in flight at a time, by default; calls may be concurrent. The
    device's challenge and API version are remembered: the first call costs
    two round trips, the next ones one (two where Basic has to wait for the
    realm, see `Login.opening`). Nothing is tried again here, except
    after a nonce that was too old.

    Use it as `async with DeviceSession(device, credentials) as session`. Given
    an `http_session` of yours, it opens nothing and closes nothing.

    Args:
        device: Whom to talk to.
        credentials: What to log in with; `None` for a device without a login.
        http_session: An aiohttp session to use; by default it makes its own connections.
        way: The same, if shared with other sessions.
        trust: The TLS side, if shared with other sessions.
        connect_timeout_s: Seconds for TCP and TLS together.
        timeout_s: Seconds for one request and its answer, the login included.
        in_flight: How many requests may be in flight at once.
        keep_alive: Whether to keep the connection after an answer.
        login_gate: Asked before each login, told afterwards.
    """

    __slots__ = (
        "_api_version",
        "_limits",
        "_negotiated",
        "_owns_way",
        "_transport",
        "_turns",
        "device",
    )

    def __init__(
        self,
        device: Device,
        credentials: Credentials | None = None,
        *,
        http_session: aiohttp.ClientSession | None = None,
        way: Way | None = None,
        trust: Trust | None = None,
        connect_timeout_s: float = 3.0,
        timeout_s: float = 10.0,
        in_flight: int = 1,
        keep_alive: bool = True,
        login_gate: LoginGate | None = None,
    ) -> None:
        self.device = device
        self._owns_way = False
        self._transport = Transport(
            device=device,
            login=Login(device, credentials),
            way=way or (None if http_session is None else Kept(http_session)),
            trust=trust or Trust(),
            connect_timeout_s=connect_timeout_s,
            timeout_s=timeout_s,
            keep_alive=keep_alive,
            login_gate=login_gate,
        )
        self._turns = Turns(in_flight)
        self._api_version: str | None = None
        self._negotiated: str | None = None
        self._limits: NTPClientStatus | None = None

    def __repr__(self) -> str:
        return f"<DeviceSession {self.device.name} at {self.device.address}>"

    async def __aenter__(self) -> Self:
        if self._transport.way is None:
            self._transport.way = make_way(keep_alive=self._transport.keep_alive)
            self._owns_way = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        way = self._transport.way
        if self._owns_way and way is not None:
            self._owns_way, self._transport.way = False, None
            await way.close()

    @property
    def api_version(self) -> str | None:
        """The version of the API that the device last answered with."""
        return self._api_version

    @property
    def credentials(self) -> Credentials | None:
        """What it logs in with."""
        return self._transport.login.credentials

    @property
    def gate_wait_s(self) -> float:
        """Seconds spent waiting at the login gate so far, in total; rises while it waits."""
        return self._transport.bounds.waited_s

    def bounded(self, seconds: float) -> AbstractAsyncContextManager[asyncio.Timeout]:
        """
        Be `asyncio.timeout` around calls of this session, without the wait at the login gate.

        While the session waits there, all of its bounds stand still: it is we
        who keep the device waiting.
        """
        return self._transport.bounds.bounded(seconds)

    async def get_ntp_info(self) -> NTPInfo:
        """
        Read the settings and the state of the device's NTP client, and its clock.

        Raises:
            DeviceError: The child tells what was wrong.

        Source: NTP API, getNTPInfo. The request says version 1.0; the answer
        need not repeat it, and real devices do not.
        """
        reply, clock = await self._call(wire.GET_NTP_INFO)
        info = evolve(wire.decode_ntp_info(self.device.name, reply), clock=clock)
        self._limits = None if info.client is None else limits_of(info.client)
        return info

    async def get_supported_versions(self) -> tuple[str, ...]:
        """
        Ask which versions of the API the device lists.

        Real devices list only their newest, and accept older ones all the same.

        Raises:
            DeviceError: The child tells what was wrong.

        Source: NTP API, getSupportedVersions; sent without `apiVersion`.
        """
        reply, _ = await self._call(wire.GET_SUPPORTED_VERSIONS)
        return wire.decode_supported_versions(self.device.name, reply)

    async def set_ntp_client_configuration(self, configuration: NTPClientConfiguration) -> None:
        """
        Replace settings of the device's NTP client.

        Lists overwrite, they do not merge; an empty tuple clears the list. The
        reply says only that the request was taken: read again to know what
        came of it. Sending twice does no harm.

        NTS and poll members go only to a device that reports them; if this
        session has not read the device yet, it does so first.

        Args:
            configuration: Members that are `None` are not sent.

        Raises:
            ConfigurationRefusedError: The device could not take it; nothing was sent.
            InvalidParameterError: The device refused a value (code 4004).
            DeviceError: Anything else.

        Source: NTP API, setNTPClientConfiguration.
        """
        if self._limits is None and configuration.needs_newer_firmware:
            await self.get_ntp_info()
        if faults := configuration.faults_for(self._limits or NTPClientStatus()):
            raise ConfigurationRefusedError(
                self.device.name, f"cannot take this, nothing was sent: {'; '.join(faults)}"
            )
        await self._call(
            wire.SET_NTP_CLIENT_CONFIGURATION, wire.encode_configuration(configuration)
        )

    async def get_certificate(self) -> bytes:
        """
        Fetch the certificate that the device shows over TLS, in DER form, without trusting it.

        Raises:
            DeviceUnreachableError: No TLS connection in time.
        """
        async with self._turns:
            return await self._transport.certificate()

    async def _call(
        self, method: str, params: Mapping[str, Any] | None = None
    ) -> tuple[wire.Reply, ClockReading | None]:
        version = self._version_for(method)
        async with self._turns:
            try:
                return await self._request(method, version, params)
            except UnsupportedVersionError:
                if version is None:
                    raise
                version = await self._negotiate(version)
                return await self._request(method, version, params)

    def _version_for(self, method: str) -> str | None:
        """Writes say the device's own version if its major is ours; reads need not."""
        if method == wire.GET_SUPPORTED_VERSIONS:
            return None
        if self._negotiated is not None:
            return self._negotiated
        own = self._api_version
        if method == wire.GET_NTP_INFO or own is None or not _is_ours(own):
            return wire.FIRST_VERSION
        return own

    async def _negotiate(self, refused: str) -> str:
        reply, _ = await self._request(wire.GET_SUPPORTED_VERSIONS, None, None)
        listed = wire.decode_supported_versions(self.device.name, reply)
        ours = [version for version in listed if _is_ours(version) and version != refused]
        if not ours:
            raise UnsupportedVersionError(
                self.device.name,
                f"refuses version {refused} of the NTP API and lists {', '.join(listed) or 'none'}"
                ", none of which we can use",
                4001,
            )
        self._negotiated = max(ours, key=wire.version_numbers)
        return self._negotiated

    async def _request(
        self, method: str, version: str | None, params: Mapping[str, Any] | None
    ) -> tuple[wire.Reply, ClockReading | None]:
        context = format(next(_CONTEXTS), "x")
        if params is None:
            body = wire.encode_call(method, version, context)
        else:
            body = wire.encode_request(
                wire.Request(method=method, context=context, api_version=version, params=params)
            )
        answer = await self._transport.post(wire.PATH, body)
        reply = self._reply(answer, context)
        if reply.api_version:
            self._api_version = sys.intern(reply.api_version)  # a fleet says few, often
        return reply, answer.clock

    def _reply(self, answer: Answer, context: str) -> wire.Reply:
        """Read an answer; one with another status than 200 is never a result."""
        name = self.device.name
        if answer.status == HTTPStatus.OK:
            return wire.decode_reply(name, answer.body, context)
        with contextlib.suppress(UnexpectedResponseError):
            wire.decode_reply(name, answer.body, context)  # raises what the device explains
        raise InternalDeviceError(name, f"HTTP {answer.status} without an explanation", None)


def _is_ours(version: str) -> bool:
    return wire.version_numbers(version)[:1] == wire.version_numbers(wire.FIRST_VERSION)[:1]
