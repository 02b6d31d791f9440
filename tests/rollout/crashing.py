"""
A program that carries out runs in processes of their own, and kills them when it is told to.

It reads one order after the other from its standard input, as JSON in a line,
forks for each, and answers with a line when that process is over. It has one
thread and no open journal, so forking is safe, and costs a few milliseconds.
"""

import asyncio
import json
import os
import signal
import sqlite3
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

from axis_ntp_async.fleet.clock import Clock
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.fleet.retry import RetryPolicy
from axis_ntp_async.rollout.journal import journal as journals
from axis_ntp_async.rollout.journal.journal import Journal
from axis_ntp_async.rollout.planning.document import read_plan
from axis_ntp_async.rollout.rollout import Rollout
from axis_ntp_async.rollout.runs import RunStatus

NAME = "crashing"
PATIENCE_S = 20.0


class DeadlyJournal(Journal):
    """
    A journal that kills its process at one of its commits.

    Args:
        path: Its file.
        dies_at: Which commit, from 1 on; 0 for never.
        tells: Whether those who wait for the commit have been told by then.
    """

    def __init__(self, path: Path, dies_at: int = 0, *, tells: bool = False) -> None:
        super().__init__(path, "crashing")
        self.commits = 0
        self._dies_at = dies_at
        self._tells = tells

    def _try(self, connection: sqlite3.Connection, batch: list[Any]) -> Exception | None:
        error = super()._try(connection, batch)
        self._count(now=not self._tells)
        return error

    def _now(self, *statements: Any) -> None:
        super()._now(*statements)
        self._count(now=True)

    def _next_batch(self) -> list[Any] | None:
        if self._tells and self.commits == self._dies_at:
            time.sleep(0.001)
            die()
        return super()._next_batch()

    def _count(self, *, now: bool) -> None:
        self.commits += 1
        if now and self.commits == self._dies_at:
            die()


def die() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def journal_of(order: dict[str, Any]) -> Iterator[DeadlyJournal]:
    """Open the journal of an order."""
    path = Path(order["journal"])
    journal = DeadlyJournal(path, order.get("dies_at", 0), tells=order.get("tells", False))
    with journal:
        yield journal


async def go_on(journal: Journal, path: Path, speed: float) -> None:
    """Begin a run, or go on with it, again and again until it is over."""
    retry = RetryPolicy(attempts=2, wait_initial_s=0.0, attempt_timeout_s=PATIENCE_S)
    plan, clock = read_plan(path), Clock(speed)
    async with SessionPool(retry=retry, keep_alive=True) as pool:
        while True:
            runs = journal.reader.runs()
            mine = [run for run in runs if run.rollback_of == plan.rollback_of]
            if mine and mine[0].status is RunStatus.FINISHED:
                return
            if mine:
                rollout = Rollout.resume(pool, journal, mine[0].name, clock=clock)
            elif plan.rollback_of is not None:
                rollout = Rollout.undo(pool, journal, plan, clock=clock)
            else:
                rollout = Rollout.begin(pool, journal, plan, name=NAME, clock=clock)
            async with aclosing(rollout.run()) as events:
                async for _ in events:
                    pass


def carry_out(order: dict[str, Any]) -> None:
    """Carry out the run of an order in this process, however far it comes."""
    with journal_of(order) as journal:
        asyncio.run(go_on(journal, Path(order["plan"]), order["speed"]))


def main() -> None:
    """Take orders until there are no more; every row has a commit of its own."""
    vars(journals)["_AT_ONCE"] = 1
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                carry_out(order)
                code = 0
            except Exception:  # noqa: BLE001  whatever it is, it is told
                traceback.print_exc()
            finally:
                os._exit(code)
        if "after_s" in order:
            time.sleep(order["after_s"])
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201  the answer


if __name__ == "__main__":
    main()
