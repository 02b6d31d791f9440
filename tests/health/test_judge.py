"""The verdict on what a device said: each trouble, and combinations of them."""

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import (
    ClockReading,
    NTPClientStatus,
    NTPInfo,
    Outcome,
    ServersSource,
)
from axis_ntp_async.errors import LoginRefusedError
from axis_ntp_async.health.finding import (
    PROFILES,
    Cause,
    Finding,
    State,
    Thresholds,
    servers_in_use,
)
from axis_ntp_async.health.judge import judge

Make = Callable[..., Outcome[NTPInfo]]
DHCP = ServersSource.DHCP


def said(finding: Finding) -> list[tuple[str, str]]:
    return [(problem.cause.value, problem.state.value) for problem in finding.problems]


NTS = {"nts_enabled": True, "static_ntske_servers": ("nts-1.example", "nts-2.example")}
LEASED = {"servers_source": DHCP, "advertised_servers": ("10.0.0.1", "10.0.0.2")}
EMPTY_LEASE = {"servers_source": DHCP, "advertised_servers": ()}


@pytest.mark.parametrize(
    "members",
    [
        {},
        LEASED,
        {**LEASED, "static_servers": ()},
        NTS,
        {**NTS, "static_servers": ()},
        {"time_to_next_sync_s": 0},
        {"time_offset_ms": 99.9},
        {"skew_s": 2.4},
        {"skew_s": None},
        {"time_offset_ms": None},
        {"enabled": None},
        {"servers_source": None},
        {"servers_source": "PTP"},
        {"static_servers": None},
        {"nts_enabled": None, "minpoll": None, "maxpoll": None},
    ],
    ids=str,
)
def test_a_healthy_device_is_ok(make_outcome: Make, members: dict[str, Any]) -> None:
    """Every way to be well, and to leave out what does not matter, is ok."""
    finding = judge(make_outcome(**members))
    assert (
        finding.state,
        finding.cause,
        finding.message,
        finding.hint,
    ) == (State.OK, None, "in sync", "")


