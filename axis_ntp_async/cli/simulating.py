"""`simulate`: a fleet that is not there."""

from __future__ import annotations

import asyncio
import shlex
import signal
from pathlib import Path

import attrs
import click

from axis_ntp_async.cli import loop
from axis_ntp_async.cli.exits import ExitCode, say
from axis_ntp_async.cli.fleet import counted, handling
from axis_ntp_async.errors import SettingsError
from axis_ntp_async.simulator.fleets import Troubles, make_fleet
from axis_ntp_async.simulator.listing import INVENTORY_NAME
from axis_ntp_async.simulator.serving.server import SimulatedFleet

_MARK = "# A simulated fleet"
"""How the inventories begin that may be overwritten."""


def simulate(
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
    if "help" in troubles:
        click.echo("\n".join(one.name for one in attrs.fields(Troubles)))
        return ExitCode.OK
    dealt = Troubles(**dict(map(_share, troubles)))
    _check_folder(Path(folder))
    try:
        fleet = make_fleet(
            devices,
            sites=sites,
            seed=seed,
            troubles=dealt,
            https_share=https_share,
            http_port=http_port,
            https_port=https_port,
        )
    except ValueError as error:
        raise SettingsError(f"--trouble: {error}") from error
    loop.run(_serve(fleet, Path(folder)))
    return ExitCode.OK


async def _serve(fleet: SimulatedFleet, folder: Path) -> None:
    stopped = asyncio.Event()
    try:
        with handling(asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM), stopped.set):
            async with fleet:
                inventory = fleet.write(folder)
                devices = counted(len(fleet.cameras), "simulated device")
                say(f"{devices} ready; Ctrl-C ends them. In another terminal:")
                click.echo(f"axis-ntp sweep {shlex.quote(str(inventory))}")
                await stopped.wait()
    except OSError as error:
        raise SettingsError(f"simulate: cannot serve: {error}") from error


def _check_folder(folder: Path) -> None:
    """Refuse to write over an inventory that somebody made."""
    inventory = folder / INVENTORY_NAME
    try:
        text = inventory.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{inventory}: cannot be read: {error}") from error
    if not text.startswith(_MARK):
        raise SettingsError(
            f"{inventory} is no simulated fleet and would be overwritten; name another --out"
        )


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
