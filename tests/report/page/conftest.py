"""Fleets as they are met, judged without a network, and a browser that looks at them."""

import datetime as dt
import random
import shutil
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from attrs import evolve, field, frozen

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import (
    ClockReading,
    Device,
    NTPClientStatus,
    NTPInfo,
    Outcome,
    ServersSource,
)
from axis_ntp_async.errors import (
    CertificateRejectedError,
    DeviceError,
    DeviceUnreachableError,
    LoginRefusedError,
    UnsupportedDeviceError,
)
from axis_ntp_async.health.finding import Finding, State, servers_in_use
from axis_ntp_async.health.history.record import Record, SweepRecord
from axis_ntp_async.health.judge import judge
from axis_ntp_async.health.sweep import Summary
from axis_ntp_async.health.watch.site_causes import SiteCause, SiteTrouble
from axis_ntp_async.report.page.page import page
from axis_ntp_async.report.page.report import Report

CHROMIUM: Final = shutil.which("chromium")
ARGUMENTS: Final = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
AT: Final = dt.datetime(2026, 3, 1, 12, 5, tzinfo=dt.UTC)
HOSTILE: Final = (
    "</script><img src=x onerror=alert(1)>",
    "<!--<script>",
    "javascript:alert(1)",
    "a\u2028b\u2029c",
    "gate\u202egnp.exe",
    "' onmouseover='alert(1)",
    '"><svg onload=alert(1)>',
    "${alert(1)} $data {{x}} &lt;b&gt;",
    "\ud800 lone",
)
"""Names that somebody may give to a device, a site or a server."""


class Fleet:
    """Builds findings: `device` for one, `report` for all so far."""

    def __init__(self, seed: int = 7) -> None:
        self.chance = random.Random(seed)  # noqa: S311  a fleet, no secret
        self.findings: list[Finding] = []

    def device(
        self,
        name: str,
        site: str | None = "berlin",
        *,
        error: type[DeviceError] | None = None,
        words: str = "no answer within 3 s",
        skew_s: float | None = None,
        desired: NTPClientConfiguration | None = None,
        scheme: str = "https",
        **client: Any,
    ) -> Finding:
        """Judge one more device: well, but for what is named."""
        number = len(self.findings)
        device = Device(
            name=name,
            host=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
            site=site,
            scheme=scheme,
            serial=f"ACCC8E{number:06X}",
        )
        status = evolve(self._well(), **client)
        clock = ClockReading(
            device_time=AT,
            read_at=AT,
            round_trip_s=0.02,
            skew_s=self.chance.gauss(0, 0.3) if skew_s is None else skew_s,
            uncertainty_s=0.51,
        )
        outcome = Outcome[NTPInfo](
            device=device,
            value=None if error else NTPInfo(api_version="1.5", client=status, clock=clock),
            error=error(name, words) if error else None,
            at=AT - dt.timedelta(seconds=number % 40),
            attempts=3 if error else 1,
            elapsed_s=0.1,
        )
        self.findings.append(judge(outcome, desired=desired))
        return self.findings[-1]

    def _well(self) -> NTPClientStatus:
        return NTPClientStatus(
            enabled=True,
            nts_enabled=False,
            servers_source=ServersSource.STATIC,
            static_servers=("10.0.0.5", "10.0.0.6"),
            synced=True,
            time_to_next_sync_s=40,
            time_offset_ms=self.chance.lognormvariate(1.2, 1.1) * self.chance.choice((1, -1)),
        )

    def report(self, **more: Any) -> Report:
        """Give all of them as a report."""
        summary = Summary()
        for finding in self.findings:
            summary.add(finding)
        given: dict[str, Any] = {"at": AT, "source": "fleet.toml", "commands": "fleet.toml"}
        return Report(findings=self.findings, summary=summary, **given | more)


def courses_of(findings: Iterable[Finding], seed: int = 1) -> dict[str, Sequence[Record]]:
    """Give a day of records, one an hour, that end in these findings."""
    chance = random.Random(seed)  # noqa: S311  a history, no secret
    return {
        one.device.name: [_record(one, hours, chance) for hours in range(24, -1, -1)]
        for one in findings
    }


