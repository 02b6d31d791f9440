"""`policy check` and `explain`, and the policy of other commands."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axis_ntp_async.cli.policies import check_policy, policy_at
from axis_ntp_async.device.records import Device
from axis_ntp_async.errors import PolicyError, SettingsError

INVENTORY = """
[[devices]]
name = "lobby-3"
host = "10.0.4.17"
site = "berlin"
groups = ["indoor"]

[[devices]]
name = "lobby-4"
host = "10.0.4.18"
site = "berlin"

[[devices]]
name = "Pförtner"
host = "10.0.5.1"
site = "lyon"
"""

POLICY = """
[policy]
enabled = true
servers = ["10.0.0.5", "10.0.0.6"]

[[policy.override]]
match = "site=berlin"
servers = ["10.9.0.5"]
minpoll = 6

[[policy.override]]
match = ["lobby-3", "site=rome"]
servers = "clear"
optional = true
"""


@pytest.fixture(autouse=True)
def fleet() -> None:
    """An inventory and a policy in the working directory."""
    Path("fleet.toml").write_text(INVENTORY, encoding="utf-8")
    Path("p.toml").write_text(POLICY, encoding="utf-8")


def change(old: str, new: str) -> None:
    """Change the policy."""
    Path("p.toml").write_text(POLICY.replace(old, new), encoding="utf-8")


def test_a_check_shows_what_a_policy_comes_to(run: Callable[..., Any]) -> None:
    """Each configuration once, with its number of devices."""
    code, out, err = run("policy", "check", "fleet.toml", "--policy", "p.toml", "-o", "table")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "devices  what is wanted                            for example",
        "1        enabled yes, servers none, minpoll 6      lobby-3",
        "1        enabled yes, servers 10.9.0.5, minpoll 6  lobby-4",
        "1        enabled yes, servers 10.0.0.5 10.0.0.6    Pförtner",
        "",
        "p.toml: 3 rules for 3 devices",
    ]


def test_a_check_can_be_read_by_programs(run: Callable[..., Any]) -> None:
    """With the digest, by which a change of the meaning is noticed."""
    *found, policy = run("policy", "check", "fleet.toml", "--policy", "p.toml").lines
    assert {one["schema"] for one in found} == {"axis-ntp/resolution/v1"}
    assert [one["static_servers"] for one in found] == [[], ["10.9.0.5"], ["10.0.0.5", "10.0.0.6"]]
    assert (policy["schema"], policy["policy"]) == ("axis-ntp/policy/v1", "p.toml")
    assert (policy["rules"], policy["devices"], len(policy["digest"])) == (3, 3, 64)
    rows = run("policy", "check", "fleet.toml", "--policy", "p.toml", "-o", "csv").rows
    assert [row["static_servers"] for row in rows] == ["", "10.9.0.5", "10.0.0.5 10.0.0.6"]


def test_a_check_of_some_devices_knows_of_the_others(run: Callable[..., Any]) -> None:
    """An override for a site that is not selected is no misfit."""
    ran = run("policy", "check", "fleet.toml", "--policy", "p.toml", "--limit", "site=lyon")
    assert ran.code == 0
    assert [line["devices"] for line in ran.lines] == [1, 1]


def test_many_configurations_are_cut(run: Callable[..., Any]) -> None:
    """Unless all are asked for."""
    rows = (f"cam-{number},10.0.0.{number}" for number in range(60))
    Path("fleet.csv").write_text("\n".join(["name,host", *rows]), encoding="utf-8")
    rules = (
        f"[[policy.override]]\nmatch = 'cam-{one}'\nservers = ['s{one}']\n" for one in range(60)
    )
    Path("p.toml").write_text("".join(rules), encoding="utf-8")
    arguments = ("policy", "check", "fleet.csv", "--policy", "p.toml", "-o", "table")
    assert "… and 10 more; --all lists every one" in run(*arguments).out
    assert "more" not in run(*arguments, "--all").out


def test_a_policy_that_wants_nothing_of_a_device_says_so(run: Callable[..., Any]) -> None:
    """In the check and in the explanation."""
    Path("p.toml").write_text("[[policy.override]]\nmatch='lobby-3'\nenabled=true", "utf-8")
    options = ("--policy", "p.toml", "-o", "table")
    assert "2        nothing" in run("policy", "check", "fleet.toml", *options).out
    code, out, err = run("policy", "explain", "fleet.toml", "lobby-4", *options)
    assert (code, out) == (0, "")
    assert err == "axis-ntp: lobby-4: no rule of p.toml names a member\n"
    ran = run("policy", "explain", "fleet.toml", "lobby-4", "--policy", "p.toml", "-o", "json")
    assert json.loads(ran.out)["results"] == []


def test_a_check_tells_all_faults(run: Callable[..., Any]) -> None:
    """Those of the file, or else those with the inventory; and leaves with 2."""
    change("enabled = true", "enabled = 1\nmaxpol = 3")
    code, out, err = run("policy", "check", "fleet.toml", "--policy", "p.toml")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "axis-ntp: p.toml:3: enabled: 1 is neither true nor false",
        "axis-ntp: p.toml:4: 'maxpol' is not known; did you mean 'maxpoll'?",
    ]
    Path("p.toml").write_text(
        POLICY.replace("enabled = true", "maxpoll = 5") + "[[policy.override]]\nmatch = 'x'",
        encoding="utf-8",
    )
    code, out, err = run("policy", "check", "fleet.toml", "--policy", "p.toml")
    assert (code, out) == (2, "")
    contradiction, misfit = err.splitlines()
    assert contradiction == (
        "axis-ntp: p.toml:6: minpoll 6 is above maxpoll 5 of p.toml:2, "
        "for lobby-3 and 1 more device"
    )
    assert misfit == (
        "axis-ntp: p.toml:15: match: 'x' fits none of 3 devices; "
        "if that may be so, say optional = true"
    )


def test_an_explanation_shows_who_decides(run: Callable[..., Any]) -> None:
    """With file and line, and who was overruled."""
    code, out, err = run(
        *("policy", "explain", "fleet.toml", "lobby-3", "--policy", "p.toml", "-o", "table")
    )
    assert (code, err) == (0, "")
    head, enabled, servers, minpoll = out.splitlines()
    assert head == "member          value  decided by                      overruled"
    assert enabled == "enabled         yes    p.toml:2                        -"
    assert servers == (
        "static_servers  none   p.toml:11 (lobby-3; site=rome)  "
        "10.9.0.5 of p.toml:6 (site=berlin); 10.0.0.5 10.0.0.6 of p.toml:2"
    )
    assert minpoll == "minpoll         6      p.toml:6 (site=berlin)          -"


def test_an_explanation_can_be_read_by_programs(run: Callable[..., Any]) -> None:
    """A document for each member, also as one, and as CSV."""
    arguments = ("policy", "explain", "fleet.toml", "lobby-4", "--policy", "p.toml")
    [_, servers, _] = run(*arguments).lines
    assert servers["schema"] == "axis-ntp/decision/v1"
    assert (servers["device"], servers["member"]) == ("lobby-4", "static_servers")
    assert (servers["value"], servers["place"]) == (["10.9.0.5"], "p.toml:6")
    assert servers["match"] == "site=berlin"
    assert servers["overruled"] == [
        {"value": ["10.0.0.5", "10.0.0.6"], "place": "p.toml:2", "match": None}
    ]
    document = json.loads(run(*arguments, "-o", "json").out)
    assert document["schema"] == "axis-ntp/policy-explanation/v1"
    assert [row["value"] for row in run(*arguments, "-o", "csv").rows] == ["true", "10.9.0.5", "6"]


def test_an_explanation_tells_a_contradiction_of_this_device(run: Callable[..., Any]) -> None:
    """After showing where it comes from; that of others does not matter."""
    change("enabled = true", "maxpoll = 5")
    arguments = ("--policy", "p.toml", "-o", "csv")
    ran = run("policy", "explain", "fleet.toml", "lobby-3", *arguments)
    assert ran.code == 2
    assert [row["member"] for row in ran.rows] == ["static_servers", "minpoll", "maxpoll"]
    assert "p.toml:6: minpoll 6 is above maxpoll 5 of p.toml:2, for lobby-3\n" in ran.err
    assert run("policy", "explain", "fleet.toml", "Pförtner", *arguments).code == 0


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Lobby-3", "; the closest: lobby-3, lobby-4"),
        ("pfortner", "; the closest: Pförtner"),
        ("xyz", ""),
        ("", ""),
    ],
)
def test_a_device_that_is_not_there_is_told(run: Callable[..., Any], name: str, hint: str) -> None:
    """With the nearest; no pattern, and no address, stands for one."""
    code, out, err = run("policy", "explain", "fleet.toml", name, "--policy", "p.toml")
    assert (code, out) == (2, "")
    assert err == f"axis-ntp: {name!r} is the name of none of 3 devices{hint}\n"


@pytest.mark.parametrize("command", [["check", "fleet.toml"], ["explain", "fleet.toml", "x"]])
def test_a_policy_must_be_named(run: Callable[..., Any], command: list[str]) -> None:
    """The sentence tells all places where it can be."""
    for given in ((), ("--policy", "")):
        code, out, err = run("policy", *command, *given)
        assert (code, out) == (2, "")
        assert err.startswith("axis-ntp: no policy is given: name its file with --policy, in AXIS")


def test_names_steer_nothing(run: Callable[..., Any]) -> None:
    """Markup and escapes in file names and values come out as they are, or harmless."""
    path = Path("[red]\x1b.toml")
    path.write_text("[policy]\nservers = ['[bold]x']\n[policy.nts]\nca_certs = ['[bold]\u202e']")
    assert "\x1b" not in run("policy", "check", "fleet.toml", "--policy", path).err
    path.write_text("[policy.nts]\nca_certs = ['[bold]\u202e']", encoding="utf-8")
    for command in (["check", "fleet.toml"], ["explain", "fleet.toml", "lobby-3"]):
        ran = run("policy", *command, "--policy", path, "-o", "table")
        assert ran.code == 0
        assert "[red]?.toml" in ran.out
        assert "[bold]?" in ran.out


def test_other_commands_read_a_policy_strictly_or_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What fits nobody is a fault, or a warning; the option is theirs to ask for."""
    devices = [Device(name="a", host="10.0.0.1", site="berlin")]
    rules = "".join(f"[[policy.override]]\nmatch = 'x{number}'\n" for number in range(12))
    Path("p.toml").write_text(POLICY + rules, encoding="utf-8")
    with pytest.raises(PolicyError) as error:
        check_policy(policy_at("p.toml"), devices, strict=True)
    assert len(error.value.faults) == 12
    assert capsys.readouterr().err == ""
    assert check_policy(policy_at("p.toml"), devices, strict=False).misfits
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("axis-ntp: p.toml:15: match: 'x0' fits none of 1 devices")
    assert told[10:] == ["axis-ntp: … and 2 more; axis-ntp policy check lists them"]
    with pytest.raises(SettingsError, match="no policy is given"):
        policy_at(None)
