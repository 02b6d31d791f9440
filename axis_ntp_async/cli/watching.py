"""`watch`: sweep for months, and tell others what lasts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shlex
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Final

from attrs import define, evolve, field

from axis_ntp_async.cli import loop
from axis_ntp_async.cli.exits import ExitCode, say
from axis_ntp_async.cli.fleet import counted, exit_code_of, pool_of, stoppable
from axis_ntp_async.cli.journals import journal_path, who
from axis_ntp_async.cli.options import FleetOptions, ThresholdOptions
from axis_ntp_async.cli.sources import FleetSource
from axis_ntp_async.cli.sweeping import thresholds_of
from axis_ntp_async.cli.telling import Telling
from axis_ntp_async.cli.watch_options import WatchOptions
from axis_ntp_async.cli.watch_setup import Setup
from axis_ntp_async.device.records import Device
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.errors import DeliveryError, HistoryError, SettingsError
from axis_ntp_async.fleet.clock import Clock
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.health.finding import Finding, State
from axis_ntp_async.health.history.files import history_path
from axis_ntp_async.health.history.history import History
from axis_ntp_async.health.history.reading import HistoryReader
from axis_ntp_async.health.history.recorder import Recorder
from axis_ntp_async.health.judge import judge
from axis_ntp_async.health.watch.events import SweepEnded, WatchEvent
from axis_ntp_async.health.watch.memory import WatchMemory
from axis_ntp_async.health.watch.notice import Notice
from axis_ntp_async.health.watch.rules import WatchRules
from axis_ntp_async.health.watch.watch import Watch
from axis_ntp_async.health.watch.watch import watch as watch_devices
from axis_ntp_async.report.metrics import write_textfile
from axis_ntp_async.service.board import Board
from axis_ntp_async.service.guard import guarded_by_time
from axis_ntp_async.service.notifier import Notifier, deliver_test
from axis_ntp_async.service.server import Server, serving
from axis_ntp_async.service.undelivered import is_one, notices_in, texts_of

_LOGGER: Final = logging.getLogger(__name__)

_LONG_S: Final = 120.0
_FEW: Final = 0.1
_HALF: Final = 0.5


def watch(
    options: FleetOptions,
    thresholds: ThresholdOptions,
    watching: WatchOptions,
    output: str | None,
    *,
    policy: str | None,
    journal: str | None,
    history: str | None,
) -> ExitCode:
    """Watch the selected devices until somebody stops it."""
    setup = Setup.of(watching, thresholds_of(thresholds))
    if watching.notify_test:
        return loop.run(_test(setup))
    source = FleetSource(options=options, policy_file=policy, journal=journal_path(journal))
    source.open()
    if not watching.once:
        _log_times()
    with History(history_path(history), f"{who()}, process {os.getpid()}") as opened:
        running = Running(setup=setup, source=source, history=opened, output=output)
        running.check_history()
        with contextlib.suppress(KeyboardInterrupt):
            loop.run(running.run())
    return running.exit_code


def _log_times() -> None:
    """Give what is logged its time: it may be read days later."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(logging.Formatter("axis-ntp: %(asctime)s %(message)s", "%H:%M:%S"))


async def _test(setup: Setup) -> ExitCode:
    """Find out whether notices get through, and not in the night when one has to."""
    code = ExitCode.OK
    for channel in setup.channels:
        try:
            await deliver_test(channel)
        except DeliveryError as error:
            say(f"not delivered: {error}")
            code = ExitCode.SOME_FAILED
        else:
            say(f"delivered: {channel.name}")
    return code


