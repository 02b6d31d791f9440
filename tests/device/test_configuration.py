"""What is wanted of an NTP client: refused before it is sent, compared as a device would."""

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis_ntp_async.device.configuration import Change, NTPClientConfiguration, limits_of
from axis_ntp_async.device.records import NTPClientStatus, ServersSource
from axis_ntp_async.errors import ConfigurationError

ACTUAL = NTPClientStatus(
    enabled=True,
    nts_enabled=False,
    ntske_server_ca_certs=(),
    servers_source=ServersSource.STATIC,
    max_supported_static_servers=2,
    static_servers=("ntp.example.com",),
    advertised_servers=(),
    static_ntske_servers=(),
    synced=True,
    time_to_next_sync_s=44,
    time_offset_ms=0.1,
    minpoll=6,
    maxpoll=10,
)
OLD = NTPClientStatus(enabled=True, servers_source=ServersSource.DHCP, static_servers=())

names = st.text(
    st.characters(codec="ascii", categories=["L", "N"], include_characters=".-:"),
    min_size=1,
    max_size=20,
)
lists = st.none() | st.lists(names, max_size=4).map(tuple)
configurations = st.builds(
    NTPClientConfiguration,
    enabled=st.none() | st.booleans(),
    nts_enabled=st.none() | st.booleans(),
    ntske_server_ca_certs=lists,
    servers_source=st.none() | st.sampled_from(ServersSource),
    static_servers=lists,
    static_ntske_servers=lists,
    minpoll=st.none() | st.integers(0, 12),
    maxpoll=st.none() | st.integers(12, 24),
)


def faults_of(**members: object) -> tuple[str, ...]:
    """Give what is wrong with a configuration of these members."""
    with pytest.raises(ConfigurationError) as caught:
        NTPClientConfiguration(**members)  # type: ignore[arg-type]
    return caught.value.faults


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"enabled": 1}, "enabled: 1 is neither True nor False"),
        ({"nts_enabled": "no"}, "nts_enabled: 'no' is neither True nor False"),
        ({"servers_source": "static"}, "servers_source: 'static' is neither"),
        ({"static_servers": ["a"]}, "static_servers: ['a'] is not a tuple of names"),
        ({"static_servers": "abc"}, "static_servers: 'abc' is not a tuple of names"),
        ({"static_servers": ("a", "")}, "static_servers[1]: is empty; clear a list with ()"),
        ({"static_servers": ("a b",)}, "static_servers[0]: 'a b' has white space"),
        ({"static_servers": ("a\x00",)}, "static_servers[0]: 'a\\x00' has white space"),
        ({"static_servers": ("a\u2003b",)}, "static_servers[0]: "),
        ({"static_servers": (5,)}, "static_servers[0]: 5 is not text"),
        ({"static_servers": ("x" * 256,)}, "static_servers[0]: has 256 characters, at most 255"),
        ({"static_ntske_servers": ("a\n",)}, "static_ntske_servers[0]: "),
        ({"ntske_server_ca_certs": (None,)}, "ntske_server_ca_certs[0]: None is not text"),
        ({"minpoll": -1}, "minpoll: -1 is not a whole number from 0 to 24"),
        ({"maxpoll": 25}, "maxpoll: 25 is not a whole number from 0 to 24"),
        ({"maxpoll": True}, "maxpoll: True is not a whole number"),
        ({"minpoll": 6.0}, "minpoll: 6.0 is not a whole number"),
        ({"minpoll": 7, "maxpoll": 6}, "minpoll: 7 is above maxpoll 6"),
    ],
)
def test_a_value_that_no_device_could_have_is_refused(
    members: dict[str, object], fault: str
) -> None:
    """The fault begins with the member, or with the entry of its list."""
    [found] = faults_of(**members)
    assert found.startswith(fault)


def test_all_faults_of_a_configuration_come_at_once() -> None:
    """In the order of the members."""
    faults = faults_of(
        enabled="yes", servers_source="x", static_servers=("", "a b"), minpoll=99, maxpoll="3"
    )
    assert [fault.partition(":")[0] for fault in faults] == [
        "enabled",
        "servers_source",
        "static_servers[0]",
        "static_servers[1]",
        "minpoll",
        "maxpoll",
    ]


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"minpoll": 0, "maxpoll": 24},
        {"minpoll": 6, "maxpoll": 6},
        {"static_servers": ("x" * 255, "13.8.343.12", "2001:db8::1", "zeit.müller.example")},
        {"static_servers": ()},
    ],
)
def test_the_bounds_themselves_are_allowed(members: dict[str, object]) -> None:
    """Also an impossible address: whether it is one is the device's business."""
    assert NTPClientConfiguration(**members).members == members  # type: ignore[arg-type]


