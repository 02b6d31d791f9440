"""The pool against a simulated fleet: real sockets, real logins, the fleet's own counts."""

import asyncio
import logging
import resource
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from attrs import evolve

from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.device.kept import make_http_session
from axis_ntp_async.device.records import Device, Outcome
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.device.trust import KnownDevices, Trust
from axis_ntp_async.errors import (
    AccessBlockedError,
    CredentialsError,
    CredentialSuspendedError,
    DeviceBusyError,
    DeviceUnreachableError,
    LoginRefusedError,
    NotTriedError,
)
from axis_ntp_async.fleet import files
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.fleet.retry import RetryPolicy
from axis_ntp_async.fleet.slots import Limits
from axis_ntp_async.simulator.fleets import Troubles, make_fleet
from axis_ntp_async.simulator.model.faults import Fault, Kind
from axis_ntp_async.simulator.serving.server import SimulatedFleet

READ = DeviceSession.get_ntp_info
QUICK = RetryPolicy(wait_initial_s=0.0, attempt_timeout_s=1.0)

Opener = Callable[..., SessionPool]


@pytest.fixture
async def fleet(request: pytest.FixtureRequest) -> AsyncIterator[SimulatedFleet]:
    """A few healthy cameras over HTTP, or as many as the test's parameter says."""
    count = getattr(request, "param", 12)
    async with make_fleet(count, https_share=0.0) as fleet:
        yield fleet


@pytest.fixture
def open_pool() -> Opener:
    """A pool with a fleet's credentials, and no known devices but its own."""

    def open_it(fleet: SimulatedFleet, **members: Any) -> SessionPool:
        credentials = {
            name: Credentials(login.username, login.password)
            for name, login in fleet.logins.items()
        }
        usual: dict[str, Any] = {"retry": QUICK, "trust": Trust(KnownDevices())}
        return SessionPool(members.pop("credentials", credentials), **{**usual, **members})

    return open_it


def wrong(fleet: SimulatedFleet) -> dict[str, Credentials]:
    return {name: Credentials("root", "typed wrong") for name in fleet.logins}


async def test_each_device_is_asked_once_in_the_second_run(
    fleet: SimulatedFleet, open_pool: Opener, collect: Any
) -> None:
    """Sessions with their challenges live between runs: two requests a device, then one."""
    async with open_pool(fleet) as pool:
        for most in (2, 3, 4):
            outcomes = await collect(pool, fleet.devices, READ)
            assert all(outcome.is_ok for outcome in outcomes)
            assert {most} == set(fleet.counters.requests.values())


async def test_one_device_is_one_outcome(fleet: SimulatedFleet, open_pool: Opener) -> None:
    """A call to a single device keeps the bounds, tries again, and gives its error as a value."""
    device = fleet.devices[0]
    camera = fleet.camera(device.name)
    for each in fleet.cameras:
        each.latency_s = 0.02
    async with open_pool(fleet, limits=Limits(total=2)) as pool:
        found = await asyncio.gather(*(pool.one(device, READ) for device in fleet.devices))
        camera.faults = (Fault(Kind.INTERNAL, first=1),)
        again = await pool.one(device, READ)
        camera.faults = (Fault(Kind.INTERNAL),)
        failed = await pool.one(device, READ)
        with pytest.raises(CredentialsError, match="which the pool was not given"):
            await pool.one(evolve(device, name="other", credentials="other"), READ)
    assert [outcome.device for outcome in found] == list(fleet.devices)
    assert all(outcome.is_ok for outcome in found)
    assert fleet.counters.at_once_in_all.most == 2
    assert (again.is_ok, again.attempts) == (True, 2)
    assert (failed.is_ok, failed.attempts) == (False, 3)


async def test_outdated_nonces_cost_one_request_and_no_error(
    fleet: SimulatedFleet, open_pool: Opener, collect: Any
) -> None:
    """When all nonces are outdated, every device is asked twice once, and no login has failed."""
    async with open_pool(fleet) as pool:
        await collect(pool, fleet.devices, READ)
        fleet.rotate_nonces()
        fleet.counters.requests.clear()
        outcomes = await collect(pool, fleet.devices, READ)
    assert [(outcome.is_ok, outcome.attempts) for outcome in outcomes] == [(True, 1)] * 12
    assert {2} == set(fleet.counters.requests.values())
    assert fleet.counters.logins_refused.total() == 0


async def test_no_connection_is_left_whatever_becomes_of_nonces(
    fleet: SimulatedFleet,
    open_pool: Opener,
    collect: Any,
    open_sockets: Any,
    sockets_are_closed: Any,
) -> None:
    """A call has one connection, with a login or two, and hangs it up itself."""
    async with open_pool(fleet) as pool:
        before = open_sockets()
        for sweep in (1, 2, 3, 4):
            if sweep == 3:
                fleet.rotate_nonces()
            await collect(pool, fleet.devices, READ)
            assert set(fleet.counters.connections.values()) == {sweep}
            await sockets_are_closed(before)


