"""From what devices say to a plan: each is to be changed, as desired, or cannot be changed."""

import datetime as dt
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import Device, NTPInfo, Outcome, ServersSource
from axis_ntp_async.device.trust import KnownDevices, Trust
from axis_ntp_async.errors import DeviceError, DeviceUnreachableError, LoginRefusedError
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.fleet.retry import RetryPolicy
from axis_ntp_async.health.finding import Cause
from axis_ntp_async.rollout.plan import AsDesired, Step, Unplannable
from axis_ntp_async.rollout.planning.making import make_plan, planned, planned_for
from axis_ntp_async.rollout.rules.settings import Rules, Staging
from axis_ntp_async.simulator.fleets import make_fleet
from axis_ntp_async.simulator.model.faults import Kind

MakeInfo = Callable[..., NTPInfo]

WANTED = NTPClientConfiguration(
    enabled=True, servers_source=ServersSource.STATIC, static_servers=("10.0.0.5", "10.0.0.6")
)
NTS = NTPClientConfiguration(nts_enabled=True, static_ntske_servers=("nts.example",))
OLD = dict.fromkeys(
    ("nts_enabled", "ntske_server_ca_certs", "static_ntske_servers", "minpoll", "maxpoll")
)
DHCP = {"servers_source": ServersSource.DHCP, "advertised_servers": ()}


LOST = "has settings that could not be restored"


def outcome_of(info: NTPInfo | None = None, error: DeviceError | None = None) -> Outcome[NTPInfo]:
    at = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
    device = Device(name="lobby-3", host="192.0.2.17", credentials="fleet")
    return Outcome(device=device, value=info, error=error, at=at, attempts=1, elapsed_s=0.1)


def step_of(info: NTPInfo, desired: NTPClientConfiguration = WANTED) -> Step:
    step = planned_for(outcome_of(info), desired)
    assert isinstance(step, Step)
    return step


def test_a_device_that_differs_gets_a_step(make_info: MakeInfo) -> None:
    """It goes from everything the device reports to the same with what is wanted laid over."""
    info = make_info(skew_s=0.2)
    step = step_of(info)
    assert step.before == NTPClientConfiguration.reported_by(info.client)  # type: ignore[arg-type]
    assert step.after.static_servers == ("10.0.0.5", "10.0.0.6")
    assert [change.member for change in step.changes] == ["static_servers"]
    assert (step.api_version, step.has_given_up) == ("1.5", False)
    assert step.clock_step_s == pytest.approx(-0.00062)


@pytest.mark.parametrize(
    ("members", "desired", "sends"),
    [
        (
            {},
            WANTED,
            {
                "enabled",
                "servers_source",
                "static_servers",
                "nts_enabled",
                "ntske_server_ca_certs",
                "static_ntske_servers",
            },
        ),
        (OLD, WANTED, {"enabled", "servers_source", "static_servers"}),
        (
            OLD,
            NTPClientConfiguration(enabled=False),
            {"enabled", "servers_source", "static_servers"},
        ),
        (
            {**OLD, "minpoll": 6, "maxpoll": 10},
            NTPClientConfiguration(static_servers=("10.0.0.5",), maxpoll=12),
            {"enabled", "servers_source", "static_servers", "maxpoll"},
        ),
        (
            {**OLD, "minpoll": 6, "maxpoll": 10},
            NTPClientConfiguration(minpoll=6, maxpoll=12),
            {"enabled", "servers_source", "static_servers", "minpoll", "maxpoll"},
        ),
    ],
    ids=str,
)
def test_what_a_write_always_holds(
    make_info: MakeInfo,
    members: dict[str, Any],
    desired: NTPClientConfiguration,
    sends: set[str],
) -> None:
    """The safe three, NTS where the device has it, and poll bounds that somebody named."""
    info = make_info(**members)
    step = step_of(info, desired)
    assert set(step.sends) == sends
    assert len(step.sends) == len(sends)
    assert info.client is not None
    assert step.request_for(info.client).members.keys() == sends


def test_a_rollback_restores_poll_bounds(make_info: MakeInfo) -> None:
    """The way back sends the bounds that the way there had changed."""
    step = step_of(make_info(), NTPClientConfiguration(minpoll=7, maxpoll=12))
    there = make_info(minpoll=7, maxpoll=12).client
    assert there is not None
    back = step.turned_round().request_for(there)
    assert (back.minpoll, back.maxpoll) == (6, 10)


