"""What there is to type. Nothing heavy is imported before a command runs."""

from __future__ import annotations

from typing import Any

import click

from axis_ntp_async.cli import options as shared
from axis_ntp_async.cli.history_commands import HISTORY_COMMANDS, history_option
from axis_ntp_async.cli.monitoring_commands import MONITORING_COMMANDS
from axis_ntp_async.cli.rollout_commands import ROLLOUT_COMMANDS
from axis_ntp_async.cli.watch_commands import WATCH_COMMANDS
from axis_ntp_async.cli.work import InOrder, work
from axis_ntp_async.errors import SettingsError
from axis_ntp_async.version import VERSION


@click.group(cls=InOrder, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, message="axis-ntp %(version)s")
@click.pass_context
def axis_ntp(context: click.Context) -> None:
    """
    Read, judge and set the NTP clients of whole fleets of Axis devices.

    INVENTORY is a file of devices, '-' for standard input, or the address of one device.
    Try it without any camera: axis-ntp demo.

    An option wins over AXIS_NTP_NAME in the environment (like AXIS_NTP_OUTPUT), that over
    ./axis-ntp.toml, and that over the file of the user. It leaves with 0 when all is well, 1 when
    devices failed, 2 for wrong options and files, 3 when a rollout was paused by a bound, 4 for
    logins and certificates, 5 when a plan is too old or a journal in use, and 130 after Ctrl-C:
    the first one waits for what is in flight, the second one does not.
    """
    from axis_ntp_async.cli.settings import read_settings  # noqa: PLC0415  help does without

    try:
        settings = read_settings(shared.SETTINGS)
    except SettingsError as error:
        # Told once a command is about to work: help and completion need no settings.
        settings, context.obj = {}, error
    context.default_map = {
        name: _defaults(command, settings) for name, command in axis_ntp.commands.items()
    }


def _defaults(command: click.Command, settings: dict[str, Any]) -> dict[str, Any]:
    """Give the settings that a command knows, by the names of its parameters."""
    if isinstance(command, click.Group):
        return {name: _defaults(one, settings) for name, one in command.commands.items()}
    return {
        str(option.name): settings[shared.key_of(option)]
        for option in command.params
        if isinstance(option, shared.SharedOption) and option.key in settings
    }


@axis_ntp.command()
@click.option("--seed", type=int, default=7, show_default=True, help="Where chance comes from.")
@click.option(
    "--page",
    type=click.Path(file_okay=False),
    metavar="FOLDER",
    help="Where axis-ntp-demo.html goes; else to the folder for temporary files.",
)
@shared.output_option
@shared.all_option
def demo(*, seed: int, page: str | None, output: str | None, show_all: bool) -> int:
    """
    Sweep, change and restore 60 simulated cameras: no camera needed.

    A story in six steps, in less than a minute; it ends with a page to look at.
    """
    return work("demo", "demo", seed=seed, output=output, show_all=show_all, page=page)


@axis_ntp.command()
@shared.page_option
@shared.all_option
@shared.threshold_options
@shared.policy_option
@history_option
@shared.fleet_options
def sweep(
    options: shared.FleetOptions,
    thresholds: shared.ThresholdOptions,
    output: str | None,
    policy: str | None,
    history: str | None,
    *,
    show_all: bool,
) -> int:
    """
    Read every device once and judge its clock.

    With a policy, devices that are not as it wants them are told, too. A page (-o html) also
    shows what is in the history of a watch.

    Leaves with 0 when no device is critical or unreadable, with 1 when some are, and with 4 when
    only logins and certificates are wrong, or when credentials were suspended because devices
    refused them.
    """
    if output == "html":
        files = {"policy": policy, "history": history, "out": "-"}
        return work("reporting", "report", options, thresholds, **files)
    return work("sweeping", "sweep", options, thresholds, output, policy, show_all=show_all)


@axis_ntp.command()
@shared.output_option
@shared.fleet_options
def get(options: shared.FleetOptions, output: str | None) -> int:
    """Show what devices say of their NTP clients."""
    return work("reading", "get", options, output)


@axis_ntp.command()
@shared.output_option
@shared.fleet_options
def versions(options: shared.FleetOptions, output: str | None) -> int:
    """Show which NTP API versions devices list."""
    return work("reading", "versions", options, output)


@axis_ntp.command("set")
@click.option("--enable/--disable", "enabled", default=None, help="Switch the NTP client.")
@click.option(
    "--source",
    type=click.Choice(["static", "DHCP"], case_sensitive=False),
    help="Where its servers come from.",
)
@click.option(
    "--server", "servers", multiple=True, metavar="HOST", help="A static server; repeat it."
)
@click.option("--clear-servers", is_flag=True, help="Leave no static server.")
@click.option("--nts/--no-nts", default=None, help="Switch Network Time Security.")
@click.option(
    "--ntske-server",
    "ntske_servers",
    multiple=True,
    metavar="HOST",
    help="A server for the keys of NTS; repeat it.",
)
@click.option(
    "--ntske-ca",
    "ntske_cas",
    multiple=True,
    metavar="ID",
    help="A CA certificate in the device that such a server is checked with; repeat it.",
)
@click.option(
    "--minpoll",
    type=click.IntRange(0, 24),
    metavar="POWER",
    help="Shortest poll interval: 2^POWER seconds, up to 24.",
)
@click.option(
    "--maxpoll", type=click.IntRange(0, 24), metavar="POWER", help="Longest poll interval."
)
@click.option("--yes", is_flag=True, help="Do not ask; checks are made all the same.")
@shared.output_option
@shared.fleet_options
def set_(options: shared.FleetOptions, output: str | None, **wanted: Any) -> int:  # noqa: ANN401  options
    """
    Change the NTP clients of up to 20 devices.

    Shows what would change and asks. What is not named keeps its value. Each device is read
    before and after: it counts as changed when it says so itself.
    """
    return work("setting", "set_devices", options, output, **wanted)


