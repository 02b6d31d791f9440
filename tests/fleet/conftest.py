"""Pools in a time that jumps: nothing waits, and what is left behind is found out."""

import asyncio
import gc
import selectors
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

import pytest
from attrs import define, field

from axis_ntp_async.device.records import Device, Outcome
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.fleet.retry import RetryPolicy
from axis_ntp_async.fleet.slots import Limits


class _JumpingSelector(selectors.SelectSelector):
    """Where a loop would sleep, the clock jumps; where it would sleep for ever, it fails."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        assert ready or timeout is not None, "everybody waits, and nothing will ever happen"
        if not ready and timeout:
            self.now += timeout
        return ready


def _live_timers(loop: asyncio.AbstractEventLoop) -> list[asyncio.TimerHandle]:
    return [timer for timer in loop._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]


@pytest.fixture
def in_virtual_time(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine to its end at once; fails when it leaves a task, a timer or an error."""

    def run(main: Coroutine[Any, Any, Any]) -> Any:
        selector = _JumpingSelector()
        problems: list[Any] = []

        async def checked() -> Any:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: problems.append(context))
            value = await main
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert _live_timers(loop) == []
            gc.collect()
            await asyncio.sleep(0)
            return value

        with monkeypatch.context() as patch:
            patch.setattr(time, "monotonic", lambda: selector.now)
            with asyncio.Runner(
                loop_factory=lambda: asyncio.SelectorEventLoop(selector)
            ) as runner:
                value = runner.run(checked())
        assert problems == []
        return value

    return run


@define
class Gauge:
    """Counts how many calls run at once: in all, by site, by device."""

    now: Counter[str] = field(factory=Counter)
    most: Counter[str] = field(factory=Counter)
    calls: Counter[str] = field(factory=Counter)

    @contextmanager
    def call(self, device: Device) -> Iterator[None]:
        keys = ("all", f"site {device.site}", device.name)
        self.calls[device.name] += 1
        self.now.update(keys)
        self.most |= self.now
        try:
            yield
        finally:
            self.now.subtract(keys)


@pytest.fixture
def gauge() -> Gauge:
    return Gauge()


@pytest.fixture
def make_devices() -> Callable[..., list[Device]]:
    """Devices that nobody will ever reach, for calls that do not try."""

    def make(count: int, prefix: str = "d", **members: Any) -> list[Device]:
        return [
            Device(name=f"{prefix}{number}", host="192.0.2.1", scheme="http", **members)
            for number in range(count)
        ]

    return make


@pytest.fixture
def make_pool() -> Callable[..., SessionPool]:
    """Pools with limits named directly, which try again without a budget."""

    def make(*, retry: RetryPolicy | None = None, **members: Any) -> SessionPool:
        names = ("total", "per_site", "per_device", "parked")
        limits = {name: members.pop(name) for name in names if name in members}
        unlimited = RetryPolicy(budget_count=1_000_000)
        return SessionPool(limits=Limits(**limits), retry=retry or unlimited, **members)

    return make


Collect = Callable[..., Coroutine[Any, Any, list[Outcome[Any]]]]


@pytest.fixture
def collect() -> Collect:
    """Take all outcomes of one run, in order; or the first few, and leave."""

    async def take(
        pool: SessionPool,
        devices: Iterable[Device],
        call: Callable[[DeviceSession], Awaitable[Any]],
        most: int | None = None,
    ) -> list[Outcome[Any]]:
        outcomes: list[Outcome[Any]] = []
        async with aclosing(pool.each(devices, call)) as stream:
            async for outcome in stream:
                outcomes.append(outcome)
                if len(outcomes) == most:
                    break
        return outcomes

    return take
