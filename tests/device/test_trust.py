"""The contexts of TLS policies, and the file of known devices; no handshake."""

import ssl
from pathlib import Path

import attrs
import pytest

from axis_ntp_async.device.records import Device
from axis_ntp_async.device.trust import KnownDevices, Trust, key_of
from axis_ntp_async.errors import (
    CertificateRejectedError,
    InventoryError,
)
from axis_ntp_async.simulator.serving.certificates import CertificateMaker

PIN = "ab" * 32


@pytest.fixture(scope="module")
def maker() -> CertificateMaker:
    return CertificateMaker()


@pytest.fixture
def root(maker: CertificateMaker, tmp_path: Path) -> Path:
    path = tmp_path / "root.pem"
    path.write_bytes(maker.root_pem)
    return path


def policies(device: Device, *texts: str) -> list[Device]:
    return [
        attrs.evolve(device, tls=text, scheme="https", host=f"192.0.2.{place}")
        for place, text in enumerate(texts)
    ]


def test_devices_of_one_policy_share_a_context(device: Device, trust: Trust, root: Path) -> None:
    """A hundred thousand devices, a handful of contexts."""
    devices = policies(device, f"pin:{PIN}", "pin:" + "cd" * 32, f"pin:{PIN}")
    assert len({id(trust.context(one)) for one in devices}) == 1
    devices = policies(
        device, f"axis-idevid:{root}", "verify", f"verify:{root}", "tofu", "insecure"
    )
    assert len({id(trust.context(one)) for one in devices}) == 5


def test_old_tls_is_for_those_only_who_ask_for_it(device: Device, trust: Trust) -> None:
    """Its context is another one."""
    usual = trust.context(attrs.evolve(device, tls="insecure", host="192.0.2.1"))
    old = trust.context(attrs.evolve(device, tls="insecure", host="192.0.2.2", legacy_tls=True))
    assert usual.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert old.minimum_version == ssl.TLSVersion.MINIMUM_SUPPORTED
    assert {"AES256-SHA", "AES128-SHA"} <= {one["name"] for one in old.get_ciphers()}
    assert not [one["name"] for one in old.get_ciphers() if "NULL" in one["name"]]


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_file_that_cannot_be_used_is_told(
    device: Device, trust: Trust, tmp_path: Path, content: str | None
) -> None:
    """With its path."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CertificateRejectedError, match=r"the CA file .*ca\.pem cannot be used"):
        trust.context(attrs.evolve(device, tls=f"verify:{path}"))


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("ACCC8E012345", ":3: expected 'serial-or-address sha256 day'"),
        (f"ACCC8E012345 {PIN}", ":3: expected"),
        (f"ACCC8E012345 {PIN[:-2]} 2026-11-23", ":3: expected"),
        (f"ACCC8E012345 {PIN} 2026-11-23 x", ":3: expected"),
    ],
)
def test_a_damaged_line_is_told_with_its_place(
    device: Device, tmp_path: Path, line: str, place: str
) -> None:
    """Nobody is trusted anew because a file was damaged."""
    path = tmp_path / "known-devices"
    path.write_text(f"# our devices\n\n{line}\n")
    trust = Trust(KnownDevices(path))
    with pytest.raises(InventoryError) as caught:
        trust.context(attrs.evolve(device, tls="tofu"))
    assert f"{path}{place}" in str(caught.value)


@pytest.mark.parametrize("left", ["00408C0", f"00408C000000 {PIN[:-9]}", f"00408C000000 {PIN} 2"])
@pytest.mark.parametrize("end", ["", "# the lobby", "  "])
def test_what_a_crash_has_left_of_a_last_line_is_no_fault(
    device: Device, tmp_path: Path, caplog: pytest.LogCaptureFixture, left: str, end: str
) -> None:
    """The lines before it count, and so do those that are written after it."""
    path = tmp_path / "known-devices"
    text = end or left
    path.write_text(f"ACCC8E012346 {PIN} 2026-11-23\n{text}")
    known = KnownDevices(path)
    assert "ACCC8E012346" in known.load()
    is_cut_short = not end and PIN not in left
    assert ("cut short" in caplog.text) == is_cut_short
    for host in ("192.0.2.1", "192.0.2.2"):
        known.record(attrs.evolve(device, serial=None, host=host), PIN)
    assert path.read_text().splitlines()[1].startswith(text)
    caplog.clear()
    again = KnownDevices(path).load()
    assert again.keys() == known.load().keys()
    assert {"ACCC8E012346", "192.0.2.1:80", "192.0.2.2:80"} <= again.keys()
    assert ("00408C000000" in again) == (not end and PIN in left)
    assert not caplog.records


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_a_file_that_cannot_be_read_is_told(
    device: Device, tmp_path: Path, content: bytes | None
) -> None:
    """It is no text, or a folder."""
    path = tmp_path / "known-devices"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(InventoryError, match=r"known-devices: cannot be read: "):
        KnownDevices(path).get(device)


def test_a_line_is_read_as_people_write_it(device: Device, tmp_path: Path) -> None:
    """With blanks, and in capitals as some tools print fingerprints."""
    path = tmp_path / "known-devices"
    path.write_text(f"  ACCC8E012345\t{PIN.upper()}  2026-11-23 \n")
    known = KnownDevices(path).get(device)
    assert known is not None
    assert (known.fingerprint, known.recorded_on) == (PIN, "2026-11-23")


def test_a_device_is_known_by_its_serial_or_its_address(device: Device) -> None:
    """An address alone may be given to another device one day."""
    assert key_of(device) == "ACCC8E012345"
    plain = attrs.evolve(device, serial=None, host="Lobby.example", port=8443)
    assert key_of(plain) == "lobby.example:8443"


def test_the_file_has_a_usual_place(
    monkeypatch: pytest.MonkeyPatch, device: Device, tmp_path: Path
) -> None:
    """Below the state folder of the user, who need not have a home until it is needed."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert KnownDevices.default_path() == tmp_path / "axis-ntp" / "known-devices"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    Trust().known_devices.record(device, PIN)
    assert (tmp_path / ".local" / "state" / "axis-ntp" / "known-devices").exists()


def test_a_user_without_a_home_is_told(monkeypatch: pytest.MonkeyPatch, device: Device) -> None:
    """As in a container; but only when the file is asked for."""
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)

    def homeless(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", homeless)
    trust = Trust()
    trust.context(attrs.evolve(device, tls="insecure"))
    with pytest.raises(InventoryError, match=r"Could not determine home directory"):
        trust.context(attrs.evolve(device, tls="tofu"))
