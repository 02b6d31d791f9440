"""
The login check of one simulated camera, as its web server makes it. Pure: time is handed in.

Written from RFC 7616, RFC 7617 and what Apache's mod_auth_digest does, and
from nothing of our own session, so that both ends do not share a mistake.
Like Apache it looks at the nonce's age last: `stale=true` is said only to
who knows the password. Like Apache it knows neither `username*` nor
`userhash`.

Source: RFC 7616, 3.3 to 3.7; mod_auth_digest.c, authenticate_digest_user.
"""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
import hmac
import re
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from axis_ntp_async.simulator.model.access import Offer

if TYPE_CHECKING:
    from axis_ntp_async.simulator.model.camera import Camera

_PARAMETER: Final = re.compile(r'([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)')
_HASH_OF: Final = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_COUNT: Final = re.compile(r"[0-9a-fA-F]{8}")
_NONCE_TIME_CHARACTERS: Final = 12


class Verdict(enum.Enum):
    """What the gate says to one request."""

    ADMITTED = "admitted"
    NO_LOGIN = "no login"
    REFUSED = "refused"
    STALE = "stale"
    """The login is right, its nonce is old."""
    MALFORMED = "malformed"
    """A digest made for another address: HTTP 400."""


@frozen(kw_only=True)
class Attempt:
    """
    What a request shows at the gate.

    Attributes:
        method: HTTP method.
        target: Path and query as in the request line.
        authorization: The header, if there is one.
        scheme: `http` or `https`.
        source: Address it comes from.
    """

    method: str
    target: str
    authorization: str | None
    scheme: str
    source: str


