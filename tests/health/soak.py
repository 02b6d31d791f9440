"""
A program that watches a simulated fleet for days, in minutes: `python tests/health/soak.py`.

Time stands still while a sweep is made and jumps to the next one, so months
pass as quickly as devices can be asked. Meanwhile cameras die and come back,
restart, are changed by somebody, lose their time servers and have their clocks
set; the watch itself is closed and opened anew. The truth about every look is
written beside the history; in the end both are compared.

It prints one line of JSON with what it saw, and ends with 1 if something does
not agree.
"""

import argparse
import asyncio
import datetime as dt
import json
import random
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.trust import KnownDevices, Trust
from axis_ntp_async.fleet.clock import Clock
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.fleet.retry import RetryPolicy
from axis_ntp_async.health.finding import Finding, servers_in_use
from axis_ntp_async.health.history.history import History
from axis_ntp_async.health.history.keeping import HistoryRules
from axis_ntp_async.health.history.reading import HistoryReader
from axis_ntp_async.health.history.recorder import Recorder
from axis_ntp_async.health.watch.events import Found, SweepEnded
from axis_ntp_async.health.watch.memory import WatchMemory
from axis_ntp_async.health.watch.rules import WatchRules
from axis_ntp_async.health.watch.watch import watch
from axis_ntp_async.simulator.fleets import FOREIGN_SERVERS, make_fleet, site_servers
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Kind
from axis_ntp_async.simulator.model.world import VirtualTime
from axis_ntp_async.simulator.serving.server import SimulatedFleet

DAY_S = 86_400.0
RESTARTS_PER_DAY = 3
TROUBLES_PER_DEVICE_AND_DAY = 0.2
MOMENTS = 400


@frozen
class JumpingClock(Clock):
    """
    A clock on which nobody waits.

    Attributes:
        time: The simulated world's.
    """

    time: VirtualTime = field(kw_only=True)

    def now(self) -> float:
        return self.time()

    def utc(self, real: dt.datetime | None = None) -> dt.datetime:  # noqa: ARG002  no real time
        return dt.datetime.fromtimestamp(self.time(), dt.UTC)

    async def sleep(self, seconds: float, ended: asyncio.Event | None = None) -> None:
        if ended is None or not ended.is_set():
            self.time.advance(max(0.0, seconds))
        await asyncio.sleep(0)


@define
class Fate:
    """Does to cameras and time servers what happens to them over months."""

    fleet: SimulatedFleet
    chance: random.Random
    happened: Counter[str] = field(factory=Counter)
    _dead_until: dict[str, float] = field(factory=dict)

    def strike(self, elapsed_s: float) -> None:
        """Let happen what happens in so many seconds."""
        world = self.fleet.cameras[0].world
        for camera in self.fleet.cameras:
            if (
                self._dead_until.get(camera.name, 0.0)
                and world.now() > self._dead_until[camera.name]
            ):
                del self._dead_until[camera.name]
                camera.faults = ()
            if self.chance.random() < TROUBLES_PER_DEVICE_AND_DAY * elapsed_s / DAY_S:
                self._trouble(camera, world.now())
        if self.chance.random() < elapsed_s / DAY_S / 2:
            self._site(world.now())

    def _trouble(self, camera: Camera, now: float) -> None:
        what = self.chance.choice(("dies", "restarts", "is changed", "is set", "is busy"))
        self.happened[what] += 1
        match what:
            case "dies" | "is busy":
                camera.faults = (Kind.REFUSED if what == "dies" else Kind.BUSY,)  # type: ignore[assignment]  # converted
                self._dead_until[camera.name] = now + self.chance.uniform(600, 20_000)
            case "restarts":
                camera.restart(clock_lost=self.chance.random() < 0.2)
            case "is changed":
                servers = self.chance.choice((FOREIGN_SERVERS, site_servers(camera.site or "")))
                camera.configure(NTPClientConfiguration(static_servers=tuple(servers)))
            case _:
                camera.shift_clock(self.chance.uniform(-5.0, 5.0))

    def _site(self, now: float) -> None:
        camera = self.chance.choice(self.fleet.cameras)
        self.happened["time server dies"] += 1
        for name in site_servers(camera.site or ""):
            server = camera.world.server(name)
            server.dies(at=now)
            server.recovers(at=now + self.chance.uniform(3_600, 40_000))


