"""
Certificates of simulated cameras: self-signed, Axis device IDs, and those of a customer's own CA.

Keys are EC P-256. All cameras of a fleet share one key, which is quick to
make and changes nothing for a client: it looks at certificates.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import ssl
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from axis_ntp_async.simulator.listing import CA_NAME
from axis_ntp_async.simulator.model.access import CertificateKind
from axis_ntp_async.simulator.model.camera import Camera

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

_NOT_BEFORE: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NOT_AFTER: Final = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
"""As device IDs have it: a camera with a lost clock must still find its own certificate valid."""

_HARDWARE_MODULE_NAME: Final = "1.3.6.1.5.5.7.8.4"
_HARDWARE_MODULE_OF_AXIS: Final = bytes.fromhex("301206082b060104018270010406")
"""DER of a sequence of an object id of Axis (enterprise 368) and, to follow, six octets."""


@frozen(kw_only=True)
class Certificate:
    """
    A certificate with its key, as a camera shows it.

    Attributes:
        pem: The certificate.
        der: The same, in the form that fingerprints are made of.
        key_pem: Its key.
    """

    pem: bytes
    der: bytes = field(repr=False)
    key_pem: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the certificate, as `tls = "pin:…"` wants it."""
        return hashlib.sha256(self.der).hexdigest()

    def context(self, folder: Path) -> ssl.SSLContext:
        """
        Give a server context that shows it.

        Args:
            folder: Where it may stand as a file for a moment: `ssl` reads files only.
        """
        path = folder / f"{self.fingerprint}.pem"
        path.touch(mode=0o600)
        path.write_bytes(self.pem + self.key_pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        path.unlink()
        return context


class CertificateMaker:
    """
    Makes the certificates of one fleet, with a root of its own.

    Args:
        root_name: Common name of the root.

    Raises:
        ModuleNotFoundError: `cryptography` is not installed; it comes with the extra `cli`.
    """

    def __init__(self, root_name: str = "Axis device ID Root CA ECC (simulated)") -> None:
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415  optional

        self._key: EllipticCurvePrivateKey = ec.generate_private_key(ec.SECP256R1())
        self._root_key: EllipticCurvePrivateKey = ec.generate_private_key(ec.SECP256R1())
        self._root = self._signed(_name(CN=root_name), is_root=True)

    @property
    def root_pem(self) -> bytes:
        """The root's certificate, as a CA file."""
        return self._packed(self._root).pem

    def self_signed(self, common_name: str) -> Certificate:
        """Give a certificate as a device makes it at its first boot; each call makes another."""
        return self._packed(self._signed(_name(CN=common_name), issuer=None))

    def device_id(self, serial: str) -> Certificate:
        """
        Give an Axis device ID: it names the serial, and no host.

        Its only alternative name is a hardware module name (RFC 4108), as on devices.
        """
        from cryptography import x509  # noqa: PLC0415  optional

        lower = serial.lower()
        subject = _name(
            O="Axis Communications AB", CN=f"axis-{lower}-eccp256-1", SERIALNUMBER=lower
        )
        module = _HARDWARE_MODULE_OF_AXIS + bytes.fromhex(lower)
        name = x509.OtherName(x509.ObjectIdentifier(_HARDWARE_MODULE_NAME), module)
        return self._packed(self._signed(subject, issuer=self._root.subject, name=name))

    def issued(self, host: str) -> Certificate:
        """Give a certificate of a customer's own CA, for an address."""
        from cryptography import x509  # noqa: PLC0415  optional

        subject = _name(O="Customer", CN=host)
        name = x509.IPAddress(ipaddress.ip_address(host))
        return self._packed(self._signed(subject, issuer=self._root.subject, name=name))

    def _signed(
        self,
        subject: x509.Name,
        *,
        issuer: x509.Name | None = None,
        name: x509.GeneralName | None = None,
        is_root: bool = False,
    ) -> x509.Certificate:
        from cryptography import x509  # noqa: PLC0415  optional
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415  optional

        key = self._root_key if is_root else self._key
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_NOT_BEFORE)
            .not_valid_after(_NOT_AFTER)
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
            .add_extension(_key_usage(is_root), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        )
        if issuer is not None:
            root = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._root_key.public_key())
            builder = builder.add_extension(root, critical=False)
        if name is not None:
            names = x509.SubjectAlternativeName([name])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._root_key if issuer else key, hashes.SHA256())

    def _packed(self, certificate: x509.Certificate) -> Certificate:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  optional

        return Certificate(
            pem=certificate.public_bytes(serialization.Encoding.PEM),
            der=certificate.public_bytes(serialization.Encoding.DER),
            key_pem=self._key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )


class FleetCertificates:
    """
    What each camera of one fleet shows over HTTPS.

    Nothing is made, and `cryptography` is not asked for, before it is needed.

    Args:
        folder: Where files may stand while the fleet runs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._by_serial: dict[str | None, Certificate] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}

    @property
    def ca_file(self) -> Path:
        """The fleet's root as a file; nothing stands there while no camera speaks HTTPS."""
        return self._folder / CA_NAME

    @property
    def ca_pem(self) -> bytes | None:
        """The fleet's root, when anything was made."""
        return self._maker.root_pem if self._by_serial else None

    def certificate(self, camera: Camera, host: str) -> Certificate:
        """Give what a camera shows at its address; made at the first call."""
        key = None if camera.certificate is CertificateKind.SHARED else camera.serial
        if camera.serial in self._by_serial:
            key = camera.serial
        if key not in self._by_serial:
            self._by_serial[key] = self._made(camera, host)
        return self._by_serial[key]

    def context(self, camera: Camera, host: str) -> ssl.SSLContext:
        """Give the server context of a camera; those that show the same share one."""
        certificate = self.certificate(camera, host)
        key = certificate.fingerprint
        if key not in self._contexts:
            self._contexts[key] = certificate.context(self._folder)
        return self._contexts[key]

    def renewed(
        self, camera: Camera, host: str, certificate: Certificate | None
    ) -> ssl.SSLContext:
        """Give the context of a camera that shows another certificate from now on."""
        self._by_serial[camera.serial] = certificate or self._made(camera, host)
        return self.context(camera, host)

    @cached_property
    def _maker(self) -> CertificateMaker:
        maker = CertificateMaker()
        self.ca_file.write_bytes(maker.root_pem)
        return maker

    @cached_property
    def _foreign(self) -> CertificateMaker:
        return CertificateMaker("A root that nobody trusts")

    def _made(self, camera: Camera, host: str) -> Certificate:
        match camera.certificate:
            case CertificateKind.DEVICE_ID:
                return self._maker.device_id(camera.serial)
            case CertificateKind.FOREIGN_DEVICE_ID:
                return self._foreign.device_id(camera.serial)
            case CertificateKind.ISSUED:
                return self._maker.issued(host)
            case _:
                return self._maker.self_signed(f"axis-{camera.serial.lower()}")


def _key_usage(is_root: bool) -> x509.KeyUsage:
    from cryptography import x509  # noqa: PLC0415  optional

    return x509.KeyUsage(
        digital_signature=not is_root,
        key_cert_sign=is_root,
        crl_sign=is_root,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(**parts: str) -> x509.Name:
    from cryptography import x509  # noqa: PLC0415  optional

    oids = {
        "O": x509.NameOID.ORGANIZATION_NAME,
        "CN": x509.NameOID.COMMON_NAME,
        "SERIALNUMBER": x509.NameOID.SERIAL_NUMBER,
    }
    return x509.Name([x509.NameAttribute(oids[part], text) for part, text in parts.items()])
