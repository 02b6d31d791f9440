"""What a check prints for Nagios, and the code it leaves with."""

import re
from collections.abc import Iterable
from typing import Any

import pytest

from axis_ntp_async.device.records import Device, Outcome
from axis_ntp_async.errors import (
    ConfigurationError,
    DeviceBusyError,
    DeviceError,
    DeviceUnreachableError,
    LoginRefusedError,
    NotTriedError,
    UnsupportedDeviceError,
)
from axis_ntp_async.health.finding import Cause, Finding, State, Thresholds
from axis_ntp_async.health.judge import judge
from axis_ntp_async.report.nagios.check import Check, CheckRules, Code, unknown
from axis_ntp_async.report.nagios.device import check_device
from axis_ntp_async.report.nagios.fleet import check_fleet
from tests.healthy import AT, clock, outcome

USUAL = CheckRules()
THRESHOLDS = Thresholds()

NUMBER = r"-?\d+(\.\d+)?"
RANGE = rf"({NUMBER}(:{NUMBER})?)?"
PERFDATA = re.compile(rf"[a-z_]+={NUMBER}s?(;{RANGE}){{0,2}}(;({NUMBER})?){{0,2}}")
"""Source: the guidelines of monitoring-plugins, performance data."""


def finding(
    name: str = "lobby-3",
    site: str | None = "berlin",
    *,
    error: type[DeviceError] | None = None,
    skew_s: float | None = None,
    **members: Any,
) -> Finding:
    return judge(
        outcome(
            Device(name=name, host="10.0.4.17", site=site),
            error=error(name, "what it said") if error else None,
            clock=None if skew_s is None else clock(skew_s),
            **{"time_offset_ms": -12.0, **members},
        )
    )


def fleet(**groups: int) -> list[Finding]:
    """Give so many findings of each kind: `site__kind=count`."""
    return [
        finding(f"{site}-{kind}-{number}", site, **KINDS[kind])
        for group, count in groups.items()
        for site, kind in [group.split("__")]
        for number in range(count)
    ]


KINDS: dict[str, dict[str, Any]] = {
    "ok": {},
    "warning": {"static_servers": ("10.0.0.5",)},
    "critical": {"synced": False},
    "silent": {"error": DeviceUnreachableError},
    "login": {"error": LoginRefusedError},
    "late": {"error": NotTriedError},
    "busy": {"error": DeviceBusyError},
    "old": {"error": UnsupportedDeviceError},
    "wrong": {"skew_s": 37.0},
}


def numbers_of(check: Check) -> dict[str, str]:
    first = check.text.splitlines()[0]
    _, _, numbers = first.partition(" | ")
    assert all(PERFDATA.fullmatch(one) for one in numbers.split())
    return dict(one.split("=", 1) for one in numbers.split())


def test_a_fleet_in_sync_is_told_in_one_line() -> None:
    """Counts, the largest offset, and numbers in base units with their limits."""
    check = check_fleet(fleet(berlin__ok=998, lyon__critical=2), USUAL, THRESHOLDS)
    assert check.code is Code.OK
    assert check.text.splitlines()[0] == (
        "NTP OK - 998/1000 in sync, max offset 12 ms; critical: 2 not synced | "
        "offset_max=0.012s;0.1;1 unsynced=2;;;0;1000 not_ok=2;10;;0;1000 "
        "warning=0;;;0;1000 unknown=0;;;0;1000 critical=2;;50;0;1000"
    )


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("ok", Code.OK),
        ("warning", Code.WARNING),
        ("critical", Code.CRITICAL),
        ("silent", Code.UNKNOWN),
        ("login", Code.UNKNOWN),
    ],
)
def test_the_state_of_a_single_device_is_the_code(kind: str, code: Code) -> None:
    """And its message the line; what to do about it stands below."""
    one = finding(**KINDS[kind])
    check = check_device(one, USUAL, THRESHOLDS)
    first, *details = check.text.splitlines()
    assert check.code is code
    assert first.startswith(f"NTP {code.name} - lobby-3 (berlin): {one.message}")
    assert details == ([one.hint] if one.problems else [])


