"""
The audit document of a run: who changed what, when, by which policy, and how it was proved.

Markdown, so that it is read anywhere and kept with other papers. Names come
from devices and files, so everything that Markdown could take for its own is
escaped.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.report.printable import printable
from axis_ntp_async.report.rollout.plans import change_in_words
from axis_ntp_async.report.rollout.runs import reason
from axis_ntp_async.rollout.plan import Step, StepState, StepStatus
from axis_ntp_async.rollout.rules.settings import Proof
from axis_ntp_async.rollout.runs import Run

_MARKS: Final = re.compile(r"([\\`*_\[\]<>|~])")

_COLUMNS: Final = (
    *("device", "address", "serial", "wave", "before and after"),
    *("state", "proof, or reason", "when"),
)

_PROVED: Final = {
    StepState.HEALTHY: "read back, and its clock followed",
    StepState.APPLIED: "read back",
    StepState.PROVING: "read back; its clock was being watched",
    StepState.NOOP: "was so already; nothing was sent",
}


def audit_document(run: Run, written_at: dt.datetime) -> str:
    """Give the whole document."""
    return "\n".join(_lines(run, written_at)) + "\n"


def _lines(run: Run, written_at: dt.datetime) -> Iterator[str]:
    yield f"# Rollout {_text(run.name)}"
    yield ""
    yield from (f"- {title}: {text}" for title, text in _facts(run, written_at))
    yield ""
    yield "## Totals"
    yield ""
    yield "| state | devices |"
    yield "| --- | ---: |"
    states = Counter(run.summary.states)
    yield from (f"| {state.value} | {states[state]} |" for state in StepState if states[state])
    yield f"| **all** | **{states.total()}** |"
    yield ""
    yield "## Devices"
    yield ""
    yield f"| {' | '.join(_COLUMNS)} |"
    yield f"| {' | '.join('---' for _ in _COLUMNS)} |"
    for step in run.plan.steps:
        yield _row(step, run.statuses[step.device.name])
    yield from _left_out(run)


def _facts(run: Run, written_at: dt.datetime) -> Iterator[tuple[str, str]]:
    summary, plan = run.summary, run.plan
    yield "status", summary.status.value
    if summary.message:
        yield "because of", _text(reason(summary))
    yield "begun by", _text(summary.begun_by or "unknown")
    yield "begun at", _moment(summary.begun_at)
    yield "ended at", _moment(summary.ended_at)
    yield "planned at", _moment(plan.made_at)
    yield "inventory", _text(plan.inventory or "-")
    yield "policy", _text(plan.policy or "-")
    yield "policy digest", f"`{plan.policy_digest}`" if plan.policy_digest else "-"
    if plan.rollback_of:
        yield "undoes", _text(plan.rollback_of)
    for name in run.undone_by:
        yield "undone by", _text(name)
    is_quick = plan.rules.proof.kind is Proof.READBACK
    yield "proof", "read back only" if is_quick else "read back, and clocks of a sample watched"
    yield "waves", ", ".join(str(len(wave.steps)) for wave in plan.waves)
    yield "as desired before", str(len(plan.as_desired))
    yield "this document", _moment(written_at)


def _row(step: Step, status: StepStatus) -> str:
    changes = "<br>".join(_text(change_in_words(change)) for change in step.changes)
    proof = _PROVED.get(status.state) or status.message or "-"
    cells = (
        _text(step.device.name),
        _text(step.device.address),
        _text(step.device.serial or "-"),
        str(step.wave),
        changes,
        status.state.value,
        _text(proof) + _found(status.found),
        _moment(status.at),
    )
    return f"| {' | '.join(cells)} |"


def _found(found: NTPClientConfiguration | None) -> str:
    if found is None or found.static_servers is None:
        return ""
    return f"<br>it reports servers {_text(', '.join(found.static_servers) or 'none')}"


def _left_out(run: Run) -> Iterator[str]:
    if not run.plan.unplannable:
        return
    yield ""
    yield "## Not planned"
    yield ""
    yield "| device | cause | why |"
    yield "| --- | --- | --- |"
    for one in run.plan.unplannable:
        cause, message = one.problem.cause.value, one.problem.message
        yield f"| {_text(one.device.name)} | {cause} | {_text(message)} |"


def _text(text: str) -> str:
    return _MARKS.sub(r"\\\1", printable(text)).replace("&", "&amp;")


def _moment(moment: dt.datetime | None) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else "-"
