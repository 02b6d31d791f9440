"""Options that commands share, each declared once; `AXIS_NTP_NAME` sets `--name`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click
from attrs import fields, frozen

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("toml", "csv", "json", "jsonl", "hosts", "ansible-ini", "ansible-yaml")


def _option(*names: str, **how: Any) -> click.Option:  # noqa: ANN401  click's own options
    option = click.Option(names, **how)
    option.envvar = f"AXIS_NTP_{option.name}".upper()
    return option


_INVENTORY_OPTIONS = (
    _option(
        "--limit",
        multiple=True,
        metavar="TERM",
        help="Only these devices: a name, a glob, site=…, group=…, label.KEY=…, @file, !TERM.",
    ),
    _option("--format", type=click.Choice(FORMATS), help="Format of the inventory."),
    _option(
        "--map",
        "columns",
        multiple=True,
        metavar='MEMBER="COLUMN"',
        help="Which column of a CSV file holds a member, like serial='MAC address'.",
    ),
)

_FLEET_OPTIONS = (
    *_INVENTORY_OPTIONS,
    _option("--username", help="User name, where the inventory names no credentials."),
    _option(
        "--password-from",
        metavar="REFERENCE",
        help="Where its password is: env:NAME, file:PATH, exec:COMMAND, netrc:, prompt, …",
    ),
    _option("--tls", help="TLS policy of all, whatever the inventory says: verify, tofu, …"),
    _option("--known-devices", type=click.Path(), help="File of the certificates known so far."),
    _option(
        "--concurrency",
        type=click.IntRange(min=1),
        default=100,
        show_default=True,
        help="Devices at work at once.",
    ),
    _option(
        "--per-site",
        type=click.IntRange(min=1),
        default=25,
        show_default=True,
        help="The same in one site.",
    ),
    _option(
        "--attempts",
        type=click.IntRange(min=1),
        default=3,
        show_default=True,
        help="Attempts for each device.",
    ),
    _option(
        "--timeout",
        "timeout_s",
        type=click.FloatRange(min=0, min_open=True),
        default=10.0,
        show_default=True,
        metavar="SECONDS",
        help="For one attempt.",
    ),
    _option(
        "--connect-timeout",
        "connect_timeout_s",
        type=click.FloatRange(min=0, min_open=True),
        default=3.0,
        show_default=True,
        metavar="SECONDS",
        help="For TCP and TLS together.",
    ),
    _option("--quiet", "-q", is_flag=True, help="No progress."),
)

_OUTPUT_OPTION = _option(
    "--output",
    "-o",
    type=click.Choice(["table", "json", "jsonl", "csv"]),
    help="Default: a table on a terminal, JSON lines otherwise.",
)

_SWEEP_OPTIONS = (
    _option(
        "--profile",
        type=click.Choice(["default", "strict", "lenient"]),
        default="default",
        show_default=True,
        help="Thresholds: warning and critical at 0.1/1 s, 0.01/0.05 s, 1/5 s.",
    ),
    _option(
        "--offset-warning-ms", type=click.FloatRange(min=0), help="In place of the profile's."
    ),
    _option("--offset-critical-ms", type=click.FloatRange(min=0), help="The same."),
    _option("--skew-warning-s", type=click.FloatRange(min=0), help="The same."),
    _option("--skew-critical-s", type=click.FloatRange(min=0), help="The same."),
    _option("--all", "show_all", is_flag=True, help="List devices that are ok in any table."),
)

SETTINGS: dict[str, click.Parameter] = {
    option.opts[0].lstrip("-").replace("-", "_"): option
    for option in (*_FLEET_OPTIONS, _OUTPUT_OPTION, *_SWEEP_OPTIONS)
}
"""Every option that a settings file may hold, by its key."""


@frozen(kw_only=True)
class InventoryOptions:
    """
    Which devices a command is about.

    Attributes:
        inventory: A file, `-`, or the address of one device.
        limit: Terms of a selection; none selects all.
        format: Format of the file, where its name does not tell.
        columns: `member=column` pairs for CSV.
    """

    inventory: str
    limit: tuple[str, ...]
    format: str | None
    columns: tuple[str, ...]


@frozen(kw_only=True)
class FleetOptions(InventoryOptions):
    """
    How a command talks to its devices.

    Attributes:
        username: For devices whose inventory names no credentials.
        password_from: Reference of its password.
        tls: TLS policy of all devices; `None` leaves that to the inventory.
        known_devices: File of certificates; `None` is the user's.
        concurrency: Devices at work at once.
        per_site: The same in one site.
        attempts: For each device.
        timeout_s: Seconds for one attempt.
        connect_timeout_s: Seconds for TCP and TLS together.
        quiet: Whether to show no progress.
    """

    username: str | None
    password_from: str | None
    tls: str | None
    known_devices: str | None
    concurrency: int
    per_site: int
    attempts: int
    timeout_s: float
    connect_timeout_s: float
    quiet: bool


@frozen(kw_only=True)
class ThresholdOptions:
    """
    What a sweep finds worth a word.

    Attributes:
        profile: Name of the thresholds.
        offset_warning_ms: In place of the profile's, in milliseconds; likewise the others.
        offset_critical_ms: In milliseconds.
        skew_warning_s: In seconds.
        skew_critical_s: In seconds.
    """

    profile: str
    offset_warning_ms: float | None
    offset_critical_ms: float | None
    skew_warning_s: float | None
    skew_critical_s: float | None


def _adds(
    name: str, record: type, options: tuple[click.Option, ...], argument: bool
) -> Callable[[F], F]:
    """Make a decorator that adds options and hands their values over as one record."""
    members = [member.name for member in fields(record)]

    def decorate(command: F) -> F:
        @functools.wraps(command)
        def collected(*args: Any, **values: Any) -> Any:  # noqa: ANN401  whatever the command takes
            values[name] = record(**{member: values.pop(member) for member in members})
            return command(*args, **values)

        parameters = getattr(command, "__click_params__", [])
        inventory = [click.Argument(["inventory"])] if argument else []
        collected.__click_params__ = [*parameters, *reversed([*inventory, *options])]  # type: ignore[attr-defined]  # click's way
        return collected  # type: ignore[return-value]  # wraps keeps its type

    return decorate


inventory_options = _adds("options", InventoryOptions, _INVENTORY_OPTIONS, argument=True)
fleet_options = _adds("options", FleetOptions, _FLEET_OPTIONS, argument=True)
threshold_options = _adds("thresholds", ThresholdOptions, _SWEEP_OPTIONS[:-1], argument=False)


def output_option(command: F) -> F:
    """Add `--output`."""
    return _with(command, _OUTPUT_OPTION)


def all_option(command: F) -> F:
    """Add `--all`."""
    return _with(command, _SWEEP_OPTIONS[-1])


def _with(command: F, option: click.Option) -> F:
    parameters = getattr(command, "__click_params__", [])
    command.__click_params__ = [*parameters, option]  # type: ignore[attr-defined]  # click's way
    return command
