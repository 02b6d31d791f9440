"""However a run is left, nothing stays behind: no task, no timer, no place, no socket."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest

from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.device.records import Device
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.device.trust import KnownDevices, Trust
from axis_ntp_async.errors import DeviceBusyError, DeviceUnreachableError
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.fleet.retry import RetryPolicy
from axis_ntp_async.fleet.slots import Limits
from axis_ntp_async.simulator.fleets import make_fleet
from axis_ntp_async.simulator.model.faults import Fault, Kind
from axis_ntp_async.simulator.serving.server import SimulatedFleet

Call = Callable[[DeviceSession], Awaitable[Any]]


class OutOfFilmError(BaseException):
    """No `Exception`, like `KeyboardInterrupt`, but not special to asyncio."""


async def quick(_: DeviceSession) -> None:
    """Answer without any waiting."""


async def varied(session: DeviceSession) -> None:
    """Some answer, some are parked, some wait for their second try."""
    match int(session.device.name[1:]) % 4:
        case 0:
            await asyncio.sleep(0.01)
        case 1:
            await asyncio.sleep(9)
        case 2:
            raise DeviceBusyError(session.device.name, "later", 6.0)
        case 3:
            raise DeviceUnreachableError(session.device.name, "refused")


def assert_nothing_is_held(pool: SessionPool) -> None:
    slots = pool._shared.slots
    assert (slots.at_work, slots.parked, slots._sites, slots._devices) == (0, 0, {}, {})
    assert pool._shared.runs == []


@pytest.mark.parametrize("call", [quick, varied])
@pytest.mark.parametrize("most", range(1, 9))
def test_leaving_the_stream_gives_everything_back(
    *,
    in_virtual_time: Any,
    make_devices: Any,
    make_pool: Any,
    collect: Any,
    call: Call,
    most: int,
) -> None:
    """After any number of outcomes: what had begun is over, and its places are free again."""

    async def main() -> None:
        async with make_pool(total=3, per_site=2) as pool:
            assert most == len(await collect(pool, make_devices(40, site="a"), call, most=most))
            assert_nothing_is_held(pool)
            assert len(await collect(pool, make_devices(40, site="a"), call)) == 40

    in_virtual_time(main())


@pytest.mark.parametrize("after_s", [0.0, 0.005, 0.5, 2.0, 6.5])
def test_cancelling_the_consumer_gives_everything_back(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any, after_s: float
) -> None:
    """At whatever moment: before the first attempt, with some parked, with some waiting."""

    async def main() -> None:
        async with make_pool(total=3, parked=5) as pool:
            consuming = asyncio.create_task(collect(pool, make_devices(40), varied))
            await asyncio.sleep(after_s)
            consuming.cancel()
            with pytest.raises(asyncio.CancelledError):
                await consuming
            assert_nothing_is_held(pool)

    in_virtual_time(main())


def test_cancelling_twice_gives_everything_back(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any
) -> None:
    """A second cancellation, while calls still clean up, does not wait for them."""

    async def call(_: DeviceSession) -> None:
        try:
            await asyncio.sleep(9)
        finally:
            await asyncio.sleep(5)

    async def main() -> None:
        async with make_pool(total=3) as pool:
            consuming = asyncio.create_task(collect(pool, make_devices(9), call))
            await asyncio.sleep(0.1)
            for _ in range(2):
                consuming.cancel()
                await asyncio.sleep(0.1)
            assert consuming.cancelled()
            assert pool._shared.runs == []
            await asyncio.sleep(0.1)
            assert_nothing_is_held(pool)

    in_virtual_time(main())


def test_an_exception_of_the_consumer_gives_everything_back(
    in_virtual_time: Any, make_devices: Any, make_pool: Any
) -> None:
    """What goes wrong in the caller's loop ends the run, and reaches the caller unchanged."""

    async def consume(pool: SessionPool) -> None:
        async with aclosing(pool.each(make_devices(40), varied)) as stream:
            async for _ in stream:
                raise ZeroDivisionError

    async def main() -> None:
        async with make_pool(total=3) as pool:
            with pytest.raises(ZeroDivisionError):
                await consume(pool)
            assert_nothing_is_held(pool)

    in_virtual_time(main())


