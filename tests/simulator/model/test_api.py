"""A camera's API: what it answers, and what it refuses with which code."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from axis_ntp_async.device import wire
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import ServersSource
from axis_ntp_async.simulator.model.api import BODY_LIMIT_BYTES, answer
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import OVERSIZE_BYTES, SPOILING, Fault, Kind

JSON = "application/json"
READ = b'{"apiVersion": "1.0", "context": "abc", "method": "getNTPInfo"}'
WRITE = (
    b'{"apiVersion": "1.0", "method": "setNTPClientConfiguration", "params": {"enabled": false}}'
)

MakeCamera = Callable[..., Camera]


def write(camera: Camera, **params: Any) -> dict[str, Any]:
    body = {"apiVersion": "1.0", "method": "setNTPClientConfiguration", "params": params}
    got: dict[str, Any] = json.loads(answer(camera, json.dumps(body).encode(), JSON).body)
    return got


def code_of(camera: Camera, body: bytes, content_type: str = JSON) -> int:
    code: int = json.loads(answer(camera, body, content_type).body)["error"]["code"]
    return code


def test_a_request_that_says_1_0_is_answered_with_the_cameras_own_version(
    make_camera: MakeCamera,
) -> None:
    """As every known device does."""
    got = json.loads(answer(make_camera(api_version="1.5"), READ, JSON).body)
    assert (got["apiVersion"], got["context"]) == ("1.5", "abc")
    assert got["method"] == "getNTPInfo"


def test_only_the_newest_version_is_listed(make_camera: MakeCamera) -> None:
    """A camera of 1.5 lists no 1.0, though it takes it; apiVersion may be left out here."""
    body = b'{"method": "getSupportedVersions"}'
    got = json.loads(answer(make_camera(api_version="1.5"), body, JSON).body)
    assert got["data"] == {"apiVersions": ["1.5"]}


def test_an_answer_is_what_a_recorded_device_says(make_camera: MakeCamera) -> None:
    """The members of AXIS OS 12.11, all of them and no others."""
    got = json.loads(answer(make_camera(firmware="12.11.77"), READ, JSON).body)
    client = got["data"]["client"]
    assert set(client) == {wire_name for wire_name, _ in wire.STATUS_MEMBERS.values()}
    assert client["serversSource"] == "static"
    assert client["maxSupportedStaticServers"] == 5


@pytest.mark.parametrize(
    ("version", "newest"),
    [
        ("1.0", set()),
        ("1.2", set()),
        ("1.3", {"NTSEnabled", "staticNTSKEServers"}),
        ("1.4", {"NTSEnabled", "staticNTSKEServers", "NTSKEServerCACerts"}),
        (
            "1.5",
            {"NTSEnabled", "staticNTSKEServers", "NTSKEServerCACerts", "minpoll", "maxpoll"},
        ),
    ],
)
def test_a_version_has_its_own_members(
    make_camera: MakeCamera, version: str, newest: set[str]
) -> None:
    """What a version does not have, it neither reports nor takes."""
    camera = make_camera(api_version=version)
    client = json.loads(answer(camera, READ, JSON).body)["data"]["client"]
    known = {"NTSEnabled", "staticNTSKEServers", "NTSKEServerCACerts", "minpoll", "maxpoll"}
    assert known & set(client) == newest
    got = write(camera, minpoll=7)
    assert ("error" in got) == (version != "1.5")


def test_old_firmware_has_no_such_cgi(make_camera: MakeCamera) -> None:
    """It answers with a page."""
    got = answer(make_camera(firmware="8.40.4"), READ, JSON)
    assert (got.status, got.content_type) == (404, "text/html; charset=ISO-8859-1")


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (READ, "text/plain", 2000),
        (READ, "", 2000),
        (b" " * (BODY_LIMIT_BYTES + 1), JSON, 2001),
        (b"enabled=true", JSON, 3000),
        (b"\xff\xfe", JSON, 3000),
        (b'{"method": NaN}', JSON, 3000),
        (b"[" * 20_000, JSON, 3000),
        (b"[]", JSON, 2000),
        (b"{}", JSON, 2000),
        (b'{"method": "getNTPInfo"}', JSON, 2000),
        (b'{"apiVersion": "1.0", "method": "reboot"}', JSON, 4000),
        (b'{"apiVersion": "2.0", "method": "getNTPInfo"}', JSON, 4001),
        (b'{"apiVersion": "one", "method": "getNTPInfo"}', JSON, 4001),
        (b'{"apiVersion": "1.0", "method": "setNTPClientConfiguration"}', JSON, 4003),
        (
            b'{"apiVersion": "1.0", "method": "setNTPClientConfiguration", "params": {}}',
            JSON,
            4003,
        ),
    ],
)
def test_a_wrong_request_gets_its_code(
    make_camera: MakeCamera, body: bytes, content_type: str, code: int
) -> None:
    """The general error codes of the document."""
    assert code_of(make_camera(), body, content_type) == code


def test_content_type_may_carry_a_charset(make_camera: MakeCamera) -> None:
    """Only the media type counts."""
    assert b'"data"' in answer(make_camera(), READ, "Application/JSON; charset=utf-8").body


@pytest.mark.parametrize(
    ("params", "sub_code"),
    [
        ({"enabled": "no"}, 1),
        ({"enabled": 1}, 1),
        ({"serversSource": "NTP"}, 2),
        ({"serversSource": True}, 2),
        ({"staticServers": "10.0.0.5"}, 3),
        ({"staticServers": ["10.0.0.5", ""]}, 3),
        ({"staticServers": ["10.0.0.5 "]}, 3),
        ({"staticServers": [5]}, 3),
        ({"staticServers": ["a" * 256]}, 3),
        ({"staticServers": ["1", "2", "3", "4", "5", "6"]}, 3),
        ({"NTSEnabled": None}, 5),
        ({"staticNTSKEServers": [None]}, 6),
        ({"minpoll": 25}, 7),
        ({"minpoll": 6.5}, 7),
        ({"minpoll": 11}, 7),
        ({"minpoll": 5, "maxpoll": 4}, 7),
        ({"maxpoll": -1}, 8),
        ({"maxpoll": True}, 8),
        ({"maxpoll": 5}, 8),
        ({"NTSKEServerCACerts": "set1"}, 9),
        ({"NTSKEServerCACerts": [1]}, 9),
        ({"minpoll": 99, "enabled": "no"}, 1),
    ],
)
def test_a_wrong_parameter_gets_its_sub_code(
    make_camera: MakeCamera, params: dict[str, Any], sub_code: int
) -> None:
    """The first wrong one, in the document's order; nothing is applied then."""
    camera = make_camera()
    before = camera.configuration
    error = write(camera, **params)["error"]
    assert (error["code"], error["details"]) == (4004, {"subCode": sub_code})
    assert (camera.configuration, camera.writes) == (before, [])


