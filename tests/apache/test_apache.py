"""
A device that is not our simulator: Apache, its digest and TLS, and a CGI from the document.

What counts is what Apache logs: how often it was asked, with which login.
"""

import asyncio
import hashlib
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from axis_ntp_async import (
    Credentials,
    Device,
    DeviceError,
    DeviceSession,
    KnownDevices,
    NTPClientConfiguration,
    NTPInfo,
    ServersSource,
    SessionPool,
    Trust,
)
from axis_ntp_async.errors import (
    CertificateRejectedError,
    IdentityMismatchError,
    InvalidParameterError,
    LoginRefusedError,
    NotAuthorizedError,
    PlaintextLoginError,
    UnexpectedResponseError,
    UnsupportedDeviceError,
)

Apache = Any
"""The class of the fixture stands in conftest.py, which nobody imports."""
MakeDevice = Callable[..., Device]

SERIAL = "ACCC8E012345"
OTHER_SERIAL = "ACCC8E999999"
LOGIN = Credentials("root", "pass")
DESIRED = NTPClientConfiguration(
    enabled=True,
    servers_source=ServersSource.STATIC,
    static_servers=("10.0.0.5", "10.0.0.6"),
    minpoll=4,
    maxpoll=8,
)


@pytest.fixture
def device(apache: Apache) -> MakeDevice:
    """Gives one of Apache's hosts as a device; TLS ones are verified unless told otherwise."""

    def make(host: str, **members: Any) -> Device:
        has_tls = host.startswith(("tls", "device_id"))
        usual = {
            "name": host,
            "host": "127.0.0.1",
            "port": apache.ports[host],
            "scheme": "https" if has_tls else "http",
            "serial": SERIAL,
            "tls": f"verify:{apache.folder / 'root.pem'}",
            "credentials": "fleet",
        }
        return Device(**{**usual, **members})

    return make


@pytest.fixture
def known_devices(tmp_path: Path) -> KnownDevices:
    return KnownDevices(tmp_path / "known-devices")


async def get(
    device: Device, credentials: Credentials = LOGIN, trust: Trust | None = None
) -> NTPInfo:
    """Read a device once."""
    async with DeviceSession(device, credentials, trust=trust or Trust(KnownDevices())) as session:
        return await session.get_ntp_info()


ALL_LOGINS = ("digest", "tls_basic", "tls_digest")


@pytest.mark.parametrize("host", ALL_LOGINS)
async def test_a_device_is_read_as_the_document_says(device: MakeDevice, host: str) -> None:
    """Every member arrives with its value, whichever login the device asks for."""
    info = await get(device(host))
    assert info.client is not None
    assert info.api_version == "1.5"
    assert info.client.enabled is True
    assert info.client.nts_enabled is False
    assert info.client.servers_source is ServersSource.DHCP
    assert info.client.max_supported_static_servers == 5
    assert info.client.static_servers == ("192.168.0.80",)
    assert info.client.advertised_servers == ("ntp.someserver.com", "12.7.232.11")
    assert info.client.static_ntske_servers == ()
    assert info.client.time_to_next_sync_s == 1234
    assert info.client.offset_ms == pytest.approx(-12.34)
    assert (info.client.minpoll, info.client.maxpoll) == (6, 10)


@pytest.mark.parametrize("host", ALL_LOGINS)
async def test_what_was_set_is_read_again(device: MakeDevice, host: str) -> None:
    """All three methods work over one session, and a write shows in the next reading."""
    async with DeviceSession(device(host), LOGIN, trust=Trust(KnownDevices())) as session:
        assert await session.get_supported_versions() == ("1.0", "1.5")
        await session.set_ntp_client_configuration(DESIRED)
        after = (await session.get_ntp_info()).client
    assert after is not None
    assert DESIRED.changes_from(after) == ()


async def test_servers_are_cleared(device: MakeDevice) -> None:
    """An empty tuple clears the list, and leaves the rest alone."""
    async with DeviceSession(device("digest"), LOGIN) as session:
        await session.set_ntp_client_configuration(NTPClientConfiguration(static_servers=()))
        after = (await session.get_ntp_info()).client
    assert after is not None
    assert after.static_servers == ()
    assert after.servers_source is ServersSource.DHCP


