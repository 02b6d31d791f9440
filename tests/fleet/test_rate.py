"""Devices that are drawn at an even distance."""

import asyncio
import itertools
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

from axis_ntp_async.device.records import Device
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.fleet.rate import Rate
from axis_ntp_async.fleet.run import Run


def _devices(count: int) -> list[Device]:
    return [Device(name=f"cam-{place}", host="192.0.2.1", scheme="http") for place in range(count)]


def test_without_a_bound_every_draw_may_be() -> None:
    """Nobody waits where nothing is bounded."""
    assert all(Rate().take(0.0) for _ in range(1000))


def test_draws_are_evenly_spread() -> None:
    """Four a second: a quarter of a second lies between two of them."""
    rate = Rate(4.0)
    drawn = [tick / 100 for tick in range(100, 300) if rate.take(tick / 100)]
    assert drawn[0] == 1.0
    assert len(drawn) == 8
    assert all(0.24 <= later - sooner <= 0.26 for sooner, later in itertools.pairwise(drawn))


def test_a_pause_makes_no_burst() -> None:
    """After a minute at a standstill no more than a second is made up for."""
    rate = Rate(10.0)
    assert rate.take(0.0)
    assert sum(rate.take(60.0) for _ in range(100)) <= 11


def test_a_run_takes_as_long_as_its_rate_says(
    in_virtual_time: Callable[..., Any],
) -> None:
    """Twenty devices at two a second end after some ten seconds, each of them once."""

    async def main() -> tuple[list[str | None], float]:
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def call(session: DeviceSession) -> str:
            return session.device.name

        async with SessionPool() as pool:
            async with aclosing(pool.each(_devices(20), call, per_second=2.0)) as outcomes:
                names = [outcome.value async for outcome in outcomes]
            return names, loop.time() - began

    names, elapsed_s = in_virtual_time(main())
    assert sorted(names) == sorted(device.name for device in _devices(20))
    assert 7.0 <= elapsed_s <= 10.5


def test_a_stopped_run_does_not_wait_for_its_rate(in_virtual_time: Callable[..., Any]) -> None:
    """Stopped after the first, all others end at once, and none is forgotten."""

    async def main() -> tuple[int, float]:
        loop = asyncio.get_running_loop()
        count = 0

        async def call(session: DeviceSession) -> str:
            return session.device.name

        async with SessionPool() as pool:
            async with aclosing(pool.each(_devices(20), call, per_second=0.01)) as outcomes:
                async for _ in outcomes:
                    count += 1
                    pool.stop()
            return count, loop.time()

    count, _ = in_virtual_time(main())
    assert count == 20


@pytest.mark.parametrize("leave_after", [1, 5])
def test_a_run_that_is_left_leaves_no_timer(
    in_virtual_time: Callable[..., Any], leave_after: int
) -> None:
    """Whoever leaves early leaves nothing behind that would fire later."""

    async def main() -> int:
        count = 0

        async def call(session: DeviceSession) -> str:
            return session.device.name

        async with SessionPool() as pool:
            async with aclosing(pool.each(_devices(20), call, per_second=1.0)) as outcomes:
                async for _ in outcomes:
                    count += 1
                    if count == leave_after:
                        break
            return count

    assert in_virtual_time(main()) == leave_after


async def test_devices_that_are_no_more_are_forgotten() -> None:
    """What is remembered of them goes, and of others stays."""
    async with SessionPool() as pool:
        for device in _devices(3):
            pool._session_of(device)
        pool.forget(["cam-1", "never seen"])
        assert sorted(pool._sessions) == ["cam-0", "cam-2"]


async def test_time_that_passes_while_we_look_is_no_trap() -> None:
    """Too soon by the first look at the clock, and due by the second: it goes on all the same."""

    async def call(session: DeviceSession) -> str:
        return session.device.name

    async with SessionPool() as pool:
        rate = Rate(0.001)
        run = Run(_devices(2), call, pool._shared, rate)
        pool._shared.runs.append(run)
        assert (await run.next_outcome()) is not None
        rest = asyncio.create_task(run.next_outcome())
        await asyncio.sleep(0.01)
        assert run._line.is_early
        assert run._next_draw is not None
        run._next_draw.cancel()
        run._next_draw = None
        rate.due_at = 0.5  # long past
        run._draw_later()
        async with asyncio.timeout(5.0):
            outcome = await rest
        assert outcome is not None
        assert outcome.value == "cam-1"
        pool._shared.runs.remove(run)
        await run.end()
