"""The check of a single device: its state is the verdict. Pure."""

from __future__ import annotations

from axis_ntp_async.health.finding import Finding, Thresholds
from axis_ntp_async.report.nagios.check import (
    CODES,
    Check,
    CheckRules,
    deciding,
    duration,
    named,
    plain,
    short_message,
)


def check_device(finding: Finding, rules: CheckRules, thresholds: Thresholds) -> Check:
    """Judge one device: its state is the verdict."""
    told = deciding(finding)
    summary = named(finding, told.message if told else finding.message)
    offset_limits = (thresholds.offset_warning_ms / 1000, thresholds.offset_critical_ms / 1000)
    numbers = []
    if finding.offset_ms is not None:
        if not finding.problems:
            summary += f", offset {duration(abs(finding.offset_ms) / 1000)}"
        numbers.append(f"offset={plain(finding.offset_ms / 1000)}s;{_around(*offset_limits)}")
    if finding.skew_s is not None:
        skew_limits = (thresholds.skew_warning_s, thresholds.skew_critical_s)
        numbers.append(f"skew={plain(finding.skew_s)}s;{_around(*skew_limits)}")
    return Check(
        code=CODES[rules.state_of(finding)],
        summary=summary,
        numbers=tuple(numbers),
        details=(
            *((told.hint,) if told else ()),
            *(
                f"{problem.state.value.upper()} {short_message(problem.message)}. {problem.hint}"
                for problem in finding.problems
                if problem is not told
            ),
        ),
    )


def _around(*limits: float) -> str:
    """Give limits of a size as ranges: what is outside of `-2:2` is too much."""
    return ";".join(f"-{plain(limit)}:{plain(limit)}" for limit in limits)
