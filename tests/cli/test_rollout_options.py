"""Options of rollouts, and the rules that they come to."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from attrs import evolve, fields

from axis_ntp_async.cli.commands import axis_ntp
from axis_ntp_async.cli.options import SETTINGS, SharedOption
from axis_ntp_async.cli.rollout_options import RuleOptions, rules_of
from axis_ntp_async.rollout.rules.settings import Proof, Rules

Run = Callable[..., Any]

UNNAMED: dict[str, Any] = dict.fromkeys(member.name for member in fields(RuleOptions))
NOTHING = RuleOptions(**UNNAMED | {"one_wave": False, "allow_step": False})


def test_what_is_not_named_keeps_its_value() -> None:
    """The default's, or that of a plan."""
    assert rules_of(NOTHING) == Rules()
    other = Rules(step_limit_s=7.0, allow_step=True)
    assert rules_of(NOTHING, other) == other


@pytest.mark.parametrize(
    ("options", "part", "members"),
    [
        (
            {"canary": 5},
            "staging",
            {"canary_min": 5, "canary_max": 5, "canary_alone_below": 0},
        ),
        ({"growth": 2.0, "wave_max": 9}, "staging", {"growth": 2.0, "cap": 9}),
        ({"one_wave": True}, "staging", {"one_wave": True}),
        ({"canary_failures": 0, "failures": 0}, "budget", {"canary_failures": 0, "failures": 0}),
        ({"failure_ratio": 0.0}, "budget", {"ratio": 0.0}),
        (
            {"site_failures": 4, "site_failure_ratio": 0.5},
            "budget",
            {"site_failures": 4, "site_ratio": 0.5},
        ),
        ({"unreachable_ratio": 1.0}, "budget", {"unreachable_ratio": 1.0}),
        ({"rate": 60.0, "writes_at_once": 3}, "pace", {"per_minute": 60.0, "at_once": 3}),
        (
            {"rate_per_site": 5.0, "rate_per_server": 6.0},
            "pace",
            {"per_site": 5.0, "per_server": 6.0},
        ),
        ({"proof": "readback", "sample": 0.5}, "proof", {"kind": Proof.READBACK,
                                                         "sample_ratio": 0.5}),
        ({"deadline_s": 9.0}, "proof", {"deadline_s": 9.0, "deadline_old_s": 9.0}),
        ({"soak_s": 0.0}, "proof", {"soak_canary_s": 0.0, "soak_s": 0.0}),
    ],
)  # fmt: skip
def test_every_option_sets_its_rules(
    options: dict[str, Any], part: str, members: dict[str, Any]
) -> None:
    """And no others; nothing is a value, too."""
    usual = Rules()
    expected: Any = evolve(usual, **{part: evolve(getattr(usual, part), **members)})
    assert rules_of(evolve(NOTHING, **options)) == expected


def test_clocks_may_be_allowed_to_jump() -> None:
    """By all means, or farther than usual."""
    assert rules_of(evolve(NOTHING, allow_step=True)) == Rules(allow_step=True)
    assert rules_of(evolve(NOTHING, step_limit_s=5.0)) == Rules(step_limit_s=5.0)


def commands() -> Iterator[tuple[str, click.Command]]:
    """Give every command that is about rollouts."""
    yield from ((name, axis_ntp.commands[name]) for name in ("plan", "apply"))
    group = axis_ntp.commands["rollout"]
    assert isinstance(group, click.Group)
    yield from group.commands.items()


@pytest.mark.parametrize("name", ["yes", "out", "exit_code", "one_wave", "allow_step", "device"])
def test_what_is_dangerous_or_of_one_time_must_be_typed(name: str) -> None:
    """No settings file and no variable says yes, or lets clocks jump, for anybody."""
    found = [
        option for _, command in commands() for option in command.params if option.name == name
    ]
    assert found
    assert not any(isinstance(option, SharedOption) or option.envvar for option in found)
    assert name not in SETTINGS


@pytest.mark.parametrize("key", ["yes", "out", "one-wave", "allow-step", "exit-code"])
def test_a_settings_file_with_such_an_option_is_faulty(run: Run, key: str) -> None:
    """It is not passed over."""
    Path("axis-ntp.toml").write_text(f"{key} = true\n", encoding="utf-8")
    ran = run("rollout", "list")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"axis-ntp: axis-ntp.toml: {key}: there is no such setting")


def test_the_others_may_stand_in_a_settings_file(
    run: Run, serve: Callable[..., Path], make_camera: Callable[..., Any]
) -> None:
    """Rules, the journal, the policy, and whether time servers are asked."""
    Path("axis-ntp.toml").write_text(
        "journal = 'night.db'\nrate = 100_000\nrate-per-server = 1e6\nproof = 'readback'\n"
        "preflight = false\ncanary = 2\ngrowth = 1\n[policy]\nservers = ['10.9.0.1']\n",
        encoding="utf-8",
    )
    cameras = [make_camera(f"cam-{number}") for number in range(4)]
    ran = run("apply", serve(*cameras), "--yes")
    assert (ran.code, ran.lines[0]["waves"]) == (0, [2, 1, 1])
    assert Path("night.db").exists()
    assert [line["devices"] for line in run("rollout", "list").lines] == [4]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--rate", "0"), "'--rate': 0.0 is not in the range x>0"),
        (("--canary", "0"), "'--canary': 0 is not in the range x>=1"),
        (("--growth", "0.5"), "'--growth': 0.5 is not in the range x>=1"),
        (("--sample", "5"), "'--sample': 5.0 is not in the range 0<=x<=1"),
        (("--soak", "nan"), "'--soak': 'nan' is not a finite number"),
        (("--step-limit", "0"), "'--step-limit': 0.0 is not in the range x>0"),
        (("--proof", "hope"), "'--proof': 'hope' is not one of 'readback', 'sync'"),
    ],
)
def test_values_that_cannot_be_are_refused(
    run: Run, arguments: tuple[str, ...], told: str
) -> None:
    """Before anything is read."""
    for command in ("plan", "apply"):
        ran = run(command, "fleet.toml", *arguments)
        assert ran.code == 2
        assert told in ran.err