@pytest.mark.parametrize(
    ("members", "problems", "message", "hint"),
    [
        pytest.param(
            {"enabled": False, "synced": False, "static_servers": ()},
            [("disabled", "critical")],
            "its NTP client is switched off",
            "Switch it on",
            id="disabled hides what follows from it",
        ),
        pytest.param(
            {"static_servers": (), "synced": False},
            [("no_servers", "critical"), ("not_synced", "critical")],
            "it has no NTP server",
            "Name static servers",
            id="no server",
        ),
        pytest.param(
            {"static_servers": (), "advertised_servers": ("10.0.0.1",), "synced": False},
            [("no_servers", "critical"), ("not_synced", "critical")],
            "its source is static without a server, while DHCP advertises 10.0.0.1",
            "set the source to DHCP",
            id="advertised though static",
        ),
        pytest.param(
            {**EMPTY_LEASE, "static_servers": (), "synced": False},
            [("no_servers", "critical"), ("not_synced", "critical")],
            "DHCP advertises no NTP server, and it has no static one",
            "option 42, or name static servers",
            id="empty lease",
        ),
        pytest.param(
            EMPTY_LEASE,
            [("dhcp_fallback", "warning")],
            "DHCP advertises no NTP server; it falls back to its static servers",
            "option 42, or set the source to static",
            id="empty lease with static servers",
        ),
        pytest.param(
            {**EMPTY_LEASE, "static_servers": None},
            [("dhcp_fallback", "warning")],
            "DHCP advertises no NTP server; it falls back to its static servers",
            "option 42",
            id="empty lease with who knows what",
        ),
        pytest.param(
            {**EMPTY_LEASE, "synced": False},
            [("not_synced", "critical"), ("dhcp_fallback", "warning")],
            "not synced with 10.0.0.5, 10.0.0.6",
            "UDP 123",
            id="not synced with the static servers it falls back to",
        ),
        pytest.param(
            {**EMPTY_LEASE, "skew_s": 37.0},
            [("skew", "critical"), ("dhcp_fallback", "warning")],
            "its clock is 37.0 s ahead of ours, yet it calls itself synced: "
            "it follows a wrong server (10.0.0.5, 10.0.0.6)",
            "Check the time of its servers",
            id="a wrong server that it falls back to",
        ),
        pytest.param(
            {**NTS, "static_ntske_servers": (), "synced": False},
            [("no_servers", "critical"), ("not_synced", "critical")],
            "NTS is on, but it has no NTS-KE server",
            "Name NTS-KE servers, or switch NTS off.",
            id="NTS without servers",
        ),
        pytest.param(
            {"synced": False},
            [("not_synced", "critical")],
            "not synced with 10.0.0.5, 10.0.0.6",
            "UDP 123",
            id="not synced",
        ),
        pytest.param(
            {"synced": False, "static_servers": None},
            [("not_synced", "critical")],
            "not synced",
            "UDP 123",
            id="not synced with who knows whom",
        ),
        pytest.param(
            {"synced": False, "time_to_next_sync_s": 0},
            [("not_synced", "critical")],
            "not synced with 10.0.0.5, 10.0.0.6, and no attempt is due",
            "setting the same servers again",
            id="gave up",
        ),
        pytest.param(
            {"synced": False, **NTS},
            [("not_synced", "critical")],
            "not synced with nts-1.example, nts-2.example",
            "TCP 4460",
            id="not synced with NTS",
        ),
        pytest.param(
            {"synced": False, "advertised_servers": ("10.0.0.1",)},
            [("not_synced", "critical")],
            "not synced with 10.0.0.5, 10.0.0.6",
            "DHCP advertises servers, but its source is static.",
            id="not synced, while others are advertised",
        ),
        pytest.param(
            {"synced": None},
            [("not_synced", "unknown")],
            "it does not report whether it is synced",
            "skew",
            id="does not say whether it is synced",
        ),
        pytest.param(
            {"time_offset_ms": -100.0},
            [("offset", "warning")],
            "its clock is -100 ms off its server's",
            "slewing",
            id="offset",
        ),
        pytest.param(
            {"time_offset_ms": 1000.0},
            [("offset", "critical")],
            "its clock is +1000 ms off its server's",
            "slewing",
            id="large offset",
        ),
        pytest.param(
            {"synced": False, "time_offset_ms": 5000.0},
            [("not_synced", "critical")],
            "not synced with 10.0.0.5, 10.0.0.6",
            "UDP 123",
            id="an offset means nothing while not synced",
        ),
        pytest.param(
            {"skew_s": 37.0},
            [("skew", "critical")],
            "its clock is 37.0 s ahead of ours, yet it calls itself synced: "
            "it follows a wrong server (10.0.0.5, 10.0.0.6)",
            "Check the time of its servers, and our own clock.",
            id="wrong server",
        ),
        pytest.param(
            {"skew_s": -2.6, "static_servers": None},
            [("skew", "warning")],
            "its clock is 2.6 s behind ours, yet it calls itself synced: "
            "it follows a wrong server (its server)",
            "Check the time of its servers",
            id="some wrong server",
        ),
        pytest.param(
            {"skew_s": -9000.0, "time_to_next_sync_s": 0},
            [("skew", "critical")],
            "its clock is 2.5 h behind ours, yet it calls itself synced, and no attempt is due",
            "it gave up: setting the same servers again",
            id="skew after giving up",
        ),
        pytest.param(
            {"skew_s": -1.7e9, "synced": False},
            [("not_synced", "critical"), ("skew", "critical")],
            "not synced with 10.0.0.5, 10.0.0.6",
            "UDP 123",
            id="never set",
        ),
        pytest.param(
            {"static_servers": ("10.0.0.5",)},
            [("few_servers", "warning")],
            "it has 1 of at least 2 servers",
            "Name another server",
            id="one server",
        ),
        pytest.param(
            {"client": None},
            [("unsupported", "unknown")],
            "reports no NTP client",
            "no NTP client of its own",
            id="no client",
        ),
    ],
)
def test_each_trouble_has_its_cause_its_words_and_its_hint(
    make_outcome: Make,
    members: dict[str, Any],
    problems: list[tuple[str, str]],
    message: str,
    hint: str,
) -> None:
    """The root cause comes first, with a sentence about this device and a hint for all like it."""
    finding = judge(make_outcome(**members))
    assert problems == said(finding)
    assert message == finding.message
    assert hint in finding.hint
    assert problems[0][0] == (finding.cause.value if finding.cause else None)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (10.04, "10.0 s"),
        (119.0, "119.0 s"),
        (120.0, "2.0 min"),
        (7_199.0, "120.0 min"),
        (7_200.0, "2.0 h"),
        (172_800.0, "2.0 days"),
    ],
)
def test_durations_are_said_in_units_people_use(
    make_outcome: Make, seconds: float, text: str
) -> None:
    """A clock is seconds, minutes, hours or days off."""
    assert f"its clock is {text} ahead of ours" in judge(make_outcome(skew_s=seconds)).message