async def test_a_changed_device_gets_a_new_session(
    fleet: SimulatedFleet, open_pool: Opener
) -> None:
    """A device of the same name at another address is not talked to as the old one was."""
    one, other = fleet.devices[:2]
    moved = evolve(other, name=one.name)
    seen: list[DeviceSession] = []

    async def call(session: DeviceSession) -> str | None:
        seen.append(session)
        await session.get_ntp_info()
        return session.device.serial

    async with open_pool(fleet) as pool:
        outcomes = [
            outcome for device in (one, one, moved) async for outcome in pool.each([device], call)
        ]
    assert [one.serial, one.serial, other.serial] == [outcome.value for outcome in outcomes]
    assert (seen[0] is seen[1], seen[1] is seen[2]) == (True, False)


@pytest.mark.parametrize("fleet", [60], indirect=True)
async def test_two_streams_keep_the_bounds_together(
    fleet: SimulatedFleet, open_pool: Opener, collect: Any
) -> None:
    """By the fleet's own count, two streams of one pool stay within its bounds together."""
    for camera in fleet.cameras:
        camera.latency_s = 0.01
    async with open_pool(fleet, limits=Limits(total=10, per_site=4)) as pool:
        found = await asyncio.gather(*(collect(pool, fleet.devices, READ) for _ in range(2)))
    assert [len(outcomes) for outcomes in found] == [60, 60]
    counters = fleet.counters
    assert counters.at_once_in_all.most <= 10
    assert max(peak.most for peak in counters.at_once_by_site.values()) <= 4
    assert max(peak.most for peak in counters.at_once.values()) == 1


async def test_several_calls_at_one_device_where_the_limits_say_so(
    fleet: SimulatedFleet, open_pool: Opener, collect: Any
) -> None:
    """With two per device, a device that is named four times is asked twice at once."""
    device = fleet.devices[0]
    fleet.camera(device.name).latency_s = 0.02
    async with open_pool(fleet, limits=Limits(per_device=2)) as pool:
        await collect(pool, [device] * 4, READ)
    assert fleet.counters.at_once[device.name].most == 2


@pytest.mark.parametrize("fleet", [500], indirect=True)
async def test_a_wrong_password_fails_three_times_in_a_fleet(
    fleet: SimulatedFleet, open_pool: Opener, collect: Any
) -> None:
    """Over 500 devices exactly three logins are refused; the others say they were not tried."""
    async with open_pool(fleet, credentials=wrong(fleet)) as pool:
        outcomes = await collect(pool, fleet.devices, READ)
    kinds = Counter(type(outcome.error) for outcome in outcomes)
    assert {LoginRefusedError: 3, CredentialSuspendedError: 497} == kinds
    assert fleet.counters.logins_refused.total() == 3


async def test_corrected_credentials_are_tried_in_the_next_run(
    fleet: SimulatedFleet, open_pool: Opener, collect: Any
) -> None:
    """A suspension ends with the run; the next one begins carefully."""
    devices = fleet.devices
    passwords = [camera.password for camera in fleet.cameras]
    async with open_pool(fleet) as pool:
        for camera in fleet.cameras:
            camera.password = "changed on site"
        refused = await collect(pool, devices, READ)
        for camera, password in zip(fleet.cameras, passwords, strict=True):
            camera.password = password
        accepted = await collect(pool, devices, READ)
    assert not any(outcome.is_ok for outcome in refused)
    assert all(outcome.is_ok for outcome in accepted)
    assert fleet.counters.logins_refused.total() == 3


async def test_other_credentials_are_not_suspended_with_them(
    fleet: SimulatedFleet, open_pool: Opener, collect: Any
) -> None:
    """A wrong password under one name stops nobody who logs in under another."""
    half = len(fleet.devices) // 2
    devices = [
        evolve(device, credentials="old" if place < half else device.credentials)
        for place, device in enumerate(fleet.devices)
    ]
    login = fleet.logins["fleet"]
    known = {
        "fleet": Credentials(login.username, login.password),
        "old": Credentials(login.username, "typed wrong"),
    }
    async with open_pool(fleet, credentials=known) as pool:
        outcomes = await collect(pool, devices, READ)
    assert {("old", False): half, ("fleet", True): half} == Counter(
        (outcome.device.credentials, outcome.is_ok) for outcome in outcomes
    )


