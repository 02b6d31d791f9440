"""A real Prometheus scrapes a real watch over a simulated fleet, and its rules fire."""

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from axis_ntp_async.health.finding import PROFILES
from axis_ntp_async.report.alerting.rules import alert_rules
from axis_ntp_async.simulator.fleets import make_fleet, site_servers
from axis_ntp_async.simulator.model.world import VirtualTime
from axis_ntp_async.simulator.serving.server import SimulatedFleet

PROMETHEUS = shutil.which("prometheus")

pytestmark = pytest.mark.skipif(
    PROMETHEUS is None, reason="there is no prometheus here; Debian's package has one"
)

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: watch
    static_configs: [{{targets: ["{watch}"]}}]
  - job_name: probe
    metrics_path: /probe
    http_sd_configs: [{{url: "http://{watch}/sd?site=lyon", refresh_interval: 1s}}]
    relabel_configs:
      - {{source_labels: [__address__], target_label: __param_target}}
      - {{source_labels: [__param_target], target_label: instance}}
      - {{source_labels: [__meta_axis_ntp_site], target_label: site}}
      - {{target_label: __address__, replacement: "{watch}"}}
"""


@pytest.fixture
def fleet() -> SimulatedFleet:
    """Twelve cameras in two sites, each with time servers of its own."""
    return make_fleet(
        12, sites=["berlin", "lyon"], seed=3, https_share=0.0, now=VirtualTime(speed=1.0)
    )


@pytest.fixture
def watch(
    start: Callable[..., subprocess.Popen[str]],
    serve: Callable[..., Path],
    fleet: SimulatedFleet,
) -> str:
    """The address of a watch over them."""
    inventory = serve(fleet=fleet)
    process = start("watch", inventory, "--interval", 1, "--listen", "127.0.0.1:0")
    assert process.stderr
    for line in process.stderr:
        if "http://" in line:
            return line.partition("http://")[2].strip().rstrip("/")
    raise AssertionError("it does not serve")


@pytest.fixture
def ask(tmp_path: Path, watch: str) -> Iterator[Callable[[str], list[dict[str, Any]]]]:
    """Asks a Prometheus that scrapes the watch, and knows its rules, only quicker."""
    rules = alert_rules(PROFILES["default"], interval_s=1.0, hold_scale=1 / 600)
    (tmp_path / "rules.yml").write_text(rules, encoding="utf-8")
    config = tmp_path / "prometheus.yml"
    config.write_text(CONFIG.format(watch=watch), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(PROMETHEUS),
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (
        (tmp_path / "prometheus.log").open("w", encoding="utf-8") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        yield lambda query: _asked(port, query)
        process.terminate()


def _asked(port: int, query: str) -> list[dict[str, Any]]:
    parameters = urllib.parse.urlencode({"query": query})
    url = f"http://127.0.0.1:{port}/api/v1/query?{parameters}"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return result
    except OSError:
        return []


def eventually(ask: Callable[[str], list[dict[str, Any]]], query: str) -> list[dict[str, Any]]:
    """Ask until there is an answer."""
    until = time.monotonic() + 60.0
    while time.monotonic() < until:
        if found := ask(query):
            return found
        time.sleep(0.3)
    raise AssertionError(f"no answer: {query}")


def test_a_site_whose_time_server_is_gone_is_one_alert(
    fleet: SimulatedFleet, watch: str, ask: Callable[[str], list[dict[str, Any]]]
) -> None:
    """Six cameras lost it: one alert names the site and its servers; the other site is well."""
    eventually(ask, 'axis_ntp_sweep_devices{site="berlin",state="ok"} == 6')
    probed = eventually(ask, 'count(probe_success{job="probe",site="lyon"} == 1) == 6')
    assert probed
    assert ask('ALERTS{alertstate="firing",alertname!~"AxisNTPWatch.*"}') == []

    for name in site_servers("berlin"):
        fleet.cameras[0].world.server(name).dies()
    for camera in fleet.cameras:
        if camera.site == "berlin":
            camera.restart()

    [alert] = eventually(ask, 'ALERTS{alertstate="firing",alertname="AxisNTPSiteCause"}')
    assert alert["metric"]["site"] == "berlin"
    assert alert["metric"]["trouble"] == "time_server"
    firing = ask('ALERTS{alertstate="firing"}')
    names = {(one["metric"]["alertname"], one["metric"].get("site")) for one in firing}
    assert {site for _, site in names} <= {"berlin"}
    assert not any("device" in one["metric"] for one in firing), names
    assert re.fullmatch(r"127\.0\.0\.1:\d+", watch)
