"""`watch`: sweep for months, and tell others what lasts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Final

from attrs import define, evolve, field, frozen
from yarl import URL

from axis_ntp_async.cli import loop
from axis_ntp_async.cli.exits import ExitCode, say
from axis_ntp_async.cli.fleet import counted, exit_code_of, pool_of, stoppable
from axis_ntp_async.cli.journals import journal_path, who
from axis_ntp_async.cli.options import FleetOptions, ThresholdOptions
from axis_ntp_async.cli.secrets import secret_of
from axis_ntp_async.cli.sources import FleetSource
from axis_ntp_async.cli.sweeping import thresholds_of
from axis_ntp_async.cli.telling import Telling
from axis_ntp_async.cli.watch_options import WatchOptions
from axis_ntp_async.device.records import Device
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.errors import HistoryError, SettingsError
from axis_ntp_async.fleet.clock import Clock
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.health.finding import Finding, State, Thresholds
from axis_ntp_async.health.history.files import history_path
from axis_ntp_async.health.history.history import History
from axis_ntp_async.health.history.reading import HistoryReader
from axis_ntp_async.health.history.recorder import Recorder
from axis_ntp_async.health.judge import judge
from axis_ntp_async.health.watch.events import SweepEnded, WatchEvent
from axis_ntp_async.health.watch.memory import WatchMemory
from axis_ntp_async.health.watch.overview import Overview
from axis_ntp_async.health.watch.rules import WatchRules
from axis_ntp_async.health.watch.watch import Watch
from axis_ntp_async.health.watch.watch import watch as watch_devices
from axis_ntp_async.report.metrics import exposition, write_textfile
from axis_ntp_async.service.access import TOKEN_LEAST, Access, is_loopback_address
from axis_ntp_async.service.board import Board
from axis_ntp_async.service.channels import Channel, Command, Webhook
from axis_ntp_async.service.notifier import Notifier
from axis_ntp_async.service.server import Server, serving

_LONG_S: Final = 120.0
_SCHEMES: Final = ("http://", "https://")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""What HTTP lets a header be called."""


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
    source = FleetSource(options=options, policy_file=policy, journal=journal_path(journal))
    source.open()
    with History(history_path(history), f"{who()}, process {os.getpid()}") as opened:
        running = Running(setup=setup, source=source, history=opened, output=output)
        with contextlib.suppress(KeyboardInterrupt):
            loop.run(running.run())
    return running.exit_code


@frozen(kw_only=True)
class Setup:
    """
    What was asked for, checked before anything begins.

    Attributes:
        options: As they were typed.
        thresholds: When a value is too large.
        channels: Whom to notify.
        address: Host and port to serve at; `None` serves nothing.
        access: Who may look there.
    """

    options: WatchOptions
    thresholds: Thresholds
    channels: tuple[Channel, ...]
    address: tuple[str, int] | None
    access: Access

    @classmethod
    def of(cls, options: WatchOptions, thresholds: Thresholds) -> Setup:
        """
        Check the options, and fetch the secrets that they refer to.

        Raises:
            SettingsError: An option has a wrong value.
            CredentialsError: A secret cannot be had.
        """
        token = secret_of("--token-from", options.token_from) if options.token_from else None
        if token is not None and len(token) < TOKEN_LEAST:
            raise SettingsError(f"--token-from: a token needs at least {TOKEN_LEAST} characters")
        address = _address(options.listen) if options.listen else None
        if address and token is None and not is_loopback_address(address[0]):
            raise SettingsError(
                f"--listen {options.listen}: others than this machine could look there; "
                "name a token with --token-from, or listen at 127.0.0.1"
            )
        if options.textfile or address:
            exposition(Overview())  # tells now, and not after a sweep, that an extra is missing
        return cls(
            options=options,
            thresholds=thresholds,
            channels=tuple(_channels(options)),
            address=address,
            access=Access(token=token),
        )


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
        options, memory = self.setup.options, self._memory()
        async with AsyncExitStack() as stack:
            pool = await stack.enter_async_context(self._pool())
            recorder = await stack.enter_async_context(
                Recorder(self.history, memory, with_offsets=options.once)
            )
            notifier = await stack.enter_async_context(Notifier(self.setup.channels))
            board = self._board(recorder)
            if self.setup.address:
                await stack.enter_async_context(self._serving(board, pool, self.setup.address))
            watching = self._watch(pool, memory)
            telling = Telling(self.output, self.source.options.quiet)
            stack.enter_context(stoppable(watching))
            async with aclosing(watching):
                async for event in watching:
                    await recorder.take(event)
                    notifier.take(event)
                    board.overview.rollouts = self.source.rollouts
                    board.take(event)
                    telling.take(event)
                    await self._end_sweep(event, board)

    def _memory(self) -> WatchMemory:
        try:
            return WatchMemory.from_plain(self.history.memory())
        except HistoryError as error:
            say(f"{error}: what was known of the devices begins anew")
            self.history.remember(dict.fromkeys(self.history.memory()))
            return WatchMemory()

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
            per_device = self.setup.options.per_device
            known = board.snapshot()
            try:
                await asyncio.to_thread(
                    write_textfile, Path(textfile), known, per_device=per_device
                )
            except (SettingsError, OSError) as error:
                say(f"--textfile {textfile}: {error}; the watch goes on without")


def _duration(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < _LONG_S else f"{seconds / 60:g} min"


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdigit() or int(port) >= 1 << 16:
        raise SettingsError(f"--listen {text!r}: expected HOST:PORT, like 127.0.0.1:9108")
    return host, int(port)


def _channels(options: WatchOptions) -> Iterator[Channel]:
    headers = dict(map(_header, options.webhook_headers))
    if options.webhook:
        url = options.webhook
        if not url.startswith(_SCHEMES):
            url = secret_of("--webhook", url)
        if not url.startswith(_SCHEMES) or not _has_host(url):
            raise SettingsError("--webhook: what it names is no URL that begins with https://")
        yield Webhook(url=url, headers=headers)
    elif headers:
        raise SettingsError("--webhook-header: there is no --webhook to send it to")
    if options.notify_command is not None:
        try:
            words = shlex.split(options.notify_command)
        except ValueError:
            words = []
        if not words:
            raise SettingsError("--notify-command: is empty, or its quotes do not match")
        yield Command(words=words)


def _has_host(url: str) -> bool:
    try:
        return bool(URL(url).host)
    except ValueError:
        return False


def _header(text: str) -> tuple[str, str]:
    name, _, reference = text.partition("=")
    if not reference or not _TOKEN.fullmatch(name.strip()):
        raise SettingsError(
            "--webhook-header: expected NAME=REFERENCE, like Authorization=env:HOOK_TOKEN"
        )
    value = secret_of(f"--webhook-header {name.strip()}", reference)
    if not value.isprintable():
        raise SettingsError(f"--webhook-header {name.strip()}: the value has control characters")
    return name.strip(), value