def test_changes_come_in_the_order_of_the_members() -> None:
    """Each with what is and what shall be."""
    wanted = NTPClientConfiguration(enabled=False, static_servers=("10.0.0.5",), maxpoll=8)
    assert wanted.changes_from(ACTUAL) == (
        Change(member="enabled", before=True, after=False),
        Change(member="static_servers", before=("ntp.example.com",), after=("10.0.0.5",)),
        Change(member="maxpoll", before=10, after=8),
    )


@pytest.mark.parametrize(
    ("member", "actual", "wanted", "changes"),
    [
        ("static_servers", ("NTP.Example.com",), ("ntp.example.COM",), False),
        ("static_servers", ("a", "b"), ("b", "a"), True),
        ("static_servers", ("",), (), False),
        ("static_servers", (), (), False),
        ("static_servers", None, (), True),
        ("static_ntske_servers", ("KE.example",), ("ke.example",), False),
        ("ntske_server_ca_certs", ("Root-A",), ("root-a",), True),
        ("enabled", None, False, True),
        ("servers_source", "PTP", ServersSource.DHCP, True),
        ("servers_source", ServersSource.DHCP, ServersSource.DHCP, False),
        ("minpoll", 6, 6, False),
        ("minpoll", None, 6, True),
    ],
)
def test_names_are_compared_as_a_device_would(
    member: str, actual: object, wanted: object, changes: bool
) -> None:
    """Server names have no letter case, ids of certificates may have; order matters."""
    status = NTPClientStatus(**{member: actual})  # type: ignore[arg-type]
    configuration = NTPClientConfiguration(**{member: wanted})  # type: ignore[arg-type]
    assert changes == bool(configuration.changes_from(status))


@given(configurations)
def test_a_device_as_wanted_needs_no_change(wanted: NTPClientConfiguration) -> None:
    """Once everything named is reported, nothing is left to do."""
    assert not wanted.changes_from(NTPClientStatus(**wanted.members))


@given(configurations)
def test_what_is_not_named_is_never_a_change(wanted: NTPClientConfiguration) -> None:
    """`None` means: leave it."""
    changed = {change.member for change in wanted.changes_from(ACTUAL)}
    assert changed <= set(wanted.members)


@given(configurations)
def test_laying_over_keeps_what_is_wanted_and_what_is(wanted: NTPClientConfiguration) -> None:
    """A write replaces, so the whole of it is sent; poll bounds only when named."""
    complete = wanted.laid_over(ACTUAL)
    assert wanted.changes_from(ACTUAL) == complete.changes_from(ACTUAL)
    kept = {"enabled", "servers_source", "static_servers", "nts_enabled"}
    assert kept | {"static_ntske_servers", "ntske_server_ca_certs"} | set(wanted.members) == set(
        complete.members
    )


def test_laying_over_adds_nothing_that_old_firmware_lacks() -> None:
    """NTS members go only to a device that reports them."""
    complete = NTPClientConfiguration(static_servers=("10.0.0.5",)).laid_over(OLD)
    assert complete.members == {
        "enabled": True,
        "servers_source": ServersSource.DHCP,
        "static_servers": ("10.0.0.5",),
    }


def test_an_unknown_source_is_not_sent_back() -> None:
    """We could not spell it as the device wants it."""
    actual = attrs.evolve(ACTUAL, servers_source="PTP")
    assert NTPClientConfiguration().laid_over(actual).servers_source is None


def test_a_value_that_cannot_be_sent_back_is_told() -> None:
    """Rather than writing something else in its place."""
    actual = attrs.evolve(ACTUAL, static_servers=("a b",))
    with pytest.raises(ConfigurationError, match=r"static_servers\[0\]"):
        NTPClientConfiguration(enabled=True).laid_over(actual)


def test_what_a_device_reports_can_be_restored() -> None:
    """Everything that can be set is kept, nothing else, and old firmware has less of it."""
    reported = NTPClientConfiguration.reported_by(ACTUAL)
    assert reported.members.keys() == {one.name for one in attrs.fields(NTPClientConfiguration)}
    assert reported.changes_from(ACTUAL) == ()
    assert NTPClientConfiguration.reported_by(OLD).members == {
        "enabled": True,
        "servers_source": ServersSource.DHCP,
        "static_servers": (),
    }


@given(configurations)
def test_a_configuration_that_was_set_is_reported(wanted: NTPClientConfiguration) -> None:
    """Written to a device and read from it again it is the same."""
    actual = attrs.evolve(NTPClientStatus(), **wanted.members)
    assert NTPClientConfiguration.reported_by(actual) == wanted


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"servers_source": "PTP"}, "servers_source: 'PTP' could not be sent back"),
        ({"static_servers": ("pool ntp",)}, "static_servers[0]: 'pool ntp' has white space"),
        ({"minpoll": 12, "maxpoll": 10}, "minpoll: 12 is above maxpoll 10"),
    ],
)
def test_what_could_not_be_restored_is_told(members: dict[str, Any], fault: str) -> None:
    """A value that no device would accept cannot be given back to it."""
    with pytest.raises(ConfigurationError) as caught:
        NTPClientConfiguration.reported_by(attrs.evolve(ACTUAL, **members))
    assert str(caught.value).startswith(fault)


