"""Which time servers each site depends on, and where one of them is a single one. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import define, field

from axis_ntp_async.device.records import NTPClientStatus, ServersSource
from axis_ntp_async.health.finding import Cause, Finding, servers_in_use
from axis_ntp_async.report.documents import Document
from axis_ntp_async.report.page.words import shown, site_of

_SHOWN: Final = 40
"""Servers of a site that are named; a site with more has them from somewhere strange."""

_BLAMED: Final = frozenset({Cause.NOT_SYNCED, Cause.OFFSET, Cause.SKEW})


@define
class _Use:
    """
    How a site uses its servers.

    Attributes:
        of: How many devices the site has.
        unread: How many of these could not be read.
        devices: How many told their servers.
        by_server: Those by server.
        troubled: Those that the server does not keep in time, by server.
        alone: Those that have this server only, by server.
    """

    of: int = 0
    unread: int = 0
    devices: int = 0
    by_server: Counter[str] = field(factory=Counter)
    troubled: Counter[str] = field(factory=Counter)
    alone: Counter[str] = field(factory=Counter)

    def add(self, finding: Finding) -> None:
        self.of += 1
        self.unread += finding.error is not None
        servers = servers_told(finding)
        if not servers:
            return
        is_troubled = any(problem.cause in _BLAMED for problem in finding.problems)
        self.devices += 1
        self.by_server.update(servers)
        if is_troubled:
            self.troubled.update(servers)
        if len(servers) == 1:
            self.alone[servers[0]] += 1

    @property
    def single(self) -> str | None:
        """The one server that every device depends on, and has no other beside."""
        return next((one for one, count in self.alone.items() if count == self.devices), None)


def servers_by_site(findings: Iterable[Finding]) -> list[Document]:
    """
    Give the servers in use by site; sites with a single point of failure first.

    Sites of which no device told any stand at the end.
    """
    uses: defaultdict[str, _Use] = defaultdict(_Use)
    for finding in findings:
        uses[site_of(finding)].add(finding)
    rows = [_row(site, use) for site, use in uses.items()]
    return sorted(rows, key=_most_dependent_first)


def _most_dependent_first(row: Document) -> tuple[bool, bool, int, str]:
    return row["single"] is None, not row["devices"], -row["alone"], row["site"]


def servers_told(finding: Finding) -> tuple[str, ...]:
    """Give the servers that a device takes its time from, each once; empty when it told none."""
    client = (finding.info.client if finding.info else None) or NTPClientStatus()
    if client.enabled is False:
        return ()
    return tuple(dict.fromkeys(servers_in_use(client) or ()))


def _row(site: str, use: _Use) -> Document:
    return {
        "site": site,
        "of": use.of,
        "unread": use.unread,
        "devices": use.devices,
        "alone": use.alone.total(),
        "single": None if use.single is None else shown(use.single),
        "servers": [
            {
                "server": shown(server),
                "devices": count,
                "troubled": use.troubled[server],
                "alone": use.alone[server],
            }
            for server, count in use.by_server.most_common(_SHOWN)
        ],
        "more": max(0, len(use.by_server) - _SHOWN),
    }


def good_servers(findings: Iterable[Finding]) -> Mapping[str, tuple[str, ...]]:
    """Give by site the static servers that most of its devices in sync have."""
    lists: defaultdict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    for finding in findings:
        if finding.is_in_sync and _is_static(finding) and (servers := servers_told(finding)):
            lists[site_of(finding)][servers] += 1
    return {site: counts.most_common(1)[0][0] for site, counts in lists.items()}


def _is_static(finding: Finding) -> bool:
    client = (finding.info.client if finding.info else None) or NTPClientStatus()
    return client.servers_source is ServersSource.STATIC and not client.nts_enabled
