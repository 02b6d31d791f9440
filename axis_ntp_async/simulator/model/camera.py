"""
How one simulated camera behaves: its NTP client, its clock, its faults. Pure: time is handed in.

A camera is a model, not a canned answer. It lives in a `World`, and can be
disturbed at any moment: `restart`, `shift_clock`, `lease`, `faults`. What it
answers through its API stands in `api.py`.
"""

from __future__ import annotations

import random
from bisect import insort
from typing import Any, Final

from attrs import define, evolve, field, frozen

from axis_ntp_async.device import wire
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import NTPClientStatus
from axis_ntp_async.simulator.model.access import Access, CertificateKind
from axis_ntp_async.simulator.model.clock import CameraClock
from axis_ntp_async.simulator.model.faults import Dice, Fault, Kind, faults_of
from axis_ntp_async.simulator.model.ntp_client import (
    CHRONY,
    FACTORY_CONFIGURATION,
    OPENNTPD,
    NTPClient,
    laid_over,
)
from axis_ntp_async.simulator.model.parameters import api_version_of, has_member, release_of
from axis_ntp_async.simulator.model.world import World

_CHRONY_SINCE: Final = (11, 0)
_OTHER_SERIAL: Final = "00408C000000"


@frozen(kw_only=True)
class Write:
    """
    One write that a camera accepted, whether or not its answer came through.

    Attributes:
        at: When, in virtual time.
        configuration: What was written.
        applied_at: When it was or will be applied; `None` when it never is.
    """

    at: float
    configuration: NTPClientConfiguration
    applied_at: float | None


