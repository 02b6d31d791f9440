"""`simulate` and `demo`: a fleet that is not there."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import attrs
import click

from axis_ntp_async.cli.fleet import Fleet, say
from axis_ntp_async.cli.main import ExitCode
from axis_ntp_async.cli.options import FleetOptions, ThresholdOptions
from axis_ntp_async.cli.sweeping import sweep_fleet
from axis_ntp_async.errors import SettingsError
from axis_ntp_async.fleet.credentials import resolve_credentials
from axis_ntp_async.fleet.inventory import load_inventory
from axis_ntp_async.simulator.demo import demo_fleet
from axis_ntp_async.simulator.fleets import Troubles, make_fleet


async def simulate(
    *,
    devices: int,
    sites: int,
    seed: int,
    troubles: tuple[str, ...],
    https_share: float,
    http_port: int,
    https_port: int,
    folder: str,
) -> ExitCode:
    """Serve a fleet until somebody stops it."""
    fleet = make_fleet(
        devices,
        sites=sites,
        seed=seed,
        troubles=Troubles(**dict(map(_share, troubles))),
        https_share=https_share,
        http_port=http_port,
        https_port=https_port,
    )
    try:
        async with fleet:
            inventory = fleet.write(Path(folder))
            say(f"{devices} simulated devices answer; stop them with Ctrl-C")
            click.echo(f"axis-ntp sweep {inventory}")
            await asyncio.Event().wait()
    except OSError as error:
        raise SettingsError(f"simulate: cannot serve: {error}") from error
    return ExitCode.OK


def _share(text: str) -> tuple[str, float]:
    names = [one.name for one in attrs.fields(Troubles)]
    name, _, share = text.partition("=")
    try:
        value = float(share)
    except ValueError:
        value = -1.0
    if name not in names or not 0 <= value <= 1:
        raise SettingsError(
            f"--trouble {text!r}: expected NAME=SHARE with a share from 0 to 1 and one of "
            f"{', '.join(names)}"
        )
    return name, value


async def demo(*, seed: int, output: str | None, show_all: bool) -> ExitCode:
    """Start the demo's fleet, sweep it as anybody would, and explain what was seen."""
    async with demo_fleet(seed=seed) as fleet:
        with tempfile.TemporaryDirectory() as folder:
            inventory = load_inventory(fleet.write(Path(folder)))
            credentials = resolve_credentials(inventory.credentials)
            say("60 simulated cameras in 3 sites; sweeping them as if they were real")
            await sweep_fleet(
                Fleet(devices=inventory.devices, credentials=credentials),
                _usual_options(str(Path(folder) / "known-devices")),
                _USUAL_THRESHOLDS,
                output,
                show_all=show_all,
            )
    say("the same for your own cameras: axis-ntp sweep INVENTORY (see 'axis-ntp sweep --help')")
    return ExitCode.OK


_USUAL_THRESHOLDS = ThresholdOptions(
    profile="default",
    offset_warning_ms=None,
    offset_critical_ms=None,
    skew_warning_s=None,
    skew_critical_s=None,
)


def _usual_options(known_devices: str) -> FleetOptions:
    return FleetOptions(
        inventory="",
        limit=(),
        format=None,
        columns=(),
        username=None,
        password_from=None,
        tls=None,
        known_devices=known_devices,
        concurrency=100,
        per_site=25,
        attempts=2,
        timeout_s=5.0,
        connect_timeout_s=3.0,
        quiet=False,
    )
