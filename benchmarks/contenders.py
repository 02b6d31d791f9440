"""Ways to read a fleet twice, and what each sweep costs; one JSON line a sweep."""

import argparse
import asyncio
import json
import resource
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from axis_ntp_async import (
    Credentials,
    Device,
    DeviceSession,
    KnownDevices,
    Limits,
    RetryPolicy,
    SessionPool,
    Trust,
    load_inventory,
    resolve_credentials,
)
from benchmarks.fleet import KEEPALIVE_S

Sweep = Callable[[], Awaitable[list[float]]]
"""Reads every device; gives the seconds of those that answered."""

SWEEPS = 2
PAUSE_S = KEEPALIVE_S + 1
"""Between sweeps, so that the devices have closed all connections, as they would."""


@asynccontextmanager
async def session_pool(
    devices: Sequence[Device], credentials: Mapping[str, Credentials], options: argparse.Namespace
) -> AsyncIterator[Sweep]:
    """Open what the package offers."""
    pool = SessionPool(
        credentials,
        limits=Limits(total=options.concurrency, per_site=options.concurrency),
        retry=RetryPolicy(attempts=1, attempt_timeout_s=options.timeout),
        trust=Trust(KnownDevices()),
    )

    async def sweep() -> list[float]:
        async with aclosing(pool.each(devices, DeviceSession.get_ntp_info)) as outcomes:
            return [outcome.elapsed_s async for outcome in outcomes if outcome.is_ok]

    async with pool:
        yield sweep


@asynccontextmanager
async def plain_aiohttp(
    devices: Sequence[Device], credentials: Mapping[str, Credentials], options: argparse.Namespace
) -> AsyncIterator[Sweep]:
    """Open what one would write in an hour: a semaphore, a middleware for each device, gather."""
    slots = asyncio.Semaphore(options.concurrency)
    request = {"apiVersion": "1.0", "context": "benchmark", "method": "getNTPInfo"}
    logins: dict[str, dict[str, Any]] = {}
    for device in devices:
        login = credentials[device.credentials or ""]
        pair = login.username, login.password
        logins[device.name] = (
            {"headers": {"Authorization": aiohttp.encode_basic_auth(*pair)}}
            if device.scheme == "https"
            else {"middlewares": (aiohttp.DigestAuthMiddleware(*pair),)}
        )

    async def read(http: aiohttp.ClientSession, device: Device) -> float | None:
        url = f"{device.scheme}://{device.address}/axis-cgi/ntp.cgi"
        async with slots:
            began = time.perf_counter()
            try:
                async with http.post(url, json=request, **logins[device.name]) as response:
                    response.raise_for_status()
                    (await response.json())["data"]["client"]["synced"]
            except (aiohttp.ClientError, TimeoutError):
                return None
            return time.perf_counter() - began

    async with AsyncExitStack() as opening:
        connector = aiohttp.TCPConnector(limit=0, ssl=False)
        timeout = aiohttp.ClientTimeout(total=options.timeout)
        http = aiohttp.ClientSession(connector=connector, timeout=timeout)
        await opening.enter_async_context(http)

        async def sweep() -> list[float]:
            found = await asyncio.gather(*(read(http, device) for device in devices))
            return [seconds for seconds in found if seconds is not None]

        yield sweep


CONTENDERS = {"SessionPool": session_pool, "plain aiohttp": plain_aiohttp}


async def measure(sweep: Sweep, devices: int) -> dict[str, float]:
    """Run one sweep; give what it cost."""
    wall, cpu = time.perf_counter(), time.process_time()
    seconds = await sweep()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    shares = statistics.quantiles(seconds, n=20)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "devices/s": devices / wall,
        "CPU/device us": cpu / devices * 1e6,
        "p50 ms": shares[9] * 1e3,
        "p95 ms": shares[18] * 1e3,
        "peak MiB": peak / (1 << 20 if sys.platform == "darwin" else 1 << 10),
        "answered": len(seconds),
    }


async def main(options: argparse.Namespace) -> None:
    """Measure one contender."""
    inventory = load_inventory(options.inventory)
    credentials = resolve_credentials(inventory.credentials)
    contender = CONTENDERS[options.contender]
    async with contender(inventory.devices, credentials, options) as sweep:
        for sweeps_before in range(SWEEPS):
            await asyncio.sleep(PAUSE_S if sweeps_before else 0)
            print(json.dumps(await measure(sweep, len(inventory.devices))), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("inventory", type=Path)
    parser.add_argument("--concurrency", type=int, required=True)
    parser.add_argument("--timeout", type=float, required=True)
    asyncio.run(main(parser.parse_args()))
