"""A world that stands still until a test moves it, and cameras in it."""

import base64
import itertools
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import aiohttp
import pytest

from axis_ntp_async.device import wire
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import Device, ServersSource
from axis_ntp_async.simulator.model.access import Access
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.world import VirtualTime, World

SERVERS = ("10.0.0.5", "10.0.0.6")


class Got(NamedTuple):
    """What a test's own client received."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime(speed=0.0, start=1_700_000_000.0)


@pytest.fixture
def world(time: VirtualTime) -> World:
    world = World(time)
    for name in SERVERS:
        world.server(name)
    return world


@pytest.fixture
def make_camera(world: World) -> Callable[..., Camera]:
    """Cameras that use both servers, and let everybody in unless told otherwise."""
    numbers = itertools.count(1)
    told = NTPClientConfiguration(servers_source=ServersSource.STATIC, static_servers=SERVERS)

    def make(**members: Any) -> Camera:
        number = next(numbers)
        usual = {
            "name": f"lobby-{number}",
            "serial": f"ACCC8E{number:06X}",
            "world": world,
            "configuration": told,
            "access": Access(offers=()),
        }
        return Camera(**{**usual, **members})

    return make


@pytest.fixture
async def ask() -> AsyncIterator[Callable[..., Awaitable[Got]]]:
    """Sends one request with a plain HTTP client that is not ours."""
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=5),
        connector=aiohttp.TCPConnector(ssl=False),
        auto_decompress=False,
    ) as http:

        async def post(
            device: Device,
            method: str = wire.GET_NTP_INFO,
            *,
            login: tuple[str, str] | None = None,
            params: Mapping[str, Any] | None = None,
            **options: Any,
        ) -> Got:
            headers = {}
            if login is not None:
                token = base64.b64encode(":".join(login).encode()).decode()
                headers["Authorization"] = f"Basic {token}"
            request = {"apiVersion": "1.0", "context": "c", "method": method}
            async with http.post(
                f"{device.scheme}://{device.host}:{device.port}{wire.PATH}",
                json=request | ({} if params is None else {"params": params}),
                headers=headers,
                allow_redirects=False,
                **options,
            ) as response:
                return Got(response.status, response.headers, await response.read())

        yield post


@pytest.fixture
def curl() -> str:
    path = shutil.which("curl")
    if path is None:
        pytest.skip("curl is not installed; it checks our digest from the other side")
    return path
