"""By which proof a device is trusted: real handshakes, on every event loop we may run on."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.device.kept import make_http_session
from axis_ntp_async.device.records import Device
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.device.trust import KnownDevices, Trust, fingerprint_of
from axis_ntp_async.errors import (
    CertificateRejectedError,
    DeviceError,
    DeviceUnreachableError,
    IdentityMismatchError,
)
from axis_ntp_async.simulator.model.access import CertificateKind
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.serving.certificates import Certificate, CertificateMaker
from axis_ntp_async.simulator.serving.server import SimulatedFleet

pytestmark = pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])

SERIAL = "ACCC8E012345"
PIN = "ab" * 32
ROOT = Credentials("root", "pass")
CHALLENGE = f'Digest realm="AXIS_{SERIAL}", nonce="abc", algorithm=MD5, qop="auth"'

Serve = Callable[..., Any]


@pytest.fixture(scope="module")
def maker() -> CertificateMaker:
    return CertificateMaker()


@pytest.fixture
def root(maker: CertificateMaker, tmp_path: Path) -> Path:
    path = tmp_path / "root.pem"
    path.write_bytes(maker.root_pem)
    return path


@pytest.fixture
async def listening(serve: Serve, say: Any, tmp_path: Path) -> Callable[..., Any]:
    """Give a server that shows a certificate and answers everybody."""

    async def start(certificate: Certificate) -> Any:
        return await serve(lambda heard: say.result(heard, {}), certificate.context(tmp_path))

    return start


async def call(device: Device, trust: Trust, credentials: Credentials | None = None) -> None:
    async with DeviceSession(device, credentials, trust=trust, timeout_s=10) as session:
        await session.get_ntp_info()


async def refusal(server: Any, trust: Trust, **members: Any) -> DeviceError:
    """Give why a device is not trusted; not one byte of a request may have reached it."""
    with pytest.raises(DeviceError) as caught:
        await call(server.device(scheme="https", **members), trust)
    await asyncio.sleep(0.02)
    assert (server.received, server.heard) == (0, [])
    return caught.value


# What stands in a certificate


@pytest.mark.parametrize("tls", ["verify:{root}", "insecure", "pin:{pin}", "tofu"])
async def test_a_right_certificate_is_accepted(
    maker: CertificateMaker,
    root: Path,
    listening: Callable[..., Any],
    trust: Trust,
    tls: str,
) -> None:
    """That of a customer's CA, under each policy that may accept it."""
    certificate = maker.issued("127.0.0.1")
    server = await listening(certificate)
    policy = tls.format(root=root, pin=certificate.fingerprint)
    await call(server.device(scheme="https", tls=policy), trust)
    assert len(server.heard) == 1


async def test_an_unknown_ca_is_refused(
    maker: CertificateMaker, listening: Callable[..., Any], trust: Trust
) -> None:
    """The message says how to go on."""
    error = await refusal(await listening(maker.issued("127.0.0.1")), trust, tls="verify")
    assert type(error) is CertificateRejectedError
    assert "axis-ntp trust" in error.message
    assert "verify:ca.pem" in error.message


async def test_a_certificate_of_another_host_is_refused(
    maker: CertificateMaker, root: Path, listening: Callable[..., Any], trust: Trust
) -> None:
    """`verify` compares the address."""
    server = await listening(maker.issued("127.0.0.2"))
    error = await refusal(server, trust, tls=f"verify:{root}")
    assert type(error) is CertificateRejectedError
    assert "IP address mismatch" in error.message


async def test_another_certificate_than_the_pinned_one_is_refused(
    maker: CertificateMaker, listening: Callable[..., Any], trust: Trust
) -> None:
    """The message shows what was found."""
    certificate = maker.self_signed("axis")
    error = await refusal(await listening(certificate), trust, tls=f"pin:{PIN}")
    assert type(error) is CertificateRejectedError
    assert f"its certificate has sha256 {certificate.fingerprint}, not" in error.message


async def test_a_device_id_of_that_serial_is_accepted(
    maker: CertificateMaker, root: Path, listening: Callable[..., Any], trust: Trust
) -> None:
    """Its host name could never fit, and is not looked at."""
    server = await listening(maker.device_id(SERIAL))
    await call(server.device(scheme="https", tls=f"axis-idevid:{root}", serial=SERIAL), trust)
    assert len(server.heard) == 1


@pytest.mark.parametrize("serial", ["00408C000000", "ACCC8E012346"])
async def test_a_device_id_of_another_serial_is_another_device(
    maker: CertificateMaker, root: Path, listening: Callable[..., Any], trust: Trust, serial: str
) -> None:
    """Both serials are named."""
    server = await listening(maker.device_id(SERIAL))
    error = await refusal(server, trust, tls=f"axis-idevid:{root}", serial=serial)
    assert type(error) is IdentityMismatchError
    assert f"belongs to serial {SERIAL}, not {serial}; nothing was sent" in error.message