@pytest.mark.parametrize(
    ("skew_s", "uncertainty_s", "state"),
    [
        (2.49, 0.5, State.OK),
        (2.5, 0.5, State.WARNING),
        (-2.5, 0.5, State.WARNING),
        (5.49, 0.5, State.WARNING),
        (-5.5, 0.5, State.CRITICAL),
        (9.0, 10.0, State.OK),
    ],
)
def test_only_what_is_certain_of_a_skew_counts(
    make_outcome: Make, skew_s: float, uncertainty_s: float, state: State
) -> None:
    """The reading's uncertainty is taken off before it is compared."""
    assert state is judge(make_outcome(skew_s=skew_s, uncertainty_s=uncertainty_s)).state


@pytest.mark.parametrize(
    ("profile", "offset_ms", "servers", "problems"),
    [
        ("default", 60.0, 2, []),
        ("strict", 60.0, 4, [("offset", "critical")]),
        ("strict", 10.0, 2, [("offset", "warning"), ("few_servers", "warning")]),
        ("lenient", 999.0, 1, []),
        ("lenient", 5000.0, 1, [("offset", "critical")]),
    ],
)
def test_profiles_differ_in_what_they_bear(
    make_outcome: Make,
    profile: str,
    offset_ms: float,
    servers: int,
    problems: list[tuple[str, str]],
) -> None:
    """The same device may be well, in doubt or ill, as strictly as one looks at it."""
    names = tuple(f"10.0.0.{number}" for number in range(servers))
    outcome = make_outcome(time_offset_ms=offset_ms, static_servers=names)
    assert problems == said(judge(outcome, PROFILES[profile]))


WANTED = NTPClientConfiguration(
    enabled=True, servers_source=ServersSource.STATIC, static_servers=("10.0.0.5", "10.0.0.6")
)


def test_what_is_as_desired_does_not_drift(make_outcome: Make) -> None:
    """A device that has what is wanted is ok."""
    finding = judge(make_outcome(), desired=WANTED)
    assert (finding.state, finding.drift) == (State.OK, ())


def test_drift_names_the_members(make_outcome: Make) -> None:
    """What differs from the desired configuration is a warning, and the changes are kept."""
    finding = judge(
        make_outcome(static_servers=("10.9.9.9", "10.0.0.6"), minpoll=4), desired=WANTED
    )
    assert said(finding) == [("drift", "warning")]
    assert finding.message == "not as desired: static_servers"
    assert [(change.member, change.before, change.after) for change in finding.drift] == [
        ("static_servers", ("10.9.9.9", "10.0.0.6"), ("10.0.0.5", "10.0.0.6"))
    ]


def test_a_client_that_shall_be_off_may_be_off(make_outcome: Make) -> None:
    """Switched off as desired is no problem, and not in sync, though it once was and says so."""
    for synced in (False, True):
        outcome = make_outcome(enabled=False, synced=synced, **EMPTY_LEASE)
        finding = judge(outcome, desired=NTPClientConfiguration(enabled=False))
        assert (finding.state, finding.message) == (State.OK, "switched off, as desired")


def test_a_client_that_shall_be_on_drifts_when_it_is_off(make_outcome: Make) -> None:
    """Disabled is the root cause, the drift that it is stands below."""
    finding = judge(make_outcome(enabled=False), desired=NTPClientConfiguration(enabled=True))
    assert said(finding) == [("disabled", "critical"), ("drift", "warning")]


def test_a_finding_keeps_what_the_outcome_knew(make_outcome: Make) -> None:
    """Device, moment, tries and time of an outcome stand in the finding, good or bad."""
    error = LoginRefusedError("lobby-3", "no")
    for outcome in (make_outcome(), make_outcome(error=error)):
        finding = judge(outcome)
        assert (outcome.device, outcome.at, 2, 0.25, outcome.value, outcome.error) == (
            finding.device,
            finding.at,
            finding.attempts,
            finding.elapsed_s,
            finding.info,
            finding.error,
        )


def test_a_finding_gives_what_it_measured(make_outcome: Make) -> None:
    """Offset and skew can be read from it, or are `None` where there are none."""
    finding = judge(make_outcome())
    assert (finding.offset_ms, finding.skew_s) == (-0.62, 0.1)
    for outcome in (
        make_outcome(synced=False, skew_s=None),
        make_outcome(client=None, skew_s=None),
        make_outcome(error=LoginRefusedError("lobby-3", "no")),
    ):
        finding = judge(outcome)
        assert (finding.offset_ms, finding.skew_s) == (None, None)


