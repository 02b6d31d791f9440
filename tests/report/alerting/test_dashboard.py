"""The Grafana dashboard."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from axis_ntp_async.health.finding import PROFILES, State, Thresholds
from axis_ntp_async.report.alerting.dashboard import dashboard

PROMTOOL = shutil.which("promtool")
DOCUMENT: dict[str, Any] = json.loads(dashboard(Thresholds()))
PANELS: list[dict[str, Any]] = DOCUMENT["panels"]


def exprs() -> Iterator[str]:
    yield from (target["expr"] for panel in PANELS for target in panel["targets"])


def test_every_panel_uses_metrics_that_there_are(exported: frozenset[str]) -> None:
    """What `report/metrics.py` really exports, also where the sites come from."""
    site = DOCUMENT["templating"]["list"][1]
    for expr in [*exprs(), site["definition"]]:
        names = set(re.findall(r"\baxis_ntp_\w+", expr))
        assert names
        assert names <= exported


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")
def test_every_expression_can_be_read_by_prometheus(tmp_path: Path) -> None:
    """With all sites chosen."""
    rules = [
        {"record": f"a{number}", "expr": expr.replace("$site", ".*")}
        for number, expr in enumerate(exprs())
    ]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "a", "rules": rules}]}), encoding="utf-8")
    ran = subprocess.run(
        [str(PROMTOOL), "check", "rules", path], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_it_shows_what_is_asked_of_a_fleet() -> None:
    """From the share in sync to rollouts."""
    assert [panel["title"] for panel in PANELS] == [
        "In sync",
        "Not ok",
        "Devices",
        "Site causes",
        "Last full sweep",
        "Our own clock",
        "Devices by state",
        "Share that is not ok, by site",
        "Offsets",
        "Offsets that so many devices do not exceed",
        "Devices that are not ok",
        "Largest offsets",
        "Skew outliers",
        "Causes that devices of a site have in common",
        "Sweeps",
        "Calls by what came of them",
        "Rollouts",
        "Not as the policy wants them",
    ]
    assert all(panel["description"].endswith(".") for panel in PANELS)
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)


def test_no_panel_lies_upon_another() -> None:
    """And none leaves the 24 columns."""
    cells = [
        {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        for at in (panel["gridPos"] for panel in PANELS)
    ]
    assert not [True for one, other in combinations(cells, 2) if one & other]
    assert max(x for cell in cells for x, _ in cell) == 23


def test_it_is_nobodys_own() -> None:
    """The data source is chosen in Grafana, and so are the sites, that without a name included."""
    source, site = DOCUMENT["templating"]["list"]
    assert (source["type"], source["query"]) == ("datasource", "prometheus")
    assert (site["multi"], site["includeAll"], site["allValue"]) == (True, True, ".*")
    sources = [DOCUMENT["templating"]["list"][1]["datasource"]]
    sources += [target["datasource"] for panel in PANELS for target in panel["targets"]]
    sources += [panel["datasource"] for panel in PANELS]
    assert all(one == {"type": "prometheus", "uid": "${datasource}"} for one in sources)


def test_a_distribution_of_now_is_not_taken_for_a_counter() -> None:
    """Rates are for what grows."""
    assert not [expr for expr in exprs() if "rate(" in expr and "_total" not in expr]
    assert sum("axis_ntp_sweep_offset_seconds_bucket" in expr for expr in exprs()) == 4


def test_the_share_in_sync_is_not_the_word_of_the_devices() -> None:
    """Who follows a wrong server has an offset, and calls itself synced."""
    [panel] = [panel for panel in PANELS if panel["title"] == "In sync"]
    assert panel["targets"][0]["expr"] == (
        'sum(axis_ntp_sweep_in_sync_devices{site=~"$site"}) '
        '/ sum(axis_ntp_sweep_devices{site=~"$site"})'
    )


def test_states_have_colours_of_their_own() -> None:
    """The same in every Grafana, and apart for colour-blind eyes."""
    [panel] = [panel for panel in PANELS if panel["title"] == "Devices by state"]
    overrides = {
        one["matcher"]["options"]: one["properties"][0]["value"]["fixedColor"]
        for one in panel["fieldConfig"]["overrides"]
    }
    assert set(overrides) == {state.value for state in State}
    assert len(set(overrides.values())) == len(State)


def test_thresholds_are_those_of_the_user() -> None:
    """As lines, as colours, and in what counts as an outlier."""
    text = dashboard(
        Thresholds(
            offset_warning_ms=12.5,
            offset_critical_ms=75.0,
            skew_warning_s=3.25,
            skew_critical_s=7.5,
        )
    )
    panels = {panel["title"]: panel for panel in json.loads(text)["panels"]}

    def steps(title: str) -> list[float | None]:
        thresholds = panels[title]["fieldConfig"]["defaults"]["thresholds"]
        return [step["value"] for step in thresholds["steps"]]

    assert steps("Largest offsets") == [None, 0.0125, 0.075]
    assert steps("Offsets that so many devices do not exceed") == [None, 0.0125, 0.075]
    assert steps("Skew outliers") == [None, 7.5]
    assert panels["Skew outliers"]["targets"][0]["expr"].endswith(">= 3.25)")


@pytest.mark.parametrize("thresholds", PROFILES.values(), ids=PROFILES)
def test_the_same_thresholds_give_the_same_text(thresholds: Thresholds) -> None:
    """So that a file under version control changes only when something does."""
    text = dashboard(thresholds)
    assert text == dashboard(thresholds)
    assert text.endswith("}\n")
    assert json.loads(text)["schemaVersion"] == 41
