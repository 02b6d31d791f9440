"""What can befall a camera: writes that go wrong, restarts, a clock without a battery."""

from collections.abc import Callable

import pytest

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import ServersSource
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Fault, Kind
from axis_ntp_async.simulator.model.parameters import api_version_of
from axis_ntp_async.simulator.model.world import VirtualTime

MakeCamera = Callable[..., Camera]

OFF = NTPClientConfiguration(enabled=False)
OTHER_SERVER = NTPClientConfiguration(static_servers=("10.0.0.6",))


@pytest.mark.parametrize(
    ("firmware", "version"),
    [
        ("5.51.7", None),
        ("9.10.1", "1.0"),
        ("9.80.2.2", "1.2"),
        ("10.12.323", "1.2"),
        ("11.1.0", "1.3"),
        ("11.11.192", "1.4"),
        ("12.9.57", "1.5"),
    ],
)
def test_a_firmware_brings_its_version(firmware: str, version: str | None) -> None:
    """As seen on devices, and assumed between."""
    assert api_version_of(firmware) == version


def test_faults_may_be_set_by_a_bare_name(make_camera: MakeCamera) -> None:
    """As short as a test wants it, also while the camera runs."""
    camera = make_camera()
    camera.faults = [Kind.SILENT, Fault(Kind.SLOW, seconds=2.0)]  # type: ignore[assignment]
    assert camera.faults == (Fault(Kind.SILENT), Fault(Kind.SLOW, seconds=2.0))


def test_members_left_out_may_be_reset(make_camera: MakeCamera) -> None:
    """Nobody knows whether devices keep them; a camera can be told not to."""
    camera = make_camera(resets_absent=True)
    camera.write(NTPClientConfiguration(enabled=True))
    assert camera.configuration.servers_source is ServersSource.DHCP
    assert camera.configuration.static_servers == ()


def test_a_write_may_be_ignored(make_camera: MakeCamera) -> None:
    """It is noted as never applied; the configuration is as before."""
    camera = make_camera(faults=Kind.WRITE_IGNORED)
    camera.write(OFF)
    assert camera.configuration.enabled is True
    assert camera.writes[0].applied_at is None


def test_a_write_may_be_applied_late(make_camera: MakeCamera, time: VirtualTime) -> None:
    """After so many seconds of virtual time, and in the order in which they fall due."""
    camera = make_camera(faults=Fault(Kind.WRITE_LATE, seconds=20.0))
    camera.write(OFF)
    camera.faults = (Fault(Kind.WRITE_LATE, seconds=5.0),)
    camera.write(OTHER_SERVER)
    time.advance(6.0)
    assert (camera.configuration.enabled, camera.configuration.static_servers) == (
        True,
        ("10.0.0.6",),
    )
    time.advance(15.0)
    assert camera.configuration.enabled is False


@pytest.mark.parametrize("kind", [Kind.WRITE_LOST, Kind.WRITE_REFUSED])
def test_a_write_may_fail(make_camera: MakeCamera, kind: Kind) -> None:
    """Nothing is applied or noted; the next one succeeds when the fault is over."""
    camera = make_camera(faults=Fault(kind, first=1))
    assert camera.write(OFF) is kind
    assert (camera.configuration.enabled, camera.writes) == (True, [])
    assert camera.write(OFF) is None
    assert (camera.configuration.enabled, len(camera.writes)) == (False, 1)


@pytest.mark.parametrize("kind", [Kind.WRITE_UNANSWERED, Kind.WRITE_SILENT])
def test_a_write_may_be_applied_without_a_word(make_camera: MakeCamera, kind: Kind) -> None:
    """It counts like any other."""
    camera = make_camera(faults=kind)
    assert camera.write(OFF) is kind
    assert camera.configuration.enabled is False
    assert camera.writes[0].applied_at == camera.writes[0].at


def test_a_write_may_be_applied_late_and_unanswered(
    make_camera: MakeCamera, time: VirtualTime
) -> None:
    """Whoever reads at once, to find out what became of it, sees the old configuration."""
    camera = make_camera(faults=[Fault(Kind.WRITE_LATE, seconds=3.0), Kind.WRITE_UNANSWERED])
    assert camera.write(OFF) is Kind.WRITE_UNANSWERED
    assert camera.configuration.enabled is True
    time.advance(3.0)
    assert camera.configuration.enabled is False


def test_a_restart_loses_what_was_not_applied_yet(
    make_camera: MakeCamera, time: VirtualTime
) -> None:
    """And the camera is down, then up, then not synced until its client is."""
    camera = make_camera(faults=Fault(Kind.WRITE_LATE, seconds=5.0))
    camera.write(OFF)
    camera.restart(down_s=60.0)
    assert not camera.is_up
    time.advance(60.0)
    assert camera.is_up
    assert camera.status.synced is False
    time.advance(21.0)
    assert (camera.status.synced, camera.configuration.enabled) == (True, True)


def test_a_clock_without_a_battery_begins_at_1970(
    make_camera: MakeCamera, time: VirtualTime
) -> None:
    """Until the first update sets it right."""
    camera = make_camera()
    camera.restart(clock_lost=True)
    assert time() + camera.clock_error_s == pytest.approx(0.0, abs=1e-6)
    time.advance(21.0)
    assert camera.clock_error_s == pytest.approx(0.0, abs=0.01)


def test_its_password_is_never_shown(make_camera: MakeCamera) -> None:
    """A failing test must not print it either."""
    assert "hunter2" not in repr(make_camera(password="hunter2", username="hunter2"))
