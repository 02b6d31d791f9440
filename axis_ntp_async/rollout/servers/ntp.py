"""Asking one address for the time, a few times in short order."""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
import socket
import time
from types import ModuleType
from typing import Any, Final

from attrs import define, field

from axis_ntp_async.errors import AxisNTPError
from axis_ntp_async.rollout.servers.checks import Answer, Question, Reply, Trouble, preference

QUESTIONS: Final = 3
SPACING_S: Final = 0.1
"""A server is asked a few times in short order, as cameras begin with a burst."""

NTP_VERSION: Final = 4

_CLIENT_MODE: Final = 3
_ERA_S: Final = 2.0**32
"""The clock of NTP begins anew in 2036."""

_FRACTION_BITS: Final = 21
"""What a float can hold beside the 32 bits of a timestamp's seconds."""


def load_ntplib() -> ModuleType:
    """
    Give the library that reads and writes NTP packets.

    Raises:
        AxisNTPError: It is not installed; it comes with the extra `preflight`.
    """
    try:
        import ntplib  # noqa: PLC0415  an extra
    except ImportError:
        raise AxisNTPError(
            "asking time servers needs an extra; run: pip install 'axis_ntp_async[preflight]'"
        ) from None
    return ntplib  # type: ignore[no-any-return]  # it has no types


async def ask_time(question: Question, address: str, ends_at: float) -> Answer:
    """Ask a few times until then, and give the answer that was quickest on its way."""
    loop = asyncio.get_running_loop()
    try:
        line = _line_to(address, question.port)
        transport, burst = await loop.create_datagram_endpoint(_Burst, sock=line)
    except OSError as error:
        return question.broken(error)
    try:
        async with asyncio.timeout_at(ends_at):
            await burst.ask(transport)
    except TimeoutError:
        pass  # what came until now counts
    finally:
        transport.close()
    return burst.outcome(question)


def _line_to(address: str, port: int) -> socket.socket:
    """Give a UDP socket that hears from there only, and when that port is closed."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    line = socket.socket(family, socket.SOCK_DGRAM)
    try:
        line.setblocking(False)
        line.connect((address, port))
    except OSError:
        line.close()
        raise
    return line


@define(eq=False)
class _Burst(asyncio.DatagramProtocol):
    """
    A few questions to one address, and what comes back.

    The transmit timestamp of a question is a random number, not our time: a
    server only echoes it, and nobody can guess what an answer has to hold.
    """

    replies: list[Reply] = field(factory=list)
    error: OSError | None = None
    heard_nonsense: bool = False
    is_over: asyncio.Event = field(factory=asyncio.Event)
    _asked: dict[float, tuple[float, float]] = field(factory=dict)

    async def ask(self, transport: asyncio.DatagramTransport) -> None:
        for _ in range(QUESTIONS):
            transport.sendto(self.question())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SPACING_S):
                    await self.is_over.wait()
                    return
        await self.is_over.wait()

    def question(self) -> bytes:
        nonce = secrets.randbits(32 + _FRACTION_BITS) / 2**_FRACTION_BITS
        packet = load_ntplib().NTPPacket(
            version=NTP_VERSION, mode=_CLIENT_MODE, tx_timestamp=nonce
        )
        self._asked[nonce] = time.time(), time.monotonic()
        return bytes(packet.to_data())

    def datagram_received(self, data: bytes, _: object) -> None:
        received_at, ntplib = time.monotonic(), load_ntplib()
        packet = ntplib.NTPPacket()
        try:
            packet.from_data(data)
        except ntplib.NTPException:
            self.heard_nonsense = True
            return
        asked = self._asked.pop(packet.orig_timestamp, None)
        if asked is None:
            return  # not to a question of ours: somebody else's answer, or a forged one
        clock, asked_at = asked
        reply = _reply(packet, ntplib.system_to_ntp_time(clock), received_at - asked_at)
        self.replies.append(reply)
        if reply.is_kiss or len(self.replies) == QUESTIONS:
            self.is_over.set()

    def error_received(self, exc: Exception) -> None:
        if isinstance(exc, OSError):
            self.error = exc
            self.is_over.set()

    def outcome(self, question: Question) -> Answer:
        answers = [
            Answer(server=question.server, kind=question.kind, reply=one) for one in self.replies
        ]
        if answers:
            return min(answers, key=preference)
        if self.heard_nonsense:
            return question.failed(Trouble.NO_NTP)
        return question.broken(self.error) if self.error else question.failed(Trouble.NO_ANSWER)


def _reply(packet: Any, asked_at_s: float, elapsed_s: float) -> Reply:  # noqa: ANN401  it has no types
    """Read a packet; times are of our clock, counted as NTP does."""
    ahead_s = math.remainder(packet.recv_timestamp - asked_at_s, _ERA_S)
    ahead_later_s = math.remainder(packet.tx_timestamp - asked_at_s - elapsed_s, _ERA_S)
    held_s = min(max(packet.tx_timestamp - packet.recv_timestamp, 0.0), elapsed_s)
    letters = packet.ref_id.to_bytes(4, "big").rstrip(b"\0").decode("ascii", "replace")
    is_code = packet.stratum == 0 and letters.isalnum() and letters.isascii()
    return Reply(
        leap=packet.leap,
        mode=packet.mode,
        stratum=packet.stratum,
        code=letters if is_code else "",
        root_dispersion_s=packet.root_dispersion,
        offset_s=(ahead_s + ahead_later_s) / 2,
        round_trip_s=elapsed_s - held_s,
    )
