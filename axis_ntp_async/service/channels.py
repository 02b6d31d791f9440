"""Where notices go: a webhook, a command."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO, Final, Protocol

import aiohttp
import tenacity
from attrs import field, frozen
from yarl import URL

from axis_ntp_async.errors import DeliveryError, NoticeRefusedError
from axis_ntp_async.report.documents import Document
from axis_ntp_async.report.printable import printable

_TIMEOUT_S: Final = 10.0
_COMMAND_LIMIT_S: Final = 30.0
_ATTEMPTS: Final = 4
_LONGEST_WAIT_S: Final = 20.0
_COMPLAINT_MOST: Final = 100_000
_LINE_MOST: Final = 200
_NOT_THIS_ONE: Final = frozenset({400, 413, 422})
_WORTH_ANOTHER_TRY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class Channel(Protocol):
    """Somebody who takes notices."""

    @property
    def name(self) -> str:
        """What it is called in messages; no secret is in it."""
        ...

    async def send(self, notice: Document) -> None:
        """
        Deliver one notice.

        Raises:
            DeliveryError: It was not taken.
        """
        ...


class _TransientError(Exception):
    """Another try may help."""


@frozen(kw_only=True)
class Webhook:
    """
    A URL that notices are posted to, as JSON.

    Redirects are not followed: the headers may hold a secret.

    Attributes:
        url: The URL; it may be a secret itself, so only its host is ever shown.
        headers: Sent with each post, such as a token.
        wait_s: Seconds of the first wait between two tries; later ones are longer.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(factory=dict, repr=False, hash=False)
    wait_s: float = 1.0

    @property
    def name(self) -> str:
        """Its host and port."""
        url = URL(self.url)
        return f"webhook at {url.host}:{url.port}"

    async def send(self, notice: Document) -> None:
        """
        Post a notice; what may be transient is tried again.

        Raises:
            DeliveryError: It was not taken; a `NoticeRefusedError` is for good.
        """
        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=tenacity.wait_random_exponential(multiplier=self.wait_s, max=_LONGEST_WAIT_S),
            retry=tenacity.retry_if_exception_type(_TransientError),
            reraise=True,
        )
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            try:
                await retrying(self._post, session, notice)
            except _TransientError as error:
                # Not chained: the text of aiohttp's errors may hold the URL.
                raise DeliveryError(f"{self.name}: {error}") from None

    async def _post(self, session: aiohttp.ClientSession, notice: Document) -> None:
        try:
            async with session.post(
                self.url, json=notice, headers=self.headers, allow_redirects=False
            ) as answer:
                status = answer.status
        except TimeoutError:
            raise _TransientError(f"no answer within {_TIMEOUT_S:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise _TransientError(_reason(error)) from None
        if status in _WORTH_ANOTHER_TRY:
            raise _TransientError(f"HTTP {status}")
        if status in _NOT_THIS_ONE:
            raise NoticeRefusedError(f"{self.name}: HTTP {status}")
        if not 200 <= status < 300:  # noqa: PLR2004  what HTTP calls success
            raise DeliveryError(f"{self.name}: HTTP {status}")


def _reason(error: Exception) -> str:
    """Say why a post failed; aiohttp's own text may hold the URL, and with it a secret."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return "its certificate is not trusted"
        case aiohttp.ClientSSLError():
            return "no TLS connection can be made"
        case aiohttp.ClientConnectorError(os_error=cause):
            number = cause.errno or 0
            return f"cannot be reached: {os.strerror(number) if number > 0 else cause.strerror}"
        case aiohttp.ServerDisconnectedError() | ConnectionError():
            return "ended the connection without an answer"
        case _:
            return f"gives no answer that can be read ({type(error).__name__})"


@frozen(kw_only=True)
class Command:
    """
    A program that gets each notice as JSON on its standard input.

    Attributes:
        words: The program and its arguments; no shell is between.
        limit_s: Seconds that it may take.
    """

    words: Sequence[str] = field(repr=False)
    limit_s: float = _COMMAND_LIMIT_S

    @property
    def name(self) -> str:
        """The program."""
        return f"command {self.words[0]}"

    async def send(self, notice: Document) -> None:
        """
        Run it once.

        Raises:
            DeliveryError: It cannot be run, took too long, or ended with another code than 0.
        """
        # Files, and no pipes: the program need not read the one, and what it leaves running may
        # keep the other open.
        with tempfile.TemporaryFile() as text, tempfile.TemporaryFile() as complaint:
            text.write(json.dumps(notice).encode())
            text.seek(0)
            code = await self._run(text, complaint)
            if code:
                raise DeliveryError(f"{self.name}: ended with {code}{_last_line(complaint)}")

    async def _run(self, text: IO[bytes], complaint: IO[bytes]) -> int:
        try:
            process = await asyncio.create_subprocess_exec(
                *self.words,
                stdin=text,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=complaint,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no command"
            raise DeliveryError(f"{self.name}: cannot be run: {reason}") from error
        try:
            async with asyncio.timeout(self.limit_s):
                return await process.wait()
        except TimeoutError:
            raise DeliveryError(f"{self.name}: took longer than {self.limit_s:g} s") from None
        finally:
            if process.returncode is None:
                _kill(process)
                await process.wait()


def _last_line(complaint: IO[bytes]) -> str:
    """Give the last line of what a program complained of."""
    complaint.seek(0)
    lines = complaint.read(_COMPLAINT_MOST).decode(errors="replace").strip().splitlines()
    return f": {printable(lines[-1])[:_LINE_MOST]}" if lines else ""


def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill a program with all that it has started."""
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:  # pragma: no cover  Windows has no groups of processes
        process.kill()
