"""
The process of a fleet: one JSON line in, one JSON line out, until its standard input ends.

Its argument is a `Setting` as JSON. It says its ports first; then it obeys
`report` (give all counters and begin anew), `close` (all connections, as
devices do with idle ones) and `rotate` (all nonces).
"""

import asyncio
import json
import resource
import sys
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.fleet.camera import Cameras
from benchmarks.fleet.certificate import server_context
from benchmarks.fleet.connections import Shared, Silent, Talking
from benchmarks.fleet.ledger import Ledger
from benchmarks.fleet.sockets import black_hole, listen
from benchmarks.setting import Setting

try:
    import uvloop
except ImportError:
    new_event_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    new_event_loop = uvloop.new_event_loop


async def serve(setting: Setting) -> None:
    """Serve until nobody is there any more."""
    shared = Shared(Cameras(setting.login), Ledger(setting.devices), setting.latency_s)
    async with AsyncExitStack() as opened:
        folder = opened.enter_context(tempfile.TemporaryDirectory())
        context = server_context(Path(folder)) if setting.scheme == "https" else None
        loop = asyncio.get_running_loop()
        ports = {}
        for fate, protocol, tls in (("healthy", Talking, context), ("silent", Silent, None)):
            listener = listen()
            ports[fate] = listener.getsockname()[1]
            server = await loop.create_server(
                partial(protocol, shared), sock=listener, backlog=4096, ssl=tls
            )
            await opened.enter_async_context(server)
        if setting.black_holed:
            ports["black-holed"] = opened.enter_context(black_hole())
        _say({"ports": ports, "loop": type(loop).__module__})
        while line := await asyncio.to_thread(sys.stdin.readline):
            _say(_obey(line.strip(), shared))
        shared.close_all()


def _obey(order: str, shared: Shared) -> dict[str, Any]:
    if order == "close":
        shared.close_all()
    elif order == "rotate":
        shared.cameras.generation += 1
    elif order != "report":
        raise ValueError(f"no such order: {order!r}")
    report = shared.ledger.report()
    report["wrong_logins"] = shared.cameras.wrong_logins
    report["wrong_requests"] = shared.cameras.wrong_requests
    if order == "report":
        shared.ledger.reset()
        shared.cameras.wrong_logins = shared.cameras.wrong_requests = 0
    return report


def _say(members: dict[str, Any]) -> None:
    print(json.dumps(members), flush=True)


def _open_many_files() -> None:
    """Let the fleet have more connections than its clients."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    _open_many_files()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve(Setting.from_json(sys.argv[1])))