@define(kw_only=True, eq=False)
class Camera:
    """
    One simulated device.

    Attributes:
        name: Unique in a fleet.
        serial: Its MAC address, like `ACCC8E012345`.
        world: The true time, and the NTP servers it may reach.
        site, model, groups: What the inventory says of it.
        firmware: Its AXIS OS version; decides the API version and the NTP client program.
        api_version: `None` when its firmware has no ntp.cgi.
        scheme: `http` or `https`.
        certificate: What it shows over HTTPS.
        username, password: The login that it accepts.
        access: How it asks for it.
        credentials, listed_serial, tls, wanted:
            What the *inventory* says, right or not: name of its credentials,
            serial, TLS policy, and the configuration it should have.
        configuration: What its NTP client is told at first; other members are as from the factory.
        advertised_servers: NTP servers in its DHCP lease.
        max_static_servers: How many it can use.
        uptime_s: How long before the world's now it was started.
        clock_error_s: How far its clock was off at that start.
        drift_ppm: How fast its oscillator gains.
        jitter_s: Spread of its NTP measurements.
        falls_back: Whether `synced` goes false after a write until the next update.
        resets_absent: Whether a write sets members it leaves out back to the factory's.
        latency_s: Real seconds before each answer.
        faults: What is wrong with it; may be set at any time, also to a bare `Kind`.
        seed: Where its chance comes from.
        writes: What it was told by its API and accepted, in order.
        write_attempts: How often its API was told to write, also where it lost or refused that.
    """

    name: str
    serial: str
    world: World
    site: str | None = None
    model: str = "P3265-V"
    groups: tuple[str, ...] = ()
    firmware: str = "12.11.77"
    api_version: str | None = field()
    scheme: str = "http"
    certificate: CertificateKind = CertificateKind.SHARED
    username: str = field(default="root", repr=False)
    password: str = field(default="pass", repr=False)
    access: Access = field(factory=Access)
    credentials: str | None = "fleet"
    listed_serial: str | None = field()
    tls: str | None = None
    wanted: NTPClientConfiguration | None = None
    _configuration: NTPClientConfiguration = field(factory=NTPClientConfiguration)
    _advertised_servers: tuple[str, ...] = ()
    max_static_servers: int = 5
    _uptime_s: float = 3600.0
    _clock_error_s: float = 0.0
    _drift_ppm: float = 0.0
    _jitter_s: float = 0.0002
    _falls_back: bool = False
    resets_absent: bool = False
    latency_s: float = 0.0
    faults: tuple[Fault, ...] = field(default=(), converter=faults_of)
    seed: int = 0
    _client: NTPClient = field(init=False, repr=False)
    dice: Dice = field(init=False, repr=False)
    _up_at: float = field(default=0.0, init=False)
    writes: list[Write] = field(factory=list, init=False, repr=False)
    write_attempts: int = field(default=0, init=False, repr=False)
    _late: list[tuple[float, NTPClientConfiguration]] = field(factory=list, init=False)

    @api_version.default
    def _version_of_the_firmware(self) -> str | None:
        return api_version_of(self.firmware)

    @listed_serial.default
    def _its_own_serial(self) -> str | None:
        return self.serial

    def __attrs_post_init__(self) -> None:
        booted_at = self.world.now() - self._uptime_s
        daemon = CHRONY if release_of(self.firmware) >= _CHRONY_SINCE else OPENNTPD
        self.dice = Dice(random.Random(f"{self.seed} {self.serial} faults"))
        self._client = NTPClient(
            world=self.world,
            site=self.site,
            clock=CameraClock(
                at=booted_at,
                error_s=self._clock_error_s,
                drift_ppm=self._drift_ppm,
                slew_rate=daemon.slew_rate,
            ),
            daemon=daemon,
            configuration=laid_over(FACTORY_CONFIGURATION, self._configuration),
            advertised_servers=self._advertised_servers,
            falls_back=self._falls_back,
            jitter_s=self._jitter_s,
            chance=random.Random(f"{self.seed} {self.serial} client"),
        )
        self._client.boot(booted_at)

    # What it is now.

    @property
    def client(self) -> NTPClient:
        """Its NTP client, with everything done that was due since it was last looked at."""
        now = self.world.now()
        while self._late and self._late[0][0] <= now:
            at, configuration = self._late.pop(0)
            self._client.configure(laid_over(self._client.configuration, configuration), at)
        self._client.run_until(now)
        return self._client

    @property
    def realm(self) -> str:
        """What its challenges say."""
        wrong = any(fault.kind is Kind.WRONG_REALM for fault in self.faults)
        return f"AXIS_{_OTHER_SERIAL if wrong else self.serial}"

    @property
    def is_up(self) -> bool:
        """Whether it has booted."""
        return self.world.now() >= self._up_at

    @property
    def clock_error_s(self) -> float:
        """Its clock minus the true time, in seconds."""
        return self.client.clock.error_s

    @property
    def configuration(self) -> NTPClientConfiguration:
        """What its NTP client is told; every member has a value."""
        return self.client.configuration

    @property
    def status(self) -> NTPClientStatus:
        """What it would report, with the members of its API version."""
        status = self.client.status(self.world.now(), self.max_static_servers)
        version = self.api_version or "1.0"
        missing: dict[str, Any] = {
            member: None for member in wire.STATUS_MEMBERS if not has_member(version, member)
        }
        return evolve(status, **missing)

    # What can be done to it.

    def configure(self, configuration: NTPClientConfiguration) -> None:
        """Apply a configuration now, as somebody at its own page would; `None` keeps a member."""
        client = self.client
        merged = laid_over(client.configuration, configuration)
        client.configure(merged, self.world.now())

    def lease(self, *servers: str) -> None:
        """Give it a new DHCP lease with these NTP servers."""
        self.client.lease(servers, self.world.now())

    def shift_clock(self, by_s: float) -> None:
        """Move its clock ahead, behind the back of its NTP client."""
        self.client.clock.step(-by_s)

    def restart(self, *, down_s: float = 0.0, clock_lost: bool = False) -> None:
        """
        Restart it: not synced any more; writes not yet applied are lost.

        Args:
            down_s: Seconds of virtual time until it answers again.
            clock_lost: It has no battery: its clock begins at 1970.
        """
        client = self.client
        self._late.clear()
        self._up_at = self.world.now() + down_s
        if clock_lost:
            client.clock.step(client.clock.error_s + self._up_at)
        client.boot(self._up_at)

    def write(self, configuration: NTPClientConfiguration) -> Kind | None:
        """
        Take what was written through its API: now, or later or never where a fault says so.

        Gives the fault that the writer meets; `None` when a good answer comes.
        """
        if failed := self.dice.strike(self.faults, Kind.WRITE_LOST, Kind.WRITE_REFUSED):
            return failed.kind
        now = self.world.now()
        complete = configuration
        if self.resets_absent:
            complete = laid_over(FACTORY_CONFIGURATION, configuration)
        applied_at: float | None = now
        if self.dice.strike(self.faults, Kind.WRITE_IGNORED):
            applied_at = None
        elif late := self.dice.strike(self.faults, Kind.WRITE_LATE):
            applied_at = now + late.seconds
            insort(self._late, (applied_at, complete), key=_due)
        else:
            self.configure(complete)
        self.writes.append(Write(at=now, configuration=configuration, applied_at=applied_at))
        mute = self.dice.strike(self.faults, Kind.WRITE_UNANSWERED, Kind.WRITE_SILENT)
        return mute.kind if mute else None


def _due(late: tuple[float, NTPClientConfiguration]) -> float:
    return late[0]