def _record(finding: Finding, hours: int, chance: random.Random) -> Record:
    client = finding.info.client if finding.info else None
    is_now = hours < 3
    offset_ms = finding.offset_ms if is_now else chance.gauss(0, 4)
    return Record(
        device=finding.device.name,
        address=finding.device.address,
        site=finding.device.site,
        at=AT - dt.timedelta(hours=hours),
        state=finding.state if is_now or chance.random() < 0.03 else State.OK,
        servers=servers_in_use(client) if client else None,
        offset_ms=offset_ms,
        skew_s=finding.skew_s,
    )


def sweeps_of(report: Report, hours: int = 48, seed: int = 2) -> list[SweepRecord]:
    """Give two days of sweeps, four an hour, the last hours like this report."""
    chance = random.Random(seed)  # noqa: S311  a history, no secret
    return [_sweep(report, quarter, chance) for quarter in range(4 * hours, 0, -1)]


def _sweep(report: Report, quarters: int, chance: random.Random) -> SweepRecord:
    at = report.at - dt.timedelta(minutes=15 * quarters)
    sites: dict[str | None, dict[State, int]] = {}
    totals = dict.fromkeys(State, 0)
    for site, now in report.summary.sites.items():
        share = 1.0 if quarters < 12 else 0.25 + 0.2 * chance.random()
        counts = {state: round(now[state] * share) for state in State}
        counts[State.OK] += now.total() - sum(counts.values())
        sites[site] = counts
        for state, count in counts.items():
            totals[state] += count
    return SweepRecord(at=at, ended_at=at + dt.timedelta(seconds=50), states=totals, sites=sites)


WANTED: Final = NTPClientConfiguration(
    enabled=True, servers_source=ServersSource.STATIC, static_servers=("10.0.0.5", "10.0.0.6")
)
WRONG: Final = ("ntp.wrong.example",)
SERVERS: Final = {"oslo": ("10.3.0.1",), "riga": ("10.5.0.1", "10.5.0.2", "10.5.0.3")}


def believable(count: int = 420) -> Fleet:
    """Give a fleet with the troubles that fleets have; one site has lost its time server."""
    fleet = Fleet()
    sites = {"berlin": 0.36, "lyon": 0.24, "oslo": 0.18, "porto": 0.14, "riga": 0.08}
    for site, share in sites.items():
        for number in range(round(count * share)):
            servers = SERVERS.get(site, ("10.0.0.5", "10.0.0.6"))
            usual: dict[str, Any] = {
                "static_servers": servers,
                "desired": _wanted(site, servers),
            }
            place = ("gate", "lobby", "dock", "yard")[number % 4]
            fleet.device(f"{site}-{place}-{number + 1}", site, **usual | _trouble(site, number))
    return fleet


def _wanted(site: str, servers: tuple[str, ...]) -> NTPClientConfiguration:
    return evolve(WANTED, static_servers=servers) if site != "oslo" else WANTED


def _trouble(site: str, number: int) -> dict[str, Any]:
    if site == "oslo" and number % 12:
        return {"synced": False, "time_offset_ms": 0.0, "skew_s": 0.4}
    if site == "lyon" and number < 7:
        return {"static_servers": WRONG, "skew_s": 37.2 + number % 3 / 10, "time_offset_ms": 0.4}
    troubles: dict[tuple[str, int], dict[str, Any]] = {
        ("berlin", 3): {"enabled": False, "synced": False},
        ("berlin", 9): {"error": LoginRefusedError, "words": "refused the login (401)"},
        ("berlin", 14): {"error": DeviceUnreachableError},
        ("berlin", 15): {"error": DeviceUnreachableError, "words": "connection refused"},
        ("berlin", 22): {"time_offset_ms": 412.7, "skew_s": 0.6},
        ("berlin", 23): {"time_offset_ms": -5230.0, "skew_s": -5.1},
        ("berlin", 30): {"error": UnsupportedDeviceError, "words": "has no NTP API (404)"},
        ("porto", 2): {"static_servers": (), "synced": False},
        ("porto", 5): {"static_servers": ("10.0.0.5",)},
        ("porto", 6): {"static_servers": ("10.0.0.5",)},
        ("porto", 8): {"skew_s": -1.77e9, "synced": False},
        ("porto", 9): {"time_offset_ms": 150.0, "scheme": "http"},
        ("lyon", 9): {
            "error": CertificateRejectedError,
            "words": "its certificate is not the recorded one",
        },
        ("lyon", 20): {"static_servers": ("10.0.0.6", "10.0.0.5")},
        ("riga", 1): {"error": DeviceUnreachableError},
    }
    return troubles.get((site, number), {})


