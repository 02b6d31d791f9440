"""What there is to type. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Coroutine
from typing import Any

import click

from axis_ntp_async.cli import options as shared
from axis_ntp_async.cli.settings import read_settings


def _work(module: str, function: str, *arguments: Any, **named: Any) -> int:  # noqa: ANN401  passed on
    """Import the file that does the work, and run its function."""
    work: Callable[..., Any] = getattr(
        importlib.import_module(f"axis_ntp_async.cli.{module}"), function
    )
    result = work(*arguments, **named)
    if not isinstance(result, Coroutine):
        return int(result)
    import asyncio  # noqa: PLC0415  slow, and already there when a command needs it

    return int(asyncio.run(result))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="axis_ntp_async", message="axis-ntp %(version)s")
@click.pass_context
def axis_ntp(context: click.Context) -> None:
    """
    Read, judge and set the NTP clients of whole fleets of Axis devices.

    INVENTORY is a file of devices, '-' for standard input, or the address of one device.
    Options can be set by AXIS_NTP_NAME in the environment, in ./axis-ntp.toml, and in the file
    of the user. Try it without any camera: axis-ntp demo.
    """
    settings = read_settings(shared.SETTINGS)
    context.default_map = {name: _defaults(command, settings) for name, command in _commands()}


def _commands() -> list[tuple[str, click.Command]]:
    return list(axis_ntp.commands.items())


def _defaults(command: click.Command, settings: dict[str, Any]) -> dict[str, Any]:
    """Give the settings that a command knows, by the names of its parameters."""
    if isinstance(command, click.Group):
        return {name: _defaults(one, settings) for name, one in command.commands.items()}
    by_key = {
        option.opts[0].lstrip("-").replace("-", "_"): option.name
        for option in command.params
        if isinstance(option, click.Option)
    }
    return {by_key[key]: value for key, value in settings.items() if key in by_key}


@axis_ntp.command()
@shared.fleet_options
@shared.output_option
def get(options: shared.FleetOptions, output: str | None) -> int:
    """Show what the devices say of their NTP clients."""
    return _work("reading", "get", options, output)


@axis_ntp.command()
@shared.fleet_options
@shared.output_option
def versions(options: shared.FleetOptions, output: str | None) -> int:
    """Show which versions of the NTP API the devices list."""
    return _work("reading", "versions", options, output)


@axis_ntp.command("set")
@shared.fleet_options
@shared.output_option
@click.option("--enable/--disable", "enabled", default=None, help="Switch the NTP client.")
@click.option(
    "--source", type=click.Choice(["static", "DHCP"], case_sensitive=False), help="Of its servers."
)
@click.option("--server", "servers", multiple=True, help="A static server; repeat it, in order.")
@click.option("--clear-servers", is_flag=True, help="Leave no static server.")
@click.option("--nts/--no-nts", default=None, help="Switch Network Time Security.")
@click.option("--ntske-server", "ntske_servers", multiple=True, help="An NTS-KE server.")
@click.option("--ntske-ca", "ntske_cas", multiple=True, help="Id of a CA certificate for NTS-KE.")
@click.option("--minpoll", type=click.IntRange(0, 24), help="Power of two seconds.")
@click.option("--maxpoll", type=click.IntRange(0, 24), help="Power of two seconds.")
@click.option("--yes", is_flag=True, help="Do not ask; checks are made all the same.")
def set_(options: shared.FleetOptions, output: str | None, **wanted: Any) -> int:  # noqa: ANN401  options
    """
    Change the NTP clients of up to 20 devices, after showing what would change.

    What is not named keeps its value. Each device is read before and after.
    """
    return _work("setting", "set_devices", options, output, **wanted)


@axis_ntp.command()
@shared.fleet_options
@shared.threshold_options
@shared.output_option
@shared.all_option
def sweep(
    options: shared.FleetOptions,
    thresholds: shared.ThresholdOptions,
    output: str | None,
    *,
    show_all: bool,
) -> int:
    """
    Read every device once and judge its clock.

    Leaves with 0 when no device is critical or unreadable, 1 when some are, 4 when all failures
    are logins or certificates.
    """
    return _work("sweeping", "sweep", options, thresholds, output, show_all=show_all)


@axis_ntp.group()
def inventory() -> None:
    """Check, list and convert inventories."""


@inventory.command("check")
@shared.inventory_options
def check(options: shared.InventoryOptions) -> int:
    """Read an inventory, tell every fault of it, and count what is in it."""
    return _work("listing", "check", options)


@inventory.command("list")
@shared.inventory_options
@shared.output_option
def list_(options: shared.InventoryOptions, output: str | None) -> int:
    """List the selected devices; nothing is sent to them."""
    return _work("listing", "list_devices", options, output)


@inventory.command("convert")
@shared.inventory_options
@click.option(
    "--to",
    "target",
    type=click.Choice(["toml", "csv", "jsonl"]),
    default="toml",
    show_default=True,
    help="Format to write.",
)
def convert(options: shared.InventoryOptions, target: str) -> int:
    """Write the selected devices in another format, to standard output."""
    return _work("listing", "convert", options, target)


@axis_ntp.command()
@shared.fleet_options
@click.option("--replace", is_flag=True, help="Also record those that differ from the known ones.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def trust(options: shared.FleetOptions, *, replace: bool, yes: bool) -> int:
    """
    Show the certificates of the devices, and record them for tls = 'tofu'.

    Nothing is sent to the devices but the beginning of TLS; no login is made.
    """
    return _work("trusting", "trust", options, replace=replace, yes=yes)


@axis_ntp.command()
@click.option("--devices", type=click.IntRange(1, 100_000), default=60, show_default=True)
@click.option("--sites", type=click.IntRange(1), default=3, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Where chance comes from.")
@click.option("--trouble", "troubles", multiple=True, metavar="NAME=SHARE", help="Like dead=0.05.")
@click.option("--https-share", type=click.FloatRange(0, 1), default=0.5, show_default=True)
@click.option("--http-port", type=click.IntRange(0, 65535), default=0, help="0: a free one.")
@click.option("--https-port", type=click.IntRange(0, 65535), default=0, help="0: a free one.")
@click.option(
    "--out",
    "folder",
    type=click.Path(file_okay=False),
    default="simulated-fleet",
    show_default=True,
    help="Folder for the inventory and its password file.",
)
def simulate(**settings: Any) -> int:  # noqa: ANN401  options
    """
    Serve a simulated fleet on the loopback network until Ctrl-C.

    Writes an inventory of it, to be swept from another terminal.
    """
    return _work("simulating", "simulate", **settings)


@axis_ntp.command()
@click.option("--seed", type=int, default=7, show_default=True, help="Where chance comes from.")
@shared.output_option
@shared.all_option
def demo(*, seed: int, output: str | None, show_all: bool) -> int:
    """Sweep 60 simulated cameras in 3 sites: no camera and no configuration needed."""
    return _work("simulating", "demo", seed=seed, output=output, show_all=show_all)


@axis_ntp.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """
    Print the script that completes commands and options in a shell.

    bash: eval "$(axis-ntp completion bash)"
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415  rarely needed

    complete = get_completion_class(shell)
    if complete is None:  # pragma: no cover  click knows all three
        raise click.UsageError(f"click cannot complete in {shell}")
    click.echo(complete(axis_ntp, {}, "axis-ntp", "_AXIS_NTP_COMPLETE").source())
    return 0
