"""`sweep`: read every device once and judge it."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import Final, Self

from attrs import define, field

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import Device
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.health.finding import PROFILES, Cause, Finding, State, Thresholds
from axis_ntp_async.health.judge import judge

Desired = NTPClientConfiguration | Callable[[Device], NTPClientConfiguration | None]
"""What is wanted: the same of all devices, or of each what the function gives."""

EXAMPLES: Final = 10
"""How many devices are named as examples of one kind of problem."""


@define
class Group:
    """
    Devices with the same root cause and the same hint.

    Attributes:
        count: How many there are.
        examples: Findings of the first ten.
        site: The site of all of them; `None` when they are of several, or of none.
    """

    count: int = 0
    examples: list[Finding] = field(factory=list)
    site: str | None = None

    def add(self, finding: Finding) -> None:
        """Take in one more."""
        self.count += 1
        if self.count == 1:
            self.site = finding.device.site
        elif self.site != finding.device.site:
            self.site = None
        if self.count <= EXAMPLES:
            self.examples.append(finding)


@define
class Summary:
    """
    What a sweep has come to so far; after its last finding, the whole of it.

    Its memory does not grow with the fleet, but for 8 bytes an offset.

    Attributes:
        states: Devices by state; their sum is the number of findings.
        causes: Devices by root cause; those that are ok have none.
        sites: Devices by site and state; the site `None` has those without one.
        groups: Devices by root cause and hint.
        plain_http: How many devices were talked to without TLS.
    """

    states: Counter[State] = field(factory=Counter)
    causes: Counter[Cause] = field(factory=Counter)
    sites: dict[str | None, Counter[State]] = field(factory=dict)
    groups: dict[tuple[Cause, str], Group] = field(factory=dict)
    plain_http: int = 0
    _offsets_ms: array[float] = field(factory=lambda: array("d"), repr=False)

    @property
    def devices(self) -> int:
        """How many devices were looked at."""
        return self.states.total()

    def add(self, finding: Finding) -> None:
        """Take in one finding."""
        self.states[finding.state] += 1
        self.sites.setdefault(finding.device.site, Counter())[finding.state] += 1
        self.plain_http += finding.device.scheme == "http"
        if finding.offset_ms is not None:
            self._offsets_ms.append(abs(finding.offset_ms))
        if finding.cause is None:
            return
        self.causes[finding.cause] += 1
        self.groups.setdefault((finding.cause, finding.hint), Group()).add(finding)

    def offset_percentile_ms(self, percent: float) -> float | None:
        """
        Give an offset, without its sign, in milliseconds, that so many percent do not exceed.

        It is one of the offsets that were read, by the nearest-rank rule;
        `None` when no device reported one.
        """
        if not self._offsets_ms:
            return None
        rank = math.ceil(len(self._offsets_ms) * percent / 100)
        return sorted(self._offsets_ms)[max(0, rank - 1)]


class Sweep:
    """
    A stream of findings, in the order in which the devices answer, and its summary.

    Leave it early through `contextlib.aclosing`.

    Attributes:
        summary: Counts every finding that the stream has given.
    """

    def __init__(self, findings: AsyncGenerator[Finding, None]) -> None:
        self.summary = Summary()
        self._findings = findings

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Finding:
        finding = await anext(self._findings)
        self.summary.add(finding)
        return finding

    async def aclose(self) -> None:
        """End the sweep; what is in flight is cancelled."""
        await self._findings.aclose()


def sweep(
    pool: SessionPool,
    devices: Iterable[Device],
    *,
    thresholds: Thresholds = PROFILES["default"],
    desired: Desired | None = None,
) -> Sweep:
    """
    Read every device once and judge it: one finding each, and a summary at the end.

    Args:
        pool: How to reach the devices; it stays open.
        devices: Of any number, drawn as they are needed.
        thresholds: When a value is too large.

        desired:
            What is wanted of all of them, or a function that tells it of one,
            such as `Policy.configuration_for`; `None` compares nothing.
    """
    return Sweep(_findings(pool, devices, thresholds, desired))


async def _findings(
    pool: SessionPool,
    devices: Iterable[Device],
    thresholds: Thresholds,
    desired: Desired | None,
) -> AsyncGenerator[Finding, None]:
    async with aclosing(pool.each(devices, DeviceSession.get_ntp_info)) as outcomes:
        async for outcome in outcomes:
            wanted = desired(outcome.device) if callable(desired) else desired
            yield judge(outcome, thresholds, wanted)
