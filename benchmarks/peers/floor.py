"""
The floor: an asyncio protocol written by hand for this one request.

It knows what its fleet will answer, checks next to nothing and has no timeouts.
It is no proposal; it shows what of a sweep's cost Python, the event loop and
OpenSSL take in any case.
"""

import asyncio
import base64
import hashlib
import re
import ssl
from collections.abc import Sequence
from typing import Final, cast

from benchmarks.peers.peer import AsyncPeer, Tally, reading_of
from benchmarks.setting import PASSWORD, PATH, REQUEST, USERNAME, Endpoint

_REALM: Final = re.compile(rb'realm="([^"]+)"')
_NONCE: Final = re.compile(rb'nonce="([^"]+)"')
_END: Final = b"\r\n0\r\n\r\n"
_UNAUTHORIZED: Final = b"HTTP/1.1 401"


class Floor(AsyncPeer):
    """Workers take devices from one iterator; a digest challenge is kept per device."""

    async def open(self) -> None:
        """Make one TLS context for all."""
        self._context: ssl.SSLContext | None = None
        if self.job.setting.scheme == "https":
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._context.check_hostname = False
            self._context.verify_mode = ssl.CERT_NONE
        self._challenges: dict[int, _Challenge] = {}
        self._loads = self.job.loads
        self._basic = b""
        if self.job.setting.login == "basic":
            pair = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode())
            self._basic = b"Authorization: Basic %s\r\n" % pair

    async def read(self, devices: Sequence[Endpoint], tally: Tally) -> None:
        """Let workers read until nobody is left."""
        waiting = iter(devices)

        async def work() -> None:
            for device in waiting:
                await self._read_one(device, tally)

        await asyncio.gather(*(work() for _ in range(self.job.setting.concurrency)))

    async def shut(self) -> None:
        """Nothing is open."""

    async def _read_one(self, device: Endpoint, tally: Tally) -> None:
        loop = asyncio.get_running_loop()
        try:
            transport, exchange = await loop.create_connection(
                _Exchange, device.host, device.port, ssl=self._context
            )
            try:
                answer = await self._exchange(device, exchange)
            finally:
                transport.close()
            body = answer[answer.index(b"\r\n\r\n") + 4 : -len(_END)]
            reading = reading_of(self._loads(body[body.index(b"\n") + 1 :]))
        except (OSError, ValueError, LookupError) as error:
            tally.failed(device.number, error)
        else:
            tally.answered(device.number, reading.static_servers)

    async def _exchange(self, device: Endpoint, exchange: "_Exchange") -> bytes:
        known = self._challenges.get(device.number)
        answer = await exchange.ask(_request(device, known.header() if known else self._basic))
        if answer.startswith(_UNAUTHORIZED):
            known = self._challenges[device.number] = _Challenge(answer)
            answer = await exchange.ask(_request(device, known.header()))
        return answer


class _Exchange(asyncio.Protocol):
    """Sends a request, and waits for the last chunk of its answer."""

    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._received.endswith(_END) and self._answer and not self._answer.done():
            self._answer.set_result(self._received)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("closed without an answer"))

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        self._received = b""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer


class _Challenge:
    """A digest challenge, and how often it was answered."""

    def __init__(self, answer: bytes) -> None:
        realm, nonce = _REALM.search(answer), _NONCE.search(answer)
        if realm is None or nonce is None:
            raise ValueError("no digest challenge in a 401")
        self._nonce = nonce[1]
        self._realm = realm[1]
        self._secret = _md5(b"%s:%s:%s" % (USERNAME.encode(), realm[1], PASSWORD.encode()))
        self._uses = 0

    def header(self) -> bytes:
        self._uses += 1
        counted = b"%s:%08x:0a4f113b:auth" % (self._nonce, self._uses)
        response = _md5(b"%s:%s:%s" % (self._secret, counted, _TARGET))
        return (
            b'Authorization: Digest username="%s", realm="%s", nonce="%s", uri="%s", '
            b'response="%s", algorithm=MD5, qop=auth, nc=%08x, cnonce="0a4f113b"\r\n'
        ) % (
            USERNAME.encode(),
            self._realm,
            self._nonce,
            PATH.encode(),
            response,
            self._uses,
        )


def _request(device: Endpoint, login: bytes) -> bytes:
    return (
        b"POST %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n%s\r\n%s"
    ) % (PATH.encode(), device.host.encode(), device.port, len(REQUEST), login, REQUEST)


def _md5(text: bytes) -> bytes:
    return hashlib.md5(text).hexdigest().encode()


_TARGET: Final = _md5(b"POST:" + PATH.encode())