@pytest.mark.parametrize(
    ("members", "servers"),
    [
        ({}, ("10.0.0.5", "10.0.0.6")),
        (LEASED, ("10.0.0.1", "10.0.0.2")),
        (EMPTY_LEASE, ("10.0.0.5", "10.0.0.6")),
        ({"servers_source": DHCP, "advertised_servers": None}, None),
        ({"servers_source": None}, None),
        ({"servers_source": "PTP"}, None),
        (NTS, ("nts-1.example", "nts-2.example")),
        ({**NTS, "servers_source": None}, ("nts-1.example", "nts-2.example")),
        ({**NTS, "static_ntske_servers": None}, None),
    ],
    ids=str,
)
def test_the_servers_in_use_follow_the_source(
    healthy: NTPClientStatus, members: dict[str, Any], servers: tuple[str, ...] | None
) -> None:
    """DHCP falls back to static, NTS has its own, and who does not say is not guessed at."""
    assert servers == servers_in_use(evolve(healthy, **members))


WORST = (
    {"enabled": False, "skew_s": 60.0},
    {"static_servers": (), "synced": False, "skew_s": 60.0},
    {**EMPTY_LEASE, "static_servers": ("a",), "time_offset_ms": 1e6, "skew_s": 60.0},
)


def test_causes_are_ordered_as_they_are_looked_for(make_outcome: Make) -> None:
    """Devices with all their troubles at once tell them in order; one look finds nothing stale."""
    order, told = list(Cause), set()
    for members in WORST:
        finding = judge(make_outcome(**members), desired=WANTED)
        causes = [problem.cause for problem in finding.problems]
        assert sorted(causes, key=order.index) == causes
        told |= set(causes)
    assert told == set(order[order.index(Cause.DISABLED) :]) - {Cause.STALE}


flags = st.none() | st.booleans()
lists = st.none() | st.lists(st.sampled_from(["a", "b"]), max_size=2).map(tuple)
statuses = st.builds(
    NTPClientStatus,
    enabled=flags,
    nts_enabled=flags,
    servers_source=st.none() | st.sampled_from([*ServersSource, "PTP"]),
    static_servers=lists,
    advertised_servers=lists,
    static_ntske_servers=lists,
    synced=flags,
    time_to_next_sync_s=st.none() | st.integers(0, 9),
    time_offset_ms=st.none() | st.floats(-1e7, 1e7),
)
configurations = st.none() | st.builds(
    NTPClientConfiguration,
    enabled=flags,
    servers_source=st.none() | st.sampled_from(ServersSource),
    static_servers=lists,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    client=statuses,
    desired=configurations,
    skew_s=st.none() | st.floats(-1e10, 1e10),
    thresholds=st.sampled_from([*PROFILES.values(), Thresholds(servers_min=0)]),
)
def test_every_verdict_is_consistent(
    make_outcome: Make,
    client: NTPClientStatus,
    desired: NTPClientConfiguration | None,
    skew_s: float | None,
    thresholds: Thresholds,
) -> None:
    """Whatever a device says or leaves out: worst state, root first, no good news by silence."""
    finding = judge(make_outcome(client=client, skew_s=skew_s), thresholds, desired)
    ranks = [problem.state.rank for problem in finding.problems]
    assert max(ranks, default=State.OK.rank) == finding.state.rank
    assert State.OK not in {problem.state for problem in finding.problems}
    order = [list(Cause).index(problem.cause) for problem in finding.problems]
    assert sorted(set(order)) == order
    if finding.state is State.OK:
        wanted_off = desired is not None and desired.enabled is False
        assert client.synced or (client.enabled is False and wanted_off)
    for problem in finding.problems:
        assert problem.message
        assert problem.hint.endswith(".")
        assert "None" not in problem.message + problem.hint
        assert "lobby-3" not in problem.message


def test_a_clock_alone_is_not_enough(make_outcome: Make) -> None:
    """A device that says nothing at all is unknown, however well its clock goes."""
    finding = judge(make_outcome(client=NTPClientStatus()))
    assert State.UNKNOWN is finding.state
    assert isinstance(finding.info and finding.info.clock, ClockReading)


def test_no_nts_is_no_drift_of_a_device_without_nts(make_outcome: Make) -> None:
    """What it does not know it is not to be blamed for."""
    outcome = make_outcome(nts_enabled=None, static_ntske_servers=None)
    wanted = NTPClientConfiguration(enabled=True, nts_enabled=False, static_ntske_servers=())
    assert judge(outcome, desired=wanted).drift == ()
