"""`simulate` and `demo`: a fleet that is not there."""

from __future__ import annotations

import asyncio
import shlex
import signal
import tempfile
from pathlib import Path

import attrs
import click

from axis_ntp_async.cli.exits import ExitCode, say
from axis_ntp_async.cli.fleet import Fleet, counted, handling
from axis_ntp_async.cli.options import FleetOptions
from axis_ntp_async.cli.sweeping import sweep_fleet
from axis_ntp_async.device.trust import KnownDevices, Trust
from axis_ntp_async.errors import SettingsError
from axis_ntp_async.health.finding import PROFILES
from axis_ntp_async.inventory.credentials import resolve_credentials
from axis_ntp_async.inventory.inventory import load_inventory
from axis_ntp_async.simulator.demo import demo_fleet
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
    asyncio.run(_serve(fleet, Path(folder)))
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


def demo(*, seed: int, output: str | None, show_all: bool) -> ExitCode:
    """Start the demo's fleet, sweep it as anybody would, and explain what was seen."""
    asyncio.run(_demo(seed=seed, output=output, show_all=show_all))
    say("the same for your own cameras: axis-ntp sweep INVENTORY (see 'axis-ntp sweep --help')")
    return ExitCode.OK


async def _demo(*, seed: int, output: str | None, show_all: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with demo_fleet(seed=seed) as cameras:
            inventory = load_inventory(cameras.write(Path(folder)))
            fleet = Fleet(
                devices=inventory.devices,
                credentials=resolve_credentials(inventory.credentials),
                trust=Trust(KnownDevices()),
            )
            sites = len({device.site for device in fleet.devices})
            say(f"{len(fleet.devices)} simulated cameras in {sites} sites; sweeping them")
            await sweep_fleet(fleet, _PATIENCE, PROFILES["default"], output, show_all=show_all)


_PATIENCE = FleetOptions(
    inventory="",
    limit=(),
    format=None,
    columns=(),
    username=None,
    password_from=None,
    tls=None,
    known_devices=None,
    concurrency=100,
    per_site=25,
    attempts=2,
    timeout_s=3.0,
    connect_timeout_s=3.0,
    quiet=False,
)
"""Less than usual: one of the cameras is silent, and nobody wants to wait for it."""
