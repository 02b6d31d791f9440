"""Metrics for Prometheus, read back with the parser of its own library."""

import datetime as dt
import errno
import shutil
import stat
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from axis_ntp_async.device.configuration import Change
from axis_ntp_async.device.records import ClockReading, Device, ServersSource
from axis_ntp_async.errors import DeviceUnreachableError, SettingsError
from axis_ntp_async.health.finding import Finding, State
from axis_ntp_async.health.judge import judge
from axis_ntp_async.health.sweep import Summary
from axis_ntp_async.health.watch.events import Found, SourceKept, SweepEnded
from axis_ntp_async.health.watch.overview import Overview
from axis_ntp_async.health.watch.own_clock import OwnClock
from axis_ntp_async.health.watch.site_causes import SiteCause, SiteTrouble
from axis_ntp_async.report import metrics
from axis_ntp_async.report.metrics import (
    CONTENT_TYPE,
    exposition,
    probe_exposition,
    write_textfile,
)
from axis_ntp_async.report.series.families import BUCKETS_S
from axis_ntp_async.report.series.fleet import MOST_DEVICES
from tests import healthy
from tests.healthy import AT, outcome

PROMTOOL = shutil.which("promtool")
CLIENT = evolve(healthy.CLIENT, static_ntske_servers=("nts.example",), time_offset_ms=-12.0)
CLOCK = healthy.clock(-0.25, 0.55, round_trip_s=0.1)
Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def finding(
    name: str = "lobby-3",
    site: str | None = "berlin",
    *,
    fails: bool = False,
    api_version: str | None = "1.5",
    clock: ClockReading | None = CLOCK,
    **members: Any,
) -> Finding:
    return judge(
        outcome(
            Device(name=name, host="10.0.4.17", site=site),
            error=DeviceUnreachableError(name, "timed out") if fails else None,
            client=CLIENT,
            clock=clock,
            api_version=api_version,
            attempts=2 if fails else 1,
            elapsed_s=0.25,
            **members,
        )
    )


def ended(**members: Any) -> SweepEnded:
    usual: dict[str, Any] = {
        "number": 7,
        "began_at": AT,
        "ended_at": AT + dt.timedelta(seconds=42),
        "interval_s": 300.0,
        "summary": Summary(),
        "own_clock": OwnClock(skew_s=-3.5, devices=9, is_odd=True),
        "site_causes": (
            SiteCause(
                site="oslo",
                trouble=SiteTrouble.TIME_SERVER,
                servers=("10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8"),
                affected=41,
                of=43,
                began_at=AT,
                within_s=360.0,
            ),
            SiteCause(
                site="lyon",
                trouble=SiteTrouble.NETWORK,
                affected=5,
                of=9,
                began_at=AT,
                within_s=60.0,
            ),
        ),
    }
    return SweepEnded(**{**usual, **members})


def overview_of(*findings: Finding, last: SweepEnded | None = None) -> Overview:
    overview = Overview()
    for one in findings:
        overview.add(Found(finding=one, standing=None))
    if last is not None:
        overview.add(last)
    return overview


def rich_overview() -> Overview:
    """Give one that has something of everything."""
    drifted = evolve(finding("dock-1", None), drift=(Change(member="minpoll", before=6, after=7),))
    overview = overview_of(
        finding("lobby-3"),
        drifted,
        finding("gate-1", fails=True),
        finding("gate-2", synced=False),
        finding("gate-3", static_servers=("10.0.0.5",)),
        last=ended(),
    )
    overview.rollouts = Counter({("r1", "canary", "healthy"): 3, ("r1", "2", "pending"): 40})
    overview.add(SourceKept(at=AT, message="a.toml:3: what is this?"))
    return overview


def series_of(content: bytes) -> Series:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(content.decode())
        for sample in family.samples
    }


