"""One request to one device, over real sockets: login, gate, clock, and what can go wrong."""

import asyncio
import datetime as dt
import functools
import gzip
import json
import math
import time
import tracemalloc
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import aiohttp
import attrs
import pytest

from axis_ntp_async.device import session as sessions
from axis_ntp_async.device import straight
from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.device.exchange import MAX_BODY_BYTES, url_of
from axis_ntp_async.device.kept import make_http_session
from axis_ntp_async.device.records import Device
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.errors import (
    CredentialSuspendedError,
    DeviceError,
    DeviceUnreachableError,
    IdentityMismatchError,
    LoginRefusedError,
    NotAuthorizedError,
    RequestRejectedError,
    UnexpectedResponseError,
    UnsupportedDeviceError,
)
from axis_ntp_async.simulator.model.access import BASIC, DIGEST, DIGEST_SHA256, Access, Offer
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Fault, Kind
from axis_ntp_async.simulator.serving.server import SimulatedFleet

Serve = Callable[..., Any]
MakeCamera = Callable[..., Camera]

ROOT = Credentials("root", "pass")
CHALLENGE = 'Digest realm="AXIS_ACCC8E012345", nonce="abc", algorithm=MD5, qop="auth"'
FULL = {"enabled": True, "NTSEnabled": False, "minpoll": 6, "maxpoll": 10}


