"""
How the program runs: on uvloop where it is installed, and with a collector that is in no hurry.

A library changes neither; whoever embeds us decides.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")


_COLLECT_AFTER: Final = (50_000, 20, 100)
"""
A sweep makes hundreds of objects a device, nearly all of which go by themselves. Looking for
circles among them as often as usual takes a tenth of its time.
"""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, as `asyncio.run` does."""
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


def _loop_factory() -> Any:  # noqa: ANN401  uvloop is an extra
    try:
        import uvloop  # noqa: PLC0415  an extra
    except ModuleNotFoundError:
        return None
    return uvloop.new_event_loop
