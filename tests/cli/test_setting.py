"""`set`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axis_ntp_async.cli import setting
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import Device, NTPClientStatus, NTPInfo
from axis_ntp_async.errors import ConfigurationRefusedError, DeviceError, UnsupportedDeviceError
from axis_ntp_async.simulator.model import api
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Fault, Kind

Make = Callable[..., Camera]
NEW = ("--server", "10.9.0.1", "--server", "10.9.0.2")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setting, "_READ_BACK_WAITS_S", (0.0, 0.01, 0.02))


def test_a_change_is_made_and_read_again(
    run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make
) -> None:
    """It counts when the device says so itself."""
    cameras = [make_camera("a"), make_camera("b")]
    ran = run("set", serve(*cameras), *NEW, "--yes")
    assert ran.code == 0
    assert {line["device"]: line["result"] for line in ran.lines} == dict.fromkeys("ab", "changed")
    assert [camera.status.static_servers for camera in cameras] == [("10.9.0.1", "10.9.0.2")] * 2
    assert ran.lines[0]["changes"] == [
        {
            "member": "static_servers",
            "before": ["10.0.0.5", "10.0.0.6"],
            "after": ["10.9.0.1", "10.9.0.2"],
        }
    ]


EVERYTHING = (
    *("--enable", "--source", "dhcp", "--nts", "--ntske-server", "nts.example"),
    *("--ntske-ca", "ca-1", "--minpoll", "4", "--maxpoll", "9", "--clear-servers"),
)


def test_every_member_can_be_set(
    run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make
) -> None:
    """Each by its option."""
    camera = make_camera()
    assert run("set", serve(camera), *EVERYTHING, "--yes").code == 0
    status = camera.status
    assert (status.enabled, status.nts_enabled, status.static_servers) == (True, True, ())
    assert (status.static_ntske_servers, status.ntske_server_ca_certs) == (
        ("nts.example",),
        ("ca-1",),
    )
    assert (status.minpoll, status.maxpoll) == (4, 9)


def test_what_is_as_wanted_is_left_alone(
    run: Callable[..., Any],
    serve: Callable[..., Path],
    make_camera: Make,
    answer: Callable[[str], list[str]],
) -> None:
    """Nobody is asked, nothing is written, and it is all right."""
    camera, asked = make_camera(), answer("n")
    ran = run("set", serve(camera), "--server", "10.0.0.5", "--server", "10.0.0.6")
    assert (ran.code, ran.lines[0]["result"]) == (0, "unchanged")
    assert (camera.writes, asked) == ([], [])


@pytest.mark.parametrize("text", ["y", "yes", "n", ""])
def test_people_are_asked(
    run: Callable[..., Any],
    serve: Callable[..., Path],
    make_camera: Make,
    answer: Callable[[str], list[str]],
    text: str,
) -> None:
    """After they have seen what would change; without a yes nothing is sent."""
    camera, asked = make_camera(), answer(text)
    ran = run("set", serve(camera), *NEW)
    changed = text in {"y", "yes"}
    assert (ran.code, bool(camera.writes)) == (0, changed)
    assert "Change 1 device?" in asked[0]
    assert "10.9.0.1 10.9.0.2" in ran.err
    assert ("nothing was changed" in ran.err) is not changed


def test_without_a_terminal_nothing_is_changed(
    run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make
) -> None:
    """A script says --yes, and is told so."""
    camera = make_camera()
    ran = run("set", serve(camera), *NEW)
    assert (ran.code, ran.out, camera.writes) == (2, "", [])
    assert "--yes" in ran.err


@pytest.mark.parametrize(("count", "code"), [(20, 0), (21, 2)])
def test_twenty_devices_are_the_most(
    run: Callable[..., Any],
    serve: Callable[..., Path],
    make_camera: Make,
    count: int,
    code: int,
) -> None:
    """More need a tool that stops when it goes wrong; nothing is even read then."""
    cameras = [make_camera(f"cam-{number}") for number in range(count)]
    ran = run("set", serve(*cameras), *NEW, "--yes")
    assert ran.code == code
    assert all(bool(camera.writes) == (code == 0) for camera in cameras)
    assert ("at most 20" in ran.err) == (code == 2)


def test_a_device_that_ignores_the_change_is_found_out(
    run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make
) -> None:
    """A good answer proves nothing."""
    ran = run("set", serve(make_camera(faults=Kind.WRITE_IGNORED)), *NEW, "--yes")
    assert (ran.code, ran.lines[0]["result"]) == (1, "failed")
    assert "still reports another static_servers" in ran.lines[0]["error"]["message"]


def test_some_failures_do_not_hide_the_others(
    run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make
) -> None:
    """Before it is asked, and after; what failed keeps its reason."""
    good, dead = make_camera("good"), make_camera("dead", faults=Kind.REFUSED)
    old = make_camera("old", firmware="10.12.323")
    wish = (*NEW, "--minpoll", "4", "--yes", "--attempts", "1", "-o", "table")
    ran = run("set", serve(dead, good, old), *wish)
    assert ran.code == 1
    assert len(good.writes) == 1
    assert old.writes == []
    rows = {row.split()[0]: row.split()[1] for row in ran.out.splitlines()[1:] if row[0] != " "}
    assert rows == {"dead": "failed:", "good": "changed", "old": "failed:"}
    assert "dead: " in ran.err
    assert "left alone" in ran.err


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"firmware": "10.12.323"}, "cannot take this: minpoll"),
        ({"firmware": "8.40.4"}, "no NTP API"),
        ({"max_static_servers": 1}, "cannot take this"),
        ({"password": "other"}, "refuses the user name"),
        ({"faults": Fault(Kind.INTERNAL)}, "error 1000"),
    ],
)
def test_what_cannot_be_changed_is_told(
    run: Callable[..., Any],
    serve: Callable[..., Path],
    make_camera: Make,
    members: dict[str, Any],
    told: str,
) -> None:
    """Before anything is sent, in words that name the member or the number."""
    camera = make_camera("a", **members)
    arguments = (*NEW, "--minpoll", "4", "--yes", "--attempts", "1", "-o", "table")
    ran = run("set", serve(camera, make_camera("b"), make_camera("c")), *arguments)
    assert ran.code in {1, 4}
    assert told in ran.out
    assert camera.writes == []


def test_a_value_that_is_refused_keeps_its_parameter(
    run: Callable[..., Any],
    serve: Callable[..., Path],
    make_camera: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A device knows best what it cannot take."""
    monkeypatch.setattr(api, "sub_code_of_fault", lambda *_: 7)
    ran = run("set", serve(make_camera()), "--minpoll", "4", "--yes")
    error = ran.lines[0]["error"]
    assert (ran.code, error["code"], error["sub_code"]) == (1, 4004, 7)