@pytest.fixture(params=["kept", "straight"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """All of this holds by both ways."""
    kept: str = request.param
    if kept == "straight":
        monkeypatch.setattr(sessions, "make_way", lambda **_: straight.make_way(keep_alive=False))
    return kept


@pytest.fixture(autouse=True)
async def nothing_is_left() -> Any:
    """No test leaves a task behind."""
    yield
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


# The login


async def test_a_first_call_costs_two_requests_and_the_next_one(
    make_camera: MakeCamera, way: str
) -> None:
    """The challenge is remembered; one connection serves all of them, or one each call."""
    async with SimulatedFleet([make_camera()]) as fleet:
        [device] = fleet.devices
        async with DeviceSession(device, ROOT) as session:
            await session.get_ntp_info()
            assert fleet.counters.requests[device.name] == 2
            await session.get_ntp_info()
            await session.get_supported_versions()
        assert fleet.counters.requests[device.name] == 4
        assert fleet.counters.connections[device.name] == (1 if way == "kept" else 3)
        assert fleet.counters.logins_refused[device.name] == 0


@pytest.mark.parametrize("one_header", [True, False])
@pytest.mark.parametrize(
    "offers",
    [
        (DIGEST,),
        (DIGEST_SHA256,),
        (DIGEST, DIGEST_SHA256, BASIC),
        (Offer(algorithm="MD5-sess"),),
        (Offer(algorithm="SHA-256-sess"),),
        (Offer(algorithm="MD5-sess", qop=False),),
        (Offer(qop=False),),
        (BASIC, DIGEST),
    ],
)
async def test_a_simulated_camera_accepts_every_login(
    make_camera: MakeCamera, offers: tuple[Offer, ...], one_header: bool
) -> None:
    """Its gate was written from the RFC, and not from our session; names and passwords are odd."""
    camera = make_camera(
        username='zoë "the\\" a:b',
        password='p:a"s\\ß€',
        access=Access(offers=offers, one_header=one_header, counts=True),
    )
    credentials = Credentials(camera.username, camera.password)
    async with SimulatedFleet([camera]) as fleet:
        async with DeviceSession(fleet.devices[0], credentials) as session:
            for _ in range(3):
                await session.get_ntp_info()
        assert fleet.counters.requests[camera.name] == 4
        assert fleet.counters.logins_refused[camera.name] == 0


@pytest.mark.parametrize("offers", [(DIGEST,), (DIGEST, DIGEST_SHA256), (BASIC,)])
async def test_a_wrong_password_fails_once_in_a_call(
    make_camera: MakeCamera, offers: tuple[Offer, ...]
) -> None:
    """A device blocks an address that fails too often."""
    camera = make_camera(access=Access(offers=offers))
    async with SimulatedFleet([camera]) as fleet:
        device = attrs.evolve(fleet.devices[0], plaintext_basic=True)
        async with DeviceSession(device, Credentials("root", "wrong")) as session:
            for failed in (1, 2, 3):
                with pytest.raises(LoginRefusedError):
                    await session.get_ntp_info()
                assert fleet.counters.logins_refused[camera.name] == failed


@pytest.mark.parametrize("offers", [(DIGEST,), (BASIC,)])
async def test_a_password_changed_meanwhile_fails_once_too(
    make_camera: MakeCamera, offers: tuple[Offer, ...]
) -> None:
    """Also when the challenge was remembered."""
    camera = make_camera(access=Access(offers=offers))
    async with SimulatedFleet([camera]) as fleet:
        device = attrs.evolve(fleet.devices[0], plaintext_basic=True)
        async with DeviceSession(device, ROOT) as session:
            await session.get_ntp_info()
            camera.password = "changed"
            with pytest.raises(LoginRefusedError):
                await session.get_ntp_info()
            assert fleet.counters.logins_refused[camera.name] == 1
            camera.password = "pass"
            await session.get_ntp_info()


async def test_a_stale_nonce_costs_one_more_request(make_camera: MakeCamera) -> None:
    """And is no failed login."""
    async with SimulatedFleet([make_camera()]) as fleet:
        [device] = fleet.devices
        async with DeviceSession(device, ROOT) as session:
            await session.get_ntp_info()
            fleet.rotate_nonces()
            await session.get_ntp_info()
        assert fleet.counters.requests[device.name] == 4
        assert fleet.counters.logins_refused[device.name] == 0


@pytest.mark.parametrize("calls", [1, 2])
async def test_a_device_that_calls_every_nonce_stale_is_given_up(
    serve: Serve, say: Any, calls: int
) -> None:
    """No call sends more than two logins, remembered or not; it may not know the password."""

    def script(heard: Any) -> Any:
        fresh = CHALLENGE.replace("abc", f"{len(server.heard)}")
        return say.asked(fresh + (", stale=true" if heard.login else ""))

    server = await serve(script)
    async with DeviceSession(server.device(), ROOT) as session:
        for _ in range(calls):
            server.heard.clear()
            with pytest.raises(LoginRefusedError, match="calls every login outdated"):
                await session.get_ntp_info()
            assert len([heard for heard in server.heard if heard.login]) == 2


async def test_nothing_is_sent_to_another_device(make_camera: MakeCamera) -> None:
    """The realm names another serial."""
    camera = make_camera(faults=Kind.WRONG_REALM)
    async with SimulatedFleet([camera]) as fleet:
        async with DeviceSession(fleet.devices[0], ROOT) as session:
            with pytest.raises(IdentityMismatchError):
                await session.get_ntp_info()
        assert fleet.counters.requests[camera.name] == 1
        assert fleet.counters.logins_refused[camera.name] == 0


async def test_a_stranger_at_a_known_address_is_not_greeted_twice(serve: Serve, say: Any) -> None:
    """The remembered challenge is forgotten once somebody else has answered."""
    stranger = say.asked(CHALLENGE.replace("ACCC8E012345", "00408C000000"))
    right = functools.partial(say.result, data={})
    server = await serve(say.in_turn(say.asked(CHALLENGE), right, stranger))
    async with DeviceSession(server.device(serial="ACCC8E012345"), ROOT) as session:
        await session.get_ntp_info()
        for _ in range(3):
            with pytest.raises(IdentityMismatchError):
                await session.get_ntp_info()
    assert [bool(heard.login) for heard in server.heard] == [False, True, True, False, False]


@pytest.mark.parametrize("hangs_up", [True, False])
async def test_a_401_may_end_the_connection(serve: Serve, say: Any, hangs_up: bool) -> None:
    """Firmware 5 hangs up right after it, sometimes before its body is complete."""
    asked = say.http(
        b"lo", status=401, headers=[("WWW-Authenticate", CHALLENGE)], length=5 if hangs_up else 2
    )
    right = functools.partial(say.result, data={})
    server = await serve(say.in_turn(asked._replace(hangs_up=hangs_up), right))
    async with DeviceSession(server.device(), ROOT) as session:
        await session.get_ntp_info()
    assert [heard.connection for heard in server.heard] == [1, 2 if hangs_up else 1]


async def test_without_keep_alive_the_answer_ends_the_connection(serve: Serve, say: Any) -> None:
    """Not the 401: the login still goes over the same connection."""
    right = functools.partial(say.result, data={})
    server = await serve(say.in_turn(say.asked(CHALLENGE), right))
    async with DeviceSession(server.device(), ROOT, keep_alive=False) as session:
        await session.get_ntp_info()
    assert [heard.headers.get("connection") for heard in server.heard] == [None, "close"]
    assert server.connections == 1


@pytest.mark.parametrize("whose", ["ours", "aiohttp's", "the embedder's"])
async def test_without_keep_alive_a_remembered_login_ends_the_connection(
    serve: Serve, say: Any, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    """We hang up when it was accepted; where we cannot, the device is asked to."""
    if whose == "aiohttp's":
        monkeypatch.setattr(straight, "_protocol_of_aiohttp", lambda: None)
    right = functools.partial(say.result, data={})
    server = await serve(say.in_turn(say.asked(CHALLENGE), right, right))
    async with aiohttp.ClientSession() as given:
        http_session = given if whose == "the embedder's" else None
        async with DeviceSession(
            server.device(), ROOT, keep_alive=False, http_session=http_session
        ) as session:
            await session.get_ntp_info()
            await session.get_ntp_info()
            if whose == "ours":
                await until(lambda: server.open == 0)
    said = [None, "close", None if whose == "ours" else "close"]
    assert [heard.headers.get("connection") for heard in server.heard] == said


async def test_without_a_login_the_first_answer_ends_the_connection(
    serve: Serve, say: Any
) -> None:
    """There will be no second request."""
    server = await serve(lambda heard: say.result(heard, {}))
    for keep_alive, said in ((False, "close"), (True, None)):
        async with DeviceSession(server.device(), keep_alive=keep_alive) as session:
            await session.get_ntp_info()
        assert server.heard[-1].headers.get("connection") == said


async def test_an_unused_connection_is_kept_as_long_as_wanted(serve: Serve, say: Any) -> None:
    """A pool of many devices keeps it for a moment only."""
    server = await serve(lambda heard: say.result(heard, {}))
    async with make_http_session(0.05) as http_session:
        await DeviceSession(server.device(), http_session=http_session).get_ntp_info()
        assert server.open == 1
        await until(lambda: server.open == 0)


@pytest.mark.parametrize(("serial", "requests"), [("ACCC8E012345", 4), (None, 3)])
async def test_a_remembered_basic_waits_for_the_realm(
    serve: Serve, say: Any, serial: str | None, requests: int
) -> None:
    """A stranger, who has the address meanwhile, does not get the password."""

    def script(heard: Any) -> Any:
        right = say.result(heard, {}) if heard.login else None
        return right or say.asked(f'Basic realm="AXIS_{serials[0]}"')

    serials = ["ACCC8E012345"]
    server = await serve(script)
    device = server.device(serial=serial, plaintext_basic=True)
    async with DeviceSession(device, ROOT) as session:
        for _ in range(2):
            await session.get_ntp_info()
        assert len(server.heard) == requests
        if serial is not None:
            serials[0] = "00408C000000"
            with pytest.raises(IdentityMismatchError):
                await session.get_ntp_info()
            assert server.heard[-1].login is None


async def test_basic_in_clear_text_is_refused_before_it_is_sent(serve: Serve, say: Any) -> None:
    """One request, without a login."""
    server = await serve(lambda _: say.asked('Basic realm="x"'))
    async with DeviceSession(server.device(), ROOT) as session:
        with pytest.raises(DeviceError, match="plain HTTP"):
            await session.get_ntp_info()
    assert [heard.login for heard in server.heard] == [None]


# The gate


class Gate:
    """Lets in when it is told to, and writes down what it hears."""

    def __init__(self, opens: asyncio.Event | None = None) -> None:
        self.opens = opens
        self.told: list[bool | None] = []
        self.entered = 0

    @property
    def has_room(self) -> bool:
        return self.opens is not None and self.opens.is_set()

    async def enter(self, device: str) -> None:
        if self.opens is None:
            raise CredentialSuspendedError(device, "suspended")
        await self.opens.wait()
        self.entered += 1

    def leave(self, device: str, *, accepted: bool | None) -> None:  # noqa: ARG002  its signature
        self.told.append(accepted)


@pytest.fixture
def gate() -> Gate:
    opens = asyncio.Event()
    opens.set()
    return Gate(opens)


async def test_waiting_at_the_gate_does_not_count(make_camera: MakeCamera) -> None:
    """The device is not slow when it is us who hold back."""
    opens = asyncio.Event()
    async with (
        SimulatedFleet([make_camera()]) as fleet,
        DeviceSession(fleet.devices[0], ROOT, timeout_s=0.5, login_gate=Gate(opens)) as session,
    ):
        asyncio.get_running_loop().call_later(0.8, opens.set)
        assert (await session.get_ntp_info()).client is not None


@pytest.mark.parametrize("status", [404, 405])
async def test_a_device_without_the_api_has_accepted_the_login(
    serve: Serve, say: Any, gate: Gate, status: int
) -> None:
    """Else it had said 401; many old devices must not hold up the others."""
    server = await serve(say.in_turn(say.asked(CHALLENGE), say.http(status=status)))
    async with DeviceSession(server.device(), ROOT, login_gate=gate) as session:
        with pytest.raises(UnsupportedDeviceError):
            await session.get_ntp_info()
    assert gate.told == [True]


async def test_no_bound_counts_the_wait_at_the_gate(make_camera: MakeCamera) -> None:
    """Neither ours nor the caller's, also when several calls wait; the session tells how long."""
    opens = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with (
        SimulatedFleet([make_camera()]) as fleet,
        DeviceSession(
            fleet.devices[0], ROOT, timeout_s=0.5, in_flight=2, login_gate=Gate(opens)
        ) as session,
    ):
        assert session.gate_wait_s == 0
        rising: list[float] = []
        loop.call_later(0.4, lambda: rising.append(session.gate_wait_s))
        loop.call_later(0.8, opens.set)
        async with session.bounded(0.5) as deadline:
            await asyncio.gather(session.get_ntp_info(), session.get_ntp_info())
        assert not deadline.expired()
        assert 0 < rising[0] < session.gate_wait_s
        waited_s = session.gate_wait_s
        await session.get_ntp_info()
        assert session.gate_wait_s - waited_s < 0.3


async def test_a_bound_of_the_caller_ends_a_silent_call(serve: Serve) -> None:
    """As `asyncio.timeout` would."""
    server = await serve(lambda _: None)
    async with DeviceSession(server.device()) as session:
        with pytest.raises(TimeoutError):
            async with session.bounded(0.1) as deadline:
                await session.get_ntp_info()
    assert deadline.expired()


async def test_after_the_gate_the_time_goes_on(serve: Serve, say: Any, gate: Gate) -> None:
    """A device that falls silent after the login still ends in time."""
    server = await serve(say.in_turn(say.asked(CHALLENGE), None))
    async with DeviceSession(server.device(), ROOT, timeout_s=0.2, login_gate=gate) as session:
        with pytest.raises(DeviceUnreachableError, match=r"within 0\.2 s"):
            await session.get_ntp_info()
    assert gate.told == [None]


async def test_a_closed_gate_ends_the_call(make_camera: MakeCamera) -> None:
    """The device has seen no login."""
    async with SimulatedFleet([make_camera()]) as fleet:
        async with DeviceSession(fleet.devices[0], ROOT, login_gate=Gate()) as session:
            with pytest.raises(CredentialSuspendedError):
                await session.get_ntp_info()
        assert fleet.counters.requests[fleet.devices[0].name] == 1


async def test_the_gate_hears_how_each_login_went(make_camera: MakeCamera, gate: Gate) -> None:
    """Yes, no, and neither, as for a stale nonce; only requests with a login concern it."""
    camera = make_camera()
    async with (
        SimulatedFleet([camera]) as fleet,
        DeviceSession(fleet.devices[0], ROOT, login_gate=gate) as session,
    ):
        await session.get_ntp_info()
        assert gate.told == [True]
        fleet.rotate_nonces()
        await session.get_ntp_info()
        assert gate.told == [True, None, True]
        camera.faults = (Fault(Kind.BUSY),)
        with pytest.raises(DeviceError):
            await session.get_ntp_info()
        camera.faults, camera.password = (), "changed"
        with pytest.raises(LoginRefusedError):
            await session.get_ntp_info()
    assert gate.told == [True, None, True, None, False]
    assert gate.entered == len(gate.told)


# What can go wrong on the way


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (Kind.HTML, UnexpectedResponseError, "answers text/html"),
        (Kind.BROKEN_JSON, UnexpectedResponseError, "the answer is not JSON"),
        (Kind.NOT_UTF8, UnexpectedResponseError, "the answer is not JSON"),
        (Kind.TRUNCATED, DeviceUnreachableError, "broke off in the middle"),
        (Kind.OVERSIZED, UnexpectedResponseError, "more than 1 MiB"),
        (Kind.BOMB, UnexpectedResponseError, "more than 1 MiB"),
        (Kind.WRONG_CONTEXT, UnexpectedResponseError, "belongs to another request"),
        (Kind.RESET, DeviceUnreachableError, "closed the connection without an answer"),
        (Kind.NO_RIGHT, NotAuthorizedError, "Authorization failed (error 4002)"),
    ],
)
async def test_each_fault_of_a_camera_is_its_own_error(
    make_camera: MakeCamera, fault: Kind, kind: type[DeviceError], said: str
) -> None:
    """And the next call, without the fault, works."""
    camera = make_camera(faults=fault)
    async with (
        SimulatedFleet([camera]) as fleet,
        DeviceSession(fleet.devices[0], ROOT) as session,
    ):
        with pytest.raises(DeviceError) as caught:
            await session.get_ntp_info()
        assert type(caught.value) is kind
        assert said in str(caught.value)
        camera.faults = ()
        assert (await session.get_ntp_info()).client is not None


async def test_an_unplugged_camera_is_unreachable(make_camera: MakeCamera) -> None:
    """Nothing listens at its address."""
    async with SimulatedFleet([make_camera(faults=Kind.REFUSED)]) as fleet:
        [device] = fleet.devices
        async with DeviceSession(device, ROOT) as session:
            with pytest.raises(DeviceUnreachableError, match="Connection refused"):
                await session.get_ntp_info()


async def test_a_body_of_just_the_limit_is_read(serve: Serve, say: Any) -> None:
    """One byte more is not."""
    body = json.dumps({"data": {}}).encode().ljust(MAX_BODY_BYTES)
    server = await serve(say.in_turn(say.http(body), say.http(body + b" ")))
    async with DeviceSession(server.device()) as session:
        await session.get_ntp_info()
        with pytest.raises(UnexpectedResponseError, match="more than 1 MiB"):
            await session.get_ntp_info()


async def test_a_bomb_is_not_unpacked(serve: Serve, say: Any) -> None:
    """A quarter of a gigabyte of blanks, in a quarter of a megabyte."""
    bomb = gzip.compress(bytes(1 << 28), compresslevel=1)
    server = await serve(
        lambda _: say.http(bomb, headers=[("Content-Encoding", "gzip")], hangs_up=True)
    )
    tracemalloc.start()
    try:
        async with DeviceSession(server.device()) as session:
            with pytest.raises(DeviceError):
                await session.get_ntp_info()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 26


async def test_a_body_that_cannot_be_unpacked_is_no_broken_connection(
    serve: Serve, say: Any
) -> None:
    """Trying again would not help."""
    server = await serve(lambda _: say.http(b"plain", headers=[("Content-Encoding", "gzip")]))
    async with DeviceSession(server.device()) as session:
        with pytest.raises(UnexpectedResponseError, match="its answer cannot be unpacked"):
            await session.get_ntp_info()


async def test_an_answer_without_a_content_type_is_told_as_such(serve: Serve, say: Any) -> None:
    """Not with the type that HTTP supposes then."""
    server = await serve(lambda _: say.http(b"{}", content_type=None))
    async with DeviceSession(server.device()) as session:
        with pytest.raises(UnexpectedResponseError, match="names no content type in place"):
            await session.get_ntp_info()


async def test_an_answer_that_is_no_http_shows_no_login(serve: Serve, say: Any) -> None:
    """An error of aiohttp's sessions has all headers of the request in it: nobody sees it."""
    garbage = say.raw(b"\x00garbage\r\n\r\n", True)
    server = await serve(say.in_turn(say.asked('Basic realm="x"'), garbage))
    async with DeviceSession(server.device(plaintext_basic=True), ROOT) as session:
        with pytest.raises(UnexpectedResponseError, match="does not speak HTTP") as caught:
            await session.get_ntp_info()
    assert server.heard[-1].login is not None
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "magic"])
async def test_a_coding_that_is_none_is_our_error(serve: Serve, say: Any, coding: str) -> None:
    """The body is not what its head says."""
    body = b'{"data": "not packed at all"}'
    server = await serve(lambda _: say.http(body, headers=[("Content-Encoding", coding)]))
    async with DeviceSession(server.device()) as session:
        with pytest.raises(DeviceError):
            await session.get_ntp_info()


