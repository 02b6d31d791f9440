"""A fleet that is really there: what somebody with another client gets from it over the wire."""

import asyncio
import email.utils
import json
import time as real_time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from axis_ntp_async.device import wire
from axis_ntp_async.device.records import Device
from axis_ntp_async.simulator.model.access import (
    BASIC,
    DIGEST,
    DIGEST_SHA256,
    Access,
    Offer,
    Protection,
)
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import OVERSIZE_BYTES, Fault, Kind
from axis_ntp_async.simulator.model.world import VirtualTime, World
from axis_ntp_async.simulator.serving.server import SimulatedFleet

MakeCamera = Callable[..., Camera]
Ask = Callable[..., Awaitable[Any]]

LOGIN = ("root", "pass")
BASIC_ONLY = Access(offers=(BASIC,))
OFF = {"enabled": False}


def url(device: Device) -> str:
    return f"{device.scheme}://{device.host}:{device.port}{wire.PATH}"


async def until(is_so: Callable[[], bool]) -> None:
    """Wait, but not for ever."""
    for _ in range(500):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def test_every_camera_answers_at_its_own_address(make_camera: MakeCamera, ask: Ask) -> None:
    """One port for all, and the address tells which is meant."""
    cameras = [make_camera(access=BASIC_ONLY) for _ in range(3)]
    async with SimulatedFleet(cameras) as fleet:
        devices = fleet.devices
        assert len({device.host for device in devices}) == 3
        assert len({device.port for device in devices}) == 1
        realms = [(await ask(device)).headers["WWW-Authenticate"] for device in devices]
    assert realms == [f'Basic realm="AXIS_{camera.serial}"' for camera in cameras]


async def test_one_address_with_many_ports_serves_as_well(
    make_camera: MakeCamera, ask: Ask
) -> None:
    """Where a system has only 127.0.0.1."""
    cameras = [make_camera(access=BASIC_ONLY, scheme=scheme) for scheme in ("http", "https")]
    async with SimulatedFleet(cameras, many_addresses=False) as fleet:
        assert {device.host for device in fleet.devices} == {"127.0.0.1"}
        realms = [(await ask(device)).headers["WWW-Authenticate"] for device in fleet.devices]
    assert realms == [f'Basic realm="AXIS_{camera.serial}"' for camera in cameras]


async def test_a_round_trip_reads_writes_and_reads_again(
    make_camera: MakeCamera, ask: Ask
) -> None:
    """The whole job, with a client that is not ours."""
    async with SimulatedFleet([make_camera(scheme="https", access=Access())]) as fleet:
        [device] = fleet.devices
        before = await ask(device, login=LOGIN)
        assert before.json["data"]["client"]["staticServers"] == ["10.0.0.5", "10.0.0.6"]
        written = await ask(
            device,
            wire.SET_NTP_CLIENT_CONFIGURATION,
            login=LOGIN,
            params={"staticServers": ["10.0.0.6"]},
        )
        assert written.json["data"] == {}
        after = await ask(device, login=LOGIN)
        assert after.json["data"]["client"]["staticServers"] == ["10.0.0.6"]
        assert len(fleet.camera("lobby-1").writes) == 1


async def test_cameras_offer_digest_over_http_and_basic_over_https(
    make_camera: MakeCamera, ask: Ask
) -> None:
    """The recommended policy of real devices."""
    cameras = [make_camera(scheme=scheme, access=Access()) for scheme in ("http", "https")]
    async with SimulatedFleet(cameras) as fleet:
        over_http, over_https = [await ask(device) for device in fleet.devices]
    assert over_http.status == over_https.status == 401
    assert over_http.headers["WWW-Authenticate"].startswith("Digest realm=")
    assert over_https.headers["WWW-Authenticate"].startswith("Basic realm=")