@pytest.mark.parametrize("bug", [ZeroDivisionError, OutOfFilmError, StopAsyncIteration])
def test_a_bug_in_the_call_ends_the_run_at_once(
    in_virtual_time: Any,
    make_devices: Any,
    make_pool: Any,
    collect: Any,
    bug: type[BaseException],
) -> None:
    """What is no `DeviceError` is raised to the caller; others that fail later say nothing."""
    calls = 0

    async def call(_: DeviceSession) -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.01)
        raise bug("of ours")

    async def main() -> None:
        async with make_pool(total=3) as pool:
            with pytest.raises((bug, RuntimeError)) as caught:
                await collect(pool, make_devices(40), call)
            assert "of ours" in f"{caught.value} {caught.value.__cause__}"
            assert_nothing_is_held(pool)

    in_virtual_time(main())
    assert calls == 3


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_in_a_call_leaves_the_loop(
    make_devices: Any, interrupt: type[BaseException]
) -> None:
    """asyncio itself stops at once; its cleaning up finds nothing that complains."""
    pools: list[SessionPool] = []

    async def call(session: DeviceSession) -> None:
        await asyncio.sleep(0.01)
        if session.device.name == "d3":
            raise interrupt

    async def main() -> None:
        async with SessionPool(limits=Limits(total=3)) as pool:
            pools.append(pool)
            async with aclosing(pool.each(make_devices(40), call)) as stream:
                async for _ in stream:
                    pass

    with pytest.raises(interrupt):
        asyncio.run(main())
    gc.collect()
    assert_nothing_is_held(pools[0])


def test_a_call_that_cancels_itself_is_a_bug(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any
) -> None:
    """A stray cancellation ends the run with a word, and never as a lost device."""

    async def call(_: DeviceSession) -> None:
        raise asyncio.CancelledError

    async def main() -> None:
        async with make_pool() as pool:
            with pytest.raises(RuntimeError, match="cancelled from within"):
                await collect(pool, make_devices(5), call)
            assert_nothing_is_held(pool)

    in_virtual_time(main())


def test_a_call_that_fails_while_it_is_cancelled_is_not_tried_again(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any
) -> None:
    """A call that turns its cancellation into a failure starts no timer for another try."""

    async def call(session: DeviceSession) -> None:
        if session.device.name == "d0":
            return
        try:
            await asyncio.sleep(9)
        except asyncio.CancelledError:
            raise DeviceUnreachableError(session.device.name, "broke off") from None

    async def main() -> None:
        async with make_pool() as pool:
            await collect(pool, make_devices(5), call, most=1)
            assert_nothing_is_held(pool)

    in_virtual_time(main())


def test_stopping_while_devices_wait_for_another_try(
    in_virtual_time: Any, make_devices: Any, make_pool: Any
) -> None:
    """Whoever waits, or fails in flight after the stop, ends at once with its last failure."""

    async def call(session: DeviceSession) -> None:
        if session.device.name == "d1":
            await asyncio.sleep(0.5)
        raise DeviceBusyError(session.device.name, "HTTP 503", 9.0)

    async def main() -> None:
        async with make_pool(total=2) as pool:
            loop = asyncio.get_running_loop()
            stream = pool.each(make_devices(3), call)
            reading = asyncio.create_task(_all(stream))
            await asyncio.sleep(0.1)
            begun = loop.time()
            pool.stop()
            outcomes = await reading
            assert loop.time() - begun < 0.5
            assert {str(outcome.error): outcome.attempts for outcome in outcomes} == {
                "d0: HTTP 503": 1,
                "d1: HTTP 503": 1,
                "d2: HTTP 503": 1,
            }

    in_virtual_time(main())


def test_stopping_tells_of_everybody_who_waits_for_a_busy_device(
    in_virtual_time: Any, make_devices: Any, make_pool: Any
) -> None:
    """A device that is named five times ends five times, though it was busy all the while."""

    async def call(_: DeviceSession) -> None:
        await asyncio.sleep(0.5)

    async def main() -> None:
        async with make_pool(total=2) as pool:
            reading = asyncio.create_task(_all(pool.each(make_devices(1) * 5, call)))
            await asyncio.sleep(0.1)
            pool.stop()
            assert sorted(outcome.attempts for outcome in await reading) == [0, 0, 0, 0, 1]

    in_virtual_time(main())


