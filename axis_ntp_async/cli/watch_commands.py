"""What there is to type about sweeping for months: `watch`, and the page of a sweep."""

from __future__ import annotations

from typing import Final

import click

from axis_ntp_async.cli import options as shared
from axis_ntp_async.cli.history_commands import history_option
from axis_ntp_async.cli.rollout_options import journal_option
from axis_ntp_async.cli.watch_options import WatchOptions, watch_options
from axis_ntp_async.cli.work import work


@click.command()
@click.option(
    "--output",
    "-o",
    type=click.Choice(["table", "jsonl"]),
    help="Default: lines for people on a terminal, JSON lines otherwise.",
)
@watch_options
@history_option
@journal_option
@shared.policy_option
@shared.threshold_options
@shared.fleet_options
def watch(
    options: shared.FleetOptions,
    thresholds: shared.ThresholdOptions,
    watching: WatchOptions,
    *,
    output: str | None,
    policy: str | None,
    journal: str | None,
    history: str | None,
) -> int:
    """
    Sweep at an interval, for months, and tell what lasts.

    A state counts after two sweeps in a row; many devices of a site in the same trouble are one
    cause, and it is named. A device that a rollout has changed, or that is new, has 512 s to get
    in sync. The inventory and the policy are read anew when they change. Everything that is
    found goes into a history.

    Ends with Ctrl-C or SIGTERM, and leaves with 0 then. With --once it leaves as 'sweep' does.
    """
    files = {"policy": policy, "journal": journal, "history": history}
    return work("watching", "watch", options, thresholds, watching, output, **files)


@click.command()
@click.option(
    "--out",
    type=click.Path(),
    default="report.html",
    show_default=True,
    metavar="FILE",
    help="Where to write it; '-' is standard output.",
)
@history_option
@shared.policy_option
@shared.threshold_options
@shared.fleet_options
def report(
    options: shared.FleetOptions,
    thresholds: shared.ThresholdOptions,
    policy: str | None,
    history: str | None,
    out: str,
) -> int:
    """
    Sweep once, and write a page to look at.

    One file that needs no network: causes with what to do about them, sites, offsets, servers,
    all devices; with the history of a watch also how it was before. Leaves as 'sweep' does, and
    says why on standard error.
    """
    files = {"policy": policy, "history": history, "out": out}
    return work("reporting", "report", options, thresholds, **files)


WATCH_COMMANDS: Final = (watch, report)
