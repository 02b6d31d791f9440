"""Options that commands share, each declared once; `AXIS_NTP_NAME` sets `--name`."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable
from typing import Any, TypeVar

import click
from attrs import fields, frozen

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("toml", "csv", "json", "jsonl", "list", "ansible-ini", "ansible-yaml")
"""Those of `inventory/formats/reader.py`, which is too much to import for `--help`."""


class FiniteRange(click.FloatRange):
    """Numbers that a clock can count: `nan` and `inf` pass every bound otherwise."""

    def convert(
        self,
        value: Any,  # noqa: ANN401  click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Read a number."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class SharedOption(click.Option):
    """An option that the environment and the settings files may set, too."""

    @property
    def key(self) -> str:
        """Its long name, as in a settings file."""
        return key_of(self)

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """Name the option, and the variable where that is what was wrong."""
        hint = super().get_error_hint(ctx)
        return f"{hint} (or {self.envvar})" if self.envvar in os.environ else hint


def key_of(option: click.Parameter) -> str:
    """Give the long name of an option, without dashes."""
    return option.opts[0].lstrip("-").replace("-", "_")


SETTINGS: dict[str, click.Parameter] = {}
"""Every option that a settings file may hold, by its key."""


def shared_option(*names: str, **how: Any) -> SharedOption:  # noqa: ANN401  click's own options
    """Make an option that may be set elsewhere, too."""
    option = SharedOption(names, **how)
    option.envvar = f"AXIS_NTP_{option.key}".upper()
    SETTINGS[option.key] = option
    return option


def _threshold(name: str, what: str) -> SharedOption:
    return shared_option(
        name,
        type=FiniteRange(min=0),
        metavar="NUMBER",
        help=f"{what}, in place of the profile's.",
    )


def count_option(name: str, default: int | None, what: str) -> SharedOption:
    """Make an option that takes a number of things."""
    return shared_option(
        name,
        type=click.IntRange(min=1),
        default=default,
        show_default=default is not None,
        metavar="COUNT",
        help=what,
    )


def seconds_option(name: str, default: float | None, what: str) -> SharedOption:
    """Make an option that takes seconds."""
    return shared_option(
        name,
        f"{name.lstrip('-').replace('-', '_')}_s",
        type=FiniteRange(min=0, min_open=True),
        default=default,
        show_default=default is not None,
        metavar="SECONDS",
        help=what,
    )


_INVENTORY_OPTIONS = (
    shared_option(
        "--limit",
        multiple=True,
        metavar="TERM",
        help="Only these devices: a name, a glob, site=…, group=…, label.KEY=…, @FILE, !TERM. "
        "Repeat it to add more.",
    ),
    shared_option(
        "--format", type=click.Choice(FORMATS), help="Format of the inventory; else it is guessed."
    ),
    shared_option(
        "--map",
        "columns",
        multiple=True,
        metavar="MEMBER=COLUMN",
        help="Which column of a CSV file holds a member, like serial='MAC address'.",
    ),
)

_POOL_OPTIONS = (
    shared_option(
        "--known-devices",
        type=click.Path(),
        metavar="FILE",
        help="Certificates recorded so far; else the file of this user.",
    ),
    count_option("--concurrency", 100, "Devices at work at once."),
    count_option("--per-site", 25, "Devices at work at once in one site."),
    count_option("--attempts", 3, "How often a device is tried."),
    seconds_option("--timeout", 10.0, "How long one attempt may take."),
    seconds_option("--connect-timeout", 3.0, "How long TCP and TLS together may take of it."),
    shared_option("--quiet", "-q", is_flag=True, help="Show no progress and no counts."),
)

_LOGIN_OPTIONS = (
    shared_option(
        "--username", help="User name for devices without credentials in the inventory."
    ),
    shared_option(
        "--password-from",
        metavar="REFERENCE",
        help="Where its password is: env:NAME, file:PATH, exec:COMMAND, netrc:MACHINE, "
        "keyring:SERVICE/USER or prompt (the default).",
    ),
    shared_option(
        "--tls",
        metavar="POLICY",
        help="For all devices, whatever the inventory says: verify, verify:CA-FILE, tofu, "
        "pin:SHA256, axis-idevid:CA-FILE, insecure.",
    ),
)


def _output(*formats: str) -> SharedOption:
    return shared_option(
        "--output",
        "-o",
        type=click.Choice(formats),
        help="Default: a table on a terminal, JSON lines otherwise.",
    )


_PAGE_OPTION = _output("table", "json", "jsonl", "csv", "html")
_OUTPUT_OPTION = _output("table", "json", "jsonl", "csv")
"""The last one is what a settings file may hold."""

_THRESHOLD_OPTIONS = (
    shared_option(
        "--profile",
        type=click.Choice(["default", "strict", "lenient"]),
        default="default",
        show_default=True,
        help="Offsets that are a warning and critical: 100 and 1000, 10 and 50, 1000 and 5000 ms.",
    ),
    _threshold("--offset-warning-ms", "Offset from which on to warn"),
    _threshold("--offset-critical-ms", "Offset from which on it is critical"),
    _threshold("--skew-warning-s", "Difference to our own clock from which on to warn"),
    _threshold("--skew-critical-s", "The same from which on it is critical"),
)

_ALL_OPTION = shared_option(
    "--all", "show_all", is_flag=True, help="List every device in a table."
)

_POLICY_OPTION = shared_option(
    "--policy",
    type=click.Path(),
    metavar="FILE",
    help="What is wanted of each device: a TOML file with [policy].",
)


@frozen(kw_only=True, slots=False)
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


@frozen(kw_only=True, slots=False)
class PoolOptions:
    """
    How a command talks to devices.

    Attributes:
        known_devices: File of certificates; `None` is the user's.
        concurrency: Devices at work at once.
        per_site: The same in one site.
        attempts: For each device.
        timeout_s: Seconds for one attempt.
        connect_timeout_s: Seconds for TCP and TLS together.
        quiet: Whether to show no progress.
    """

    known_devices: str | None
    concurrency: int
    per_site: int
    attempts: int
    timeout_s: float
    connect_timeout_s: float
    quiet: bool


@frozen(kw_only=True, slots=False)
class ConnectionOptions(InventoryOptions, PoolOptions):
    """Which devices a command talks to, and how."""


@frozen(kw_only=True)
class FleetOptions(ConnectionOptions):
    """
    How a command logs in to its devices.

    Attributes:
        username: For devices whose inventory names no credentials.
        password_from: Reference of its password.
        tls: TLS policy of all devices; `None` leaves that to the inventory.
    """

    username: str | None
    password_from: str | None
    tls: str | None


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


def adds(
    name: str,
    record: type,
    options: tuple[click.Option, ...],
    *,
    argument: str | None = "inventory",
) -> Callable[[F], F]:
    """Make a decorator that adds options and hands their values over as one record."""
    members = [member.name for member in fields(record)]

    def decorate(command: F) -> F:
        @functools.wraps(command)
        def collected(*args: Any, **values: Any) -> Any:  # noqa: ANN401  whatever the command takes
            values[name] = record(**{member: values.pop(member) for member in members})
            return command(*args, **values)

        arguments = [click.Argument([argument])] if argument else []
        return with_parameters(collected, *arguments, *options)  # type: ignore[return-value]  # wraps keeps its type

    return decorate


def with_parameters(command: F, *parameters: click.Parameter) -> F:
    """Add parameters below those that the command has: click reads them in reverse."""
    above = getattr(command, "__click_params__", [])
    command.__click_params__ = [*reversed(parameters), *above]  # type: ignore[attr-defined]  # click's way
    return command


inventory_options = adds("options", InventoryOptions, _INVENTORY_OPTIONS)
connection_options = adds("options", ConnectionOptions, (*_INVENTORY_OPTIONS, *_POOL_OPTIONS))
fleet_options = adds(
    "options", FleetOptions, (*_INVENTORY_OPTIONS, *_LOGIN_OPTIONS, *_POOL_OPTIONS)
)
pool_options = adds("options", PoolOptions, _POOL_OPTIONS, argument=None)
threshold_options = adds("thresholds", ThresholdOptions, _THRESHOLD_OPTIONS, argument=None)


def output_option(command: F) -> F:
    """Add `--output`."""
    return with_parameters(command, _OUTPUT_OPTION)


def page_option(command: F) -> F:
    """Add `--output` that can also be a page."""
    return with_parameters(command, _PAGE_OPTION)


def all_option(command: F) -> F:
    """Add `--all`."""
    return with_parameters(command, _ALL_OPTION)


def policy_option(command: F) -> F:
    """Add `--policy`."""
    return with_parameters(command, _POLICY_OPTION)


def device_argument(command: F) -> F:
    """Add DEVICE, after the arguments that the command has."""
    return with_parameters(command, click.Argument(["device"]))