def values(content: bytes, name: str) -> dict[tuple[str, ...], float]:
    """Give the values of one name by those of its labels, in the order of the labels' names."""
    return {
        tuple(value for _, value in labels): number
        for (one, labels), number in series_of(content).items()
        if one == name
    }


def test_before_the_first_look_there_is_little() -> None:
    """And nothing is made up."""
    assert series_of(exposition(Overview())) == {
        ("axis_ntp_inventory_old", ()): 0,
        ("axis_ntp_requests_total", (("method", "getNTPInfo"), ("outcome", "ok"))): 0,
        ("axis_ntp_devices_left_out", ()): 0,
    }


def test_a_site_has_all_four_states() -> None:
    """Also those that no device is in: a series that comes and goes makes bad sums."""
    found = values(exposition(rich_overview()), "axis_ntp_sweep_devices")
    assert found == {
        **{("", state.value): float(state is State.OK) for state in State},
        ("berlin", "ok"): 1,
        ("berlin", "warning"): 1,
        ("berlin", "unknown"): 1,
        ("berlin", "critical"): 1,
    }


def test_in_sync_is_not_who_follows_a_wrong_server() -> None:
    """It calls itself synced, so its offset is in the histogram all the same."""
    wrong = finding("gate-4", clock=healthy.clock(37.0))
    content = exposition(overview_of(finding(), wrong, finding("a", "oslo", synced=False)))
    assert values(content, "axis_ntp_sweep_in_sync_devices") == {("berlin",): 1, ("oslo",): 0}
    assert values(content, "axis_ntp_sweep_offset_seconds_count") == {("berlin",): 2, ("oslo",): 0}


def test_offsets_are_a_histogram_by_site() -> None:
    """In seconds and without sign; a bound counts what is equal to it."""
    content = exposition(
        overview_of(
            *(finding(f"a-{ms}", time_offset_ms=ms) for ms in (1.0, -1.0, 1.1, -700.0, 6e4, 6e6)),
            finding("a-not-synced", synced=False),
            finding("b-1", "oslo", synced=False),
        )
    )
    buckets = values(content, "axis_ntp_sweep_offset_seconds_bucket")
    bounds = [*(f"{bound:g}" for bound in BUCKETS_S), "+Inf"]
    assert [buckets["+Inf" if bound == "+Inf" else bound, "berlin"] for bound in bounds] == [
        *(2, 3, 3, 3, 3, 3, 4, 4, 5, 6)
    ]
    assert set(buckets) == {(bound, site) for bound in bounds for site in ("berlin", "oslo")}
    assert values(content, "axis_ntp_sweep_offset_seconds_count") == {("berlin",): 6, ("oslo",): 0}
    assert values(content, "axis_ntp_sweep_offset_seconds_sum")["berlin",] == pytest.approx(
        6060.7031
    )


def test_the_last_sweep_is_told() -> None:
    """How long it took, when it ended, when the next one comes; and what the fleet says of us."""
    series = series_of(exposition(rich_overview()))
    assert series["axis_ntp_sweep_duration_seconds", ()] == 42
    assert series["axis_ntp_sweep_last_success_timestamp_seconds", ()] == AT.timestamp() + 42
    assert series["axis_ntp_watch_interval_seconds", ()] == 300
    assert series["axis_ntp_own_clock_skew_seconds", ()] == -3.5
    assert series["axis_ntp_own_clock_odd", ()] == 1
    assert series["axis_ntp_inventory_old", ()] == 1


def test_a_sweep_that_was_stopped_is_no_success() -> None:
    """And a clock that nobody told of has no skew."""
    last = ended(is_complete=False, own_clock=OwnClock())
    series = series_of(exposition(overview_of(last=last)))
    assert ("axis_ntp_sweep_last_success_timestamp_seconds", ()) not in series
    assert ("axis_ntp_own_clock_skew_seconds", ()) not in series
    assert series["axis_ntp_own_clock_odd", ()] == 0