@pytest.mark.parametrize(
    "text",
    [
        b"\x15\x03\x01\x00\x02\x02\x16",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n123456",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
        b"HTTP/1.1 401 No\r\nWWW-Authenticate: \xff\xfe\r\nContent-Length: 0\r\n\r\n",
        b"",
    ],
)
async def test_what_does_not_speak_http_is_our_error(serve: Serve, say: Any, text: bytes) -> None:
    """Somebody else listens at that port."""
    server = await serve(lambda _: say.raw(text, True))
    async with DeviceSession(server.device(), ROOT, timeout_s=5) as session:
        with pytest.raises(DeviceError) as caught:
            await session.get_ntp_info()
    assert caught.value.message.isprintable()


async def test_words_of_a_device_do_not_reach_the_terminal_raw(serve: Serve, say: Any) -> None:
    """Its messages and its reasons are shown, its control characters are not."""
    error = {"error": {"code": 2000, "message": "\x1b[2Jcleared\n\ud83d\ude00" + "x" * 9999}}
    server = await serve(lambda _: say.http(json.dumps(error).encode()))
    async with DeviceSession(server.device()) as session:
        with pytest.raises(RequestRejectedError) as caught:
            await session.get_ntp_info()
    assert caught.value.message.startswith("\ufffd[2Jcleared\ufffd")
    assert len(caught.value.message) < 700


