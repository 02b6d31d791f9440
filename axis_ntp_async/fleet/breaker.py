"""Credentials that devices refuse are tried on few of them, then on none."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from attrs import define, field

from axis_ntp_async.errors import CredentialSuspendedError

REFUSALS_IN_A_ROW: Final = 3
REST_S: Final = 60.0
"""After so long a later run may try suspended credentials anew, though others are under way."""

LATELY_S: Final = 600.0
"""So long an acceptance tells that a device which refuses has a password of its own."""


@define(eq=False)
class CredentialBreaker:
    """
    The `LoginGate` of all devices that share one name of credentials.

    Until a device has accepted the credentials, no more of them are tried at
    once than may still refuse. After refusals of three devices in a row they
    are suspended: a typed-wrong password costs three failed logins, not a fleet.

    A device that refuses them while others accept them has a password of its
    own. Refusing them again it tells nothing new, and does not count as long as
    some device has accepted them lately: in a watch for months a few such
    devices would come in a row one day.

    Attributes:
        name: Name of the credentials.
        changed: Called when somebody has learned something about them.
        is_suspended: Whether nobody may try them any more.
    """

    name: str
    changed: Callable[[], None] = field(default=lambda: None)
    is_suspended: bool = field(default=False, init=False)
    _suspended_at: float = field(default=0.0, init=False)
    _proven: bool = field(default=False, init=False)
    _trying: int = field(default=0, init=False)
    _refusing: set[str] = field(factory=set, init=False)
    """Devices that have refused them since one accepted them."""
    _others: set[str] = field(factory=set, init=False)
    """Devices that have refused them while others accepted them."""
    _accepted_at: float = field(default=-LATELY_S, init=False)
    _news: asyncio.Event = field(factory=asyncio.Event, init=False)

    @property
    def has_room(self) -> bool:
        """Whether one more device may be tried now, or be told that it will not be."""
        may_try = self._trying + len(self._refusing) < REFUSALS_IN_A_ROW
        return self._proven or self.is_suspended or may_try

    @property
    def has_rested(self) -> bool:
        """Whether they have been suspended for long."""
        return self.is_suspended and time.monotonic() - self._suspended_at >= REST_S

    def renew(self) -> None:
        """Begin again from doubt, as at the start of a new run."""
        self.is_suspended = self._proven = False
        self._refusing.clear()

    def doubt(self) -> None:
        """Take nothing for proven any more, and forget no refusal."""
        self._proven = False

    def forget(self, device: str) -> None:
        """Let go of what is known of a device that is no more."""
        self._others.discard(device)

    def refusal(self, device: str) -> CredentialSuspendedError:
        """Give the error of a device whose turn does not come any more."""
        return CredentialSuspendedError(
            device,
            f"not tried: credentials {self.name!r} are suspended, "
            f"{REFUSALS_IN_A_ROW} devices in a row refused them",
        )

    async def enter(self, device: str) -> None:
        """Wait until one more device may be tried."""
        while not self.has_room:
            await self._news.wait()
        if self.is_suspended:
            raise self.refusal(device)
        self._trying += 1

    def leave(self, device: str, *, accepted: bool | None) -> None:
        """Learn from a device's answer."""
        self._trying -= 1
        if accepted:
            self._accepted_at = time.monotonic()
        if accepted and self._proven and not self._refusing and device not in self._others:
            return  # nothing was learned, and nobody waits
        if accepted:
            self._accept(device)
        elif accepted is False and not self._is_known_stranger(device):
            self._refuse(device)
        self._news.set()
        self._news = asyncio.Event()
        self.changed()

    def _is_known_stranger(self, device: str) -> bool:
        return device in self._others and time.monotonic() - self._accepted_at < LATELY_S

    def _accept(self, device: str) -> None:
        self._proven = True
        self._others |= self._refusing
        self._others.discard(device)
        self._refusing.clear()

    def _refuse(self, device: str) -> None:
        self._refusing.add(device)
        if len(self._refusing) >= REFUSALS_IN_A_ROW and not self.is_suspended:
            self.is_suspended, self._suspended_at = True, time.monotonic()