async def _all(stream: Any) -> list[Any]:
    return [outcome async for outcome in stream]


def test_leaving_the_pool_ends_its_streams(
    in_virtual_time: Any, make_devices: Any, make_pool: Any
) -> None:
    """A stream that was left open holds nothing after its pool; read on, it says why it ended."""

    async def main() -> None:
        async with make_pool(total=3) as pool:
            stream = pool.each(make_devices(40), varied)
            await anext(stream)
        assert pool._shared.slots.at_work == 0
        with pytest.raises(RuntimeError, match="the pool was closed under an open stream"):
            await anext(stream)
        assert_nothing_is_held(pool)

    in_virtual_time(main())


def test_a_stream_that_is_forgotten_ends_with_its_pool(
    in_virtual_time: Any, make_devices: Any, make_pool: Any
) -> None:
    """A plain `break` without `aclosing` leaves nothing once the pool is left."""

    async def main() -> None:
        async with make_pool(total=3) as pool:
            async for _ in pool.each(make_devices(40), varied):
                break
        await asyncio.sleep(0)
        assert_nothing_is_held(pool)

    in_virtual_time(main())


@pytest.fixture
async def fleet() -> AsyncIterator[SimulatedFleet]:
    async with make_fleet(30, https_share=0.5) as fleet:
        for camera in fleet.cameras[::3]:
            camera.faults = (Fault(Kind.SILENT),)
        yield fleet


@pytest.fixture
def open_pool(fleet: SimulatedFleet) -> Callable[[], SessionPool]:
    def open_it() -> SessionPool:
        credentials = {
            name: Credentials(login.username, login.password)
            for name, login in fleet.logins.items()
        }
        return SessionPool(
            credentials,
            limits=Limits(total=10),
            retry=RetryPolicy(attempt_timeout_s=2.0),
            trust=Trust(KnownDevices()),
        )

    return open_it


def others() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


@pytest.mark.parametrize("most", [1, 5, 15])
async def test_real_connections_are_closed_when_the_stream_is_left(
    fleet: SimulatedFleet,
    open_pool: Callable[[], SessionPool],
    most: int,
    open_sockets: Any,
    sockets_are_closed: Any,
) -> None:
    """With requests in flight over HTTP and HTTPS, leaving early closes every socket."""
    before = others()
    taken = 0
    sockets = open_sockets()
    async with open_pool() as pool:
        async with aclosing(pool.each(fleet.devices, DeviceSession.get_ntp_info)) as stream:
            async for _ in stream:
                taken += 1
                if taken == most:
                    break
        assert_nothing_is_held(pool)
        await sockets_are_closed(sockets)
    await _calm(before)
    gc.collect()


async def test_real_connections_are_closed_when_the_consumer_is_cancelled(
    fleet: SimulatedFleet, open_pool: Callable[[], SessionPool]
) -> None:
    """Cancelled in the middle of logins and handshakes, nothing runs on."""
    before = others()

    async def consume() -> None:
        async with open_pool() as pool:
            async for _ in pool.each(fleet.devices, DeviceSession.get_ntp_info):
                pass

    for after_s in (0.0, 0.01, 0.05, 0.2):
        consuming = asyncio.create_task(consume())
        await asyncio.sleep(after_s)
        consuming.cancel()
        with pytest.raises(asyncio.CancelledError):
            await consuming
    await _calm(before)
    gc.collect()


async def _calm(before: set[asyncio.Task[Any]]) -> None:
    """Wait until the simulated fleet, too, has noticed that its callers left."""
    async with asyncio.timeout(5):
        while others() - before:  # noqa: ASYNC110  nobody tells when a task is over
            await asyncio.sleep(0.01)


async def test_a_device_is_not_lost_between_two_pools(make_devices: Any) -> None:
    """A device may be called through two pools; they know nothing of each other."""
    device: Device = make_devices(1)[0]
    async with SessionPool() as one, SessionPool() as other:
        for pool in (one, other):
            assert len(await _all(pool.each([device], quick))) == 1