@define
class Soak:
    """A watch of some days."""

    days: float
    devices: int
    interval_s: float
    keep_days: float
    seed: int
    folder: Path
    time: VirtualTime = field(init=False)
    fleet: SimulatedFleet = field(init=False)
    looks: int = 0
    changes: int = 0
    site_causes: int = 0
    restarts: int = 0
    rss_mib: list[float] = field(factory=list)
    sizes_mib: list[float] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.time = VirtualTime(speed=0.0)
        self.fleet = make_fleet(
            self.devices, sites=5, seed=self.seed, https_share=0.0, now=self.time
        )

    async def run(self) -> dict[str, Any]:
        chance = random.Random(self.seed)  # noqa: S311  simulated
        began, fate = self.time(), Fate(self.fleet, chance)
        with (self.folder / "truth.jsonl").open("w", encoding="utf-8") as truth:
            async with self.fleet:
                while self.time() - began < self.days * DAY_S:
                    sweeps = max(2, round(DAY_S / self.interval_s / RESTARTS_PER_DAY))
                    await self._watch(fate, sweeps, truth)
        return self._verdict(fate, chance)

    async def _watch(self, fate: Fate, sweeps: int, truth: Any) -> None:
        """Let one process of a watch live, and keep what it leaves behind."""
        self.restarts += 1
        cameras = {camera.name: camera for camera in self.fleet.cameras}
        rules = HistoryRules(keep_days=self.keep_days)
        with History(self.folder / "history.db", "soak", rules) as history:
            memory = WatchMemory.from_plain(history.memory())
            watch_rules = WatchRules(interval_s=self.interval_s, spread=0.0)
            async with self._pool() as pool, Recorder(history, memory) as recorder:
                watching = watch(
                    pool,
                    self.fleet.devices,
                    rules=watch_rules,
                    memory=memory,
                    clock=JumpingClock(time=self.time),
                    sweeps=sweeps,
                )
                async with aclosing(watching):
                    async for event in watching:
                        await recorder.take(event)
                        if isinstance(event, Found):
                            self.looks += 1
                            camera = cameras[event.finding.device.name]
                            truth.write(json.dumps(_truth(event.finding, camera)) + "\n")
                        elif isinstance(event, SweepEnded):
                            self.changes += len(event.changes)
                            self.site_causes += len(event.began)
                            fate.strike(self.interval_s)
                assert recorder.fault is None, recorder.fault
        self.time.advance(self.interval_s)
        self.rss_mib.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        self.sizes_mib.append((self.folder / "history.db").stat().st_size / 2**20)

    def _pool(self) -> SessionPool:
        credentials = {
            name: Credentials(login.username, login.password)
            for name, login in self.fleet.logins.items()
        }
        retry = RetryPolicy(attempts=1, wait_initial_s=0.0, attempt_timeout_s=5.0)
        return SessionPool(credentials, retry=retry, trust=Trust(KnownDevices()))

    def _verdict(self, fate: Fate, chance: random.Random) -> dict[str, Any]:
        reader = HistoryReader(self.folder / "history.db")
        verdict = reader.verify()
        kept_since = self.time() - (self.keep_days - 1) * DAY_S
        truths = [one for one in self._truths() if one["at"] > kept_since]
        answers, wrong = self._ask(reader, truths, chance)
        third = len(self.sizes_mib) // 3
        return {
            "days": self.days,
            "devices": self.devices,
            "looks": self.looks,
            "restarts": self.restarts,
            "happened": dict(fate.happened),
            "changes": self.changes,
            "site_causes": self.site_causes,
            "chain": verdict.fault or "sound",
            "lost": lost_of(reader, truths),
            "questions": MOMENTS,
            "answers": answers,
            "wrong": wrong,
            "rss_mib": [round(self.rss_mib[third]), round(self.rss_mib[-1])],
            "size_mib": [round(self.sizes_mib[2 * third], 1), round(self.sizes_mib[-1], 1)],
        }

    def _truths(self) -> Iterator[dict[str, Any]]:
        with (self.folder / "truth.jsonl").open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)

    def _ask(
        self, reader: HistoryReader, truths: list[dict[str, Any]], chance: random.Random
    ) -> tuple[int, list[str]]:
        """Ask for evidence at moments between looks; the truth is that of the looks around."""
        wrong, answers = [], 0
        by_device: dict[str, list[dict[str, Any]]] = {}
        for one in truths:
            by_device.setdefault(one["device"], []).append(one)
        for _ in range(MOMENTS):
            looks = by_device[chance.choice(list(by_device))]
            place = chance.randrange(len(looks) - 1)
            at = chance.uniform(looks[place]["at"], looks[place + 1]["at"])
            name = looks[place]["device"]
            evidence = reader.evidence(name, dt.datetime.fromtimestamp(at, dt.UTC))
            if evidence.skew_s is None:
                continue
            answers += 1
            least, most = evidence.skew_s
            wrong += [
                f"{name} at {at:.0f}: {one['skew']:.3f} s is not within {evidence.skew_s}"
                for one in looks[place : place + 2]
                if not least - 0.05 <= one["skew"] <= most + 0.05
            ]
        return answers, wrong[:5]


