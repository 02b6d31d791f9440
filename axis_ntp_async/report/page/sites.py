"""How each site stands. Pure."""

from __future__ import annotations

from collections import Counter

from axis_ntp_async.health.finding import State
from axis_ntp_async.report.documents import Document
from axis_ntp_async.report.page.headline import site_trends
from axis_ntp_async.report.page.report import Report
from axis_ntp_async.report.page.words import NO_SITE, by_state, shown, site_of


def sites(report: Report) -> list[Document]:
    """Give one row for each site, the one with most devices in trouble first."""
    trends = site_trends(report.sweeps)
    in_sync = Counter(site_of(one) for one in report.findings if one.is_in_sync)
    rows = [
        {
            "site": shown(site or NO_SITE),
            "devices": states.total(),
            "in_sync": in_sync[shown(site or NO_SITE)],
            "states": by_state(states),
            "trend": trends.get(shown(site or NO_SITE), []),
        }
        for site, states in report.summary.sites.items()
    ]
    return sorted(rows, key=_most_trouble_first)


def _most_trouble_first(row: Document) -> tuple[int, str]:
    return row["states"][State.OK.value] - row["devices"], row["site"]
