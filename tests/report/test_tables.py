"""Tables for people."""

import io
from typing import Any

import pytest
from attrs import evolve
from rich.console import Console, RenderableType

from axis_ntp_async.device.configuration import Change
from axis_ntp_async.device.records import (
    Device,
    NTPClientStatus,
    NTPInfo,
    Outcome,
    ServersSource,
)
from axis_ntp_async.errors import DeviceError, DeviceUnreachableError, UnsupportedDeviceError
from axis_ntp_async.health.finding import Finding
from axis_ntp_async.health.judge import judge
from axis_ntp_async.health.sweep import Summary
from axis_ntp_async.report.documents import ChangedDevice
from axis_ntp_async.report.tables import (
    changes_table,
    findings_table,
    info_table,
    offset,
    signed_offset,
    signed_skew,
)
from axis_ntp_async.report.terminal import Trimmed
from axis_ntp_async.report.totals import failures, summary_table
from tests.healthy import AT, CLIENT, clock

INFO = NTPInfo(
    api_version="1.5",
    client=evolve(
        CLIENT,
        static_servers=("ntp1.example", "ntp2.example"),
        time_to_next_sync_s=12,
        time_offset_ms=-12.34,
    ),
    clock=clock(0.26, 0.51, round_trip_s=0.02),
)


def drawn(content: RenderableType, width: int = 120) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width).print(Trimmed(content), end="")
    return stream.getvalue()


def outcome_of(
    name: str = "lobby-3",
    value: Any = INFO,
    error: DeviceError | None = None,
    site: str | None = "berlin",
    scheme: str = "https",
) -> Outcome[Any]:
    device = Device(name=name, host="192.0.2.7", site=site, scheme=scheme)
    answer = None if error else value
    return Outcome(device=device, value=answer, error=error, at=AT, attempts=1, elapsed_s=0.1)


def dead(name: str, site: str | None = "berlin") -> Outcome[Any]:
    return outcome_of(name, error=DeviceUnreachableError(name, "no answer"), site=site)


def findings(*outcomes: Outcome[Any]) -> list[Finding]:
    return [judge(one) for one in outcomes]


def table(found: list[Finding], width: int = 120, *, show_all: bool = False) -> str:
    return drawn(findings_table(found, width, show_all=show_all), width)


def test_the_worst_comes_first() -> None:
    """People read from above."""
    off = outcome_of("off", NTPInfo(client=NTPClientStatus(enabled=False)))
    text = table(findings(outcome_of("good"), dead("dead"), off))
    assert text.index("off") < text.index("dead") < text.index("good")


def test_names_are_sorted_as_people_count() -> None:
    """The second gate stands before the tenth."""
    text = table(findings(*(outcome_of(f"gate-{number}") for number in (10, 9, 2))))
    assert text.index("gate-2") < text.index("gate-9") < text.index("gate-10")


def test_a_small_fleet_is_shown_whole() -> None:
    """Nobody has to ask for the good ones of a few."""
    text = table(findings(*(outcome_of(f"gate-{number}") for number in range(50))))
    assert text.count("in sync") == 50


def test_a_large_fleet_shows_troubles_and_counts_the_rest() -> None:
    """Ten of those alike, and how many there are besides; nothing is dropped silently."""
    good = [outcome_of(f"good-{number}") for number in range(60)]
    bad = [dead(f"dead-{number}") for number in range(33)]
    text = table(findings(*good, *bad))
    assert text.count("no answer") == 10
    assert "good-" not in text
    assert "60 that are ok and 23 more like these" in text


def test_every_device_is_shown_on_demand() -> None:
    """`--all` means all."""
    good = [outcome_of(f"good-{number}") for number in range(60)]
    bad = [dead(f"dead-{number}") for number in range(33)]
    text = table(findings(*good, *bad), show_all=True)
    assert (text.count("in sync"), text.count("no answer")) == (60, 33)
    assert "--all" not in text


def test_a_large_fleet_in_sync_is_one_line() -> None:
    """All is well is said in a sentence, not in an empty table."""
    text = table(findings(*(outcome_of(f"good-{number}") for number in range(60))))
    assert text == "… and 60 that are ok; --all lists every device\n"