@pytest.mark.parametrize(
    ("info", "error", "told"),
    [
        (NTPInfo(), UnsupportedDeviceError, "reports no NTP client"),
        (
            NTPInfo(client=NTPClientStatus(static_servers=("a b",), minpoll=6, maxpoll=10)),
            ConfigurationRefusedError,
            "cannot be sent back",
        ),
        (
            NTPInfo(client=NTPClientStatus()),
            ConfigurationRefusedError,
            "cannot take this: minpoll",
        ),
    ],
)
def test_a_device_that_cannot_be_kept_as_it_is_is_left_alone(
    info: NTPInfo, error: type[DeviceError], told: str
) -> None:
    """A write replaces everything, so what is there must be sendable."""
    wish = setting._Wish(NTPClientConfiguration(enabled=True, minpoll=4))
    with pytest.raises(error, match=told):
        wish.changes(Device(name="lobby-3", host="192.0.2.7"), info)


@pytest.mark.parametrize(
    "server", ["300.1.1.1", "http://ntp", "ntp:123", "a b", "ntp/1", "[::1]:123"]
)
@pytest.mark.parametrize("option", ["--server", "--ntske-server"])
def test_what_is_no_address_is_not_sent(run: Callable[..., Any], option: str, server: str) -> None:
    """A device may take it all the same, and never be in sync again."""
    ran = run("set", "127.0.0.1", option, server, "--yes")
    assert ran.code == 2
    assert f"set: {option} {server!r} is no address" in ran.err


@pytest.mark.parametrize(
    ("options", "caution"),
    [
        (["--clear-servers"], "a: then it has no NTP server"),
        (["--source", "DHCP"], None),
        (["--source", "DHCP", "--server", "10.9.0.1"], "a: its static servers are not in use"),
        (["--nts"], "a: then NTS is on, but it has no NTS-KE server"),
        (["--disable"], None),
        (["--server", "10.9.0.1"], None),
    ],
)
def test_what_would_be_wrong_then_is_told_before(
    run: Callable[..., Any],
    serve: Callable[..., Path],
    make_camera: Make,
    options: list[str],
    caution: str | None,
) -> None:
    """An installer does not go home believing in a change that does nothing, or harm."""
    camera = make_camera("a", advertised_servers=("10.0.0.7",))
    if caution and "no NTP server" in caution:
        camera.lease()
    ran = run("set", serve(camera), *options, "--yes")
    assert ran.code == 0
    told = [line for line in ran.err.splitlines() if line.startswith("axis-ntp: a: ")]
    assert len(told) == (caution is not None)
    assert all(line.startswith(f"axis-ntp: {caution}") for line in told)