OSLO: Final = SiteCause(
    site="oslo",
    trouble=SiteTrouble.TIME_SERVER,
    servers=("10.3.0.1",),
    affected=69,
    of=76,
    began_at=AT - dt.timedelta(hours=2, minutes=47),
    within_s=360.0,
    examples=("oslo-lobby-2", "oslo-dock-3"),
)


def full_report(count: int = 420) -> Report:
    """Give a believable fleet with everything that can be known beside it."""
    fleet = believable(count)
    report = fleet.report(
        policy="policy.toml",
        site_causes=[OSLO],
        notes=["fleet.toml could not be read again (line 12: no host); the list of 11:45 is used"],
        courses=courses_of(fleet.findings),
    )
    return evolve(report, sweeps=sweeps_of(report))


@pytest.fixture
def fleet() -> Fleet:
    """A fleet without devices so far."""
    return Fleet()


@pytest.fixture(scope="session")
def full() -> Report:
    """A believable fleet with everything that can be known beside it."""
    return full_report()


@pytest.fixture(scope="session")
def make_full() -> Callable[..., Report]:
    """Make a believable fleet of some size."""
    return full_report


@pytest.fixture(scope="session")
def hostile() -> Report:
    """A fleet whose names, sites, servers and messages were chosen to do harm."""
    fleet = Fleet()
    for name in HOSTILE:
        fleet.device(name, name, words=name, error=UnsupportedDeviceError)
        fleet.device(f"{name} ", f"{name} ", static_servers=(name,), skew_s=40.0)
    return fleet.report(
        source=HOSTILE[0],
        policy=HOSTILE[6],
        notes=HOSTILE,
        site_causes=[evolve(OSLO, site=HOSTILE[0], servers=HOSTILE[:2], examples=HOSTILE)],
        courses=courses_of(fleet.findings),
    )


@pytest.fixture
def day_of() -> Callable[[Iterable[Finding]], dict[str, Sequence[Record]]]:
    """Make a day of records that end in these findings."""
    return courses_of


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncGenerator[Any, None]:
    """One browser for all tests of a file."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine")
    playwright = pytest.importorskip(
        "playwright.async_api", reason="playwright, which drives the browser, is not installed"
    )
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        await browser.close()


@frozen
class Opened:
    """
    A page that is open.

    Attributes:
        tab: The browser's tab.
        complaints: What it wrote to its console, threw, or was forbidden.
        requests: Addresses that it asked for, its own file left out.
    """

    tab: Any
    complaints: list[str] = field(factory=list)
    requests: list[str] = field(factory=list)

    def listen(self) -> None:
        """Take down whatever is not as it should be."""
        self.tab.on("console", lambda message: self.complaints.append(message.text))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        self.tab.on("request", lambda request: self.requests.append(request.url))


@pytest.fixture
def opened(browser: Any) -> Callable[..., Any]:
    """Open a page; afterwards see that it has neither complained nor asked for anything else."""

    @asynccontextmanager
    async def open_page(address: str, **how: Any) -> AsyncGenerator[Opened, None]:
        context = await browser.new_context(**{"timezone_id": "Europe/Berlin", **how})
        found = Opened(await context.new_page())
        found.listen()
        await found.tab.goto(address)
        yield found
        await context.close()
        assert found.complaints == []
        if address.startswith("file:"):
            assert not [one for one in found.requests if not one.startswith(("file:", "data:"))]

    return open_page


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Report, str], str]:
    """Write a report to a file, and give its address."""
    folder = tmp_path_factory.mktemp("pages")

    def to(report: Report, name: str) -> str:
        path = Path(folder, f"{name}.html")
        if not path.exists():
            path.write_text(page(report), encoding="utf-8")
        return path.as_uri()

    return to