def test_calls_and_rollouts_are_counted() -> None:
    """By what came of them."""
    content = exposition(rich_overview())
    assert values(content, "axis_ntp_requests_total") == {
        ("getNTPInfo", "ok"): 4,
        ("getNTPInfo", "unreachable"): 1,
    }
    assert values(content, "axis_ntp_retries_total") == {("ok",): 0, ("unreachable",): 1}
    assert values(content, "axis_ntp_rollout_devices") == {
        ("r1", "healthy", "canary"): 3,
        ("r1", "pending", "2"): 40,
    }


def test_causes_of_sites_are_told_with_few_suspects() -> None:
    """How many devices; and up to three servers, so that nobody can make labels endless."""
    content = exposition(rich_overview())
    assert values(content, "axis_ntp_site_cause") == {
        ("oslo", "time_server"): 41,
        ("lyon", "network"): 5,
    }
    assert values(content, "axis_ntp_site_cause_info") == {
        ("10.0.0.5, 10.0.0.6, 10.0.0.7", "oslo", "time_server"): 1
    }


def test_devices_that_are_ok_have_no_series_of_their_own() -> None:
    """Unless all are to have them."""
    some = values(exposition(rich_overview()), "axis_ntp_up")
    every = values(exposition(rich_overview(), per_device=True), "axis_ntp_up")
    assert some == {("gate-1", "berlin"): 0, ("gate-2", "berlin"): 1, ("gate-3", "berlin"): 1}
    assert every == {**some, ("lobby-3", "berlin"): 1, ("dock-1", ""): 1}


def test_the_worst_come_first_when_there_are_too_many() -> None:
    """How many were left out is told, and nobody is when all are to be shown."""
    overview = overview_of(
        *(finding(f"w-{number}", static_servers=("a",)) for number in range(MOST_DEVICES)),
        *(finding(f"c-{number}", synced=False) for number in range(20)),
        *(finding(f"u-{number}", fails=True) for number in range(30)),
    )
    content = exposition(overview)
    names = [device for device, _ in values(content, "axis_ntp_up")]
    assert Counter(name[0] for name in names) == {"c": 20, "u": 30, "w": MOST_DEVICES - 50}
    assert values(content, "axis_ntp_devices_left_out") == {(): 50}
    content = exposition(overview, per_device=True)
    assert len(values(content, "axis_ntp_up")) == MOST_DEVICES + 50
    assert values(content, "axis_ntp_devices_left_out") == {(): 0}


def test_all_of_one_device_is_in_base_units() -> None:
    """Without a label that names it: Prometheus does, with the instance."""
    assert series_of(probe_exposition(finding(), 0.5)) == {
        ("probe_success", ()): 1,
        ("probe_duration_seconds", ()): 0.5,
        ("axis_ntp_up", ()): 1,
        ("axis_ntp_probe_duration_seconds", ()): 0.25,
        ("axis_ntp_client_enabled", ()): 1,
        ("axis_ntp_nts_enabled", ()): 0,
        ("axis_ntp_synced", ()): 1,
        ("axis_ntp_offset_seconds", ()): -0.012,
        ("axis_ntp_next_sync_seconds", ()): 44,
        ("axis_ntp_minpoll_seconds", ()): 64,
        ("axis_ntp_maxpoll_seconds", ()): 1024,
        ("axis_ntp_clock_skew_seconds", ()): -0.25,
        ("axis_ntp_clock_skew_uncertainty_seconds", ()): 0.55,
        ("axis_ntp_config_drift", ()): 0,
        ("axis_ntp_servers", (("source", "static"),)): 2,
        ("axis_ntp_servers", (("source", "dhcp"),)): 0,
        ("axis_ntp_servers", (("source", "ntske"),)): 1,
        ("axis_ntp_info", (("api_version", "1.5"), ("source", "static"))): 1,
    }


