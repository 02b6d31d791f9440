"""
The process of a peer: it is told to sweep, and says what that cost.

`python -m benchmarks.client '{"peer": …, "setting": …, "ports": …, "speed": …, "program": …, …}'`
says that it is ready first. For each line `sweep` it reads all devices once; for
each line `pause` it lets a moment pass. It ends with its standard input.
"""

import asyncio
import gc
import importlib
import json
import logging
import os
import resource
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from benchmarks.peers.peer import Job, Peer, Tally
from benchmarks.setting import Setting

PAUSE_S: Final = 0.3


def main(order: dict[str, Any]) -> None:
    """Open the peer, and obey."""
    logging.disable()
    if order["core"] is not None:
        os.sched_setaffinity(0, {order["core"]})
    setting = Setting(**order["setting"])
    if setting.open_files is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (setting.open_files, setting.open_files))
    if not order["speed"]:
        # Whoever imports it finds it missing: what is installed must not speed up the plain one.
        sys.modules["orjson"] = None  # type: ignore[assignment]
    if order["program"]:
        _be_the_program()
    module, _, name = order["peer"].partition(":")
    job = Job.of(setting, order["ports"], speed=order["speed"])
    peer: Peer = getattr(importlib.import_module(module), name)(job)
    _warm_up(peer, job)
    _say({"ready": name})
    for line in sys.stdin:
        if line.strip() == "pause":
            peer.pause(PAUSE_S)
            _say({})
        else:
            _say(_measured(peer, job))
    peer.close()


def _be_the_program() -> None:
    """Set this process up as `axis-ntp` does: what it runs in a loop first changes the rest."""
    from axis_ntp_async.cli.loop import run  # noqa: PLC0415  not every peer has it

    run(asyncio.sleep(0))


def _warm_up(peer: Peer, job: Job) -> None:
    """Read a device beyond the fleet, so that the first sweep pays for no import."""
    tally = Tally(job.spare.number + 1)
    peer.sweep([job.spare], tally)
    if tally.report()["answered"] != 1:
        raise RuntimeError(f"the first device gives no answer: {tally.report()['failed']}")


def _measured(peer: Peer, job: Job) -> dict[str, Any]:
    gc.collect()
    _forget_peak()
    before = _status("VmRSS")
    tally = Tally(len(job.devices))
    began, used = time.perf_counter(), _cpu_s()
    peer.sweep(job.devices, tally)
    wall_s, cpu_s = time.perf_counter() - began, _cpu_s() - used
    return {
        "cpu_us": cpu_s / len(job.devices) * 1e6,
        "wall_s": wall_s,
        "rss_before_mib": before / 1024,
        "rss_mib": _status("VmHWM") / 1024,
        **tally.report(),
    }


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _forget_peak() -> None:
    """Begin a new peak of memory; `ru_maxrss` would also hold the one of our parent."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _status(name: str) -> int:
    """Give a size of this process in KiB, from Linux's own account."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(name)


def _say(members: dict[str, Any]) -> None:
    print(json.dumps(members), flush=True)


if __name__ == "__main__":
    try:
        main(json.loads(sys.argv[1]))
    except Exception as error:  # noqa: BLE001  whatever it is belongs into the results
        traceback.print_exc()
        _say({"crash": f"{type(error).__name__}: {error}"})
