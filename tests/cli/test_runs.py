"""`rollout list`, `show`, `report` and `abort`."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.simulator.model.camera import Camera

Run = Callable[..., Any]


@pytest.fixture
def cameras(make_camera: Callable[..., Camera]) -> list[Camera]:
    sites = ("berlin", "lyon", None)
    return [make_camera(f"cam-{number}", site=sites[number % 3]) for number in range(6)]


@pytest.fixture
def name(run: Run, serve: Callable[..., Path], cameras: list[Camera], policy: str) -> str:
    """A run in which one device was left alone, and one could not be planned."""
    inventory = serve(*cameras)
    cameras[0].password = "changed on site"
    how = ("--proof", "readback", "--rate", "1e6", "--rate-per-server", "1e6", "--no-preflight")
    run("plan", inventory, "--policy", policy, *how, "--out", "plan.json")
    cameras[2].configure(NTPClientConfiguration(static_servers=("10.0.0.9",)))
    ran = run("apply", "plan.json", "--no-preflight", "--yes")
    assert ran.code == 1
    return str(ran.lines[0]["run"])


def test_all_runs_are_listed(run: Run, name: str) -> None:
    """The last one first, with totals that add up; in a table with what came of them."""
    back = run("rollout", "rollback", name, "--yes").lines[0]["run"]
    lines = run("rollout", "list").lines
    assert [(line["run"], line["status"]) for line in lines] == [
        (back, "finished"),
        (name, "rolled back"),
    ]
    assert all(sum(line["states"].values()) == line["devices"] for line in lines)
    assert all(sum(line["results"].values()) == line["devices"] for line in lines)
    assert {line["schema"] for line in lines} == {"axis-ntp/run/v1"}
    rows = run("rollout", "list", "-o", "csv").rows
    assert json.loads(rows[1]["states"]) == {"applied": 4, "conflict": 1}
    document = json.loads(run("rollout", "list", "-o", "json").out)
    assert (document["schema"], len(document["results"])) == ("axis-ntp/runs/v1", 2)
    table = run("rollout", "list", "-o", "table").out
    assert f"4 changed (undoes {name})" in table
    assert "4 changed, 1 left alone" in table


@pytest.mark.parametrize(("columns", "is_wide"), [("60", False), ("120", True)])
def test_a_name_of_a_run_is_never_broken(
    run: Run, name: str, monkeypatch: pytest.MonkeyPatch, columns: str, *, is_wide: bool
) -> None:
    """It is there to be copied; a wide terminal also shows when and who."""
    monkeypatch.setenv("COLUMNS", columns)
    head, line, *_ = run("rollout", "list", "-o", "table").out.splitlines()
    assert line.startswith(f"{name}  finished")
    assert ("begun" in head) is is_wide
    assert ("@" in line) is is_wide


def test_one_run_is_shown(run: Run, name: str) -> None:
    """A step for each device, with what was there before, and the run as the last line."""
    *steps, last = run("rollout", "show", name).lines
    assert {step["schema"] for step in steps} == {"axis-ntp/step/v1"}
    assert (last["schema"], last["run"], last["devices"]) == ("axis-ntp/run/v1", name, len(steps))
    assert last["states"] == Counter(step["state"] for step in steps)
    assert steps[0]["before"]["static_servers"] == ["10.0.0.5", "10.0.0.6"]
    assert steps[0]["after"]["static_servers"] == ["10.9.0.1", "10.9.0.2"]
    document = json.loads(run("rollout", "show", name, "-o", "json").out)
    assert len(document["results"]) == document["summary"]["devices"] == 5
    rows = run("rollout", "show", name, "-o", "csv").rows
    assert Counter(row["result"] for row in rows) == {"changed": 4, "left alone": 1}


def test_people_see_one_run_in_short(run: Run, name: str) -> None:
    """Its totals, waves, sites, and what went wrong with whom."""
    out = run("rollout", "show", name, "-o", "table").out
    assert "5 devices = 4 applied + 1 conflict; besides 1 could not be planned" in out
    assert "canary        1" in out
    assert "1 x conflict: cam-2" in out
    assert "somebody changed static_servers since the plan was made" in out
    assert "policy p.toml, digest " in out


@pytest.mark.parametrize("prefix", ["latest", 8, 14, 18])
def test_a_run_may_be_named_in_short(run: Run, name: str, prefix: Any) -> None:
    """By how it begins, or as the latest."""
    text = name[:prefix] if isinstance(prefix, int) else prefix
    assert run("rollout", "show", text).lines[-1]["run"] == name


def test_a_name_that_is_none_or_of_several_is_told(run: Run, name: str) -> None:
    """With the names that there are."""
    back = run("rollout", "rollback", name, "--yes").lines[0]["run"]
    for text, told in (("nope", "there is no such run"), (name[:8], "2 runs begin so")):
        for command in ("show", "resume", "rollback", "abort", "report"):
            ran = run("rollout", command, text)
            assert (ran.code, ran.out) == (2, "")
            assert f"run {text!r}: {told}" in ran.err
            assert name in ran.err
            assert back in ran.err


def test_one_device_is_shown(run: Run, name: str) -> None:
    """All that became of it, in order."""
    lines = run("rollout", "show", name, "--device", "cam-1").lines
    assert [line["state"] for line in lines] == ["intent", "acked", "applied"]
    assert {line["schema"] for line in lines} == {"axis-ntp/trail/v1"}
    out = run("rollout", "show", name, "--device", "cam-1", "-o", "table").out
    assert out.startswith("cam-1 (lyon): applied, wave ")
    assert "servers [10.0.0.5, 10.0.0.6] → [10.9.0.1, 10.9.0.2]" in out
    rows = run("rollout", "show", name, "--device", "cam-2", "-o", "csv").rows
    assert [row["state"] for row in rows] == ["conflict"]


@pytest.mark.parametrize(
    ("device", "hint"), [("cam-11", "; the closest: cam-1"), ("lobby", " of run ")]
)
def test_a_device_that_is_not_in_it_is_told(run: Run, name: str, device: str, hint: str) -> None:
    """With names like it, if there are any."""
    ran = run("rollout", "show", name, "--device", device)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"axis-ntp: {device!r} is none of the 5 devices of run {name}")
    assert hint in ran.err


def test_the_audit_document_is_written(run: Run, name: str) -> None:
    """To standard output, or a file."""
    out = run("rollout", "report", name).out
    assert out.startswith(f"# Rollout {name}\n")
    assert "| **all** | **5** |" in out
    assert "## Not planned" in out
    ran = run("rollout", "report", name, "--out", "report.md")
    assert (ran.code, ran.out, ran.err) == (0, "", "axis-ntp: written to report.md\n")
    text = Path("report.md").read_text(encoding="utf-8")
    assert text.splitlines()[:8] == out.splitlines()[:8]
    ran = run("rollout", "report", name, "--out", "gone/report.md")
    assert (ran.code, ran.err) == (
        2,
        "axis-ntp: gone/report.md: cannot be written: No such file or directory\n",
    )


def test_without_a_journal_there_are_no_runs(run: Run) -> None:
    """One sentence says where it was looked for."""
    ran = run("rollout", "list", "--journal", "none.db")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "axis-ntp: journal none.db: there is no such file; name yours with --journal\n"
    )
    assert not Path("none.db").exists()


def test_an_empty_journal_has_no_runs(run: Run) -> None:
    """That is no fault; but none of them can be shown."""
    assert run("rollout", "abort", "latest", "--journal", "new.db").code == 2
    ran = run("rollout", "list", "--journal", "new.db")
    assert (ran.code, ran.err) == (0, "axis-ntp: journal new.db: there are no runs in it\n")
    ran = run("rollout", "show", "latest", "--journal", "new.db")
    assert (ran.code, ran.err) == (2, "axis-ntp: journal new.db: there are no runs in it\n")
