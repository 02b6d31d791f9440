"""Whole fleets of believable cameras, with troubles in the shares one asks for; seeded."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import asdict, evolve, field, frozen

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import ServersSource
from axis_ntp_async.simulator.listing import Login
from axis_ntp_async.simulator.model.access import CertificateKind
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Fault, Kind
from axis_ntp_async.simulator.model.world import ALWAYS, World
from axis_ntp_async.simulator.serving.server import SimulatedFleet

WRONG_SERVERS: Final = ("192.0.2.10", "192.0.2.11")
"""They tell a time that is ahead by `WRONG_BY_S`."""

WRONG_BY_S: Final = 37.0
"""Also the difference between TAI and UTC, the classic among wrong servers."""

DEAD_SERVERS: Final = ("192.0.2.1", "192.0.2.2")
FOREIGN_SERVERS: Final = ("192.0.2.20", "192.0.2.21")
"""They are right, but not what was wanted."""

_SITES: Final = ("berlin", "lyon", "oslo", "porto", "gdansk", "torino", "cork", "brno")
_PLACES: Final = ("lobby", "gate", "parking", "dock", "stairs", "lift", "roof", "yard")
_MODELS: Final = {
    "P3265-V": "indoor",
    "P3245-LVE": "outdoor",
    "M3066-V": "indoor",
    "Q1951-E": "outdoor",
    "P3748-PLVE": "outdoor",
    "M1075-L": "indoor",
}
_FIRMWARES: Final = ("12.11.77", "12.9.57", "11.11.192", "11.11.192", "10.12.323", "9.80.78")
_PREFIXES: Final = ("ACCC8E", "B8A44F")


@frozen(kw_only=True)
class Troubles:
    """
    Shares of a fleet that have one trouble each, from 0 to 1; together at most 1.

    What each of them does stands in `TROUBLES`.
    """

    refused: float = 0.0
    silent: float = 0.0
    slow: float = 0.0
    reset: float = 0.0
    flaky: float = 0.0
    busy: float = 0.0
    internal: float = 0.0
    garbage: float = 0.0
    truncated: float = 0.0
    oversized: float = 0.0
    redirect: float = 0.0
    blocked: float = 0.0
    wrong_password: float = 0.0
    no_right: float = 0.0
    wrong_identity: float = 0.0
    foreign_certificate: float = 0.0
    old_firmware: float = 0.0
    disabled: float = 0.0
    no_servers: float = 0.0
    empty_lease: float = 0.0
    dead_servers: float = 0.0
    offset: float = 0.0
    wrong_servers: float = 0.0
    drift: float = 0.0
    one_server: float = 0.0
    write_ignored: float = 0.0
    write_late: float = 0.0
    write_unanswered: float = 0.0
    write_refused: float = 0.0

    def dealt(self, devices: int, chance: random.Random) -> list[str | None]:
        """Give the trouble of each device, in a random order but in exact numbers."""
        hands: list[str | None] = []
        for trouble, share in asdict(self).items():
            hands += [trouble] * round(share * devices)
        if len(hands) > devices:
            raise ValueError(f"{len(hands)} troubles for {devices} devices: shares exceed 1")
        hands += [None] * (devices - len(hands))
        chance.shuffle(hands)
        return hands


@frozen(kw_only=True)
class Trouble:
    """
    One thing that may be wrong with a camera.

    Attributes:
        members: Members of the `Camera` that differ from a healthy one's.
        told: Members of its NTP client's configuration that do.
    """

    members: Mapping[str, Any] = field(factory=dict)
    told: Mapping[str, Any] = field(factory=dict)


def _told(**members: object) -> Trouble:
    return Trouble(told={"servers_source": ServersSource.STATIC, **members})


def _faulty(*faults: Fault | Kind) -> Trouble:
    return Trouble(members={"faults": faults})


TROUBLES: Final[Mapping[str, Trouble]] = {
    "refused": _faulty(Kind.REFUSED),
    "silent": _faulty(Kind.SILENT),
    "slow": _faulty(Fault(Kind.SLOW, seconds=2.0)),
    "reset": _faulty(Kind.RESET),
    "flaky": _faulty(Fault(Kind.RESET, first=1)),
    "busy": _faulty(Kind.BUSY),
    "internal": _faulty(Kind.INTERNAL),
    "garbage": _faulty(Kind.HTML),
    "truncated": _faulty(Kind.TRUNCATED),
    "oversized": _faulty(Kind.OVERSIZED),
    "redirect": _faulty(Kind.REDIRECT),
    "blocked": _faulty(Kind.BLOCKED),
    "wrong_password": Trouble(members={"password": "changed on site"}),
    "no_right": _faulty(Kind.NO_RIGHT),
    "wrong_identity": _faulty(Kind.WRONG_REALM),
    "foreign_certificate": Trouble(
        members={"scheme": "https", "certificate": CertificateKind.FOREIGN_DEVICE_ID}
    ),
    "old_firmware": Trouble(members={"firmware": "8.40.4", "model": "P5512"}),
    "disabled": Trouble(told={"enabled": False}),
    "no_servers": _told(static_servers=()),
    "empty_lease": Trouble(
        members={"advertised_servers": ()},
        told={"servers_source": ServersSource.DHCP, "static_servers": ()},
    ),
    "dead_servers": _told(static_servers=DEAD_SERVERS),
    # An oscillator so bad that no client can learn its frequency.
    "offset": Trouble(members={"drift_ppm": 20_000.0, "firmware": "12.11.77"}),
    "wrong_servers": _told(static_servers=WRONG_SERVERS),
    "drift": _told(static_servers=FOREIGN_SERVERS),
    "one_server": _told(static_servers=FOREIGN_SERVERS[:1]),
    # Healthy until somebody writes to them.
    "write_ignored": _faulty(Kind.WRITE_IGNORED),
    "write_late": _faulty(Fault(Kind.WRITE_LATE, seconds=3.0)),
    "write_unanswered": _faulty(Kind.WRITE_UNANSWERED),
    "write_refused": _faulty(Kind.WRITE_REFUSED),
}
"""What is wrong with a camera, by the names of `Troubles`."""


def make_fleet(
    devices: int = 60,
    *,
    sites: int | Sequence[str] = 3,
    seed: int = 1,
    troubles: Troubles | None = None,
    https_share: float = 0.5,
    latency_s: float = 0.0,
    now: Callable[[], float] | None = None,
    **serving: Any,  # noqa: ANN401  whatever SimulatedFleet takes
) -> SimulatedFleet:
    """
    Give a fleet of believable cameras, not started yet.

    The same arguments give the same fleet. Every site has two NTP servers of
    its own, to be found with `site_servers`.

    Args:
        devices: How many cameras.
        sites: How many sites, or their names; cameras are spread evenly.
        seed: Where chance comes from.
        troubles: Which share of the cameras has which trouble; by default none has.
        https_share: Share of the cameras that speak HTTPS.
        latency_s: Real seconds before each answer of each camera.
        now: The true time, a `VirtualTime` with a speed to have it run faster; by
            default the real one. Clients, `latency_s` and the wall clock behind
            `Date` stay in real time.
        serving: Further arguments of `SimulatedFleet`.
    """
    chance = random.Random(seed)
    names = _names_of_sites(sites)
    dealt = (troubles or Troubles()).dealt(devices, chance)
    world = make_world(names, now)
    login = Login("ntp-service", f"{chance.getrandbits(64):016x}")
    maker = CameraMaker(world=world, login=login, chance=chance, seed=seed, latency_s=latency_s)
    cameras = [
        maker.camera(
            site=names[place % len(names)],
            scheme="https" if chance.random() < https_share else "http",
            trouble=trouble,
        )
        for place, trouble in enumerate(dealt)
    ]
    return SimulatedFleet(cameras, logins={"fleet": login}, **serving)


def site_servers(site: str) -> tuple[str, str]:
    """Give the NTP servers of a site."""
    return f"ntp1.{site}.example", f"ntp2.{site}.example"


def make_world(sites: Sequence[str], now: Callable[[], float] | None = None) -> World:
    """Give a world with the servers of these sites, and those that troubles need."""
    world = World(now)
    for site in sites:
        for name in site_servers(site):
            world.server(name)
    for name in FOREIGN_SERVERS:
        world.server(name)
    for name in WRONG_SERVERS:
        world.server(name).tells(WRONG_BY_S, at=ALWAYS)
    return world


@frozen(kw_only=True)
class CameraMaker:
    """
    Makes the cameras of one fleet.

    Attributes:
        world: Where they live.
        login: What they accept.
        chance: Decides about everything that differs between them.
        seed: Of their own chance.
        latency_s: Real seconds before each of their answers.
    """

    world: World
    login: Login
    chance: random.Random
    seed: int
    latency_s: float = 0.0
    _names: Iterator[int] = field(factory=lambda: iter(range(1 << 24)))

    def camera(self, *, site: str, scheme: str, trouble: str | None) -> Camera:
        """Give the next camera."""
        place, chance = next(self._names), self.chance
        model = chance.choice(tuple(_MODELS))
        wanted = self._wanted(site)
        wrong = TROUBLES[trouble] if trouble else Trouble()
        members = {
            "name": f"{site}-{_PLACES[place % len(_PLACES)]}-{place + 1}",
            "serial": f"{chance.choice(_PREFIXES)}{place + 1:06X}",
            "site": site,
            "model": model,
            "groups": (_MODELS[model],),
            "firmware": chance.choice(_FIRMWARES),
            "scheme": scheme,
            "username": self.login.username,
            "password": self.login.password,
            "advertised_servers": self._advertised(wanted, site),
            "uptime_s": chance.uniform(3_600.0, 36_000.0),
            "latency_s": self.latency_s,
            "clock_error_s": chance.gauss(0.0, 0.5),
            "drift_ppm": chance.uniform(-20.0, 20.0),
            "falls_back": chance.random() < 0.5,  # noqa: PLR2004  as often as not
            **wrong.members,
        }
        return Camera(
            world=self.world,
            wanted=wanted if trouble != "one_server" else None,
            configuration=evolve(wanted, **wrong.told),
            seed=self.seed,
            **members,
        )

    def _wanted(self, site: str) -> NTPClientConfiguration:
        by_dhcp = self.chance.random() < 0.25  # noqa: PLR2004  a quarter
        return NTPClientConfiguration(
            enabled=True,
            servers_source=ServersSource.DHCP if by_dhcp else ServersSource.STATIC,
            static_servers=() if by_dhcp else site_servers(site),
        )

    def _advertised(self, wanted: NTPClientConfiguration, site: str) -> tuple[str, ...]:
        return site_servers(site) if wanted.servers_source is ServersSource.DHCP else ()


def _names_of_sites(sites: int | Sequence[str]) -> Sequence[str]:
    if not isinstance(sites, int):
        return sites
    return [*_SITES, *(f"site-{number}" for number in range(len(_SITES), sites))][:sites]
