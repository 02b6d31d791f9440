"""How far clocks are off: by the word of the devices, and by our own look. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from axis_ntp_async.health.finding import Finding, Thresholds
from axis_ntp_async.report.documents import Document
from axis_ntp_async.report.page.words import rounded, seconds

EDGES_S: Final = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05),
    *(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0),
)
"""Bins of an offset without its sign: below the first, between two, from the last one on."""


def histogram(findings: Iterable[Finding]) -> Document:
    """Give how many devices report an offset of which size; an edge belongs to the bin above."""
    counts = [0] * (len(EDGES_S) + 1)
    without = 0
    for finding in findings:
        offset_s = seconds(finding.offset_ms)
        if offset_s is None:
            without += 1
        else:
            counts[bisect_right(EDGES_S, abs(offset_s))] += 1
    return {"edges_s": list(EDGES_S), "counts": counts, "without": without}


def agreement(findings: Sequence[Finding], thresholds: Thresholds) -> Document:
    """
    Give how many devices say what of their clock, against what we see.

    `agrees`: both are small. `wrong_server`: the device sees hardly an offset,
    we see a wrong clock, so what it follows is wrong. `off`: it knows that it
    is off. `without`: it reports no offset, or we read no clock.
    """
    kinds = Counter(_kind(finding, thresholds) for finding in findings)
    return {kind: kinds[kind] for kind in ("agrees", "wrong_server", "off", "without")}


def _kind(finding: Finding, thresholds: Thresholds) -> str:
    clock = finding.info.clock if finding.info else None
    if finding.offset_ms is None or clock is None:
        return "without"
    if abs(finding.offset_ms) >= thresholds.offset_warning_ms:
        return "off"
    certain_s = abs(clock.skew_s) - clock.uncertainty_s
    return "wrong_server" if certain_s >= thresholds.skew_warning_s else "agrees"


def thresholds_document(thresholds: Thresholds) -> Document:
    """Give when a value is too large, in seconds."""
    return {
        "offset_warning_s": seconds(thresholds.offset_warning_ms),
        "offset_critical_s": seconds(thresholds.offset_critical_ms),
        "skew_warning_s": rounded(thresholds.skew_warning_s, 3),
        "skew_critical_s": rounded(thresholds.skew_critical_s, 3),
        "servers_min": thresholds.servers_min,
    }
