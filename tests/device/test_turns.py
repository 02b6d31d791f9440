"""Whose turn it is at one device; nothing is kept of it while nobody is there."""

import asyncio

import pytest

from axis_ntp_async.device.turns import Turns


@pytest.mark.parametrize("most", [1, 2])
async def test_no_more_are_inside_than_may_be(most: int) -> None:
    """Also those who come when one has left and others are still inside."""
    turns, inside, seen = Turns(most), 0, []

    async def visit(number: int) -> None:
        nonlocal inside
        async with turns:
            inside += 1
            seen.append(inside)
            for _ in range(number % 3 + 1):
                await asyncio.sleep(0)
            inside -= 1

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(visit(number))
            await asyncio.sleep(0)
    assert (max(seen), len(seen)) == (most, 20)


async def test_turns_come_in_order() -> None:
    """Who comes first is first, and who gives up keeps nobody waiting."""
    turns, order = Turns(1), []

    async def visit(number: int) -> None:
        async with turns:
            order.append(number)

    async with turns:
        waiting = [asyncio.create_task(visit(number)) for number in range(4)]
        await asyncio.sleep(0)
        waiting[1].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert order == [0, 2, 3]


async def test_the_semaphore_goes_with_the_last_one() -> None:
    """Whether he was inside, or gave up waiting."""
    turns = Turns(1)
    async with turns:
        waiting = asyncio.create_task(turns.__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert turns._semaphore is not None
    assert turns._semaphore is None
