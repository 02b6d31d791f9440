"""
The NTP client inside one simulated camera: whom it asks, when, and what it then does to the clock.

Everything follows from a few rules, so nothing is a canned answer: a start
(boot, or any write of the configuration) is followed by a few quick
exchanges; the last of them is the first update, from which on the device
says `synced`. Then polls follow, farther and farther apart while the clock
is good. The model is lazy: `run_until` replays the polls that lie between
the last question and this one.

Source: AXIS OS knowledge base, NTP: what OpenNTPD and chrony do, as constants here.
"""

from __future__ import annotations

import math
import random
from typing import Final

from attrs import define, evolve, field, frozen

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import NTPClientStatus, ServersSource
from axis_ntp_async.simulator.model.clock import CameraClock
from axis_ntp_async.simulator.model.world import TimeAnswer, World

STEP_ABOVE_S: Final = 0.1
"""At the first update a larger error is stepped, a smaller one slewed."""

STEADY_BELOW_S: Final = 0.01
"""While the offset stays below this, each poll interval is twice the one before."""

NTS_CLOCK_LIMIT_S: Final = 365 * 86_400.0
"""A clock farther off cannot validate the certificate of a key establishment server."""

FACTORY_CONFIGURATION: Final = NTPClientConfiguration(
    enabled=True,
    nts_enabled=False,
    ntske_server_ca_certs=(),
    servers_source=ServersSource.DHCP,
    static_servers=(),
    static_ntske_servers=(),
    minpoll=6,
    maxpoll=10,
)


@frozen(kw_only=True)
class Daemon:
    """
    The program that is the NTP client, by its habits.

    Attributes:
        name: What it is called.
        exchanges: How many answers lead to the first update after a start.
        steps_at: At which of them the clock is stepped, counted from 1.
        first_update_s: Shortest and longest time from a start to the first update.
        slew_rate: Seconds of correction per second, later.
        gives_up_above_s: It stops for good when it later finds the clock farther off.
        poll_s: Shortest and longest poll interval; `None` where minpoll and maxpoll say it.
    """

    name: str
    exchanges: int
    steps_at: int
    first_update_s: tuple[float, float]
    slew_rate: float
    gives_up_above_s: float = math.inf
    poll_s: tuple[float, float] | None = None


OPENNTPD: Final = Daemon(
    name="OpenNTPD",
    exchanges=8,
    steps_at=1,
    first_update_s=(120.0, 300.0),
    slew_rate=1 / 2000,
    gives_up_above_s=2145.0,
    poll_s=(30.0, 1500.0),
)
"""Before AXIS OS 11.0. Its slew rate is that of Linux's adjtime."""

CHRONY: Final = Daemon(
    name="chrony", exchanges=5, steps_at=5, first_update_s=(10.0, 20.0), slew_rate=1 / 12
)
"""From AXIS OS 11.0 on."""