async def test_a_refused_value_names_its_parameter(device: MakeDevice) -> None:
    """Error 4004 with its sub code comes out of a real CGI as it does out of ours."""
    async with DeviceSession(device("digest"), LOGIN) as session:
        with pytest.raises(InvalidParameterError) as caught:
            await session.set_ntp_client_configuration(
                NTPClientConfiguration(static_servers=tuple(f"ntp{n}.example" for n in range(9)))
            )
    assert caught.value.parameter == "staticServers"


async def test_an_internal_refusal_has_http_status_200(device: MakeDevice) -> None:
    """The login is right, but the user may not use the API: error 4002."""
    with pytest.raises(NotAuthorizedError):
        await get(device("digest"), Credentials("viewer", "may not do this"))


async def test_the_clock_of_our_own_machine_has_no_skew(device: MakeDevice) -> None:
    """Apache's `Date` is our own clock, so the true skew, 0, lies within the uncertainty."""
    clock = (await get(device("digest"))).clock
    assert clock is not None
    assert abs(clock.skew_s) <= clock.uncertainty_s


@pytest.mark.parametrize("host", ALL_LOGINS)
async def test_a_remembered_challenge_saves_the_second_request(
    apache: Apache, device: MakeDevice, host: str
) -> None:
    """The first call asks for the challenge; the next ones log in at once, on one connection."""
    async with DeviceSession(device(host), LOGIN, trust=Trust(KnownDevices())) as session:
        for _ in range(3):
            await session.get_ntp_info()
    seen = await apache.seen(4)
    scheme = "Basic" if "basic" in host else "Digest"
    assert [(one.status, one.login) for one in seen] == [
        (401, None),
        (200, scheme),
        (200, scheme),
        (200, scheme),
    ]
    assert len({one.client_port for one in seen}) == 1
    assert [one.requests_before for one in seen] == [0, 1, 2, 3]


async def test_a_pool_logs_in_once_and_keeps_the_challenge(
    apache: Apache, device: MakeDevice
) -> None:
    """
    The second run of a pool needs one request a device, on a connection of its own.

    A challenge and the login that answers it share one, or TLS would cost twice.
    """
    pool = SessionPool({"fleet": LOGIN}, trust=Trust(KnownDevices()))
    async with pool:
        for _ in range(2):
            devices = [device("tls_digest")]
            async with aclosing(pool.each(devices, DeviceSession.get_ntp_info)) as outcomes:
                assert [outcome.error async for outcome in outcomes] == [None]
    seen = await apache.seen(3)
    assert [(one.status, one.login) for one in seen] == [
        (401, None),
        (200, "Digest"),
        (200, "Digest"),
    ]
    assert seen[0].client_port == seen[1].client_port != seen[2].client_port


async def test_a_nonce_that_is_too_old_is_renewed(apache: Apache, device: MakeDevice) -> None:
    """Nobody notices: the answer `stale` is no failed login, and one more request settles it."""
    async with DeviceSession(device("short_nonce"), LOGIN) as session:
        await session.get_ntp_info()
        await asyncio.sleep(2.5)
        await session.get_ntp_info()
        await session.get_ntp_info()
    seen = await apache.seen(5)
    assert [(one.status, one.login) for one in seen] == [
        (401, None),
        (200, "Digest"),
        (401, "Digest"),
        (200, "Digest"),
        (200, "Digest"),
    ]


async def test_nonces_that_serve_once_are_renewed_each_time(
    apache: Apache, device: MakeDevice
) -> None:
    """Apache's strictest setting: a used nonce is `stale`, which is no failed login."""
    async with DeviceSession(device("one_time_nonce"), LOGIN) as session:
        await session.get_ntp_info()
        await session.get_ntp_info()
    seen = await apache.seen(4)
    assert [(one.status, one.login) for one in seen] == [
        (401, None),
        (200, "Digest"),
        (401, "Digest"),
        (200, "Digest"),
    ]


@pytest.mark.parametrize("host", ALL_LOGINS)
async def test_a_wrong_password_fails_once_per_call(
    apache: Apache, device: MakeDevice, host: str
) -> None:
    """A device blocks whoever fails too often, so each call costs exactly one failed login."""
    wrong = Credentials("root", "not the password")
    async with DeviceSession(device(host), wrong, trust=Trust(KnownDevices())) as session:
        for calls in (1, 2):
            with pytest.raises(LoginRefusedError):
                await session.get_ntp_info()
            seen = await apache.seen(2 * calls)
            assert [one.status for one in seen] == [401] * len(seen)
            assert sum(one.login is not None for one in seen) == calls


