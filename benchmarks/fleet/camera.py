"""What a cheap camera says: bytes in, bytes out, and the login checked. No I/O."""

import base64
import hashlib
import json
import re
import time
from email.utils import formatdate
from typing import Final, NamedTuple

from benchmarks.setting import PASSWORD, PATH, USERNAME, serial_of, server_of

_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_LOGIN: Final = re.compile(rb"\r\nauthorization:[ \t]*([^\r]+)", re.IGNORECASE)
_CLOSE: Final = re.compile(rb"\r\nconnection:[^\r]*\bclose\b", re.IGNORECASE)
_PART: Final = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,"]+))')
_BASIC: Final = "Basic " + base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()

_HARDENING: Final = (
    b"X-Content-Type-Options: nosniff\r\nX-Frame-Options: SAMEORIGIN\r\n"
    b"X-XSS-Protection: 1; mode=block\r\nReferrer-Policy: strict-origin-when-cross-origin\r\n"
)
_REFUSAL: Final = b'{"error":"Unauthorized"}'
_ANSWER: Final = (
    '{"apiVersion":"1.5","context":%s,"method":"getNTPInfo","data":{"client":{'
    '"enabled":true,"NTSEnabled":false,"serversSource":"static","maxSupportedStaticServers":5,'
    '"staticServers":["%s"],"advertisedServers":[],"staticNTSKEServers":[],'
    '"NTSKEServerCACerts":[],"synced":true,"timeToNextSync":%d,"timeOffset":%.6f,'
    '"minpoll":6,"maxpoll":10}}}'
)


class Request(NamedTuple):
    """One request, as far as a camera looks at it."""

    method: str
    path: str
    login: str | None
    close: bool
    body: bytes


def next_request(received: bytearray) -> Request | None:
    """
    Take a whole request off the head of what was received; `None` when there is none yet.

    Raises:
        ValueError: It is none that a client of ours would send.
    """
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(received[: end + 2])
    line = head[: head.index(b"\r\n")].decode("latin-1").split(" ")
    length = _LENGTH.search(head)
    if length is None or line[-1] != "HTTP/1.1":
        raise ValueError(f"not a request with a length: {line}")
    whole = end + 4 + int(length[1])
    if len(received) < whole:
        return None
    body = bytes(received[end + 4 : whole])
    del received[:whole]
    login = _LOGIN.search(head)
    return Request(
        method=line[0],
        path=line[1],
        login=login[1].decode("latin-1") if login else None,
        close=_CLOSE.search(head) is not None,
        body=body,
    )


class Cameras:
    """
    All cameras of a fleet.

    Args:
        login: `digest`, `basic`, or nothing.

    Attributes:
        generation: Of the nonces; whoever shows an older one is told that it is stale.
        wrong_logins: How often somebody showed a login that was not right.
        wrong_requests: How often somebody asked for something else.
    """

    def __init__(self, login: str) -> None:
        self.login = login
        self.generation = 1
        self.wrong_logins = 0
        self.wrong_requests = 0
        self._secrets: dict[int, str] = {}
        self._date = (0, b"")

    def answer(self, number: int, request: Request) -> bytes:
        """Give the answer of one camera."""
        if self.login and (refusal := self._refusal(number, request)) is not None:
            return refusal
        context = self._context_of(request)
        body = _ANSWER % (context, server_of(number), 1 + number % 64, number % 1000 / 1000)
        return self._response(b"200 OK", b"", body.encode(), request.close)

    def _context_of(self, request: Request) -> str:
        """Check that somebody really asks for the state of the NTP client; echo its context."""
        asked = json.loads(request.body)
        right = request.method == "POST" and request.path == PATH
        self.wrong_requests += not right or asked.get("method") != "getNTPInfo"
        return json.dumps(asked.get("context"))

    def _refusal(self, number: int, request: Request) -> bytes | None:
        if request.login is None:
            return self._challenge(number, request)
        if self.login == "basic":
            right = request.login == _BASIC
        else:
            given = {
                name: quoted or bare
                for name, quoted, bare in _PART.findall(request.login.partition(" ")[2])
            }
            right = self._is_right(number, request, given)
            if right and given["nonce"] != self._nonce(number):
                return self._challenge(number, request, stale=True)
        if right:
            return None
        self.wrong_logins += 1
        return self._challenge(number, request)

    def _is_right(self, number: int, request: Request, given: dict[str, str]) -> bool:
        secret = self._secrets.get(number)
        if secret is None:
            secret = self._secrets[number] = _md5(USERNAME, _realm(number), PASSWORD)
        target = _md5(request.method, request.path)
        counted = [given.get(name, "") for name in ("nonce", "nc", "cnonce", "qop")]
        named = given.get("username"), given.get("realm"), given.get("uri")
        return (
            named == (USERNAME, _realm(number), request.path)
            and given.get("qop") == "auth"
            and given.get("response") == _md5(secret, *counted, target)
        )

    def _challenge(self, number: int, request: Request, *, stale: bool = False) -> bytes:
        offer = f'Basic realm="{_realm(number)}"'
        if self.login == "digest":
            offer = (
                f'Digest realm="{_realm(number)}", nonce="{self._nonce(number)}", '
                f'algorithm=MD5, {"stale=true, " if stale else ""}qop="auth"'
            )
        header = f"WWW-Authenticate: {offer}\r\n".encode()
        return self._response(b"401 Unauthorized", header, _REFUSAL, request.close)

    def _nonce(self, number: int) -> str:
        stamp = base64.b64encode(self.generation.to_bytes(8, "little")).decode()
        return stamp + hashlib.sha1(f"{number}:{self.generation}".encode()).hexdigest()

    def _response(self, status: bytes, header: bytes, body: bytes, close: bool) -> bytes:
        """Speak as the Apache of a camera does: in chunks, for a script knows no length."""
        return b"".join(
            (
                b"HTTP/1.1 %s\r\nDate: %s\r\nServer: Apache\r\n" % (status, self._now()),
                header,
                _HARDENING,
                b"Connection: close\r\n" if close else b"",
                b"Transfer-Encoding: chunked\r\nContent-Type: application/json; charset=utf-8",
                b"\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body),
            )
        )

    def _now(self) -> bytes:
        second = int(time.time())
        if self._date[0] != second:
            self._date = second, formatdate(second, usegmt=True).encode()
        return self._date[1]


def _realm(number: int) -> str:
    return f"AXIS_{serial_of(number)}"


def _md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode()).hexdigest()
