"""The inventory of a simulated fleet, as records and as files."""

import stat
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis_ntp_async.simulator.listing import Login, quoted
from axis_ntp_async.simulator.model.access import CertificateKind
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.serving.server import SimulatedFleet

MakeCamera = Callable[..., Camera]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_as_a_toml_string(text: str) -> None:
    """Quotes, backslashes, control characters and what lies beyond ASCII."""
    assert tomllib.loads(f"a = {quoted(text)}") == {"a": text}


async def test_written_files_say_what_the_devices_say(
    make_camera: MakeCamera, tmp_path: Path
) -> None:
    """Read back with another reader."""
    cameras = [
        make_camera(site="berlin", groups=("indoor", "new")),
        make_camera(credentials=None, listed_serial=None),
        make_camera(scheme="https", certificate=CertificateKind.DEVICE_ID, tls=None),
        make_camera(scheme="https", tls="tofu", name='ga"te'),
    ]
    async with SimulatedFleet(cameras) as fleet:
        path = fleet.write(tmp_path / "new" / "folder")
        root = (path.parent / "axis-root.pem").read_bytes()
        assert root == fleet.ca_file.read_bytes()
        devices = fleet.devices
    written = tomllib.loads(path.read_text(encoding="utf-8"))
    assert path.name == "fleet.toml"
    assert written["credentials"] == {
        "fleet": {"username": "root", "password": "file:fleet.password"}
    }
    one, two, three, four = written["devices"]
    assert one == {
        "name": "lobby-1",
        "host": devices[0].host,
        "port": devices[0].port,
        "scheme": "http",
        "site": "berlin",
        "serial": "ACCC8E000001",
        "credentials": "fleet",
        "groups": ["indoor", "new"],
        "labels": {"model": "P3265-V", "firmware": "12.11.77"},
    }
    assert {"serial", "credentials", "site", "groups", "tls"}.isdisjoint(two)
    assert three["tls"] == "axis-idevid:axis-root.pem"
    assert (four["tls"], four["name"]) == ("tofu", 'ga"te')


async def test_a_password_file_is_its_owners_alone(
    make_camera: MakeCamera, tmp_path: Path
) -> None:
    """Also where a more open one stood before."""
    (tmp_path / "fleet.password").touch(mode=0o644)
    async with SimulatedFleet([make_camera(password="pä ss")]) as fleet:
        fleet.write(tmp_path)
        toml = fleet.write(tmp_path).read_text(encoding="utf-8")
    secret = tmp_path / "fleet.password"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert secret.read_text(encoding="utf-8") == "pä ss\n"
    assert "pä ss" not in toml


def test_a_login_shows_nothing() -> None:
    """Neither name nor password."""
    assert "secret" not in repr(Login("secret", "secret"))


@pytest.mark.parametrize(
    ("kind", "policy"),
    [
        (CertificateKind.SHARED, "insecure"),
        (CertificateKind.OWN, "insecure"),
        (CertificateKind.FOREIGN_DEVICE_ID, "axis-idevid"),
        (CertificateKind.ISSUED, "verify"),
    ],
)
async def test_a_certificate_has_its_policy(
    make_camera: MakeCamera, kind: CertificateKind, policy: str
) -> None:
    """Unless the camera says another."""
    async with SimulatedFleet([make_camera(scheme="https", certificate=kind)]) as fleet:
        assert fleet.devices[0].tls.partition(":")[0] == policy