async def test_waiting_at_the_gate_is_not_counted_as_the_devices_time(
    fleet: SimulatedFleet, open_pool: Opener, collect: Any
) -> None:
    """Devices that we let wait while three others are slow to log in do not time out."""
    for camera in fleet.cameras:
        camera.latency_s = 0.25
    retry = RetryPolicy(attempts=1, attempt_timeout_s=0.9)
    for camera in fleet.cameras[:3]:
        camera.faults = (Fault(Kind.SLOW, seconds=0.15),)
    async with open_pool(fleet, retry=retry) as pool:
        outcomes = await collect(pool, fleet.devices, READ)
    assert all(outcome.is_ok for outcome in outcomes), [o.error for o in outcomes if o.error]


@pytest.mark.parametrize("fleet", [400], indirect=True)
async def test_silent_devices_come_last(
    fleet: SimulatedFleet, open_pool: Opener, collect: Any
) -> None:
    """With one device in twenty silent, all healthy ones have answered before the first."""
    silent = {camera.name for camera in fleet.cameras[::20]}
    for camera in fleet.cameras[::20]:
        camera.faults = (Fault(Kind.SILENT),)
    retry = RetryPolicy(attempts=1, attempt_timeout_s=8.0)
    devices = [evolve(device, site=None) for device in fleet.devices]
    async with open_pool(fleet, retry=retry) as pool:
        outcomes = await collect(pool, devices, READ)
    assert len({outcome.device.name for outcome in outcomes}) == 400
    assert silent == {outcome.device.name for outcome in outcomes[-20:]}


@pytest.mark.parametrize(
    ("fault", "attempts", "requests", "error"),
    [
        pytest.param(Fault(Kind.RESET, first=1), 2, 3, None, id="a connection dropped once"),
        pytest.param(Fault(Kind.BUSY, first=2, seconds=0), 3, 4, None, id="busy twice"),
        pytest.param(Fault(Kind.INTERNAL, first=1), 2, 3, None, id="an internal error once"),
        pytest.param(Fault(Kind.BUSY, seconds=0), 3, 3, DeviceBusyError, id="busy for ever"),
        pytest.param(Fault(Kind.BUSY, seconds=600), 1, 1, DeviceBusyError, id="busy for long"),
        pytest.param(Fault(Kind.RESET), 3, 3, DeviceUnreachableError, id="always dropped"),
        pytest.param(Fault(Kind.BLOCKED, first=1), 2, 3, None, id="blocked for a while"),
        pytest.param(Fault(Kind.BLOCKED), 2, 2, AccessBlockedError, id="blocked for ever"),
    ],
)
async def test_failures_are_tried_again_as_their_errors_allow(
    *,
    fleet: SimulatedFleet,
    open_pool: Opener,
    collect: Any,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    attempts: int,
    requests: int,
    error: type[Exception] | None,
) -> None:
    """What passes is got over, what lasts is reported, and the device is asked no more often."""
    monkeypatch.setattr(AccessBlockedError, "wait_at_least_s", 0.01)
    device = fleet.devices[0]
    fleet.camera(device.name).faults = (fault,)
    async with open_pool(fleet) as pool:
        (outcome,) = await collect(pool, [device], READ)
    assert (attempts, requests) == (outcome.attempts, fleet.counters.requests[device.name])
    assert error is (type(outcome.error) if outcome.error else None)


async def test_stopping_ends_what_is_in_flight_and_tries_no_more(
    fleet: SimulatedFleet, open_pool: Opener
) -> None:
    """After `stop` the sums still add up: answered, or not tried, and nobody in between."""
    for camera in fleet.cameras:
        camera.latency_s = 0.02
    async with open_pool(fleet, limits=Limits(total=3)) as pool:
        stream = pool.each(fleet.devices, READ)
        outcomes = [await anext(stream)]
        pool.stop()
        outcomes += [outcome async for outcome in stream]
    kinds = Counter(type(outcome.error) for outcome in outcomes)
    assert len({outcome.device.name for outcome in outcomes}) == 12
    assert {type(None), NotTriedError} == set(kinds)
    assert 3 <= kinds[type(None)] <= 5
    not_tried = [outcome for outcome in outcomes if outcome.error]
    assert {(0, 0.0)} == {(outcome.attempts, outcome.elapsed_s) for outcome in not_tried}
    assert str(not_tried[0].error).endswith("the run was stopped before its turn came")


async def test_after_a_stop_the_next_run_is_a_run(
    fleet: SimulatedFleet, open_pool: Opener, collect: Any
) -> None:
    """Stopping is about the runs under way, not about the pool."""
    async with open_pool(fleet) as pool:
        pool.stop()
        outcomes = await collect(pool, fleet.devices, READ)
    assert all(outcome.is_ok for outcome in outcomes)


