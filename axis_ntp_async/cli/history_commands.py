"""What there is to type about the history of a watch: `history` and `evidence`."""

from __future__ import annotations

from typing import Final

import click

from axis_ntp_async.cli import options as shared
from axis_ntp_async.cli.options import F, shared_option, with_parameters
from axis_ntp_async.cli.work import InOrder, work

_HISTORY_OPTION: Final = shared_option(
    "--history",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Where a watch keeps what it found; else the history of this user.",
)


def history_option(command: F) -> F:
    """Add `--history`."""
    return with_parameters(command, _HISTORY_OPTION)


class TargetOrCommand(InOrder):
    """A group that takes what is none of its commands for what is to be shown."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `show` before arguments that name no command."""
        if not args or args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(
    "history",
    cls=TargetOrCommand,
    subcommand_metavar="[TARGET | COMMAND] [OPTIONS]",
    options_metavar="",
)
def history_() -> None:
    """
    Show what a watch found, or check that nobody changed it.

    TARGET is a device, or site=NAME; without one, all sites are shown. A device that is called
    like a command, or has an equals sign in its name, is device=NAME. See 'history show --help'
    for the options.
    """


@history_.command("show")
@click.argument("target", required=False)
@click.option(
    "--since",
    default="7d",
    show_default=True,
    metavar="TIME",
    help="From when on: how long ago, like 90min, 24h, 7d or 2w, or a date and time in UTC.",
)
@click.option("--until", default="now", show_default=True, metavar="TIME", help="Until when.")
@click.option(
    "--all", "show_all", is_flag=True, help="List every record, also those that tell no change."
)
@shared.output_option
@history_option
def show_history(
    target: str | None,
    since: str,
    until: str,
    *,
    history: str | None,
    output: str | None,
    show_all: bool,
) -> int:
    """
    Show the course of a device, a site or all sites.

    Of a device every record is kept that tells a change, and one an hour; older ones than a
    watch keeps are one line a day. Of sites there is every sweep, older ones hour by hour.
    """
    how = {"history": history, "output": output, "show_all": show_all}
    return work("histories", "show_history", target, since, until, **how)


@history_.command("verify")
@click.option(
    "--head",
    metavar="NUMBER:DIGEST",
    help="The end of the chain, as 'evidence' or 'verify' told it earlier.",
)
@shared.output_option
@history_option
def verify_history(head: str | None, history: str | None, output: str | None) -> int:
    """
    Check that nothing was changed, removed or inserted.

    Every block of records is chained to all before it, and so are the sums that remain of what
    is forgotten. That shows every change, unless somebody also writes everything after it anew,
    or cuts the end off: then only an earlier end of the chain shows it, that was kept elsewhere
    and is given with --head. Leaves with 1 when something is not as it was written.
    """
    return work("histories", "verify_history", head, history, output)


@click.command("evidence")
@click.option(
    "--at",
    "at",
    required=True,
    metavar="TIME",
    help="The instant: a date and time in UTC, or with its offset, or how long ago.",
)
@shared.output_option
@history_option
@shared.device_argument
def evidence(device: str, at: str, history: str | None, output: str | None) -> int:
    """
    Tell what a device's clock was at an instant, and how sure that is.

    From the looks before and after it: its clock against ours, its offset to its server, its
    servers, and what is known of our own clock. All times are in UTC. Leaves with 1 when that part
    of the history is not as it was written.
    """
    return work("histories", "show_evidence", device, at, history, output)


HISTORY_COMMANDS: Final[tuple[click.Command, ...]] = (history_, evidence)
