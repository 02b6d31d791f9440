"""What is wrong, devices with the same trouble together, and what to do about it. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final

from axis_ntp_async.health.finding import Cause, Finding, State
from axis_ntp_async.health.watch.site_causes import SiteCause, belongs_to
from axis_ntp_async.report.documents import Document
from axis_ntp_async.report.page.commands import Typed, commands_for, commands_for_site
from axis_ntp_async.report.page.report import Report
from axis_ntp_async.report.page.servers import good_servers
from axis_ntp_async.report.page.words import cause_in_words, moment, shown, site_of

_EXAMPLES: Final = 5
_SITES: Final = 8


def typed(report: Report) -> Typed:
    """Give what the commands are made of."""
    servers = good_servers(report.findings)
    return Typed(inventory=report.commands, policy=report.policy, servers=servers)


def causes(report: Report) -> list[Document]:
    """
    Give devices with the same root cause and hint together, the most severe first.

    Those whose site has a cause of its own are left out: it explains them.
    """
    alike: defaultdict[tuple[Cause, str], list[Finding]] = defaultdict(list)
    left_out: Counter[tuple[Cause, str]] = Counter()
    for finding in report.findings:
        if (cause := finding.cause) is None:
            continue
        if any(belongs_to(finding.device, cause, one) for one in report.site_causes):
            left_out[cause, finding.hint] += 1
        else:
            alike[cause, finding.hint].append(finding)
    with_commands = typed(report)
    rows = [
        {**_cause(kind[0], found, with_commands), "explained": left_out[kind]}
        for kind, found in alike.items()
    ]
    return sorted(rows, key=lambda row: (-State(row["state"]).rank, -row["devices"], row["cause"]))


def _cause(cause: Cause, findings: list[Finding], typed: Typed) -> Document:
    first = findings[0]
    messages = {one.message for one in findings}
    worst = max((one.state for one in findings), key=lambda state: state.rank)
    sites = Counter(map(site_of, findings))
    commands = commands_for(cause, findings, typed)
    return {
        "cause": cause.value,
        "title": cause_in_words(cause),
        "state": worst.value,
        "devices": len(findings),
        "message": shown(first.message),
        "is_example": len(messages) > 1,
        "hint": shown(first.hint),
        "sites": [{"site": site, "devices": count} for site, count in sites.most_common(_SITES)],
        "more_sites": max(0, len(sites) - _SITES),
        "examples": [shown(one.device.name) for one in findings[:_EXAMPLES]],
        "commands": [command.document for command in commands],
    }


def _causes_behind(site_cause: SiteCause, findings: Iterable[Finding]) -> list[str]:
    """Give the causes of the devices now that belong to that of their site."""
    found = {one.cause for one in findings if belongs_to(one.device, one.cause, site_cause)}
    return [cause.value for cause in Cause if cause in found]


def site_causes(report: Report) -> list[Document]:
    """Give the causes that devices of a site have in common."""
    with_commands = typed(report)
    return [
        {
            "site": shown(one.site),
            "trouble": one.trouble.value,
            "message": shown(one.message),
            "hint": shown(one.hint),
            "servers": [shown(server) for server in one.servers],
            "affected": one.affected,
            "of": one.of,
            "began_at": moment(one.began_at),
            "causes": _causes_behind(one, report.findings),
            "examples": [shown(name) for name in one.examples],
            "commands": [
                command.document
                for command in commands_for_site(one.site, one.examples, with_commands)
            ],
        }
        for one in report.site_causes
    ]
