"""One cause for many devices of a site: its time server, its network. Pure."""

from __future__ import annotations

import datetime as dt
import enum
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence, Sized
from typing import Final

from attrs import frozen

from axis_ntp_async.device.records import Device
from axis_ntp_async.health.finding import Cause, Finding, State, servers_in_use
from axis_ntp_async.health.sweep import EXAMPLES
from axis_ntp_async.health.watch.rules import WatchRules
from axis_ntp_async.health.watch.standing import Standing

_NEARLY_ALL: Final = 0.9
_GROWN: Final = 2


class SiteTrouble(enum.Enum):
    """What devices of a site may have in common."""

    TIME_SERVER = "time_server"
    """They lost sync: the server they share is suspected."""

    WRONG_TIME = "wrong_time"
    """They are in sync with a server that tells a wrong time."""

    NETWORK = "network"
    """They do not answer: the way to the site is suspected."""


SiteKey = tuple[str, SiteTrouble]

_CAUSES: Final[Mapping[SiteTrouble, frozenset[Cause]]] = {
    SiteTrouble.TIME_SERVER: frozenset({Cause.NOT_SYNCED, Cause.STALE}),
    SiteTrouble.WRONG_TIME: frozenset({Cause.SKEW}),
    SiteTrouble.NETWORK: frozenset({Cause.UNREACHABLE}),
}
"""What is wrong with the devices, one by one."""

_ENDS: Final = {
    SiteTrouble.TIME_SERVER: ("no device is out of sync for it any more", "still are out of sync"),
    SiteTrouble.WRONG_TIME: ("no device tells a wrong time any more", "still tell a wrong time"),
    SiteTrouble.NETWORK: ("its devices answer again", "still do not answer"),
}
"""How devices are once it is over, and those that are not yet."""

_UNREAD: Final = frozenset(list(Cause)[: list(Cause).index(Cause.DISABLED)])
"""With these nobody knows how the clock is."""


@frozen(kw_only=True)
class SiteCause:
    """
    What devices of one site have in common.

    Attributes:
        site: The site.
        trouble: What kind of cause.
        servers: The time servers that are suspected; empty when none is common to them.
        affected: How many devices; once it is over, how many still are in that trouble.
        of: How many devices the site has.
        began_at: When the first of them was seen so, in UTC.
        within_s: Seconds from the first of them to the last.
        examples: Names of the first ten.
        told: How many they were when it was told last.
    """

    site: str
    trouble: SiteTrouble
    servers: tuple[str, ...] = ()
    affected: int
    of: int
    began_at: dt.datetime
    within_s: float
    examples: tuple[str, ...] = ()
    told: int = 0

    def has_grown(self, known: SiteCause | None) -> bool:
        """Tell whether it has become twice as large as when it was told."""
        return known is not None and self.told != known.told

    @property
    def key(self) -> SiteKey:
        """What makes it the same one in the next sweep."""
        return self.site, self.trouble

    @property
    def message(self) -> str:
        """The cause in a sentence."""
        many = f"{self.affected} of {self.of} devices"
        within = f" within {_minutes(self.within_s)}"
        match self.trouble:
            case SiteTrouble.NETWORK:
                return f"{self._suspect} suspected: {many} went out of reach{within}"
            case SiteTrouble.TIME_SERVER if self.servers:
                return f"{self._suspect} suspected: {many} lost it{within}"
            case SiteTrouble.TIME_SERVER:
                return f"{self._suspect} suspected: {many} lost sync{within}"
            case SiteTrouble.WRONG_TIME:
                return f"{self._suspect} suspected to tell a wrong time: {many} follow it"

    @property
    def end_message(self) -> str:
        """That it is over, in a sentence."""
        well, still = _ENDS[self.trouble]
        left = f"{self.affected} of {self.of} devices {still}" if self.affected else well
        return f"over: {self._suspect}: {left}"

    @property
    def _suspect(self) -> str:
        if self.trouble is SiteTrouble.NETWORK:
            return f"network of {self.site}"
        if not self.servers:
            return f"time servers of {self.site}"
        word = "time server" if len(self.servers) == 1 else "time servers"
        return f"{word} {' and '.join(self.servers)} of {self.site}"

    @property
    def hint(self) -> str:
        """What to do about it."""
        match self.trouble:
            case SiteTrouble.NETWORK:
                return "Check the site's uplink, its switch and its power."
            case SiteTrouble.TIME_SERVER:
                return "Check that the server runs and that UDP 123 to it is open at the site."
            case SiteTrouble.WRONG_TIME:
                return "Compare that server with another one, and our own clock, too."


