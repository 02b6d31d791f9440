"""What is really wrong with a camera: the causes that no maker of fleets brings about."""

from collections.abc import Callable

import pytest

from axis_ntp_async.simulator.listing import Login
from axis_ntp_async.simulator.model.access import BASIC, DIGEST, Access
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Fault, Kind
from axis_ntp_async.simulator.model.truth import truth_of
from axis_ntp_async.simulator.model.world import VirtualTime

MakeCamera = Callable[..., Camera]

RIGHT = Login("root", "pass")


def cause(camera: Camera, login: Login | None = RIGHT) -> str | None:
    return truth_of(camera, login).cause


def test_a_camera_that_boots_is_unreachable(make_camera: MakeCamera) -> None:
    """For as long as it does."""
    camera = make_camera()
    camera.restart(down_s=60.0)
    assert cause(camera) == "unreachable"


@pytest.mark.parametrize("fault", [Fault(Kind.RESET, rate=0.5), Fault(Kind.BUSY, first=1)])
def test_a_passing_fault_is_no_cause(make_camera: MakeCamera, fault: Fault) -> None:
    """A second try gets by."""
    assert cause(make_camera(faults=fault)) is None


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind.name.startswith("WRITE_")])
def test_a_fault_of_writes_is_not_seen_by_a_sweep(make_camera: MakeCamera, kind: Kind) -> None:
    """It only reads."""
    assert cause(make_camera(faults=kind)) is None


@pytest.mark.parametrize(
    ("members", "login"),
    [
        ({"access": Access(), "password": "other"}, RIGHT),
        ({"access": Access()}, None),
        ({"access": Access(factory_default=True)}, RIGHT),
        ({"access": Access(offers=(BASIC,))}, RIGHT),
    ],
)
def test_a_login_fails_for_many_reasons(
    make_camera: MakeCamera, members: dict[str, object], login: Login | None
) -> None:
    """Wrong, unknown, not yet set, or asked for in clear text."""
    assert cause(make_camera(**members), login) == "login"


@pytest.mark.parametrize(
    "members",
    [
        {"access": Access()},
        {"access": Access(offers=(BASIC, DIGEST))},
        {"access": Access(offers=(BASIC,)), "scheme": "https"},
    ],
)
def test_a_right_login_is_right(make_camera: MakeCamera, members: dict[str, object]) -> None:
    """By any challenge that a careful client answers."""
    assert cause(make_camera(**members)) is None


def test_another_serial_in_the_inventory_is_an_identity(make_camera: MakeCamera) -> None:
    """The camera is right, the list is wrong; a list without serials cannot be."""
    assert cause(make_camera(listed_serial="ACCC8EFFFFFF")) == "identity"
    assert cause(make_camera(listed_serial=None)) is None


def test_the_truth_follows_what_happens(make_camera: MakeCamera, time: VirtualTime) -> None:
    """A clock that is moved shows as skew at once, as offset after the next poll."""
    camera = make_camera()
    camera.shift_clock(30.0)
    truth = truth_of(camera, RIGHT)
    assert (truth.cause, truth.following) == ("skew", "10.0.0.5")
    assert truth.clock_error_s == pytest.approx(30.0, abs=0.1)
    time.advance(float(camera.status.time_to_next_sync_s or 0))
    assert cause(camera) == "offset"
    time.advance(1200.0)
    assert cause(camera) is None