@define(kw_only=True)
class Running:
    """
    A watch with all who listen to it.

    Attributes:
        setup: What was asked for.
        source: Its devices, already read once.
        history: Where findings are kept.
        output: How things are shown.
        clock: Time as it passes.
        last: The last sweep that ended.
    """

    setup: Setup
    source: FleetSource
    history: History
    output: str | None
    clock: Clock = field(factory=Clock)
    last: SweepEnded | None = field(default=None, init=False)
    _memory: WatchMemory = field(init=False)
    _late: dict[str, Notice] = field(init=False)
    _textfile_fault: str | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        texts = self.history.memory()
        waiting = {key for key in texts if is_one(key)}
        try:
            self._memory = WatchMemory.from_plain(texts)
        except HistoryError as error:
            say(f"{error}: what was known of the devices begins anew")
            self.history.remember(dict.fromkeys(texts.keys() - waiting))
            self._memory = WatchMemory()
        try:
            self._late = notices_in(texts)
        except ValueError as error:
            say(f"{error}: these notices are lost")
            self.history.remember(dict.fromkeys(waiting))
            self._late = {}

    def check_history(self) -> None:
        """
        Do not take a whole fleet for gone because few of its devices are watched this time.

        Raises:
            SettingsError: The history is that of other devices.
        """
        names = {device.name for device in self.source.fleet.devices}
        listed = {device.name for device in self.source.fleet.listed}
        known = self._memory.standings.keys()
        others = known - names
        are_left_out = len(others & listed) > _FEW * len(known)
        are_unknown = len(others - listed) > _HALF * len(known)
        if self.setup.options.forget_others or not (are_left_out or are_unknown):
            return
        raise SettingsError(
            f"history {self.history.path} knows {counted(len(known), 'device')}, of which "
            f"{len(others)} are not watched this time, such as {min(others)!r}. Give this watch a "
            "history of its own with --history FILE, or, if they are gone for good, say so with "
            "--forget-others"
        )

    @property
    def exit_code(self) -> ExitCode:
        """What a single sweep leaves with; a watch that was stopped has done its work."""
        if self.last is None or not self.setup.options.once:
            return ExitCode.OK
        summary = self.last.summary
        errors = [finding.error for group in summary.groups.values() for finding in group.examples]
        is_critical = any(
            finding.error is None and finding.state is State.CRITICAL
            for group in summary.groups.values()
            for finding in group.examples
        )
        return exit_code_of(errors, others_failed=is_critical)

    async def run(self) -> None:
        """Sweep, and hand everything on, until the end."""
        options, memory = self.setup.options, self._memory
        notifier = Notifier(self.setup.channels, late=self._late)
        recorder = Recorder(
            self.history,
            memory,
            with_offsets=options.once,
            besides=lambda: texts_of(notifier.undelivered),
        )
        async with AsyncExitStack() as stack:
            pool = await stack.enter_async_context(self._pool())
            await stack.enter_async_context(recorder)
            await stack.enter_async_context(notifier)
            board = self._board(recorder)
            if self.setup.address:
                await stack.enter_async_context(self._serving(board, pool, self.setup.address))
            watching = self._watch(pool, memory)
            telling = Telling(self.output, self.source.options.quiet)
            stack.enter_context(stoppable(watching))
            if not options.once:
                await stack.enter_async_context(guarded_by_time(board))
            async with aclosing(watching):
                async for event in watching:
                    notifier.take(event)  # first: what it is to tell is remembered, too
                    await recorder.take(event)
                    board.overview.rollouts = self.source.rollouts
                    board.take(event)
                    telling.take(event)
                    await self._end_sweep(event, board)

    def _pool(self) -> SessionPool:
        # The mapping itself, not a copy: a reloaded inventory adds its secrets to it.
        fleet = evolve(self.source.fleet, credentials=self.source.credentials)
        return pool_of(fleet, self.source.options)

    def _watch(self, pool: SessionPool, memory: WatchMemory) -> Watch:
        options = self.setup.options
        rules = WatchRules(interval_s=options.interval_s)
        devices = len(self.source.fleet.devices)
        if not (options.once or self.source.options.quiet):
            every = _duration(rules.interval_for(devices))
            say(f"watching {counted(devices, 'device')}, every {every}; Ctrl-C ends it")
        return watch_devices(
            pool,
            self.source,
            rules=rules,
            thresholds=self.setup.thresholds,
            desired=self.source.desired if self.source.policy_file else None,
            changed_at=self.source.when_changed,
            memory=memory,
            clock=self.clock,
            sweeps=1 if options.once else None,
        )

    def _board(self, recorder: Recorder) -> Board:
        options = self.source.options
        return Board(
            source=self.source.fleet.source,
            commands=shlex.quote(options.inventory),
            policy=self.source.policy_file,
            thresholds=self.setup.thresholds,
            history=HistoryReader(self.history.path),
            clock=self.clock,
            faults=lambda: (recorder.fault,) if recorder.fault else (),
        )

    @contextlib.asynccontextmanager
    async def _serving(
        self, board: Board, pool: SessionPool, address: tuple[str, int]
    ) -> AsyncIterator[None]:
        async def look(device: Device) -> Finding:
            outcome = await pool.one(device, DeviceSession.get_ntp_info)
            return judge(outcome, self.setup.thresholds, self.source.desired(device))

        server = Server(board=board, look=look, per_device=self.setup.options.per_device)
        host, port = address
        async with AsyncExitStack() as stack:
            try:
                served = await stack.enter_async_context(
                    serving(server.application(self.setup.access), host, port)
                )
            except OSError as error:
                raise SettingsError(f"--listen {host}:{port}: {error.strerror}") from error
            shown = f"[{host}]" if ":" in host else host
            say(f"metrics, probes and the page: http://{shown}:{served}/")
            yield

    async def _end_sweep(self, event: WatchEvent, board: Board) -> None:
        if not isinstance(event, SweepEnded):
            return
        self.last = event
        if textfile := self.setup.options.textfile:
            await self._write_textfile(Path(textfile), board)

    async def _write_textfile(self, path: Path, board: Board) -> None:
        """Write the metrics; a disk that is full is told once, and ends no watch."""
        per_device, known, fault = self.setup.options.per_device, board.snapshot(), None
        try:
            await asyncio.to_thread(write_textfile, path, known, per_device=per_device)
        except SettingsError as error:
            fault = str(error)
        except OSError as error:
            fault = f"{path}: {error.strerror}"
        if fault and fault != self._textfile_fault:
            _LOGGER.warning("--textfile: %s; the watch goes on without", fault)
        elif self._textfile_fault and not fault:
            _LOGGER.warning("--textfile: %s can be written again", path)
        self._textfile_fault = fault


def _duration(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < _LONG_S else f"{seconds / 60:g} min"
