"""
By which proof a device is trusted over TLS: one `SSLContext` a policy, one check a device.

The check runs inside the TLS handshake, in an `SSLObject` of our own. So it
holds for every connection that uses the context, whoever opened it, and not
one byte of a request leaves before it has passed. The context is shared by
thousands of devices; whose handshake it is travels in a context variable.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import logging
import os
import re
import ssl
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

from attrs import define, field, frozen

from axis_ntp_async.device.records import Device, TLSMode, TrustPolicy, normalized_serial
from axis_ntp_async.errors import (
    CertificateRejectedError,
    DeviceError,
    IdentityMismatchError,
    InventoryError,
)

PeerCheck = Callable[[ssl.SSLObject], None]
_Proof = tuple[str, str | None]

_peer_check: ContextVar[PeerCheck | None] = ContextVar("_peer_check", default=None)

_LOG: Final = logging.getLogger(__name__)
_CUT_SHORT: Final = "# cut short"
_LEGACY_CIPHERS: Final = "ALL:!aNULL:!eNULL:@SECLEVEL=0"
_LINE: Final = re.compile(r"(\S+)\s+([0-9a-fA-F]{64})\s+(\S+)")


class PeerRefusedError(ssl.SSLCertVerificationError):
    """A handshake broken off by our own check; carries the error to raise in its place."""

    def __init__(self, error: DeviceError) -> None:
        super().__init__(str(error))
        self.device_error = error


class _CheckedTLS(ssl.SSLObject):
    """A TLS connection whose handshake ends only when the peer has passed our check."""

    peer_check: PeerCheck | None = None

    def do_handshake(self) -> None:
        super().do_handshake()
        if self.peer_check is None:
            raise ssl.SSLCertVerificationError("nobody said which device this is")
        self.peer_check(self)


class _CheckedContext(ssl.SSLContext):
    """A context that hands the current device's check to each connection it begins."""

    sslobject_class = _CheckedTLS

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:  # noqa: ANN401  passed on untouched
        connection = super().wrap_bio(*args, **kwargs)
        connection.peer_check = _peer_check.get()  # type: ignore[attr-defined]  # it is a _CheckedTLS
        return connection


@frozen(kw_only=True)
class KnownDevice:
    """
    The certificate of one device, as recorded.

    Attributes:
        key: The device's serial, or its address where no serial is known.
        fingerprint: SHA-256 of the certificate, 64 lower-case hex digits.
        recorded_on: The day it was recorded, like `2026-11-23`.
    """

    key: str
    fingerprint: str
    recorded_on: str


def key_of(device: Device) -> str:
    """Give the name under which a device's certificate is recorded."""
    return device.serial or f"{device.host.lower()}:{device.port}"


def fingerprint_of(certificate: bytes) -> str:
    """Give the SHA-256 of a certificate in DER form, as 64 hex digits."""
    return hashlib.sha256(certificate).hexdigest()