for _command in (
    *ROLLOUT_COMMANDS,
    *WATCH_COMMANDS,
    *HISTORY_COMMANDS,
    *MONITORING_COMMANDS,
):
    axis_ntp.add_command(_command)


@axis_ntp.command()
@click.option("--replace", is_flag=True, help="Also record those that differ from the known ones.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@shared.connection_options
def trust(options: shared.ConnectionOptions, *, replace: bool, yes: bool) -> int:
    """
    Show certificates and record them.

    Devices with tls = 'tofu' are then accepted with these only. No login is made: nothing is
    sent but the beginning of TLS. Leaves with 4 when a certificate differs from the known one.
    """
    return work("trusting", "trust", options, replace=replace, yes=yes)


@axis_ntp.group(cls=InOrder)
def inventory() -> None:
    """Check, list and convert inventories."""


@inventory.command("check")
@shared.inventory_options
def check(options: shared.InventoryOptions) -> int:
    """Tell every fault of it, or what is in it."""
    return work("listing", "check", options)


@inventory.command("list")
@shared.output_option
@shared.inventory_options
def list_(options: shared.InventoryOptions, output: str | None) -> int:
    """List devices; nothing is sent to them."""
    return work("listing", "list_devices", options, output)


@inventory.command("convert")
@click.option(
    "--to",
    "target",
    type=click.Choice(["toml", "csv", "jsonl"]),
    default="toml",
    show_default=True,
    help="Format to write.",
)
@shared.inventory_options
def convert(options: shared.InventoryOptions, target: str) -> int:
    """Write it to standard output in another format."""
    return work("listing", "convert", options, target)


@axis_ntp.group("policy", cls=InOrder)
def policy_() -> None:
    """Check and explain what is wanted of each device."""


@policy_.command("check")
@shared.output_option
@shared.all_option
@shared.policy_option
@shared.inventory_options
def check_policy(
    options: shared.InventoryOptions, policy: str | None, output: str | None, *, show_all: bool
) -> int:
    """
    Tell every fault of it, or which configurations it comes to.

    Nothing is sent to devices. An override that fits no device is a fault, unless it is optional.
    """
    return work("policies", "check", options, policy, output, show_all=show_all)


@policy_.command("explain")
@shared.output_option
@shared.policy_option
@shared.device_argument
@shared.inventory_options
def explain_policy(
    options: shared.InventoryOptions, device: str, policy: str | None, output: str | None
) -> int:
    """
    Show what is wanted of one device, and which rule decides it.

    DEVICE is its name in the inventory. Members that no rule names stay as the device has them.
    """
    return work("policies", "explain", options, device, policy, output)


@axis_ntp.command()
@click.option(
    "--devices",
    type=click.IntRange(1, 100_000),
    default=60,
    show_default=True,
    metavar="COUNT",
    help="How many cameras.",
)
@click.option(
    "--sites",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    metavar="COUNT",
    help="How many sites they are spread over.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Where chance comes from.")
@click.option(
    "--trouble",
    "troubles",
    multiple=True,
    metavar="NAME=SHARE",
    help="Share of them that is in trouble, like silent=0.05; 'help' lists the names. Repeat it.",
)
@click.option(
    "--https-share",
    type=shared.FiniteRange(0, 1),
    default=0.5,
    show_default=True,
    metavar="SHARE",
    help="Share of them that speaks HTTPS.",
)
@click.option(
    "--http-port", type=click.IntRange(0, 65535), default=0, metavar="PORT", help="0: a free one."
)
@click.option(
    "--https-port", type=click.IntRange(0, 65535), default=0, metavar="PORT", help="0: a free one."
)
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
    Serve a simulated fleet until Ctrl-C.

    It answers on the loopback network only. Writes an inventory of it, to be swept from another
    terminal. Ctrl-C and SIGTERM are the usual way to end it, so it leaves with 0 then.
    """
    return work("simulating", "simulate", **settings)


_COMPLETION = """Print a completion script for a shell.

\b
bash: eval "$(axis-ntp completion bash)"
zsh:  eval "$(axis-ntp completion zsh)"
fish: axis-ntp completion fish | source
"""


@axis_ntp.command(help=_COMPLETION)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print the script."""
    from click.shell_completion import get_completion_class  # noqa: PLC0415  rarely needed

    complete = get_completion_class(shell)
    if complete is None:  # pragma: no cover  click knows all three
        raise click.UsageError(f"click cannot complete in {shell}")
    click.echo(complete(axis_ntp, {}, "axis-ntp", "_AXIS_NTP_COMPLETE").source())
    return 0
