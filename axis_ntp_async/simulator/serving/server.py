"""
A simulated fleet on the loopback network: one server, one address for each camera.

Which camera is meant is told by the socket's own address. What a camera
*is* stands in `camera.py`, what its web server says in `front.py`; here is
only what carries bytes and waits.

Two times pass here. Virtual time is the world's: NTP, clocks, restarts,
writes that are applied late. Real time is the client's: latency, silence,
nonces, and the defence against guessed passwords.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, suppress
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from aiohttp import web
from multidict import CIMultiDict

from axis_ntp_async.device.records import Device
from axis_ntp_async.simulator.listing import Login, device_of, usual_logins, write_listing
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Answer, Kind
from axis_ntp_async.simulator.model.front import Visit, respond
from axis_ntp_async.simulator.model.gate import Attempt, Gate
from axis_ntp_async.simulator.model.truth import Truth, truth_of
from axis_ntp_async.simulator.model.world import World
from axis_ntp_async.simulator.serving.addresses import (
    Address,
    allow_open_files,
    has_many_loopback_addresses,
    loopback_host,
    reserve_many_ports,
    reserve_one_port,
)
from axis_ntp_async.simulator.serving.certificates import Certificate, FleetCertificates
from axis_ntp_async.simulator.serving.counters import Counters
from axis_ntp_async.simulator.serving.listener import Entrance, Listener, local_address

SERVER_HEADER: Final = "Apache/2.4.68 (Unix) OpenSSL/3.5.7"

_SPARE_FILES: Final = 512
_SHUTDOWN_S: Final = 0.5
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class SimulatedFleet:
    """
    Serves cameras over HTTP and HTTPS on the loopback network, as an async context manager.

    Cameras, their faults and their world may be changed while it runs.
    Only what concerns sockets has a method here: `unplug`, `plug_in` and
    `replace_certificate`.

    Args:
        cameras: One at least; names are unique.
        logins: What the inventory has under each name of credentials; by
            default what most cameras of that name accept.
        wall_clock: The time of the client, to which the error of a camera's
            clock is added for its `Date`. Give the world's own `now` when the
            client lives in virtual time too.
        http_port: The port of all HTTP cameras; 0 for a free one.
        https_port: The port of all HTTPS cameras, likewise.
        many_addresses: Each camera has its own address, or all have
            127.0.0.1 and their own ports; `None` for what the system can do.
        keepalive_s: Real seconds until an idle connection is closed.

    Raises:
        OSError: A port that was asked for is taken.
        ModuleNotFoundError: A camera speaks HTTPS, and `cryptography` is not installed.
    """

    def __init__(
        self,
        cameras: Iterable[Camera],
        *,
        logins: Mapping[str, Login] | None = None,
        wall_clock: Callable[[], float] = time.time,
        http_port: int = 0,
        https_port: int = 0,
        many_addresses: bool | None = None,
        keepalive_s: float = 15.0,
    ) -> None:
        self.cameras = tuple(cameras)
        self._by_name = {camera.name: camera for camera in self.cameras}
        if not self.cameras or len(self._by_name) < len(self.cameras):
            raise ValueError("a fleet has one camera at least, and no two of the same name")
        self.logins = usual_logins(self.cameras) if logins is None else dict(logins)
        self.counters = Counters()
        self._wall_clock = wall_clock
        self._ports = {"http": http_port, "https": https_port}
        self._many_addresses = many_addresses
        self._keepalive_s = keepalive_s
        self._gates = {camera.name: Gate(camera) for camera in self.cameras}
        self._listeners: dict[str, Listener] = {}
        self._at: dict[Address, Camera] = {}

    @property
    def world(self) -> World:
        """The world that the cameras live in."""
        return self.cameras[0].world

    @property
    def devices(self) -> tuple[Device, ...]:
        """The lines of the inventory, in the order of the cameras."""
        return tuple(
            device_of(camera, self._listeners[camera.name].address, self.ca_file)
            for camera in self.cameras
        )

    @property
    def ca_file(self) -> Path:
        """The fleet's root certificate as a file, for as long as the fleet runs."""
        return self._certificates.ca_file

    def camera(self, name: str) -> Camera:
        """Give the camera of that name."""
        return self._by_name[name]

    def truth(self, name: str) -> Truth:
        """Give what is really wrong with a camera now."""
        camera = self._by_name[name]
        return truth_of(camera, self.logins.get(camera.credentials or ""))

    def certificate(self, name: str) -> Certificate:
        """Give the certificate that a camera shows over HTTPS."""
        return self._certificates.certificate(
            self._by_name[name], self._listeners[name].address.host
        )

    def rotate_nonces(self) -> None:
        """Make every digest nonce given so far stale, on all cameras."""
        for gate in self._gates.values():
            gate.rotate_nonces()

    def write(self, folder: Path) -> Path:
        """Write an inventory of the fleet, its password files and its CA file; give its path."""
        return write_listing(folder, self.devices, self.logins, self._certificates.ca_pem)

    def unplug(self, name: str) -> None:
        """Refuse connections to a camera, and drop those it has."""
        self._listeners[name].close()
        self._entrance.drop(self._listeners[name].address)

    async def plug_in(self, name: str) -> None:
        """Let an unplugged camera listen again."""
        await self._listeners[name].open()

    async def replace_certificate(self, name: str, certificate: Certificate | None = None) -> None:
        """Let a camera show another certificate: the one given, or a new one of its kind."""
        self.unplug(name)
        listener, camera = self._listeners[name], self._by_name[name]
        host = listener.address.host
        listener.context = self._certificates.renewed(camera, host, certificate)
        await self.plug_in(name)

    async def __aenter__(self) -> Self:
        allow_open_files(3 * len(self.cameras) + _SPARE_FILES)
        async with AsyncExitStack() as opening:
            folder = opening.enter_context(tempfile.TemporaryDirectory(prefix="simulated-fleet-"))
            self._certificates = FleetCertificates(Path(folder))
            self._closing = asyncio.Event()
            self._entrance = Entrance(self._handle, self._count_connection, self._keepalive_s)
            opening.push_async_callback(self._close)
            self._install_listeners()
            for camera in self.cameras:
                if not any(fault.kind is Kind.REFUSED for fault in camera.faults):
                    await self._listeners[camera.name].open()
            self._exits = opening.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._exits.aclose()

    async def _close(self) -> None:
        self._closing.set()
        for listener in self._listeners.values():
            listener.free()
        self._entrance.pre_shutdown()
        await self._entrance.shutdown(_SHUTDOWN_S)

    def _install_listeners(self) -> None:
        for camera, bound in self._reserved_sockets():
            listener = Listener(bound, self._entrance)
            self._listeners[camera.name] = listener
            self._at[listener.address] = camera
        for camera in self.cameras:
            if camera.scheme == "https":
                listener = self._listeners[camera.name]
                listener.context = self._certificates.context(camera, listener.address.host)

    def _reserved_sockets(self) -> Iterator[tuple[Camera, socket.socket]]:
        many = self._many_addresses
        if many is None:
            many = has_many_loopback_addresses()
        if not many:
            yield from zip(self.cameras, reserve_many_ports(len(self.cameras)), strict=True)
            return
        for scheme, port in self._ports.items():
            placed = [one for one in enumerate(self.cameras) if one[1].scheme == scheme]
            sockets = reserve_one_port([loopback_host(place) for place, _ in placed], port)
            yield from zip((camera for _, camera in placed), sockets, strict=True)

    def _count_connection(self, address: Address) -> None:
        self.counters.connections[self._at[address].name] += 1

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        if transport is None:  # pragma: no cover  the client left before we could look
            return web.Response()
        camera = self._at[local_address(transport)]
        with self.counters.request(camera):
            answer = await self._answer(camera, request)
            if answer is None:
                _reset(transport)
                return web.Response()
            return self._response(camera, answer, transport)

    async def _answer(self, camera: Camera, request: web.BaseRequest) -> Answer | None:
        faults = camera.faults
        if not camera.is_up or camera.dice.strike(faults, Kind.RESET, Kind.REFUSED):
            return None
        if camera.dice.strike(faults, Kind.SILENT):
            await self._closing.wait()
            return None
        slow = camera.dice.strike(faults, Kind.SLOW)
        await self._wait(camera.latency_s + (slow.seconds if slow else 0.0))
        visit = Visit(
            attempt=Attempt(
                method=request.method,
                target=request.raw_path,
                authorization=request.headers.get("Authorization"),
                scheme=camera.scheme,
                source=request.remote or "",
            ),
            host=request.host,
            content_type=request.headers.get("Content-Type", ""),
            body=await request.read(),
        )
        gate = self._gates[camera.name]
        answer = respond(camera, gate, visit, time.monotonic())
        self.counters.logins_refused[camera.name] = gate.failures
        if answer.unsent is Kind.SILENT:
            await self._closing.wait()
        return None if answer.unsent else answer

    async def _wait(self, seconds: float) -> None:
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), seconds)

    def _response(
        self, camera: Camera, answer: Answer, transport: asyncio.Transport
    ) -> web.Response:
        clock_s = max(0.0, self._wall_clock() + camera.clock_error_s)
        headers = CIMultiDict(answer.headers)
        headers["Date"] = formatdate(clock_s, usegmt=True)
        headers["Server"] = SERVER_HEADER
        headers["Content-Type"] = answer.content_type
        if answer.missing_bytes:
            transport.write(_cut_short(answer, headers))
            transport.close()
        return web.Response(status=answer.status, headers=headers, body=answer.body)


def _reset(transport: asyncio.Transport) -> None:
    """Drop a connection as a device does whose power goes: with a reset, not a farewell."""
    found = transport.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


def _cut_short(answer: Answer, headers: Mapping[str, str]) -> bytes:
    """Give an HTTP message whose body is shorter than it says; aiohttp itself refuses to."""
    lines = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
        *(f"{name}: {text}" for name, text in headers.items()),
        f"Content-Length: {len(answer.body) + answer.missing_bytes}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + answer.body
