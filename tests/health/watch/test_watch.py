"""The stream of a watch: sweep after sweep, never two at once, for as long as one listens."""

import asyncio
import datetime as dt
import itertools
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import aclosing
from typing import Any

import pytest
from attrs import define, evolve, field

from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import ClockReading, Device, NTPClientStatus, NTPInfo
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.errors import (
    AxisNTPError,
    ConfigurationError,
    CredentialsError,
    DeviceUnreachableError,
    InventoryError,
    LoginRefusedError,
    PolicyError,
)
from axis_ntp_async.fleet.clock import Clock
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.fleet.retry import RetryPolicy
from axis_ntp_async.health.finding import Cause, State
from axis_ntp_async.health.watch.events import (
    Found,
    SourceKept,
    SweepBegan,
    SweepEnded,
    WatchEvent,
)
from axis_ntp_async.health.watch.memory import WatchMemory
from axis_ntp_async.health.watch.overview import Overview
from axis_ntp_async.health.watch.rules import WatchRules
from axis_ntp_async.health.watch.watch import Watch, watch

InVirtualTime = Callable[..., Any]


def devices(count: int, site: str | None = None) -> list[Device]:
    return [
        Device(name=f"cam-{place}", host="192.0.2.1", scheme="http", site=site)
        for place in range(count)
    ]


@define
class Scripted:
    """Answers for every device: well, unless it is listed as bad."""

    healthy: NTPClientStatus
    bad: dict[str, Exception] = field(factory=dict)
    takes_s: float = 0.01
    asked: list[tuple[str, float]] = field(factory=list)

    async def answer(self, session: DeviceSession) -> NTPInfo:
        name = session.device.name
        self.asked.append((name, asyncio.get_running_loop().time()))
        await asyncio.sleep(self.takes_s)
        if error := self.bad.get(name):
            raise error
        now = dt.datetime.now(dt.UTC)
        clock = ClockReading(
            device_time=now, read_at=now, round_trip_s=0.0, skew_s=0.0, uncertainty_s=0.5
        )
        client = evolve(self.healthy, time_offset_ms=float(len(self.asked)) / 1e6)
        return NTPInfo(client=client, clock=clock)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, healthy: NTPClientStatus) -> Scripted:
    script = Scripted(healthy)

    async def get_ntp_info(session: DeviceSession) -> NTPInfo:
        return await script.answer(session)

    monkeypatch.setattr(DeviceSession, "get_ntp_info", get_ntp_info)
    return script


async def events_of(watching: Watch) -> list[WatchEvent]:
    async with aclosing(watching):
        return [event async for event in watching]


def ended(events: Iterable[WatchEvent]) -> list[SweepEnded]:
    return [event for event in events if isinstance(event, SweepEnded)]


@pytest.mark.usefixtures("scripted")
def test_every_sweep_looks_at_every_device_once(in_virtual_time: InVirtualTime) -> None:
    """Three sweeps of ten devices: each begins, finds ten, and ends; totals add up."""

    async def main() -> list[WatchEvent]:
        async with SessionPool() as pool:
            return await events_of(watch(pool, devices(10), sweeps=3))

    events = in_virtual_time(main())
    kinds = [type(event).__name__ for event in events]
    assert kinds == ["SweepBegan", *["Found"] * 10, "SweepEnded"] * 3
    for event in ended(events):
        assert event.summary.states == {State.OK: 10}
        assert event.is_complete
    begun = [event for event in events if isinstance(event, SweepBegan)]
    assert [event.number for event in begun] == [1, 2, 3]
    assert {len(event.devices) for event in begun} == {10}


def test_sweeps_begin_an_interval_apart_and_are_spread(
    in_virtual_time: InVirtualTime, scripted: Scripted
) -> None:
    """Five minutes by default; 3,000 devices take half of them, evenly, in the same order."""

    async def main() -> None:
        async with SessionPool() as pool:
            await events_of(watch(pool, devices(3000), sweeps=3))

    in_virtual_time(main())
    sweeps = [scripted.asked[place : place + 3000] for place in (0, 3000, 6000)]
    first, second, third = ([at for _, at in sweep] for sweep in sweeps)
    assert 149 <= first[-1] - first[0] <= 151
    assert second[0] - first[0] == pytest.approx(303, abs=4)
    assert third[0] - second[0] == pytest.approx(300, abs=0.5)
    assert [name for name, _ in sweeps[0]] == [name for name, _ in sweeps[2]]
    assert [name for name, _ in sweeps[0]] != [device.name for device in devices(3000)]