async def test_a_pool_that_is_not_open_says_so(
    fleet: SimulatedFleet, open_pool: Opener, collect: Any
) -> None:
    """Before it is entered and after it is left, a pool refuses to run, with a hint."""
    async with make_http_session() as http_session:
        for given in (None, http_session):
            pool = open_pool(fleet, http_session=given)
            with pytest.raises(RuntimeError, match="open the pool first"):
                await collect(pool, fleet.devices, READ)
            async with pool:
                pass
            with pytest.raises(RuntimeError, match="open the pool first"):
                await collect(pool, fleet.devices, READ)


async def test_a_pool_can_be_entered_again(
    fleet: SimulatedFleet, open_pool: Opener, collect: Any
) -> None:
    """A pool that was left works like a new one when it is entered once more."""
    pool = open_pool(fleet)
    for _ in range(2):
        async with pool:
            outcomes = await collect(pool, fleet.devices, READ)
        assert all(outcome.is_ok for outcome in outcomes)


async def test_a_http_session_of_the_caller_stays_open(
    fleet: SimulatedFleet, open_pool: Opener, collect: Any
) -> None:
    """The pool uses an aiohttp session that it is given, and does not close it."""
    async with aiohttp.ClientSession() as http_session:
        async with open_pool(fleet, http_session=http_session) as pool:
            outcomes = await collect(pool, fleet.devices, READ)
        assert all(outcome.is_ok for outcome in outcomes)
        assert not http_session.closed


async def test_unknown_credentials_end_the_run_with_their_name(
    fleet: SimulatedFleet, open_pool: Opener, collect: Any
) -> None:
    """A device that names credentials nobody gave is a mistake of the inventory, no outcome."""
    async with open_pool(fleet, credentials={"other": Credentials("root", "hidden")}) as pool:
        with pytest.raises(CredentialsError) as caught:
            await collect(pool, fleet.devices[:1], READ)
    name = fleet.devices[0].name
    assert f"device {name!r} names the credentials 'fleet', which the pool was not given" == str(
        caught.value
    )


async def test_devices_without_credentials_need_none(collect: Any) -> None:
    """A pool without credentials calls devices that log in nowhere."""

    async def call(_: DeviceSession) -> int:
        return 1

    async with SessionPool() as pool:
        (outcome,) = await collect(pool, [Device(name="d", host="192.0.2.1")], call)
    assert (outcome.value, outcome.is_ok) == (1, True)


async def test_connections_are_kept_only_where_that_is_wanted(
    fleet: SimulatedFleet, open_pool: Opener, collect: Any
) -> None:
    """By default a device's connection is closed after its answer; kept, it serves all runs."""
    for keep_alive, connections in ((False, 3), (True, 1)):
        fleet.counters.connections.clear()
        async with open_pool(fleet, keep_alive=keep_alive) as pool:
            for _ in range(3):
                await collect(pool, fleet.devices[:4], READ)
        assert {connections} == set(fleet.counters.connections.values())


async def test_too_few_files_are_said_before_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, collect: Any
) -> None:
    """Entering a pool whose limits do not fit the open files warns, and works within them."""
    monkeypatch.setattr(files, "_open_now", lambda: 0)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (76, 76))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    at_once, most = 0, 0

    async def call(_: DeviceSession) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1

    devices = [Device(name=f"d{number}", host="192.0.2.1") for number in range(50)]
    with caplog.at_level(logging.WARNING):
        async with SessionPool() as pool:
            await collect(pool, devices, call)
    assert most == 6
    assert "only 76 files may be open" in caplog.text


async def test_ten_thousand_devices_at_once_is_everyday(collect: Any) -> None:
    """10,000 devices of 100 sites give 10,000 outcomes, each device's own."""

    async def call(session: DeviceSession) -> str:
        await asyncio.sleep(0)
        return session.device.name

    devices = [
        Device(name=f"d{number}", host="192.0.2.1", site=f"site-{number // 100}")
        for number in range(10_000)
    ]
    async with SessionPool() as pool:
        outcomes: list[Outcome[str]] = await collect(pool, devices, call)
    assert {device.name for device in devices} == {outcome.value for outcome in outcomes}
    assert len(outcomes) == 10_000


async def test_troubles_of_every_kind_lose_nobody(open_pool: Opener, collect: Any) -> None:
    """Among refused, silent, slow, flaky and broken devices, each has its one outcome."""
    troubles = Troubles(
        refused=0.05, silent=0.05, reset=0.05, flaky=0.1, garbage=0.05, truncated=0.05, busy=0.05
    )
    patient = evolve(QUICK, attempt_timeout_s=0.5, budget_count=1000)
    async with (
        make_fleet(100, troubles=troubles, https_share=0.0) as fleet,
        open_pool(fleet, retry=patient) as pool,
    ):
        outcomes = await collect(pool, fleet.devices, READ)
    assert Counter(device.name for device in fleet.devices) == Counter(
        outcome.device.name for outcome in outcomes
    )
    assert sum(outcome.is_ok for outcome in outcomes) == 70
