"""What is wrong with time servers, judged from what they answered. Pure: it asks nobody."""

from __future__ import annotations

import datetime as dt
import enum
import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import frozen

WRONG_TIME_S: Final = 1.0
LARGEST_ROOT_DISPERSION_S: Final = 3.0
"""From here on Axis devices ignore a server; the local clock of Windows shows 10 s."""

UNSYNCHRONISED_STRATUM: Final = 16
LEAP_ALARM: Final = 3
SERVER_MODE: Final = 4
"""Source: RFC 5905, section 7.3."""

KISSES: Final[Mapping[str, str]] = {
    "DENY": "it refuses us by its rules, and maybe cameras too",
    "RSTR": "its rules give us no time, and maybe cameras neither",
    "RATE": "it is asked too often, and would leave a whole fleet without time",
}
"""What a server says in place of the time. Source: RFC 5905, section 7.4."""


class ServerKind(enum.Enum):
    """What a server is asked for: the time, or keys for NTS."""

    NTP = "ntp"
    NTS_KE = "nts-ke"


class Trouble(enum.Enum):
    """Why a server gave no answer to judge; the first in this order tells the most."""

    NO_NAME = "no such name ({reason}): cameras find it only if they ask other name servers"
    NO_ADDRESS = "it is neither an address nor a name: cameras could not find it either"
    NO_NTS_KE = "it speaks TLS, but not NTS-KE ({reason}): cameras get no keys from it"
    NO_TLS = "TLS fails ({reason}): cameras get no keys from it"
    NO_NTP = "what answers on {reason} is not NTP: cameras get no time from it"
    REFUSED = "{reason} is closed: no such server runs there, and cameras would get no answer"
    NO_ANSWER = (
        "no answer on {reason}: cameras get one only if they see another network than we do"
    )
    UNREACHABLE = (
        "no way leads there ({reason}): cameras find one only if they see another network"
    )


@frozen(kw_only=True)
class Reply:
    """
    One NTP answer, to a question of ours.

    Attributes:
        leap: The leap indicator.
        mode: 4 from a server.
        stratum: Steps to a reference clock; 0 and 16 of one that is not synchronised.
        code: Letters of the reference id, of stratum 0 only; empty when they are none.
        root_dispersion_s: How far off the server thinks it can be.
        offset_s: Server's clock minus ours.
        round_trip_s: Time on the way, without what the server took.

    Source: RFC 5905, sections 7.3 and 8.
    """

    leap: int
    mode: int
    stratum: int
    code: str
    root_dispersion_s: float
    offset_s: float
    round_trip_s: float

    @property
    def is_kiss(self) -> bool:
        """Whether it asks us to go away."""
        return self.code in KISSES

    @property
    def is_synchronised(self) -> bool:
        """Whether the server itself calls its time good."""
        return 0 < self.stratum < UNSYNCHRONISED_STRATUM and self.leap != LEAP_ALARM


@frozen(kw_only=True)
class Answer:
    """
    What came of asking one server.

    Attributes:
        server: As it was given to us.
        kind: What it was asked for.
        trouble: Why there was no answer; `None` when there was.
        reason: What the trouble's sentence has to name.
        reply: The answer; always `None` of NTS-KE, where the handshake is all we want.
    """

    server: str
    kind: ServerKind = ServerKind.NTP
    trouble: Trouble | None = None
    reason: str = ""
    reply: Reply | None = None


@frozen(kw_only=True)
class Question:
    """
    What one server is asked for, and where.

    Attributes:
        server: As it was given to us.
        kind: What it is asked for.
        port: UDP port for the time, TCP port for keys.
    """

    server: str
    kind: ServerKind
    port: int

    @property
    def where(self) -> str:
        """The port, for people."""
        return f"{'UDP' if self.kind is ServerKind.NTP else 'TCP'} port {self.port}"

    def failed(self, trouble: Trouble, reason: str | None = None) -> Answer:
        """Give the answer that there was none; the reason is the port unless told."""
        told = self.where if reason is None else reason
        return Answer(server=self.server, kind=self.kind, trouble=trouble, reason=told)

    def broken(self, error: OSError) -> Answer:
        """Give what a failed connection means."""
        if isinstance(error, ConnectionRefusedError):
            return self.failed(Trouble.REFUSED)
        said = os.strerror(error.errno) if error.errno else str(error)
        return self.failed(Trouble.UNREACHABLE, said)


def preference(answer: Answer) -> tuple[bool, bool, float]:
    """Give how little an answer is worth beside others of the same server, to sort by."""
    if answer.trouble is not None:
        return True, True, list(Trouble).index(answer.trouble)
    reply = answer.reply
    return False, bool(reply and reply.is_kiss), reply.round_trip_s if reply else 0.0