@given(
    configurations, st.sets(st.sampled_from([one.name for one in attrs.fields(NTPClientStatus)]))
)
def test_only_some_members(wanted: NTPClientConfiguration, names: set[str]) -> None:
    """Those that are named and set are kept as they are, the others are not sent."""
    some = wanted.only(names)
    assert some.members == {name: wanted.members[name] for name in wanted.members if name in names}


def test_more_servers_than_the_device_takes_are_refused() -> None:
    """Of both lists, and only where the device tells its limit."""
    wanted = NTPClientConfiguration(
        static_servers=("a", "b", "c"), static_ntske_servers=("a",) * 3
    )
    assert wanted.faults_for(ACTUAL) == (
        "static_servers: 3 servers, but the device takes at most 2",
        "static_ntske_servers: 3 servers, but the device takes at most 2",
    )
    assert NTPClientConfiguration(static_servers=("a",) * 9).faults_for(OLD) == ()


@pytest.mark.parametrize(
    "members",
    [
        {"nts_enabled": False},
        {"ntske_server_ca_certs": ()},
        {"static_ntske_servers": ()},
        {"minpoll": 6},
        {"maxpoll": 10},
    ],
)
def test_members_of_newer_firmware_need_a_device_that_reports_them(
    members: dict[str, object],
) -> None:
    """NTS came with AXIS OS 11.1."""
    wanted = NTPClientConfiguration(**members)  # type: ignore[arg-type]
    assert wanted.needs_newer_firmware
    [fault] = wanted.faults_for(OLD)
    assert fault.startswith(f"{next(iter(members))}: the device does not report it")
    assert wanted.faults_for(ACTUAL) == ()


def test_the_first_members_need_no_newer_firmware() -> None:
    """Every ntp.cgi knows them."""
    wanted = NTPClientConfiguration(
        enabled=True, servers_source=ServersSource.DHCP, static_servers=()
    )
    assert not wanted.needs_newer_firmware
    assert wanted.faults_for(NTPClientStatus()) == ()


@pytest.mark.parametrize(
    ("wanted", "actual", "fault"),
    [
        ({"minpoll": 9}, (6, 10), None),
        ({"minpoll": 10}, (6, 10), None),
        ({"minpoll": 11}, (6, 10), "minpoll: 11 would be above maxpoll 10"),
        ({"maxpoll": 6}, (6, 10), None),
        ({"maxpoll": 5}, (6, 10), "minpoll: 6 would be above maxpoll 5"),
        ({"minpoll": 11, "maxpoll": 12}, (6, 10), None),
        ({"enabled": True}, (10, 6), None),
    ],
)
def test_one_poll_bound_is_compared_with_the_other_of_the_device(
    wanted: dict[str, Any], actual: tuple[int, int], fault: str | None
) -> None:
    """What is not sent stays as it is, so both must fit together."""
    status = NTPClientStatus(minpoll=actual[0], maxpoll=actual[1])
    faults = NTPClientConfiguration(**wanted).faults_for(status)
    assert faults == (() if fault is None else (fault,))


def test_no_nts_is_what_a_device_without_nts_has() -> None:
    """A policy for a mixed fleet may say so; what it does not know is not sent to it."""
    wanted = NTPClientConfiguration(enabled=True, nts_enabled=False, static_ntske_servers=())
    old, new = NTPClientStatus(enabled=True), NTPClientStatus(enabled=True, nts_enabled=True)
    assert wanted.applicable_to(old).members == {"enabled": True}
    assert wanted.applicable_to(new).members == {"enabled": True, "nts_enabled": False}


def test_nts_is_asked_of_a_device_without_it_all_the_same() -> None:
    """Somebody has to be told that it cannot have it."""
    wanted = NTPClientConfiguration(nts_enabled=True, ntske_server_ca_certs=("ca-1",), minpoll=4)
    assert wanted.applicable_to(NTPClientStatus()) == wanted


@given(configurations, st.sampled_from([ACTUAL, OLD, NTPClientStatus()]), st.integers(0, 3))
def test_limits_tell_all_that_a_configuration_is_compared_with(
    wanted: NTPClientConfiguration, status: NTPClientStatus, most: int
) -> None:
    """A session remembers them in place of the status; devices with the same share one."""
    status = attrs.evolve(status, max_supported_static_servers=most)
    limits = limits_of(status)
    assert wanted.faults_for(limits) == wanted.faults_for(status)
    assert limits is limits_of(attrs.evolve(status, static_servers=("a",), time_offset_ms=7.0))
