"""A watch whose sweeps do not end says so."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from axis_ntp_async.health.watch.events import SweepBegan
from axis_ntp_async.service import guard
from axis_ntp_async.service.board import Board


async def test_a_sweep_that_hangs_is_told_once_each_time(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    swept: Callable[..., None],
) -> None:
    """Whoever reads nothing would take it for a fleet without news."""
    monkeypatch.setattr(guard, "_LOOKS_EVERY_S", 0.01)
    board = Board(source="fleet.toml")
    began = SweepBegan(number=1, at=board.clock.utc(), devices=(), interval_s=0.02)
    board.take(began)
    with caplog.at_level(logging.WARNING):
        async with guard.guarded_by_time(board):
            await asyncio.sleep(0.3)
            assert len(caplog.messages) == 1
            swept(board)
            await asyncio.sleep(0.05)
            board.take(began)
            await asyncio.sleep(0.3)
    assert len(caplog.messages) == 2
    assert caplog.messages[0].startswith("no sweep has ended for ")
