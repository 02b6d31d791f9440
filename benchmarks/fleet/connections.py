"""The open end of a connection, as an asyncio protocol: nothing between socket and camera."""

import asyncio
from typing import Final, cast

from benchmarks.fleet.camera import Cameras, Request, next_request
from benchmarks.fleet.ledger import Ledger
from benchmarks.setting import number_of

_SILENCE: Final = -1


class Shared:
    """
    What the connections of one fleet share.

    Args:
        cameras: Who answers.
        ledger: Who counts.
        latency_s: How long an answer takes.
    """

    def __init__(self, cameras: Cameras, ledger: Ledger, latency_s: float) -> None:
        self.cameras = cameras
        self.ledger = ledger
        self.latency_s = latency_s
        self.open: set[asyncio.Transport] = set()

    def close_all(self) -> None:
        """Close every connection, as devices do with idle ones."""
        for transport in tuple(self.open):
            transport.close()


class Silent(asyncio.Protocol):
    """Accepts, and never says a word."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name
        self._shared.open.add(self._transport)
        self._shared.ledger.opened()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's name
        """Count its end."""
        self._shared.open.discard(self._transport)
        self._shared.ledger.closed()


class Talking(Silent):
    """Answers one request after the other, for the camera at the address that was connected to."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared)
        self._received = bytearray()
        self._number = _SILENCE
        self._is_thinking = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Learn which camera is meant."""
        super().connection_made(transport)
        self._number = number_of(transport.get_extra_info("sockname")[0])

    def data_received(self, data: bytes) -> None:
        """Take in a request, or part of it."""
        self._received += data
        self._go_on()

    def _go_on(self) -> None:
        if self._is_thinking:
            return
        request = next_request(self._received)
        if request is None:
            return
        self._shared.ledger.asked(self._number)
        if self._shared.latency_s:
            self._is_thinking = True
            asyncio.get_running_loop().call_later(self._shared.latency_s, self._answer, request)
        else:
            self._answer(request)

    def _answer(self, request: Request) -> None:
        self._is_thinking = False
        self._shared.ledger.answered(self._number)
        if self._transport.is_closing():
            return
        self._transport.write(self._shared.cameras.answer(self._number, request))
        if request.close:
            self._transport.close()
        else:
            self._go_on()
