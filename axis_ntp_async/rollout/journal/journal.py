"""
`Journal`: writing down what is about to be done, and what was done.

One thread writes. It takes everything that is waiting for it, commits that
together and then tells all who wait: alone a row is on the disk in a
millisecond or so, and under load many rows share one commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import os
import queue
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from attrs import field, frozen

from axis_ntp_async.errors import JournalError, JournalLockedError, RolloutError
from axis_ntp_async.rollout.journal.files import JOURNAL
from axis_ntp_async.rollout.journal.reading import LATEST, JournalReader
from axis_ntp_async.rollout.plan import (
    REOPENED,
    Plan,
    Step,
    StepState,
    StepStatus,
    plain_configuration,
)
from axis_ntp_async.rollout.planning.document import plan_head, step_document
from axis_ntp_async.rollout.rules.proof import Verdict
from axis_ntp_async.rollout.runs import Run, RunStatus, RunSummary
from axis_ntp_async.storage.claim import Claim

_AT_ONCE: Final = 500
"""Rows of one commit, at most."""

_Statement = tuple[str, tuple[Any, ...]]


@frozen
class _Wish:
    """Statements to be committed together, and whom to tell."""

    statements: tuple[_Statement, ...]
    done: Callable[[Exception | None], None] = field(eq=False)


class Journal:
    """
    A journal that this process alone writes, as a context manager.

    Args:
        path: Its file; is made when it is not there.
        owner: Who we are; told to others who find it locked.

    Raises:
        JournalLockedError: Another process is at it.
        JournalError: It is none, damaged, or cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], owner: str = "") -> None:
        self.path = Path(path)
        self.owner = owner
        self.reader = JournalReader(self.path)
        self.left_by: str | None = None
        """Who was at it before and did not end in an orderly way."""
        self.running: str | None = None
        """The run that is being carried out now."""
        self._claim = Claim(
            kind=JOURNAL,
            path=self.path,
            owner=owner,
            refusal=JournalLockedError,
            rule="there is one run at a time",
        )
        self._wishes: queue.SimpleQueue[_Wish | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.left_by = self._claim.make()
        try:
            connection = JOURNAL.connect(self.path)
        except BaseException:
            self._claim.drop()
            raise
        self._thread = threading.Thread(
            target=self._write, args=(connection,), name="journal", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._wishes.put(None)
        thread.join()
        self._claim.end()

    def begin(self, name: str, plan: Plan, by: str) -> Run:
        """
        Take down a run with all of its steps, none of them begun; give it.

        Raises:
            RolloutError: There is a run of that name, or it would never be found by it.
        """
        if name in {"", LATEST}:
            raise RolloutError(f"run {name!r}: no run can have this name")
        if any(run.name == name for run in self.reader.runs()):
            raise RolloutError(f"run {name!r} is already in journal {self.path}")
        summary = RunSummary(
            name=name,
            status=RunStatus.RUNNING,
            begun_at=_moment(),
            begun_by=by,
            rollback_of=plan.rollback_of,
            states=Counter({StepState.PLANNED: len(plan.steps)}),
        )
        self._now(*_beginning(summary, plan))
        statuses = {step.device.name: StepStatus() for step in plan.steps}
        return Run(summary=summary, plan=plan, statuses=statuses, waves={})

    def reopen(self, run: Run) -> None:
        """
        Let a paused run go on: what failed so far is borne, what was not sent is tried again.

        See `REOPENED`.
        """
        now = dt.datetime.now(dt.UTC)
        statements: list[_Statement] = []
        for name, status in run.statuses.items():
            again = REOPENED.get(status.state)
            if again is None or (status.state is StepState.FAILED and status.writes):
                continue
            message = f"tried again after: {status.message}"
            reopened = StepStatus(state=again, message=message, writes=status.writes, at=now)
            statements += _note(run.name, name, reopened)
        statements.append(
            (
                (
                    "UPDATE runs SET status = ?, cause = '', message = '', ended_at = NULL, "
                    "accepted = (SELECT IFNULL(MAX(line), 0) FROM trail) WHERE name = ?"
                ),
                (RunStatus.RUNNING.value, run.name),
            )
        )
        self._now(*statements)

    def close_run(self, name: str, status: RunStatus, cause: str = "", message: str = "") -> None:
        """Take down how a run stands from now on."""
        self._now(_closing(name, status, cause, message))

    def abandon(self, run: Run, changes: Iterable[tuple[str, StepStatus]]) -> None:
        """End a run for good, with what becomes of its open steps."""
        noted = [one for name, status in changes for one in _note(run.name, name, status)]
        self._now(*noted, _closing(run.name, RunStatus.ABORTED, "", run.summary.message))

    def note(self, run: str, step: Step, status: StepStatus) -> asyncio.Future[None]:
        """
        Take down how a step stands; what is given is done once that is on the disk.

        The order of calls is the order of the journal.
        """
        return self._later(*_note(run, step.device.name, status))

    def wave_began(self, run: str, wave: int, at: dt.datetime) -> asyncio.Future[None]:
        """Take down that a wave begins; one that began before keeps its time."""
        return self._later(
            (
                "INSERT OR IGNORE INTO waves (run, wave, began_at) VALUES (?, ?, ?)",
                (run, wave, _text(at)),
            )
        )

    def wave_ended(
        self, run: str, wave: int, verdict: Verdict, at: dt.datetime
    ) -> asyncio.Future[None]:
        """Take down what is thought of a wave."""
        return self._later(
            (
                "UPDATE waves SET ended_at = ?, verdict = ? WHERE run = ? AND wave = ?",
                (_text(at), verdict.value, run, wave),
            )
        )

    def _now(self, *statements: _Statement) -> None:
        """Commit statements in this thread, in a connection of their own."""
        with (
            JOURNAL.telling(self.path),
            contextlib.closing(JOURNAL.connect(self.path)) as connection,
        ):
            _commit(connection, statements)

    def _later(self, *statements: _Statement) -> asyncio.Future[None]:
        """Hand statements to the thread."""
        if self._thread is None or not self._thread.is_alive():
            raise JournalError(f"journal {self.path}: is not open")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def tell(error: Exception | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

        def done(error: Exception | None) -> None:
            # Nobody is there to be told once the loop has been closed.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(tell, error)

        self._wishes.put(_Wish(statements, done))
        return future

    def _write(self, connection: sqlite3.Connection) -> None:
        """Commit what is wished, until the end is wished."""
        batch: list[_Wish] | None = []
        try:
            with contextlib.closing(connection):
                while (batch := self._next_batch()) is not None:
                    error = self._try(connection, batch)
                    for wish in batch:
                        wish.done(error)
        finally:
            self._refuse(batch or [])

    def _refuse(self, batch: list[_Wish]) -> None:
        """Answer everybody who still waits when the thread ends, for whatever reason."""
        ended = JournalError(f"journal {self.path}: its writer has ended")
        while not self._wishes.empty():
            wish = self._wishes.get()
            batch += [wish] if wish is not None else []
        for wish in batch:
            wish.done(ended)

    def _try(self, connection: sqlite3.Connection, batch: list[_Wish]) -> Exception | None:
        try:
            with JOURNAL.telling(self.path):
                _commit(connection, [one for wish in batch for one in wish.statements])
        except JournalError as error:
            return error
        return None

    def _next_batch(self) -> list[_Wish] | None:
        batch = []
        wish = self._wishes.get()
        while wish is not None:
            batch.append(wish)
            if len(batch) == _AT_ONCE or self._wishes.empty():
                return batch
            wish = self._wishes.get()
        if batch:
            self._wishes.put(None)
            return batch
        return None


def _commit(connection: sqlite3.Connection, statements: Iterable[_Statement]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for text, values in statements:
            connection.execute(text, values)
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _beginning(run: RunSummary, plan: Plan) -> list[_Statement]:
    head = json.dumps(plan_head(plan), ensure_ascii=False)
    statements: list[_Statement] = [
        (
            (
                "INSERT INTO runs (name, head, status, begun_at, begun_by, rollback_of) "
                "VALUES (?, ?, ?, ?, ?, ?)"
            ),
            (
                run.name,
                head,
                run.status.value,
                _text(run.begun_at),
                run.begun_by,
                run.rollback_of,
            ),
        )
    ]
    statements += [
        (
            "INSERT INTO steps (run, place, device, step, state) VALUES (?, ?, ?, ?, ?)",
            (run.name, place, step.device.name, _step(step), StepState.PLANNED.value),
        )
        for place, step in enumerate(plan.steps)
    ]
    return statements


def _note(run: str, device: str, status: StepStatus) -> list[_Statement]:
    shared = (status.state.value, status.cause, status.message, status.writes)
    at = _text(status.at or dt.datetime.now(dt.UTC))
    found = json.dumps(plain_configuration(status.found)) if status.found else None
    return [
        (
            (
                "INSERT INTO trail (run, device, state, cause, message, writes, at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)"
            ),
            (run, device, *shared, at),
        ),
        (
            (
                "UPDATE steps SET state = ?, cause = ?, message = ?, writes = ?, found = ?, "
                "at = ?, line = last_insert_rowid() WHERE run = ? AND device = ?"
            ),
            (*shared, found, at, run, device),
        ),
    ]


def _closing(name: str, status: RunStatus, cause: str, message: str) -> _Statement:
    ended = None if status is RunStatus.RUNNING else _text(dt.datetime.now(dt.UTC))
    return (
        "UPDATE runs SET status = ?, cause = ?, message = ?, ended_at = ? WHERE name = ?",
        (status.value, cause, message, ended, name),
    )


def _step(step: Step) -> str:
    return json.dumps(step_document(step), ensure_ascii=False)


def _moment() -> dt.datetime:
    """Give now, as exactly as a journal keeps it."""
    now = dt.datetime.now(dt.UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _text(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