async def test_a_password_that_was_changed_fails_once(apache: Apache, device: MakeDevice) -> None:
    """The remembered challenge is answered in vain, and that is the end of it."""
    async with DeviceSession(device("digest"), LOGIN) as session:
        await session.get_ntp_info()
        apache.set_logins({"root": "changed"})
        with pytest.raises(LoginRefusedError):
            await session.get_ntp_info()
    seen = await apache.seen(3)
    assert [(one.status, one.login) for one in seen] == [
        (401, None),
        (200, "Digest"),
        (401, "Digest"),
    ]


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("jörg", "grüße aus Köln"),
        ('say "hi"', 'with "quotes" too'),
        ("back\\slash", "C:\\temp\\"),
        ("コンドル", "パス:ワード"),
    ],
)
@pytest.mark.parametrize("host", ALL_LOGINS)
async def test_unusual_logins_work(
    device: MakeDevice, host: str, username: str, password: str
) -> None:
    """UTF-8, quotes, colons and backslashes arrive as they are, in Basic and in Digest."""
    info = await get(device(host), Credentials(username, password))
    assert info.client is not None


@pytest.mark.parametrize("host", ALL_LOGINS)
async def test_another_serial_in_the_realm_gets_no_login(
    apache: Apache, device: MakeDevice, host: str
) -> None:
    """Nothing derived from the password reaches a device that is not the one we mean."""
    with pytest.raises(IdentityMismatchError, match=SERIAL):
        await get(device(host, serial=OTHER_SERIAL))
    assert [(one.status, one.login) for one in await apache.seen(1)] == [(401, None)]


async def test_basic_on_plain_http_gets_no_login(apache: Apache, device: MakeDevice) -> None:
    """The password would be readable on the way."""
    with pytest.raises(PlaintextLoginError):
        await get(device("plain_basic"))
    assert [(one.status, one.login) for one in await apache.seen(1)] == [(401, None)]


async def test_basic_on_plain_http_can_be_allowed(apache: Apache, device: MakeDevice) -> None:
    """An operator may decide so for one device."""
    assert (await get(device("plain_basic", plaintext_basic=True))).client is not None
    assert [one.login for one in await apache.seen(2)] == [None, "Basic"]


async def test_answers_come_compressed(apache: Apache, device: MakeDevice) -> None:
    """mod_deflate packs them, and we read them all the same."""
    await get(device("digest"))
    assert [one.encoding for one in await apache.seen(2)] == [None, "gzip"]


async def test_firmware_without_the_api_is_unsupported(device: MakeDevice) -> None:
    """Apache's own 404, after the login."""
    with pytest.raises(UnsupportedDeviceError, match=r"9\.10"):
        await get(device("old_firmware"))


async def test_a_redirect_is_not_followed(apache: Apache, device: MakeDevice) -> None:
    """A login sent to wherever a stranger points would be the stranger's."""
    with pytest.raises(UnexpectedResponseError, match="not followed"):
        await get(device("moved"))
    assert [(one.port, one.login) for one in await apache.seen(1)] == [
        (apache.ports["moved"], None)
    ]


async def test_plain_http_on_a_tls_port_says_what_to_correct(device: MakeDevice) -> None:
    """Apache answers 400 to that; the message names the scheme."""
    with pytest.raises(UnexpectedResponseError, match="scheme = 'https'"):
        await get(device("tls_basic", scheme="http"))


async def test_tls_on_a_plain_port_says_what_to_correct(device: MakeDevice) -> None:
    """No TLS is spoken there; the message names the scheme."""
    with pytest.raises(CertificateRejectedError, match="scheme = 'http'"):
        await get(device("digest", scheme="https"))


def fingerprint(apache: Apache, name: str) -> str:
    pem = (apache.folder / f"{name}.pem").read_text()
    end = "-----END CERTIFICATE-----\n"
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem[: pem.index(end) + len(end)])).hexdigest()


def policy(apache: Apache, text: str) -> str:
    """Fill in what only a running Apache knows."""
    return text.format(
        ca=apache.folder / "root.pem",
        issued=fingerprint(apache, "issued"),
        device_id=fingerprint(apache, "device_id"),
    )


@pytest.mark.parametrize(
    ("host", "tls"),
    [
        ("tls_basic", "verify:{ca}"),
        ("tls_basic", "pin:{issued}"),
        ("tls_digest", "pin:{issued}"),
        ("device_id", "pin:{device_id}"),
        ("device_id", "axis-idevid:{ca}"),
        ("tls_basic", "tofu"),
        ("tls_basic", "insecure"),
        ("device_id", "insecure"),
    ],
)
async def test_a_certificate_that_fits_the_policy_is_trusted(
    apache: Apache, device: MakeDevice, host: str, tls: str
) -> None:
    """Each policy accepts what it shall accept."""
    assert (await get(device(host, tls=policy(apache, tls)))).client is not None


