"""Options of a watch: how often it looks, and whom it tells."""

from __future__ import annotations

from typing import Final

import click
from attrs import frozen

from axis_ntp_async.cli.options import adds, seconds_option, shared_option


@frozen(kw_only=True)
class WatchOptions:
    """
    How often a watch looks, and whom it tells.

    Attributes:
        interval_s: Seconds between the begins of two sweeps; `None` goes by the fleet's size.
        once: Whether to sweep once and end.
        listen: `HOST:PORT` to serve at; `None` serves nothing.
        token_from: Reference of the token that is asked for there.
        per_device: Whether metrics hold every device.
        textfile: Where metrics are written after each sweep.
        webhook: URL, or a reference of one, that notices are posted to.
        webhook_headers: `NAME=REFERENCE` of headers sent with them.
        notify_command: Program that gets notices on its standard input.
        notify_test: Whether only to find out if notices get through.
        forget_others: Whether a history may lose devices that are not watched any more.
    """

    interval_s: float | None
    once: bool
    listen: str | None
    token_from: str | None
    per_device: bool
    textfile: str | None
    webhook: str | None
    webhook_headers: tuple[str, ...]
    notify_command: str | None
    notify_test: bool
    forget_others: bool


_WATCH_OPTIONS: Final = (
    seconds_option(
        "--interval", None, "Between the begins of two sweeps; else 300, above 5000 devices 900."
    ),
    click.Option(["--once"], is_flag=True, help="Sweep once, for cron; what is known is kept."),
    shared_option(
        "--listen",
        metavar="HOST:PORT",
        help="Serve /metrics, /probe, /sd, /healthz and the page there, like 127.0.0.1:9108.",
    ),
    shared_option(
        "--token-from",
        metavar="REFERENCE",
        help="Where the token is that is asked for there: env:NAME, file:PATH, exec:COMMAND. "
        "Needed when others than this machine may ask.",
    ),
    shared_option(
        "--per-device",
        is_flag=True,
        help="Metrics of every device, not only of those that are not ok.",
    ),
    shared_option(
        "--textfile",
        type=click.Path(dir_okay=False),
        metavar="FILE",
        help="Write the metrics there after each sweep, for node_exporter.",
    ),
    shared_option(
        "--webhook",
        metavar="URL",
        help="Post what changes there, as JSON; a reference such as env:NAME will do.",
    ),
    shared_option(
        "--webhook-header",
        "webhook_headers",
        multiple=True,
        metavar="NAME=REFERENCE",
        help="Send this header with it, like Authorization=env:HOOK_TOKEN. Repeat it.",
    ),
    shared_option(
        "--notify-command",
        metavar="COMMAND",
        help="Run this program when something changes; it gets JSON on its standard input.",
    ),
    click.Option(
        ["--notify-test"],
        is_flag=True,
        help="Send one notice now, tell whether it got through, and end.",
    ),
    click.Option(
        ["--forget-others"],
        is_flag=True,
        help="Go on with a history of other devices, and take these for gone.",
    ),
)

watch_options = adds("watching", WatchOptions, _WATCH_OPTIONS, argument=None)
