"""
What one run is about, and what fleet and client agree on; the standard library is enough for it.

One peer lives in a virtual environment without this project, so nothing of it is imported here.
"""

import dataclasses
import json
import random
from collections.abc import Iterator
from typing import Final, NamedTuple, Self

PATH: Final = "/axis-cgi/ntp.cgi"
USERNAME: Final = "benchmark"
PASSWORD: Final = "not a secret"
REQUEST: Final = b'{"apiVersion":"1.0","context":"benchmark","method":"getNTPInfo"}'

MODES: Final = ("http", "http-digest", "https-digest", "https-basic")
FATES: Final = ("healthy", "black-holed", "silent")

_FIRST_ADDRESS: Final = 127 << 24 | 16 << 16
"""127.16.0.0: 1 device an address, far from what else may listen on the loopback network."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """
    A fleet, and how it is read.

    Attributes:
        mode: One of `MODES`: how devices are spoken to, and what login they want.
        devices: How many there are.
        concurrency: How many of them a client may have in work at once.
        latency_s: How long a device thinks about each answer.
        black_holed: Share of devices that never answer a SYN.
        silent: Share of devices that accept a connection and never say a word.
        open_files: Hard limit of the client's process; `None` leaves it alone.
        sweeps: How often everybody is read; the nonces change before the third time.
        connect_timeout_s: How long a client waits for a connection.
        timeout_s: How long it waits for one answer, the connection included.
        attempts: How often a client that can retry tries a device.
        findings: Whether we judge each answer as well, where the client is ours.
    """

    mode: str = "http-digest"
    devices: int = 2000
    concurrency: int = 200
    latency_s: float = 0.0
    black_holed: float = 0.0
    silent: float = 0.0
    open_files: int | None = None
    sweeps: int = 3
    connect_timeout_s: float = 10.0
    timeout_s: float = 30.0
    attempts: int = 1
    findings: bool = False

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return self.mode.partition("-")[0]

    @property
    def login(self) -> str:
        """`digest`, `basic`, or nothing."""
        return self.mode.partition("-")[2]

    def fates(self) -> list[str]:
        """Give what each device is like; the same every time, evenly mixed."""
        dead, mute = (round(share * self.devices) for share in (self.black_holed, self.silent))
        fates = ["black-holed"] * dead + ["silent"] * mute
        fates += ["healthy"] * (self.devices - len(fates))
        random.Random(1).shuffle(fates)
        return fates

    def to_json(self) -> str:
        """Give it as one line."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Self:
        """Read that line."""
        return cls(**json.loads(line))


class Endpoint(NamedTuple):
    """Where one device is: its number in the fleet, and its address."""

    number: int
    host: str
    port: int


def endpoints(setting: Setting, ports: dict[str, int]) -> Iterator[Endpoint]:
    """Give all devices; each kind of fate listens on a port of its own."""
    for number, fate in enumerate(setting.fates()):
        yield Endpoint(number, address_of(number), ports[fate])


def spare_endpoint(setting: Setting, ports: dict[str, int]) -> Endpoint:
    """Give a device beyond the fleet, for a client to warm up with."""
    return Endpoint(setting.devices, address_of(setting.devices), ports["healthy"])


def address_of(number: int) -> str:
    """Give the loopback address of a device."""
    return _dotted(_FIRST_ADDRESS + number)


def number_of(address: str) -> int:
    """Give the device of a loopback address."""
    one, two, three, four = map(int, address.split("."))
    return (one << 24 | two << 16 | three << 8 | four) - _FIRST_ADDRESS


def serial_of(number: int) -> str:
    """Give the serial number of a device."""
    return f"ACCC8E{number:06X}"


def server_of(number: int) -> str:
    """Give the time server that only this device has: by it we know whose answer we read."""
    return _dotted((10 << 24) + number)


def _dotted(address: int) -> str:
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0))