@pytest.mark.parametrize(
    "access",
    [
        Access(),
        Access(offers=(DIGEST_SHA256,)),
        Access(offers=(Offer(qop=False),)),
        Access(offers=(Offer(algorithm="MD5-sess"),)),
        Access(offers=(Offer(algorithm="SHA-256-sess"),)),
        Access(offers=(DIGEST, BASIC)),
    ],
    ids=lambda access: ",".join(
        f"{offer.scheme}-{offer.algorithm}-{offer.qop}" for offer in access.offers_over("http")
    ),
)
async def test_curl_logs_in_by_digest(curl: str, make_camera: MakeCamera, access: Access) -> None:
    """Another implementation agrees about every form, also with letters beyond ASCII."""
    camera = make_camera(access=access, username='ro"ot\\', password="pä:ss wörd")
    async with SimulatedFleet([camera]) as fleet:
        process = await asyncio.create_subprocess_exec(
            curl, "--silent", "--digest", "--user", 'ro"ot\\:pä:ss wörd',
            "--header", "Content-Type: application/json",
            "--data", '{"apiVersion": "1.0", "method": "getNTPInfo"}',
            url(fleet.devices[0]),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        body, _ = await process.communicate()
        assert json.loads(body)["data"]["client"]["enabled"] is True
        assert fleet.counters.logins_refused["lobby-1"] == 0


async def test_the_date_is_that_of_the_cameras_own_clock(
    make_camera: MakeCamera, ask: Ask, time: VirtualTime
) -> None:
    """On every answer, also on the one that asks for a login."""
    camera = make_camera(access=BASIC_ONLY)
    camera.shift_clock(3600.0)
    async with SimulatedFleet([camera]) as fleet:
        for login in (None, LOGIN):
            got = await ask(fleet.devices[0], login=login)
            date = email.utils.parsedate_to_datetime(got.headers["Date"]).timestamp()
            assert date - real_time.time() == pytest.approx(3600.0, abs=3.0)
    async with SimulatedFleet([camera], wall_clock=time) as fleet:
        got = await ask(fleet.devices[0])
        date = email.utils.parsedate_to_datetime(got.headers["Date"]).timestamp()
        assert date - time() == pytest.approx(3600.0, abs=1.0)


async def test_a_stale_nonce_is_called_stale(make_camera: MakeCamera) -> None:
    """Whoever used it rightly is told to use a new one, and has not failed."""
    async with (
        SimulatedFleet([make_camera(access=Access())]) as fleet,
        aiohttp.ClientSession() as http,
    ):
        digest = aiohttp.DigestAuthMiddleware(*LOGIN)
        body = {"apiVersion": "1.0", "method": "getNTPInfo"}
        for _ in range(2):
            async with http.post(
                url(fleet.devices[0]), json=body, middlewares=(digest,)
            ) as response:
                assert response.status == 200
            fleet.rotate_nonces()
        assert fleet.counters.requests["lobby-1"] == 4
        assert fleet.counters.logins_refused["lobby-1"] == 0


async def test_failed_logins_block_the_address(make_camera: MakeCamera, ask: Ask) -> None:
    """Then everything is 403, the right password too."""
    access = Access(offers=(BASIC,), protection=Protection(failures=3, block_s=30.0))
    async with SimulatedFleet([make_camera(access=access)]) as fleet:
        [device] = fleet.devices
        assert [(await ask(device, login=("root", "no"))).status for _ in range(3)] == [401] * 3
        assert (await ask(device, login=LOGIN)).status == 403
        assert fleet.counters.logins_refused["lobby-1"] == 3


@pytest.mark.parametrize(
    ("fault", "status", "header"),
    [
        (Fault(Kind.BUSY, seconds=7), 503, ("Retry-After", "7")),
        (Fault(Kind.REDIRECT), 302, ("Location", "https://127.")),
        (Fault(Kind.BLOCKED), 403, ("Content-Type", "text/html")),
        (Fault(Kind.INTERNAL), 500, ("Content-Type", "application/json")),
        (Fault(Kind.HTML), 200, ("Content-Type", "text/html")),
        (Fault(Kind.BOMB), 200, ("Content-Encoding", "gzip")),
        (Fault(Kind.OVERSIZED), 200, ("Content-Length", str(OVERSIZE_BYTES))),
    ],
)
async def test_a_fault_reaches_the_wire(
    make_camera: MakeCamera, ask: Ask, fault: Fault, status: int, header: tuple[str, str]
) -> None:
    """Status and headers as a real web server would give them."""
    async with SimulatedFleet([make_camera(faults=fault)]) as fleet:
        got = await ask(fleet.devices[0])
    assert got.status == status
    assert got.headers[header[0]].startswith(header[1])


async def test_faults_may_change_while_it_runs(make_camera: MakeCamera, ask: Ask) -> None:
    """A test breaks and mends a camera as it likes."""
    async with SimulatedFleet([make_camera()]) as fleet:
        [device] = fleet.devices
        assert (await ask(device)).status == 200
        fleet.camera("lobby-1").faults = (Fault(Kind.BUSY, first=1),)
        assert [(await ask(device)).status for _ in range(2)] == [503, 200]


async def test_a_wrong_realm_names_another_serial(make_camera: MakeCamera, ask: Ask) -> None:
    """Another device seems to answer."""
    camera = make_camera(access=BASIC_ONLY, faults=Kind.WRONG_REALM)
    async with SimulatedFleet([camera]) as fleet:
        got = await ask(fleet.devices[0])
    assert got.headers["WWW-Authenticate"] == 'Basic realm="AXIS_00408C000000"'


async def test_a_truncated_answer_breaks_off(make_camera: MakeCamera, ask: Ask) -> None:
    """Less comes than was announced."""
    async with SimulatedFleet([make_camera(faults=Kind.TRUNCATED)]) as fleet:
        with pytest.raises(aiohttp.ClientPayloadError):
            await ask(fleet.devices[0])


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_reset_connection_is_dropped(
    make_camera: MakeCamera, ask: Ask, scheme: str
) -> None:
    """The request came, no answer does."""
    async with SimulatedFleet([make_camera(faults=Kind.RESET, scheme=scheme)]) as fleet:
        with pytest.raises(aiohttp.ClientConnectionError):
            await ask(fleet.devices[0])
        assert fleet.counters.requests["lobby-1"] >= 1


@pytest.mark.parametrize(("kind", "applied"), [(Kind.WRITE_UNANSWERED, 1), (Kind.WRITE_LOST, 0)])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_write_may_be_dropped(
    make_camera: MakeCamera, ask: Ask, kind: Kind, applied: int, scheme: str
) -> None:
    """After it was applied or before; from outside it looks the same, and reading works on."""
    async with SimulatedFleet([make_camera(faults=kind, scheme=scheme)]) as fleet:
        [device] = fleet.devices
        assert (await ask(device)).status == 200
        with pytest.raises(aiohttp.ClientConnectionError):
            await ask(device, wire.SET_NTP_CLIENT_CONFIGURATION, params=OFF)
        client = (await ask(device)).json["data"]["client"]
        assert client["enabled"] is not bool(applied)
        assert len(fleet.camera("lobby-1").writes) == applied


async def test_a_write_may_be_applied_in_silence(make_camera: MakeCamera, ask: Ask) -> None:
    """The line stays open; whoever gives up and reads sees what was written."""
    async with SimulatedFleet([make_camera(faults=Kind.WRITE_SILENT)]) as fleet:
        [device] = fleet.devices
        with pytest.raises(TimeoutError):
            await ask(
                device,
                wire.SET_NTP_CLIENT_CONFIGURATION,
                params=OFF,
                timeout=aiohttp.ClientTimeout(total=0.2),
            )
        assert (await ask(device)).json["data"]["client"]["enabled"] is False
        await until(lambda: fleet.counters.at_once_in_all.now == 0)


async def test_a_fleet_ends_while_a_write_is_silent(make_camera: MakeCamera, ask: Ask) -> None:
    """Nobody has to wait for an answer that never comes."""
    async with SimulatedFleet([make_camera(faults=Kind.WRITE_SILENT)]) as fleet:
        writing = asyncio.ensure_future(
            ask(fleet.devices[0], wire.SET_NTP_CLIENT_CONFIGURATION, params=OFF)
        )
        await until(lambda: bool(fleet.cameras[0].writes))
    with pytest.raises(aiohttp.ClientError):
        await writing


async def test_a_camera_that_boots_answers_nobody(
    make_camera: MakeCamera, ask: Ask, time: VirtualTime
) -> None:
    """Until its time is over."""
    async with SimulatedFleet([make_camera()]) as fleet:
        fleet.camera("lobby-1").restart(down_s=60.0)
        with pytest.raises(aiohttp.ClientError):
            await ask(fleet.devices[0])
        time.advance(60.0)
        assert (await ask(fleet.devices[0])).status == 200


async def test_a_silent_camera_keeps_the_line_open(make_camera: MakeCamera, ask: Ask) -> None:
    """Nothing comes; when the client leaves, the request is forgotten."""
    async with SimulatedFleet([make_camera(faults=Kind.SILENT)]) as fleet:
        with pytest.raises(TimeoutError):
            await ask(fleet.devices[0], timeout=aiohttp.ClientTimeout(total=0.2))
        await until(lambda: fleet.counters.at_once_in_all.now == 0)
        assert fleet.counters.at_once["lobby-1"].most == 1


async def test_a_fleet_ends_while_a_camera_is_silent(make_camera: MakeCamera, ask: Ask) -> None:
    """Nobody has to wait for who never answers."""
    started = real_time.monotonic()
    async with SimulatedFleet(
        [make_camera(faults=Kind.SILENT), make_camera(latency_s=60)]
    ) as fleet:
        asking = [asyncio.ensure_future(ask(device)) for device in fleet.devices]
        await until(lambda: fleet.counters.at_once_in_all.now == 2)
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(results[0], aiohttp.ClientError)
    assert real_time.monotonic() - started < 4


async def test_a_slow_camera_takes_its_time(make_camera: MakeCamera, ask: Ask) -> None:
    """Its latency and its slowness add up."""
    camera = make_camera(faults=Fault(Kind.SLOW, seconds=0.15), latency_s=0.15)
    async with SimulatedFleet([camera]) as fleet:
        started = real_time.monotonic()
        assert (await ask(fleet.devices[0])).status == 200
    assert real_time.monotonic() - started >= 0.3


async def test_a_refused_camera_does_not_listen(make_camera: MakeCamera, ask: Ask) -> None:
    """Until it is plugged in; the address is kept for it meanwhile."""
    async with SimulatedFleet([make_camera(faults=Kind.REFUSED), make_camera()]) as fleet:
        refused, other = fleet.devices
        with pytest.raises(aiohttp.ClientConnectorError):
            await ask(refused)
        fleet.camera("lobby-1").faults = ()
        await fleet.plug_in("lobby-1")
        await fleet.plug_in("lobby-1")
        assert (await ask(refused)).status == (await ask(other)).status == 200


async def test_an_unplugged_camera_drops_its_connections(
    make_camera: MakeCamera, ask: Ask
) -> None:
    """Idle ones too, and only its own; unplugging twice is once."""
    async with SimulatedFleet([make_camera(), make_camera()]) as fleet:
        gone, other = fleet.devices
        await ask(gone)
        await ask(other)
        fleet.unplug("lobby-1")
        fleet.unplug("lobby-1")
        with pytest.raises(aiohttp.ClientError):
            await ask(gone)
        await ask(other)
        assert fleet.counters.connections == {"lobby-1": 1, "lobby-2": 1}
        await fleet.plug_in("lobby-1")
        assert (await ask(gone)).status == 200
        assert fleet.counters.connections["lobby-1"] == 2


async def test_counters_know_how_many_were_asked_at_once(
    make_camera: MakeCamera, ask: Ask
) -> None:
    """By camera, by site and in all."""
    cameras = [make_camera(site=site, latency_s=0.1) for site in ("berlin", "berlin", "lyon")]
    async with SimulatedFleet(cameras) as fleet:
        await asyncio.gather(*(ask(device) for device in fleet.devices))
        counters = fleet.counters
    assert counters.requests == {"lobby-1": 1, "lobby-2": 1, "lobby-3": 1}
    assert counters.at_once["lobby-1"].most == 1
    assert counters.at_once_by_site["berlin"].most == 2
    assert counters.at_once_in_all.most == 3
    assert counters.at_once_in_all.now == 0


async def test_other_paths_and_methods_are_not_there(make_camera: MakeCamera) -> None:
    """404 for other CGIs, 405 for reading with GET; old firmware asks nobody for a login."""
    cameras = [make_camera(), make_camera(firmware="8.40.4", access=BASIC_ONLY)]
    async with SimulatedFleet(cameras) as fleet, aiohttp.ClientSession() as http:
        new, old = (url(device) for device in fleet.devices)
        async with http.post(new.replace("ntp", "pwdgrp")) as response:
            assert response.status == 404
        async with http.get(new) as response:
            assert (response.status, response.headers["Allow"]) == (405, "POST")
        async with http.post(old) as response:
            assert response.status == 404
            assert response.content_type == "text/html"


async def test_a_digest_for_another_address_is_a_bad_request(make_camera: MakeCamera) -> None:
    """As Apache says."""
    async with (
        SimulatedFleet([make_camera(access=Access())]) as fleet,
        aiohttp.ClientSession() as http,
        http.post(
            url(fleet.devices[0]), headers={"Authorization": 'Digest uri="/other"'}
        ) as response,
    ):
        assert response.status == 400


async def test_a_thousand_cameras_start_in_two_seconds(world: World) -> None:
    """And every one of them listens."""
    cameras = [
        Camera(name=f"c{place}", serial=f"ACCC8E{place:06X}", world=world) for place in range(1000)
    ]
    started = real_time.monotonic()
    async with SimulatedFleet(cameras) as fleet:
        elapsed_s = real_time.monotonic() - started
        last = fleet.devices[-1]
        _, writer = await asyncio.open_connection(last.host, last.port)
        writer.close()
        await writer.wait_closed()
    assert elapsed_s < 2.0


def test_a_fleet_needs_cameras_with_names_of_their_own(make_camera: MakeCamera) -> None:
    """Otherwise nobody could say which is meant."""
    with pytest.raises(ValueError, match="no two of the same name"):
        SimulatedFleet([])
    with pytest.raises(ValueError, match="no two of the same name"):
        SimulatedFleet([make_camera(name="gate"), make_camera(name="gate")])


async def test_a_port_that_is_taken_is_said_so(make_camera: MakeCamera) -> None:
    """And nothing stays open, not even what could be had before."""
    async with SimulatedFleet([make_camera()]) as fleet:
        port = fleet.devices[0].port
        mixed = [make_camera(scheme="https"), make_camera()]
        with pytest.raises(OSError, match="in use"):
            async with SimulatedFleet(mixed, https_port=port):
                pass
    async with SimulatedFleet(mixed, https_port=port) as again:
        assert again.devices[0].port == port


def test_its_logins_are_those_that_most_cameras_accept(make_camera: MakeCamera) -> None:
    """So that an odd one out is the one with the wrong password."""
    cameras = [
        make_camera(password="a"),
        make_camera(password="b"),
        make_camera(password="b"),
        make_camera(credentials=None),
        make_camera(credentials="lyon", username="u", password="c"),
    ]
    fleet = SimulatedFleet(cameras)
    known = {name: (login.username, login.password) for name, login in fleet.logins.items()}
    assert known == {"fleet": ("root", "b"), "lyon": ("u", "c")}
    assert fleet.world is cameras[0].world