@define
class KnownDevices:
    """
    The file of certificates that were trusted on first contact, or by `axis-ntp trust`.

    A line is a key, a fingerprint and a day. Lines are only ever added, and
    the last one of a key counts, so the file is also its own history. What a
    crash has left of a last line is left out, with a warning.

    Attributes:
        path: Where it is kept; `None` keeps it in memory.

    Raises:
        InventoryError: A line of the file cannot be read.
    """

    path: Path | None = None
    _devices: dict[str, KnownDevice] | None = field(default=None, init=False)
    _seam: str = field(default="", init=False)

    @classmethod
    def default_path(cls) -> Path:
        """Give the file of this user: below `$XDG_STATE_HOME`, or its usual place."""
        state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
        return Path(state, "axis-ntp", "known-devices")

    def get(self, device: Device) -> KnownDevice | None:
        """Give what is recorded of a device."""
        return self.load().get(key_of(device))

    def record(self, device: Device, fingerprint: str) -> None:
        """Trust this certificate of a device from now on."""
        today = dt.datetime.now(dt.UTC).date().isoformat()
        known = KnownDevice(key=key_of(device), fingerprint=fingerprint, recorded_on=today)
        devices = self.load()
        if self.path is not None:
            path = self.path.expanduser()
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "a", encoding="utf-8", opener=_private) as file:
                file.write(f"{self._seam}{known.key} {known.fingerprint} {known.recorded_on}\n")
            self._seam = ""
        devices[known.key] = known

    def load(self) -> dict[str, KnownDevice]:
        """Read the file, once; give what it holds, by key."""
        if self._devices is None:
            self._devices = {known.key: known for known in self._read()}
        return self._devices

    def _read(self) -> Iterator[KnownDevice]:
        for number, line in enumerate(self._lines(), 1):
            text = line.strip()
            self._seam = "" if line.endswith("\n") else "\n"
            if not text or text.startswith("#") or text.endswith(_CUT_SHORT):
                continue
            parts = _LINE.fullmatch(text)
            if parts is None and self._seam:
                _LOG.warning("%s:%d is cut short and left out: %r", self.path, number, text)
                self._seam = f" {_CUT_SHORT}\n"
                continue
            if parts is None:
                raise InventoryError(
                    f"{self.path}:{number}: expected 'serial-or-address sha256 day'; "
                    "remove the line, then the device is recorded anew"
                )
            key, fingerprint, day = parts.groups()
            yield KnownDevice(key=key, fingerprint=fingerprint.lower(), recorded_on=day)

    def _lines(self) -> list[str]:
        if self.path is None:
            return []
        try:
            with self.path.expanduser().open(encoding="utf-8") as file:
                return list(file)
        except FileNotFoundError:
            return []
        # A RuntimeError says that this user has no home directory.
        except (OSError, UnicodeDecodeError, RuntimeError) as error:
            raise InventoryError(f"{self.path}: cannot be read: {error}") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@define
class Trust:
    """
    The TLS side of many sessions: one context a policy, and the known devices.

    Attributes:
        known_devices:
            The certificates that `tofu` compares with. A new one is added when
            the first answer has shown that no other device is there.
    """

    known_devices: KnownDevices = field(factory=lambda: KnownDevices(KnownDevices.default_path()))
    _contexts: dict[tuple[object, ...], ssl.SSLContext] = field(factory=dict, init=False)
    _first_contacts: dict[Device, str] = field(factory=dict, init=False)
    _proof_at: dict[tuple[str, int], _Proof] = field(factory=dict, init=False)

    def context(self, device: Device) -> ssl.SSLContext:
        """
        Give the context of a device's policy, shared with all that have the same.

        A connection is used again by whoever names its address and context.
        So a second device at an address, one that asks for another proof, has
        a context for itself: it must not ride on what the first has checked.

        Raises:
            CertificateRejectedError: The CA file of the policy cannot be used.
            InventoryError: The file of known devices cannot be read.
        """
        policy = device.trust
        if policy.mode is TLSMode.TOFU:
            self.known_devices.load()
        checks_a_ca = policy.mode in {TLSMode.VERIFY, TLSMode.AXIS_IDEVID}
        proof = (device.tls, device.serial)
        is_first = self._proof_at.setdefault((device.host, device.port), proof) == proof
        key = (
            policy.mode,
            policy.argument if checks_a_ca else None,
            device.legacy_tls,
            None if is_first else proof,
        )
        if key not in self._contexts:
            try:
                self._contexts[key] = _context(policy, legacy=device.legacy_tls)
            except OSError as error:
                raise CertificateRejectedError(
                    device.name, f"the CA file {policy.argument} cannot be used: {error}"
                ) from error
        return self._contexts[key]

    @property
    def is_used(self) -> bool:
        """Whether anybody spoke TLS with it."""
        return bool(self._contexts)

    @contextlib.contextmanager
    def checking(self, device: Device) -> Iterator[None]:
        """Let every connection that is opened inside be the given device's."""
        token = _peer_check.set(self._check_of(device))
        try:
            yield
        finally:
            _peer_check.reset(token)

    def record_first_contact(self, device: Device) -> None:
        """
        Record the certificate of a first contact, now that the device's identity is checked.

        Raises:
            CertificateRejectedError: The file of known devices cannot be written.
        """
        found = self._first_contacts.pop(device, None)
        if found is None:
            return
        try:
            self.known_devices.record(device, found)
        except OSError as error:
            raise CertificateRejectedError(
                device.name, f"its certificate cannot be recorded: {error}"
            ) from error

    def forget_first_contact(self, device: Device) -> None:
        """Forget the certificate of a first contact that came to nothing."""
        self._first_contacts.pop(device, None)

    def _check_of(self, device: Device) -> PeerCheck:
        def check(peer: ssl.SSLObject) -> None:
            refusal: DeviceError | None = None
            try:
                self._check(device, peer)
            except DeviceError as error:
                refusal = error
            # Not raised from the refusal, which is itself raised from this in the end.
            if refusal is not None:
                raise PeerRefusedError(refusal)

        return check

    def _check(self, device: Device, peer: ssl.SSLObject) -> None:
        policy = device.trust
        if policy.mode is TLSMode.AXIS_IDEVID:
            _check_serial(device, peer.getpeercert() or {})
        elif policy.mode in {TLSMode.PIN, TLSMode.TOFU}:
            found = fingerprint_of(peer.getpeercert(binary_form=True) or b"")
            if policy.mode is TLSMode.PIN:
                _check_pin(device, policy, found)
            else:
                self._check_known(device, found)

    def _check_known(self, device: Device, found: str) -> None:
        known = self.known_devices.get(device)
        if known is None:
            if self._first_contacts.setdefault(device, found) != found:
                raise CertificateRejectedError(
                    device.name,
                    "showed two certificates on its first contact; somebody may stand in between",
                )
        elif known.fingerprint != found:
            raise CertificateRejectedError(
                device.name,
                f"its certificate changed since {known.recorded_on} (sha256 {found[:16]}…). "
                "If that was you, run 'axis-ntp trust --replace' on it; "
                "if not, somebody may stand in between",
            )


