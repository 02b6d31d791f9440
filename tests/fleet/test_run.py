"""One run: every device once, in bounds, and nobody waits for the dead."""

import asyncio
import itertools
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axis_ntp_async.device.records import Device, Outcome
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.errors import (
    DeviceBusyError,
    DeviceUnreachableError,
    LoginRefusedError,
)
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.fleet.retry import RetryPolicy
from axis_ntp_async.fleet.slots import Limits
from axis_ntp_async.fleet.visits import READ_AHEAD


async def answer(session: DeviceSession) -> str:
    return session.device.name


async def answer_in_50_ms(session: DeviceSession) -> str:
    await asyncio.sleep(0.05)
    return session.device.name


def names(outcomes: list[Outcome[Any]]) -> list[str]:
    return [outcome.device.name for outcome in outcomes]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    fates=st.lists(st.sampled_from(["well", "slow", "dead", "flaky", "refused", "busy"])),
    sites=st.lists(st.sampled_from([None, "a", "b"]), min_size=1),
    total=st.integers(1, 5),
    per_site=st.integers(1, 3),
    parked=st.integers(0, 4),
)
def test_every_device_has_exactly_one_outcome(
    *,
    in_virtual_time: Any,
    make_devices: Any,
    make_pool: Any,
    collect: Any,
    fates: list[str],
    sites: list[str | None],
    total: int,
    per_site: int,
    parked: int,
) -> None:
    """Whatever mix of devices fails, each of them has one outcome, and the right one."""
    plain = make_devices(len(fates))
    devices = [evolve(device, site=site) for device, site in zip(plain, itertools.cycle(sites))]
    fate_of = {device.name: fate for device, fate in zip(devices, fates, strict=True)}
    tried: set[str] = set()

    async def call(session: DeviceSession) -> str:
        name = session.device.name
        is_first = name not in tried
        tried.add(name)
        match fate_of[name]:
            case "slow":
                await asyncio.sleep(5)
            case "dead":
                await asyncio.sleep(3)
                raise DeviceUnreachableError(name, "no answer")
            case "flaky" if is_first:
                raise DeviceUnreachableError(name, "reset")
            case "refused":
                raise LoginRefusedError(name, "no")
            case "busy" if is_first:
                raise DeviceBusyError(name, "later", 2.0)
        return name

    async def main() -> list[Outcome[Any]]:
        async with make_pool(total=total, per_site=per_site, parked=parked) as pool:
            outcomes: list[Outcome[Any]] = await collect(pool, devices, call)
            assert (pool._shared.slots.at_work, pool._shared.slots.parked) == (0, 0)
            return outcomes

    outcomes = in_virtual_time(main())
    assert sorted(fate_of) == sorted(names(outcomes))
    attempts = {"well": 1, "slow": 1, "dead": 3, "flaky": 2, "refused": 1, "busy": 2}
    for outcome in outcomes:
        fate = fate_of[outcome.device.name]
        assert attempts[fate] == outcome.attempts
        assert (fate in {"dead", "refused"}) != outcome.is_ok
        assert outcome.value == (outcome.device.name if outcome.is_ok else None)


def test_the_bounds_hold(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any, gauge: Any
) -> None:
    """Never more calls are at work than in total, in one site and at one device are allowed."""
    devices = [*make_devices(300, "a", site="a"), *make_devices(300, "b"), *make_devices(20, "b")]

    async def call(session: DeviceSession) -> None:
        with gauge.call(session.device):
            await asyncio.sleep(0.05)

    async def main() -> list[Outcome[Any]]:
        async with make_pool(total=20, per_site=7) as pool:
            outcomes: list[Outcome[Any]] = await collect(pool, devices, call)
            return outcomes

    assert len(in_virtual_time(main())) == 620
    assert (gauge.most["all"], gauge.most["site a"]) == (20, 7)
    assert max(gauge.most[device.name] for device in devices) == 1


