"""How many files this process may open: a device in flight needs one."""

from __future__ import annotations

import logging
import sys
from typing import Final

from attrs import evolve

from axis_ntp_async.fleet.slots import Limits

_LOGGER: Final = logging.getLogger(__name__)
_FOR_OTHERS: Final = 64
"""Files that the rest of the process needs: the journal, logs, an embedder's own sockets."""


def fit_open_files(limits: Limits) -> Limits:
    """
    Raise the soft limit of open files where we may, and give limits that fit what we got.

    Whoever parks fewer devices waits longer for silent ones; whoever works on
    fewer is slower. Both are said in a warning of the log.
    """
    wanted = limits.total + limits.parked + _FOR_OTHERS
    allowed = _raise_open_files(wanted)
    if allowed is None or allowed >= wanted:
        return limits
    total = max(1, min(limits.total, allowed - _FOR_OTHERS))
    parked = max(0, allowed - _FOR_OTHERS - total)
    if total < limits.total:
        _LOGGER.warning(
            "only %d files may be open: %d devices at once in place of %d (see ulimit -n)",
            allowed,
            total,
            limits.total,
        )
    else:
        _LOGGER.info("only %d files may be open: at most %d silent devices wait", allowed, parked)
    return evolve(limits, total=total, parked=parked)


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
