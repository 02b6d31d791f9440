"""`DeviceSession` over real sockets: versions, writes, and who waits for whom."""

import asyncio
import functools
import gc
import sys
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest

from axis_ntp_async.device import wire
from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import Device, ServersSource
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.device.trust import KnownDevices, Trust
from axis_ntp_async.errors import (
    ConfigurationRefusedError,
    LoginRefusedError,
    UnsupportedVersionError,
)
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.serving.server import SimulatedFleet

Serve = Callable[..., Any]
MakeCamera = Callable[..., Camera]

ROOT = Credentials("root", "pass")
CHALLENGE = 'Digest realm="AXIS_ACCC8E012345", nonce="abc", algorithm=MD5, qop="auth"'
FULL = {"enabled": True, "NTSEnabled": False, "minpoll": 6, "maxpoll": 10}


@pytest.fixture(autouse=True)
async def nothing_is_left() -> Any:
    """No test leaves a task behind."""
    yield
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


# Concurrency and ownership


@pytest.mark.parametrize(("in_flight", "most"), [(1, 1), (3, 3)])
async def test_calls_to_one_device_do_not_overlap(
    make_camera: MakeCamera, in_flight: int, most: int
) -> None:
    """Unless as many as that are wanted; all of them are answered, each with its own answer."""
    camera = make_camera(latency_s=0.01)
    async with (
        SimulatedFleet([camera]) as fleet,
        DeviceSession(fleet.devices[0], ROOT, in_flight=in_flight) as session,
    ):
        await session.get_ntp_info()
        infos = await asyncio.gather(*(session.get_ntp_info() for _ in range(8)))
        assert len([info for info in infos if info.client is not None]) == 8
        assert fleet.counters.at_once[camera.name].most == most
        assert fleet.counters.logins_refused[camera.name] == 0


async def test_a_session_of_the_embedder_is_never_closed(make_camera: MakeCamera) -> None:
    """Who opens closes; and his own settings do not get in our way."""
    async with (
        SimulatedFleet([make_camera(), make_camera()]) as fleet,
        aiohttp.ClientSession(raise_for_status=True) as http_session,
    ):
        for device in fleet.devices:
            async with DeviceSession(device, ROOT, http_session=http_session) as session:
                await session.get_ntp_info()
            await DeviceSession(device, ROOT, http_session=http_session).get_ntp_info()
        assert not http_session.closed


async def test_a_session_can_be_opened_again(make_camera: MakeCamera) -> None:
    """It remembers what it knew."""
    async with SimulatedFleet([make_camera()]) as fleet:
        session = DeviceSession(fleet.devices[0], ROOT)
        async with session:
            await session.get_ntp_info()
        with pytest.raises(RuntimeError, match="open the session first"):
            await session.get_ntp_info()
        async with session:
            await session.get_ntp_info()
        assert fleet.counters.requests[fleet.devices[0].name] == 3


async def test_a_session_shows_its_device_and_no_secret(device: Device) -> None:
    """In a log, for example."""
    session = DeviceSession(device, Credentials("root", "s3cret"))
    assert repr(session) == "<DeviceSession lobby-3 at 192.0.2.17>"
    assert "s3cret" not in repr(session._transport)


async def test_little_is_remembered_of_a_device(make_camera: MakeCamera) -> None:
    """A pool keeps that for 100,000 of them: no dictionary, and nothing of what was answered."""
    cameras = [make_camera(), make_camera()]
    async with (
        SimulatedFleet(cameras) as fleet,
        aiohttp.ClientSession() as http_session,
    ):
        one, other = (
            DeviceSession(device, ROOT, http_session=http_session, trust=Trust(KnownDevices()))
            for device in fleet.devices
        )
        for session in (one, other):
            await session.get_ntp_info()
        assert one.api_version is other.api_version
        assert one._limits is other._limits is not None
        shared = (one.device, one._limits, http_session, one._transport.trust, ROOT)
        own = {id(part): part for part in _reachable(one, {id(part) for part in shared})}
    assert not [part for part in own.values() if isinstance(part, dict)]
    assert sum(map(sys.getsizeof, own.values())) < 1300


def _reachable(whole: object, known: set[int]) -> Iterator[object]:
    """Give everything that an object holds, but for classes and what is known already."""
    for part in (whole, *gc.get_referents(whole)):
        if id(part) not in known and not isinstance(part, type):
            known.add(id(part))
            yield part
            yield from _reachable(part, known)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_first_calls_at_once_do_not_refuse_each_other(
    make_camera: MakeCamera, scheme: str
) -> None:
    """Each answers a challenge; the second one's first 401 is no refused login."""
    camera = make_camera(scheme=scheme, latency_s=0.02)
    async with SimulatedFleet([camera]) as fleet:
        [device] = fleet.devices
        async with DeviceSession(device, ROOT, in_flight=3) as session:
            for _ in range(2):
                await asyncio.gather(*(session.get_ntp_info() for _ in range(3)))
                fleet.rotate_nonces()
        assert fleet.counters.logins_refused[camera.name] == 0


