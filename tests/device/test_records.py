"""The nouns: what a device may be, and what its answers become."""

import datetime as dt
import pickle
from collections.abc import Iterable

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis_ntp_async.device.records import (
    Device,
    NTPClientStatus,
    Outcome,
    ServersSource,
    TLSMode,
    TrustPolicy,
    fault_of_server,
    normalized_serial,
)
from axis_ntp_async.errors import ConfigurationError, DeviceUnreachableError

PIN = "ab" * 32


def faults_of(**members: object) -> tuple[str, ...]:
    """Give what is wrong with a device of these members."""
    with pytest.raises(ConfigurationError) as caught:
        Device(**{"name": "lobby-3", "host": "10.0.4.17", **members})  # type: ignore[arg-type]
    return caught.value.faults


@pytest.mark.parametrize(
    ("name", "is_right"),
    [
        ("10.0.0.5", True),
        ("2001:db8::5", True),
        ("ntp.example", True),
        ("zeit", True),
        ("", False),
        ("a b", False),
        ("10.0.0.5:123", False),
        ("[2001:db8::5]", False),
        ("ntp://ntp.example", False),
        ("10.0.0", False),
        ("10.0.0.300", False),
    ],
)
def test_a_server_is_an_address_or_a_name(name: str, *, is_right: bool) -> None:
    """Nothing else, since a device may take it all the same."""
    fault = fault_of_server(name)
    assert (fault is None) is is_right
    assert fault is None or fault.startswith(f"{name!r} is no address and no DNS name")


def test_a_device_needs_a_name_and_a_host_only() -> None:
    """Everything else has the default that is safe."""
    device = Device(name="lobby-3", host="10.0.4.17")
    assert (device.scheme, device.port, device.tls) == ("https", 443, "verify")
    assert not device.plaintext_basic
    assert not device.legacy_tls
    assert device.credentials is None


@pytest.mark.parametrize(
    ("members", "address"),
    [
        ({"host": "10.0.4.17"}, "10.0.4.17"),
        ({"host": "10.0.4.17", "port": 8443}, "10.0.4.17:8443"),
        ({"host": "10.0.4.17", "scheme": "http"}, "10.0.4.17"),
        ({"host": "10.0.4.17", "scheme": "http", "port": 443}, "10.0.4.17:443"),
        ({"host": "2001:db8::1"}, "[2001:db8::1]"),
        ({"host": "fe80::1%eth0", "port": 8443}, "[fe80::1%eth0]:8443"),
    ],
)
def test_an_address_reads_as_in_a_url(members: dict[str, object], address: str) -> None:
    """IPv6 in brackets, the scheme's own port left out."""
    assert address == Device(name="lobby-3", **members).address  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"name": ""}, "name: ''"),
        ({"name": " \t"}, "name: "),
        ({"name": "a\nb"}, "name: "),
        ({"host": ""}, "host: ''"),
        ({"host": "10.0.4.17/x"}, "host: "),
        ({"host": "a b"}, "host: "),
        ({"host": "root@10.0.4.17"}, "host: "),
        ({"host": "10.0.4.17:80"}, "host: '10.0.4.17:80' is not an IPv6 address; a port"),
        ({"host": "[::1]"}, "host: "),
        ({"host": "127.9.0.300"}, "host: '127.9.0.300' is not an IPv4 address"),
        ({"host": "10.0.1"}, "host: '10.0.1' is not an IPv4 address"),
        ({"host": "10.0.4.017"}, "host: '10.0.4.017' is not an IPv4 address"),
        ({"host": "17"}, "host: '17' is not an IPv4 address"),
        ({"port": 0}, "port: 0"),
        ({"port": 65536}, "port: 65536"),
        ({"port": "80"}, "port: '80'"),
        ({"port": True}, "port: True"),
        ({"scheme": "HTTPS"}, "scheme: 'HTTPS'"),
        ({"serial": "ACCC8E01234"}, "serial: 'ACCC8E01234'"),
        ({"serial": "ACCC8E01234G"}, "serial: "),
        ({"tls": "trust-me"}, "tls: 'trust-me' is not one of verify, pin, axis-idevid, tofu"),
        ({"tls": "pin:abc"}, "tls: 'pin:' wants the SHA-256"),
        ({"tls": "pin"}, "tls: 'pin:' wants the SHA-256"),
        ({"tls": "axis-idevid", "serial": "ACCC8E012345"}, "tls: 'axis-idevid:' wants the file"),
        ({"tls": "axis-idevid:ca.pem"}, "tls: 'axis-idevid' compares the serial"),
        ({"tls": "tofu:x"}, "tls: 'tofu' takes nothing"),
        ({"tls": "insecure:x"}, "tls: 'insecure' takes nothing"),
    ],
)
def test_a_wrong_member_is_named(members: dict[str, object], fault: str) -> None:
    """The fault begins with the member and says what is wrong with it."""
    [found] = faults_of(**members)
    assert found.startswith(fault)


