"""What tests of several floors need: a device, answers without a network, time that jumps."""

import asyncio
import datetime as dt
import functools
import gc
import selectors
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any
from unittest.mock import Mock

import aiohttp
import aioresponses
import pytest

from axis_ntp_async.device.records import Device
from axis_ntp_async.health.finding import State
from axis_ntp_async.health.history.record import Record


@pytest.fixture
def device() -> Device:
    """A device without TLS and without a login."""
    return Device(name="lobby-3", host="192.0.2.17", scheme="http", serial="ACCC8E012345")


@pytest.fixture
def usual() -> Record:
    """What a history has of a device that is well."""
    return Record(
        device="lobby-3",
        address="10.0.4.17",
        serial="ACCC8E012345",
        site="berlin",
        at=dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.UTC),
        state=State.OK,
        enabled=True,
        nts=False,
        source="static",
        servers=("10.0.0.5", "10.0.0.6"),
        synced=True,
        offset_ms=1.25,
        skew_s=0.1,
        uncertainty_s=0.5,
    )


@pytest.fixture
def responses(monkeypatch: pytest.MonkeyPatch) -> Iterator[aioresponses.aioresponses]:
    """
    aiohttp without a network.

    aiohttp 3.14 wants a `stream_writer` that aioresponses 0.7.9 does not give it.
    """
    response = functools.partial(aiohttp.ClientResponse, stream_writer=Mock(output_size=0))
    monkeypatch.setattr("aioresponses.core.ClientResponse", response)
    with aioresponses.aioresponses() as mocked:
        yield mocked


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
