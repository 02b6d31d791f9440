"""Who may look, and what browsers are told to be careful with."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from attrs import field, frozen

HEADERS: Final = {
    "Server": "axis-ntp",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""Of every answer; the page has a content policy of its own."""

TOKEN_LEAST: Final = 16
"""Fewer characters can be guessed by somebody who may try all day."""


@frozen(kw_only=True)
class Access:
    """
    Who may look.

    Without a token only this machine may, under its own names: a page that a
    browser here has open must not read us under a name that it made up.

    Attributes:
        token: A bearer token, or the password of Basic for browsers; any user name will do.
    """

    token: str | None = field(default=None, repr=False)

    def refusal(self, request: web.Request) -> web.Response | None:
        """Give the answer to somebody who may not; `None` when they may."""
        if self.token is None:
            if _is_loopback(request.host):
                return None
            return web.Response(
                status=421, text="without a token only names of this machine will do\n"
            )
        if self._is_right(request.headers.get("Authorization", "")):
            return None
        refused = web.Response(status=401, text="a token is needed\n")
        refused.headers.add("WWW-Authenticate", 'Basic realm="axis-ntp", charset="UTF-8"')
        refused.headers.add("WWW-Authenticate", "Bearer")
        return refused

    def _is_right(self, authorization: str) -> bool:
        scheme, _, value = authorization.partition(" ")
        given = value.strip()
        if scheme.lower() == "basic":
            given = _password(given)
        elif scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(
            given.encode("utf-8", "surrogateescape"), (self.token or "").encode()
        )


def guarded(access: Access) -> Middleware:
    """Make the middleware that lets nobody else in, and makes short answers of errors."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer: web.StreamResponse | None = access.refusal(request)
        if answer is None:
            try:
                answer = await handler(request)
            except web.HTTPException as error:
                answer = web.Response(status=error.status, text=f"{error.reason}\n")
                answer.headers.update({n: v for n, v in error.headers.items() if n == "Allow"})
        return answer

    return guard


def is_loopback_address(host: str) -> bool:
    """Tell whether whoever listens there is heard on this machine only."""
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    name, colon, port = host.rpartition(":")
    return is_loopback_address(name if colon and port.isdigit() else host)


def _password(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
