"""What things weigh that a sweep holds one of per device: everything they bring along counts."""

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Final

from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.device.trust import KnownDevices, Trust
from axis_ntp_async.health.judge import judge
from benchmarks.micro import samples
from benchmarks.micro.measure import Row
from benchmarks.setting import PASSWORD, USERNAME

_PIECES: Final = 2000


def measure() -> Iterator[Row]:
    """Weigh each of them."""
    credentials, trust = Credentials(USERNAME, PASSWORD), Trust(KnownDevices())
    devices = [samples.device(number) for number in range(1, _PIECES + 1)]
    outcomes = [samples.outcome(number) for number in range(1, _PIECES + 1)]
    yield _weighed("Device", samples.device)
    yield _weighed(
        "DeviceSession",
        lambda number: DeviceSession(devices[number], credentials, trust=trust),
        "kept by a pool, with some 400 more of a challenge",
    )
    yield _weighed("Outcome with its device", samples.outcome)
    yield _weighed("Finding, beside its outcome", lambda number: judge(outcomes[number]))


def _weighed(what: str, make: Callable[[int], object], note: str = "") -> Row:
    """Give the bytes of one piece, as the mean of many."""
    make(0)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    pieces = [make(number) for number in range(_PIECES)]
    weight = (tracemalloc.get_traced_memory()[0] - before) / len(pieces)
    tracemalloc.stop()
    return Row(f"memory of a {what}", weight, weight, "bytes", note)