def test_what_is_not_known_is_absent() -> None:
    """Of a device that cannot be read, that is nearly everything."""
    assert series_of(probe_exposition(finding(fails=True), 3.0)) == {
        ("probe_success", ()): 0,
        ("probe_duration_seconds", ()): 3,
        ("axis_ntp_up", ()): 0,
        ("axis_ntp_probe_duration_seconds", ()): 0.25,
        ("axis_ntp_problem", (("cause", "unreachable"), ("state", "unknown"))): 1,
    }


def test_the_offset_is_absent_unless_synced() -> None:
    """Devices send 0.0 then, which looks like a perfect clock."""
    series = series_of(probe_exposition(finding(synced=False, time_offset_ms=0.0), 1.0))
    assert ("axis_ntp_offset_seconds", ()) not in series
    assert series["axis_ntp_synced", ()] == 0
    problem = (("cause", "not_synced"), ("state", "critical"))
    assert series["axis_ntp_problem", problem] == 1


def test_settings_that_drifted_are_counted() -> None:
    """They are those that a policy would change."""
    found = values(exposition(rich_overview(), per_device=True), "axis_ntp_config_drift")
    assert found["dock-1", ""] == 1
    assert found["lobby-3", "berlin"] == 0


@pytest.mark.parametrize(
    ("member", "value", "name"),
    [
        ("minpoll", -1, "axis_ntp_minpoll_seconds"),
        ("maxpoll", 10**9, "axis_ntp_maxpoll_seconds"),
        ("time_to_next_sync_s", 10**400, "axis_ntp_next_sync_seconds"),
        ("time_offset_ms", float("inf"), "axis_ntp_offset_seconds"),
        ("time_offset_ms", float("nan"), "axis_ntp_offset_seconds"),
    ],
)
def test_absurd_numbers_of_a_device_are_absent(member: str, value: Any, name: str) -> None:
    """They would be infinite, or eat all memory, and spoil the sums of their site."""
    content = exposition(overview_of(finding(**{member: value})), per_device=True)
    series = series_of(content)
    assert name not in {one for one, _ in series}
    assert series["axis_ntp_sweep_offset_seconds_count", (("site", "berlin"),)] == (
        member != "time_offset_ms"
    )


@pytest.mark.parametrize(
    ("source", "shown"),
    [(ServersSource.DHCP, "dhcp"), ("x" * 1000, "other"), (None, "")],
)
def test_words_of_a_device_do_not_become_endless_labels(
    source: ServersSource | str | None, shown: str
) -> None:
    """A source that nobody knows is an other one; a version is cut."""
    content = probe_exposition(finding(servers_source=source, api_version="9" * 1000), 1.0)
    [(version, told)] = values(content, "axis_ntp_info")
    assert (len(version), told) == (32, shown)


def test_a_device_without_a_version_has_an_empty_one() -> None:
    """Some leave it out."""
    content = probe_exposition(finding(api_version=None), 1.0)
    assert list(values(content, "axis_ntp_info")) == [("", "static")]