def test_a_write_changes_what_it_names_and_keeps_the_rest(make_camera: MakeCamera) -> None:
    """Lists overwrite; any letter case of a source is understood; unknown members are ignored."""
    camera = make_camera()
    got = write(camera, serversSource="Dhcp", staticServers=["10.0.0.6"], colour="red")
    assert got == {
        "apiVersion": "1.5",
        "method": "setNTPClientConfiguration",
        "data": {},
    }
    now = camera.configuration
    assert (now.servers_source, now.static_servers) == (ServersSource.DHCP, ("10.0.0.6",))
    assert now.enabled is True
    [written] = camera.writes
    assert written.configuration == NTPClientConfiguration(
        servers_source=ServersSource.DHCP, static_servers=("10.0.0.6",)
    )
    assert written.applied_at == written.at


@pytest.mark.parametrize("cleared", [[], [""]])
def test_a_list_is_cleared_by_nothing_or_by_an_empty_name(
    make_camera: MakeCamera, cleared: list[str]
) -> None:
    """Both ways of the document."""
    camera = make_camera()
    assert "data" in write(camera, staticServers=cleared)
    assert camera.configuration.static_servers == ()


@pytest.mark.parametrize(
    ("kind", "unsent", "accepted"),
    [
        (Kind.WRITE_UNANSWERED, Kind.RESET, 1),
        (Kind.WRITE_SILENT, Kind.SILENT, 1),
        (Kind.WRITE_LOST, Kind.RESET, 0),
    ],
)
def test_the_answer_to_a_write_may_stay_inside(
    make_camera: MakeCamera, kind: Kind, unsent: Kind, accepted: int
) -> None:
    """Whatever else would spoil it; reading meets no such fault."""
    camera = make_camera(faults=kind)
    assert answer(camera, READ, JSON).unsent is None
    camera.faults = (Fault(kind), Fault(Kind.HTML))
    assert answer(camera, WRITE, JSON).unsent is unsent
    assert (camera.write_attempts, len(camera.writes)) == (1, accepted)
    assert camera.configuration.enabled is not bool(accepted)


def test_a_right_write_may_be_refused(make_camera: MakeCamera) -> None:
    """With the code that blames its servers."""
    camera = make_camera(faults=Kind.WRITE_REFUSED)
    error = write(camera, enabled=False)["error"]
    assert (error["code"], error["details"]) == (4004, {"subCode": 3})
    assert (camera.configuration.enabled, camera.writes) == (True, [])


def test_every_attempt_to_write_is_counted(make_camera: MakeCamera) -> None:
    """Also those that are refused, by a fault or with right; not those without a right to."""
    camera = make_camera(faults=Fault(Kind.WRITE_REFUSED, first=1))
    for params in ({"enabled": False}, {"enabled": "no"}, {}, {"enabled": False}):
        write(camera, **params)
    assert (camera.write_attempts, len(camera.writes)) == (4, 1)
    camera.faults = (Fault(Kind.NO_RIGHT),)
    write(camera, enabled=False)
    assert camera.write_attempts == 4


def test_an_internal_error_comes_with_500(make_camera: MakeCamera) -> None:
    """The only code that does."""
    camera = make_camera(faults=Kind.INTERNAL)
    assert answer(camera, READ, JSON).status == 500
    assert code_of(camera, READ) == 1000


def test_a_user_without_right_gets_4002_with_200(make_camera: MakeCamera) -> None:
    """The login is right, the level is not."""
    camera = make_camera(faults=Kind.NO_RIGHT)
    assert answer(camera, READ, JSON).status == 200
    assert code_of(camera, READ) == 4002


def test_a_context_may_be_another_requests(make_camera: MakeCamera) -> None:
    """The answer is right in everything else."""
    got = json.loads(answer(make_camera(faults=Kind.WRONG_CONTEXT), READ, JSON).body)
    assert got["context"] == "not abc"
    assert "data" in got


@pytest.mark.parametrize("kind", SPOILING)
def test_a_spoiled_answer_is_not_the_right_one(make_camera: MakeCamera, kind: Kind) -> None:
    """Each in its own way, and only as long as it lasts."""
    camera = make_camera(faults=Fault(kind, first=1))
    spoiled, right = answer(camera, READ, JSON), answer(camera, READ, JSON)
    assert spoiled != right
    assert b'"data"' in right.body


def test_an_oversized_answer_is_right_json(make_camera: MakeCamera) -> None:
    """Only a limit stops it, not the parser."""
    got = answer(make_camera(faults=Kind.OVERSIZED), READ, JSON)
    assert len(got.body) == OVERSIZE_BYTES
    assert json.loads(got.body)["data"]
