"""The audit document of a run."""

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.health.finding import Cause, Problem, State
from axis_ntp_async.report.rollout.audit import audit_document
from axis_ntp_async.rollout.plan import Step, StepState, StepStatus, Unplannable
from axis_ntp_async.rollout.rules.settings import Proof, ProofRules, Rules
from axis_ntp_async.rollout.runs import Run, RunStatus

MakeRun = Callable[..., Run]
MakeStep = Callable[..., Step]


def tables(text: str) -> dict[str, list[list[str]]]:
    """Read the tables of a document as GitHub does, by the headings above them."""
    found: dict[str, list[list[str]]] = {}
    title = ""
    for line in text.splitlines():
        title = line.lstrip("# ") if line.startswith("#") else title
        if line.startswith("|"):
            cells = re.split(r"(?<!\\)\|", line)[1:-1]
            found.setdefault(title, []).append([cell.strip() for cell in cells])
    return found


def test_every_device_has_a_row(make_run: MakeRun, make_step: MakeStep, at: dt.datetime) -> None:
    """With what it was, what it is, how that was proved, and when."""
    found = NTPClientConfiguration(static_servers=("10.0.0.9",))
    steps = [
        (make_step("a"), StepState.HEALTHY),
        (make_step("b"), StepState.APPLIED),
        (make_step("c"), StepState.PROVING),
        (make_step("d"), StepState.NOOP),
        (make_step("e"), StepStatus(state=StepState.FAILED, message="refuses")),
        (make_step("f"), StepStatus(state=StepState.MISMATCH, message="else", found=found)),
        (make_step("g"), StepStatus(state=StepState.CONFLICT, found=evolve(found, enabled=None))),
        (make_step("h"), StepStatus(found=NTPClientConfiguration(static_servers=()))),
        (make_step("i"), StepStatus(found=NTPClientConfiguration(enabled=True))),
    ]
    rows = tables(audit_document(make_run(*steps), at))["Devices"][2:]
    assert [row[0] for row in rows] == list("abcdefghi")
    assert rows[0] == [
        *("a", "192.0.2.7", "ACCC8E012345", "1"),
        r"servers \[10.0.0.1\] → \[10.0.0.5, 10.0.0.6\]",
        *("healthy", "read back, and its clock followed", "2026-11-23 12:00:00 UTC"),
    ]
    assert [row[6] for row in rows[1:]] == [
        "read back",
        "read back; its clock was being watched",
        "was so already; nothing was sent",
        "refuses",
        "else<br>it reports servers 10.0.0.9",
        "-<br>it reports servers 10.0.0.9",
        "-<br>it reports servers none",
        "-",
    ]
    assert rows[4][7] == "-"


def test_totals_add_up(make_run: MakeRun, make_step: MakeStep, at: dt.datetime) -> None:
    """The last row is the sum of the others."""
    steps = [(make_step(name), StepState.APPLIED) for name in "abc"]
    run = make_run(*steps, (make_step("d"), StepState.FAILED))
    rows = tables(audit_document(run, at))["Totals"][2:]
    assert rows == [["applied", "3"], ["failed", "1"], ["**all**", "**4**"]]


def facts_of(run: Run, at: dt.datetime) -> dict[str, str]:
    lines = audit_document(run, at).splitlines()
    return dict(line[2:].split(": ", 1) for line in lines if line.startswith("- "))


def test_the_facts_of_a_run(make_run: MakeRun, make_step: MakeStep, at: dt.datetime) -> None:
    """Who, when, by which policy, and what it has to do with other runs."""
    paused = {"status": RunStatus.PAUSED, "cause": "not_synced", "message": "2 failed"}
    run = make_run(
        (make_step("a"), StepState.APPLIED),
        (make_step("b", wave=2), StepState.PLANNED),
        summary=paused,
        plan={"inventory": "fleet.toml", "rollback_of": "r0", "as_desired": ("x", "y")},
        undone_by=("r2",),
    )
    assert facts_of(run, at) == {
        "status": "paused",
        "because of": "not synced: 2 failed",
        "begun by": "ann@vms",
        "begun at": "2026-11-23 12:00:00 UTC",
        "ended at": "2026-11-23 12:01:15 UTC",
        "planned at": "2026-11-23 12:00:00 UTC",
        "inventory": "fleet.toml",
        "policy": "p.toml",
        "policy digest": f"`{'d' * 64}`",
        "undoes": "r0",
        "undone by": "r2",
        "proof": "read back, and clocks of a sample watched",
        "waves": "1, 1",
        "as desired before": "2",
        "this document": "2026-11-23 12:00:00 UTC",
    }


def test_what_is_not_known_is_said(
    make_run: MakeRun, make_step: MakeStep, at: dt.datetime
) -> None:
    """In place of nothing; and a quick proof is called one."""
    quick = Rules(proof=ProofRules(kind=Proof.READBACK))
    run = make_run(
        (make_step("a"), StepState.APPLIED),
        summary={"begun_by": "", "ended_at": None},
        plan={"policy": "", "policy_digest": "", "rules": quick},
    )
    facts = facts_of(run, at)
    unknown = ("begun by", "ended at", "inventory", "policy", "policy digest")
    assert [facts[name] for name in unknown] == ["unknown", "-", "-", "-", "-"]
    assert facts["proof"] == "read back only"
    assert "because of" not in facts
    assert "## Not planned" not in audit_document(run, at)


def test_times_are_told_in_utc(make_run: MakeRun, make_step: MakeStep) -> None:
    """Whatever they were written in."""
    east = dt.timezone(dt.timedelta(hours=9))
    run = make_run((make_step("a"), StepState.APPLIED))
    facts = facts_of(run, dt.datetime(2026, 11, 24, 3, 0, tzinfo=east))
    assert facts["this document"] == "2026-11-23 18:00:00 UTC"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a|b", r"a\|b"),
        ("`rm -rf`", r"\`rm -rf\`"),
        ("<script>alert(1)</script>", r"\<script\>alert(1)\</script\>"),
        ("[x](http://evil.example)", r"\[x\](http://evil.example)"),
        ("![](x.png)", r"!\[\](x.png)"),
        ("**bold** _it_ ~no~", r"\*\*bold\*\* \_it\_ \~no\~"),
        ("a\\", r"a\\"),
        ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
        ("x\u202ey\u2028z", "x?y?z"),
        ("Küche カメラ", "Küche カメラ"),
    ],
)
def test_no_name_is_taken_for_markdown(
    make_run: MakeRun, make_step: MakeStep, at: dt.datetime, name: str, written: str
) -> None:
    """Names, messages and files come from others."""
    problem = Problem(cause=Cause.LOGIN, state=State.UNKNOWN, message=name, hint="")
    left_out: Any = (Unplannable(device=make_step(name).device, problem=problem),)
    run = make_run(
        (make_step(name), StepStatus(state=StepState.FAILED, message=name, at=at)),
        summary={"begun_by": name, "message": name, "cause": ""},
        plan={"inventory": name, "policy": name, "unplannable": left_out},
    )
    text = audit_document(run, at)
    facts, read = facts_of(run, at), tables(text)
    assert [facts[one] for one in ("begun by", "because of", "inventory", "policy")] == (
        [written] * 4
    )
    [row] = read["Devices"][2:]
    assert (row[0], row[6], len(row)) == (written, written, 8)
    assert read["Not planned"][2:] == [[written, "login", written]]
