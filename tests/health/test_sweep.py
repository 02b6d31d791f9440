"""A sweep: one finding a device, its true cause, and sums that add up."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import NTPInfo, Outcome, ServersSource
from axis_ntp_async.device.trust import KnownDevices, Trust
from axis_ntp_async.errors import DeviceUnreachableError, LoginRefusedError
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.fleet.retry import RetryPolicy
from axis_ntp_async.health.finding import Cause, Finding, State
from axis_ntp_async.health.judge import judge
from axis_ntp_async.health.sweep import EXAMPLES, Summary, Sweep, sweep
from axis_ntp_async.simulator.fleets import Troubles, make_fleet
from axis_ntp_async.simulator.model.faults import Fault, Kind
from axis_ntp_async.simulator.serving.server import SimulatedFleet

Make = Callable[..., Outcome[NTPInfo]]

EVERYTHING = Troubles(
    refused=0.03,
    silent=0.03,
    slow=0.02,
    reset=0.03,
    flaky=0.03,
    busy=0.03,
    internal=0.03,
    garbage=0.03,
    truncated=0.03,
    oversized=0.03,
    redirect=0.03,
    blocked=0.03,
    # Three in a row would suspend the credentials, so there are two.
    wrong_password=0.007,
    no_right=0.03,
    wrong_identity=0.03,
    foreign_certificate=0.03,
    old_firmware=0.03,
    disabled=0.03,
    no_servers=0.03,
    empty_lease=0.03,
    dead_servers=0.03,
    offset=0.03,
    wrong_servers=0.03,
    one_server=0.03,
)


def open_pool(fleet: SimulatedFleet, **members: Any) -> SessionPool:
    credentials = {
        name: Credentials(login.username, login.password) for name, login in fleet.logins.items()
    }
    retry = RetryPolicy(
        wait_initial_s=0.0,
        attempt_timeout_s=2.5,
        device_timeout_s=10.0,
        budget_count=10_000,
        attempts=2,
    )
    return SessionPool(credentials, trust=Trust(KnownDevices()), retry=retry, **members)


async def test_each_device_is_given_its_true_cause() -> None:
    """300 devices with every kind of trouble: one finding each, its cause is the truth."""
    async with make_fleet(300, troubles=EVERYTHING) as fleet, open_pool(fleet) as pool:
        for camera in fleet.cameras:
            if camera.faults and camera.faults[0].kind is Kind.SLOW:
                camera.faults = (Fault(Kind.SLOW, seconds=0.5),)
        async with aclosing(sweep(pool, fleet.devices)) as findings:
            found = {finding.device.name: finding async for finding in findings}
        truth = {name: fleet.truth(name).cause for name in found}
    assert 300 == len(found) == findings.summary.devices
    assert truth == {
        name: finding.cause.value if finding.cause else None for name, finding in found.items()
    }
    assert len(set(truth.values())) >= 14
    _assert_sums_add_up(findings.summary, found.values())


async def test_drift_is_found_by_what_is_desired() -> None:
    """Of devices with other servers than wanted, those and only those drift."""
    async with make_fleet(20, sites=["oslo"], troubles=Troubles(drift=0.2)) as fleet:
        desired = NTPClientConfiguration(
            servers_source=ServersSource.STATIC,
            static_servers=("ntp1.oslo.example", "ntp2.oslo.example"),
        )
        for camera in fleet.cameras:
            if not camera.wanted or camera.wanted.servers_source is ServersSource.DHCP:
                continue
            camera.wanted = desired
        async with (
            open_pool(fleet) as pool,
            aclosing(sweep(pool, fleet.devices, desired=desired)) as findings,
        ):
            found = {finding.device.name: finding async for finding in findings}
        for camera in fleet.cameras:
            changes = desired.changes_from(camera.status)
            assert changes == found[camera.name].drift
            assert (Cause.DRIFT if changes else None) is found[camera.name].cause
    assert 4 <= findings.summary.causes[Cause.DRIFT] < 20


async def test_something_else_may_be_desired_of_each_device() -> None:
    """A function tells what; of some it may want nothing."""
    async with make_fleet(6, sites=["oslo"], troubles=Troubles()) as fleet:
        names = [device.name for device in fleet.devices]
        wanted: dict[str, NTPClientConfiguration | None] = {
            **dict.fromkeys(names, NTPClientConfiguration(enabled=True)),
            names[0]: NTPClientConfiguration(enabled=False),
            names[1]: None,
        }
        async with (
            open_pool(fleet) as pool,
            aclosing(
                sweep(pool, fleet.devices, desired=lambda device: wanted[device.name])
            ) as findings,
        ):
            drifts = {finding.device.name: finding.drift async for finding in findings}
    assert {name for name in names if drifts[name]} == {names[0]}
    assert [change.member for change in drifts[names[0]]] == ["enabled"]


async def test_a_sweep_that_is_left_early_ends() -> None:
    """After `aclose` nothing runs, the summary stays as it is, and the stream is at its end."""
    async with make_fleet(20, https_share=0.0) as fleet, open_pool(fleet) as pool:
        before = asyncio.all_tasks()
        async with aclosing(sweep(pool, fleet.devices)) as findings:
            async for _ in findings:
                break
        assert findings.summary.devices == 1
        assert pool._shared.runs == []
        assert [finding async for finding in findings] == []
        async with asyncio.timeout(5):
            while asyncio.all_tasks() - before:  # noqa: ASYNC110  nobody tells of a task's end
                await asyncio.sleep(0.01)


async def test_the_summary_counts_what_was_given(make_outcome: Make) -> None:
    """It is true at every moment of the stream, not only at its end."""

    async def stream() -> AsyncGenerator[Finding, None]:
        for number in range(3):
            yield judge(make_outcome(name=f"d{number}", scheme="http" if number else "https"))

    findings = Sweep(stream())
    counts = [(findings.summary.devices, findings.summary.plain_http) async for _ in findings]
    assert counts == [(1, 0), (2, 1), (3, 2)]


def _assert_sums_add_up(summary: Summary, findings: Iterable[Finding]) -> None:
    found = list(findings)
    assert len(found) == summary.devices == summary.states.total()
    assert summary.states == sum(summary.sites.values(), Counter())
    healthy = sum(finding.cause is None for finding in found)
    assert len(found) - healthy == summary.causes.total()
    assert summary.causes == Counter(finding.cause for finding in found if finding.cause)
    groups = Counter[Cause]()
    for (cause, hint), group in summary.groups.items():
        groups[cause] += group.count
        assert min(group.count, EXAMPLES) == len(group.examples)
        assert {(cause, hint)} == {(one.cause, one.hint) for one in group.examples}
    assert summary.causes == groups


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, "berlin", "oslo"]),
            st.sampled_from(["ok", "offset", "dead", "login", "disabled"]),
        ),
        max_size=60,
    )
)
def test_the_sums_of_any_findings_add_up(
    make_outcome: Make, devices: list[tuple[str | None, str]]
) -> None:
    """By state, by site, by cause and by group, every finding is counted once."""
    made: dict[str, dict[str, Any]] = {
        "ok": {},
        "offset": {"time_offset_ms": 250.0},
        "dead": {"error": DeviceUnreachableError("d", "no answer")},
        "login": {"error": LoginRefusedError("d", "no")},
        "disabled": {"enabled": False},
    }
    findings = [judge(make_outcome(site=site, **made[kind])) for site, kind in devices]
    summary = Summary()
    for finding in findings:
        summary.add(finding)
    _assert_sums_add_up(summary, findings)
    for (cause, _), group in summary.groups.items():
        sites = {finding.device.site for finding in findings if finding.cause is cause}
        assert (sites.pop() if len(sites) == 1 else None) == group.site


@pytest.mark.parametrize(
    ("offsets_ms", "percent", "expected"),
    [
        ([], 95, None),
        ([3.0], 50, 3.0),
        ([3.0], 0, 3.0),
        ([-4.0, 1.0, 2.0, 3.0], 50, 2.0),
        ([-4.0, 1.0, 2.0, 3.0], 51, 3.0),
        ([-4.0, 1.0, 2.0, 3.0], 100, 4.0),
        ([float(number) for number in range(1, 101)], 95, 95.0),
        ([float(number) for number in range(1, 1001)], 99.9, 999.0),
    ],
)
def test_percentiles_are_offsets_that_were_read(
    make_outcome: Make, offsets_ms: list[float], percent: float, expected: float | None
) -> None:
    """The nearest rank, without signs; `None` when nobody reported an offset."""
    summary = Summary()
    for offset_ms in offsets_ms:
        summary.add(judge(make_outcome(time_offset_ms=offset_ms)))
    summary.add(judge(make_outcome(synced=False, time_offset_ms=9e9)))
    assert expected == summary.offset_percentile_ms(percent)


def test_groups_name_ten_examples_at_most(make_outcome: Make) -> None:
    """Fifty devices with the same trouble are one group with ten names, in order of arrival."""
    summary = Summary()
    for number in range(50):
        summary.add(judge(make_outcome(name=f"d{number}", site="berlin", enabled=False)))
    (group,) = summary.groups.values()
    assert (group.count, group.site) == (50, "berlin")
    assert [f"d{number}" for number in range(10)] == [one.device.name for one in group.examples]
    assert summary.states == {State.CRITICAL: 50}