def test_the_numbers_of_a_single_device_have_their_signs() -> None:
    """So their limits are ranges around nothing."""
    check = check_device(finding(skew_s=-0.25), USUAL, THRESHOLDS)
    assert numbers_of(check) == {
        "offset": "-0.012s;-0.1:0.1;-1:1",
        "skew": "-0.25s;-2:2;-5:5",
    }


def test_what_is_not_known_has_no_number() -> None:
    """A made-up 0 would be drawn as a good one."""
    assert numbers_of(check_device(finding(synced=False), USUAL, THRESHOLDS)) == {}
    assert "offset_max" not in numbers_of(
        check_fleet(fleet(a__critical=1, b__login=1), USUAL, THRESHOLDS)
    )


def test_all_problems_of_a_single_device_are_told() -> None:
    """The root cause first, the others below."""
    check = check_device(finding(synced=False, skew_s=90.0), USUAL, THRESHOLDS)
    _, hint, other = check.text.splitlines()
    assert hint.startswith("Check that UDP 123")
    assert other.startswith("CRITICAL its clock is 90.0 s ahead of ours")


def test_an_address_is_not_named_twice() -> None:
    """A device that was given by its address is named so, and its error, too."""
    one = judge(
        Outcome(
            device=Device(name="127.0.0.1", host="127.0.0.1"),
            error=DeviceUnreachableError("127.0.0.1", "127.0.0.1: Connection refused"),
            at=AT,
            attempts=1,
            elapsed_s=0,
        )
    )
    first = check_device(one, USUAL, THRESHOLDS).text.splitlines()[0]
    assert first == "NTP UNKNOWN - 127.0.0.1: Connection refused"


@pytest.mark.parametrize(
    ("groups", "code"),
    [
        ({"a__ok": 99, "a__warning": 1}, Code.OK),
        ({"a__ok": 98, "a__warning": 2}, Code.WARNING),
        ({"a__ok": 97, "a__warning": 3}, Code.WARNING),
        ({"a__ok": 950, "a__critical": 50}, Code.WARNING),
        ({"a__ok": 949, "a__critical": 51}, Code.CRITICAL),
        ({"a__ok": 949, "a__critical": 50, "a__login": 1}, Code.UNKNOWN),
        ({"a__ok": 94, "a__login": 6}, Code.UNKNOWN),
        ({"a__ok": 96, "a__login": 4}, Code.WARNING),
        ({"a__warning": 100}, Code.WARNING),
        ({"a__ok": 1, "a__critical": 1}, Code.CRITICAL),
        ({"a__late": 10}, Code.UNKNOWN),
    ],
)
def test_shares_decide(groups: dict[str, int], code: Code) -> None:
    """More than 5 % critical, 5 % critical or unknown, 1 % not ok; a warning never alarms."""
    assert check_fleet(fleet(**groups), USUAL, THRESHOLDS).code is code


def test_a_dark_site_is_critical_though_it_is_small() -> None:
    """Its devices lost sync, or none can be reached while others can: 1 % of a fleet."""
    lost = "100 % critical at oslo, more than 5 %; critical: 10 not synced; "
    for kind, told in (
        ("critical", f"; {lost}worst sites: oslo 10/10 not synced |"),
        ("silent", "max offset 12 ms; unknown: 10 unreachable; worst sites: oslo 10/10 dark |"),
    ):
        findings = fleet(berlin__ok=990, **{f"oslo__{kind}": 10})
        check = check_fleet(findings, USUAL, THRESHOLDS)
        assert check.code is Code.CRITICAL
        assert told in check.text


def test_a_dark_site_is_not_guessed_when_nothing_can_be_reached() -> None:
    """Then it may be our own network."""
    findings = fleet(berlin__silent=30, oslo__silent=10, lyon__late=5)
    check = check_fleet(findings, USUAL, THRESHOLDS)
    assert check.code is Code.UNKNOWN
    assert "berlin 30/30 unreachable, oslo 10/10 unreachable, lyon 5/5 not tried |" in check.text