@define(kw_only=True, eq=False)
class NTPClient:
    """
    One camera's NTP client over virtual time.

    Attributes:
        world: Whom it can ask, and the true time.
        site: Where it stands.
        clock: The clock that it sets.
        daemon: Which program it is.
        configuration: What it was told; every member has a value.
        advertised_servers: The servers in its DHCP lease.
        falls_back: Whether `synced` goes false after a write until the next update.
        jitter_s: Spread of its measurements, as a standard deviation.
        chance: Where its jitter and its intervals come from.
        synced: Whether it has set the clock since the last restart.
        offset_s: Clock minus server at the last update; 0 before the first.
        following: The server of the last update.
        gave_up: Whether it stopped for good, until the next write or restart.
    """

    world: World
    site: str | None
    clock: CameraClock
    daemon: Daemon
    configuration: NTPClientConfiguration
    advertised_servers: tuple[str, ...]
    falls_back: bool
    jitter_s: float
    chance: random.Random
    synced: bool = field(default=False, init=False)
    offset_s: float = field(default=0.0, init=False)
    following: str | None = field(default=None, init=False)
    gave_up: bool = field(default=False, init=False)
    _answers: int = field(default=0, init=False)
    _spacing_s: float = field(default=0.0, init=False)
    _interval_s: float = field(default=0.0, init=False)
    _next_at: float = field(default=math.inf, init=False)

    @property
    def servers(self) -> tuple[str, ...]:
        """The servers that it uses now: none while it is switched off."""
        told = self.configuration
        if not told.enabled:
            return ()
        if told.nts_enabled:
            return told.static_ntske_servers or ()
        if told.servers_source is ServersSource.DHCP and self.advertised_servers:
            return self.advertised_servers
        return told.static_servers or ()

    def boot(self, at: float) -> None:
        """Begin as after a restart of the device: not synced."""
        self.synced, self.offset_s = False, 0.0
        self._start(at)

    def configure(self, configuration: NTPClientConfiguration, at: float) -> None:
        """Take over a configuration; the program starts anew even when nothing differs."""
        self.run_until(at)
        self.configuration = configuration
        if self.falls_back:
            self.synced, self.offset_s = False, 0.0
        self._start(at)

    def lease(self, servers: tuple[str, ...], at: float) -> None:
        """Take over the servers of a new DHCP lease; starts anew when that changes anything."""
        self.run_until(at)
        before, self.advertised_servers = self.servers, servers
        if self.servers != before:
            self._start(at)

    def run_until(self, at: float) -> None:
        """Do all polls up to that moment, and let the clock run on to it."""
        while self._next_at <= at:
            self._poll(self._next_at)
        self.clock.run_until(at)

    def status(self, at: float, max_supported_static_servers: int) -> NTPClientStatus:
        """Give what the device says of it at that moment, with every member there is."""
        self.run_until(at)
        return NTPClientStatus(
            **self.configuration.members,
            max_supported_static_servers=max_supported_static_servers,
            advertised_servers=self.advertised_servers,
            synced=self.synced,
            time_to_next_sync_s=0 if self._next_at == math.inf else math.ceil(self._next_at - at),
            time_offset_ms=round(self.offset_s * 1000, 6) if self.synced else 0.0,
        )

    def _start(self, at: float) -> None:
        self.gave_up, self._answers = False, 0
        self._spacing_s = self.chance.uniform(*self.daemon.first_update_s) / self.daemon.exchanges
        self._interval_s = self._poll_bounds_s[0]
        self._next_at = at + self._spacing_s if self.servers else math.inf

    @property
    def _poll_bounds_s(self) -> tuple[float, float]:
        if self.daemon.poll_s is not None:
            return self.daemon.poll_s
        return 2.0 ** (self.configuration.minpoll or 0), 2.0 ** (self.configuration.maxpoll or 0)

    def _poll(self, at: float) -> None:
        self.clock.run_until(at)
        answer = self._ask(at)
        if answer is None:
            self._interval_s = self._poll_bounds_s[0]
            self._next_at = at + self._interval_s
            return
        self._answers += 1
        offset_s = self.clock.error_s - answer.error_s + self.chance.gauss(0.0, self.jitter_s)
        if self._answers > self.daemon.exchanges:
            self._update_later(offset_s, answer, at)
        else:
            self._update_first(offset_s, answer, at)

    def _ask(self, at: float) -> TimeAnswer | None:
        nts = bool(self.configuration.nts_enabled)
        if nts and abs(self.clock.error_s) > NTS_CLOCK_LIMIT_S:
            return None
        return self.world.ask(self.servers, site=self.site, at=at, nts=nts)

    def _update_first(self, offset_s: float, answer: TimeAnswer, at: float) -> None:
        if self._answers == self.daemon.steps_at:
            if abs(offset_s) > STEP_ABOVE_S:
                self.clock.step(offset_s)
                offset_s = self.chance.gauss(0.0, self.jitter_s)
            else:
                self.clock.slew(offset_s)
        if self._answers == self.daemon.exchanges:
            self.synced, self.offset_s, self.following = True, offset_s, answer.server
            self._next_at = at + self._interval_s
        else:
            self._next_at = at + self._spacing_s

    def _update_later(self, offset_s: float, answer: TimeAnswer, at: float) -> None:
        if abs(offset_s) > self.daemon.gives_up_above_s:
            self.gave_up, self._next_at = True, math.inf
            return
        self.clock.slew(offset_s)
        self.clock.learn_frequency()
        self.synced, self.offset_s, self.following = True, offset_s, answer.server
        shortest_s, longest_s = self._poll_bounds_s
        steady = abs(offset_s) < STEADY_BELOW_S
        self._interval_s = min(self._interval_s * 2, longest_s) if steady else shortest_s
        self._next_at = at + self._interval_s


def laid_over(
    base: NTPClientConfiguration, written: NTPClientConfiguration
) -> NTPClientConfiguration:
    """Give the base with the members that were written in place of its own."""
    return evolve(base, **written.members)
