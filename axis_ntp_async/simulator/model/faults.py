"""What can go wrong with a simulated camera, by name; and the answers it then gives."""

from __future__ import annotations

import enum
import gzip
import random
from collections import Counter
from collections.abc import Iterable
from typing import Final

from attrs import evolve, field, frozen

OVERSIZE_BYTES: Final = 2 * 1024 * 1024
"""Twice the limit of the session."""


@frozen(kw_only=True)
class Answer:
    """
    One HTTP answer, whoever gives it.

    Attributes:
        status: HTTP status.
        body: As it goes over the wire.
        content_type: Media type of the body.
        headers: Further headers; a name may come several times.
        missing_bytes: How much shorter the body is than its Content-Length says.
        unsent: `RESET` or `SILENT` when it stays inside the camera and that is met instead.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    missing_bytes: int = 0
    unsent: Kind | None = None


class Kind(enum.Enum):
    """
    The name of a fault.

    Those of the connection and of HTTP strike every request, also one that
    is only asking for a challenge; those of the API strike admitted requests,
    those of writes only writes that are admitted and valid. A write may meet
    two of them: one about what becomes of it, and one about its answer.
    """

    REFUSED = "refused"
    """Nothing listens, from the opening of the fleet on; while it runs, `unplug` does that."""
    SILENT = "silent"
    """
    It takes the request and never answers.

    Also stands for a black hole: a TCP handshake that never ends needs a full
    backlog, which no test can bring about reliably.
    """
    RESET = "reset"
    """It drops the connection when the request has come."""
    SLOW = "slow"
    """It answers after `seconds`."""
    BUSY = "busy"
    """503; `seconds` is its Retry-After."""
    REDIRECT = "redirect"
    """302 to HTTPS."""
    BLOCKED = "blocked"
    """403, as under the protection against guessed passwords."""
    WRONG_REALM = "wrong realm"
    """Its realm names another serial, always."""

    INTERNAL = "internal"
    """Code 1000, with HTTP 500."""
    NO_RIGHT = "no right"
    """Code 4002, with HTTP 200."""
    HTML = "html"
    """A page in place of JSON."""
    BROKEN_JSON = "broken json"
    """JSON that stops in the middle, at its announced length."""
    NOT_UTF8 = "not utf-8"
    """Bytes that are no text."""
    TRUNCATED = "truncated"
    """Less than its Content-Length says, then the connection drops."""
    OVERSIZED = "oversized"
    """Right JSON, filled up with blanks to 2 MiB."""
    BOMB = "bomb"
    """The same, compressed to a few KiB."""
    WRONG_CONTEXT = "wrong context"
    """The answer to another request."""

    WRITE_IGNORED = "write ignored"
    """A write is answered well and never applied."""
    WRITE_LATE = "write late"
    """A write is answered at once and applied after `seconds` of virtual time."""
    WRITE_LOST = "write lost"
    """The connection drops before a write is applied; from outside like `WRITE_UNANSWERED`."""
    WRITE_REFUSED = "write refused"
    """Code 4004 with sub code 3, and nothing is applied."""

    WRITE_UNANSWERED = "write unanswered"
    """A write is applied, then the connection drops without an answer."""
    WRITE_SILENT = "write silent"
    """A write is applied, and its answer never comes."""


@frozen
class Fault:
    """
    One fault of one camera.

    Attributes:
        kind: What happens.
        rate: Share of the requests it strikes, 0 to 1.
        first: Only so many requests are struck, then it is over; `None` for no end.
        seconds: How long, where the kind says so.
    """

    kind: Kind
    rate: float = 1.0
    first: int | None = None
    seconds: float = 1.0


def faults_of(given: Fault | Kind | Iterable[Fault | Kind]) -> tuple[Fault, ...]:
    """Give one or many faults, or bare kinds of them, as a tuple of faults."""
    many = (given,) if isinstance(given, Fault | Kind) else given
    return tuple(Fault(one) if isinstance(one, Kind) else one for one in many)


@frozen
class Dice:
    """Decides which request a fault strikes; the same seed decides the same."""

    chance: random.Random
    _struck: Counter[Fault] = field(factory=Counter)

    def strike(self, faults: Iterable[Fault], *kinds: Kind) -> Fault | None:
        """Give the first fault of these kinds that strikes now, if one does."""
        for fault in faults:
            if fault.kind in kinds and self._strikes(fault):
                self._struck[fault] += 1
                return fault
        return None

    def _strikes(self, fault: Fault) -> bool:
        if fault.first is not None and self._struck[fault] >= fault.first:
            return False
        return fault.rate >= 1 or self.chance.random() < fault.rate


def not_found(path: str) -> Answer:
    """Give the page of a device that has no such CGI."""
    return _page(404, "Not Found", f"The requested URL {path} was not found on this server.")


def blocked() -> Answer:
    """Give the page for an address that is blocked."""
    return _page(403, "Forbidden", "You don't have permission to access this resource.")


def busy(retry_after_s: float) -> Answer:
    """Give 503, with the whole seconds after which to come again."""
    page = _page(503, "Service Unavailable", "The server is temporarily unable to answer.")
    return evolve(page, headers=(("Retry-After", f"{retry_after_s:.0f}"),))


def redirect(location: str) -> Answer:
    """Give 302 to another address."""
    page = _page(302, "Found", f'The document has moved <a href="{location}">here</a>.')
    return evolve(page, headers=(("Location", location),))


def refusal(status: int, headers: Iterable[tuple[str, str]] = ()) -> Answer:
    """Give an answer without a body: a login that is asked for, or a request that cannot be."""
    return Answer(status=status, headers=tuple(headers))


def spoiled(answer: Answer, kind: Kind) -> Answer:
    """Give the answer as it looks under a fault of its body, one of `SPOILING`."""
    body, half = answer.body, len(answer.body) // 2
    match kind:
        case Kind.BROKEN_JSON:
            return evolve(answer, body=body[:half])
        case Kind.NOT_UTF8:
            return evolve(answer, body=b"\xff\xfe" + body)
        case Kind.TRUNCATED:
            return evolve(answer, body=body[:half], missing_bytes=len(body) - half)
        case Kind.OVERSIZED:
            return evolve(answer, body=body.ljust(OVERSIZE_BYTES))
        case Kind.BOMB:
            packed = gzip.compress(body.ljust(OVERSIZE_BYTES), mtime=0)
            return evolve(answer, body=packed, headers=(("Content-Encoding", "gzip"),))
        case _:
            return _page(200, "AXIS", "Live view")


SPOILING: Final = (
    Kind.HTML,
    Kind.BROKEN_JSON,
    Kind.NOT_UTF8,
    Kind.TRUNCATED,
    Kind.OVERSIZED,
    Kind.BOMB,
)
"""The kinds that `spoiled` knows."""


def _page(status: int, title: str, text: str) -> Answer:
    body = (
        f"<HTML><HEAD><TITLE>{status} {title}</TITLE></HEAD>\n"
        f"<BODY><H1>{status} {title}</H1>\n{text}\n</BODY></HTML>\n"
    )
    return Answer(status=status, body=body.encode(), content_type="text/html; charset=ISO-8859-1")