@pytest.mark.parametrize(
    ("members", "desired"),
    [
        ({}, NTPClientConfiguration()),
        ({"static_servers": ("10.0.0.5", "10.0.0.6")}, WANTED),
        (
            {"static_servers": ("NTP-1.Example", "ntp-2.example")},
            NTPClientConfiguration(static_servers=("ntp-1.example", "NTP-2.example")),
        ),
        ({"static_servers": ("",)}, NTPClientConfiguration(static_servers=())),
        ({"enabled": False}, NTPClientConfiguration(enabled=False)),
        ({"servers_source": "PTP"}, NTPClientConfiguration(enabled=True)),
        ({"static_servers": ("has blank", "10.0.0.1")}, NTPClientConfiguration(enabled=True)),
        ({"servers_source": None, "static_servers": None}, NTPClientConfiguration(enabled=True)),
    ],
    ids=str,
)
def test_a_device_as_desired_needs_nothing(
    make_info: MakeInfo, members: dict[str, Any], desired: NTPClientConfiguration
) -> None:
    """Nothing will be sent to it, so it need not be possible to restore it either."""
    found = planned_for(outcome_of(make_info(**members)), desired)
    assert found == AsDesired(device=found.device)


def test_a_device_as_desired_may_have_given_up(make_info: MakeInfo) -> None:
    """Its client stands still for good, which is told since no change will wake it."""
    info = make_info(skew_s=9_000.0, time_to_next_sync_s=0, api_version="1.2")
    found = planned_for(outcome_of(info), NTPClientConfiguration())
    assert isinstance(found, AsDesired)
    assert found.has_given_up
    assert step_of(info).has_given_up


@pytest.mark.parametrize(
    ("members", "desired", "message"),
    [
        ({"client": None}, WANTED, "reports no NTP client"),
        (
            {"max_supported_static_servers": 1},
            WANTED,
            "cannot take this: static_servers: 2 servers, but the device takes at most 1",
        ),
        (
            {**OLD},
            NTS,
            (
                "cannot take this: nts_enabled: the device does not report it, so its firmware "
                "cannot be given it; static_ntske_servers: the device does not report it, so its "
                "firmware cannot be given it"
            ),
        ),
        (
            {"minpoll": 6, "maxpoll": 8},
            NTPClientConfiguration(minpoll=9),
            "cannot take this: minpoll: 9 would be above maxpoll 8",
        ),
        (
            {"servers_source": "PTP"},
            WANTED,
            f"{LOST}: servers_source: 'PTP' could not be sent back",
        ),
        (
            {"static_servers": ("pool ntp",)},
            WANTED,
            (f"{LOST}: static_servers[0]: 'pool ntp' has white space or control characters"),
        ),
        (
            {"minpoll": 12, "maxpoll": 10},
            WANTED,
            f"{LOST}: minpoll: 12 is above maxpoll 10",
        ),
        (
            {"servers_source": None},
            NTPClientConfiguration(static_servers=("10.0.0.5",)),
            (
                "cannot take this: servers_source: the device does not report it, so it could be "
                "neither checked nor restored"
            ),
        ),
        (
            {"nts_enabled": True, "static_ntske_servers": ("nts",), "static_servers": ()},
            NTPClientConfiguration(nts_enabled=False),
            "cannot take this: then it has no NTP server",
        ),
        (
            {"static_servers": (), "advertised_servers": ("10.0.0.9",), "enabled": False},
            NTPClientConfiguration(enabled=True),
            (
                "cannot take this: then its source is static without a server, while DHCP "
                "advertises 10.0.0.9"
            ),
        ),
        (
            {},
            NTPClientConfiguration(nts_enabled=True, static_servers=()),
            "cannot take this: then NTS is on, but it has no NTS-KE server",
        ),
        (
            {**DHCP, "static_servers": (), "nts_enabled": True, "static_ntske_servers": ("nts",)},
            NTPClientConfiguration(nts_enabled=False, static_ntske_servers=()),
            "cannot take this: then DHCP advertises no NTP server, and it has no static one",
        ),
    ],
    ids=str,
)
def test_a_device_that_cannot_be_changed(
    make_info: MakeInfo, members: dict[str, Any], desired: NTPClientConfiguration, message: str
) -> None:
    """It cannot take it, could not be restored, or would have no server: each is told."""
    found = planned_for(outcome_of(make_info(**members)), desired)
    assert isinstance(found, Unplannable)
    assert found.problem.message == message
    assert found.problem.cause is Cause.UNSUPPORTED


