"""
Alert rules for Prometheus, with the thresholds of whoever asks for them. Pure.

They hold for both ways of scraping: a watch's `/metrics`, whose series name
the `device`, and one `/probe` per device, where it is the `instance`. The
records at the head make one of both; what follows need not know.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Final

from axis_ntp_async.health.finding import Thresholds
from axis_ntp_async.report.alerting.alerts import (
    Alert,
    of_devices,
    of_its_machine,
    of_sites,
    of_the_watch,
)
from axis_ntp_async.report.alerting.records import (
    records_of_devices,
    records_of_sites,
    seconds,
)

USUAL_INTERVAL_S: Final = 300.0
"""Of a watch over up to 5,000 devices, in seconds."""


def alert_rules(
    thresholds: Thresholds, *, interval_s: float = USUAL_INTERVAL_S, hold_scale: float = 1.0
) -> str:
    """
    Give a rule file of Prometheus 2.42 or later, in YAML.

    Args:
        thresholds: When an offset and a skew are too large; those of the watch had better agree.

        interval_s:
            Seconds between two looks at a device. No alert on a device or a site
            fires before two of them in a row agree.

        hold_scale: Stretches all times that a state has to last; for tests, below 1.
    """
    alerts = (
        *of_sites(),
        *of_devices(thresholds),
        *of_the_watch(interval_s),
        *of_its_machine(),
    )
    lines = [*_head(thresholds, interval_s), "groups:", "  - name: axis-ntp", "    rules:"]
    for name, expr in (*records_of_devices(thresholds), *records_of_sites()):
        lines += [f"      - record: {name}", "        expr: |-", _indented(expr)]
    for alert in alerts:
        least_s = 2 * interval_s if alert.hold_s and alert.keep_s else 0.0
        hold_s, keep_s = max(alert.hold_s, least_s), max(alert.keep_s, least_s)
        lines += _yaml(alert, hold_s * hold_scale, (keep_s if alert.keep_s else 0) * hold_scale)
    return "\n".join(lines) + "\n"


def _head(thresholds: Thresholds, interval_s: float) -> Iterator[str]:
    yield "# Alert rules for the NTP clients of Axis devices, from 'axis-ntp rules alerts'."
    yield (
        f"# Offset {seconds(thresholds.offset_warning_ms)} and "
        f"{seconds(thresholds.offset_critical_ms)} s, skew {thresholds.skew_warning_s:g} and "
        f"{thresholds.skew_critical_s:g} s; a look at each device every {interval_s:g} s."
    )
    yield "#"
    yield "# They are for a watch's /metrics as well as for its /probe. With /probe, relabel"
    yield "# __meta_axis_ntp_site of its /sd to site, and the target to instance. Target labels"
    yield "# of your own named site or device would hide ours: set honor_labels: true then."
    yield "# A critical alert goes with the warning of the same name. In Alertmanager, inhibit:"
    yield "#   inhibit_rules:"
    yield "#     - source_matchers: [severity = critical]"
    yield "#       target_matchers: [severity = warning]"
    yield "#       equal: [alertname, site, device]"


def _yaml(alert: Alert, hold_s: float, keep_s: float) -> Iterator[str]:
    """Give one rule; every text is quoted as in JSON, which YAML reads alike."""
    yield f"      - alert: {alert.name}"
    yield "        expr: |-"
    yield _indented(alert.expr)
    if hold_s:
        yield f"        for: {_duration(hold_s)}"
    if keep_s:
        yield f"        keep_firing_for: {_duration(keep_s)}"
    yield "        labels:"
    yield f"          severity: {alert.severity}"
    yield "        annotations:"
    yield f"          summary: {json.dumps(alert.summary)}"
    yield f"          description: {json.dumps(alert.description)}"


def _indented(expr: str) -> str:
    return textwrap.indent(expr, " " * 10)


def _duration(seconds: float) -> str:
    """Give a duration as Prometheus reads it: whole minutes, seconds, or milliseconds."""
    if seconds % 60 == 0:
        return f"{seconds / 60:.0f}m"
    return f"{seconds:.0f}s" if seconds % 1 == 0 else f"{max(1, round(seconds * 1000))}ms"