def test_the_same_device_twice_is_called_one_after_the_other(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any, gauge: Any
) -> None:
    """A device that is named twice has two outcomes, no two calls at once, and blocks nobody."""
    device, *others = make_devices(30)

    async def call(session: DeviceSession) -> None:
        with gauge.call(session.device):
            await asyncio.sleep(1 if session.device == device else 0.05)

    async def main() -> list[str]:
        async with make_pool(total=5) as pool:
            return names(await collect(pool, [device] * 4 + others, call))

    found = in_virtual_time(main())
    assert (found.count(device.name), gauge.most[device.name]) == (4, 1)
    assert [device.name] * 3 == found[-3:]


def test_devices_are_drawn_only_as_they_are_needed(
    in_virtual_time: Any, make_devices: Any, make_pool: Any
) -> None:
    """With room in the site, no more devices are drawn than can be at work or wait to be taken."""
    drawn = 0

    def source() -> Iterator[Device]:
        nonlocal drawn
        for device in make_devices(1000):
            drawn += 1
            yield device

    async def main() -> None:
        async with make_pool(total=10) as pool:
            taken = 0
            async for _ in pool.each(source(), answer):
                taken += 1
                assert drawn <= taken + 2 * 10
            assert (drawn, taken) == (1000, 1000)

    in_virtual_time(main())


def test_a_full_site_is_read_over_only_so_far(
    in_virtual_time: Any, make_devices: Any, make_pool: Any
) -> None:
    """Looking for another site, we read ahead at most the documented number of devices."""
    device = make_devices(1, site="one")[0]
    drawn = itertools.count()
    source = (evolve(device, name=f"d{next(drawn)}") for _ in itertools.count())

    async def main() -> None:
        async with make_pool(per_site=2) as pool:
            stream = pool.each(source, answer)
            for _ in range(3):
                await anext(stream)
            await stream.aclose()

    in_virtual_time(main())
    assert READ_AHEAD <= next(drawn) <= READ_AHEAD + 10


def test_one_device_for_ever_is_no_trouble(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any
) -> None:
    """A source that never ends, and whose device is always busy, is read ahead within bounds."""
    device = make_devices(1)[0]

    async def main() -> int:
        async with make_pool() as pool:
            return len(await collect(pool, itertools.repeat(device), answer, most=50))

    assert in_virtual_time(main()) == 50


def test_a_large_site_does_not_keep_others_idle(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any
) -> None:
    """Devices of other sites start at once, though a large site stands before them."""
    devices = [*make_devices(400, "large-", site="large"), *make_devices(5, "small-", site="s")]

    async def main() -> list[str]:
        async with make_pool(per_site=10) as pool:
            return names(await collect(pool, devices, answer_in_50_ms))

    last_small = max(
        place for place, name in enumerate(in_virtual_time(main())) if name.startswith("small")
    )
    assert last_small < 20


@pytest.mark.parametrize("silence_s", [3.0, 10.0])
def test_dead_devices_keep_no_healthy_one_waiting(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any, silence_s: float
) -> None:
    """All healthy devices have answered before the first dead one is given up."""
    devices = make_devices(1000)
    dead = {device.name for device in devices[::20]}

    async def call(session: DeviceSession) -> str:
        await asyncio.sleep(silence_s if session.device.name in dead else 0.02)
        if session.device.name in dead:
            raise DeviceUnreachableError(session.device.name, "no answer")
        return session.device.name

    async def main() -> list[Outcome[Any]]:
        async with make_pool() as pool:
            outcomes: list[Outcome[Any]] = await collect(pool, devices, call)
            return outcomes

    outcomes = in_virtual_time(main())
    assert [outcome.is_ok for outcome in outcomes] == [True] * 950 + [False] * 50


def test_the_parked_are_bounded(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any, gauge: Any
) -> None:
    """No more silent devices are waited for than may be parked, besides those in places."""

    async def call(session: DeviceSession) -> None:
        with gauge.call(session.device):
            await asyncio.sleep(5)
            raise LoginRefusedError(session.device.name, "no")

    async def main() -> int:
        async with make_pool(total=3, parked=4) as pool:
            return len(await collect(pool, make_devices(30), call))

    assert in_virtual_time(main()) == 30
    assert gauge.most["all"] == 7


