"""Every peer of the benchmarks reads the right devices, or says so."""

import gc
import json
import sys
from typing import Any

import pytest

from benchmarks.client import _be_the_program
from benchmarks.contenders import CONTENDERS
from benchmarks.peers.peer import Tally, reading_of
from benchmarks.processes import CrashError, client, fleet
from benchmarks.running import faults
from benchmarks.setting import Setting, server_of

SMALL = Setting(devices=12, concurrency=5)
OURS = ("ours", "ours + speed", "the program")
KEEPS_CHALLENGES = (*OURS, "bare aiohttp", "httpx", "floor")


@pytest.mark.parametrize("contender", CONTENDERS)
def test_every_peer_reads_everybody(read: Any, contender: str) -> None:
    """Over TLS, with a digest, three times, also after the nonces changed."""
    sweeps, wrong = read(contender, Setting(mode="https-digest", devices=12, concurrency=5))
    assert wrong == []
    assert [sweep["answered"] for sweep in sweeps] == [12, 12, 12]
    asked = [sweep["requests"] for sweep in sweeps]
    assert asked == ([24, 12, 24] if contender in KEEPS_CHALLENGES else asked)
    connected = [sweep["connections"] for sweep in sweeps]
    assert connected == ([12, 12, 12] if contender in OURS else connected)


def test_the_program_has_a_collector_in_no_hurry() -> None:
    """As `axis-ntp` has; nobody else does."""
    usual = gc.get_threshold()
    try:
        _be_the_program()
        assert gc.get_threshold()[0] > usual[0]
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()
    assert [name for name, one in CONTENDERS.items() if one.program] == ["the program"]


@pytest.mark.parametrize("mode", ["http", "https-basic"])
@pytest.mark.parametrize("contender", ["bare aiohttp", "ours", "floor"])
def test_other_logins(read: Any, contender: str, mode: str) -> None:
    """Without a login and with Basic it is the same."""
    _, wrong = read(contender, Setting(mode=mode, devices=12, concurrency=5, sweeps=1))
    assert wrong == []


def test_dead_devices_are_failures(read: Any) -> None:
    """Nobody answers a SYN, or says a word; every device has an outcome all the same."""
    setting = Setting(
        devices=20,
        concurrency=20,
        sweeps=1,
        black_holed=0.1,
        silent=0.1,
        connect_timeout_s=0.5,
        timeout_s=1.0,
    )
    [sweep], wrong = read("ours", setting)
    assert wrong == []
    assert sweep["answered"] == 16
    assert sum(sweep["failed"].values()) == 4
    assert sweep["devices_asked"] == 16


def test_a_peer_that_cannot_begin_is_said_so() -> None:
    """A limit of open files that nobody can work with ends it, with a word."""
    setting = Setting(devices=3, open_files=3)
    peer = "benchmarks.peers.floor:Floor"
    with fleet(setting, None) as devices:
        ports = devices.greeting["ports"]
        opened = client(sys.executable, peer, setting, ports, None, speed=False)
        with pytest.raises(CrashError, match="open files"):
            opened.__enter__()


def test_wrong_answers_are_noticed() -> None:
    """Of another device, twice, or none at all."""
    tally = Tally(3)
    tally.answered(0, (server_of(1),))
    tally.answered(1, (server_of(1),))
    tally.failed(1, TimeoutError())
    found = {**tally.report(), "wrong_logins": 1, "wrong_requests": 0, "most_in_flight": 2}
    assert list(faults(found, Setting(devices=3))) == [
        "2 of 3 answered (1 TimeoutError)",
        "mismatched: 1",
        "twice: 1",
        "missing: 1",
        "wrong logins: 1",
        "2 requests at once at one device",
    ]


def test_a_reading_is_typed() -> None:
    """What all peers make of an answer has the names of the document in our spelling."""
    client_section = {
        "enabled": True,
        "NTSEnabled": False,
        "serversSource": "static",
        "staticServers": ["10.0.0.7"],
        "advertisedServers": [],
        "synced": True,
        "timeToNextSync": 8,
        "timeOffset": 0.007,
    }
    answer = json.dumps({"data": {"client": client_section}})
    reading = reading_of(json.loads(answer))
    assert reading.static_servers == ("10.0.0.7",)
    assert reading.time_to_next_sync_s == 8