def _truth(finding: Finding, camera: Camera) -> dict[str, Any]:
    client = finding.info.client if finding.info else None
    return {
        "device": finding.device.name,
        "at": finding.at.timestamp(),
        "state": finding.state.value,
        "cause": finding.cause.value if finding.cause else None,
        "servers": list(servers_in_use(client) or ()) if client else None,
        "offset_ms": finding.offset_ms,
        "skew": camera.clock_error_s,
    }


def lost_of(reader: HistoryReader, truths: list[dict[str, Any]]) -> list[str]:
    """Tell every look that the history does not tell as it was; the first few."""
    lost = []
    timelines = {
        name: reader.timeline(name) for name in dict.fromkeys(one["device"] for one in truths)
    }
    places = dict.fromkeys(timelines, 0)
    for one in truths:
        timeline, name = timelines[one["device"]], one["device"]
        while (
            places[name] + 1 < len(timeline)
            and timeline[places[name] + 1].at.timestamp() <= one["at"] + 0.001
        ):
            places[name] += 1
        record = timeline[places[name]]
        offset_ms, kept_ms = one["offset_ms"], record.offset_ms
        moved = offset_ms is not None and kept_ms is not None and abs(offset_ms - kept_ms) > 50.001
        servers = list(record.servers or ()) if one["servers"] is not None else None
        cause = record.cause.value if record.cause else None
        told = (record.state.value, cause, servers, kept_ms is None)
        if told != (one["state"], one["cause"], one["servers"], offset_ms is None) or moved:
            lost.append(f"{name} at {one['at']:.0f}: {one} was told as {record}")
    return lost[:5]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, default=30.0)
    parser.add_argument("--devices", type=int, default=500)
    parser.add_argument("--interval", type=float, default=3600.0)
    parser.add_argument("--keep-days", type=float, default=7.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(
            given.days,
            given.devices,
            given.interval,
            given.keep_days,
            given.seed,
            Path(folder),
        )
        seen = asyncio.run(soak.run())
    sys.stdout.write(json.dumps(seen) + "\n")
    return int(bool(seen["lost"] or seen["wrong"] or seen["chain"] != "sound"))


if __name__ == "__main__":
    sys.exit(main())
