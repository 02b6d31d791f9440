"""What a program gets to see."""

import datetime as dt
import json
from typing import Any

import pytest

from axis_ntp_async.device.configuration import Change, NTPClientConfiguration
from axis_ntp_async.device.records import (
    ClockReading,
    Device,
    NTPClientStatus,
    NTPInfo,
    Outcome,
    ServersSource,
)
from axis_ntp_async.errors import (
    AccessBlockedError,
    APIError,
    CertificateRejectedError,
    CredentialSuspendedError,
    DeviceBusyError,
    DeviceError,
    DeviceUnreachableError,
    IdentityMismatchError,
    InternalDeviceError,
    InvalidParameterError,
    LoginRefusedError,
    NotAuthorizedError,
    NotTriedError,
    PlaintextLoginError,
    RequestRejectedError,
    UnexpectedResponseError,
    UnsupportedDeviceError,
    UnsupportedVersionError,
)
from axis_ntp_async.health.judge import judge
from axis_ntp_async.health.sweep import Summary
from axis_ntp_async.report.documents import (
    DEVICE_COLUMNS,
    FINDING_COLUMNS,
    INFO_COLUMNS,
    SET_COLUMNS,
    VERSIONS_COLUMNS,
    ChangedDevice,
    device_document,
    finding_document,
    ntp_info_document,
    set_document,
    summary_document,
    versions_document,
)

AT = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
DEVICE = Device(
    name="lobby-3",
    host="10.0.4.17",
    site="berlin",
    serial="ACCC8E012345",
    groups=("indoor",),
    labels={"model": "P3265-V"},
    credentials="fleet",
    tls="tofu",
)
CLIENT = NTPClientStatus(
    enabled=True,
    nts_enabled=False,
    servers_source=ServersSource.STATIC,
    static_servers=("10.0.0.5", "10.0.0.6"),
    advertised_servers=(),
    synced=True,
    time_to_next_sync_s=44,
    time_offset_ms=-12.34,
)
CLOCK = ClockReading(
    device_time=AT, read_at=AT, round_trip_s=0.02, skew_s=0.26, uncertainty_s=0.51
)
PROMISED = """schema, device, host, site, serial, state, cause, problems, message, hint, enabled,
    source, servers, advertised_servers, nts_enabled, synced, offset_s, skew_s,
    skew_uncertainty_s, next_sync_s, api_version, attempts, elapsed_s, error"""
MEMBERS = {member.strip() for member in PROMISED.split(",")}

ERRORS: list[DeviceError] = [
    *(
        kind("lobby-3", "said so")
        for kind in (
            DeviceUnreachableError,
            DeviceBusyError,
            AccessBlockedError,
            CertificateRejectedError,
            IdentityMismatchError,
            LoginRefusedError,
            PlaintextLoginError,
            NotTriedError,
            CredentialSuspendedError,
            UnsupportedDeviceError,
            UnexpectedResponseError,
        )
    ),
    *(
        kind("lobby-3", "said so", 4999, 77)
        for kind in (
            APIError,
            InternalDeviceError,
            RequestRejectedError,
            UnsupportedVersionError,
            NotAuthorizedError,
            InvalidParameterError,
        )
    ),
]


def outcome_of(value: Any = None, error: DeviceError | None = None) -> Outcome[Any]:
    return Outcome(device=DEVICE, value=value, error=error, at=AT, attempts=2, elapsed_s=0.08123)


OUTCOMES = [
    outcome_of(NTPInfo(api_version="1.5", client=CLIENT, clock=CLOCK)),
    outcome_of(NTPInfo()),
    outcome_of(NTPInfo(client=NTPClientStatus(enabled=False))),
    *(outcome_of(error=error) for error in ERRORS),
]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_finding_has_every_member(outcome: Outcome[NTPInfo]) -> None:
    """A script may ask for any of them, whatever has become of the device."""
    document = finding_document(judge(outcome))
    assert document.keys() >= MEMBERS
    assert json.loads(json.dumps(document)) == document


def test_a_finding_in_sync() -> None:
    """Offsets are in seconds, names as they are in the inventory, nothing is wrong."""
    document = finding_document(judge(OUTCOMES[0]))
    expected = {
        "schema": "axis-ntp/finding/v1",
        "device": "lobby-3",
        "site": "berlin",
        "state": "ok",
        "cause": None,
        "problems": [],
        "source": "static",
        "servers": ["10.0.0.5", "10.0.0.6"],
        "advertised_servers": [],
        "offset_s": -0.01234,
        "next_sync_s": 44,
        "attempts": 2,
        "elapsed_s": 0.081,
        "at": "2026-03-01T12:00:00.000+00:00",
        "error": None,
    }
    assert {member: document[member] for member in expected} == expected