async def test_a_silent_device_ends_in_time(serve: Serve) -> None:
    """And leaves no connection open."""
    server = await serve(lambda _: None)
    async with DeviceSession(server.device(), timeout_s=0.2) as session:
        with pytest.raises(DeviceUnreachableError, match=r"no answer from .* within 0\.2 s"):
            await session.get_ntp_info()
    await until(lambda: server.open == 0)


async def test_a_device_that_trickles_ends_in_time(serve: Serve, say: Any) -> None:
    """The limit is on the whole call, not on the silence in between."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    server = await serve(say.in_turn(say.raw(head, False)))
    async with DeviceSession(server.device(), timeout_s=0.2) as session:
        with pytest.raises(DeviceUnreachableError, match="no answer"):
            await session.get_ntp_info()


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..b", "xn--\u0661.example", "%41"])
async def test_a_host_that_cannot_be_one_is_unreachable(host: str) -> None:
    """Not a bug of ours; a name is looked at only when it is needed."""
    device = Device(name="lobby-3", host=host, scheme="http")
    async with DeviceSession(device, timeout_s=5) as session:
        with pytest.raises(DeviceUnreachableError):
            await session.get_ntp_info()


async def test_a_cancelled_call_leaves_nothing(serve: Serve) -> None:
    """Neither task nor connection; and the session can go on."""
    server = await serve(lambda _: None)
    async with DeviceSession(server.device()) as session:
        call = asyncio.create_task(session.get_ntp_info())
        await until(lambda: server.heard)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: server.open == 0)
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_call_cancelled_while_it_waits_for_its_turn_blocks_nobody(
    serve: Serve, say: Any
) -> None:
    """The next one in the line gets it."""
    goes_on = asyncio.Event()
    server = await serve(lambda heard: say.result(heard, {}))
    async with DeviceSession(server.device(), login_gate=None) as session:
        async with session._turns:
            waiting = asyncio.create_task(session.get_ntp_info())
            next_one = asyncio.create_task(session.get_ntp_info())
            asyncio.get_running_loop().call_soon(goes_on.set)
            await goes_on.wait()
            waiting.cancel()
        await next_one
    assert waiting.cancelled()


@pytest.mark.parametrize(
    ("host", "port", "url"),
    [
        ("192.0.2.7", 80, "http://192.0.2.7/x"),
        ("192.0.2.7", 8080, "http://192.0.2.7:8080/x"),
        ("2001:db8::7", 8080, "http://[2001:db8::7]:8080/x"),
        ("Kamera-ä.example", 80, "http://xn--kamera--cxa.example/x"),
    ],
)
def test_a_device_is_asked_at_its_own_url(host: str, port: int, url: str) -> None:
    """Whether there is something to encode in it or not."""
    device = Device(name="lobby-3", host=host, port=port, scheme="http")
    assert str(url_of(device, "/x")) == url


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that comes by itself."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  what is waited for knows no event
            await asyncio.sleep(0.01)


# The clock


@pytest.mark.parametrize("skew_s", [0.0, 0.4, -37.25, 86_400.9, -1.0e9])
async def test_the_true_skew_lies_in_the_interval(serve: Serve, say: Any, skew_s: float) -> None:
    """Whatever the fraction of the second; the answer has no fraction."""

    def script(heard: Any) -> Any:
        date = formatdate(math.floor(time.time() + skew_s), usegmt=True)
        members = {"context": heard.json["context"], "data": {}}
        return say.http(json.dumps(members).encode(), headers=[("Date", date)])

    server = await serve(script)
    async with DeviceSession(server.device()) as session:
        for _ in range(5):
            clock = (await session.get_ntp_info()).clock
            assert clock is not None
            assert abs(clock.skew_s - skew_s) <= clock.uncertainty_s + 1e-3
            assert clock.uncertainty_s >= 0.5
            assert clock.uncertainty_s == pytest.approx(0.5 + clock.round_trip_s / 2)
            assert clock.device_time.microsecond == 0
            assert clock.read_at.tzinfo is dt.UTC
            await asyncio.sleep(0.11)


async def test_of_two_answers_the_quicker_one_tells_the_clock(serve: Serve, say: Any) -> None:
    """Every answer has a `Date`; the smaller uncertainty wins, whichever comes first."""
    dates = (
        [("Date", "Wed, 07 Oct 2026 09:18:14 GMT")],
        [("Date", "Thu, 01 Jan 1970 00:00:00 GMT")],
    )
    asked = say.http(status=401, headers=[("WWW-Authenticate", CHALLENGE), *dates[0]])

    right = say.http(b'{"data": {}}', headers=dates[1])

    def slowly(_: object) -> Any:
        time.sleep(0.1)
        return right

    server = await serve(say.in_turn(asked, slowly))
    async with DeviceSession(server.device(), ROOT) as session:
        clock = (await session.get_ntp_info()).clock
    assert clock is not None
    assert clock.device_time.year == 2026


@pytest.mark.parametrize("date", [None, "", "yesterday", "Wed, 07 Oct 2026 09:18:14 +" + "9" * 30])
async def test_without_a_date_there_is_no_clock(serve: Serve, say: Any, date: str | None) -> None:
    """And the answer counts all the same."""
    headers = [] if date is None else [("Date", date)]
    server = await serve(lambda _: say.http(b'{"data": {"client": {}}}', headers=headers))
    async with DeviceSession(server.device()) as session:
        info = await session.get_ntp_info()
    assert info.clock is None
    assert info.client is not None


async def test_a_nonce_that_is_too_old_costs_no_connection(make_camera: MakeCamera) -> None:
    """Nobody knows before whether it is, and the login that follows takes the same one."""
    async with (
        SimulatedFleet([make_camera()]) as fleet,
        DeviceSession(fleet.devices[0], ROOT, keep_alive=False) as session,
    ):
        connections = []
        for lasts in (True, True, False, False, True, True):
            if not lasts:
                fleet.rotate_nonces()
            before = fleet.counters.connections.total()
            await session.get_ntp_info()
            connections.append(fleet.counters.connections.total() - before)
    assert connections == [1] * 6
