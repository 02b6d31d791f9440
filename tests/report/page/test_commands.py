"""Commands that the page prints can be pasted: they exist, they parse, they mean what is said."""

import shlex
from typing import Any

import click
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from axis_ntp_async.cli.commands import axis_ntp
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import Device, ServersSource
from axis_ntp_async.errors import (
    CertificateRejectedError,
    ConfigurationError,
    CredentialSuspendedError,
    DeviceError,
    DeviceUnreachableError,
    LoginRefusedError,
    NotTriedError,
    TooManyOpenFilesError,
)
from axis_ntp_async.health.finding import Cause
from axis_ntp_async.inventory.selection import Selection
from axis_ntp_async.report.page.causes import causes
from axis_ntp_async.report.page.commands import NAMED, Typed, commands_for, literal
from axis_ntp_async.report.page.data import page_data
from axis_ntp_async.report.page.report import Report


def lines_of(report: Report) -> list[str]:
    data = page_data(report)
    groups = [*data["site_causes"], *data["causes"]]
    return [command["line"] for group in groups for command in group["commands"]]


def parsed(line: str) -> tuple[str, dict[str, Any]]:
    """Give a command to click, and what click made of it."""
    program, verb, *arguments = shlex.split(line)
    assert program == "axis-ntp"
    command = axis_ntp.commands[verb]
    with command.make_context(verb, arguments, **axis_ntp.context_settings) as context:
        assert not context.args
        return verb, context.params


def test_every_printed_command_parses(full: Report, hostile: Report) -> None:
    """Click takes all of them, the inventory in its place."""
    lines = lines_of(full)
    assert len(lines) > 12
    for line in lines:
        assert parsed(line)[1]["inventory"] == "fleet.toml"
    for line in lines_of(hostile):
        assert line.isprintable()
        parsed(line)


@pytest.mark.parametrize("cause", Cause)
@pytest.mark.parametrize("policy", [None, "my policy.toml"])
def test_every_cause_has_a_command_that_parses(
    fleet: Any, cause: Cause, policy: str | None
) -> None:
    """No cause is left without a next step."""
    findings = [fleet.device("lobby 3"), fleet.device("gate-4")]
    typed = Typed(inventory="'my fleet.toml'", policy=policy, servers={"berlin": ("10.9.9.9",)})
    commands = commands_for(cause, findings, typed)
    assert commands
    for command in commands:
        _, given_to = parsed(command.line)
        assert given_to["inventory"] == "my fleet.toml"
        assert "lobby 3" in given_to["limit"]


def command_for(fleet: Any, cause: str, **more: Any) -> list[str]:
    [found] = [one for one in causes(fleet.report(**more)) if one["cause"] == cause]
    return [command["line"] for command in found["commands"]]


def test_a_policy_is_offered_where_it_changes_something(full: Report) -> None:
    """Plan, then apply, for the devices that differ; a device as wanted is only looked at."""
    by_cause = {one["cause"]: one for one in page_data(full)["causes"]}
    verbs = {
        cause: [shlex.split(command["line"])[1] for command in one["commands"]]
        for cause, one in by_cause.items()
    }
    assert verbs["disabled"] == ["get", "plan", "apply"]
    assert verbs["not_synced"] == ["get"]
    assert verbs["certificate"] == ["trust"]
    assert verbs["unreachable"] == ["sweep"]


def test_without_a_policy_a_few_devices_are_set(fleet: Any) -> None:
    """A client that is off is switched on; servers come from neighbours in sync."""
    fleet.device("well")
    fleet.device("off", enabled=False, synced=False)
    fleet.device("lost", static_servers=(), synced=False)
    assert command_for(fleet, "disabled")[-1] == "axis-ntp set fleet.toml --enable --limit off"
    assert command_for(fleet, "no_servers")[-1] == (
        "axis-ntp set fleet.toml --source static --server 10.0.0.5 --server 10.0.0.6 --limit lost"
    )


def test_a_policy_without_a_file_is_not_typed(fleet: Any) -> None:
    """A program may want something of devices that no command line can name."""
    fleet.device("off", enabled=False, desired=NTPClientConfiguration(enabled=True))
    assert [line.split()[1] for line in command_for(fleet, "disabled")] == ["get", "set"]


def test_servers_are_not_guessed(fleet: Any) -> None:
    """No neighbour in sync, one with strange servers, or NTS: nothing is set."""
    fleet.device("lost", "oslo", static_servers=(), synced=False)
    fleet.device("odd", "lyon", static_servers=("$(reboot)", "x y"))
    fleet.device("lost-2", "lyon", static_servers=(), synced=False)
    fleet.device("well", "riga")
    fleet.device("lost-3", "riga", nts_enabled=True, static_ntske_servers=(), synced=False)
    for found in causes(fleet.report()):
        assert not any(" set " in command["line"] for command in found["commands"])