def test_a_dark_site_is_none_when_silence_is_no_alarm() -> None:
    """Somebody said so."""
    findings = fleet(berlin__ok=990, oslo__silent=10)
    for state in (State.OK, State.WARNING):
        check = check_fleet(findings, CheckRules(unreachable_as=state), THRESHOLDS)
        assert check.code.name == state.name


def test_two_broken_cameras_are_no_broken_site() -> None:
    """With many small sites something is always wrong in one of them."""
    findings = fleet(berlin__ok=998, oslo__critical=2)
    assert check_fleet(findings, USUAL, THRESHOLDS).code is Code.OK
    findings = fleet(berlin__ok=997, oslo__critical=3)
    assert check_fleet(findings, USUAL, THRESHOLDS).code is Code.CRITICAL


@pytest.mark.parametrize(("state", "code"), [(state, Code[state.name]) for state in State])
def test_what_silence_counts_as_can_be_said(state: State, code: Code) -> None:
    """Of one device, and of all; in sync it is not."""
    rules = CheckRules(unreachable_as=state)
    assert check_device(finding(error=DeviceUnreachableError), rules, THRESHOLDS).code is code
    check = check_fleet(fleet(a__silent=10), rules, THRESHOLDS)
    assert check.code is code
    word = "taken as ok" if state is State.OK else state.value
    assert check.text.startswith(f"NTP {code.name} - 0/10 in sync; ")
    assert f"; {word}: 10 unreachable" in check.text


@pytest.mark.parametrize("share", [0.29, 0.57, 0.07])
def test_a_share_that_is_just_allowed_is_allowed(share: float) -> None:
    """29 of 100 are not more than 0.29 of them, whatever floats say."""
    rules = CheckRules(warn_fraction=share, crit_fraction=share)
    count = round(100 * share)
    just = [*fleet(berlin__critical=count, lyon__ok=100 - count)]
    one_site = [finding(one.device.name, None, synced=one.cause is None) for one in just]
    assert check_fleet(one_site, rules, THRESHOLDS).code is Code.OK


def test_the_reason_of_a_state_is_as_bad_as_it() -> None:
    """A device that is critical for its clock is not told to have a large offset."""
    one = finding(time_offset_ms=-500.0, skew_s=37.0)
    assert (one.cause, one.state) == (Cause.OFFSET, State.CRITICAL)
    first, hint, *others = check_device(one, USUAL, THRESHOLDS).text.splitlines()
    assert "its clock is" in first
    assert hint == one.problems[1].hint
    assert others[0].startswith("WARNING ")


def test_shares_can_be_said() -> None:
    """None at all, or any number of them."""
    findings = fleet(a__ok=999, a__warning=1)
    strict = CheckRules(warn_fraction=0.0)
    assert check_fleet(findings, strict, THRESHOLDS).code is Code.WARNING
    lenient = CheckRules(warn_fraction=1.0, crit_fraction=1.0)
    assert check_fleet(fleet(a__critical=10), lenient, THRESHOLDS).code is Code.OK


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_shares_are_shares(share: float) -> None:
    """From 0 to 1."""
    with pytest.raises(ValueError, match="fraction"):
        CheckRules(warn_fraction=share)


def test_a_warning_takes_no_more_than_critical() -> None:
    """It would never come first; the same share is one on purpose."""
    with pytest.raises(ConfigurationError, match=r"^warn_fraction .* above crit_fraction"):
        CheckRules(warn_fraction=0.5, crit_fraction=0.1)
    assert CheckRules(warn_fraction=0.1, crit_fraction=0.1).warn_fraction == 0.1


def test_a_wrong_password_is_unknown_with_its_cause() -> None:
    """Nothing is known of the clocks."""
    check = check_fleet(fleet(a__login=3, a__late=37), USUAL, THRESHOLDS)
    first, *details = check.text.splitlines()
    assert first.startswith(
        "NTP UNKNOWN - 0/40 in sync; 100 % unknown, more than 5 %; "
        "unknown: 37 not tried, 3 login; worst sites: a 40/40 (37 not tried) |"
    )
    assert sum("what it said" in detail for detail in details) == 10


