"""What there is to type about monitoring: `check`, and the group `rules`."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, Final

import click

from axis_ntp_async.cli import options as shared
from axis_ntp_async.cli.exits import PipeClosedError
from axis_ntp_async.cli.work import InOrder, work
from axis_ntp_async.errors import AxisNTPError


class PluginCommand(click.Command):
    """
    A command that ends as monitoring plugins do, whatever happens.

    It leaves with 0, 1, 2 or 3 and says why in one line on standard output.
    To a scheduler 1 is a warning and 2 is critical, so neither a wrong option
    nor a bug of ours may leave with these.
    """

    def make_context(self, *arguments: Any, **named: Any) -> click.Context:  # noqa: ANN401  click's
        """Read the options."""
        with _unknown_unless_well():
            return super().make_context(*arguments, **named)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  click's signature
        """Do the work."""
        with _unknown_unless_well():
            return super().invoke(ctx)


@contextlib.contextmanager
def _unknown_unless_well() -> Iterator[None]:
    try:
        yield
    except click.exceptions.Exit:
        raise
    except click.ClickException as error:
        reason = error.format_message()
    except (click.Abort, KeyboardInterrupt) as error:
        reason = str(error) or "interrupted"
    except (PipeClosedError, BrokenPipeError):
        reason = None
    except AxisNTPError as error:
        reason = str(error)
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    except Exception as error:  # noqa: BLE001  a traceback leaves with 1: a warning, to a scheduler
        sys.excepthook(type(error), error, error.__traceback__)
        reason = f"bug in axis-ntp: {type(error).__name__}: {error}"
    else:
        return
    raise click.exceptions.Exit(_say_unknown(reason))


def _say_unknown(reason: str | None) -> int:
    from axis_ntp_async.report.nagios.check import Code, unknown  # noqa: PLC0415  help does without

    try:
        if reason is not None:
            sys.stdout.write(f"{unknown(reason).text}\n")
        sys.stdout.flush()
    except OSError:
        # Nobody reads it: let the interpreter flush into nothing when it ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    return Code.UNKNOWN


_CHECK: Final = """Check devices for Nagios, Icinga and their like.

Prints one line with performance data, and the worst devices below. Leaves with 0 for OK, 1
WARNING, 2 CRITICAL and 3 UNKNOWN, and with nothing else: wrong options, files and passwords are
UNKNOWN. A single device is judged by its own state.

Of several devices shares count, over all, and in each site with 3 or more that are not ok. The
worst is what is told:

\b
CRITICAL  more than --crit-fraction of the devices are critical
UNKNOWN   more than that are critical or unknown
WARNING   more than --warn-fraction are not ok in any way

The line names the share that decided. In sync are devices that say so and whose clocks agree: one
that follows a wrong server says so, too, and is found out by its skew.

A site of 3 or more devices of which none can be reached, while devices elsewhere can, is
CRITICAL, too, unless --unreachable-as is ok or warning. What was not reached before the deadline
counts as unknown.

It is silent devices that take long: three attempts of 10 s each. For a large fleet give
--attempts 1 --timeout 5, or check a site each (--limit site=NAME), or let a watch sweep it and
alert on its metrics: 'axis-ntp watch --textfile' or '--listen' with 'axis-ntp rules alerts'.
"""


@click.command(cls=PluginCommand, help=_CHECK)
@click.option(
    "--warn-fraction",
    type=shared.FiniteRange(0, 1),
    default=0.01,
    show_default=True,
    metavar="SHARE",
    help="WARNING when more of the devices than this are not ok.",
)
@click.option(
    "--crit-fraction",
    type=shared.FiniteRange(0, 1),
    default=0.05,
    show_default=True,
    metavar="SHARE",
    help="CRITICAL when more than this are critical, UNKNOWN when critical or unknown.",
)
@click.option(
    "--unreachable-as",
    type=click.Choice(["ok", "warning", "critical", "unknown"]),
    default="unknown",
    show_default=True,
    help="What a device counts as that does not answer.",
)
@click.option(
    "--deadline",
    "deadline_s",
    type=shared.FiniteRange(0, min_open=True),
    default=55.0,
    show_default=True,
    metavar="SECONDS",
    help="Ends by then; keep it below the time-out of the scheduler.",
)
@shared.policy_option
@shared.threshold_options
@shared.fleet_options
def check(
    options: shared.FleetOptions,
    thresholds: shared.ThresholdOptions,
    policy: str | None,
    **rules: Any,  # noqa: ANN401  options
) -> int:
    """Check devices."""
    return work("checking", "check", options, thresholds, policy, **rules)


@click.group(cls=InOrder)
def rules() -> None:
    """Print alert rules for Prometheus, and a dashboard for Grafana."""


@rules.command("alerts")
@click.option(
    "--interval",
    "interval_s",
    type=shared.FiniteRange(1),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="Between two looks at a device: no alert fires before two of them agree.",
)
@shared.threshold_options
def alerts(thresholds: shared.ThresholdOptions, *, interval_s: float) -> int:
    """
    Print alert rules with your thresholds.

    They need Prometheus 2.42 or later, and are for the /metrics of a watch as well as for its
    /probe. Give the watch the same thresholds: devices that it finds ok have no series of their
    own.
    """
    return work("checking", "alerts", thresholds, interval_s=interval_s)


@rules.command("dashboard")
@shared.threshold_options
def dashboard(thresholds: shared.ThresholdOptions) -> int:
    """Print a dashboard, to be imported into Grafana."""
    return work("checking", "dashboard", thresholds)


MONITORING_COMMANDS: Final = (check, rules)
"""In the order in which one meets them."""
