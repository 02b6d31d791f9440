"""`check` for schedulers of checks, and `rules`; neither shows progress or asks anything."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import aclosing
from types import FrameType
from typing import Final

from attrs import evolve

from axis_ntp_async.cli import loop
from axis_ntp_async.cli.exits import ExitCode
from axis_ntp_async.cli.fleet import Fleet, open_fleet, pool_of
from axis_ntp_async.cli.options import FleetOptions, ThresholdOptions
from axis_ntp_async.cli.policies import check_policy, policy_at
from axis_ntp_async.cli.sweeping import thresholds_of
from axis_ntp_async.device.records import Device, Outcome
from axis_ntp_async.errors import ConfigurationError, NotTriedError, SettingsError
from axis_ntp_async.health.finding import Finding, State, Thresholds
from axis_ntp_async.health.judge import judge
from axis_ntp_async.health.sweep import Desired, sweep
from axis_ntp_async.report.alerting.dashboard import dashboard as dashboard_text
from axis_ntp_async.report.alerting.rules import alert_rules
from axis_ntp_async.report.nagios.check import CheckRules, Code
from axis_ntp_async.report.nagios.device import check_device
from axis_ntp_async.report.nagios.fleet import check_fleet

_MOST_RESERVE_S: Final = 2.0
_RESERVE: Final = 0.5
"""Of the deadline, this share at most is kept for closing connections and for telling."""


class OutOfTimeError(KeyboardInterrupt):
    """
    We were told to end, or it is time to.

    Like Ctrl-C it is for nobody on the way to catch.
    """


def check(
    options: FleetOptions,
    thresholds: ThresholdOptions,
    policy_file: str | None,
    *,
    warn_fraction: float,
    crit_fraction: float,
    unreachable_as: str,
    deadline_s: float,
) -> Code:
    """
    Check the selected devices.

    Raises:
        SettingsError: Among other faults: a warning for more devices than critical takes.
        OutOfTimeError: There was no time, or we were told to end, before there was a result.
    """
    rules = _rules(warn_fraction, crit_fraction, State(unreachable_as))
    ends_at = time.monotonic() + deadline_s - min(_MOST_RESERVE_S, _RESERVE * deadline_s)
    with _ending_within(deadline_s):
        options = evolve(options, quiet=True)
        wanted = thresholds_of(thresholds)
        policy = policy_at(policy_file) if policy_file else None
        fleet = open_fleet(options)
        if policy is not None:
            check_policy(policy, fleet.listed, strict=False)
        desired = policy.configuration_for if policy else None
        findings = loop.run(_findings(fleet, options, wanted, desired, ends_at))
        findings += [_not_reached(device, deadline_s) for device in _rest(fleet, findings)]
    if len(findings) == 1:
        result = check_device(findings[0], rules, wanted)
    else:
        result = check_fleet(findings, rules, wanted)
    _write(f"{result.text}\n")
    return result.code


def _rules(warn_fraction: float, crit_fraction: float, unreachable_as: State) -> CheckRules:
    try:
        return CheckRules(
            warn_fraction=warn_fraction,
            crit_fraction=crit_fraction,
            unreachable_as=unreachable_as,
        )
    except ConfigurationError as error:
        told = str(error)
        for option in ("warn_fraction", "crit_fraction"):
            told = told.replace(option, f"--{option.replace('_', '-')}")
        raise SettingsError(f"{told}; set both") from error


async def _findings(
    fleet: Fleet,
    options: FleetOptions,
    thresholds: Thresholds,
    desired: Desired | None,
    ends_at: float,
) -> list[Finding]:
    """Sweep until then; what is in flight is given up."""
    found: list[Finding] = []
    async with pool_of(fleet, options) as pool:
        sweeping = sweep(pool, fleet.devices, thresholds=thresholds, desired=desired)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ends_at - time.monotonic()), aclosing(sweeping) as findings:
                async for finding in findings:
                    found.append(finding)  # noqa: PERF401  what was found by then is kept
    return found


def _rest(fleet: Fleet, findings: list[Finding]) -> list[Device]:
    reached = {finding.device.name for finding in findings}
    return [device for device in fleet.devices if device.name not in reached]


def _not_reached(device: Device, deadline_s: float) -> Finding:
    error = NotTriedError(device.name, f"no answer within the deadline of {deadline_s:g} s")
    now = dt.datetime.now(dt.UTC)
    return judge(Outcome(device=device, error=error, at=now, attempts=0, elapsed_s=0.0))


@contextlib.contextmanager
def _ending_within(deadline_s: float) -> Iterator[None]:
    """End what blocks, such as a command that is asked for a password, in time or when told to."""

    def told(number: int, _: FrameType | None) -> None:
        name = signal.Signals(number).name
        late = f"no result within the deadline of {deadline_s:g} s"
        raise OutOfTimeError(late if name == "SIGALRM" else f"stopped by {name}")

    numbers = [signal.SIGTERM]
    if sys.platform != "win32":  # pragma: no branch  there is no such timer
        numbers += [signal.SIGHUP, signal.SIGALRM]
    before = {number: signal.signal(number, told) for number in numbers}
    try:
        if sys.platform != "win32":  # pragma: no branch
            signal.setitimer(signal.ITIMER_REAL, deadline_s)
        yield
    finally:
        if sys.platform != "win32":  # pragma: no branch
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def alerts(thresholds: ThresholdOptions, *, interval_s: float) -> ExitCode:
    """Print alert rules."""
    _write(alert_rules(thresholds_of(thresholds), interval_s=interval_s))
    return ExitCode.OK


def dashboard(thresholds: ThresholdOptions) -> ExitCode:
    """Print a dashboard."""
    _write(dashboard_text(thresholds_of(thresholds)))
    return ExitCode.OK


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