def test_neighbours_with_dhcp_are_no_example(fleet: Any) -> None:
    """What a lease advertises is no list to be typed."""
    fleet.device(
        "leased", servers_source=ServersSource.DHCP, advertised_servers=("10.1.1.1", "10.1.1.2")
    )
    fleet.device("lost", static_servers=(), synced=False)
    assert [line.split()[1] for line in command_for(fleet, "no_servers")] == ["get"]


def test_devices_of_several_sites_get_servers_one_first(fleet: Any) -> None:
    """What is right for one site need not be right for the next one."""
    for site in ("oslo", "lyon"):
        fleet.device(f"well-{site}", site)
        fleet.device(f"lost-{site}", site, static_servers=(), synced=False)
    [found] = causes(fleet.report())
    assert found["commands"][-1]["purpose"].endswith("(one first)")
    assert found["commands"][-1]["line"].endswith("--limit lost-oslo")


def test_many_devices_are_meant_by_their_site(fleet: Any) -> None:
    """Names up to ten; then the site, and for a change only the first of them."""
    for number in range(NAMED + 1):
        fleet.device(f"cam-{number}", enabled=False, synced=False)
        fleet.device(f"dead-{number}", "oslo", error=DeviceUnreachableError)
    assert command_for(fleet, "unreachable") == ["axis-ntp sweep fleet.toml --limit site=oslo"]
    assert command_for(fleet, "disabled")[-1].endswith("set fleet.toml --enable --limit cam-0")


def test_a_login_is_tried_at_one_device_only(fleet: Any) -> None:
    """Each wrong password brings a device nearer to locking us out."""
    for name in ("a", "b", "c"):
        fleet.device(name, error=LoginRefusedError)
        fleet.device(f"{name}{name}", error=CertificateRejectedError)
    assert command_for(fleet, "login") == ["axis-ntp get fleet.toml --limit a"]
    assert command_for(fleet, "certificate") == [
        "axis-ntp trust fleet.toml --limit aa --limit bb --limit cc"
    ]


@pytest.mark.parametrize(
    ("error", "line", "purpose"),
    [
        (
            CredentialSuspendedError,
            "axis-ntp get fleet.toml --limit a",
            "Try the corrected credentials at one of them",
        ),
        (
            TooManyOpenFilesError,
            "axis-ntp sweep fleet.toml --concurrency 20 --limit a --limit b",
            "Sweep them, few at once",
        ),
        (NotTriedError, "axis-ntp sweep fleet.toml --limit a --limit b", "Sweep them now"),
    ],
)
def test_what_was_not_tried_is_gone_on_with_as_it_can_be(
    fleet: Any, error: type[DeviceError], line: str, purpose: str
) -> None:
    """The same sweep once more would be held up by the same thing."""
    for name in ("a", "b"):
        fleet.device(name, error=error)
    [found] = causes(fleet.report())
    assert found["cause"] == "not_tried"
    assert found["commands"] == [{"purpose": purpose, "line": line}]
    assert parsed(line)


def test_one_device_is_not_many(fleet: Any) -> None:
    """A purpose says so."""
    fleet.device("a", error=NotTriedError)
    [found] = causes(fleet.report())
    assert found["commands"][0]["purpose"] == "Sweep it now"


def test_each_device_has_commands(hostile: Report) -> None:
    """They are put together in the browser, and parse whatever the device is called."""
    columns = page_data(hostile)["devices"]
    for name, term in zip(columns["name"], columns["term"], strict=True):
        for command in columns["commands"]:
            assert parsed(f"{command['line']} {term or name}")[1]["limit"]


def test_without_an_inventory_there_are_no_commands(full: Report, fleet: Any) -> None:
    """A library that knows no file prints none."""
    fleet.device("off", enabled=False)
    report = fleet.report(commands="", site_causes=full.site_causes)
    assert lines_of(report) == []
    assert page_data(report)["devices"]["commands"] == []


@given(st.text(min_size=1, max_size=20))
@example("not here")
@example("one, two and three")
@example("@list")
@example("!lab")
@example("[a-z]*?")
@example("x=y")
def test_a_name_as_a_term_means_its_device(name: str) -> None:
    """Whatever a device is called, the selection finds it again, also through a shell."""
    try:
        device = Device(name=name, host="192.0.2.1", site=name)
    except ConfigurationError:
        assume(False)
    for term in (literal(name), f"site={literal(name)}"):
        [read] = shlex.split(shlex.quote(term))
        assert Selection.parse([read]).matches(device)


def test_a_term_means_no_other_device() -> None:
    """Signs of patterns in a name are not taken for patterns."""
    term = Selection.parse([literal("cam[1]*")])
    assert term.matches(Device(name="cam[1]*", host="192.0.2.1"))
    assert not term.matches(Device(name="cam1x", host="192.0.2.1"))


def test_a_wrong_command_would_be_found() -> None:
    """The test's own parser refuses what click does not know."""
    with pytest.raises(click.UsageError):
        parsed("axis-ntp sweep fleet.toml --limits x")