def test_whoever_finds_no_parking_place_asks_again(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any
) -> None:
    """A silent device gives its place up as soon as another one stops being parked."""
    silence_s = {"d0": 2.0, "d1": 60.0}

    async def call(session: DeviceSession) -> None:
        await asyncio.sleep(silence_s.get(session.device.name, 0.01))

    async def main() -> list[str]:
        retry = RetryPolicy(device_timeout_s=100)
        async with make_pool(total=1, parked=1, retry=retry) as pool:
            return names(await collect(pool, make_devices(9), call))

    assert ["d0", *(f"d{place}" for place in range(2, 9)), "d1"] == in_virtual_time(main())


def test_a_fleet_that_is_slow_throughout_keeps_its_bounds(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any, gauge: Any
) -> None:
    """Where every device takes long, that is usual: nobody is parked to start still more."""
    devices = make_devices(400, site="far away")

    async def call(session: DeviceSession) -> None:
        with gauge.call(session.device):
            await asyncio.sleep(4)

    async def main() -> None:
        async with make_pool(per_site=20) as pool:
            await collect(pool, devices[:100], call)  # learns
            gauge.most.clear()
            await collect(pool, devices[100:], call)

    in_virtual_time(main())
    assert gauge.most["all"] == 20


def test_a_dead_device_costs_the_others_hardly_more_than_an_answer(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any
) -> None:
    """It lends its place once it is slower than usual, long before its grace is over."""
    devices = make_devices(1000)
    dead = {device.name for device in devices[40::20]}

    async def call(session: DeviceSession) -> str:
        await asyncio.sleep(30 if session.device.name in dead else 1.0)
        return session.device.name

    async def last_healthy_s(chosen: list[Device]) -> float:
        async with make_pool(total=20, retry=RetryPolicy(device_timeout_s=100)) as pool:
            loop = asyncio.get_running_loop()
            await collect(pool, devices[:40], call)  # learns
            began, ended = loop.time(), 0.0
            async for outcome in pool.each(chosen, call):
                if outcome.device.name not in dead:
                    ended = loop.time()
            return ended - began

    healthy = [device for device in devices[40:] if device.name not in dead]
    alone_s = in_virtual_time(last_healthy_s(healthy))
    assert in_virtual_time(last_healthy_s(devices[40:])) < 1.1 * alone_s


def test_places_are_lent_within_a_bound(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any, gauge: Any
) -> None:
    """Where all get slower at once, a third more are at work, and not all of them anew."""
    devices = make_devices(600, site="far away")
    wait_s = 1.0

    async def call(session: DeviceSession) -> None:
        with gauge.call(session.device):
            await asyncio.sleep(wait_s)

    async def main() -> None:
        nonlocal wait_s
        async with make_pool(per_site=30) as pool:
            await collect(pool, devices[:60], call)  # learns
            assert gauge.most["all"] == 30
            wait_s = 3.0
            await collect(pool, devices[60:], call)
            slots = pool._shared.slots
            assert (slots.at_work, slots.parked, slots.lent) == (0, 0, 0)

    in_virtual_time(main())
    assert gauge.most["all"] == 40


def test_a_device_waiting_to_be_tried_again_holds_no_place(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any
) -> None:
    """With a single place, others go on while one waits for its second try."""

    async def call(session: DeviceSession) -> None:
        if session.device.name == "d0":
            raise DeviceBusyError("d0", "later", 5.0)

    async def main() -> list[str]:
        async with make_pool(total=1, parked=0) as pool:
            return names(await collect(pool, make_devices(10), call))

    assert [f"d{place % 10}" for place in range(1, 11)] == in_virtual_time(main())


def test_retry_after_is_honoured(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any
) -> None:
    """A device that names a time is left alone for that long, and for the whole of it."""
    tried_at: list[float] = []

    async def call(session: DeviceSession) -> None:
        tried_at.append(asyncio.get_running_loop().time())
        if len(tried_at) == 1:
            raise DeviceBusyError(session.device.name, "later", 7.0)

    async def main() -> list[Outcome[Any]]:
        async with make_pool() as pool:
            outcomes: list[Outcome[Any]] = await collect(pool, make_devices(1), call)
            return outcomes

    (outcome,) = in_virtual_time(main())
    first, second = tried_at
    assert 7.0 <= second - first <= 7.5
    assert (outcome.attempts, outcome.is_ok) == (2, True)
    assert second - first == pytest.approx(outcome.elapsed_s)


