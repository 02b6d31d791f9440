"""What surrounds the simulated cameras: time as it passes there, and the NTP servers they ask."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Final

from attrs import define, field, frozen

ALWAYS: Final = float("-inf")
"""As a moment: since before anything the simulator tells about."""


class VirtualTime:
    """
    The true time in a simulated world, in seconds since 1970, as fast as wanted.

    It is a callable, like `time.time`. With a speed of 0 it stands still and
    moves only by `advance`, which makes tests exact.

    Args:
        speed: Simulated seconds per real second.
        start: The time it begins with; by default the real time.
        ticking: The real clock, in seconds; must never go back.
    """

    def __init__(
        self,
        *,
        speed: float = 1.0,
        start: float | None = None,
        ticking: Callable[[], float] = time.monotonic,
    ) -> None:
        self._speed = speed
        self._ticking = ticking
        self._base = time.time() if start is None else start
        self._base_tick = ticking()

    def __call__(self) -> float:
        """Give the time now."""
        return self._base + (self._ticking() - self._base_tick) * self._speed

    @property
    def speed(self) -> float:
        """Simulated seconds per real second; may be set while time runs."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self.advance(0.0)
        self._speed = speed

    def advance(self, by_s: float) -> None:
        """Jump ahead by so many simulated seconds."""
        tick = self._ticking()
        self._base += (tick - self._base_tick) * self._speed + by_s
        self._base_tick = tick


@frozen
class _Behaviour:
    """What a server does from one moment on; `error_s` is `None` while it is dead."""

    since: float
    error_s: float | None


@define(eq=False)
class TimeServer:
    """
    One NTP server: it answers rightly, answers wrongly, or is dead.

    It remembers *when* it changed, because cameras catch up with the past
    only when somebody asks them: a poll at ten o'clock must meet the server
    as it was at ten o'clock.

    Attributes:
        name: Address or DNS name under which cameras ask it.
        nts: Whether it also offers key establishment and NTS.
    """

    name: str
    _now: Callable[[], float]
    nts: bool = False
    _past: dict[str | None, list[_Behaviour]] = field(factory=dict)

    def dies(self, *, site: str | None = None, at: float | None = None) -> None:
        """Answer nobody from now (or from the moment *at*) on, or nobody of one site."""
        self._behave(None, site, at)

    def recovers(self, *, site: str | None = None, at: float | None = None) -> None:
        """Answer again, and rightly."""
        self._behave(0.0, site, at)

    def tells(self, error_s: float, *, site: str | None = None, at: float | None = None) -> None:
        """Tell a time that is ahead of the true one by so many seconds; negative is behind."""
        self._behave(error_s, site, at)

    def error_at(self, at: float, site: str | None) -> float | None:
        """Give how far its answer at that moment is off, in seconds; `None` for no answer."""
        for place in (site, None):
            past = self._past.get(place, [])
            if reached := bisect_right(past, at, key=lambda one: one.since):
                return past[reached - 1].error_s
        return 0.0

    def _behave(self, error_s: float | None, site: str | None, at: float | None) -> None:
        since = self._now() if at is None else at
        past = self._past.setdefault(site, [])
        past[:] = [one for one in past if one.since < since]
        past.append(_Behaviour(since, error_s))


@frozen
class TimeAnswer:
    """
    What a camera's client makes of the answers of its servers.

    Attributes:
        server: The one it follows.
        error_s: Time of that server minus the true time, in seconds.
    """

    server: str
    error_s: float


class World:
    """
    The true time, and the NTP servers that exist; a name nobody made answers nobody.

    Args:
        now: Gives the true time in seconds since 1970; by default a `VirtualTime`.
    """

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        self.now = VirtualTime() if now is None else now
        self._servers: dict[str, TimeServer] = {}

    def server(self, name: str, *, nts: bool | None = None) -> TimeServer:
        """Give the server of that name; a new one is alive and right."""
        server = self._servers.setdefault(name.casefold(), TimeServer(name, self.now))
        if nts is not None:
            server.nts = nts
        return server

    def ask(
        self, names: Iterable[str], *, site: str | None, at: float, nts: bool
    ) -> TimeAnswer | None:
        """
        Give the time that a client with these servers would follow.

        Out of three or more answers it is the one in the middle, so that a
        single wrong server is outvoted; otherwise the first in order.

        Args:
            names: The servers in order of preference.
            site: Where the client stands.
            at: When it asks.
            nts: Ask only servers that can do NTS.
        """
        answers = [
            TimeAnswer(server.name, error_s)
            for name in names
            if (server := self._servers.get(name.casefold())) is not None
            and (server.nts or not nts)
            and (error_s := server.error_at(at, site)) is not None
        ]
        if len(answers) < 3:  # noqa: PLR2004  a majority takes three
            return answers[0] if answers else None
        return sorted(answers, key=lambda one: one.error_s)[len(answers) // 2]