@define(eq=False)
class Gate:
    """
    The gate of one camera.

    Attributes:
        failures: How many logins it has refused.
    """

    _camera: Camera
    failures: int = field(default=0, init=False)
    _generation: int = field(default=0, init=False)
    _recent: dict[str, deque[float]] = field(factory=lambda: defaultdict(deque), init=False)
    _blocked_until: dict[str, float] = field(factory=dict, init=False)
    _counted: set[tuple[str, str]] = field(factory=set, init=False)

    def check(self, attempt: Attempt, now: float) -> Verdict:
        """
        Judge a login, and remember it when it fails; whoever is blocked was told so before.

        Args:
            attempt: What the request shows.
            now: Real seconds from any beginning; must never go back.
        """
        access = self._camera.access
        offers = access.offers_over(attempt.scheme)
        if not offers:
            return Verdict.ADMITTED
        if attempt.authorization is None:
            return Verdict.NO_LOGIN
        verdict = self._judge(attempt, offers, now)
        if verdict is Verdict.ADMITTED and access.factory_default:
            verdict = Verdict.REFUSED
        if verdict is Verdict.REFUSED:
            self._remember_failure(attempt.source, now)
        return verdict

    def challenges(self, scheme: str, now: float, *, stale: bool = False) -> list[tuple[str, str]]:
        """Give the headers that ask for a login."""
        access = self._camera.access
        texts = [self._challenge(offer, now, stale) for offer in access.offers_over(scheme)]
        if access.one_header and texts:
            texts = [", ".join(texts)]
        headers = [("WWW-Authenticate", text) for text in texts]
        if access.factory_default:
            headers.append(("axis-setup", "vapix"))
        return headers

    def rotate_nonces(self) -> None:
        """Make every nonce given so far stale."""
        self._generation += 1
        self._counted.clear()

    def is_blocked(self, source: str, now: float) -> bool:
        """Tell whether everything that comes from an address is refused now."""
        protection = self._camera.access.protection
        if protection is None or now >= self._blocked_until.get(source, now):
            return False
        if protection.prolonged:
            self._blocked_until[source] = now + protection.block_s
        return True

    def _remember_failure(self, source: str, now: float) -> None:
        self.failures += 1
        protection = self._camera.access.protection
        if protection is None:
            return
        recent = self._recent[source]
        recent.append(now)
        while recent[0] < now - protection.within_s:
            recent.popleft()
        if len(recent) >= protection.failures:
            self._blocked_until[source] = now + protection.block_s
            recent.clear()

    def _challenge(self, offer: Offer, now: float, stale: bool) -> str:
        realm = f'realm="{self._camera.realm}"'
        if offer.scheme == "Basic":
            return f"Basic {realm}"
        text = f'Digest {realm}, nonce="{self._nonce(now)}", algorithm={offer.algorithm}'
        if offer.qop:
            text += ', qop="auth"'
        return text + ", stale=true" if stale else text

    def _judge(self, attempt: Attempt, offers: tuple[Offer, ...], now: float) -> Verdict:
        scheme, _, rest = (attempt.authorization or "").partition(" ")
        if scheme.lower() == "basic":
            offered = any(offer.scheme == "Basic" for offer in offers)
            right = offered and self._is_right_basic(rest)
            return Verdict.ADMITTED if right else Verdict.REFUSED
        if scheme.lower() == "digest":
            return self._judge_digest(attempt, parameters_of(rest), offers, now)
        return Verdict.REFUSED

    def _is_right_basic(self, token: str) -> bool:
        try:
            login = base64.b64decode(token.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        # The user name ends at the first colon, so one with a colon can never be right.
        username, _, password = login.partition(b":")
        return (username, password) == (
            self._camera.username.encode(),
            self._camera.password.encode(),
        )

    def _judge_digest(
        self, attempt: Attempt, given: dict[str, str], offers: tuple[Offer, ...], now: float
    ) -> Verdict:
        if given.get("uri") != attempt.target:
            return Verdict.MALFORMED
        if not self._is_right_digest(attempt, given, offers):
            return Verdict.REFUSED
        if not self._is_fresh(given.get("nonce", ""), now):
            return Verdict.STALE
        if self._camera.access.counts and "nc" in given:
            count = (given["nonce"], given["nc"].lower())
            if count in self._counted:
                return Verdict.REFUSED
            self._counted.add(count)
        return Verdict.ADMITTED

    def _is_right_digest(
        self, attempt: Attempt, given: dict[str, str], offers: tuple[Offer, ...]
    ) -> bool:
        algorithm = given.get("algorithm", "MD5")
        if Offer("Digest", algorithm, "qop" in given) not in offers:
            return False
        if "qop" in given and not (
            given["qop"] == "auth"
            and _COUNT.fullmatch(given.get("nc", ""))
            and given.get("cnonce")
        ):
            return False
        if (given.get("username"), given.get("realm")) != (
            self._camera.username,
            self._camera.realm,
        ):
            return False
        expected = expected_response(algorithm, given, self._camera.password, attempt.method)
        return hmac.compare_digest(expected, given.get("response", "").encode("utf-8", "replace"))

    def _nonce(self, now: float) -> str:
        made_at = base64.b64encode(int(now * 1e6).to_bytes(8, "little")).decode()
        return made_at + self._seal(made_at)

    def _seal(self, made_at: str) -> str:
        text = f"{self._camera.serial} {self._generation} {made_at}"
        return hashlib.sha1(text.encode("utf-8", "replace")).hexdigest()  # noqa: S324  as Apache's

    def _is_fresh(self, nonce: str, now: float) -> bool:
        made_at = nonce[:_NONCE_TIME_CHARACTERS]
        if nonce != made_at + self._seal(made_at):
            return False
        made_at_s = int.from_bytes(base64.b64decode(made_at), "little") / 1e6
        return now - made_at_s < self._camera.access.nonce_lifetime_s


def parameters_of(text: str) -> dict[str, str]:
    """Read the parameters of a digest; what is no parameter is passed over."""
    return {
        name.lower(): re.sub(r"\\(.)", r"\1", quoted) if quoted else token
        for name, quoted, token in _PARAMETER.findall(text)
    }


def expected_response(algorithm: str, given: dict[str, str], password: str, method: str) -> bytes:
    """
    Give the `response` that whoever knows the password sends.

    Args:
        algorithm: One that we know.
        given: The parameters of the digest.
        password: The right one.
        method: HTTP method.

    Source: RFC 7616, 3.4.1 to 3.4.3; without qop RFC 2617, 3.2.2.1.
    """
    made = _HASH_OF[algorithm.removesuffix("-sess")]

    def digest(*parts: str) -> str:
        return made(":".join(parts).encode("utf-8", "surrogateescape")).hexdigest()

    nonce = given.get("nonce", "")
    secret = digest(given["username"], given["realm"], password)
    if algorithm.endswith("-sess"):
        secret = digest(secret, nonce, given.get("cnonce", ""))
    request = digest(method, given["uri"])
    if "qop" not in given:
        return digest(secret, nonce, request).encode()
    middle = (nonce, given["nc"], given["cnonce"], given["qop"])
    return digest(secret, *middle, request).encode()