def test_a_device_has_a_deadline_over_all_its_tries(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any
) -> None:
    """When its time is over, the call is cancelled, and the outcome says after how long."""

    async def call(_: DeviceSession) -> None:
        await asyncio.sleep(1000)

    async def main() -> list[Outcome[Any]]:
        async with make_pool(retry=RetryPolicy(device_timeout_s=30)) as pool:
            outcomes: list[Outcome[Any]] = await collect(pool, make_devices(1), call)
            return outcomes

    (outcome,) = in_virtual_time(main())
    assert str(outcome.error) == "d0: not done within 30 s"
    assert outcome.attempts == 1
    assert outcome.elapsed_s == pytest.approx(30.0)


def test_a_device_whose_time_ran_out_in_line_tells_its_last_failure(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any
) -> None:
    """No attempt is begun without time left; the outcome is what the last one came to."""

    async def call(session: DeviceSession) -> None:
        if session.device.name == "d0":
            raise DeviceBusyError("d0", "HTTP 503", 1.0)
        await asyncio.sleep(20)

    async def main() -> list[Outcome[Any]]:
        retry = RetryPolicy(device_timeout_s=10)
        async with make_pool(total=1, parked=0, retry=retry) as pool:
            outcomes: list[Outcome[Any]] = await collect(pool, make_devices(3), call)
            return outcomes

    found = {outcome.device.name: outcome for outcome in in_virtual_time(main())}
    assert (str(found["d0"].error), found["d0"].attempts) == ("d0: HTTP 503", 1)


def test_a_timeout_within_a_call_is_a_bug_of_the_call(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any
) -> None:
    """A `TimeoutError` that is not the device's deadline ends the run as it is."""

    async def call(_: DeviceSession) -> None:
        raise TimeoutError("mine")

    async def main() -> None:
        async with make_pool() as pool:
            with pytest.raises(TimeoutError, match="mine"):
                await collect(pool, make_devices(5), call)

    in_virtual_time(main())


def test_tries_are_budgeted_over_the_run(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any, gauge: Any
) -> None:
    """A fleet that is dead altogether is tried again a tenth as often as it has devices."""

    async def call(session: DeviceSession) -> None:
        with gauge.call(session.device):
            raise DeviceUnreachableError(session.device.name, "refused")

    async def main() -> int:
        async with make_pool(retry=RetryPolicy()) as pool:
            return len(await collect(pool, make_devices(1000), call))

    assert in_virtual_time(main()) == 1000
    assert 1000 < gauge.calls.total() <= 1100


def test_a_slow_consumer_slows_the_run(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, gauge: Any
) -> None:
    """While outcomes are not taken, no more than a handful of calls is begun."""

    async def call(session: DeviceSession) -> None:
        with gauge.call(session.device):
            await asyncio.sleep(0.01)

    async def main() -> None:
        async with make_pool(total=10) as pool:
            taken = 0
            async for _ in pool.each(make_devices(200), call):
                taken += 1
                await asyncio.sleep(1)
                assert gauge.calls.total() <= taken + 2 * 10

    in_virtual_time(main())
    assert gauge.calls.total() == 200


def test_others_get_a_turn_in_the_loop(
    in_virtual_time: Any, make_devices: Any, make_pool: Any
) -> None:
    """A long row of outcomes without any waiting does not hold the event loop up."""
    turns = 0

    async def main() -> None:
        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        async with make_pool() as pool:
            counting = asyncio.create_task(count())
            stream = pool.each(make_devices(5000), answer)
            await anext(stream)
            pool.stop()
            before = turns
            assert len([outcome async for outcome in stream]) == 4999
            assert turns - before >= 40
            counting.cancel()
            await asyncio.wait([counting])

    in_virtual_time(main())


