"""Devices that hang in the middle of a login keep nobody else from his."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest

from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.device.records import Device, NTPInfo, Outcome
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.errors import CredentialSuspendedError, LoginRefusedError
from axis_ntp_async.fleet import breaker
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.fleet.retry import RetryPolicy
from axis_ntp_async.fleet.slots import Limits

CHALLENGE = (
    b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n'
    b"Content-Length: 0\r\n\r\n"
)
BODY = b'{"data":{"client":{"enabled":true}}}'
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)
    + BODY
)
HANGING, HEALTHY, OPEN, WITHOUT_API = range(1, 5)
"""The third number of an address says how its device behaves."""

MakeDevices = Callable[[int, int], list[Device]]


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    behaviour = int(writer.get_extra_info("sockname")[0].split(".")[2])
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(
                int(line[15:])
                for line in head.split(b"\r\n")
                if line.startswith(b"Content-Length")
            )
            await reader.readexactly(length)
            if b"Authorization" not in head and behaviour != OPEN:
                writer.write(CHALLENGE)
            elif behaviour == WITHOUT_API:
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            elif behaviour != HANGING:
                writer.write(ANSWER)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


@pytest.fixture
async def make_devices() -> AsyncIterator[MakeDevices]:
    """Serves devices of a behaviour; all of them log in, but for the open ones."""
    server = await asyncio.start_server(_serve, "0.0.0.0", 0, backlog=500)  # noqa: S104  127.x.y.z
    port = server.sockets[0].getsockname()[1]

    def make(behaviour: int, count: int) -> list[Device]:
        return [
            Device(
                name=f"{behaviour}-{number}",
                host=f"127.13.{behaviour}.{number}",
                port=port,
                scheme="http",
                credentials=None if behaviour == OPEN else "fleet",
            )
            for number in range(1, count + 1)
        ]

    yield make
    server.close()


async def _outcomes(pool: SessionPool, devices: list[Device]) -> list[Outcome[NTPInfo]]:
    async with aclosing(pool.each(devices, DeviceSession.get_ntp_info)) as outcomes:
        return [outcome async for outcome in outcomes]


def _pool(
    *, total: int = 100, timeout_s: float = 0.4, device_timeout_s: float = 30
) -> SessionPool:
    retry = RetryPolicy(attempts=1, attempt_timeout_s=timeout_s, device_timeout_s=device_timeout_s)
    credentials = {"fleet": Credentials("root", "pass")}
    return SessionPool(credentials, retry=retry, limits=Limits(total=total))


async def test_waiting_at_the_gate_is_not_held_against_a_device(
    make_devices: MakeDevices,
) -> None:
    """The healthy ones wait longer for their login than a device may take, and get it."""
    devices = [*make_devices(HANGING, 7), *make_devices(HEALTHY, 20)]
    async with _pool(timeout_s=0.4, device_timeout_s=0.6) as pool:
        outcomes = await _outcomes(pool, devices)
    assert {outcome.device for outcome in outcomes if outcome.is_ok} == set(devices[7:])


async def test_a_login_in_doubt_holds_no_place(make_devices: MakeDevices) -> None:
    """Devices that need none are done before the hanging ones, though these came first."""
    devices = [*make_devices(HANGING, 30), *make_devices(OPEN, 10)]
    async with (
        _pool(total=5, timeout_s=3) as pool,
        aclosing(pool.each(devices, DeviceSession.get_ntp_info)) as outcomes,
    ):
        first = [await anext(outcomes) for _ in range(10)]
    assert {outcome.device for outcome in first} == set(devices[30:])


async def test_a_404_after_the_login_proves_the_login(make_devices: MakeDevices) -> None:
    """Else a fleet of old firmware would be asked three at a time for ever."""
    devices = make_devices(WITHOUT_API, 40)
    async with _pool() as pool:
        await _outcomes(pool, devices)
        gate = pool._breaker_of("fleet")
        assert gate is not None
        assert gate._proven


async def test_suspended_credentials_come_back_beside_an_endless_run(
    make_devices: MakeDevices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backend whose runs overlap for ever can still be put right."""
    device = make_devices(HEALTHY, 1)[0]

    async def for_ever(_: DeviceSession) -> None:
        await asyncio.Event().wait()

    async with _pool() as pool:
        gate = pool._breaker_of("fleet")
        assert gate is not None
        async with aclosing(pool.each(make_devices(OPEN, 1), for_ever)) as endless:
            waiting = asyncio.ensure_future(anext(endless))
            await asyncio.sleep(0)
            for name in ("lobby-1", "lobby-2", "lobby-3"):
                await gate.enter(name)
                gate.leave(name, accepted=False)
            assert [one.is_ok for one in await _outcomes(pool, [device])] == [False]
            monkeypatch.setattr(breaker, "REST_S", 0.0)
            assert [one.is_ok for one in await _outcomes(pool, [device])] == [True]
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)


async def test_a_changed_password_is_noticed(make_devices: MakeDevices) -> None:
    """The pool looks credentials up each time; a mapping may change under it."""
    credentials = {"fleet": Credentials("root", "old")}
    async with SessionPool(credentials) as pool:
        device = make_devices(HEALTHY, 1)[0]
        before = pool._session_of(device)
        assert before is pool._session_of(device)
        credentials["fleet"] = Credentials("root", "new")
        assert before is not pool._session_of(device)


async def test_calls_of_single_devices_do_not_try_a_refused_password_on_and_on() -> None:
    """A hundred probes with a wrong password are three logins, as one sweep of a hundred is."""
    tried = 0

    async def call(session: DeviceSession) -> None:
        nonlocal tried
        tried += 1
        gate = session._transport.login_gate
        assert gate is not None
        await gate.enter(session.device.name)
        gate.leave(session.device.name, accepted=False)
        raise LoginRefusedError(session.device.name, "refuses the password")

    devices = [
        Device(name=f"cam-{place}", host="192.0.2.1", credentials="fleet") for place in range(100)
    ]
    async with SessionPool({"fleet": Credentials("root", "wrong")}) as pool:
        outcomes = [await pool.one(device, call) for device in devices]
    assert tried == 3
    assert sum(isinstance(one.error, CredentialSuspendedError) for one in outcomes) == 97


async def test_probing_one_camera_with_a_wrong_password_stops_no_sweep() -> None:
    """However often somebody asks for that one, in between and meanwhile."""

    async def call(session: DeviceSession) -> None:
        gate, name = session._transport.login_gate, session.device.name
        assert gate is not None
        await gate.enter(name)
        await asyncio.sleep(0)
        gate.leave(name, accepted=name != "wrong")
        if name == "wrong":
            raise LoginRefusedError(name, "refuses the password")

    fleet = [
        Device(name=f"cam-{place}", host="192.0.2.1", credentials="fleet") for place in range(40)
    ]
    wrong = Device(name="wrong", host="192.0.2.2", credentials="fleet")
    async with SessionPool({"fleet": Credentials("root", "pass")}) as pool:
        for _ in range(5):
            assert not (await pool.one(wrong, call)).is_ok
        async with aclosing(pool.each([wrong, *fleet], call)) as outcomes:
            ended = []
            async for outcome in outcomes:
                ended.append(outcome.is_ok)
                assert not (await pool.one(wrong, call)).is_ok
        assert (await pool.one(fleet[0], call)).is_ok
    assert sorted(ended) == [False, *[True] * 40]
