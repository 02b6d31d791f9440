"""`Recorder`: from what a watch tells into a history, and the watch never waits for long."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self

from axis_ntp_async.errors import HistoryError
from axis_ntp_async.health.history.history import History
from axis_ntp_async.health.history.keeping import record_of
from axis_ntp_async.health.history.record import Note, NoteKind, Record, SweepRecord
from axis_ntp_async.health.watch.events import Found, SweepBegan, SweepEnded, Topic, WatchEvent
from axis_ntp_async.health.watch.memory import WatchMemory

_LOGGER: Final = logging.getLogger(__name__)

_AT_ONCE: Final = 500
_AT_LEAST_EVERY_S: Final = 10.0
"""More than this is never lost when the process is killed."""


_FORGETTING_S: Final = 5.0
"""So long a sweep's end may take to forget what is too old; a large fleet has much of it."""


class Recorder:
    """
    Writes what a watch tells into a history, as a context manager.

    When the history cannot be written, the watch goes on: `fault` and the log
    tell why, and what was found waits in memory.

    Args:
        history: An open one, which stays open.
        memory: What the watch keeps; it is remembered after each sweep.

        with_offsets:
            Also remember offsets that move, see `WatchMemory.plain`; for a
            process that ends after each sweep.

        besides: Gives what else is to be remembered, as texts by keys.

    Attributes:
        fault: Why the last writing failed; `None` when it did not.
    """

    def __init__(
        self,
        history: History,
        memory: WatchMemory,
        *,
        with_offsets: bool = False,
        besides: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self.fault: str | None = None
        self._history = history
        self._memory = memory
        self._with_offsets = with_offsets
        self._besides = besides
        self._remembered = self._to_remember(besides())
        self._records: list[Record] = []
        self._written_at = time.monotonic()
        self._has_begun = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="history")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        records, self._records = self._records, []
        self._thread.submit(self._try, lambda: self._history.append(records))
        besides = self._besides()
        self._thread.submit(self._try, lambda: self._remember(besides))
        if self._has_begun:
            closed = NoteKind.CLOSED, "the watch ended"
            self._thread.submit(self._try, lambda: self._history.note(*closed))
        self._thread.shutdown()

    async def take(self, event: WatchEvent) -> None:
        """Take in what a watch tells; findings are written some hundreds at once."""
        if isinstance(event, Found):
            self._records.append(record_of(event.finding))
            is_due = time.monotonic() - self._written_at > _AT_LEAST_EVERY_S
            if is_due or len(self._records) >= _AT_ONCE:
                await self._write()
        elif isinstance(event, SweepEnded):
            await self._write()
            besides = self._besides()
            await self._in_thread(lambda: self._end_sweep(event, besides))
        elif isinstance(event, SweepBegan) and event.number == 1:
            by = f" by {self._history.owner}" if self._history.owner else ""
            text = f"a watch began to write{by}"
            self._has_begun = True
            await self._in_thread(lambda: self._history.note(NoteKind.OPENED, text, event.at))

    async def _write(self) -> None:
        records, self._records = self._records, []
        self._written_at = time.monotonic()
        await self._in_thread(lambda: self._history.append(records))

    def _end_sweep(self, event: SweepEnded, besides: Mapping[str, str]) -> None:
        self._history.end_sweep(sweep_record_of(event), tuple(_notes(event)))
        self._remember(besides)
        until = time.monotonic() + _FORGETTING_S
        while self._history.prune(event.ended_at) and time.monotonic() < until:
            pass

    def _to_remember(self, besides: Mapping[str, str]) -> dict[str, str]:
        return {**self._memory.plain(with_offsets=self._with_offsets), **besides}

    def _remember(self, besides: Mapping[str, str]) -> None:
        """Remember what has changed since the last time."""
        now = self._to_remember(besides)
        before, self._remembered = self._remembered, now
        gone = dict.fromkeys(before.keys() - now.keys())
        new = {key: text for key, text in now.items() if before.get(key) != text}
        try:
            self._history.remember({**gone, **new})
        except HistoryError:
            self._remembered = before
            raise

    async def _in_thread(self, work: Callable[[], object]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._try, work)

    def _try(self, work: Callable[[], object]) -> None:
        try:
            work()
        except HistoryError as error:
            if self.fault is None:
                _LOGGER.warning("%s; the watch goes on without", error)
            self.fault = str(error)
        else:
            if self.fault is not None:
                _LOGGER.warning("history %s can be written again", self._history.path)
            self.fault = None


def _notes(event: SweepEnded) -> Iterator[Note]:
    about_the_clock = (Topic.OWN_CLOCK, Topic.CLOCK_SET)
    for remark in event.remarks:
        if remark.topic in about_the_clock:
            yield Note(NoteKind.OWN_CLOCK, remark.text, event.ended_at)


def sweep_record_of(event: SweepEnded) -> SweepRecord:
    """Give what is kept of a sweep."""
    return SweepRecord(
        at=event.began_at,
        ended_at=event.ended_at,
        states=dict(event.summary.states),
        sites={site: dict(states) for site, states in event.summary.sites.items()},
        is_complete=event.is_complete,
        own_skew_s=event.own_clock.skew_s,
        own_devices=event.own_clock.devices,
    )
