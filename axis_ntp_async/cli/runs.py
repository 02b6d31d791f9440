"""`rollout list`, `show`, `report` and `abort`: nothing here talks to a device."""

from __future__ import annotations

import datetime as dt
import difflib
import functools
from pathlib import Path

import click

from axis_ntp_async.cli.exits import ExitCode, say
from axis_ntp_async.cli.journals import journal_path, opened_journal
from axis_ntp_async.cli.showing import Results
from axis_ntp_async.errors import SelectionError, SettingsError
from axis_ntp_async.report.rollout.audit import audit_document
from axis_ntp_async.report.rollout.documents import (
    RUN_COLUMNS,
    STEP_COLUMNS,
    TRAIL_COLUMNS,
    run_document,
    step_document,
    trail_document,
)
from axis_ntp_async.report.rollout.runs import device_table, run_table, runs_table
from axis_ntp_async.report.terminal import show
from axis_ntp_async.rollout.journal.reading import JournalReader
from axis_ntp_async.rollout.plan import Step
from axis_ntp_async.rollout.rollout import abort as abort_run
from axis_ntp_async.rollout.runs import Run


def list_runs(journal: str | None, output: str | None) -> ExitCode:
    """List the runs of a journal, the last one first."""
    results = Results("runs", run_document, runs_table, RUN_COLUMNS, output)
    path = journal_path(journal)
    runs = JournalReader(path).runs()
    for run in runs:
        results.add(run)
    results.end()
    if not runs:
        say(f"journal {path}: there are no runs in it")
    return ExitCode.OK


def show_run(run: str, device: str | None, journal: str | None, output: str | None) -> ExitCode:
    """Show one run, or all that became of one of its devices."""
    reader = JournalReader(journal_path(journal))
    found = reader.load(reader.name_of(run))
    if device is not None:
        return _show_device(reader, found, _step_of(found, device), output)
    results = Results(
        "run-steps",
        functools.partial(step_document, found),
        lambda *_: run_table(found),
        STEP_COLUMNS,
        output,
    )
    for step in found.plan.steps:
        results.add(step)
    results.end(run_document(found.summary))
    return ExitCode.OK


def _show_device(reader: JournalReader, run: Run, step: Step, output: str | None) -> ExitCode:
    results = Results(
        "trail",
        functools.partial(trail_document, run.name),
        lambda lines, _: device_table(run, step, lines),
        TRAIL_COLUMNS,
        output,
    )
    for line in reader.trail(run.name, step.device.name):
        results.add(line)
    results.end()
    return ExitCode.OK


def _step_of(run: Run, name: str) -> Step:
    steps = {step.device.name: step for step in run.plan.steps}
    if name in steps:
        return steps[name]
    nearest = difflib.get_close_matches(name, steps, n=3, cutoff=0.5)
    hint = f"; the closest: {', '.join(nearest)}" if nearest else ""
    raise SelectionError(f"{name!r} is none of the {len(steps)} devices of run {run.name}{hint}")


def report(run: str, journal: str | None, *, out: str | None) -> ExitCode:
    """Write the audit document of a run."""
    reader = JournalReader(journal_path(journal))
    text = audit_document(reader.load(reader.name_of(run)), dt.datetime.now(dt.UTC))
    if out is None:
        click.echo(text, nl=False)
        return ExitCode.OK
    try:
        Path(out).write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{out}: cannot be written: {error.strerror}") from error
    say(f"written to {out}")
    return ExitCode.OK


def abort(run: str, journal: str | None) -> ExitCode:
    """End a run for good; nothing is sent."""
    with opened_journal(journal) as opened:
        found = abort_run(opened, opened.reader.name_of(run))
    show(run_table(found))
    return ExitCode.OK
