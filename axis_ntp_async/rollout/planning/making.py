"""`make_plan`: read every device, and say what would have to change. Nothing is sent."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from typing import Final

from attrs import evolve

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import Device, NTPClientStatus, NTPInfo, Outcome
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.errors import (
    ConfigurationError,
    ConfigurationRefusedError,
    DeviceError,
    UnsupportedDeviceError,
)
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.health.failures import problem_of
from axis_ntp_async.health.finding import Problem
from axis_ntp_async.health.judge import problems_of_settings
from axis_ntp_async.rollout.plan import AsDesired, Plan, Step, Unplannable
from axis_ntp_async.rollout.planning.forecast import clock_step_s, has_given_up
from axis_ntp_async.rollout.planning.waves import arranged
from axis_ntp_async.rollout.rules.settings import Rules

DesiredOf = Callable[[Device], NTPClientConfiguration]
"""What is wanted of a device, such as `Policy.configuration_for`."""

Planned = Step | AsDesired | Unplannable
"""What planning comes to for one device."""

_ALWAYS_SENT: Final = ("enabled", "servers_source", "static_servers")
_POLL: Final = ("minpoll", "maxpoll")


async def make_plan(
    pool: SessionPool,
    devices: Iterable[Device],
    desired_of: DesiredOf,
    rules: Rules | None = None,
) -> Plan:
    """
    Read every device and give the plan that brings all of them to what is desired.

    Every device is in it exactly once: among the steps, as desired, or unplannable.

    Args:
        pool: How to reach the devices; it stays open.
        devices: Of any number.
        desired_of: What is wanted of each; members that are `None` stay as they are.
        rules: How carefully it is going to be carried out.
    """
    async with aclosing(planned(pool, devices, desired_of)) as found:
        return plan_of([one async for one in found], rules or Rules())


async def planned(
    pool: SessionPool, devices: Iterable[Device], desired_of: DesiredOf
) -> AsyncGenerator[Planned, None]:
    """Read every device, and give what planning comes to, in the order of the answers."""
    async with aclosing(pool.each(devices, DeviceSession.get_ntp_info)) as outcomes:
        async for outcome in outcomes:
            yield planned_for(outcome, desired_of(outcome.device))


def plan_of(found: Sequence[Planned], rules: Rules) -> Plan:
    """Give the plan for devices of any order."""
    found = sorted(found, key=lambda one: one.device.name)
    return Plan(
        made_at=dt.datetime.now(dt.UTC),
        rules=rules,
        steps=arranged([one for one in found if isinstance(one, Step)], rules),
        as_desired=tuple(one.device.name for one in found if isinstance(one, AsDesired)),
        unplannable=tuple(one for one in found if isinstance(one, Unplannable)),
    )


def planned_for(outcome: Outcome[NTPInfo], desired: NTPClientConfiguration) -> Planned:
    """Give what it takes to bring one device to what is desired; or why that cannot be."""
    device, info = outcome.device, outcome.value
    try:
        if info is None:
            raise outcome.error or UnsupportedDeviceError(device.name, "did not answer")
        return _planned(device, info, desired)
    except DeviceError as error:
        return Unplannable(device=device, problem=problem_of(device, error))


def _planned(device: Device, info: NTPInfo, desired: NTPClientConfiguration) -> Planned:
    if info.client is None:
        raise UnsupportedDeviceError(device.name, "reports no NTP client")
    desired = desired.applicable_to(info.client)
    if not desired.changes_from(info.client):
        return AsDesired(device=device, has_given_up=has_given_up(device, info))
    before = _pre_image(device, info.client)
    if faults := _faults(info.client, desired):
        raise ConfigurationRefusedError(device.name, f"cannot take this: {'; '.join(faults)}")
    after = _interned(evolve(before, **desired.members))
    named = tuple(name for name in _POLL if name in desired.members)
    kept = tuple(name for name in before.members if name not in _POLL)
    return Step(
        device=device,
        before=before,
        after=after,
        sends=tuple(dict.fromkeys((*_ALWAYS_SENT, *kept, *named))),
        api_version=info.api_version,
        clock_step_s=0.0 if after.enabled is False else clock_step_s(info),
        has_given_up=has_given_up(device, info),
    )


def _pre_image(device: Device, client: NTPClientStatus) -> NTPClientConfiguration:
    try:
        return _interned(NTPClientConfiguration.reported_by(client))
    except ConfigurationError as fault:
        raise ConfigurationRefusedError(
            device.name, f"has settings that could not be restored: {fault}"
        ) from fault


def _faults(client: NTPClientStatus, desired: NTPClientConfiguration) -> list[str]:
    """Give why the device could not take it, or would be worse off with it."""
    faults = list(desired.faults_for(client))
    faults += [
        f"{name}: the device does not report it, so it could be neither checked nor restored"
        for name in _ALWAYS_SENT
        if getattr(client, name) is None
    ]
    return faults or [f"then {problem.message}" for problem in _new_problems(client, desired)]


def _new_problems(client: NTPClientStatus, desired: NTPClientConfiguration) -> Iterator[Problem]:
    """Give what would be wrong with the settings afterwards only, unless it is asked for."""
    then = evolve(client, **desired.members)
    named = desired.static_ntske_servers if then.nts_enabled else desired.static_servers
    if named == ():
        return
    known = {problem.cause for problem in problems_of_settings(client, desired)}
    for problem in problems_of_settings(then, desired):
        if problem.cause not in known:
            yield problem


@functools.lru_cache(maxsize=4096)
def _interned(configuration: NTPClientConfiguration) -> NTPClientConfiguration:
    """Give equal configurations as one: a fleet of 100,000 has few that differ."""
    return configuration
