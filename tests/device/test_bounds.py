"""Time limits that stand still while somebody is kept waiting by ourselves."""

import asyncio

import pytest

from axis_ntp_async.device.bounds import Bounds


async def test_a_bound_goes_on_where_it_stood_still() -> None:
    """What was left of it is left again, and it ends."""
    bounds = Bounds()
    with pytest.raises(TimeoutError):  # noqa: PT012  it ends where its time is over
        async with bounds.bounded(0.2) as bound:
            with bounds.standing_still():
                assert bound.when() is None
                await asyncio.sleep(0.3)
            left_s = (bound.when() or 0) - asyncio.get_running_loop().time()
            assert 0 < left_s <= 0.2
            await asyncio.sleep(5)
    assert bounds.waited_s >= 0.3


async def test_bounds_go_on_when_the_last_one_waits_no_more() -> None:
    """Time that two wait at once counts once."""
    bounds = Bounds()
    async with bounds.bounded(60) as one:
        with bounds.standing_still():
            async with bounds.bounded(60) as late:
                assert (one.when(), late.when() is None) == (None, False)
                with bounds.standing_still():
                    await asyncio.sleep(0.05)
                    assert (one.when(), late.when()) == (None, None)
                assert (one.when(), late.when()) == (None, None)
        assert one.when() is not None
    assert 0.05 <= bounds.waited_s < 5


async def test_a_bound_begun_meanwhile_counts_until_its_own_call_waits() -> None:
    """It has its whole time, and is left alone when the others go on."""
    bounds = Bounds()
    waiting = bounds.standing_still()
    waiting.__enter__()
    async with bounds.bounded(60) as late:
        ends_at = late.when()
        waiting.__exit__(None, None, None)
        assert ends_at == late.when()


async def test_a_bound_that_is_over_is_left_alone() -> None:
    """Its call has not noticed yet; another one of the session begins to wait."""
    bounds = Bounds()
    with pytest.raises(TimeoutError):  # noqa: PT012  it ends where its time is over
        async with bounds.bounded(0) as bound:
            asyncio.get_running_loop().call_soon(bounds.standing_still().__enter__)
            await asyncio.sleep(1)
    assert bound.expired()
