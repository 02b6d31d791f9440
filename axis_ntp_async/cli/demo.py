"""`demo`: a story of simulated cameras, from the first sweep to a mistake that is undone."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final

from attrs import evolve, field, frozen

from axis_ntp_async.cli import loop
from axis_ntp_async.cli.exits import ExitCode, say
from axis_ntp_async.cli.fleet import Fleet, pool_of
from axis_ntp_async.cli.options import FleetOptions
from axis_ntp_async.cli.planning import Made, show_plan
from axis_ntp_async.cli.reporting import write_page
from axis_ntp_async.cli.rolling import Following
from axis_ntp_async.cli.showing import Results
from axis_ntp_async.cli.sweeping import sweep_fleet
from axis_ntp_async.device.trust import KnownDevices, Trust
from axis_ntp_async.fleet.clock import Clock
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.fleet.slots import Limits
from axis_ntp_async.health.finding import PROFILES, Finding
from axis_ntp_async.health.sweep import sweep
from axis_ntp_async.inventory.credentials import resolve_credentials
from axis_ntp_async.inventory.inventory import load_inventory
from axis_ntp_async.policy.policy import Policy
from axis_ntp_async.policy.reading import policy_from
from axis_ntp_async.report.documents import finding_document, summary_document
from axis_ntp_async.report.page.page import page as page_of
from axis_ntp_async.report.page.report import Report
from axis_ntp_async.report.terminal import show
from axis_ntp_async.report.totals import summary_table
from axis_ntp_async.rollout.journal.journal import Journal
from axis_ntp_async.rollout.plan import Plan
from axis_ntp_async.rollout.planning.making import plan_of, planned
from axis_ntp_async.rollout.planning.undoing import plan_of_rollback
from axis_ntp_async.rollout.rollout import Rollout
from axis_ntp_async.rollout.rules.settings import Pace, ProofRules, Rules
from axis_ntp_async.simulator.demo import GOOD_SERVERS, demo_fleet
from axis_ntp_async.simulator.fleets import WRONG_SERVERS
from axis_ntp_async.simulator.model.world import VirtualTime

_SPEED: Final = 300.0
"""Seconds that pass for the cameras in one of ours, once the rollouts begin."""

_AFTER_A_CHANGE_S: Final = 600.0
"""Until then every camera has synced again, also those with OpenNTPD."""

_RULES: Final = Rules(
    proof=ProofRules(soak_canary_s=120.0, soak_s=60.0),
    pace=Pace(per_minute=600.0, per_server=None),
)


def demo(*, seed: int, output: str | None, show_all: bool, page: str | None) -> ExitCode:
    """Start the demo's fleet, and tell the story."""
    with tempfile.TemporaryDirectory() as folder:
        made = loop.run(_tell(Path(folder), seed, output, show_all=show_all))
    write_page(made, Path(page or tempfile.gettempdir()) / "axis-ntp-demo.html")
    say("the same for your own cameras: axis-ntp sweep INVENTORY, then axis-ntp plan --help")
    return ExitCode.OK


async def _tell(folder: Path, seed: int, output: str | None, *, show_all: bool) -> str:
    """Tell the story; give the page of its last sweep."""
    time = VirtualTime()
    async with demo_fleet(seed=seed, now=time) as cameras:
        inventory = load_inventory(cameras.write(folder))
        fleet = Fleet(
            devices=inventory.devices,
            credentials=resolve_credentials(inventory.credentials),
            trust=Trust(KnownDevices()),
        )
        story = _Story(fleet, folder, output, show_all)
        sites = len({device.site for device in fleet.devices})
        say(f"1. {len(fleet.devices)} simulated cameras in {sites} sites. How are their clocks?")
        await story.sweep()
        time.speed = _SPEED
        say(f"2. All shall ask {' and '.join(GOOD_SERVERS)}: what would that change?")
        made = await story.plan(GOOD_SERVERS)
        show_plan(made, output)
        say(
            f"3. Do it in waves, and watch their clocks. Time runs {_SPEED:.0f} times as fast now."
        )
        await story.apply(made.plan)
        say(f"4. Somebody mistypes a server: {WRONG_SERVERS[0]} is 37 s ahead. The canary tells.")
        made = await story.plan(WRONG_SERVERS[:1])
        name = await story.apply(made.plan)
        say("5. Undo it, as the third of these commands would.")
        await story.undo(name)
        say("6. How are their clocks now?")
        return await story.sweep_in_short()


