"""The fleet, in a process of its own: serves until its standard input ends."""

import argparse
import asyncio
import sys
from pathlib import Path

from axis_ntp_async.simulator.fleets import Troubles, make_fleet

KEEPALIVE_S = 2.0
"""How long a device keeps an idle connection."""


async def serve(options: argparse.Namespace) -> None:
    """Print the inventory's path, and serve."""
    troubles = Troubles(silent=options.faults / 2, reset=options.faults / 2)
    fleet = make_fleet(
        options.devices,
        troubles=troubles,
        https_share=options.https_share,
        latency_s=options.latency,
        keepalive_s=KEEPALIVE_S,
    )
    async with fleet:
        print(fleet.write(options.folder), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--devices", type=int, required=True)
    parser.add_argument("--latency", type=float, required=True)
    parser.add_argument("--faults", type=float, required=True)
    parser.add_argument("--https-share", type=float, required=True)
    asyncio.run(serve(parser.parse_args()))