def test_a_sweep_that_takes_too_long_is_not_overtaken(
    in_virtual_time: InVirtualTime, scripted: Scripted
) -> None:
    """When an interval is too short, the next sweep begins when the one before has ended."""
    scripted.takes_s = 8.0

    async def main() -> list[WatchEvent]:
        async with SessionPool(retry=RetryPolicy(device_timeout_s=60.0)) as pool:
            rules = WatchRules(interval_s=5.0, spread=0.0)
            return await events_of(watch(pool, devices(3), rules=rules, sweeps=4))

    events = in_virtual_time(main())
    kinds = [type(event) for event in events if not isinstance(event, Found)]
    assert kinds == [SweepBegan, SweepEnded] * 4
    begins = [at for _, at in scripted.asked][::3]
    assert all(7.99 <= later - sooner < 9.0 for sooner, later in itertools.pairwise(begins))


def test_those_that_failed_come_last(in_virtual_time: InVirtualTime, scripted: Scripted) -> None:
    """The healthy do not wait behind those that were silent the last time."""
    scripted.bad = {
        f"cam-{place}": DeviceUnreachableError(f"cam-{place}", "no answer") for place in range(5)
    }

    async def main() -> None:
        retry = RetryPolicy(attempts=1)
        async with SessionPool(retry=retry) as pool:
            await events_of(watch(pool, devices(20), sweeps=2))

    in_virtual_time(main())
    assert {name for name, _ in scripted.asked[-5:]} == set(scripted.bad)


