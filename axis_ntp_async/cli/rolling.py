"""`apply`, and `rollout resume` and `rollback`: devices are changed, wave by wave."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from axis_ntp_async.cli import loop
from axis_ntp_async.cli.exits import ExitCode, confirmed_by_count, say
from axis_ntp_async.cli.fleet import fleet_of, pool_of, stoppable
from axis_ntp_async.cli.journals import (
    journal_option,
    opened_journal,
    warn_of_interrupted,
    who,
)
from axis_ntp_async.cli.options import FleetOptions, PoolOptions
from axis_ntp_async.cli.planning import (
    again,
    exit_code_of_unplannable,
    fault_of_servers,
    make,
    show_plan,
)
from axis_ntp_async.cli.rollout_options import (
    PreflightOptions,
    RuleOptions,
    only_typed,
    rules_of,
)
from axis_ntp_async.cli.showing import Results
from axis_ntp_async.errors import JournalError, SettingsError
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.fleet.slots import Limits
from axis_ntp_async.report.rollout.board import Board
from axis_ntp_async.report.rollout.documents import EVENT_COLUMNS, event_document
from axis_ntp_async.report.rollout.live import is_watched, shown_live
from axis_ntp_async.report.rollout.plans import plan_table
from axis_ntp_async.report.rollout.runs import run_table
from axis_ntp_async.report.terminal import show
from axis_ntp_async.rollout.events import Event, Finished, Paused, WaveJudged
from axis_ntp_async.rollout.journal.journal import Journal
from axis_ntp_async.rollout.plan import Plan, Result
from axis_ntp_async.rollout.planning.document import is_plan, read_plan
from axis_ntp_async.rollout.planning.undoing import plan_of_rollback, rules_of_rollback
from axis_ntp_async.rollout.rollout import Rollout, check_resumable, check_undoable

_LINE_EVERY_S: Final = 10.0
_WRITES_PER_SITE: Final = 10
"""Devices changed at once in one site: a wave has many sites, and a site one uplink."""

_WRONG: Final = frozenset({Result.FAILED, Result.UNDECIDED, Result.LEFT_ALONE})


def apply(
    options: FleetOptions,
    policy_file: str | None,
    rules: RuleOptions,
    preflight: PreflightOptions,
    *,
    journal: str | None,
    output: str | None,
    yes: bool,
) -> ExitCode:
    """Bring the selected devices to what the policy wants of them, or carry out a plan."""
    path = Path(options.inventory)
    with opened_journal(journal) as opened:
        warn_of_interrupted(opened)
        if is_plan(path):
            made = again(read_plan(path), rules, preflight)
        else:
            made = make(options, policy_file, rules, preflight)
        if not made.plan.steps:
            say("nothing to change")
            show_plan(made, output)
            return exit_code_of_unplannable(made.plan)
        if not (options.quiet and yes):
            show(plan_table(made.plan, made.checks), on_stderr=True)
        if fault := fault_of_servers(made.checks, preflight):
            raise SettingsError(fault)
        if not confirmed_by_count("apply", len(made.plan.steps), yes=yes):
            say("nothing was changed")
            return ExitCode.OK
        following = Following(opened, made.plan, options, output)
        return following.carry_out(lambda pool: Rollout.begin(pool, opened, made.plan, by=who()))


def resume(run: str, options: PoolOptions, journal: str | None, output: str | None) -> ExitCode:
    """Go on with a run that was paused, interrupted or killed."""
    with opened_journal(journal) as opened:
        found = opened.reader.load(opened.reader.name_of(run))
        check_resumable(found)
        following = Following(opened, found.plan, options, output, is_resumed=True)
        return following.carry_out(lambda pool: Rollout.resume(pool, opened, found.name))


def rollback(
    run: str,
    options: PoolOptions,
    rules: RuleOptions,
    *,
    journal: str | None,
    output: str | None,
    yes: bool,
) -> ExitCode:
    """Restore what devices had before a run, as a run of its own."""
    with opened_journal(journal) as opened:
        found = opened.reader.load(opened.reader.name_of(run, to_undo=True))
        wanted = rules_of(only_typed(rules), rules_of_rollback(found.plan.rules))
        back = evolve(plan_of_rollback(found, wanted), made_by=who())
        check_undoable(found, back)
        if not (options.quiet and yes):
            show(plan_table(back), on_stderr=True)
        if not confirmed_by_count("rollback", len(back.steps), yes=yes):
            say("nothing was changed")
            return ExitCode.OK
        following = Following(opened, back, options, output)
        return following.carry_out(lambda pool: Rollout.undo(pool, opened, back, by=who()))


@frozen
class Following:
    """
    A run that is shown while it goes on, and what to do when it stops.

    Attributes:
        journal: An open one.
        plan: What is done.
        options: How devices are reached.
        output: Where its events go.
        is_resumed: Whether it goes on where it was left.
    """

    journal: Journal
    plan: Plan
    options: PoolOptions
    output: str | None
    is_resumed: bool = False

    def carry_out(self, begin: Callable[[SessionPool], Rollout]) -> ExitCode:
        """Fetch the secrets, begin, and follow it to its end."""
        fleet, pace = fleet_of(self.plan, self.options), self.plan.rules.pace
        limits = Limits(total=pace.at_once, per_site=min(self.options.per_site, _WRITES_PER_SITE))
        pool = pool_of(fleet, self.options, keep_alive=True, limits=limits)
        return loop.run(self.follow(pool, begin))

    async def follow(self, pool: SessionPool, begin: Callable[[SessionPool], Rollout]) -> ExitCode:
        """Begin a run in a pool that is not open yet, and follow it to its end."""
        results = Results[Event](
            "rollout", event_document, lambda *_: "", EVENT_COLUMNS, self.output
        )
        async with pool:
            rollout = begin(pool)
            with stoppable(rollout):
                last = await self._last_of(rollout, results)
                if not results.is_table:
                    results.end()
                elif last is not None:
                    show(run_table(self.journal.reader.load(rollout.name)))
                if isinstance(last, Paused):
                    self._tell_what_next(last)
        return self._exit_code(last) if isinstance(last, Finished) else ExitCode.STOPPED

    async def _last_of(
        self, rollout: Rollout, results: Results[Event]
    ) -> Paused | Finished | None:
        """Show all events; give the one that tells how it ended, unless its journal failed."""
        last = None
        board = Board.of(self.journal.reader.load(rollout.name)) if self.is_resumed else Board()
        try:
            last = await _show_events(rollout, board, results, self.options)
        except JournalError as error:
            say(f"nothing more is sent: {error}")
        finally:
            if last is None:
                with contextlib.suppress(JournalError):
                    warn_of_interrupted(self.journal)
        return last

    def _tell_what_next(self, paused: Paused) -> None:
        """Say why a run has stopped, and the exact commands for what can be done now."""
        is_canary = paused.wave == 1 and len(self.plan.waves) > 1
        place = "the canary" if is_canary else f"wave {paused.wave}"
        about = f" ({paused.cause.replace('_', ' ')})" if paused.verdict else ""
        say(f"paused in {place}: {paused.message}{about}")
        if paused.devices:
            more = f" and {paused.count - len(paused.devices)} more"
            names = ", ".join(paused.devices)
            say(f"devices: {names}{more if paused.count > len(paused.devices) else ''}")
        where = journal_option(self.journal.path)
        for purpose, command in (
            ("look at it", "show"),
            ("go on all the same" if paused.verdict else "go on", "resume"),
            ("undo it", "rollback"),
            ("end it as it is", "abort"),
        ):
            say(f"  {purpose + ':':20} axis-ntp rollout {command} {paused.run}{where}")

    def _exit_code(self, last: Finished) -> ExitCode:
        wrong = any(count for state, count in last.states.items() if state.result in _WRONG)
        return ExitCode.SOME_FAILED if wrong else exit_code_of_unplannable(self.plan)


async def _show_events(
    rollout: Rollout, board: Board, results: Results[Event], options: PoolOptions
) -> Paused | Finished | None:
    """Give the events to whoever wants them; the one that tells how it ended is given back."""
    told: Paused | Finished | None = None
    is_live = is_watched() and results.leaves_room(options)
    async with (
        _shown(board, is_live=is_live, quiet=options.quiet),
        aclosing(rollout.run()) as events,
    ):
        async for event in events:
            board.take(event)
            if not results.is_table:
                results.add(event)
            if isinstance(event, WaveJudged) and not is_live and not options.quiet:
                say(f"wave {event.wave}: {event.verdict.value}")
            if isinstance(event, Paused) or (told is None and isinstance(event, Finished)):
                told = event
    return told


@contextlib.asynccontextmanager
async def _shown(board: Board, *, is_live: bool, quiet: bool) -> AsyncIterator[None]:
    """Show a board while something goes on: live, or in a line every ten seconds."""
    if quiet:
        yield
        return
    if is_live:
        with shown_live(board):
            yield
        return
    telling = asyncio.create_task(_tell_now_and_then(board))
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


async def _tell_now_and_then(board: Board) -> None:
    while True:
        await asyncio.sleep(_LINE_EVERY_S)
        say(board.line(dt.datetime.now(dt.UTC)))