async def test_a_wrong_password_fails_no_oftener_than_there_are_calls(
    make_camera: MakeCamera,
) -> None:
    """Also when they are made at once."""
    camera = make_camera(latency_s=0.02)
    async with SimulatedFleet([camera]) as fleet:
        async with DeviceSession(
            fleet.devices[0], Credentials("root", "wrong"), in_flight=2
        ) as session:
            calls = (session.get_ntp_info() for _ in range(2))
            found = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(one) for one in found] == [LoginRefusedError] * 2
        assert fleet.counters.logins_refused[camera.name] <= 2


async def test_a_session_tells_what_it_logs_in_with(device: Device) -> None:
    """So that a pool knows when they were changed."""
    assert DeviceSession(device, ROOT).credentials is ROOT
    assert DeviceSession(device).credentials is None


# Versions


def versions_of(server: Any) -> list[str | None]:
    return [heard.json.get("apiVersion") for heard in server.heard]


def methods_of(server: Any) -> list[str]:
    return [heard.json["method"] for heard in server.heard]


async def test_reads_say_the_first_version_and_writes_the_devices_own(
    serve: Serve, say: Any
) -> None:
    """Nothing is asked for that on the normal path."""
    server = await serve(lambda heard: say.result(heard, {}, "1.5"))
    async with DeviceSession(server.device()) as session:
        await session.set_ntp_client_configuration(NTPClientConfiguration(enabled=True))
        assert (await session.get_ntp_info()).api_version == "1.5"
        assert session.api_version == "1.5"
        await session.set_ntp_client_configuration(NTPClientConfiguration(enabled=True))
        await session.get_ntp_info()
    assert versions_of(server) == ["1.0", "1.0", "1.5", "1.0"]


@pytest.mark.parametrize("own", ["2.0", "", "nonsense"])
async def test_a_version_of_another_major_is_not_said(serve: Serve, say: Any, own: str) -> None:
    """We would not know what it means."""
    server = await serve(lambda heard: say.result(heard, {}, own))
    async with DeviceSession(server.device()) as session:
        await session.get_ntp_info()
        await session.set_ntp_client_configuration(NTPClientConfiguration(enabled=True))
    assert versions_of(server) == ["1.0", "1.0"]


def only(say: Any, *accepted: str) -> Callable[[Any], Any]:
    """Give the script of a device that accepts certain versions only, and lists them."""

    def script(heard: Any) -> Any:
        if heard.json["method"] == wire.GET_SUPPORTED_VERSIONS:
            return say.result(heard, {"apiVersions": list(accepted)}, accepted[-1])
        if heard.json["apiVersion"] not in accepted:
            return say.failure(heard, 4001)
        return say.result(heard, {"client": FULL}, heard.json["apiVersion"])

    return script


async def test_a_refused_version_is_negotiated_once(serve: Serve, say: Any) -> None:
    """The newest of our major is taken, and remembered."""
    server = await serve(only(say, "1.9", "1.10", "2.0"))
    async with DeviceSession(server.device()) as session:
        await session.get_ntp_info()
        await session.get_ntp_info()
        await session.set_ntp_client_configuration(NTPClientConfiguration(enabled=True))
    assert versions_of(server) == ["1.0", None, "1.10", "1.10", "1.10"]


async def test_what_was_negotiated_counts_for_later_writes(serve: Serve, say: Any) -> None:
    """Also where answers name a version that requests may not say."""

    def script(heard: Any) -> Any:
        if heard.json["method"] == wire.GET_SUPPORTED_VERSIONS:
            return say.result(heard, {"apiVersions": ["1.2"]})
        accepted = heard.json["apiVersion"] == "1.2" or heard.json["method"] == wire.GET_NTP_INFO
        return say.result(heard, {}, "1.5") if accepted else say.failure(heard, 4001)

    server = await serve(script)
    async with DeviceSession(server.device()) as session:
        await session.get_ntp_info()
        for _ in range(2):
            await session.set_ntp_client_configuration(NTPClientConfiguration(enabled=True))
        await session.get_ntp_info()
    assert versions_of(server) == ["1.0", "1.5", None, "1.2", "1.2", "1.2"]


async def test_a_write_negotiates_too(serve: Serve, say: Any) -> None:
    """It may be the first call."""
    server = await serve(only(say, "1.7"))
    async with DeviceSession(server.device()) as session:
        await session.set_ntp_client_configuration(NTPClientConfiguration(enabled=True))
    assert versions_of(server) == ["1.0", None, "1.7"]


@pytest.mark.parametrize(("listed", "named"), [(("2.0", "3.1"), "2.0, 3.1"), (("x",), "x")])
async def test_only_unknown_majors_are_an_error_that_names_them(
    serve: Serve, say: Any, listed: tuple[str, ...], named: str
) -> None:
    """And nothing is tried with them."""
    server = await serve(only(say, *listed))
    async with DeviceSession(server.device()) as session:
        with pytest.raises(UnsupportedVersionError) as caught:
            await session.get_ntp_info()
    assert f"refuses version 1.0 of the NTP API and lists {named}, none" in caught.value.message
    assert caught.value.code == 4001
    assert len(server.heard) == 2


