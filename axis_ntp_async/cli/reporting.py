"""`report`, and `sweep -o html`: a page of one sweep, with what is known of earlier ones."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final

from axis_ntp_async.cli import loop
from axis_ntp_async.cli.exits import ExitCode, say
from axis_ntp_async.cli.fleet import Fleet, exit_code_of, open_fleet, pool_of, stoppable
from axis_ntp_async.cli.options import FleetOptions, ThresholdOptions
from axis_ntp_async.cli.policies import check_policy, policy_at
from axis_ntp_async.cli.sweeping import thresholds_of
from axis_ntp_async.errors import CredentialSuspendedError, DeviceError, SettingsError
from axis_ntp_async.health.finding import Finding, State, Thresholds
from axis_ntp_async.health.history.files import history_path
from axis_ntp_async.health.history.lately import last_week
from axis_ntp_async.health.history.reading import HistoryReader
from axis_ntp_async.health.sweep import Desired, Summary
from axis_ntp_async.health.sweep import sweep as sweep_devices
from axis_ntp_async.report.page.page import page
from axis_ntp_async.report.page.report import Report
from axis_ntp_async.report.progress import progress
from axis_ntp_async.report.totals import counts

_ON_STDOUT: Final = "-"


def report(
    options: FleetOptions,
    thresholds: ThresholdOptions,
    *,
    policy: str | None,
    history: str | None,
    out: str,
) -> ExitCode:
    """Sweep the selected devices, and write the page; *out* `-` is standard output."""
    if out == _ON_STDOUT and sys.stdout.isatty():
        raise SettingsError("a page is nothing to read here: send it to a file with > report.html")
    target = None if out == _ON_STDOUT else Path(out)
    if target is not None:
        _check_writable(target)
    wanted = thresholds_of(thresholds)
    loaded = policy_at(policy) if policy else None
    fleet = open_fleet(options)
    if loaded is not None:
        check_policy(loaded, fleet.listed, strict=False)
    desired = loaded.configuration_for if loaded else None
    findings, summary = loop.run(_sweep(fleet, options, wanted, desired))
    made = Report(
        findings=findings,
        summary=summary,
        at=dt.datetime.now(dt.UTC),
        source=fleet.source,
        policy=policy,
        thresholds=wanted,
        commands=shlex.quote(options.inventory),
    )
    week = last_week(history_at(history), made.at)
    write_page(page(made.with_history(week)), target)
    errors = [finding.error for finding in findings if finding.error is not None]
    critical = sum(one.error is None and one.state is State.CRITICAL for one in findings)
    code = exit_code_of(errors, others_failed=critical > 0)
    if not options.quiet:
        say(f"{counts(summary)}{_why(code, errors, critical)}")
    return code


def _why(code: ExitCode, errors: Sequence[DeviceError], critical: int) -> str:
    """Tell why it leaves with a code that is not 0."""
    if code is ExitCode.OK:
        return ""
    if any(isinstance(error, CredentialSuspendedError) for error in errors):
        why = "devices refused credentials, so these were tried no more; correct them first"
    elif code is ExitCode.LOGIN_OR_TRUST:
        why = "all that is wrong is logins and certificates; correct them first"
    else:
        told = [f"{critical} critical"] if critical else []
        told += [f"{len(errors)} could not be read"] if errors else []
        why = ", ".join(told)
    return f". It leaves with {code}: {why}"


def history_at(given: str | None) -> HistoryReader | None:
    """Give the history of `--history`, or that of this user where there is one."""
    path = history_path(given)
    return HistoryReader(path) if given or path.is_file() else None


def write_page(html: str, target: Path | None) -> None:
    """
    Write a page, whole or not at all; `None` is standard output.

    Raises:
        SettingsError: The file cannot be written.
    """
    if target is None:
        sys.stdout.write(html)
        return
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        # "x": in a folder that all may write to, nobody can have us follow a link.
        with beside.open("x", encoding="utf-8", errors="replace") as file:
            file.write(html)
        beside.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise SettingsError(f"{target}: cannot be written: {error.strerror}") from error
    say(f"the report is in {target}: open it in a browser")


def _check_writable(target: Path) -> None:
    """Find out before the sweep, and not after it, that there is no such folder."""
    if target.is_dir() or not os.access(target.absolute().parent, os.W_OK):
        raise SettingsError(f"--out {target}: there is no folder that it could be written to")


async def _sweep(
    fleet: Fleet, options: FleetOptions, thresholds: Thresholds, desired: Desired | None
) -> tuple[list[Finding], Summary]:
    findings = []
    async with pool_of(fleet, options) as pool:
        with stoppable(pool), progress(len(fleet.devices), shown=not options.quiet) as advance:
            sweeping = sweep_devices(pool, fleet.devices, thresholds=thresholds, desired=desired)
            async with aclosing(sweeping):
                async for finding in sweeping:
                    findings.append(finding)
                    advance(finding.state is State.OK)
    return findings, sweeping.summary
