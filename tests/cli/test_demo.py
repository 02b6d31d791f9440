"""`demo`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def test_the_demo_tells_its_story(run: Callable[..., Any], home: Path) -> None:
    """It needs nothing, takes seconds, is no failure, and leaves nothing behind."""
    ran = run("demo", "--page", home)
    documents: dict[str, list[dict[str, Any]]] = {}
    for line in ran.lines:
        documents.setdefault(line["schema"].split("/")[1], []).append(line)
    assert (ran.code, len(documents["finding"])) == (0, 60)
    assert "axis-ntp sweep INVENTORY" in ran.err
    assert list(home.parent.rglob("*")) == [home, home / "axis-ntp-demo.html"]
    assert f"the report is in {home / 'axis-ntp-demo.html'}" in ran.err
    _check_sweeps(*documents["summary"])
    _check_rollouts(documents["rollout-event"])


def _check_sweeps(first: dict[str, Any], last: dict[str, Any]) -> None:
    """See that the fleet is better in the end than it was."""
    assert set(first["sites"]) == {"berlin", "lyon", "oslo"}
    assert {"unreachable", "login", "certificate", "skew", "not_synced"} <= set(first["causes"])
    assert last["states"]["ok"] > first["states"]["ok"]
    # None, unless this machine was so busy that a camera could not be read for the plan.
    assert last["causes"].get("not_synced", 0) < first["causes"]["not_synced"] / 2


def _check_rollouts(events: list[dict[str, Any]]) -> None:
    """See that the first one ends, the second stops in its canary, and the third undoes that."""
    begun, ends, pauses = (
        [one for one in events if one["event"] == kind]
        for kind in ("run_started", "finished", "paused")
    )
    assert [end["status"] for end in ends] == ["finished", "paused", "finished"]
    assert [(one["wave"], one["verdict"], one["cause"]) for one in pauses] == [
        (1, "failed", "skew")
    ]
    assert begun[2]["rollback_of"] == begun[1]["run"]
    assert begun[2]["devices"] == begun[1]["waves"][0]
    assert set(ends[2]["results"]) == {"changed"}


def test_people_can_read_the_demo(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a story in six steps, with the commands to use when it stops, also in a narrow window."""
    monkeypatch.setenv("COLUMNS", "60")
    ran = run("demo", "-o", "table", "--page", ".")
    steps = [line for line in ran.err.splitlines() if line.startswith("axis-ntp: ")]
    told = [line.removeprefix("axis-ntp: ")[:2] for line in steps if line[10:11].isdecimal()]
    assert told == ["1.", "2.", "3.", "4.", "5.", "6."]
    assert "axis-ntp rollout rollback" in ran.err
    assert ran.out.count("devices = ") == 3
    assert max(map(len, ran.out.splitlines())) <= 60