async def test_a_certificate_without_a_serial_is_no_device_id(
    maker: CertificateMaker, root: Path, listening: Callable[..., Any], trust: Trust
) -> None:
    """Even from the right CA."""
    server = await listening(maker.issued("127.0.0.1"))
    error = await refusal(server, trust, tls=f"axis-idevid:{root}", serial=SERIAL)
    assert type(error) is IdentityMismatchError
    assert "belongs to serial unknown" in error.message


async def test_a_device_id_of_a_foreign_root_is_refused(
    root: Path, listening: Callable[..., Any], trust: Trust
) -> None:
    """Anybody can write a serial into a certificate."""
    server = await listening(CertificateMaker("nobody").device_id(SERIAL))
    error = await refusal(server, trust, tls=f"axis-idevid:{root}", serial=SERIAL)
    assert type(error) is CertificateRejectedError


async def test_a_device_without_tls_is_told_apart(trust: Trust) -> None:
    """A web server answers a TLS greeting with 400; the message says what to correct."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        device = Device(name="lobby-3", host="127.0.0.1", port=port, tls="insecure")
        with pytest.raises(CertificateRejectedError, match="one without TLS scheme = 'http'"):
            await call(device, trust)


# The first contact, and the next ones


async def test_the_first_contact_is_recorded_and_then_compared(
    maker: CertificateMaker, listening: Callable[..., Any], tmp_path: Path
) -> None:
    """In a file that only its owner can read; the next program finds it there."""
    path = tmp_path / "state" / "known-devices"
    first = maker.self_signed("axis")
    server = await listening(first)
    device = server.device(scheme="https", tls="tofu", serial=SERIAL)
    for _ in range(2):
        await call(device, Trust(KnownDevices(path)))
    [line] = path.read_text().splitlines()
    assert line.split()[:2] == [SERIAL, first.fingerprint]
    assert path.stat().st_mode & 0o777 == 0o600

    other = await listening(maker.self_signed("axis"))
    error = await refusal(other, Trust(KnownDevices(path)), tls="tofu", serial=SERIAL)
    assert type(error) is CertificateRejectedError
    assert "its certificate changed since" in error.message
    assert "axis-ntp trust --replace" in error.message
    assert len(path.read_text().splitlines()) == 1


async def test_a_replaced_record_counts_and_the_old_one_stays(
    maker: CertificateMaker, listening: Callable[..., Any], tmp_path: Path
) -> None:
    """The last line of a key wins; the file is its own history."""
    path, certificate = tmp_path / "known-devices", maker.self_signed("axis")
    server = await listening(certificate)
    device = server.device(scheme="https", tls="tofu", serial=SERIAL)
    KnownDevices(path).record(device, PIN)
    KnownDevices(path).record(device, certificate.fingerprint)
    await call(device, Trust(KnownDevices(path)))
    assert len(path.read_text().splitlines()) == 2


async def test_what_cannot_be_recorded_is_not_trusted(
    monkeypatch: pytest.MonkeyPatch,
    maker: CertificateMaker,
    serve: Serve,
    say: Any,
    tmp_path: Path,
) -> None:
    """Not the first time, and not the second; no login goes there."""

    def denied(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("axis_ntp_async.device.trust._private", denied)
    server = await serve(lambda _: say.asked(CHALLENGE), maker.self_signed("x").context(tmp_path))
    trust = Trust(KnownDevices(tmp_path / "known-devices"))
    for _ in range(2):
        with pytest.raises(CertificateRejectedError, match=r"recorded: \[Errno 13\] Permission"):
            await call(server.device(scheme="https", tls="tofu"), trust, ROOT)
    assert [heard.login for heard in server.heard] == [None] * 2


async def test_the_certificate_of_another_device_is_not_recorded(
    make_camera: Callable[..., Camera],
) -> None:
    """A wrong address in the inventory must not spoil the first contact with the right device."""
    known = KnownDevices()
    cameras = [make_camera(scheme="https", tls="tofu") for _ in range(2)]
    async with SimulatedFleet(cameras) as fleet:
        right, other = fleet.devices
        wrong = attrs.evolve(right, host=other.host)
        with pytest.raises(IdentityMismatchError):
            await call(wrong, Trust(known), ROOT)
        assert known.load() == {}
        await call(right, Trust(known), ROOT)
    assert list(known.load()) == [right.serial]


async def test_a_first_contact_that_came_to_nothing_is_forgotten(
    maker: CertificateMaker, serve: Serve, say: Any, tmp_path: Path
) -> None:
    """Nothing was learnt of who it was."""
    server = await serve(lambda _: say.http(status=503), maker.self_signed("x").context(tmp_path))
    trust = Trust(KnownDevices())
    with pytest.raises(DeviceError, match="HTTP 503"):
        await call(server.device(scheme="https", tls="tofu"), trust)
    assert (trust.known_devices.load(), trust._first_contacts) == ({}, {})


async def test_two_connections_of_a_first_contact_show_one_certificate(
    maker: CertificateMaker, listening: Callable[..., Any], trust: Trust
) -> None:
    """Also before it is recorded."""
    server = await listening(maker.self_signed("axis"))
    device = server.device(scheme="https", tls="tofu")
    trust._first_contacts[device] = PIN
    with pytest.raises(CertificateRejectedError, match="showed two certificates"):
        await call(device, trust)
    assert trust.known_devices.load() == {}


# Many devices, one context


async def test_each_handshake_is_judged_by_its_own_device(
    maker: CertificateMaker, listening: Callable[..., Any], trust: Trust
) -> None:
    """Ten at once on one shared context; every second one has its neighbour's pin."""
    certificates = [maker.self_signed(f"axis-{number}") for number in range(10)]
    servers = [await listening(certificate) for certificate in certificates]
    devices = [
        server.device(
            scheme="https",
            name=f"lobby-{place}",
            tls=f"pin:{certificates[place - place % 2].fingerprint}",
        )
        for place, server in enumerate(servers)
    ]
    assert len({id(trust.context(device)) for device in devices}) == 1
    results = await asyncio.gather(
        *(call(device, trust) for device in devices), return_exceptions=True
    )
    for place, result in enumerate(results):
        assert isinstance(result, CertificateRejectedError) == (place % 2 == 1)
        assert len(servers[place].heard) == (place + 1) % 2
        if isinstance(result, CertificateRejectedError):
            assert result.device == f"lobby-{place}"


