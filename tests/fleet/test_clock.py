"""Time as a rollout waits for it."""

import asyncio
import time

import pytest

from axis_ntp_async.fleet.clock import Clock


async def test_time_passes_as_fast_as_wanted() -> None:
    """Half a minute at a thousand times the speed is a moment, on the clock as well."""
    clock, began = Clock(1000.0), time.monotonic()
    before = clock.now()
    await clock.sleep(30.0)
    elapsed_s = time.monotonic() - began
    assert 0.025 < elapsed_s < 2.0
    assert 25.0 < clock.now() - before < 2000.0


async def test_waiting_ends_when_something_has_ended() -> None:
    """An hour is cut short by the event, before it or while it is waited for."""
    ended = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(Clock().sleep(3600.0, ended))
        await asyncio.sleep(0.01)
        ended.set()
    await Clock().sleep(3600.0, ended)


async def test_waiting_ends_by_itself() -> None:
    """When nothing ends, the seconds pass, and none at all pass at once."""
    never = asyncio.Event()
    for seconds in (1.0, 0.0, -5.0):
        await Clock(1000.0).sleep(seconds, never)
        await Clock(1000.0).sleep(seconds)
    assert not never.is_set()


async def test_another_timeout_is_not_swallowed() -> None:
    """Only its own time is up quietly; that of somebody around it is told."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await Clock().sleep(3600.0, asyncio.Event())


@pytest.mark.parametrize("speed", [0.0, -1.0])
def test_time_does_not_stand_still(speed: float) -> None:
    """A clock on which nothing would ever end is refused."""
    with pytest.raises(ValueError, match="speed"):
        Clock(speed)