def test_all_faults_of_a_device_come_at_once() -> None:
    """One look at the file corrects the device."""
    faults = faults_of(name="", host="", port=-1, scheme="ftp", serial="x", tls="y")
    assert [fault.partition(":")[0] for fault in faults] == [
        "name",
        "host",
        "port",
        "scheme",
        "serial",
        "tls",
    ]


@pytest.mark.parametrize(
    "serial",
    ["ACCC8E012345", "accc8e012345", "AC:CC:8E:01:23:45", "ac-cc-8e-01-23-45", "ACCC.8E01.2345"],
)
def test_a_serial_is_read_in_any_notation(serial: str) -> None:
    """It is a MAC address, and people copy it from many places."""
    assert normalized_serial(serial) == "ACCC8E012345"
    assert Device(name="lobby-3", host="a", serial=serial).serial == "ACCC8E012345"


def test_an_empty_serial_is_none() -> None:
    """An empty cell of a table says nothing."""
    assert Device(name="lobby-3", host="a", serial="").serial is None


@pytest.mark.parametrize(
    ("text", "mode", "argument"),
    [
        ("verify", TLSMode.VERIFY, None),
        ("VERIFY : ca.pem ", TLSMode.VERIFY, "ca.pem"),
        ("verify:C:\\certs\\ca.pem", TLSMode.VERIFY, "C:\\certs\\ca.pem"),
        (f"pin:{PIN.upper()}", TLSMode.PIN, PIN),
        ("pin:" + ":".join(["AB"] * 32), TLSMode.PIN, PIN),
        ("axis-idevid:roots.pem", TLSMode.AXIS_IDEVID, "roots.pem"),
        ("tofu", TLSMode.TOFU, None),
        ("insecure", TLSMode.INSECURE, None),
    ],
)
def test_a_tls_policy_is_read(text: str, mode: TLSMode, argument: str | None) -> None:
    """A pin is accepted as every tool prints it."""
    assert TrustPolicy(mode=mode, argument=argument) == TrustPolicy.parse(text)


def test_a_device_is_a_key_and_travels() -> None:
    """It may stand in a set, and go to another process."""
    device = Device(name="lobby-3", host="a", groups=("indoor",), labels={"model": "P3265-V"})
    other = pickle.loads(pickle.dumps(device))  # noqa: S301  our own
    assert {device: 1} == {other: 1}


@pytest.mark.parametrize("groups", [("indoor",), ["indoor"], "indoor"])
def test_groups_are_kept_as_a_tuple(groups: Iterable[str]) -> None:
    """A lone text is one group, not six of one letter."""
    assert Device(name="lobby-3", host="a", groups=groups).groups == ("indoor",)


def test_a_device_cannot_be_changed() -> None:
    """Many tasks share it."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Device(name="lobby-3", host="a").host = "b"  # type: ignore[misc]


@pytest.mark.parametrize("text", ["DHCP", "dhcp", "Dhcp"])
def test_a_source_is_read_in_any_letter_case(text: str) -> None:
    """Devices and other tools write it in several."""
    assert ServersSource.read(text) is ServersSource.DHCP


def test_an_unknown_source_stays_as_it_is() -> None:
    """Newer firmware may have a third one."""
    assert ServersSource.read("PTP") == "PTP"


@given(st.text())
def test_reading_a_source_loses_nothing(text: str) -> None:
    """It is one of the two, or what was sent."""
    read = ServersSource.read(text)
    assert text == read or text.casefold() == ServersSource(read).value.casefold()


@pytest.mark.parametrize("synced", [False, None])
def test_an_offset_means_nothing_unless_synced(synced: bool | None) -> None:
    """Devices that are not synced send 0.0."""
    assert NTPClientStatus(synced=synced, time_offset_ms=0.0).offset_ms is None
    assert NTPClientStatus(synced=True, time_offset_ms=-0.5).offset_ms == -0.5


def test_what_is_not_reported_is_none() -> None:
    """No default looks like an answer."""
    empty = attrs.asdict(NTPClientStatus())
    assert empty.pop("other") == {}
    assert set(empty.values()) == {None}


def test_an_outcome_is_a_value_or_an_error(device: Device) -> None:
    """Also `None` is a value: that of a write."""
    at = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
    good = Outcome[None](device=device, at=at, attempts=1, elapsed_s=0.1)
    bad = Outcome[None](
        device=device,
        error=DeviceUnreachableError("lobby-3", "refused"),
        at=at,
        attempts=3,
        elapsed_s=9.0,
    )
    assert good.is_ok
    assert not bad.is_ok
