"""Pools in a time that jumps: nothing waits, and what is left behind is found out."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from axis_ntp_async.device.records import Device, Outcome
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.fleet.retry import RetryPolicy
from axis_ntp_async.fleet.slots import Limits


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


def count_sockets() -> int:
    """Count the sockets of this process, where the system lists them."""
    names = []
    for file in Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(OSError):  # the one that was listing is gone
            names.append(file.readlink().name)
    return sum(name.startswith("socket:") for name in names)


@pytest.fixture
def open_sockets() -> Callable[[], int]:
    """Tell how many sockets are open."""
    return count_sockets


@pytest.fixture
def sockets_are_closed() -> Callable[[int], Awaitable[None]]:
    """Wait until no more sockets are open than before."""

    async def wait(before: int) -> None:
        async with asyncio.timeout(5):
            while count_sockets() > before:  # noqa: ASYNC110  nobody tells when a socket closes
                await asyncio.sleep(0.01)

    return wait