def test_what_is_not_known_is_no_answer() -> None:
    """A device that could not be read neither is synced nor is it not."""
    document = finding_document(judge(outcome_of(error=ERRORS[0])))
    unknown = ("enabled", "source", "servers", "synced", "offset_s", "skew_s", "api_version")
    assert {document[member] for member in unknown} == {None}


def test_drift_is_what_should_be() -> None:
    """Each member that differs, with the value that is wanted."""
    desired = NTPClientConfiguration(servers_source=ServersSource.DHCP, static_servers=())
    document = finding_document(judge(OUTCOMES[0], desired=desired))
    assert document["drift"] == {"servers_source": "DHCP", "static_servers": []}


def test_an_error_of_the_api_keeps_its_numbers() -> None:
    """Also those that nobody knows."""
    document = finding_document(judge(outcome_of(error=ERRORS[-1])))
    assert document["error"] == {
        "type": "InvalidParameterError",
        "message": "said so",
        "code": 4999,
        "sub_code": 77,
    }


def test_a_summary_counts() -> None:
    """States, causes and sites; the name of no site is empty."""
    summary = Summary()
    for outcome in OUTCOMES:
        summary.add(judge(outcome))
    document = summary_document(summary)
    assert document["devices"] == len(OUTCOMES)
    assert sum(document["states"].values()) == len(OUTCOMES)
    assert document["sites"]["berlin"] == document["states"]
    assert document["offset_s"]["p50"] == pytest.approx(0.01234)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_what_a_device_said(outcome: Outcome[NTPInfo]) -> None:
    """As it said it, under its own schema."""
    document = ntp_info_document(outcome)
    assert document["schema"] == "axis-ntp/ntp-info/v1"
    assert json.loads(json.dumps(document)) == document


def test_unknown_members_are_shown() -> None:
    """What newer firmware adds can be read already."""
    client = NTPClientStatus(other={"ptp": True})
    document = ntp_info_document(outcome_of(NTPInfo(client=client, other={"extra": [1]})))
    assert document["other"] == {"client": {"ptp": True}, "server": None, "extra": [1]}


def test_versions_that_a_device_lists() -> None:
    """In its order; none are known of a device that did not answer."""
    assert versions_document(outcome_of(("1.5",)))["api_versions"] == ["1.5"]
    assert versions_document(outcome_of(error=ERRORS[0]))["api_versions"] is None


@pytest.mark.parametrize(
    ("outcome", "changes", "expected"),
    [
        (OUTCOMES[0], (), "unchanged"),
        (OUTCOMES[0], (Change(member="enabled", before=False, after=True),), "changed"),
        (
            outcome_of(error=ERRORS[0]),
            (Change(member="enabled", before=False, after=True),),
            "failed",
        ),
    ],
)
def test_the_result_of_a_change(
    outcome: Outcome[NTPInfo], changes: tuple[Change, ...], expected: str
) -> None:
    """Nobody has to put it together from other members."""
    document = set_document(ChangedDevice(outcome=outcome, changes=changes))
    assert document["result"] == expected
    assert [one["member"] for one in document["changes"]] == [one.member for one in changes]


def test_a_device_of_an_inventory() -> None:
    """It names its credentials, and no secret can be there."""
    document = device_document(DEVICE)
    assert document["credentials"] == "fleet"
    assert document["labels"] == {"model": "P3265-V"}


@pytest.mark.parametrize(
    ("columns", "document"),
    [
        (FINDING_COLUMNS, finding_document(judge(OUTCOMES[0]))),
        (INFO_COLUMNS, ntp_info_document(OUTCOMES[0])),
        (VERSIONS_COLUMNS, versions_document(outcome_of(("1.5",)))),
        (SET_COLUMNS, set_document(ChangedDevice(outcome=OUTCOMES[0], changes=()))),
        (DEVICE_COLUMNS, device_document(DEVICE)),
    ],
)
def test_columns_are_members(columns: tuple[str, ...], document: dict[str, Any]) -> None:
    """No column of a CSV file stays empty because of a slip; only the odd rest has none."""
    assert len(set(columns)) == len(columns)
    assert document.keys() - {"other"} == set(columns)
