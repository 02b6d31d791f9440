"""What differs from the policy, alike differences together. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from enum import Enum
from typing import Final

from axis_ntp_async.health.finding import Finding
from axis_ntp_async.report.documents import Document
from axis_ntp_async.report.page.report import Report
from axis_ntp_async.report.page.words import shown

_SHOWN: Final = 200
_EXAMPLES: Final = 3


def drift(report: Report) -> Document:
    """Give the differences from the policy, the most common ones first."""
    alike: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for finding in report.findings:
        for change in finding.drift:
            difference = (change.member, value(change.before), value(change.after))
            alike[difference].append(finding.device.name)
    ordered = sorted(alike.items(), key=lambda one: (-len(one[1]), one[0]))
    return {
        "compared": _compared(report.findings) if report.policy is not None else 0,
        "drifted": sum(bool(finding.drift) for finding in report.findings),
        "rows": [
            {
                "member": member,
                "found": shown(found),
                "wanted": shown(wanted),
                "devices": len(names),
                "examples": [shown(name) for name in names[:_EXAMPLES]],
            }
            for (member, found, wanted), names in ordered[:_SHOWN]
        ],
        "more": max(0, len(ordered) - _SHOWN),
    }


def _compared(findings: Sequence[Finding]) -> int:
    return sum(bool(finding.info and finding.info.client) for finding in findings)


def value(of: object) -> str:
    """Give a value of a configuration as people read it."""
    if of is None:
        return "not told"
    if isinstance(of, bool):
        return "on" if of else "off"
    if isinstance(of, tuple):
        return ", ".join(map(str, of)) or "none"
    return str(of.value if isinstance(of, Enum) else of)