def _minutes(seconds: float) -> str:
    return f"{max(1, round(seconds / 60))} min"


def site_causes_of(
    looks: Iterable[tuple[Finding, Standing]],
    known: Collection[SiteCause],
    rules: WatchRules,
) -> tuple[SiteCause, ...]:
    """
    Find what devices of the same site have in common.

    What was known already lasts until it holds for half of what it takes to
    begin, so that it does not come and go.

    Args:
        looks: Every device of one sweep: what was found, and how it stands after that.
        known: What they had in common until now.
        rules: How many it takes.
    """
    sites: dict[str, list[tuple[Finding, Standing]]] = {}
    for finding, standing in looks:
        if finding.device.site is not None:
            sites.setdefault(finding.device.site, []).append((finding, standing))
    before = {cause.key: cause for cause in known}
    found = (
        _cause_of(site, trouble, devices, before.get((site, trouble)), rules)
        for site, devices in sites.items()
        for trouble in SiteTrouble
    )
    return tuple(cause for cause in found if cause is not None)


def belongs_to(device: Device, cause: Cause | None, site_cause: SiteCause) -> bool:
    """Tell whether the trouble of a device is that of its site."""
    return device.site == site_cause.site and cause in _CAUSES[site_cause.trouble]


def _cause_of(
    site: str,
    trouble: SiteTrouble,
    devices: Sequence[tuple[Finding, Standing]],
    known: SiteCause | None,
    rules: WatchRules,
) -> SiteCause | None:
    affected = [one for one in devices if _is_affected(one[1], trouble)]
    many = rules.site_ratio * len(devices)
    if known is None and (len(affected) < rules.site_least or len(affected) <= many):
        return None
    if known is not None and (len(affected) < rules.site_least / 2 or len(affected) <= many / 2):
        return known if _may_go_on(known, affected, devices, rules) else None
    since = [standing.since for _, standing in affected]
    has_grown = known is None or len(affected) >= _GROWN * known.told
    return SiteCause(
        site=site,
        trouble=trouble,
        servers=_suspects(affected, devices) if trouble is not SiteTrouble.NETWORK else (),
        affected=len(affected),
        of=len(devices),
        began_at=known.began_at if known else min(since),
        within_s=(max(since) - min(since)).total_seconds(),
        examples=tuple(finding.device.name for finding, _ in affected[:EXAMPLES]),
        told=len(affected) if known is None or has_grown else known.told,
    )


def _may_go_on(
    known: SiteCause,
    affected: Sized,
    devices: Sequence[tuple[Finding, Standing]],
    rules: WatchRules,
) -> bool:
    """Tell whether it may be only that devices cannot be read: then nobody says it is over."""
    if known.trouble is SiteTrouble.NETWORK:
        return False
    unread = sum(standing.cause in _UNREAD for _, standing in devices)
    at_most = len(affected) + min(unread, known.affected)
    least = max(rules.site_least, rules.site_ratio * len(devices)) / 2
    return at_most > least


def _is_affected(standing: Standing, trouble: SiteTrouble) -> bool:
    """Tell whether a device counts; one that is still to settle after a change does not."""
    settles = standing.cause is Cause.NOT_SYNCED and standing.state is State.WARNING
    return standing.cause in _CAUSES[trouble] and not settles


def _suspects(
    affected: Sequence[tuple[Finding, Standing]], devices: Sequence[tuple[Finding, Standing]]
) -> tuple[str, ...]:
    """
    Give the servers that nearly all of those affected use.

    A server on which a device that is well depends alone is not to blame.
    """
    used = [_servers(finding) for finding, _ in affected]
    counts = Counter(server for servers in used for server in servers)
    innocent = {
        servers[0]
        for finding, standing in devices
        if standing.cause is None and len(servers := _servers(finding)) == 1
    }
    return tuple(
        server
        for server, count in counts.items()
        if count >= _NEARLY_ALL * len(affected) and server not in innocent
    )


def _servers(finding: Finding) -> tuple[str, ...]:
    client = finding.info.client if finding.info else None
    return (servers_in_use(client) or ()) if client else ()