@pytest.mark.parametrize("counts", [(400, 400), (400, 40)])
@pytest.mark.parametrize("total", [1, 7, 10])
def test_streams_of_one_pool_share_fairly(
    *,
    in_virtual_time: Any,
    make_devices: Any,
    make_pool: Any,
    gauge: Any,
    counts: tuple[int, int],
    total: int,
) -> None:
    """Two streams go ahead side by side, together within the bounds, until one is at its end."""
    order: list[str] = []

    async def call(session: DeviceSession) -> None:
        with gauge.call(session.device):
            await asyncio.sleep(0.01)

    async def consume(pool: SessionPool, prefix: str, count: int) -> None:
        async for _ in pool.each(make_devices(count, prefix), call):
            order.append(prefix)  # noqa: PERF401  both streams write here, in turn

    async def main() -> None:
        async with make_pool(total=total) as pool:
            await asyncio.gather(consume(pool, "a", counts[0]), consume(pool, "b", counts[1]))

    in_virtual_time(main())
    assert sum(counts) == len(order)
    assert total == gauge.most["all"]
    side_by_side = order[: 2 * min(counts)]
    assert abs(side_by_side.count("a") - side_by_side.count("b")) <= 4 * total


def test_a_stream_nobody_reads_takes_no_places(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any
) -> None:
    """A stream that stands still does not slow another one of the same pool down."""

    async def main() -> int:
        async with make_pool(total=4) as pool:
            still = pool.each(make_devices(100, "still"), answer_in_50_ms)
            await anext(still)
            begun = asyncio.get_running_loop().time()
            assert len(await collect(pool, make_devices(100, "b"), answer_in_50_ms)) == 100
            assert asyncio.get_running_loop().time() - begun < 100 / 4 * 0.05 * 1.2
            return 1 + len([outcome async for outcome in still])

    assert in_virtual_time(main()) == 100


def test_streams_over_the_same_devices_take_turns_at_each(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any, gauge: Any
) -> None:
    """Two streams over one fleet each have all outcomes, and no device two calls at once."""
    devices = make_devices(50)

    async def call(session: DeviceSession) -> None:
        with gauge.call(session.device):
            await asyncio.sleep(0.05 if session.device.name != "d7" else 3)

    async def main() -> list[list[Outcome[Any]]]:
        async with make_pool(total=8) as pool:
            return list(await asyncio.gather(*(collect(pool, devices, call) for _ in range(3))))

    for outcomes in in_virtual_time(main()):
        assert sorted(device.name for device in devices) == sorted(names(outcomes))
    assert {1} == {gauge.most[device.name] for device in devices}


def test_a_very_long_input_stays_a_stream(
    in_virtual_time: Any, make_devices: Any, make_pool: Any
) -> None:
    """Of 50,000 devices only those under way are in memory."""
    template = make_devices(1)[0]
    alive: set[weakref.ref[Device]] = set()

    def source() -> Iterator[Device]:
        for number in range(50_000):
            device = evolve(template, name=f"d{number % 50}")
            alive.add(weakref.ref(device, alive.discard))
            yield device

    async def main() -> int:
        count = 0
        async with make_pool(total=50) as pool:
            async for _ in pool.each(source(), answer):
                count += 1
                assert len(alive) < 500
        return count

    assert in_virtual_time(main()) == 50_000


def test_an_input_that_fails_ends_the_run(
    in_virtual_time: Any, make_devices: Any, make_pool: Any, collect: Any
) -> None:
    """What the iterable itself raises reaches the caller, and leaves nothing behind."""

    def source() -> Iterator[Device]:
        yield from make_devices(5)
        raise OSError("the list broke off")

    async def main() -> None:
        async with make_pool(total=2) as pool:
            with pytest.raises(OSError, match="broke off"):
                await collect(pool, source(), answer)

    in_virtual_time(main())


async def test_those_that_did_not_answer_come_last() -> None:
    """In the next run; once they answer, they have their place again."""
    listed = [Device(name=f"cam-{place}", host="192.0.2.1") for place in range(10)]
    dead = {"cam-0", "cam-4"}
    order: list[str] = []

    async def call(session: DeviceSession) -> None:
        order.append(session.device.name)
        if session.device.name in dead:
            raise DeviceUnreachableError(session.device.name, "no answer")

    orders = []
    async with SessionPool(limits=Limits(total=1), retry=RetryPolicy(attempts=1)) as pool:
        for run in range(4):
            async for _ in pool.each(listed, call):
                pass
            orders.append(list(order))
            order.clear()
            if run == 1:
                dead.clear()
    first = [device.name for device in listed]
    second = [name for name in first if name not in {"cam-0", "cam-4"}] + ["cam-0", "cam-4"]
    assert orders == [first, second, second, first]