@pytest.mark.usefixtures("scripted")
def test_a_single_sweep_is_in_a_hurry(in_virtual_time: InVirtualTime) -> None:
    """Cron waits for it: it is not spread over the interval, and nothing is slept after it."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with SessionPool() as pool:
            await events_of(watch(pool, devices(500), sweeps=1))
        return loop.time() - began

    assert in_virtual_time(main()) < 1.0


def test_what_lasts_is_told_at_the_end_of_a_sweep(
    in_virtual_time: InVirtualTime, scripted: Scripted
) -> None:
    """A device that dies between two sweeps is a change in the one after next."""

    async def main() -> list[list[str]]:
        told = []
        async with (
            SessionPool(retry=RetryPolicy(attempts=1)) as pool,
            aclosing(watch(pool, devices(4), sweeps=4)) as events,
        ):
            async for event in events:
                if isinstance(event, SweepEnded):
                    told.append([change.device.name for change in event.changes])
                    scripted.bad["cam-2"] = DeviceUnreachableError("cam-2", "no answer")
        return told

    assert in_virtual_time(main()) == [[], [], ["cam-2"], []]


@pytest.mark.usefixtures("scripted")
async def test_the_list_is_read_anew_for_each_sweep() -> None:
    """A device that was added is looked at, one that was removed is forgotten everywhere."""
    lists = [devices(3), devices(5), devices(2)]
    threads = set()

    def source() -> list[Device]:
        threads.add(threading.current_thread())
        return lists.pop(0)

    rules = WatchRules(interval_s=0.01, spread=0.0)
    overview = Overview()
    async with SessionPool() as pool:
        watching = watch(pool, source, rules=rules, sweeps=3)
        async with aclosing(watching):
            sizes = []
            async for event in watching:
                overview.add(event)
                if isinstance(event, SweepEnded):
                    sizes.append(event.summary.devices)
        assert sorted(pool._sessions) == ["cam-0", "cam-1"]
    assert sizes == [3, 5, 2]
    assert sorted(watching.memory.standings) == sorted(overview.findings) == ["cam-0", "cam-1"]
    assert threading.current_thread() not in threads


def source_of(*answers: list[Device] | AxisNTPError) -> Callable[[], list[Device]]:
    """Make a source that gives these lists, or raises these errors, one after the other."""
    left = iter(answers)

    def source() -> list[Device]:
        answer = next(left)
        if isinstance(answer, AxisNTPError):
            raise answer
        return answer

    return source


@pytest.mark.usefixtures("scripted")
async def test_a_broken_list_keeps_the_old_one() -> None:
    """It says so in every sweep until the file is right again."""
    source = source_of(devices(3), InventoryError("fleet.toml: line 3: what is this"), devices(4))
    rules = WatchRules(interval_s=0.01, spread=0.0)
    overview, faults = Overview(), []
    async with (
        SessionPool() as pool,
        aclosing(watch(pool, source, rules=rules, sweeps=3)) as events,
    ):
        async for event in events:
            overview.add(event)
            if isinstance(event, SourceKept):
                assert "line 3" in event.message
            if isinstance(event, SweepEnded):
                faults.append((event.summary.devices, overview.source_fault))
    kept = (
        "the list of devices cannot be read, all stays as it was: fleet.toml: line 3: what is this"
    )
    assert faults == [(3, None), (3, kept), (4, None)]


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (InventoryError("fleet.toml: line 3"), "the list of devices"),
        (PolicyError("site.toml: line 3"), "the policy"),
        (CredentialsError("fleet.pass: is empty"), "a password"),
    ],
)
@pytest.mark.usefixtures("scripted")
async def test_what_cannot_be_read_is_named(error: AxisNTPError, what: str) -> None:
    """Whoever broke the policy does not look for a fault in the inventory."""
    source = source_of(devices(1), error)
    rules = WatchRules(interval_s=0.01, spread=0.0)
    async with SessionPool() as pool:
        events = await events_of(watch(pool, source, rules=rules, sweeps=2))
    [kept] = [event for event in events if isinstance(event, SourceKept)]
    assert kept.what == what


@pytest.mark.usefixtures("scripted")
async def test_who_came_and_who_left_is_told_with_the_sweep() -> None:
    """Against the sweep before, and at the first one against what is remembered."""
    lists = [devices(3), devices(5), devices(2)]
    rules = WatchRules(interval_s=0.01, spread=0.0)

    async def told(sweeps: int) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        async with SessionPool() as pool:
            watching = watch(pool, lambda: lists.pop(0), rules=rules, sweeps=sweeps, memory=memory)
            events = await events_of(watching)
        return [(one.joined, one.left) for one in events if isinstance(one, SweepBegan)]

    memory = WatchMemory()
    assert await told(2) == [((), ()), (("cam-3", "cam-4"), ())]
    assert await told(1) == [((), ("cam-2", "cam-3", "cam-4"))]


@pytest.mark.usefixtures("scripted")
async def test_a_device_that_is_listed_twice_is_an_error() -> None:
    """Its looks would be taken for those of one, and no sweep would ever be complete."""
    async with SessionPool() as pool:
        with pytest.raises(ConfigurationError, match="'cam-0': is 2 times in the list"):
            await events_of(watch(pool, [*devices(3), *devices(1)], sweeps=1))


@pytest.mark.usefixtures("scripted")
async def test_a_list_that_was_never_right_is_an_error() -> None:
    """There is nothing to go on with."""

    def source() -> list[Device]:
        raise InventoryError("fleet.toml: there is no such file")

    async with SessionPool() as pool:
        with pytest.raises(InventoryError):
            await events_of(watch(pool, source, sweeps=1))


@pytest.mark.usefixtures("scripted")
def test_stopping_between_sweeps_ends_it_at_once(in_virtual_time: InVirtualTime) -> None:
    """Nobody waits for the rest of an interval."""

    async def main() -> tuple[int, float]:
        loop = asyncio.get_running_loop()
        began, count = loop.time(), 0
        async with SessionPool() as pool:
            watching = watch(pool, devices(3))
            async with aclosing(watching):
                async for event in watching:
                    count += isinstance(event, SweepEnded)
                    if isinstance(event, SweepEnded):
                        loop.call_later(1.0, watching.stop)
        return count, loop.time() - began

    count, elapsed_s = in_virtual_time(main())
    assert count == 1
    assert elapsed_s < 5.0


@pytest.mark.usefixtures("scripted")
def test_a_sweep_that_is_stopped_concludes_nothing(in_virtual_time: InVirtualTime) -> None:
    """Devices that were not looked at are no findings, and what was known stays as it was."""

    async def main() -> tuple[list[WatchEvent], Watch]:
        events: list[WatchEvent] = []
        async with SessionPool() as pool:
            watching = watch(pool, devices(100))
            async with aclosing(watching):
                async for event in watching:
                    events.append(event)
                    if len(events) == 10:
                        watching.stop()
        return events, watching

    events, watching = in_virtual_time(main())
    [last] = ended(events)
    assert events[-1] is last
    assert not last.is_complete
    assert last.summary.devices == len(events) - 2 < 100
    assert watching.memory.standings == {}


def test_suspended_credentials_are_a_finding(
    in_virtual_time: InVirtualTime, scripted: Scripted
) -> None:
    """Devices that were not tried because others refused the password did not vanish."""
    listed = [evolve(device, credentials="fleet") for device in devices(10)]
    scripted.bad = {
        one.name: LoginRefusedError(one.name, "refuses the password") for one in listed
    }

    async def main() -> list[WatchEvent]:
        async with SessionPool({"fleet": Credentials("root", "wrong")}) as pool:
            return await events_of(watch(pool, listed, sweeps=1))

    [last] = ended(in_virtual_time(main()))
    assert last.is_complete
    assert last.summary.devices == 10
    assert set(last.summary.causes) <= {Cause.LOGIN, Cause.NOT_TRIED}


def test_a_changed_device_has_time_to_settle(
    in_virtual_time: InVirtualTime, scripted: Scripted
) -> None:
    """Whoever knows of changes tells the watch, and not synced is a warning for a while."""
    scripted.healthy = evolve(scripted.healthy, synced=False)

    async def main(changed: dt.datetime | None) -> set[State]:
        async with SessionPool() as pool:
            events = await events_of(
                watch(
                    pool,
                    devices(1),
                    rules=WatchRules(grace_s=0.0 if changed is None else 60.0),
                    changed_at=lambda _: changed,
                    sweeps=1,
                )
            )
        return {event.finding.state for event in events if isinstance(event, Found)}

    assert in_virtual_time(main(None)) == {State.CRITICAL}
    assert in_virtual_time(main(dt.datetime.now(dt.UTC))) == {State.WARNING}


@pytest.mark.usefixtures("scripted")
def test_what_is_wanted_may_be_a_function(in_virtual_time: InVirtualTime) -> None:
    """The same as for a sweep: a policy decides device by device."""

    async def main(desired: Any) -> set[Cause | None]:
        async with SessionPool() as pool:
            events = await events_of(watch(pool, devices(1), desired=desired, sweeps=1))
        return {event.finding.cause for event in events if isinstance(event, Found)}

    wanted = NTPClientConfiguration(static_servers=("10.9.9.9",))
    assert in_virtual_time(main(wanted)) == {Cause.DRIFT}
    assert in_virtual_time(main(lambda _: wanted)) == {Cause.DRIFT}
    assert in_virtual_time(main(lambda _: None)) == {None}


@pytest.mark.usefixtures("scripted")
def test_a_clock_that_was_set_meanwhile_is_told(
    in_virtual_time: InVirtualTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody sets our clock an hour ahead during the second sweep."""
    real = time.time

    async def main() -> list[float]:
        steps = []
        async with (
            SessionPool() as pool,
            aclosing(watch(pool, devices(2), sweeps=3)) as events,
        ):
            async for event in events:
                if isinstance(event, SweepBegan) and event.number == 2:
                    monkeypatch.setattr(time, "time", lambda: base + 3600.0)
                if isinstance(event, SweepEnded):
                    steps.append(event.own_clock.stepped_s)
        return steps

    base = real()
    monkeypatch.setattr("axis_ntp_async.health.watch.watch._drift_s", lambda: time.time() - base)
    monkeypatch.setattr(time, "time", lambda: base)
    assert in_virtual_time(main()) == [0.0, pytest.approx(3600.0), 0.0]


@pytest.mark.usefixtures("scripted")
async def test_time_may_run_faster() -> None:
    """On a clock 3,000 times as fast an interval of five minutes is a tenth of a second."""
    began = time.monotonic()
    async with SessionPool() as pool:
        events = await events_of(watch(pool, devices(5), clock=Clock(3000.0), sweeps=3))
    first, _, last = ended(events)
    assert time.monotonic() - began < 30.0
    assert last.began_at - first.began_at > dt.timedelta(minutes=9)
    assert all(first.began_at <= event.finding.at for event in events if isinstance(event, Found))