HOSTILE = ['say "cheese"', "back\\slash\\n", "東京 Pförtner", 'a",site="x', "{}# HELP"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_come_back_as_they_were(name: str) -> None:
    """The library escapes them, also a new line in a site."""
    site = f"{name}\nsecond line"
    overview = overview_of(finding(name, site, fails=True))
    overview.rollouts = Counter({(name, site, "x"): 1})
    content = exposition(overview)
    assert values(content, "axis_ntp_up") == {(name, site): 0}
    assert values(content, "axis_ntp_rollout_devices") == {(name, "x", site): 1}


def test_half_a_letter_does_not_stop_the_scrape() -> None:
    """JSON can write it, UTF-8 cannot."""
    content = exposition(overview_of(finding("a\ud800", "s\udfff", fails=True)))
    assert values(content, "axis_ntp_up") == {("a\\ud800", "s\\udfff"): 0}


@given(site=st.text(), server=st.text(), run=st.text())
def test_any_text_can_be_a_label(site: str, server: str, run: str) -> None:
    """One series each, whatever stands in it."""
    [known, *_] = ended().site_causes
    cause = evolve(known, site=site, servers=(server,))
    overview = overview_of(finding("a", site, fails=True), last=ended(site_causes=(cause,)))
    overview.rollouts = Counter({(run, "1", "x"): 1})
    content = exposition(overview)
    lines = [line for line in content.decode().split("\n") if line]
    assert len([line for line in lines if line.startswith("axis_ntp_site_cause_info{")]) == 1
    assert len([line for line in lines if line.startswith("axis_ntp_rollout_devices{")]) == 1
    assert all(line.startswith(("axis_ntp_", "# HELP axis", "# TYPE axis")) for line in lines)


def test_nothing_is_left_in_the_global_registry() -> None:
    """Whoever embeds us has metrics of their own there."""
    before = [family.name for family in REGISTRY.collect()]
    exposition(rich_overview())
    exposition(rich_overview())
    assert [family.name for family in REGISTRY.collect()] == before


def test_the_type_is_that_of_the_text_format() -> None:
    """The one every Prometheus reads."""
    assert CONTENT_TYPE == "text/plain; version=0.0.4; charset=utf-8"


def test_without_the_extra_there_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the extra; importing our module needs nothing."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    told = r"pip install 'axis_ntp_async\[metrics\]'$"
    with pytest.raises(SettingsError, match=told):
        exposition(Overview())
    with pytest.raises(SettingsError, match=told):
        probe_exposition(finding(), 1.0)


def test_importing_the_module_does_not_import_the_library() -> None:
    """It costs a tenth of a second."""
    code = f"import sys, {metrics.__name__}; print('prometheus_client' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lambda: exposition(Overview()), id="empty"),
        pytest.param(lambda: exposition(rich_overview(), per_device=True), id="rich"),
        pytest.param(lambda: probe_exposition(finding(), 0.5), id="probe"),
        pytest.param(lambda: probe_exposition(finding(fails=True), 0.5), id="failed probe"),
    ],
)
def test_promtool_has_nothing_to_complain_about(content: Any) -> None:
    """Names, units and types are as the makers of Prometheus want them."""
    ran = subprocess.run(
        [str(PROMTOOL), "check", "metrics"], input=content(), capture_output=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")


def test_a_textfile_is_there_as_a_whole(tmp_path: Path) -> None:
    """It replaces the one before, others may read it, and nothing else is left in the folder."""
    path = tmp_path / "axis_ntp.prom"
    path.write_text("old", encoding="utf-8")
    write_textfile(path, rich_overview(), per_device=True)
    assert path.read_bytes() == exposition(rich_overview(), per_device=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_a_textfile_can_be_written_into_the_folder_one_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare name has a folder, too."""
    monkeypatch.chdir(tmp_path)
    write_textfile(Path("a.prom"), Overview())
    assert (tmp_path / "a.prom").is_file()


def test_what_is_being_written_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The collector takes `*.prom` only; when that fails, the old file stays."""
    path = tmp_path / "axis_ntp.prom"
    path.write_text("old", encoding="utf-8")
    seen: list[str] = []

    def full(self: Path, _: Path) -> Path:
        seen.append(self.name)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_textfile(path, Overview())
    [name] = seen
    assert not name.endswith(".prom")
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert path.read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize("name", ["missing/a.prom", "file/a.prom", "folder"])
def test_a_place_that_cannot_be_is_told_in_a_sentence(tmp_path: Path, name: str) -> None:
    """With the path and the reason; nothing is left behind."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(SettingsError) as caught:
        write_textfile(tmp_path / name, Overview())
    assert str(caught.value).startswith(f"{tmp_path / name}: the metrics cannot be written there:")
    assert {one.name for one in tmp_path.iterdir()} == {"file", "folder"}
