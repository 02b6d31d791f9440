"""Series that the alerts stand on: the same for both ways of scraping. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from axis_ntp_async.health.finding import Thresholds

SITE_RATIO: Final = 0.05
_SITE_LEAST: Final = 3
"""A site is degraded when more than this share of it, and so many devices, are in trouble."""

TOGETHER_RATIO: Final = 0.5
_TOGETHER_LEAST: Final = 10
"""Of a degraded site, from more than this share or so many devices on, none is told by itself."""


def records_of_devices(thresholds: Thresholds) -> Iterator[tuple[str, str]]:
    """Give name and expression of what is recorded of each device."""
    yield "device:axis_ntp_problem", _either("axis_ntp_problem{%s}")
    yield (
        "device:axis_ntp_offset_high:seconds",
        (
            f"{_either('abs(axis_ntp_offset_seconds{%s})')} "
            f">= {seconds(thresholds.offset_warning_ms)}"
        ),
    )
    skew = "abs(axis_ntp_clock_skew_seconds{%s}) - axis_ntp_clock_skew_uncertainty_seconds"
    yield (
        "device:axis_ntp_skew_high:seconds",
        f"{_either(skew)} >= {thresholds.skew_warning_s:.12g}",
    )


def records_of_sites() -> Iterator[tuple[str, str]]:
    """Give name and expression of what is recorded of each site."""
    yield (
        "site:axis_ntp_devices:count",
        (
            "max without (instance, job) (sum without (state) (axis_ntp_sweep_devices))\n"
            'or on (site) count by (site) (axis_ntp_up{device=""})'
        ),
    )
    yield (
        "site:axis_ntp_bad_devices:count",
        (
            "max without (instance, job) (\n"
            '  sum without (state) (axis_ntp_sweep_devices{state=~"critical|unknown"})\n'
            ")\n"
            "or on (site) count by (site) (\n"
            '  count by (site, instance) (axis_ntp_problem{device="",state=~"critical|unknown"})\n'
            ")"
        ),
    )
    yield (
        "site:axis_ntp_degraded:ratio",
        (
            f"(site:axis_ntp_bad_devices:count / site:axis_ntp_devices:count > {SITE_RATIO})\n"
            f"and site:axis_ntp_bad_devices:count >= {_SITE_LEAST}"
        ),
    )
    yield (
        "site:axis_ntp_told_together",
        (
            "max by (site) (axis_ntp_site_cause)\n"
            f"or max by (site) (site:axis_ntp_degraded:ratio > {TOGETHER_RATIO})\n"
            "or max by (site) (\n"
            "  site:axis_ntp_degraded:ratio\n"
            f"  and site:axis_ntp_bad_devices:count >= {_TOGETHER_LEAST}\n"
            ")"
        ),
    )


def _either(series: str) -> str:
    """Give a series by device, however it was scraped, and once if it was both ways."""
    named, probed = series % 'device!=""', series % 'device=""'
    return (
        "max without (instance, job) (\n"
        f"  {named}\n"
        f'  or label_replace({probed}, "device", "$1", "instance", "(.+)")\n'
        ")"
    )


def seconds(milliseconds: float) -> str:
    """Give milliseconds in seconds, as Prometheus reads them."""
    return f"{milliseconds / 1000:.12g}"