@pytest.mark.parametrize("width", [20, 40, 59, 60, 80, 99, 100, 130, 200])
@pytest.mark.parametrize("name", ["lobby-3", "a-rather-long-name-of-a-device-on-the-third-floor"])
def test_it_fits_the_terminal(width: int, name: str) -> None:
    """No line is wider than the terminal or ends in blanks."""
    long = DeviceUnreachableError(name, "no answer from a-host-with-a-long-name.example in 10 s")
    text = table(findings(outcome_of(name, error=long), outcome_of("good")), width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert lines == [line.rstrip() for line in lines]
    assert "good" in text


def test_a_narrow_terminal_loses_no_word() -> None:
    """Where columns would be slivers, one thing stands below the other."""
    error = DeviceUnreachableError("a", "no answer from a-host-with-a-long-name.example in 10 s")
    text = table(findings(outcome_of("a", error=error)), 40)
    assert "noanswerfroma-host-with-a-long-name.examplein10s" in "".join(text.split())


def test_a_wide_terminal_shows_numbers() -> None:
    """Offset and skew first, the servers when there is still room."""
    found = findings(outcome_of())
    assert "-12.34 ms" in table(found, 100)
    assert "ntp1.example +1" in table(found, 130)
    assert "ms" not in table(found, 80)


def test_a_fleet_without_sites_has_no_column_for_them() -> None:
    """An empty column tells nothing."""
    assert "site" not in table(findings(outcome_of(site=None)))
    assert "site" in table(findings(outcome_of(site=None), outcome_of("b")))


def test_several_problems_are_told() -> None:
    """The root cause in words, the others counted."""
    client = NTPClientStatus(
        enabled=True, servers_source=ServersSource.STATIC, static_servers=(), synced=False
    )
    assert "(and 1 more problem)" in table(findings(outcome_of(value=NTPInfo(client=client))))


def test_advice_is_left_to_the_summary() -> None:
    """A row says what is so; what to do about it would be said twice."""
    error = UnsupportedDeviceError("a", "no NTP API here. Update it")
    found = findings(outcome_of("a", error=error))
    assert "Update it" not in table(found)


HOSTILE = "a[red]b[/red]\x1b[2J\u202e\ud800"


def test_nobody_steers_the_terminal() -> None:
    """Neither markup nor escapes in what a device or a file says have any effect."""
    client = NTPClientStatus(enabled=True, static_servers=(HOSTILE,), other={"x": HOSTILE})
    info = NTPInfo(api_version=HOSTILE, client=client, other={HOSTILE: HOSTILE})
    error = DeviceUnreachableError("b", f"said {HOSTILE}")
    outcomes = [outcome_of("a[bold]", info), outcome_of("b", error=error, site="[blink]")]
    summary = Summary()
    for one in findings(*outcomes):
        summary.add(one)
    change = Change(member="static_servers", before=(HOSTILE,), after=())
    text = "".join(
        drawn(one, 200)
        for one in (
            findings_table(findings(*outcomes), 200, show_all=True),
            findings_table(findings(*outcomes), 40, show_all=True),
            summary_table(summary),
            info_table(outcomes, 200),
            info_table(outcomes[:1], 200),
            failures(findings(*outcomes)),
            changes_table([ChangedDevice(outcome=outcomes[0], changes=(change,))]),
        )
    )
    assert set("\x1b\u202e\ud800") & set(text) == set()
    assert "a[red]b[/red]?[2J??" in text
    assert "[blink]" in text
    assert "a[bold]" in text


@pytest.mark.parametrize(
    ("offset_ms", "expected"),
    [
        (None, "-"),
        (0.0, "0.00 ms"),
        (0.0164, "+0.02 ms"),
        (-12.3, "-12.30 ms"),
        (999.4, "+999.40 ms"),
        (1247.0, "+1.25 s"),
        (-60_000.0, "-60.00 s"),
    ],
)
def test_offsets(offset_ms: float | None, expected: str) -> None:
    """Two decimals everywhere, so that a column can be compared at a glance."""
    assert signed_offset(offset_ms) == expected
    assert offset(offset_ms) == expected.lstrip("+")


@pytest.mark.parametrize(
    ("skew_s", "expected"),
    [(None, "-"), (0.04, "+0.0 s"), (-0.04, "+0.0 s"), (37.04, "+37.0 s"), (-2.0, "-2.0 s")],
)
def test_skews(skew_s: float | None, expected: str) -> None:
    """One decimal, and no such thing as minus nothing."""
    assert signed_skew(skew_s) == expected


def test_one_device_is_shown_with_all_it_said() -> None:
    """A list of everything, with units."""
    text = drawn(info_table([outcome_of()], 80))
    for word in ("lobby-3 (192.0.2.7)", "ntp1.example ntp2.example", "12 s", "2^6 to 2^10 s"):
        assert word in text


def test_what_a_device_does_not_say_is_a_dash() -> None:
    """An old device says little; nothing is made up, and no unit stands alone."""
    text = drawn(info_table([outcome_of(value=NTPInfo())], 80))
    assert {line.split("  ")[-1].strip() for line in text.splitlines()[1:]} == {"-"}


def test_a_huge_power_is_not_worked_out() -> None:
    """A device that sends an absurd poll bound costs no memory."""
    client = NTPClientStatus(minpoll=10**12, maxpoll=10**12)
    assert f"2^{10**12}" in drawn(info_table([outcome_of(value=NTPInfo(client=client))], 80))


@pytest.mark.parametrize(("width", "column"), [(40, "synced"), (80, "servers"), (120, "API")])
def test_several_devices_are_a_table(width: int, column: str) -> None:
    """With as many columns as there is room for."""
    text = drawn(info_table([outcome_of("a"), outcome_of("b")], width), width)
    assert column in text.splitlines()[0]
    assert len(text.splitlines()) >= 3


def test_nobody_who_answered_is_no_table() -> None:
    """Headings without rows are noise; the failures are told elsewhere."""
    assert drawn(info_table([dead("a"), dead("b")], 80)) == ""


def test_a_change_is_shown_before_and_after() -> None:
    """In the words of the API."""
    changes = (
        Change(member="enabled", before=None, after=True),
        Change(member="servers_source", before=ServersSource.DHCP, after=ServersSource.STATIC),
        Change(member="static_servers", before=("a", "b"), after=()),
    )
    lines = drawn(changes_table([ChangedDevice(outcome=outcome_of(), changes=changes)]))
    assert [line.split() for line in lines.splitlines()[1:]] == [
        ["lobby-3", "enabled", "-", "yes"],
        ["lobby-3", "servers_source", "DHCP", "static"],
        ["lobby-3", "static_servers", "a", "b", "none"],
    ]


def summary_of(*outcomes: Outcome[Any]) -> str:
    summary = Summary()
    for one in findings(*outcomes):
        summary.add(one)
    return drawn(summary_table(summary))


def test_a_summary_counts_states() -> None:
    """Those that there are, from good to bad."""
    off = outcome_of("off", NTPInfo(client=NTPClientStatus(enabled=False)))
    text = summary_of(outcome_of("a"), outcome_of("b"), dead("c"), off)
    assert "4 devices: 2 ok, 1 unknown, 1 critical" in text
    assert summary_of(outcome_of()).startswith("1 device: 1 ok")


def test_a_summary_tells_offsets_of_several() -> None:
    """Percentiles of one or two devices would be a pretence."""
    three = [outcome_of(str(number)) for number in range(3)]
    assert "half within 12.3" in summary_of(*three)
    assert "half" not in summary_of(*three[:2])


def test_alike_troubles_are_one_entry() -> None:
    """Ten examples at most, one sentence, one hint."""
    text = summary_of(*(dead(f"dead-{number}") for number in range(33)))
    assert text.count("no answer") == 1
    assert text.count("dead-") == 10
    assert "33 x unreachable at berlin" in text
    assert "and 23 more" in text


def test_unlike_sentences_give_an_example() -> None:
    """One of several sentences stands for all, and says so."""
    other = outcome_of("b", error=DeviceUnreachableError("b", "refused"), site="lyon")
    text = summary_of(dead("a"), other)
    assert "2 x unreachable: a, b" in text
    assert "for example: no answer" in text


def test_sites_with_most_trouble_come_first() -> None:
    """And not more of them than people read."""
    outcomes = [outcome_of(f"good-{number}", site=f"site-{number:02}") for number in range(30)]
    text = summary_of(*outcomes, dead("x", "site-17"))
    lines = text.splitlines()
    sites = [line.split()[0] for line in lines if line.startswith("site-")]
    assert sites[0] == "site-17"
    assert len(sites) == 10
    assert "20 sites with no more trouble" in text


def test_plain_http_is_counted() -> None:
    """Nobody overlooks what anybody on the way can read."""
    outcomes = [outcome_of("a", scheme="http"), outcome_of("b")]
    assert "1 of 2 over plain HTTP" in summary_of(*outcomes)


def test_one_site_needs_no_table() -> None:
    """Its numbers are the totals."""
    assert "warning" not in summary_of(outcome_of("a"), outcome_of("b"))


def test_failures_tell_what_to_do() -> None:
    """As in a sweep: cause, devices, sentence, hint."""
    text = drawn(failures(findings(dead("a"), dead("b"))))
    assert text.splitlines()[0] == "2 x unreachable at berlin: a, b"
    assert "Check power" in text
    assert "good" not in text
