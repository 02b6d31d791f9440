"""`inventory check`, `list` and `convert`: nothing here talks to a device."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Final

import click
from rich.console import RenderableType

from axis_ntp_async.cli.exits import ExitCode
from axis_ntp_async.cli.fleet import check_trust, counted, read_inventory
from axis_ntp_async.cli.options import InventoryOptions
from axis_ntp_async.cli.showing import Results
from axis_ntp_async.device.records import Device
from axis_ntp_async.device.trust import Trust
from axis_ntp_async.inventory.writing import dump_csv, dump_jsonl, dump_toml
from axis_ntp_async.report.documents import DEVICE_COLUMNS, device_document
from axis_ntp_async.report.printable import printable
from axis_ntp_async.report.tables import plain_table

_SHOWN: Final = 10


def check(options: InventoryOptions) -> ExitCode:
    """Tell what is in an inventory; what is wrong with it has been raised by then."""
    inventory = read_inventory(options)
    devices = inventory.select(*options.limit)
    check_trust(Trust(), devices)
    click.echo(f"{printable(inventory.source)}: {counted(len(devices), 'device')}")
    for title, found in (
        ("site", Counter(device.site or "-" for device in devices)),
        ("scheme", Counter(device.scheme for device in devices)),
        ("tls", Counter(device.trust.mode.value for device in devices)),
        ("credentials", Counter(device.credentials or "-" for device in devices)),
    ):
        told = ", ".join(f"{printable(name)} {count}" for name, count in found.most_common(_SHOWN))
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        click.echo(f"  {title}: {told}{more}")
    without = sum(device.serial is None for device in devices)
    if without:
        click.echo(
            f"  {without} without a serial: nothing tells whether another device answers there"
        )
    return ExitCode.OK


def list_devices(options: InventoryOptions, output: str | None) -> ExitCode:
    """List the selected devices."""
    results = Results("inventory", device_document, _table, DEVICE_COLUMNS, output)
    for device in read_inventory(options).select(*options.limit):
        results.add(device)
    results.end()
    return ExitCode.OK


def convert(options: InventoryOptions, target: str) -> ExitCode:
    """Write the selected devices in another format."""
    inventory = read_inventory(options)
    devices = inventory.select(*options.limit)
    text = {
        "toml": lambda: dump_toml(devices, inventory.credentials),
        "csv": lambda: dump_csv(devices),
        "jsonl": lambda: dump_jsonl(devices),
    }[target]()
    # A file is UTF-8, whatever the terminal is.
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    return ExitCode.OK


def _table(devices: Sequence[Device], _: int) -> RenderableType:
    return plain_table(
        ("device", "address", "site", "serial", "groups", "tls"),
        [
            (
                device.name,
                f"{device.scheme}://{device.address}",
                device.site or "-",
                device.serial or "-",
                " ".join(device.groups) or "-",
                device.trust.mode.value if device.scheme == "https" else "-",
            )
            for device in devices
        ],
    )
