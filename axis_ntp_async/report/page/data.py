"""Everything that a page shows, as plain JSON. Pure."""

from __future__ import annotations

from axis_ntp_async.report.documents import Document, schema
from axis_ntp_async.report.page.causes import causes, site_causes
from axis_ntp_async.report.page.clocks import agreement, histogram, thresholds_document
from axis_ntp_async.report.page.devices import devices
from axis_ntp_async.report.page.drift import drift
from axis_ntp_async.report.page.headline import headline, trend
from axis_ntp_async.report.page.report import Report
from axis_ntp_async.report.page.servers import servers_by_site
from axis_ntp_async.report.page.sites import sites
from axis_ntp_async.report.page.words import moment, shown


def page_data(report: Report) -> Document:
    """Give everything that the page shows; texts are free of letters that cannot be seen."""
    return {
        "schema": schema("report"),
        "at": moment(report.at),
        "source": shown(report.source),
        "policy": None if report.policy is None else shown(report.policy),
        "thresholds": thresholds_document(report.thresholds),
        "notes": [shown(note) for note in report.notes],
        "headline": headline(report),
        "trend": trend(report.sweeps),
        "site_causes": site_causes(report),
        "causes": causes(report),
        "sites": sites(report),
        "servers": servers_by_site(report.findings),
        "histogram": histogram(report.findings),
        "agreement": agreement(report.findings, report.thresholds),
        "drift": drift(report),
        "devices": devices(report),
    }
