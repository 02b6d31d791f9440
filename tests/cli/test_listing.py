"""`inventory check`, `list` and `convert`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

INVENTORY = """
[credentials.fleet]
username = "ntp-service"
password = "env:FLEET_PASSWORD"

[[devices]]
name = "lobby-3"
host = "10.0.4.17"
site = "berlin"
serial = "ACCC8E012345"
groups = ["indoor"]
labels = { model = "P3265-V" }
credentials = "fleet"
tls = "tofu"

[[devices]]
name = "Pförtner"
host = "fd00::1"
port = 8080
scheme = "http"
site = "lyon"
credentials = "fleet"
"""


@pytest.fixture
def fleet() -> Path:
    path = Path("fleet.toml")
    path.write_text(INVENTORY, encoding="utf-8")
    return path


def test_a_check_tells_what_is_there(run: Callable[..., Any], fleet: Path) -> None:
    """Counts by what matters, and who cannot be told apart."""
    code, out, err = run("inventory", "check", fleet)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "fleet.toml: 2 devices",
        "  site: berlin 1, lyon 1",
        "  scheme: https 1, http 1",
        "  tls: tofu 1, verify 1",
        "  credentials: fleet 2",
        "  1 without a serial: nothing tells whether another device answers there",
    ]


def test_many_sites_are_cut(run: Callable[..., Any]) -> None:
    """The largest ten, and how many there are besides."""
    rows = (f"cam-{number},10.0.0.{number},site-{number}" for number in range(25))
    Path("fleet.csv").write_text("\n".join(["name,host,site", *rows]), encoding="utf-8")
    assert "and 15 more" in run("inventory", "check", "fleet.csv").out


def test_a_check_finds_a_useless_ca(run: Callable[..., Any], fleet: Path) -> None:
    """Before a night shift does: also one that is there and holds none."""
    Path("root.pem").write_text("not a certificate", encoding="utf-8")
    text = INVENTORY.replace('"tofu"', '"axis-idevid:root.pem"')
    fleet.write_text(text, encoding="utf-8")
    code, _, err = run("inventory", "check", fleet)
    assert code == 2
    assert "root.pem" in err


def test_all_faults_come_at_once(run: Callable[..., Any]) -> None:
    """Each with its line."""
    Path("fleet.csv").write_text(
        "name,host,port\na,10.0.0.1,x\nb,,80\nb,10.0.0.1,99999\n", encoding="utf-8"
    )
    code, out, err = run("inventory", "check", "fleet.csv")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) >= 3
    assert all(line.startswith("axis-ntp: fleet.csv: ") for line in err.splitlines())


def test_a_list_sends_nothing_and_shows_all(run: Callable[..., Any], fleet: Path) -> None:
    """As a table, as lines, as one document, as CSV."""
    table = run("inventory", "list", fleet, "-o", "table").out
    assert "https://10.0.4.17" in table
    assert "http://[fd00::1]:8080" in table
    assert [line["device"] for line in run("inventory", "list", fleet).lines] == [
        "lobby-3",
        "Pförtner",
    ]
    document = json.loads(run("inventory", "list", fleet, "-o", "json").out)
    assert document["schema"] == "axis-ntp/inventory/v1"
    rows = run("inventory", "list", fleet, "-o", "csv").rows
    assert rows[0]["labels"] == '{"model": "P3265-V"}'


@pytest.mark.parametrize("target", ["toml", "csv", "jsonl"])
def test_a_conversion_keeps_every_device(
    run: Callable[..., Any], fleet: Path, target: str
) -> None:
    """There and back again, the same devices."""
    converted = Path(f"converted.{target}")
    converted.write_text(run("inventory", "convert", fleet, "--to", target).out, encoding="utf-8")
    assert run("inventory", "list", converted).out == run("inventory", "list", fleet).out


def test_a_conversion_keeps_references_only(run: Callable[..., Any], fleet: Path) -> None:
    """TOML takes the credentials along, by reference."""
    out = run("inventory", "convert", fleet, "--limit", "lobby-3").out
    assert "env:FLEET_PASSWORD" in out
    assert "Pförtner" not in out


def test_columns_can_be_mapped(run: Callable[..., Any]) -> None:
    """Exports of other programs need no editing."""
    Path("fleet.csv").write_text(
        "Title,Address,MAC address\nlobby,10.0.0.1,AC-CC-8E-01-23-45\n", encoding="utf-8"
    )
    maps = ("--map", "name=Title", "--map", "host=Address", "--map", 'serial="MAC address"')
    [line] = run("inventory", "list", "fleet.csv", *maps).lines
    assert (line["device"], line["host"], line["serial"]) == ("lobby", "10.0.0.1", "ACCC8E012345")


def test_a_conversion_is_utf_8_whatever_the_terminal_is(tmp_path: Path) -> None:
    """A name in other letters must not become question marks in a file."""
    inventory = tmp_path / "fleet.csv"
    inventory.write_text("name,host\nentrée-門,10.0.0.1\n", encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "axis_ntp_async", "inventory", "convert", str(inventory)],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert "entrée-門" in ran.stdout.decode()