@frozen
class _Story:
    """
    What happens to the demo's cameras.

    Attributes:
        fleet: The cameras.
        folder: Where the journal is.
        output: How things are shown.
        show_all: Whether tables list every device.
    """

    fleet: Fleet
    folder: Path
    output: str | None
    show_all: bool
    _clock: Clock = field(factory=lambda: Clock(_SPEED), init=False)

    async def sweep(self) -> None:
        """Judge all clocks."""
        await sweep_fleet(
            self.fleet, _PATIENCE, PROFILES["default"], self.output, show_all=self.show_all
        )

    async def sweep_in_short(self) -> str:
        """Judge all clocks, and show the totals only; give the whole as a page."""
        async with pool_of(self.fleet, _PATIENCE) as pool:
            sweeping = sweep(pool, self.fleet.devices)
            async with aclosing(sweeping):
                findings = [finding async for finding in sweeping]
        results = Results[Finding]("sweep", finding_document, lambda *_: "", (), self.output)
        if results.is_table:
            show(summary_table(sweeping.summary, with_causes=False))
        else:
            results.end(summary_document(sweeping.summary))
        now = dt.datetime.now(dt.UTC)
        return page_of(
            Report(findings=findings, summary=sweeping.summary, at=now, source="this demo")
        )

    async def plan(self, servers: Sequence[str]) -> Made:
        """Plan to point all cameras at these servers."""
        policy = _policy(servers)
        async with (
            pool_of(self.fleet, _PATIENCE) as pool,
            aclosing(planned(pool, self.fleet.devices, policy.configuration_for)) as looking,
        ):
            found = [one async for one in looking]
        made = evolve(
            plan_of(found, _RULES),
            made_by="demo",
            policy=policy.source,
            policy_digest=policy.digest,
        )
        return Made(made, found)

    async def apply(self, plan: Plan) -> str:
        """Carry out a plan; give the name of the run."""
        with Journal(self.folder / "rollouts.db", "demo") as journal:
            following = Following(journal, plan, _PATIENCE, self.output)
            await following.follow(
                self._pool(plan),
                lambda pool: Rollout.begin(pool, journal, plan, by="demo", clock=self._clock),
            )
            return journal.reader.name_of("latest")

    async def undo(self, name: str) -> None:
        """Roll a run back, and give the NTP clients of its cameras time to begin anew."""
        with Journal(self.folder / "rollouts.db", "demo") as journal:
            plan = plan_of_rollback(journal.reader.load(name))
            following = Following(journal, plan, _PATIENCE, self.output)
            await following.follow(
                self._pool(plan),
                lambda pool: Rollout.undo(pool, journal, plan, by="demo", clock=self._clock),
            )
        await self._clock.sleep(_AFTER_A_CHANGE_S)

    def _pool(self, plan: Plan) -> SessionPool:
        limits = Limits(total=plan.rules.pace.at_once)
        return pool_of(self.fleet, _PATIENCE, keep_alive=True, limits=limits)


def _policy(servers: Sequence[str]) -> Policy:
    wanted = {"enabled": True, "source": "static", "servers": list(servers)}
    return policy_from({"policy": wanted}, "the policy of this demo")


_PATIENCE: Final = FleetOptions(
    inventory="",
    limit=(),
    format=None,
    columns=(),
    username=None,
    password_from=None,
    tls=None,
    known_devices=None,
    concurrency=100,
    per_site=25,
    attempts=2,
    timeout_s=1.5,
    connect_timeout_s=1.5,
    quiet=False,
)
"""Less than usual: one of the cameras is silent, and nobody wants to wait for it."""
