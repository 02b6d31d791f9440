"""Alert rules, held against series in time by promtool."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from axis_ntp_async.health.finding import PROFILES, Cause, Thresholds
from axis_ntp_async.report.alerting.rules import alert_rules

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)"
)

Series = Mapping[str, str]
Fires = Callable[..., None]
Way = Callable[..., str]

WATCH = {"instance": "watch:9108", "job": "axis-ntp"}


def series(name: str, **labels: str) -> str:
    return f"{name}{{{','.join(f'{key}={json.dumps(labels[key])}' for key in labels)}}}"


INVENTORY_OLD = series("axis_ntp_inventory_old", **WATCH)
LAST_SUCCESS = series("axis_ntp_sweep_last_success_timestamp_seconds", **WATCH)
ALIVE: Series = {
    INVENTORY_OLD: "0x180",
    LAST_SUCCESS: "0+60x180",
    series("axis_ntp_watch_interval_seconds", **WATCH): "300x180",
}
"""A watch that sweeps as it should; times are minutes."""


def by_watch(name: str, device: str, site: str = "berlin", **labels: str) -> str:
    """Give a series of a device as `/metrics` has it."""
    return series(name, **WATCH, device=device, site=site, **labels)


def by_probe(name: str, device: str, site: str = "berlin", **labels: str) -> str:
    """Give it as `/probe` has it, after relabelling."""
    return series(name, instance=device, job="axis-ntp-probe", site=site, **labels)


both_ways = pytest.mark.parametrize("way", [by_watch, by_probe])


@pytest.fixture
def fires(tmp_path: Path) -> Fires:
    """Holds what fires at these minutes, and nothing else, against what is expected."""

    def fired(
        given: Series,
        expected: Mapping[int, Iterable[Mapping[str, str]]],
        *,
        thresholds: Thresholds = PROFILES["default"],
        annotations: Sequence[Mapping[str, Any]] = (),
        **how: float,
    ) -> None:
        (tmp_path / "rules.yml").write_text(alert_rules(thresholds, **how), encoding="utf-8")
        test = {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in given.items()],
            "promql_expr_test": [
                {
                    "expr": 'ALERTS{alertstate="firing"}',
                    "eval_time": f"{minute}m",
                    "exp_samples": [
                        {"labels": series("ALERTS", alertstate="firing", **labels), "value": 1}
                        for labels in alerts
                    ],
                }
                for minute, alerts in expected.items()
            ],
            "alert_rule_test": list(annotations),
        }
        whole = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}
        (tmp_path / "test.yml").write_text(json.dumps(whole), encoding="utf-8")
        ran = subprocess.run(
            [str(PROMTOOL), "test", "rules", "test.yml"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr

    return fired


def alert(name: str, severity: str = "warning", **labels: str) -> dict[str, str]:
    return {"alertname": f"AxisNTP{name}", "severity": severity, **labels}


ONE = {"device": "lobby-3", "site": "berlin"}


def problem(way: Way, cause: str, state: str = "critical", device: str = "lobby-3") -> str:
    return way("axis_ntp_problem", device, cause=cause, state=state)


@needs_promtool
@pytest.mark.parametrize(
    ("thresholds", "how"),
    [
        *((profile, {}) for profile in PROFILES.values()),
        (Thresholds(), {"hold_scale": 0.001}),
        (Thresholds(), {"hold_scale": 0.0123, "interval_s": 17.5}),
        (Thresholds(), {"interval_s": 900.0}),
        (
            Thresholds(
                offset_warning_ms=1e-6,
                offset_critical_ms=1e12,
                skew_warning_s=0.0,
                skew_critical_s=1e-9,
            ),
            {},
        ),
    ],
)
def test_promtool_takes_the_rules(
    tmp_path: Path, thresholds: Thresholds, how: dict[str, float]
) -> None:
    """With every profile, in a hurry, and with numbers that nobody would choose."""
    path = tmp_path / "rules.yml"
    path.write_text(alert_rules(thresholds, **how), encoding="utf-8")
    ran = subprocess.run(
        [str(PROMTOOL), "check", "rules", path], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "FAILED" not in ran.stdout + ran.stderr


@needs_promtool
def test_a_fleet_that_is_well_is_quiet(fires: Fires) -> None:
    """For hours."""
    well = {
        **ALIVE,
        series("axis_ntp_sweep_devices", **WATCH, site="berlin", state="ok"): "100x180",
        series("axis_ntp_sweep_devices", **WATCH, site="berlin", state="critical"): "0x180",
        by_probe("axis_ntp_up", "lobby-3"): "1x180",
        by_probe("axis_ntp_offset_seconds", "lobby-3"): "-0.012x180",
        by_probe("axis_ntp_clock_skew_seconds", "lobby-3"): "0.7x180",
        by_probe("axis_ntp_clock_skew_uncertainty_seconds", "lobby-3"): "0.5x180",
        "axis_ntp_own_clock_odd{}": "0x180",
    }
    fires(well, {0: [], 60: [], 180: []})


@needs_promtool
@both_ways
def test_a_large_offset_fires_after_ten_minutes(fires: Fires, way: Way) -> None:
    """Whatever its sign, by the thresholds; names are those of the device, however scraped."""
    given = {
        **ALIVE,
        way("axis_ntp_offset_seconds", "lobby-3"): "-0.2x30",
        way("axis_ntp_offset_seconds", "gate-1"): "1.5x30",
        way("axis_ntp_offset_seconds", "roof-1"): "0.09x30",
    }
    gate = {"device": "gate-1", "site": "berlin"}
    warnings = [alert("OffsetHigh", **ONE), alert("OffsetHigh", **gate)]
    fires(given, {9: [], 11: [*warnings, alert("OffsetHigh", "critical", **gate)]})
    fires(given, {11: [alert("OffsetHigh", **gate)]}, thresholds=PROFILES["lenient"])
    everybody = [
        alert("OffsetHigh", severity, device=device, site="berlin")
        for severity in ("warning", "critical")
        for device in ("lobby-3", "gate-1", "roof-1")
    ]
    fires(given, {11: everybody}, thresholds=PROFILES["strict"])


@needs_promtool
def test_a_device_that_is_scraped_both_ways_is_told_once(fires: Fires) -> None:
    """As is one that two watches look at."""
    other = {**WATCH, "instance": "standby:9108"}
    fires(
        {
            **ALIVE,
            by_watch("axis_ntp_offset_seconds", "lobby-3"): "0.2x30",
            by_probe("axis_ntp_offset_seconds", "lobby-3"): "0.3x30",
            series("axis_ntp_offset_seconds", **other, **ONE): "0.25x30",
        },
        {11: [alert("OffsetHigh", **ONE)]},
    )


@needs_promtool
@both_ways
@pytest.mark.parametrize("cause", ["not_synced", "stale"])
def test_a_device_out_of_sync_fires_after_twenty_minutes(
    fires: Fires, way: Way, cause: str
) -> None:
    """Longer than the longest poll interval; inside the grace of a watch it is a warning."""
    given = {
        **ALIVE,
        problem(way, cause, "warning"): "1x8",
        problem(way, cause): "_x8 1x30",
    }
    fires(given, {19: [], 21: [alert("NotSynced", "critical", **ONE)]})


@needs_promtool
@both_ways
@pytest.mark.parametrize("cause", ["disabled", "no_servers"])
def test_a_device_that_cannot_sync_fires_at_once(fires: Fires, way: Way, cause: str) -> None:
    """And once, though it is not synced either."""
    given = {**ALIVE, problem(way, cause): "1x30", problem(way, "not_synced"): "1x30"}
    if cause == "disabled":  # a client that is switched off is not asked whether it is synced
        del given[problem(way, "not_synced")]
    expected = [alert("CannotSync", "critical", **ONE, cause=cause)]
    fires(given, {1: expected, 25: expected})


@needs_promtool
@both_ways
def test_a_device_that_cannot_be_read_fires_after_a_quarter_of_an_hour(
    fires: Fires, way: Way
) -> None:
    """Whether it is silent, or whether somebody has to correct a password."""
    given = {
        **ALIVE,
        problem(way, "unreachable", "unknown"): "1x7",
        problem(way, "busy", "unknown"): "_x7 1x30",
        problem(way, "login", "unknown", "gate-1"): "1x30",
    }
    gate = {"device": "gate-1", "site": "berlin", "cause": "login"}
    fires(given, {14: [], 16: [alert("Unreachable", **ONE), alert("Unreadable", **gate)]})


@needs_promtool
@both_ways
def test_one_bad_sweep_wakes_nobody(fires: Fires, way: Way) -> None:
    """And one good sweep does not end what goes on."""
    name = problem(way, "unreachable", "unknown")
    fires({**ALIVE, name: "1x4 _x60"}, {4: [], 20: []})
    alerts = [alert("Unreachable", **ONE)]
    fires({**ALIVE, name: "1x20 _x5 1x30 _x60"}, {17: alerts, 23: alerts, 30: alerts, 80: []})


@needs_promtool
def test_two_sweeps_have_to_agree_however_rare_they_are(fires: Fires) -> None:
    """A large fleet is looked at every quarter of an hour."""
    name = by_watch("axis_ntp_offset_seconds", "lobby-3")
    fires({**ALIVE, name: "0.2x14 _x60"}, {14: [], 29: []}, interval_s=900.0)
    alerts = [alert("OffsetHigh", **ONE)]
    fires({**ALIVE, name: "0.2x60"}, {29: [], 31: alerts}, interval_s=900.0)


def site_of(way: Way, bad: int, of: int, minutes: str = "x40") -> dict[str, str]:
    """Give a site with so many devices out of sync."""
    given: dict[str, str] = {}
    for number in range(of):
        is_bad = number < bad
        device = f"c-{number}"
        if is_bad:
            given[way("axis_ntp_problem", device, cause="not_synced", state="critical")] = (
                f"1{minutes}"
            )
        if way is by_probe:
            given[way("axis_ntp_up", device)] = "1x60"
    if way is by_watch:
        counts = {"ok": of - bad, "warning": 0, "unknown": 0, "critical": bad}
        for state, count in counts.items():
            name = series("axis_ntp_sweep_devices", **WATCH, site="berlin", state=state)
            given[name] = f"{count}{minutes}"
    return given


@needs_promtool
@both_ways
def test_many_devices_of_a_site_are_one_alert(fires: Fires, way: Way) -> None:
    """Half of it, or ten of it: the site is told after 10 minutes, and no device ever."""
    site = {"site": "berlin"}
    warning = alert("SiteDegraded", **site)
    dark = [warning, alert("SiteDegraded", "critical", **site)]
    fires({**ALIVE, **site_of(way, 12, 100)}, {9: [], 11: [warning], 35: [warning]})
    fires({**ALIVE, **site_of(way, 5, 5)}, {11: dark, 35: dark})


@needs_promtool
@both_ways
def test_a_few_devices_of_a_site_are_told_by_name_too(fires: Fires, way: Way) -> None:
    """Their number alone would hide who comes next; up to 5 %, or 2, are no matter of the site."""
    devices = [
        alert("NotSynced", "critical", device=f"c-{number}", site="berlin") for number in range(5)
    ]
    fires({**ALIVE, **site_of(way, 5, 100)}, {35: devices})
    fires({**ALIVE, **site_of(way, 2, 20)}, {35: devices[:2]})
    site = alert("SiteDegraded", site="berlin")
    fires({**ALIVE, **site_of(way, 4, 40)}, {35: [site, *devices[:4]]})


@needs_promtool
def test_a_site_does_not_flap_with_one_sweep(fires: Fires) -> None:
    """One that is bad begins nothing, one that is good ends nothing."""
    bad = series("axis_ntp_sweep_devices", **WATCH, site="berlin", state="critical")
    well = series("axis_ntp_sweep_devices", **WATCH, site="berlin", state="ok")
    fires({**ALIVE, well: "70x60", bad: "30x4 0x60"}, {4: [], 11: [], 20: []})
    alerts = [alert("SiteDegraded", site="berlin")]
    given = {**ALIVE, well: "70x90", bad: "30x20 0x4 30x20 0x40"}
    fires(given, {15: alerts, 23: alerts, 28: alerts, 40: alerts, 70: []})


@needs_promtool
def test_warnings_do_not_degrade_a_site(fires: Fires) -> None:
    """A site where every device has a single server is as it was built."""
    given = {
        **ALIVE,
        series("axis_ntp_sweep_devices", **WATCH, site="berlin", state="warning"): "100x60",
        **{
            problem(by_watch, "few_servers", "warning", f"c-{number}"): "1x60"
            for number in range(100)
        },
    }
    fires(given, {59: []})


@needs_promtool
def test_devices_without_a_site_are_told_together_too(fires: Fires) -> None:
    """Their label is empty, which is none."""
    given = {
        **ALIVE,
        series("axis_ntp_sweep_devices", **WATCH, site="", state="critical"): "30x60",
        series("axis_ntp_sweep_devices", **WATCH, site="", state="ok"): "70x60",
        **{
            series(
                "axis_ntp_problem", **WATCH, device=f"c-{n}", cause="stale", state="critical"
            ): ("1x60")
            for n in range(30)
        },
    }
    fires(given, {11: [alert("SiteDegraded")], 40: [alert("SiteDegraded")]})


@needs_promtool
def test_a_cause_that_the_watch_has_found_is_the_only_alert(fires: Fires) -> None:
    """It knows more than a share does, and names the servers it suspects."""
    cause = {"site": "berlin", "trouble": "time_server"}
    given = {
        **ALIVE,
        **site_of(by_watch, 41, 43),
        series("axis_ntp_site_cause", **WATCH, **cause): "41x60",
        series("axis_ntp_site_cause_info", **WATCH, **cause, servers="10.0.0.5, a"): "1x60",
    }
    expected = {
        "eval_time": "20m",
        "alertname": "AxisNTPSiteCause",
        "exp_alerts": [
            {
                "exp_labels": {"severity": "critical", **cause},
                "exp_annotations": {
                    "summary": "41 devices of site berlin have one cause: time_server",
                    "description": "time_server: they lost sync, look at the site's time server "
                    "and UDP 123; wrong_time: their server tells a wrong time, compare it with "
                    "another one; network: none answers, look at the uplink. Suspected: "
                    "10.0.0.5, a. Devices: axis-ntp sweep INVENTORY --limit 'site=berlin'",
                },
            }
        ],
    }
    alerts = [alert("SiteCause", "critical", **cause)]
    fires(given, {11: alerts, 35: alerts}, annotations=[expected])


@needs_promtool
@both_ways
def test_drift_is_one_alert_a_site(fires: Fires, way: Way) -> None:
    """A new policy may concern all of it, and that is no reason for 500 alerts."""
    given = {
        **ALIVE,
        **{problem(way, "drift", "warning", f"c-{n}"): "1x60" for n in range(40)},
    }
    fires(given, {29: [], 31: [alert("ConfigDrift", site="berlin")]})


@needs_promtool
@both_ways
def test_who_follows_a_wrong_server_is_found(fires: Fires, way: Way) -> None:
    """Its offset is fine, its clock is not, beyond what the reading leaves open."""
    given = {
        **ALIVE,
        **outlier(way, "lobby-3", "-37"),
        **outlier(way, "gate-1", "2.4"),
        **outlier(way, "roof-1", "37"),
        problem(way, "not_synced", device="roof-1"): "1x15",
    }
    alerts = [alert("FleetOutlier", severity, **ONE) for severity in ("warning", "critical")]
    fires(given, {9: [], 11: alerts})


def outlier(way: Way, device: str, skew_s: str) -> dict[str, str]:
    return {
        way("axis_ntp_offset_seconds", device): "0.001x30",
        way("axis_ntp_clock_skew_seconds", device): f"{skew_s}x30",
        way("axis_ntp_clock_skew_uncertainty_seconds", device): "0.5x30",
    }


@needs_promtool
def test_our_own_clock_is_told_in_place_of_all_others(fires: Fires) -> None:
    """When it is the odd one, everybody else looks like an outlier."""
    given = {
        **ALIVE,
        **outlier(by_watch, "lobby-3", "37"),
        series("axis_ntp_own_clock_skew_seconds", **WATCH): "-37x30",
        series("axis_ntp_own_clock_odd", **WATCH): "1x30",
    }
    fires(given, {11: [alert("OwnClockOdd", "critical", **WATCH)]})


@needs_promtool
def test_a_watch_that_stands_still_is_told(fires: Fires) -> None:
    """After two intervals without a full sweep, or when there has been none at all."""
    fires(
        {**ALIVE, LAST_SUCCESS: "600x60"}, {19: [], 21: [alert("SweepStale", "critical", **WATCH)]}
    )
    fires({INVENTORY_OLD: "0x60"}, {9: [], 11: [alert("NeverSwept", "critical", **WATCH)]})


@needs_promtool
def test_an_old_inventory_is_told(fires: Fires) -> None:
    """After half an hour: somebody may be editing it."""
    given = {**ALIVE, INVENTORY_OLD: "1x60"}
    fires(given, {29: [], 31: [alert("InventoryOld", **WATCH)]})


@needs_promtool
def test_devices_that_are_not_tried_are_one_alert(fires: Fires) -> None:
    """A suspended password is nothing that each device has to tell."""
    given = {
        **ALIVE,
        series("axis_ntp_sweep_untried_devices", **WATCH): "397x60",
        **{
            series(
                *("axis_ntp_problem",),
                **{**WATCH, "site": "berlin", "device": f"c-{n}"},
                cause="not_tried",
                state="unknown",
            ): "1x60"
            for n in range(5)
        },
    }
    fires(given, {14: [], 16: [alert("Untried", **WATCH)]})


@needs_promtool
def test_a_watch_that_is_gone_is_told(fires: Fires) -> None:
    """By its target while there is one, by the lack of everything otherwise."""
    fires({}, {4: [], 6: [alert("WatchDown", "critical")]})
    up, other = series("up", **WATCH), {**WATCH, "instance": "lyon:9108"}
    given = dict.fromkeys(ALIVE, "0 60 120 _x60")
    down = [alert("WatchDown", "critical", **WATCH)]
    fires({**given, up: "1 1 1 0x60"}, {6: [], 13: down})
    # Another one goes on, so that not everything is gone.
    alive = {name.replace("watch:9108", "lyon:9108"): values for name, values in ALIVE.items()}
    given |= {up: "1 1 1 0x60", series("up", **other): "1x60"}
    fires({**given, **alive}, {13: down, 50: down})


@needs_promtool
def test_probes_without_the_metrics_of_the_watch_are_enough(fires: Fires) -> None:
    """It is not called down then, as long as devices are probed."""
    down = [alert("WatchDown", "critical")]
    fires({by_probe("axis_ntp_up", "lobby-3"): "1x20 _x60"}, {15: [], 40: down})


@needs_promtool
def test_times_can_be_shortened(fires: Fires) -> None:
    """For a test with a real Prometheus; the order of things stays."""
    name = problem(by_watch, "unreachable", "unknown")
    alerts = [alert("Unreachable", **ONE)]
    fires({**ALIVE, name: "1x10 _x60"}, {1: [], 3: alerts, 20: []}, hold_scale=0.1)


def rules_of(text: str) -> list[dict[str, Any]]:
    [group] = yaml.safe_load(text)["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def test_every_rule_uses_metrics_that_there_are(exported: frozenset[str]) -> None:
    """What `report/metrics.py` exports, what an earlier rule records, and Prometheus' own `up`."""
    known = {*exported, "up"}
    for rule in rules_of(alert_rules(Thresholds())):
        names = re.findall(r"(?:\w+:)?\baxis_ntp_\w+(?::\w+)?", rule["expr"])
        assert names
        assert set(names) <= known
        known.add(rule.get("record", ""))


