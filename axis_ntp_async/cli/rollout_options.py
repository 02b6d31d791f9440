"""Options of rollouts: how carefully they go about it. What is not named keeps its default."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import click
from attrs import evolve, frozen
from click.core import ParameterSource

from axis_ntp_async.cli.options import (
    F,
    FiniteRange,
    SharedOption,
    adds,
    count_option,
    seconds_option,
    shared_option,
    with_parameters,
)

if TYPE_CHECKING:
    from axis_ntp_async.rollout.rules.settings import Rules


def _share(name: str, what: str) -> SharedOption:
    return shared_option(name, type=FiniteRange(0, 1), metavar="SHARE", help=what)


def _rate(name: str, what: str) -> SharedOption:
    return shared_option(
        name, type=FiniteRange(min=0, min_open=True), metavar="PER-MINUTE", help=what
    )


_RULE_OPTIONS: Final = (
    shared_option(
        "--proof",
        type=click.Choice(["readback", "sync"]),
        help="When a change counts: the device says so, read again; or (the default) the clocks "
        "of a sample follow, too.",
    ),
    count_option("--canary", None, "Devices in the first wave; else 1 %, at least 3, at most 20."),
    shared_option(
        "--growth",
        type=FiniteRange(min=1),
        metavar="FACTOR",
        help="How much larger each wave is than the one before; else 3.",
    ),
    count_option(
        "--wave-max", None, "Devices in a wave at most; else 5000, and a quarter of all."
    ),
    click.Option(
        ["--one-wave"], is_flag=True, help="All at once, without a canary; up to 20 devices."
    ),
    shared_option(
        "--canary-failures",
        type=click.IntRange(min=0),
        metavar="COUNT",
        help="Failures borne in the canary; else 1.",
    ),
    shared_option(
        "--failures",
        type=click.IntRange(min=0),
        metavar="COUNT",
        help="Failures borne in a later wave and in the whole run, or those of --failure-ratio "
        "if that is more; else 3.",
    ),
    _share("--failure-ratio", "The same as a share of those tried; else 0.02."),
    shared_option(
        "--site-failures",
        type=click.IntRange(min=0),
        metavar="COUNT",
        help="Failures borne in a site, or those of --site-failure-ratio; else 2.",
    ),
    _share("--site-failure-ratio", "The same as a share of those tried there; else 0.1."),
    _share("--unreachable-ratio", "Share of a wave that may be out of reach; else 0.2."),
    _rate("--rate", "Devices written to in a minute; else 600."),
    _rate("--rate-per-site", "The same in each site; else without a bound of its own."),
    _rate("--rate-per-server", "The same for each NTP server they are pointed at; else 600."),
    count_option("--writes-at-once", None, "Devices being changed at once; else 50."),
    seconds_option("--deadline", None, "Until when a clock must follow; else 512 or 900."),
    _share("--sample", "Share of later waves whose clocks are watched; else 0.05, at least 10."),
    shared_option(
        "--soak",
        "soak_s",
        type=FiniteRange(min=0),
        metavar="SECONDS",
        help="How long each wave is left to itself once its clocks follow; else 300 for the "
        "canary, then 60.",
    ),
    shared_option(
        "--step-limit",
        "step_limit_s",
        type=FiniteRange(min=0, min_open=True),
        metavar="SECONDS",
        help="Devices whose clock would jump farther are skipped; else 1.",
    ),
    click.Option(["--allow-step"], is_flag=True, help="Change them all the same."),
)


@frozen(kw_only=True)
class RuleOptions:
    """The rules of a rollout as far as they were named; see the options above."""

    proof: str | None
    canary: int | None
    growth: float | None
    wave_max: int | None
    one_wave: bool
    canary_failures: int | None
    failures: int | None
    failure_ratio: float | None
    site_failures: int | None
    site_failure_ratio: float | None
    unreachable_ratio: float | None
    rate: float | None
    rate_per_site: float | None
    rate_per_server: float | None
    writes_at_once: int | None
    deadline_s: float | None
    sample: float | None
    soak_s: float | None
    step_limit_s: float | None
    allow_step: bool


@frozen(kw_only=True)
class PreflightOptions:
    """
    Whether time servers are asked before devices are pointed at them.

    Attributes:
        preflight: Whether they are asked.
        require_preflight: Whether one that is not good forbids to go on.
    """

    preflight: bool
    require_preflight: bool


_PREFLIGHT_OPTIONS: Final = (
    shared_option(
        "--preflight/--no-preflight",
        default=True,
        help="Whether to ask the time servers themselves first (the default).",
    ),
    shared_option(
        "--require-preflight",
        is_flag=True,
        help="Go on only when every time server answers well.",
    ),
)

_JOURNAL_OPTION: Final = shared_option(
    "--journal",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Where runs are recorded; else the journal of this user.",
)

rule_options = adds("rules", RuleOptions, _RULE_OPTIONS, argument=None)
preflight_options = adds("preflight", PreflightOptions, _PREFLIGHT_OPTIONS, argument=None)


def journal_option(command: F) -> F:
    """Add `--journal`."""
    return with_parameters(command, _JOURNAL_OPTION)


def typed(names: Iterable[str]) -> list[str]:
    """Give those of these parameters that were typed with this command, as options."""
    context = click.get_current_context()
    return [
        option.opts[0]
        for option in context.command.params
        if option.name in names
        and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
    ]


def only_typed(options: RuleOptions) -> RuleOptions:
    """Leave out what the environment and settings files say: a plan knows better."""
    source = click.get_current_context().get_parameter_source
    settable = [str(one.name) for one in _RULE_OPTIONS if isinstance(one, SharedOption)]
    others = [name for name in settable if source(name) is not ParameterSource.COMMANDLINE]
    unnamed: dict[str, Any] = dict.fromkeys(others)
    return evolve(options, **unnamed)


def run_argument(command: F) -> F:
    """Add RUN."""
    return with_parameters(command, click.Argument(["run"]))


_MEMBERS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "canary": (("staging", "canary_min"), ("staging", "canary_max")),
    "growth": (("staging", "growth"),),
    "wave_max": (("staging", "cap"),),
    "one_wave": (("staging", "one_wave"),),
    "canary_failures": (("budget", "canary_failures"),),
    "failures": (("budget", "failures"),),
    "failure_ratio": (("budget", "ratio"),),
    "site_failures": (("budget", "site_failures"),),
    "site_failure_ratio": (("budget", "site_ratio"),),
    "unreachable_ratio": (("budget", "unreachable_ratio"),),
    "rate": (("pace", "per_minute"),),
    "rate_per_site": (("pace", "per_site"),),
    "rate_per_server": (("pace", "per_server"),),
    "writes_at_once": (("pace", "at_once"),),
    "proof": (("proof", "kind"),),
    "sample": (("proof", "sample_ratio"),),
    "deadline_s": (("proof", "deadline_s"), ("proof", "deadline_old_s")),
    "soak_s": (("proof", "soak_canary_s"), ("proof", "soak_s")),
}
"""The parts of the rules, and their members, that each option sets."""


def rules_of(options: RuleOptions, base: Rules | None = None) -> Rules:
    """Give the rules: those that were named, in place of the base's."""
    from axis_ntp_async.rollout.rules.settings import (  # noqa: PLC0415  help does without
        Proof,
        Rules,
    )

    rules, named = base or Rules(), defaultdict[str, dict[str, Any]](dict)
    for option, places in _MEMBERS.items():
        value = getattr(options, option)
        if value is not None and value is not False:
            for part, member in places:
                named[part][member] = Proof(value) if option == "proof" else value
    if options.canary is not None:
        named["staging"]["canary_alone_below"] = 0
    return evolve(
        rules,
        step_limit_s=options.step_limit_s or rules.step_limit_s,
        allow_step=options.allow_step or rules.allow_step,
        **{part: evolve(getattr(rules, part), **members) for part, members in named.items()},
    )