@pytest.mark.parametrize(
    ("members", "desired"),
    [
        ({}, NTPClientConfiguration(static_servers=())),
        ({}, NTPClientConfiguration(nts_enabled=True, static_ntske_servers=())),
        ({}, NTPClientConfiguration(enabled=False)),
        ({"static_servers": ()}, NTPClientConfiguration(minpoll=7)),
        ({"static_servers": ()}, NTPClientConfiguration(nts_enabled=True)),
        ({**DHCP, "static_servers": ()}, NTPClientConfiguration(minpoll=7)),
    ],
    ids=str,
)
def test_a_device_may_be_left_without_a_server(
    make_info: MakeInfo, members: dict[str, Any], desired: NTPClientConfiguration
) -> None:
    """When the list is cleared by name, or when it has none now, that is not ours to refuse."""
    assert isinstance(planned_for(outcome_of(make_info(**members)), desired), Step)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (DeviceUnreachableError("lobby-3", "no answer within 10 s"), Cause.UNREACHABLE),
        (LoginRefusedError("lobby-3", "HTTP 401"), Cause.LOGIN),
        (None, Cause.UNSUPPORTED),
    ],
)
def test_a_device_that_could_not_be_read(error: DeviceError | None, cause: Cause) -> None:
    """It is in the plan, with the reason, so that nobody thinks it was forgotten."""
    found = planned_for(outcome_of(error=error), WANTED)
    assert isinstance(found, Unplannable)
    assert found.problem.cause is cause


def test_who_is_switched_off_does_not_jump(make_info: MakeInfo) -> None:
    """A clock that nobody will set any more stays where it is."""
    desired = NTPClientConfiguration(enabled=False)
    assert step_of(make_info(skew_s=90.0), desired).clock_step_s == 0.0
    assert step_of(make_info(skew_s=90.0, synced=False)).clock_step_s == -90.0


def test_equal_pre_images_are_one(make_info: MakeInfo) -> None:
    """A large fleet has few configurations that differ, and they are kept once."""
    one, other = step_of(make_info()), step_of(make_info(time_offset_ms=5.0))
    assert one.before is other.before
    assert one.after is other.after


async def test_a_plan_has_every_device_once_and_sends_nothing() -> None:
    """Of a simulated fleet with troubles each device is found again, and none was written to."""
    async with make_fleet(12, https_share=0.0) as fleet:
        for camera in fleet.cameras[:2]:
            camera.faults = (Kind.REFUSED,)  # type: ignore[assignment]
        before = [camera.configuration for camera in fleet.cameras]
        desired = NTPClientConfiguration(
            servers_source=ServersSource.STATIC, static_servers=("ntp.example",)
        )
        fleet.cameras[5].configure(desired)
        before[5] = fleet.cameras[5].configuration
        credentials = {
            name: Credentials(login.username, login.password)
            for name, login in fleet.logins.items()
        }
        quick = RetryPolicy(wait_initial_s=0.0, attempt_timeout_s=2.0)
        async with SessionPool(credentials, retry=quick, trust=Trust(KnownDevices())) as pool:
            plan = await make_plan(pool, fleet.devices, lambda _: desired)
            staged = await make_plan(
                pool, fleet.devices, lambda _: desired, Rules(staging=Staging(one_wave=True))
            )
            async with aclosing(planned(pool, fleet.devices, lambda _: desired)) as found:
                first = await anext(found)
        assert [camera.configuration for camera in fleet.cameras] == before
        assert [camera.write_attempts for camera in fleet.cameras] == [0] * 12
    names = [
        *(step.device.name for step in plan.steps),
        *plan.as_desired,
        *(one.device.name for one in plan.unplannable),
    ]
    assert sorted(names) == sorted(device.name for device in fleet.devices)
    assert plan.as_desired == (fleet.cameras[5].name,)
    assert [one.problem.cause for one in plan.unplannable] == [Cause.UNREACHABLE] * 2
    assert len(plan.waves) == 4
    assert len(staged.waves) == 1
    assert first.device in fleet.devices
    assert dt.datetime.now(dt.UTC) - plan.made_at < dt.timedelta(minutes=1)
