"""A dashboard for Grafana over the metrics of a watch. Pure, and the same text every time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from axis_ntp_async.health.finding import State, Thresholds
from axis_ntp_async.report.alerting.panels import (
    SOURCE,
    Document,
    panel,
    placed,
    series,
    stat,
    table,
    target,
)

_SCHEMA_VERSION: Final = 41
"""That of Grafana 12; others read it, too."""

_ONE_SITE: Final = '{site=~"$site"}'
_WORST: Final = 25

_COLOURS: Final = {
    State.OK: "#009E73",
    State.WARNING: "#E69F00",
    State.UNKNOWN: "#999999",
    State.CRITICAL: "#D55E00",
}
"""Of the palette of Okabe and Ito, which colour-blind eyes tell apart."""


def dashboard(thresholds: Thresholds) -> str:
    """
    Give the JSON of a dashboard, to be imported into Grafana.

    The data source and the sites are variables of it. Devices that are ok
    have no rows in its tables, unless the watch exports every device.

    Args:
        thresholds: Where lines change their colour, and who counts as an outlier.
    """
    document = {
        "title": "Axis NTP",
        "uid": "axis-ntp",
        "description": "The NTP clients of Axis devices, as 'axis-ntp watch' sees them.",
        "tags": ["axis", "ntp"],
        "schemaVersion": _SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-24h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "templating": {"list": _variables()},
        "panels": placed(_panels(thresholds)),
    }
    return json.dumps(document, indent=2) + "\n"


def _variables() -> list[Document]:
    sites = "label_values(axis_ntp_sweep_devices, site)"
    return [
        {
            "name": "datasource",
            "label": "Data source",
            "type": "datasource",
            "query": "prometheus",
            "current": {},
        },
        {
            "name": "site",
            "label": "Site",
            "type": "query",
            "datasource": SOURCE,
            "definition": sites,
            "query": {"query": sites, "refId": "sites"},
            "refresh": 2,
            "sort": 1,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"text": ["All"], "value": ["$__all"]},
        },
    ]


def _panels(thresholds: Thresholds) -> Iterator[Document]:
    yield from _headline()
    yield from _states_over_time()
    yield from _offsets_over_time(thresholds)
    yield from _tables(thresholds)
    yield from _of_the_watch()


def _headline() -> Iterator[Document]:
    devices, synced = "axis_ntp_sweep_devices", "axis_ntp_sweep_in_sync_devices"
    yield stat(
        "In sync",
        f"sum({synced}{_ONE_SITE}) / sum({devices}{_ONE_SITE})",
        "Share of devices that say they are synced, and whose clocks agree.",
        unit="percentunit",
        steps=[(None, "red"), (0.95, "orange"), (0.99, "green")],
    )
    yield stat(
        "Not ok",
        f'sum({devices}{{site=~"$site",state!="ok"}})',
        "Devices with a problem of any kind.",
        steps=[(None, "green"), (1, "orange")],
    )
    yield stat("Devices", f"sum({devices}{_ONE_SITE})", "All that were looked at.")
    yield stat(
        "Site causes",
        f"count(axis_ntp_site_cause{_ONE_SITE}) or vector(0)",
        "Sites whose devices are in trouble together.",
        steps=[(None, "green"), (1, "red")],
    )
    yield stat(
        "Last full sweep",
        "time() - max(axis_ntp_sweep_last_success_timestamp_seconds)",
        "How long ago it ended.",
        unit="s",
    )
    yield stat(
        "Our own clock",
        "max(abs(axis_ntp_own_clock_skew_seconds))",
        "The clock of the watching machine against its devices, without sign.",
        unit="s",
        steps=[(None, "green"), (2, "red")],
    )


def _states_over_time() -> Iterator[Document]:
    yield series(
        "Devices by state",
        [(f"sum by (state) (axis_ntp_sweep_devices{_ONE_SITE})", "{{state}}")],
        "All chosen sites together.",
        stacked=True,
        overrides=[
            {
                "matcher": {"id": "byName", "options": state.value},
                "properties": [
                    {"id": "color", "value": {"mode": "fixed", "fixedColor": colour}},
                ],
            }
            for state, colour in _COLOURS.items()
        ],
    )
    not_ok = 'sum by (site) (axis_ntp_sweep_devices{site=~"$site",state!="ok"})'
    yield series(
        "Share that is not ok, by site",
        [(f"{not_ok} / sum by (site) (axis_ntp_sweep_devices{_ONE_SITE})", "{{site}}")],
        "From 5 % on the site itself is the suspect.",
        unit="percentunit",
    )


def _offsets_over_time(thresholds: Thresholds) -> Iterator[Document]:
    buckets = f"sum by (le) (axis_ntp_sweep_offset_seconds_bucket{_ONE_SITE})"
    yield panel(
        "heatmap",
        "Offsets",
        [target(buckets, "{{le}}", format="heatmap")],
        "How many devices are how far off their servers by their own word, without sign.",
        options={
            "calculate": False,
            "cellGap": 1,
            "color": {"mode": "scheme", "scheme": "Viridis", "scale": "exponential"},
            "yAxis": {"unit": "s"},
            "tooltip": {"mode": "single", "yHistogram": True},
        },
        width=12,
        height=9,
    )
    yield series(
        "Offsets that so many devices do not exceed",
        [
            (f"histogram_quantile({share}, {buckets})", legend)
            for share, legend in ((0.5, "half"), (0.95, "95 %"), (0.99, "99 %"))
        ],
        "Estimated from the buckets; dashed: the thresholds.",
        unit="s",
        lines=[
            (thresholds.offset_warning_ms / 1000, "orange"),
            (thresholds.offset_critical_ms / 1000, "red"),
        ],
        height=9,
    )


def _tables(thresholds: Thresholds) -> Iterator[Document]:
    yield table(
        "Devices that are not ok",
        f"sum by (site, device, cause, state) (axis_ntp_problem{_ONE_SITE})",
        "What is wrong with each; at most 500 devices have a row.",
        value=None,
    )
    yield table(
        "Largest offsets",
        f"topk({_WORST}, max by (site, device) (abs(axis_ntp_offset_seconds{_ONE_SITE})))",
        "Of devices with series of their own, against their servers.",
        value="offset",
        steps=[
            (None, "green"),
            (thresholds.offset_warning_ms / 1000, "orange"),
            (thresholds.offset_critical_ms / 1000, "red"),
        ],
    )
    skew = f"abs(axis_ntp_clock_skew_seconds{_ONE_SITE}) - axis_ntp_clock_skew_uncertainty_seconds"
    yield table(
        "Skew outliers",
        f"topk({_WORST}, max by (site, device) ({skew}) >= {thresholds.skew_warning_s:.12g})",
        "Clocks that are certainly so far off ours: who says synced follows a wrong server.",
        value="skew",
        steps=[(None, "orange"), (thresholds.skew_critical_s, "red")],
    )
    yield table(
        "Causes that devices of a site have in common",
        f"max by (site, trouble) (axis_ntp_site_cause{_ONE_SITE})\n"
        "* on (site, trouble) group_left (servers) "
        f"max by (site, trouble, servers) (axis_ntp_site_cause_info{_ONE_SITE})\n"
        f"or on (site, trouble) max by (site, trouble) (axis_ntp_site_cause{_ONE_SITE})",
        "How many devices, and which time servers are suspected.",
        value="devices",
        unit="short",
    )


def _of_the_watch() -> Iterator[Document]:
    yield series(
        "Sweeps",
        [
            ("axis_ntp_sweep_duration_seconds", "duration"),
            ("time() - axis_ntp_sweep_last_success_timestamp_seconds", "age of the last full one"),
            ("axis_ntp_watch_interval_seconds", "interval"),
        ],
        "A sweep that is older than two intervals is an alert.",
        unit="s",
    )
    yield series(
        "Calls by what came of them",
        [("sum by (outcome) (rate(axis_ntp_requests_total[15m]))", "{{outcome}}")],
        "Of all sites.",
        unit="reqps",
    )
    yield series(
        "Rollouts",
        [
            (
                "sum by (run, wave, state) (axis_ntp_rollout_devices)",
                "{{run}} wave {{wave}}: {{state}}",
            )
        ],
        "Devices of runs that are not over.",
        stacked=True,
    )
    yield series(
        "Not as the policy wants them",
        [(f"sum by (site) (axis_ntp_config_drift{_ONE_SITE} > bool 0)", "{{site}}")],
        "Devices with settings that drifted, of those with series of their own.",
        stacked=True,
    )