async def test_a_device_that_refuses_what_it_lists_is_not_asked_for_ever(
    serve: Serve, say: Any
) -> None:
    """One negotiation in a call."""

    def script(heard: Any) -> Any:
        if heard.json["method"] == wire.GET_SUPPORTED_VERSIONS:
            return say.result(heard, {"apiVersions": ["1.0", "1.5"]})
        return say.failure(heard, 4001)

    server = await serve(script)
    async with DeviceSession(server.device()) as session:
        with pytest.raises(UnsupportedVersionError):
            await session.get_ntp_info()
    assert versions_of(server) == ["1.0", None, "1.5"]


async def test_versions_are_asked_for_without_one(serve: Serve, say: Any) -> None:
    """As the document does; a 4001 to that is final."""
    server = await serve(
        say.in_turn(
            functools.partial(say.result, data={"apiVersions": ["1.5"]}),
            functools.partial(say.failure, code=4001),
        )
    )
    async with DeviceSession(server.device()) as session:
        assert await session.get_supported_versions() == ("1.5",)
        with pytest.raises(UnsupportedVersionError):
            await session.get_supported_versions()
    assert versions_of(server) == [None, None]


async def test_each_request_has_its_own_context(serve: Serve, say: Any) -> None:
    """So an answer to another one is found out."""
    server = await serve(lambda heard: say.result(heard, {}))
    async with DeviceSession(server.device()) as one, DeviceSession(server.device()) as other:
        await asyncio.gather(*(session.get_ntp_info() for session in (one, other, one)))
    assert len({heard.json["context"] for heard in server.heard}) == 3


# Writing


async def test_newer_members_go_only_to_a_device_that_reports_them(serve: Serve, say: Any) -> None:
    """It is read first when that has not been done."""
    old = {"client": {"enabled": True, "serversSource": "DHCP"}}
    server = await serve(lambda heard: say.result(heard, old, "1.2"))
    for wanted in (NTPClientConfiguration(nts_enabled=True), NTPClientConfiguration(minpoll=6)):
        async with DeviceSession(server.device()) as session:
            with pytest.raises(ConfigurationRefusedError, match="nothing was sent: "):
                await session.set_ntp_client_configuration(wanted)
    assert methods_of(server) == [wire.GET_NTP_INFO] * 2


async def test_a_device_that_was_read_is_not_read_again(serve: Serve, say: Any) -> None:
    """A write costs one request then."""
    server = await serve(lambda heard: say.result(heard, {"client": FULL}))
    wanted = NTPClientConfiguration(nts_enabled=True, minpoll=6, static_servers=())
    async with DeviceSession(server.device()) as session:
        await session.get_ntp_info()
        await session.set_ntp_client_configuration(wanted)
    assert server.heard[-1].json["params"] == {
        "NTSEnabled": True,
        "minpoll": 6,
        "staticServers": [],
    }


async def test_too_many_servers_are_not_sent(serve: Serve, say: Any) -> None:
    """Where the device has told how many it takes."""
    client = {"maxSupportedStaticServers": 1}
    server = await serve(lambda heard: say.result(heard, {"client": client}))
    wanted = NTPClientConfiguration(static_servers=("a", "b"))
    async with DeviceSession(server.device()) as session:
        await session.set_ntp_client_configuration(wanted)
        await session.get_ntp_info()
        with pytest.raises(
            ConfigurationRefusedError, match="2 servers, but the device takes at most"
        ):
            await session.set_ntp_client_configuration(wanted)
    assert methods_of(server) == [wire.SET_NTP_CLIENT_CONFIGURATION, wire.GET_NTP_INFO]


async def test_a_poll_bound_is_compared_with_the_one_that_the_device_keeps(
    serve: Serve, say: Any
) -> None:
    """The device would refuse it, or worse, take it."""
    server = await serve(lambda heard: say.result(heard, {"client": FULL}))
    async with DeviceSession(server.device()) as session:
        with pytest.raises(ConfigurationRefusedError, match="11 would be above maxpoll 10"):
            await session.set_ntp_client_configuration(NTPClientConfiguration(minpoll=11))
    assert methods_of(server) == [wire.GET_NTP_INFO]


async def test_what_is_written_can_be_read(make_camera: MakeCamera) -> None:
    """The example of the library's face, on a simulated camera."""
    camera = make_camera()
    wanted = NTPClientConfiguration(
        enabled=True, servers_source=ServersSource.STATIC, static_servers=("10.0.0.5",)
    )
    async with (
        SimulatedFleet([camera]) as fleet,
        DeviceSession(fleet.devices[0], ROOT) as session,
    ):
        await session.set_ntp_client_configuration(wanted)
        info = await session.get_ntp_info()
        assert info.client is not None
        assert wanted.changes_from(info.client) == ()
