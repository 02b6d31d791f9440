"""Who takes part: a class below `peers/`, the packages it needs, the Python that has them."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

_ASK: Final = """
import importlib.metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        found[name] = None
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Contender:
    """
    One way to read a fleet.

    Attributes:
        peer: Its module below `peers/` and its class.
        needs: The packages it is made of.
        speed: Whether it runs with uvloop and orjson.
        program: Whether it runs as `axis-ntp` does, whose collector is in no hurry.
        niquests: Whether it needs the environment that has niquests.
    """

    peer: str
    needs: tuple[str, ...] = ()
    speed: bool = False
    program: bool = False
    niquests: bool = False


_OURS: Final = ("aiohttp", "attrs", "cattrs")
_SPEED: Final = ("uvloop", "orjson")

CONTENDERS: Final[Mapping[str, Contender]] = {
    "bare aiohttp": Contender("bare_aiohttp:BareAiohttp", ("aiohttp",)),
    "bare aiohttp + speed": Contender(
        "bare_aiohttp:BareAiohttp", ("aiohttp", *_SPEED), speed=True
    ),
    "ours": Contender("ours:Ours", _OURS),
    "ours + speed": Contender("ours:Ours", (*_OURS, *_SPEED), speed=True),
    "the program": Contender("ours:Ours", (*_OURS, *_SPEED), speed=True, program=True),
    "httpx": Contender("bare_httpx:BareHttpx", ("httpx",)),
    "requests + threads": Contender("threaded_requests:ThreadedRequests", ("requests",)),
    "niquests + threads": Contender(
        "threaded_requests:ThreadedNiquests", ("niquests",), niquests=True
    ),
    "pycurl multi": Contender("multi_pycurl:MultiPycurl", ("pycurl",)),
    "floor": Contender("floor:Floor"),
    "floor + speed": Contender("floor:Floor", _SPEED, speed=True),
}
"""
`speed` stands for uvloop and orjson; the program is ours with them, and with a collector that is
in no hurry, which a library must not decide. The floor is a protocol written by hand.
"""


@dataclass(frozen=True)
class Pythons:
    """
    The interpreters that run contenders.

    Attributes:
        usual: Of this environment.
        niquests: Of the one that has niquests; `None` when there is none.
    """

    usual: str = sys.executable
    niquests: str | None = None

    def of(self, contender: Contender) -> str | None:
        """Give the one of a contender."""
        return self.niquests if contender.niquests else self.usual

    def missing(self, contender: Contender) -> list[str]:
        """Give the packages that a contender needs and has not."""
        python = self.of(contender)
        if python is None:
            return list(contender.needs)
        found = versions(python, contender.needs)
        return [name for name in contender.needs if found[name] is None]


@cache
def versions(python: str, packages: tuple[str, ...]) -> Mapping[str, str | None]:
    """Ask a Python for the versions of packages."""
    asked = subprocess.run(
        [python, "-c", _ASK, *packages], capture_output=True, text=True, check=True
    )
    found: dict[str, str | None] = json.loads(asked.stdout)
    return found
