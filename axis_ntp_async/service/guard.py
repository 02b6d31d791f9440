"""Telling when no sweep has ended for long: its silence would be taken for that of a fleet."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Final

from axis_ntp_async.service.board import Board

_LOGGER: Final = logging.getLogger(__name__)

_LOOKS_EVERY_S: Final = 1.0


@contextlib.asynccontextmanager
async def guarded_by_time(board: Board) -> AsyncIterator[None]:
    """Log when sweeps have stopped to end, as long as the context lasts; once each time."""
    guard = asyncio.create_task(_guard(board))
    try:
        yield
    finally:
        guard.cancel()
        await asyncio.gather(guard, return_exceptions=True)


async def _guard(board: Board) -> None:
    was_stale = False
    while True:
        await asyncio.sleep(_LOOKS_EVERY_S)
        if board.is_stale and not was_stale:
            _LOGGER.warning(
                "no sweep has ended for %.0f s: the one that began last hangs, or is far too slow",
                board.age_s,
            )
        was_stale = board.is_stale
