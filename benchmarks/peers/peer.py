"""What all peers have in common: a job, a tally of what they read, and how they are driven."""

import asyncio
import json
import time
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from benchmarks.setting import Endpoint, Setting, endpoints, server_of, spare_endpoint

HEADERS: Final = {"Content-Type": "application/json", "Accept": "application/json"}


class Reading(NamedTuple):
    """What a device says of its NTP client, typed: what every peer makes of an answer."""

    enabled: bool
    nts_enabled: bool
    servers_source: str
    static_servers: tuple[str, ...]
    advertised_servers: tuple[str, ...]
    synced: bool
    time_to_next_sync_s: int
    time_offset_ms: float


def reading_of(members: Mapping[str, Any]) -> Reading:
    """Make a reading of a decoded answer."""
    client = members["data"]["client"]
    return Reading(
        enabled=bool(client["enabled"]),
        nts_enabled=bool(client["NTSEnabled"]),
        servers_source=str(client["serversSource"]),
        static_servers=tuple(client["staticServers"]),
        advertised_servers=tuple(client["advertisedServers"]),
        synced=bool(client["synced"]),
        time_to_next_sync_s=int(client["timeToNextSync"]),
        time_offset_ms=float(client["timeOffset"]),
    )


class Job(NamedTuple):
    """What a peer has to do."""

    setting: Setting
    devices: Sequence[Endpoint]
    spare: Endpoint
    speed: bool
    """With uvloop and orjson, where a peer can use them."""

    @classmethod
    def of(cls, setting: Setting, ports: dict[str, int], *, speed: bool) -> "Job":
        """Put together what is needed."""
        everybody = list(endpoints(setting, ports))
        return cls(setting, everybody, spare_endpoint(setting, ports), speed)

    def url_of(self, path: str, device: Endpoint) -> str:
        """Give the URL of a device."""
        return f"{self.setting.scheme}://{device.host}:{device.port}{path}"

    @property
    def loads(self) -> Callable[[bytes | str], Any]:
        """Decode JSON, with orjson where there may be speed."""
        if self.speed:
            import orjson  # noqa: PLC0415  not wanted, and not installed, everywhere

            return orjson.loads
        return json.loads


class Tally:
    """
    One outcome per device: who answered, whether it was the right one, and when.

    Args:
        devices: How many are read.
    """

    def __init__(self, devices: int) -> None:
        self._seen = bytearray(devices)
        self._answered_at = array("d")
        self._failures: Counter[str] = Counter()
        self._mismatched = 0
        self._twice = 0
        self._began = time.perf_counter()

    def answered(self, number: int, static_servers: tuple[str, ...]) -> None:
        """Note an answer, and look whether it is this device's own."""
        self._answered_at.append(time.perf_counter())
        self._mismatched += static_servers != (server_of(number),)
        self._note(number)

    def failed(self, number: int, error: BaseException) -> None:
        """Note a failure."""
        self._failures[type(error).__name__] += 1
        self._note(number)

    def report(self) -> dict[str, Any]:
        """Give the counts, and when each hundredth part of the answers had come, in seconds."""
        times = sorted(at - self._began for at in self._answered_at)
        return {
            "answered": len(times),
            "failed": dict(self._failures),
            "mismatched": self._mismatched,
            "twice": self._twice,
            "missing": self._seen.count(0),
            "curve_s": [times[-(-len(times) * part // 100) - 1] for part in range(1, 101)]
            if times
            else [],
        }

    def _note(self, number: int) -> None:
        self._twice += self._seen[number]
        self._seen[number] = 1


class Peer(Protocol):
    """A way to read a fleet, in a process of its own; opened once, and read with several times."""

    def sweep(self, devices: Sequence[Endpoint], tally: Tally) -> None:
        """Read all devices."""
        ...

    def pause(self, seconds: float) -> None:
        """Let time pass, and notice what devices do meanwhile."""
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


class ThreadedPeer:
    """A peer without an event loop."""

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)

    def close(self) -> None:
        """Nothing is open."""


class AsyncPeer:
    """
    A peer with an event loop: of uvloop where there may be speed.

    Args:
        job: What it has to do.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self._runner = asyncio.Runner(loop_factory=_loop_factory(speed=job.speed))
        self._runner.run(self.open())

    async def open(self) -> None:
        """Open what sweeps share."""
        raise NotImplementedError

    async def read(self, devices: Sequence[Endpoint], tally: Tally) -> None:
        """Read all devices."""
        raise NotImplementedError

    async def shut(self) -> None:
        """Close what sweeps share."""
        raise NotImplementedError

    def sweep(self, devices: Sequence[Endpoint], tally: Tally) -> None:
        """Read all devices."""
        self._runner.run(self.read(devices, tally))

    def pause(self, seconds: float) -> None:
        """Let time pass in the event loop, which notices connections that are closed."""
        self._runner.run(asyncio.sleep(seconds))

    def close(self) -> None:
        """Close what is open."""
        self._runner.run(self.shut())
        self._runner.close()


def _loop_factory(*, speed: bool) -> Callable[[], asyncio.AbstractEventLoop]:
    if speed:
        import uvloop  # noqa: PLC0415  not installed everywhere

        return uvloop.new_event_loop
    return asyncio.new_event_loop
