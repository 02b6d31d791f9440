"""The event loop of the program: uvloop where it is installed. A library never installs one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, as `asyncio.run` does."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


def _loop_factory() -> Any:  # noqa: ANN401  uvloop is an extra
    try:
        import uvloop  # noqa: PLC0415  an extra
    except ModuleNotFoundError:
        return None
    return uvloop.new_event_loop
