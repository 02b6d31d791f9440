"""The fleet of the demo: 60 cameras in 3 sites, with the troubles that fleets really have."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

from axis_ntp_async.simulator.fleets import CameraMaker, make_world, site_servers
from axis_ntp_async.simulator.listing import Login
from axis_ntp_async.simulator.model.world import ALWAYS
from axis_ntp_async.simulator.serving.server import SimulatedFleet

_SITES: Final = {"berlin": 30, "lyon": 20, "oslo": 10}
GOOD_SERVERS: Final = ("ntp1.hq.example", "ntp2.hq.example")
"""They are right, and reached from every site."""

_DARK_SITE: Final = "oslo"
"""Its NTP servers died before its cameras were last restarted."""

_TROUBLES: Final = {
    "berlin": (
        "wrong_servers",
        "wrong_servers",
        "disabled",
        "wrong_password",
        "old_firmware",
        "silent",
        "one_server",
        "flaky",
    ),
    "lyon": ("empty_lease", "refused", "offset", "foreign_certificate", "garbage", "no_servers"),
    "oslo": (),
}
"""What is wrong with the first cameras of a site; the others are well, but for the dark site's."""


def demo_fleet(
    *,
    seed: int = 7,
    now: Callable[[], float] | None = None,
    **serving: Any,  # noqa: ANN401  whatever SimulatedFleet takes
) -> SimulatedFleet:
    """
    Give the fleet of `axis-ntp demo`, not started yet.

    Args:
        seed: Where chance comes from; troubles stay the same.
        now: The true time; by default the real one.
        serving: Further arguments of `SimulatedFleet`.
    """
    chance = random.Random(seed)
    world = make_world(tuple(_SITES), now)
    for name in GOOD_SERVERS:
        world.server(name)
    for name in site_servers(_DARK_SITE):
        world.server(name).dies(at=ALWAYS)
    login = Login("ntp-service", f"{chance.getrandbits(64):016x}")
    maker = CameraMaker(world=world, login=login, chance=chance, seed=seed)
    cameras = [
        maker.camera(
            site=site,
            scheme="https" if place % 2 else "http",
            trouble=_TROUBLES[site][place] if place < len(_TROUBLES[site]) else None,
        )
        for site, count in _SITES.items()
        for place in range(count)
    ]
    return SimulatedFleet(cameras, logins={"fleet": login}, **serving)