async def test_a_connection_is_not_shared_with_another_proof(
    maker: CertificateMaker, root: Path, listening: Callable[..., Any], trust: Trust
) -> None:
    """Two entries at one address: the second must not ride on what the first has checked."""
    certificate = maker.device_id(SERIAL)
    server = await listening(certificate)
    right = server.device(scheme="https", serial=SERIAL, tls=f"axis-idevid:{root}")
    pinned = server.device(scheme="https", tls=f"pin:{certificate.fingerprint}")
    others = [
        (attrs.evolve(right, serial="00408C000000"), IdentityMismatchError),
        (attrs.evolve(pinned, tls=f"pin:{PIN}"), CertificateRejectedError),
        (attrs.evolve(pinned, tls="verify"), CertificateRejectedError),
    ]
    async with make_http_session() as http_session:

        async def ask(device: Device) -> None:
            await DeviceSession(device, http_session=http_session, trust=trust).get_ntp_info()

        for good in (right, pinned):
            await ask(good)
            await ask(good)
        assert server.connections == 2
        for other, kind in others:
            with pytest.raises(kind):
                await ask(other)
        assert len(server.heard) == 4


async def test_a_context_without_a_check_trusts_nobody(
    maker: CertificateMaker, listening: Callable[..., Any], trust: Trust
) -> None:
    """A connection that was opened around us is not let through unchecked."""
    server = await listening(maker.self_signed("axis"))
    context = trust.context(server.device(scheme="https", tls="insecure"))
    with pytest.raises(ssl.SSLCertVerificationError, match="nobody said which device"):
        await asyncio.open_connection(server.host, server.port, ssl=context)


async def test_a_simulated_camera_is_reached_over_tls(make_camera: Callable[..., Camera]) -> None:
    """With the login that devices ask for there: Basic."""
    cameras = [
        make_camera(scheme="https", certificate=kind)
        for kind in (CertificateKind.DEVICE_ID, CertificateKind.ISSUED, CertificateKind.OWN)
    ]
    async with SimulatedFleet(cameras) as fleet:
        for device in fleet.devices:
            async with DeviceSession(device, Credentials("root", "pass")) as session:
                assert (await session.get_ntp_info()).client is not None
            assert fleet.counters.connections[device.name] == 1


# Looking at a certificate


@pytest.mark.parametrize("legacy_tls", [False, True])
async def test_a_certificate_can_be_looked_at(
    maker: CertificateMaker, listening: Callable[..., Any], trust: Trust, legacy_tls: bool
) -> None:
    """Without trusting it, and without a request."""
    certificate = maker.self_signed("axis")
    server = await listening(certificate)
    device = server.device(scheme="https", tls=f"pin:{PIN}", legacy_tls=legacy_tls)
    async with DeviceSession(device, trust=trust) as session:
        der = await session.get_certificate()
    assert fingerprint_of(der) == certificate.fingerprint
    assert server.received == 0


async def test_where_there_is_no_tls_there_is_no_certificate(serve: Serve, trust: Trust) -> None:
    """A silent port ends in time, and one without TLS says so."""
    server = await serve(lambda _: None)
    async with DeviceSession(server.device(), trust=trust, connect_timeout_s=0.3) as session:
        with pytest.raises(DeviceError):
            await session.get_certificate()
    await server.stop()
    async with DeviceSession(server.device(), trust=trust) as session:
        with pytest.raises(DeviceUnreachableError):
            await session.get_certificate()