def test_every_cause_that_matters_has_a_rule() -> None:
    """Others are judged by their numbers, or are only worth a word in a sweep."""
    text = " ".join(rule["expr"] for rule in rules_of(alert_rules(Thresholds())))
    named = {
        cause for causes in re.findall(r'cause=~?"([^"]+)"', text) for cause in causes.split("|")
    }
    by_number_or_not_at_all = {"offset", "skew", "not_tried", "dhcp_fallback", "few_servers"}
    assert named | by_number_or_not_at_all == {cause.value for cause in Cause}
    assert not named & by_number_or_not_at_all


def test_every_alert_tells_who_and_what_to_do() -> None:
    """Summary and description name the device, the site or the watch."""
    alerts = [rule for rule in rules_of(alert_rules(Thresholds())) if "alert" in rule]
    assert len(alerts) == 18
    for rule in alerts:
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert re.search(r"\$labels\.(device|site|instance)", rule["annotations"]["summary"])
        description = rule["annotations"]["description"]
        assert re.search(r"site|\$labels\.device", description)
        assert re.search(r"[Cc]heck|[Cc]ompare|[Ll]ook|axis-ntp|chronyc", description)


def test_thresholds_stand_where_people_look() -> None:
    """At the head, and in the expressions."""
    text = alert_rules(Thresholds(offset_warning_ms=12.5, skew_critical_s=7.25))
    assert "# Offset 0.0125 and 1 s, skew 2 and 7.25 s; a look at each device every 300 s." in text
    assert ">= 0.0125\n" in text
    assert "device:axis_ntp_skew_high:seconds >= 7.25\n" in text


def test_the_same_thresholds_give_the_same_rules() -> None:
    """So that a file under version control changes only when something does."""
    assert alert_rules(Thresholds()) == alert_rules(Thresholds())
