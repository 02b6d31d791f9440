"""Credentials that devices refuse are tried on few of them, then on none."""

from __future__ import annotations

import asyncio
from typing import Final

from attrs import define, field

from axis_ntp_async.errors import CredentialSuspendedError

REFUSALS_IN_A_ROW: Final = 3


@define(eq=False)
class CredentialBreaker:
    """
    The `LoginGate` of all devices that share one name of credentials.

    Until a device has accepted the credentials, no more of them are tried at
    once than may still refuse. After three refusals in a row they are
    suspended: a typed-wrong password costs three failed logins, not a fleet.

    Attributes:
        name: Name of the credentials.
        is_suspended: Whether nobody may try them any more.
    """

    name: str
    is_suspended: bool = field(default=False, init=False)
    _proven: bool = field(default=False, init=False)
    _trying: int = field(default=0, init=False)
    _refused_in_a_row: int = field(default=0, init=False)
    _changed: asyncio.Event = field(factory=asyncio.Event, init=False)

    def renew(self) -> None:
        """Begin again from doubt, as at the start of a new run."""
        self.is_suspended = self._proven = False
        self._refused_in_a_row = 0

    def refusal(self, device: str) -> CredentialSuspendedError:
        """Give the error of a device whose turn does not come any more."""
        return CredentialSuspendedError(
            device,
            f"not tried: credentials {self.name!r} are suspended, "
            f"{REFUSALS_IN_A_ROW} devices in a row refused them. Correct them and run again",
        )

    async def enter(self, device: str) -> None:
        """Wait until one more device may be tried."""
        while not (self.is_suspended or self._has_room):
            await self._changed.wait()
        if self.is_suspended:
            raise self.refusal(device)
        self._trying += 1

    @property
    def _has_room(self) -> bool:
        return self._proven or self._trying + self._refused_in_a_row < REFUSALS_IN_A_ROW

    def leave(self, *, accepted: bool | None) -> None:
        """Learn from a device's answer."""
        self._trying -= 1
        if accepted:
            self._proven, self._refused_in_a_row = True, 0
        elif accepted is False:
            self._refused_in_a_row += 1
            self.is_suspended |= self._refused_in_a_row >= REFUSALS_IN_A_ROW
        self._changed.set()
        self._changed = asyncio.Event()
