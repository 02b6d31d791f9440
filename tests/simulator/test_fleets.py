"""Whole fleets: the same seed, the same fleet; each trouble is what it is called."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from attrs import fields

from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import NTPClientStatus, ServersSource
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.simulator.demo import demo_fleet
from axis_ntp_async.simulator.fleets import (
    TROUBLES,
    WRONG_BY_S,
    WRONG_SERVERS,
    Troubles,
    make_fleet,
    site_servers,
)
from axis_ntp_async.simulator.model.world import VirtualTime
from axis_ntp_async.simulator.serving.server import SimulatedFleet

CAUSE_OF_TROUBLE = {
    "refused": "unreachable",
    "silent": "unreachable",
    "slow": None,
    "reset": "unreachable",
    "flaky": None,
    "busy": "busy",
    "internal": "device_error",
    "garbage": "bad_answer",
    "truncated": "unreachable",
    "oversized": "bad_answer",
    "redirect": "bad_answer",
    "blocked": "blocked",
    "wrong_password": "login",
    "no_right": "login",
    "wrong_identity": "identity",
    "foreign_certificate": "certificate",
    "old_firmware": "unsupported",
    "disabled": "disabled",
    "no_servers": "no_servers",
    "empty_lease": "no_servers",
    "dead_servers": "not_synced",
    "offset": "offset",
    "wrong_servers": "skew",
    "drift": "drift",
    "one_server": "few_servers",
    "write_ignored": None,
    "write_late": None,
    "write_unanswered": None,
    "write_refused": None,
}


def causes(fleet: SimulatedFleet) -> Counter[str | None]:
    return Counter(fleet.truth(camera.name).cause for camera in fleet.cameras)


def test_every_trouble_has_a_share() -> None:
    """The two tables have the same names."""
    assert {one.name for one in fields(Troubles)} == set(TROUBLES) == set(CAUSE_OF_TROUBLE)


@pytest.mark.parametrize(("trouble", "cause"), CAUSE_OF_TROUBLE.items())
def test_a_trouble_causes_what_it_should(
    time: VirtualTime, trouble: str, cause: str | None
) -> None:
    """Worked out by the model, on every generation of firmware."""
    fleet = make_fleet(12, troubles=Troubles(**{trouble: 1.0}), now=time)
    assert causes(fleet) == {cause: 12}


def test_a_healthy_fleet_is_healthy(time: VirtualTime) -> None:
    """No clock is even near a threshold."""
    fleet = make_fleet(200, now=time)
    assert causes(fleet) == {None: 200}
    assert max(abs(camera.clock_error_s) for camera in fleet.cameras) < 0.1


def test_the_same_seed_gives_the_same_fleet(time: VirtualTime) -> None:
    """Name by name, answer by answer; another seed gives another."""

    def told(seed: int) -> list[object]:
        fleet = make_fleet(40, seed=seed, troubles=Troubles(silent=0.1), now=time)
        return [
            (camera.name, camera.serial, camera.model, camera.faults, camera.status)
            for camera in fleet.cameras
        ]

    assert told(1) == told(1)
    assert told(1) != told(2)


def test_shares_are_exact() -> None:
    """One in twenty of a hundred is five, in whatever order."""
    fleet = make_fleet(100, troubles=Troubles(wrong_password=0.05, old_firmware=0.1))
    assert causes(fleet) == {None: 85, "login": 5, "unsupported": 10}


def test_too_many_troubles_are_refused() -> None:
    """A camera has one trouble at most."""
    with pytest.raises(ValueError, match="exceed 1"):
        make_fleet(10, troubles=Troubles(silent=0.6, refused=0.6))


def test_names_and_serials_are_unique() -> None:
    """As an inventory demands."""
    fleet = make_fleet(1000, sites=12)
    assert len({camera.name for camera in fleet.cameras}) == 1000
    assert len({camera.serial for camera in fleet.cameras}) == 1000
    assert len({camera.site for camera in fleet.cameras}) == 12
    assert {camera.serial[:6] for camera in fleet.cameras} == {"ACCC8E", "B8A44F"}


def test_a_site_loses_its_servers(time: VirtualTime) -> None:
    """Scripted at run time: after a restart its cameras find nobody; the other site does."""
    fleet = make_fleet(20, sites=("malmo", "lund"), now=time)
    for name in site_servers("malmo"):
        fleet.world.server(name).dies()
    for camera in fleet.cameras:
        camera.restart()
    time.advance(600.0)
    assert causes(fleet) == {None: 10, "not_synced": 10}


def test_the_schemes_are_shared_out() -> None:
    """All of one, or all of the other; so is latency."""
    assert {camera.scheme for camera in make_fleet(20, https_share=0.0).cameras} == {"http"}
    assert {camera.scheme for camera in make_fleet(20, https_share=1.0).cameras} == {"https"}
    assert {camera.latency_s for camera in make_fleet(20, latency_s=0.05).cameras} == {0.05}


@pytest.fixture
def fast() -> VirtualTime:
    """A minute in a second, ten years from now: who confuses the two times is found out."""
    return VirtualTime(speed=60.0, start=2_000_000_000.0)


@pytest.fixture
async def session(fast: VirtualTime) -> AsyncIterator[DeviceSession]:
    """Our line to the one camera of a fleet that lives fast."""
    async with make_fleet(1, https_share=0.0, now=fast) as fleet:
        login = fleet.logins["fleet"]
        credentials = Credentials(login.username, login.password)
        async with DeviceSession(fleet.devices[0], credentials) as session:
            yield session


async def status_of(session: DeviceSession) -> NTPClientStatus:
    client = (await session.get_ntp_info()).client
    assert client is not None
    return client


async def next_sync_in(session: DeviceSession) -> int:
    return (await status_of(session)).time_to_next_sync_s or 0


async def test_a_fleet_may_live_fast(session: DeviceSession, fast: VirtualTime) -> None:
    """The next poll comes nearer at virtual speed, and when it has been, the next is farther."""
    fast.advance(await next_sync_in(session))
    began = fast()
    first_s = await next_sync_in(session)
    seen = fast()
    await asyncio.sleep(0.1)
    again = fast()
    second_s = await next_sync_in(session)
    ended = fast()
    assert again - seen >= 6.0
    assert again - seen - 1.0 <= first_s - second_s <= ended - began + 1.0
    fast.advance(second_s)
    assert await next_sync_in(session) > second_s


async def test_the_clock_of_a_fast_fleet_is_read_against_ours(
    session: DeviceSession, fast: VirtualTime
) -> None:
    """However far virtual time is from it: only the error of a camera's clock shows."""
    before = (await session.get_ntp_info()).clock
    await session.set_ntp_client_configuration(
        NTPClientConfiguration(
            enabled=True, servers_source=ServersSource.STATIC, static_servers=WRONG_SERVERS
        )
    )
    fast.advance(301.0)
    after = (await session.get_ntp_info()).clock
    assert before is not None
    assert after is not None
    assert abs(before.skew_s) <= before.uncertainty_s + 0.1
    assert abs(after.skew_s - WRONG_BY_S) <= after.uncertainty_s + 0.1


def test_the_demo_has_sixty_cameras_with_believable_troubles(time: VirtualTime) -> None:
    """Most are well; one site lost its time servers; the others have a bit of everything."""
    fleet = demo_fleet(now=time)
    assert Counter(camera.site for camera in fleet.cameras) == {
        "berlin": 30,
        "lyon": 20,
        "oslo": 10,
    }
    assert causes(fleet) == {
        None: 37,
        "not_synced": 10,
        "skew": 2,
        "unreachable": 2,
        "no_servers": 2,
        "disabled": 1,
        "login": 1,
        "unsupported": 1,
        "few_servers": 1,
        "offset": 1,
        "certificate": 1,
        "bad_answer": 1,
    }
    assert {
        fleet.truth(camera.name).cause for camera in fleet.cameras if camera.site == "oslo"
    } == {"not_synced"}


async def test_the_demo_starts_and_lists_its_devices() -> None:
    """On both schemes, with a login that most of its cameras accept."""
    async with demo_fleet(seed=3) as fleet:
        assert len(fleet.devices) == 60
        assert {device.scheme for device in fleet.devices} == {"http", "https"}
        assert {device.credentials for device in fleet.devices} == {"fleet"}
