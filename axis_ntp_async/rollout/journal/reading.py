"""Looking into a journal: which runs there are, and how every step of one stands."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from attrs import evolve, frozen

from axis_ntp_async.errors import JournalError, PlanError, RolloutError
from axis_ntp_async.rollout.journal.files import JOURNAL
from axis_ntp_async.rollout.plan import Result, StepState, StepStatus
from axis_ntp_async.rollout.planning.document import configuration_from, head_from, step_from
from axis_ntp_async.rollout.rules.proof import Verdict
from axis_ntp_async.rollout.runs import Run, RunStatus, RunSummary, TrailLine, WaveTimes

_BORNE: Final = frozenset({Result.FAILED, Result.UNDECIDED, Result.LEFT_ALONE})

LATEST: Final = "latest"
"""Stands for the run that was begun last."""


@frozen
class JournalReader:
    """
    Looks into a journal, also while another process writes it.

    Attributes:
        path: Of the journal.

    Raises:
        JournalError: It is not there, none, or damaged.
        RolloutError: There is no such run.
    """

    path: Path

    def runs(self) -> tuple[RunSummary, ...]:
        """Give all runs, the last one first."""
        with self._open() as connection:
            rows = connection.execute("SELECT * FROM runs ORDER BY begun_at DESC, name").fetchall()
            counts: dict[str, Counter[StepState]] = {}
            for run, state, count in connection.execute(
                "SELECT run, state, COUNT(*) FROM steps GROUP BY run, state"
            ):
                counts.setdefault(run, Counter())[StepState(state)] = count
            return tuple(_summary(row, counts.get(row["name"], Counter())) for row in rows)

    def name_of(self, text: str, *, to_undo: bool = False) -> str:
        """
        Give the name of a run that begins so; `latest` is the last one.

        Args:
            text: As typed.
            to_undo: Whether `latest` means the last run that undoes no other.
        """
        runs = self.runs()
        names = [run.name for run in runs]
        if not names:
            raise RolloutError(f"journal {self.path}: there are no runs in it")
        if text == LATEST:
            wanted = [run.name for run in runs if not (to_undo and run.rollback_of)]
            return (wanted or names)[0]
        found = [name for name in names if name == text] or [
            name for name in names if name.startswith(text)
        ]
        if len(found) == 1:
            return found[0]
        what = f"{len(found)} runs begin so" if found else "there is no such run"
        known = ", ".join(found[:5] or names[:5])
        raise RolloutError(f"run {text!r}: {what} in journal {self.path}: {known}")

    def load(self, name: str) -> Run:
        """Give one run."""
        with self._open() as connection:
            row = connection.execute("SELECT * FROM runs WHERE name = ?", (name,)).fetchone()
            if row is None:
                raise RolloutError(f"run {name!r}: there is no such run in journal {self.path}")
            steps = connection.execute(
                "SELECT * FROM steps WHERE run = ? ORDER BY place", (name,)
            ).fetchall()
            waves = connection.execute("SELECT * FROM waves WHERE run = ?", (name,)).fetchall()
            undone = connection.execute(
                "SELECT * FROM runs WHERE rollback_of = ? AND status != ? ORDER BY begun_at",
                (name, RunStatus.ABORTED.value),
            ).fetchall()
        try:
            plan = head_from(json.loads(row["head"]))
            plan = evolve(plan, steps=tuple(step_from(json.loads(one["step"])) for one in steps))
            statuses = {one["device"]: _status(one) for one in steps}
            seen = {one["device"] for one in steps if one["line"] <= row["accepted"]}
            return Run(
                summary=_summary(row, Counter(one.state for one in statuses.values())),
                plan=plan,
                statuses=statuses,
                waves={one["wave"]: _wave(one) for one in waves},
                accepted=frozenset(one for one in seen if statuses[one].state.result in _BORNE),
                undone_by=tuple(one["name"] for one in undone),
                is_being_undone=any(not RunStatus(one["status"]).is_over for one in undone),
            )
        except (PlanError, ValueError) as error:
            raise JournalError(f"journal {self.path}: run {name!r} is damaged: {error}") from error

    def changes(self) -> dict[str, dt.datetime]:
        """Give when each device was last written to, in whatever run, by its name."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT device, MAX(at) FROM trail WHERE state IN (?, ?) GROUP BY device",
                (StepState.ACKED.value, StepState.UNKNOWN.value),
            )
            return {device: dt.datetime.fromisoformat(at) for device, at in rows}

    def steps_under_way(self) -> Counter[tuple[str, str, str]]:
        """Count the steps of runs that are not over, by run, wave and state."""
        counts: Counter[tuple[str, str, str]] = Counter()
        for summary in self.runs():
            if not summary.status.is_over:
                run = self.load(summary.name)
                counts.update(
                    (run.name, str(step.wave), run.statuses[step.device.name].state.value)
                    for step in run.plan.steps
                )
        return counts

    def trail(self, name: str, device: str | None = None) -> Iterator[TrailLine]:
        """Give everything that became of the devices of a run, or of one, in order."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT * FROM trail WHERE run = ? AND (? IS NULL OR device = ?) ORDER BY line",
                (name, device, device),
            )
            for row in rows:
                yield TrailLine(device=row["device"], status=_status(row))

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with (
            JOURNAL.telling(self.path),
            contextlib.closing(JOURNAL.connect(self.path)) as connection,
        ):
            connection.row_factory = sqlite3.Row
            connection.execute("BEGIN")  # all that is read is of one moment
            yield connection


def _summary(row: sqlite3.Row, states: Counter[StepState]) -> RunSummary:
    return RunSummary(
        name=row["name"],
        status=RunStatus(row["status"]),
        begun_at=dt.datetime.fromisoformat(row["begun_at"]),
        begun_by=row["begun_by"],
        ended_at=_moment(row["ended_at"]),
        cause=row["cause"],
        message=row["message"],
        rollback_of=row["rollback_of"],
        states=states,
    )


def _status(row: sqlite3.Row) -> StepStatus:
    members: dict[str, Any] = {name: row[name] for name in ("cause", "message", "writes")}
    found = row["found"] if "found" in row.keys() else None  # noqa: SIM118  not a mapping
    return StepStatus(
        state=StepState(row["state"]),
        found=configuration_from(json.loads(found)) if found else None,
        at=_moment(row["at"]),
        **members,
    )


def _wave(row: sqlite3.Row) -> WaveTimes:
    return WaveTimes(
        began_at=dt.datetime.fromisoformat(row["began_at"]),
        ended_at=_moment(row["ended_at"]),
        verdict=Verdict(row["verdict"]) if row["verdict"] else None,
    )


def _moment(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None
