"""Figures, tables, charts and goals, from results made by hand."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks import charts, store, tables
from benchmarks.contenders import CONTENDERS
from benchmarks.figures import complaints, entry_of, ratio
from benchmarks.processes import ROOT
from benchmarks.reach import GOALS, judged
from benchmarks.scenarios import AGAIN, SCENARIOS, SUITES
from benchmarks.setting import MODES, Setting


def _sweep(cpu_us: float, **members: Any) -> dict[str, Any]:
    usual = {
        "cpu_us": cpu_us,
        "wall_s": 1.0,
        "rss_mib": 50.0,
        "answered": 100,
        "failed": {},
        "mismatched": 0,
        "twice": 0,
        "missing": 0,
        "wrong_logins": 0,
        "wrong_requests": 0,
        "most_in_flight": 1,
        "most_open": 10,
        "requests": 200,
        "connections": 100,
        "devices_asked": 100,
        "curve_s": [part / 100 for part in range(1, 101)],
    }
    return usual | members


def _result(labelled: Mapping[str, list[float]], shows: str = "cpu") -> dict[str, Any]:
    setting = asdict(Setting(devices=100, sweeps=1))
    return {
        "title": "HTTP < HTTPS",
        "shows": shows,
        "circumstances": {
            "at": "2026-11-24T12:00+00:00",
            "commit": "0123abc",
            "python": "3.11",
            "system": "Linux",
            "cpu": "a CPU",
            "cores": 2,
            "pinned": False,
            "versions": {"aiohttp": "3.14"},
        },
        "entries": [
            {
                "label": label,
                "contender": label,
                "setting": setting,
                "problem": None,
                "runs": [[_sweep(cpu_us)] for cpu_us in values],
            }
            for label, values in labelled.items()
        ],
    }


def test_ratios_are_paired() -> None:
    """A machine that gets ten times slower meanwhile changes no ratio."""
    result = _result({"base": [100, 1000, 120], "ours": [50, 500, 90]})
    assert ratio(result, "ours", "base", 0) == 0.5
    assert ratio(result, "ours", "base", 1) is None


def test_what_was_wrong_is_said_once() -> None:
    """However often it was wrong."""
    result = _result({"base": [1, 2]})
    entry = entry_of(result, "base")
    for run in entry["runs"]:
        run[0] |= {"answered": 99, "failed": {"TimeoutError": 1}}
    assert list(complaints(entry)) == ["sweep 1: 99 of 100 answered (1 TimeoutError)"]


@pytest.mark.parametrize("shows", ["cpu", "curve"])
def test_results_are_shown_and_drawn(shows: str) -> None:
    """As a table, with what is missing, and as a picture that is XML."""
    result = _result({"base": [100, 110], "ours": [50, 60]}, shows)
    result["entries"].append(
        {**result["entries"][0], "label": "gone", "problem": "not installed: x", "runs": []}
    )
    text = "\n".join(tables.scenario(result))
    assert "* gone: not installed: x" in text
    assert ("105 (1.00)" if shows == "cpu" else "0.95") in text
    drawn = charts.draw(result)
    assert drawn is not None
    words = "".join(ET.fromstring(drawn).itertext())  # noqa: S314  we drew it ourselves
    assert "HTTP < HTTPS" in words
    assert "gone" not in words


def test_nothing_is_drawn_of_nothing() -> None:
    """No picture without a bar."""
    assert charts.draw(_result({"base": []})) is None
    assert charts.draw(_result({"base": []}, "curve")) is None


def test_a_page_holds_all_there_is() -> None:
    """The goals first, those that were not measured as well."""
    row = {"what": "a step", "median": 1.0, "least": 1.0, "unit": "µs", "note": ""}
    circumstances = _result({})["circumstances"]
    results = {
        "http-digest": _result(
            {"bare aiohttp": [100], AGAIN: [103], "the program": [50], "floor + speed": [25]}
        ),
        "micro": {"rows": [row], "circumstances": circumstances},
    }
    text = "\n".join(store.page(results))
    assert "not measured" in text
    assert " yes |" in text
    assert "took 1.03 to 1.03 of itself" in text
    assert "### Out of reach" not in text
    assert "a step" in text
    assert "cores not set apart" in text


def test_what_is_out_of_reach_is_explained() -> None:
    """Below the goals, by what a profile says."""
    labelled = {"bare aiohttp": [100.0], "the program": [90.0], "floor + speed": [25.0]}
    text = "\n".join(store.page({"http-digest": _result(labelled)}))
    assert "**no**" in text
    assert text.index("### Out of reach") < text.index("do_handshake") < text.index("## Scenarios")


def test_goals_ask_for_what_is_measured() -> None:
    """A goal names a scenario of the suite, and finds its lines there."""
    assert {goal.scenario for goal in GOALS} == set(SUITES["reach"])
    made = {}
    for name in SUITES["reach"]:
        labels = [entry.label for entry in SCENARIOS[name].entries]
        made[name] = _result({label: [1.0] for label in labels})
        for entry in made[name]["entries"]:
            entry["runs"] = [[_sweep(1.0)] * 3]
    assert all(value is not None for _, value, _ in judged(made))


def test_scenarios_are_well_formed() -> None:
    """Labels are unique, contenders and modes known."""
    for scenario in SCENARIOS.values():
        labels = [entry.label for entry in scenario.entries]
        assert len(labels) == len(set(labels))
        assert {entry.contender for entry in scenario.entries} <= CONTENDERS.keys()
        assert {entry.setting.mode for entry in scenario.entries} <= set(MODES)


def test_scenarios_are_listed() -> None:
    """The command names all of them."""
    asked = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--list"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(asked.stdout.splitlines()) == len(SCENARIOS)
