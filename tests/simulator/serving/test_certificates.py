"""The certificates of simulated cameras, looked at with other eyes: cryptography and ssl."""

import asyncio
import hashlib
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from axis_ntp_async.device.records import Device
from axis_ntp_async.simulator.model.access import CertificateKind
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.serving.certificates import CertificateMaker
from axis_ntp_async.simulator.serving.server import SimulatedFleet

MakeCamera = Callable[..., Camera]


async def shown_by(device: Device, context: ssl.SSLContext | None = None) -> x509.Certificate:
    """Give the certificate that a camera shows to whoever connects."""
    if context is None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    async with asyncio.timeout(5):
        _, writer = await asyncio.open_connection(device.host, device.port, ssl=context)
    try:
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(der)
    finally:
        writer.close()
        await writer.wait_closed()


def https(make_camera: MakeCamera, kind: CertificateKind) -> Camera:
    return make_camera(scheme="https", certificate=kind)


async def test_a_device_id_names_the_serial_and_no_host(make_camera: MakeCamera) -> None:
    """As IEEE 802.1AR device IDs of Axis do."""
    async with SimulatedFleet([https(make_camera, CertificateKind.DEVICE_ID)]) as fleet:
        certificate = await shown_by(fleet.devices[0])
    subject = certificate.subject.rfc4514_string()
    assert "O=Axis Communications AB" in subject
    assert "CN=axis-accc8e000001-eccp256-1" in subject
    assert certificate.subject.get_attributes_for_oid(x509.NameOID.SERIAL_NUMBER)[0].value == (
        "accc8e000001"
    )
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    [name] = names
    assert isinstance(name, x509.OtherName)
    assert name.value.endswith(bytes.fromhex("accc8e000001"))
    assert certificate.not_valid_after_utc.year == 9999


async def test_a_device_id_chains_to_the_fleets_root_only(make_camera: MakeCamera) -> None:
    """One from a foreign root is not trusted; the host name cannot be checked."""
    kinds = [CertificateKind.DEVICE_ID, CertificateKind.FOREIGN_DEVICE_ID]
    async with SimulatedFleet([https(make_camera, kind) for kind in kinds]) as fleet:
        context = ssl.create_default_context(cafile=str(fleet.ca_file))
        context.check_hostname = False
        right, foreign = fleet.devices
        await shown_by(right, context)
        with pytest.raises(ssl.SSLCertVerificationError):
            await shown_by(foreign, context)
        assert right.tls == f"axis-idevid:{fleet.ca_file}"


async def test_an_issued_certificate_passes_full_verification(make_camera: MakeCamera) -> None:
    """With the address of the camera as its name."""
    async with SimulatedFleet([https(make_camera, CertificateKind.ISSUED)]) as fleet:
        [device] = fleet.devices
        assert device.tls == f"verify:{fleet.ca_file}"
        await shown_by(device, ssl.create_default_context(cafile=str(fleet.ca_file)))


async def test_cameras_share_a_certificate_or_have_their_own(make_camera: MakeCamera) -> None:
    """Shared ones save time, own ones can be told apart."""
    kinds = [CertificateKind.SHARED] * 2 + [CertificateKind.OWN] * 2
    async with SimulatedFleet([https(make_camera, kind) for kind in kinds]) as fleet:
        one, two, three, four = [await shown_by(device) for device in fleet.devices]
    assert one == two
    assert len({one, three, four}) == 3


async def test_the_fingerprint_is_that_of_the_certificate_shown(make_camera: MakeCamera) -> None:
    """So that a test can pin it."""
    async with SimulatedFleet([https(make_camera, CertificateKind.OWN)]) as fleet:
        shown = await shown_by(fleet.devices[0])
        der = shown.public_bytes(Encoding.DER)
        assert fleet.certificate("lobby-1").fingerprint == hashlib.sha256(der).hexdigest()


async def test_a_certificate_may_be_replaced_while_it_runs(make_camera: MakeCamera) -> None:
    """By a new one of its kind, or by a given one; other cameras keep theirs."""
    kinds = [CertificateKind.SHARED, CertificateKind.SHARED]
    async with SimulatedFleet([https(make_camera, kind) for kind in kinds]) as fleet:
        device, other = fleet.devices
        before = await shown_by(device)
        await fleet.replace_certificate("lobby-1")
        assert await shown_by(device) != before
        assert await shown_by(other) == before
        given = CertificateMaker().device_id("ACCC8E000001")
        await fleet.replace_certificate("lobby-1", given)
        assert (await shown_by(device)).public_bytes(Encoding.DER) == given.der


async def test_plain_fleets_make_no_certificates(make_camera: MakeCamera, tmp_path: Path) -> None:
    """Nothing is written of a root that nobody needs."""
    async with SimulatedFleet([make_camera()]) as fleet:
        assert not fleet.ca_file.exists()
        fleet.write(tmp_path)
        assert not (tmp_path / "axis-root.pem").exists()


def test_keys_do_not_stay_in_files(tmp_path: Path) -> None:
    """`ssl` reads files only, but need not keep them; repr shows no key either."""
    certificate = CertificateMaker().self_signed("axis")
    certificate.context(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert "PRIVATE" not in repr(certificate)
