"""How many files this process may open: a device in flight needs one."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Final

from attrs import evolve

from axis_ntp_async.fleet.slots import Limits

_LOGGER: Final = logging.getLogger(__name__)
_FOR_OTHERS: Final = 64
"""Files that the rest of the process may open meanwhile: logs, results, name lookups."""

_OPEN_FILES: Final = Path("/dev/fd")
_FAREWELLS: Final = 2
"""So many times the connections at work: those that wait for their login, or say goodbye."""


def fit_open_files(limits: Limits) -> Limits:
    """
    Raise the soft limit of open files where we may, and give limits that fit what we got.

    Whoever parks fewer devices waits longer for silent ones; whoever works on
    fewer is slower. Both are said in a warning of the log.
    """
    others = _FOR_OTHERS + _open_now()
    at_work = _FAREWELLS * limits.total
    wanted = at_work + limits.parked + others
    allowed = _raise_open_files(wanted)
    if allowed is None or allowed >= wanted:
        return limits
    total = max(1, min(at_work, allowed - others) // _FAREWELLS)
    parked = max(0, allowed - others - _FAREWELLS * total)
    if total < limits.total:
        _LOGGER.warning(
            "only %d files may be open: at most %d at once in place of %d devices (see ulimit -n)",
            allowed,
            total,
            limits.total,
        )
    else:
        _LOGGER.info("only %d files may be open: at most %d silent devices wait", allowed, parked)
    return evolve(limits, total=total, parked=parked)


def _open_now() -> int:
    """Give how many files are open, where the system tells; else as if there were none."""
    try:
        return sum(1 for _ in _OPEN_FILES.iterdir())
    except OSError:
        return 0


def _raise_open_files(wanted: int) -> int | None:
    """Give how many files may be open after asking for more; `None` where nobody counts them."""
    if sys.platform == "win32":  # pragma: no cover  has no such limit
        return None
    import resource  # noqa: PLC0415  not on every system

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return None
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):
        return soft
    return most