def test_ten_are_named_and_no_cause_is_hidden_by_another() -> None:
    """The worst first, a few of each kind, and how many more there are."""
    findings = fleet(a__critical=40, a__silent=5, a__warning=2, a__ok=1)
    *named, more = check_fleet(findings, USUAL, THRESHOLDS).details
    assert [line.split()[0] for line in named] == (
        ["CRITICAL"] * 3 + ["UNKNOWN"] * 3 + ["WARNING"] * 2 + ["CRITICAL"] * 2
    )
    assert more == "and 37 more"


def test_other_causes_and_sites_are_counted() -> None:
    """Three of each are named."""
    findings = [
        *fleet(a__critical=9, b__critical=8, c__critical=7, d__critical=6, a__silent=2),
        *fleet(a__login=2, a__late=1, a__warning=1, a__busy=1, a__old=1),
    ]
    first = check_fleet(findings, USUAL, THRESHOLDS).text.splitlines()[0]
    assert "unknown: 2 login, 2 unreachable, 1 busy, 2 others; " in first
    assert (
        "worst sites: a 17/17 (9 not synced), b 8/8 not synced, c 7/7 not synced and 1 more"
    ) in first


def test_no_cause_that_is_critical_is_hidden_by_warnings() -> None:
    """However many there are of these: the worst state first, in it the most frequent."""
    findings = fleet(a__warning=300, a__silent=20, a__login=30, a__critical=1, a__wrong=2)
    first = check_fleet(findings, USUAL, THRESHOLDS).text.splitlines()[0]
    assert (
        "; critical: 2 skew, 1 not synced; unknown: 30 login, 20 unreachable; "
        "warning: 300 few servers; "
    ) in first


def test_a_cause_counts_by_the_problem_that_decides() -> None:
    """An offset worth a warning does not make a device critical, when its skew does."""
    both = finding(time_offset_ms=150.0, skew_s=37.0)
    check = check_fleet([both], USUAL, THRESHOLDS)
    assert "; critical: 1 skew |" in check.text
    [detail] = check.details
    assert detail.startswith("CRITICAL lobby-3 (berlin): its clock is 37.0 s ahead of ours, yet ")


def test_who_follows_a_wrong_server_is_not_in_sync() -> None:
    """It says synced without an offset; how far it is off stands beside the offset."""
    findings = [*fleet(a__ok=398, a__wrong=1), finding("b", skew_s=-2.7)]
    check = check_fleet(findings, USUAL, THRESHOLDS)
    assert check.text.startswith("NTP OK - 398/400 in sync, max offset 12 ms, max skew 37.0 s; ")
    assert numbers_of(check)["skew_max"] == "37s;2;5"
    assert numbers_of(check)["unsynced"] == "2;;;0;400"


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        ({"a__ok": 938, "a__critical": 62}, "CRITICAL - … 6.2 % critical, more than 5 %"),
        (
            {"a__ok": 938, "a__critical": 10, "a__login": 52},
            "UNKNOWN - … 6.2 % critical or unknown (1 % critical), more than 5 %",
        ),
        ({"a__ok": 94, "a__login": 6}, "UNKNOWN - … 6 % unknown, more than 5 %"),
        ({"a__ok": 97, "a__warning": 3}, "WARNING - … 3 % not ok, more than 1 %"),
        ({"a__ok": 9499, "a__critical": 501}, "CRITICAL - … 5.01 % critical, more than 5 %"),
        (
            {"a__ok": 900, "b__critical": 4, "b__ok": 46},
            "CRITICAL - … 8 % critical at b, more than 5 %",
        ),
        (
            {"a__ok": 9000, "b__warning": 3, "b__ok": 46},
            "WARNING - … 6.1 % not ok at b, more than 1 %",
        ),
    ],
)
def test_the_share_that_decides_is_told(groups: dict[str, int], told: str) -> None:
    """With as many digits as it takes to see that it is more."""
    code, _, reason = told.partition(" - … ")
    first = check_fleet(fleet(**groups), USUAL, THRESHOLDS).text.splitlines()[0]
    assert first.startswith(f"NTP {code} - ")
    assert first.split("; ")[1] == reason