@frozen(kw_only=True)
class ServerCheck:
    """
    What we think of one server.

    Attributes:
        server: As it was given to us.
        kind: What it was asked for.
        faults: A sentence each, that says what it means for a camera; empty when all is well.
        stratum: Steps to a reference clock, when it answered.
        offset_s: Its clock minus ours; `None` also while it calls its own time bad.
        round_trip_s: The best of a few.
        root_dispersion_s: How far off it thinks it can be.
    """

    server: str
    kind: ServerKind
    faults: tuple[str, ...] = ()
    stratum: int | None = None
    offset_s: float | None = None
    round_trip_s: float | None = None
    root_dispersion_s: float | None = None

    @property
    def is_ok(self) -> bool:
        """Whether cameras may be pointed at it."""
        return not self.faults


def judge_answers(answers: Sequence[Answer]) -> tuple[ServerCheck, ...]:
    """
    Give what is wrong with each server, in the order given.

    The good ones are compared with each other: more than half must agree, so
    two of two, two of three. Only then they are compared with our own clock.
    """
    faults = [tuple(_faults_of(answer)) for answer in answers]
    offsets = {
        answer.server: answer.reply.offset_s
        for answer, found in zip(answers, faults, strict=True)
        if answer.reply and not found
    }
    of_time = _faults_of_time(offsets) if offsets else {}
    return tuple(
        _check(answer, found or (of_time.get(answer.server, ()) if answer.reply else ()))
        for answer, found in zip(answers, faults, strict=True)
    )


def _check(answer: Answer, faults: tuple[str, ...]) -> ServerCheck:
    if (reply := answer.reply) is None:
        return ServerCheck(server=answer.server, kind=answer.kind, faults=faults)
    return ServerCheck(
        server=answer.server,
        kind=answer.kind,
        faults=faults,
        stratum=reply.stratum,
        offset_s=reply.offset_s if reply.is_synchronised else None,
        round_trip_s=reply.round_trip_s,
        root_dispersion_s=reply.root_dispersion_s,
    )


def _faults_of(answer: Answer) -> Iterator[str]:
    if answer.trouble:
        yield answer.trouble.value.format(reason=answer.reason)
    if (reply := answer.reply) is None:
        return
    if reply.mode != SERVER_MODE:
        yield f"it answers, but not as a server (mode {reply.mode}): cameras ignore that"
        return
    if reply.is_kiss:
        yield f"it answers {reply.code} in place of the time: {KISSES[reply.code]}"
        return
    if not 0 < reply.stratum < UNSYNCHRONISED_STRATUM:
        said = f"stratum {reply.stratum} {reply.code}".rstrip()
        yield f"it is not synchronised itself ({said}): cameras ignore it"
    if reply.leap == LEAP_ALARM:
        yield "it warns that its clock is not set (leap indicator 3): cameras ignore it"
    if reply.root_dispersion_s >= LARGEST_ROOT_DISPERSION_S:
        yield (
            f"it can be {reply.root_dispersion_s:.1f} s off by its own account (root dispersion): "
            f"Axis devices ignore it from {LARGEST_ROOT_DISPERSION_S:g} s on"
        )


_WRONG_TIME: Final = "cameras that follow it would have a wrong time"


def _faults_of_time(offsets: Mapping[str, float]) -> dict[str, tuple[str, ...]]:
    """Compare good servers: with the middle one, which is right when more than half agree."""
    middle = statistics.median_low(offsets.values())
    agreed = {name for name, one in offsets.items() if abs(one - middle) <= WRONG_TIME_S}
    if 2 * len(agreed) <= len(offsets):
        return dict.fromkeys(offsets, (_disagreement(offsets),))
    faults: dict[str, tuple[str, ...]] = {
        name: (f"its clock is {_apart(one - middle)} most other servers: {_WRONG_TIME}",)
        for name, one in offsets.items()
        if name not in agreed
    }
    if abs(middle) > WRONG_TIME_S:
        alone = len(offsets) == 1 or bool(faults)
        meaning = (
            "either it or our clock is wrong, and cameras could get a wrong time"
            if alone
            else "all servers agree, so OUR clock is the odd one; good cameras will seem wrong"
        )
        for name in agreed:
            faults[name] = (f"its clock is {_apart(offsets[name])} ours: {meaning}",)
    return faults


def _disagreement(offsets: Mapping[str, float]) -> str:
    *others, last = offsets
    apart = _duration(max(offsets.values()) - min(offsets.values()))
    named = f"{', '.join(others)} and {last} are {apart} apart"
    if len(others) == 1:
        return f"{named}: one of them must be wrong, and cameras cannot know which"
    return f"{named}, and no majority agrees: cameras cannot know which are right"


def _apart(difference_s: float) -> str:
    return f"{_duration(abs(difference_s))} {'ahead of' if difference_s > 0 else 'behind'}"


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else str(dt.timedelta(seconds=round(seconds)))  # noqa: PLR2004  a matter of reading
