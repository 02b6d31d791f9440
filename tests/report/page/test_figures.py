"""The figures of the page: counted right, also where there is little to count."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import ServersSource
from axis_ntp_async.errors import DeviceUnreachableError
from axis_ntp_async.health.finding import State, Thresholds
from axis_ntp_async.health.history.record import Record, SweepRecord
from axis_ntp_async.health.watch.site_causes import SiteCause, SiteTrouble
from axis_ntp_async.report.page.causes import causes, site_causes
from axis_ntp_async.report.page.clocks import EDGES_S, agreement, histogram
from axis_ntp_async.report.page.courses import POINTS, course, courses
from axis_ntp_async.report.page.devices import devices, natural
from axis_ntp_async.report.page.drift import drift, value
from axis_ntp_async.report.page.headline import (
    SITE_POINTS,
    TREND_POINTS,
    change_since,
    headline,
    in_groups,
    site_trends,
    trend,
)
from axis_ntp_async.report.page.report import Report
from axis_ntp_async.report.page.servers import servers_by_site
from axis_ntp_async.report.page.sites import sites
from axis_ntp_async.report.page.words import rounded

AT = dt.datetime(2026, 3, 1, 12, 5, tzinfo=dt.UTC)


def swept(hours_ago: float, ok: int, critical: int = 0, site: str | None = None) -> SweepRecord:
    at = AT - dt.timedelta(hours=hours_ago)
    states = {State.OK: ok, State.CRITICAL: critical}
    return SweepRecord(at=at, ended_at=at, states=states, sites={site: states})


def test_in_sync_are_those_whose_clock_is_right(fleet: Any) -> None:
    """Few servers do not hurt yet; an offset, a skew, and silence do."""
    fleet.device("well")
    fleet.device("one-server", static_servers=("10.0.0.5",))
    fleet.device("off", time_offset_ms=900.0)
    fleet.device("wrong", skew_s=37.0)
    fleet.device("unsynced", synced=False)
    fleet.device("silent", error=DeviceUnreachableError)
    fleet.device("disabled", enabled=False, desired=NTPClientConfiguration(enabled=False))
    figures = headline(fleet.report())
    assert (figures["in_sync"], figures["devices"], figures["unread"]) == (2, 7, 1)
    assert figures["states"] == {"ok": 2, "warning": 2, "unknown": 1, "critical": 2}


def test_an_empty_fleet_has_no_shares(fleet: Any) -> None:
    """There is nothing to divide by."""
    figures = headline(fleet.report())
    assert figures["in_sync_ratio"] is None
    assert figures["ok_ratio"] is None
    assert figures["change"] is None
    assert figures["offset_s"] == {"p50": None, "p95": None, "p100": None}


def test_the_change_is_against_the_day_before() -> None:
    """The sweep nearest to 24 hours ago counts, not the oldest and not the last."""
    sweeps = [swept(70, 10), swept(23.5, 9, 1), swept(1, 5, 5)]
    assert change_since(sweeps, 0.8, AT) == {
        "since": "2026-02-28T12:35:00Z",
        "ok_ratio": 0.9,
        "change": -0.1,
    }
    assert change_since([swept(1, 0)], 0.8, AT) is None
    assert change_since(sweeps, None, AT) is None
    assert change_since([swept(-1, 3)], 0.8, AT) is None


def test_a_long_history_is_drawn_with_means() -> None:
    """Ninety days of sweeps are no more points than a chart can show."""
    sweeps = [swept(hours, 10, hours % 2, "berlin") for hours in range(2160, 0, -1)]
    points = trend(sweeps)
    assert len(points["at"]) == len(points["critical"]) == TREND_POINTS
    assert points["at"][-1] == "2026-03-01T11:05:00Z"
    assert 0.4 <= points["critical"][7] <= 0.6
    assert len(site_trends(sweeps)["berlin"]) == SITE_POINTS


def test_a_short_history_is_drawn_as_it_is() -> None:
    """Groups are never empty, and lose nothing."""
    sweeps = [swept(3, 1), swept(2, 2), swept(1, 3)]
    assert [list(group) for group in in_groups(sweeps, 5)] == [[one] for one in sweeps]
    assert trend([])["at"] == []
    assert site_trends([swept(2, 1, 0, "a"), swept(1, 1, 0, "b")]) == {
        "a": [1.0, None],
        "b": [None, 1.0],
    }


@pytest.mark.parametrize(
    ("offset_ms", "bin_"),
    [(0.0, 0), (-0.99, 0), (1.0, 1), (99.9, 6), (-100.0, 7), (59_000.0, 14), (1e9, 15)],
)
def test_an_offset_falls_into_its_bin(fleet: Any, offset_ms: float, bin_: int) -> None:
    """Signs do not matter, and an edge belongs to the bin above."""
    found = histogram([fleet.device("a", time_offset_ms=offset_ms)])
    assert len(found["counts"]) == len(EDGES_S) + 1
    assert found["counts"][bin_] == sum(found["counts"]) == 1


def test_devices_without_an_offset_are_counted_apart(fleet: Any) -> None:
    """An offset of a device that is not synced means nothing."""
    found = histogram([fleet.device("a", synced=False), fleet.device("b")])
    assert (found["without"], sum(found["counts"])) == (1, 1)


def test_who_follows_a_wrong_server_is_seen(fleet: Any) -> None:
    """Hardly an offset by its own word, a wrong clock by ours; doubt is to its favour."""
    fleet.device("well")
    fleet.device("wrong", skew_s=37.0)
    fleet.device("in-doubt", skew_s=2.4)
    fleet.device("knows", skew_s=37.0, time_offset_ms=37_000.0)
    fleet.device("silent", error=DeviceUnreachableError)
    assert agreement(fleet.findings, Thresholds()) == {
        "agrees": 2,
        "wrong_server": 1,
        "off": 1,
        "without": 1,
    }


def test_a_single_point_of_failure_is_marked(fleet: Any) -> None:
    """Only where every device of the site has this one server and no other."""
    for name in ("a", "b"):
        fleet.device(name, "oslo", static_servers=("10.3.0.1",))
    fleet.device("c", "lyon", static_servers=("10.1.0.1",))
    fleet.device("d", "lyon", static_servers=("10.1.0.1", "10.1.0.2"), skew_s=30.0)
    fleet.device("e", "riga", error=DeviceUnreachableError)
    fleet.device("f", "riga", enabled=False)
    oslo, lyon, _ = servers_by_site(fleet.findings)
    assert (oslo["site"], oslo["single"], oslo["alone"]) == ("oslo", "10.3.0.1", 2)
    assert (lyon["site"], lyon["single"], lyon["alone"]) == ("lyon", None, 1)
    assert lyon["servers"][0] == {
        "server": "10.1.0.1",
        "devices": 2,
        "troubled": 1,
        "alone": 1,
    }


def test_a_site_that_told_no_server_is_not_left_out(fleet: Any) -> None:
    """It stands at the end; whether nobody could be read there is told apart."""
    fleet.device("a", "dark", error=DeviceUnreachableError)
    fleet.device("b", "dark", error=DeviceUnreachableError)
    fleet.device("c", "off", enabled=False)
    fleet.device("d", "off", error=DeviceUnreachableError)
    fleet.device("e", "well")
    rows = servers_by_site(fleet.findings)
    assert [(row["site"], row["devices"], row["unread"], row["of"]) for row in rows] == [
        ("well", 1, 0, 1),
        ("dark", 0, 2, 2),
        ("off", 0, 1, 2),
    ]
    assert all(row["single"] is None and row["servers"] == [] for row in rows[1:])


def test_servers_of_a_lease_count_as_used(fleet: Any) -> None:
    """With DHCP it is what is advertised, each once."""
    leased = ("10.1.1.1", "10.1.1.1")
    fleet.device("a", servers_source=ServersSource.DHCP, advertised_servers=leased)
    [row] = servers_by_site(fleet.findings)
    assert row["single"] == "10.1.1.1"


def test_a_site_with_strangely_many_servers_is_cut(fleet: Any) -> None:
    """A pool of thousands does not fill the page."""
    fleet.device("a", static_servers=tuple(f"s{number}" for number in range(50)))
    [row] = servers_by_site(fleet.findings)
    assert (len(row["servers"]), row["more"]) == (40, 10)


def test_differences_from_the_policy_are_added_up(fleet: Any) -> None:
    """Alike ones are one row; what is not told and what is empty have words."""
    wanted = NTPClientConfiguration(
        enabled=True, servers_source=ServersSource.STATIC, static_servers=("10.9.0.1",)
    )
    for name in ("a", "b"):
        fleet.device(name, desired=wanted)
    fleet.device("c", desired=wanted, static_servers=("10.9.0.1",), enabled=False)
    found = drift(fleet.report(policy="p.toml"))
    assert (found["drifted"], found["compared"]) == (3, 3)
    assert found["rows"][0] == {
        "member": "static_servers",
        "found": "10.0.0.5, 10.0.0.6",
        "wanted": "10.9.0.1",
        "devices": 2,
        "examples": ["a", "b"],
    }
    assert found["rows"][1]["found"] == "off"
    assert [value(one) for one in (None, (), True, ServersSource.DHCP, 6)] == [
        *("not told", "none", "on"),
        *("DHCP", "6"),
    ]
    assert drift(fleet.report())["compared"] == 0


def test_sites_with_most_trouble_come_first(fleet: Any) -> None:
    """Then by name; devices without a site have a row, too."""
    fleet.device("a", "lyon")
    fleet.device("b", None, error=DeviceUnreachableError)
    fleet.device("c", "berlin")
    report = fleet.report(sweeps=[swept(2, 1, 0, "lyon"), swept(1, 1, 1, "lyon")])
    assert [row["site"] for row in sites(report)] == ["", "berlin", "lyon"]
    assert sites(report)[2]["trend"] == [1.0, 0.5]
    assert sites(report)[0]["states"]["unknown"] == 1


def lost(site: str, trouble: SiteTrouble) -> SiteCause:
    return SiteCause(site=site, trouble=trouble, affected=2, of=2, began_at=AT, within_s=60.0)


def test_what_a_site_explains_is_not_told_again(fleet: Any) -> None:
    """One root cause in place of its devices; others with the same trouble stay."""
    for name in ("a", "b"):
        fleet.device(name, "oslo", synced=False)
    fleet.device("c", "lyon", synced=False)
    report = fleet.report(site_causes=[lost("oslo", SiteTrouble.TIME_SERVER)])
    [found] = causes(report)
    assert (found["devices"], found["explained"], found["examples"]) == (1, 2, ["c"])
    [told] = site_causes(report)
    assert told["causes"] == ["not_synced"]
    assert told["message"].startswith("time servers of oslo suspected")
    assert told["commands"][0]["line"] == "axis-ntp sweep fleet.toml --limit site=oslo"


def test_the_most_severe_cause_comes_first(fleet: Any) -> None:
    """Then the one with most devices."""
    for name in ("a", "b"):
        fleet.device(name, static_servers=("10.0.0.5",))
        fleet.device(f"{name}-silent", error=DeviceUnreachableError)
    fleet.device("c", skew_s=40.0)
    assert [one["cause"] for one in causes(fleet.report())] == [
        "skew",
        "unreachable",
        "few_servers",
    ]


def record(hours: float, state: State = State.OK, offset_ms: float | None = 1.0) -> Record:
    at = AT + dt.timedelta(hours=hours)
    return Record(device="a", address="a", at=at, state=state, offset_ms=offset_ms)


def test_a_course_is_a_line_of_letters() -> None:
    """From the lowest to the highest offset, gaps told apart from silence."""
    records = [
        record(0.5, offset_ms=-2.0),
        record(1.5, State.CRITICAL, None),
        record(22.5, offset_ms=1.0),
        record(22.6, State.WARNING, offset_ms=4.0),
        record(24, offset_ms=1.0),
    ]
    begin_s = AT.timestamp()
    offsets, states, low, high = course(records, begin_s, begin_s + 86_400)
    assert offsets == "0-" + "." * 20 + "zU"
    assert states == "03" + "." * 20 + "10"
    assert (low, high) == (-2.0, 4.0)


def test_a_course_that_never_moves_runs_in_the_middle() -> None:
    """A range of nothing is no division by nothing; a device that never answered has no line."""
    begin_s = AT.timestamp()
    offsets, *_ = course([record(0), record(23.9)], begin_s, begin_s + 86_400)
    assert offsets[0] == offsets[-1] == "U"
    silent = course([record(1, State.UNKNOWN, None)], begin_s, begin_s + 86_400)
    assert silent[0] == "." + "-" + "." * (POINTS - 2)
    assert course([], begin_s, begin_s + 86_400) == ("", "", None, None)


def test_a_device_that_had_left_has_a_gap() -> None:
    """Nobody looked at it then: that is neither good nor bad."""
    begin_s = AT.timestamp()
    records = [record(0), evolve(record(1, State.UNKNOWN, None), has_left=True), record(23.9)]
    assert course(records, begin_s, begin_s + 86_400)[1] == "0" + "." * 22 + "0"


def test_without_history_there_are_no_courses() -> None:
    """One look is none yet."""
    assert courses(["a"], {}) is None
    assert courses(["a"], {"a": [record(0)], "b": []}) is None
    found = courses(["a", "new"], {"a": [record(0), record(1)]})
    assert found is not None
    assert found["offsets"][1] == ""


def test_rows_are_worst_first_and_by_number(fleet: Any) -> None:
    """As in the terminal: `gate-2` before `gate-10`."""
    for name in ("gate-10", "gate-2"):
        fleet.device(name)
    fleet.device("zz", synced=False)
    assert devices(fleet.report())["name"] == ["zz", "gate-2", "gate-10"]
    assert natural("gate-²٣") < natural("gate-²٤")


def test_a_row_tells_all_that_is_wrong(fleet: Any) -> None:
    """Further problems and differences are numbers of texts."""
    wanted = NTPClientConfiguration(static_servers=("10.9.0.1",))
    fleet.device("a", synced=False, skew_s=40.0, desired=wanted, scheme="http")
    fleet.device("b", nts_enabled=True, static_ntske_servers=("n",))
    fleet.device("c", servers_source="other", error=None)
    columns = devices(fleet.report())
    texts = columns["texts"]
    assert columns["address"][0] == "http://10.0.0.0"
    assert [texts[number] for number in columns["others"][0]][-1].startswith("not as desired")
    assert [texts[number] for number in columns["drift"][0][0]] == [
        *("static_servers", "10.0.0.5, 10.0.0.6"),
        "10.9.0.1",
    ]
    assert [texts[number] for number in columns["source"]] == ["static", "NTS", "other"]
    assert columns["others"][2] == columns["drift"][2] == 0


def test_numbers_that_json_does_not_know_are_left_out() -> None:
    """A reading may be anything."""
    assert rounded(float("nan"), 2) is rounded(float("-inf"), 2) is rounded(None, 2) is None
    assert str(rounded(-0.001, 2)) == "0.0"


def test_courses_follow_the_order_of_the_rows(fleet: Any, day_of: Callable[..., Any]) -> None:
    """The second device is the worse one, so its course stands first."""
    fleet.device("well")
    fleet.device("lost", synced=False)
    records = day_of(fleet.findings)
    records["well"] = []
    columns = devices(fleet.report(courses=records))
    assert columns["courses"]["offsets"][0]
    assert columns["courses"]["offsets"][1] == ""


def test_a_report_can_be_as_small_as_a_sweep(full: Report) -> None:
    """Everything beside the sweep may be left away."""
    small = Report(findings=full.findings, summary=full.summary, at=full.at, source="fleet.toml")
    assert evolve(small, source="x").sweeps == ()
    assert small.commands == ""
    assert drift(small)["compared"] == 0