def test_a_site_tells_what_decided_there() -> None:
    """Of a site that is UNKNOWN not the one device that is critical, but what most have."""
    findings = fleet(a__ok=900, b__ok=25, b__login=9, b__silent=5, b__critical=1)
    first = check_fleet(findings, USUAL, THRESHOLDS).text.splitlines()[0]
    assert "; worst sites: b 15/40 (9 login) |" in first


def test_dark_sites_are_told_first() -> None:
    """Though others have more devices in trouble."""
    findings = fleet(a__ok=900, b__critical=50, b__ok=10, c__silent=4)
    first = check_fleet(findings, USUAL, THRESHOLDS).text.splitlines()[0]
    assert "; worst sites: c 4/4 dark, b 50/60 not synced |" in first


def test_numbers_have_only_limits_that_decide() -> None:
    """Each is crossed exactly when the code changes."""
    for critical, warning in ((5, 0), (6, 0), (0, 1), (0, 2)):
        groups = {"a__ok": 100 - critical - warning, "a__critical": critical}
        check = check_fleet(fleet(**groups, a__warning=warning), USUAL, THRESHOLDS)
        numbers = numbers_of(check)
        count, _, limit, *_ = numbers["critical"].split(";")
        assert (float(count) > float(limit)) == (check.code is Code.CRITICAL)
        count, limit, *_ = numbers["not_ok"].split(";")
        assert (float(count) > float(limit)) == (check.code is not Code.OK)
        for name in ("unsynced", "warning", "unknown"):
            assert numbers[name].endswith(";;;0;100")


HOSTILE = "a|b\nc\x1b[2Jd"


def texts() -> Iterable[str]:
    site = f"berlin {HOSTILE}"
    one = finding("a|b", site, static_servers=(HOSTILE,), synced=False)
    yield check_device(one, USUAL, THRESHOLDS).text
    yield check_fleet([one] * 5, USUAL, THRESHOLDS).text
    yield unknown(HOSTILE).text


def test_names_cannot_end_the_line_or_begin_the_numbers() -> None:
    """A `|` would turn the rest into performance data, and a new line into details."""
    for text in texts():
        first, *others = text.split("\n")
        assert first.startswith("NTP ")
        assert first.count("|") == (" | " in first)
        assert not [line for line in others if "|" in line]
        assert text.replace("\n", "").isprintable()


def test_endless_names_do_not_flood_the_line() -> None:
    """Old agents cut an answer at 1 KiB; the numbers are to be there."""
    findings = [finding("n" * 5000, "s" * 5000, synced=False) for _ in range(5)]
    first, *details = check_fleet(findings, USUAL, THRESHOLDS).text.split("\n")
    assert len(first) < 512
    assert max(map(len, details)) < 512


def test_why_nothing_is_known_is_one_line() -> None:
    """The first of several faults, and how many more there are."""
    assert unknown("a.toml:1: no\n\na.toml:2: nor this\n").text == (
        "NTP UNKNOWN - a.toml:1: no (and 1 more)"
    )
    assert unknown("\n").text == "NTP UNKNOWN - no reason known"
    assert unknown("x").code == 3


@pytest.mark.parametrize(
    ("offset_ms", "text", "number"),
    [
        (0.0, "0 ms", "0"),
        (-0.0001, "0.0001 ms", "0"),
        (0.123, "0.12 ms", "0.000123"),
        (9.99, "10 ms", "0.00999"),
        (999.7, "1000 ms", "0.9997"),
        (1234.5, "1.2 s", "1.2345"),
        (1e9, "1000000.0 s", "1000000"),
    ],
)
def test_offsets_are_read_by_people_and_by_programs(
    offset_ms: float, text: str, number: str
) -> None:
    """Rounded for the ones, plain digits in seconds for the others."""
    one = finding(time_offset_ms=offset_ms)
    check = check_fleet([one, one], USUAL, THRESHOLDS)
    assert f"max offset {text}" in check.text
    assert numbers_of(check)["offset_max"].startswith(f"{number}s;")