@pytest.mark.parametrize(
    ("host", "tls", "error"),
    [
        ("tls_basic", "verify", CertificateRejectedError),
        ("device_id", "verify:{ca}", CertificateRejectedError),
        ("tls_basic", "pin:{device_id}", CertificateRejectedError),
        ("tls_basic", "axis-idevid:{ca}", IdentityMismatchError),
    ],
)
async def test_a_certificate_that_does_not_fit_gets_no_request(
    apache: Apache, device: MakeDevice, host: str, tls: str, error: type[DeviceError]
) -> None:
    """Each policy refuses what it shall refuse, in the handshake: Apache sees no request."""
    with pytest.raises(error):
        await get(device(host, tls=policy(apache, tls)))
    assert await apache.seen(0) == []


async def test_a_device_id_of_another_serial_gets_no_request(
    apache: Apache, device: MakeDevice
) -> None:
    """The serial in the certificate is the device's, or nothing is sent."""
    tls = policy(apache, "axis-idevid:{ca}")
    with pytest.raises(IdentityMismatchError, match=SERIAL):
        await get(device("device_id", tls=tls, serial=OTHER_SERIAL))
    assert await apache.seen(0) == []


async def test_a_certificate_is_trusted_at_first_contact_and_held_to_it(
    apache: Apache, device: MakeDevice, known_devices: KnownDevices
) -> None:
    """`tofu` records the certificate of a serial, and refuses another one later."""
    trust = Trust(known_devices)
    await get(device("tls_digest", tls="tofu"), trust=trust)
    known = KnownDevices(known_devices.path).load()
    assert {key: one.fingerprint for key, one in known.items()} == {
        SERIAL: fingerprint(apache, "issued")
    }
    with pytest.raises(CertificateRejectedError, match="--replace"):
        await get(device("device_id", tls="tofu"), trust=trust)
    assert {one.port for one in await apache.seen(2)} == {apache.ports["tls_digest"]}


def test_the_command_line_reads_apache(apache: Apache, tmp_path: Path) -> None:
    """`axis-ntp get`, as a person types it, over Digest and over Basic with TLS."""
    inventory = tmp_path / "fleet.toml"
    inventory.write_text(f"""
        [defaults]
        credentials = "fleet"

        [credentials.fleet]
        username = "root"
        password = "env:CAMERA_PASSWORD"

        [[devices]]
        name = "lobby"
        host = "127.0.0.1"
        scheme = "http"
        port = {apache.ports["digest"]}

        [[devices]]
        name = "gate"
        host = "127.0.0.1"
        port = {apache.ports["tls_basic"]}
        serial = "{SERIAL}"
        tls = "verify:{apache.folder / "root.pem"}"
    """)
    ended = subprocess.run(
        [sys.executable, "-m", "axis_ntp_async", "get", inventory, "--output", "jsonl"],
        env={**os.environ, "CAMERA_PASSWORD": "pass"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    documents = {one["device"]: one for one in map(json.loads, ended.stdout.splitlines())}
    assert set(documents) == {"lobby", "gate"}
    for document in documents.values():
        assert document["schema"] == "axis-ntp/ntp-info/v1"
        assert document["error"] is None
        assert document["static_servers"] == ["192.168.0.80"]
        assert document["offset_s"] == pytest.approx(-0.01234)
        assert document["synced"] is True


def test_the_command_line_sets_apache(apache: Apache, tmp_path: Path) -> None:
    """`axis-ntp set` changes what the CGI keeps, and leaves with 0."""
    arguments = ["--server", "10.0.0.7", "--source", "static", "--yes", "--output", "jsonl"]
    address = f"http://127.0.0.1:{apache.ports['digest']}"
    login = ["--username", "root", "--password-from", "env:CAMERA_PASSWORD"]
    ended = subprocess.run(
        [sys.executable, "-m", "axis_ntp_async", "set", address, *arguments, *login],
        env={**os.environ, "CAMERA_PASSWORD": "pass"},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    kept = json.loads((apache.folder / "state.json").read_text())
    assert (kept["serversSource"], kept["staticServers"]) == ("static", ["10.0.0.7"])