def _check_pin(device: Device, policy: TrustPolicy, found: str) -> None:
    if found != policy.argument:
        raise CertificateRejectedError(
            device.name,
            f"its certificate has sha256 {found}, not the pinned one. If it was renewed, "
            "correct 'tls'; 'axis-ntp trust' shows the certificates",
        )


def _check_serial(device: Device, certificate: Any) -> None:  # noqa: ANN401  typeshed's shape says less
    subject = {name: value for rdn in certificate.get("subject", ()) for name, value in rdn}
    found = normalized_serial(subject.get("serialNumber", ""))
    if found != device.serial:
        raise IdentityMismatchError(
            device.name,
            f"the certificate at {device.address} belongs to serial {found or 'unknown'}, "
            f"not {device.serial}; nothing was sent. Correct its address or serial",
        )


def blind_context(*, legacy: bool) -> ssl.SSLContext:
    """Give a context that trusts everybody, to look at a certificate and hang up."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _trust_everybody(context)
    if legacy:
        _allow_old_tls(context)
    return context


def _context(policy: TrustPolicy, *, legacy: bool) -> ssl.SSLContext:
    """
    Make the context of one policy.

    Contexts without a CA load no trust store: looking one up at every
    handshake would be a fifth of a sweep's time.
    """
    context = _CheckedContext(ssl.PROTOCOL_TLS_CLIENT)
    if policy.mode in {TLSMode.VERIFY, TLSMode.AXIS_IDEVID}:
        context.check_hostname = policy.mode is TLSMode.VERIFY
        if policy.argument:
            context.load_verify_locations(cafile=policy.argument)
        else:
            context.load_default_certs()
    else:
        _trust_everybody(context)
    if legacy:
        _allow_old_tls(context)
    return context


def _trust_everybody(context: ssl.SSLContext) -> None:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE


def _allow_old_tls(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers(_LEGACY_CIPHERS)
