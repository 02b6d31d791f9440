"""What a fleet says of the clock of the machine that watches it. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Final

from attrs import frozen

from axis_ntp_async.health.finding import Finding, servers_in_use
from axis_ntp_async.health.watch.rules import WatchRules

_AGREE_WITHIN_S: Final = 1.5
"""A clock is read to half a second, and the way there and back takes some, too."""


@frozen(kw_only=True)
class OwnClock:
    """
    Our own clock, as the devices that are in sync see it.

    Attributes:
        skew_s:
            Our clock minus theirs: the median, in seconds; `None` when too few
            devices in sync told their time.

        devices: How many told it.
        is_odd: Whether we are the ones who are wrong.
        common_servers: Time servers that all who agree share: it may be these instead.
        stepped_s: How far our clock was set during the sweep, in seconds; 0 when it was not.
    """

    skew_s: float | None = None
    devices: int = 0
    is_odd: bool = False
    common_servers: tuple[str, ...] = ()
    stepped_s: float = 0.0

    @property
    def message(self) -> str | None:
        """What is wrong with it in a sentence; `None` when nothing is."""
        return self.odd_message or self.step_message

    @property
    def odd_message(self) -> str | None:
        """That it is the odd one; `None` when it is not."""
        if not self.is_odd or self.skew_s is None:
            return None
        direction = "ahead of" if self.skew_s > 0 else "behind"
        servers = " and ".join(self.common_servers)
        return (
            f"our own clock is the odd one: {abs(self.skew_s):.1f} s {direction} the median "
            f"of {self.devices} devices in sync"
            + (f", unless {servers}, which all of them follow, is wrong" if servers else "")
        )

    @property
    def step_message(self) -> str | None:
        """That it was set; `None` when it was not."""
        if not self.stepped_s:
            return None
        return (
            f"our own clock was set by {self.stepped_s:+.1f} s while we were watching, "
            "or this machine slept"
        )


def own_clock_of(
    findings: Iterable[Finding], rules: WatchRules, *, stepped_s: float = 0.0
) -> OwnClock:
    """
    Ask the fleet whether our own clock is right.

    The fleet's word counts when at least half of the devices in sync agree
    among themselves. Where all of them follow one server, that server may be
    the odd one instead: the message names it.

    Args:
        findings: Of one sweep.
        rules: From when on we are wrong.
        stepped_s: How far our clock was set meanwhile, in seconds.
    """
    told = [
        (-finding.skew_s, frozenset(servers_in_use(client) or ()))
        for finding in findings
        if finding.skew_s is not None
        and (client := finding.info.client if finding.info else None)
        and client.synced
        and client.enabled is not False
    ]
    if len(told) < rules.own_clock_least:
        return OwnClock(devices=len(told), stepped_s=stepped_s)
    skew_s = statistics.median(skew for skew, _ in told)
    agreeing = [servers for skew, servers in told if abs(skew - skew_s) <= _AGREE_WITHIN_S]
    return OwnClock(
        skew_s=skew_s,
        devices=len(told),
        is_odd=abs(skew_s) > rules.own_clock_s and 2 * len(agreeing) > len(told),
        common_servers=tuple(sorted(frozenset.intersection(*agreeing))) if agreeing else (),
        stepped_s=stepped_s,
    )
