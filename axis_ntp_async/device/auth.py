"""
Which challenge of a device we answer, and how: digest, Basic over TLS only, identity first.

aiohttp's own digest middleware would serve a single device well. It reads
only the first `WWW-Authenticate` header, speaks no Basic, and may send a wrong
password twice in one call, while a device blocks whoever fails too often. So
this layer is our own. It does no I/O: the session asks it what to send.

Source: RFC 7616 (Digest), RFC 7617 (Basic).
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Final, NoReturn, Protocol

from attrs import define, field, frozen

from axis_ntp_async.device.records import Device, TLSMode
from axis_ntp_async.errors import (
    CredentialsError,
    IdentityMismatchError,
    LoginRefusedError,
    PlaintextLoginError,
    UnexpectedResponseError,
)

_HASH_OF_ALGORITHM: Final = {"md5": hashlib.md5, "sha-256": hashlib.sha256}
_STRENGTH: Final = {"basic": 0, "md5": 1, "sha-256": 2}
_STATUS_AFTER_LOGIN: Final = frozenset({200, 404, 405, 500})
"""A device without the API says so only to whom it has let in; others get a 401."""

_USUAL: Final = "MD5"
"""What a digest is made with where its challenge does not say."""
_CNONCE_BYTES: Final = 16

_HALF_A_CHARACTER: Final = re.compile(r"[\ud800-\udfff]")
_REALM_WITH_SERIAL: Final = re.compile(r"AXIS_([0-9A-Fa-f]{12})")
_ESCAPED: Final = re.compile(r"\\(.)")
_PART: Final = re.compile(
    r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)"  # a scheme, or the name of a parameter with its
    r'(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?'  # quoted or bare value
)


@frozen
class Credentials:
    """
    A user name and its password; the password shows in no `repr` and cannot be pickled.

    Attributes:
        username: Text without control characters; one with a colon cannot be sent with Basic.
        password: Any text.

    Raises:
        CredentialsError: One of them cannot be sent as UTF-8. It does not tell the text.
    """

    username: str
    password: str = field(repr=False)

    def __attrs_post_init__(self) -> None:
        if not self.username.isprintable():
            raise CredentialsError("a user name has control or undecodable characters")
        if _HALF_A_CHARACTER.search(self.password):
            raise CredentialsError("a password has undecodable characters; store it as UTF-8")

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials are not pickled; send their name, resolve it there")


class LoginGate(Protocol):
    """Somebody who decides whether credentials may be tried on one more device now."""

    @property
    def has_room(self) -> bool:
        """Whether nobody would have to wait in `enter`."""
        ...

    async def enter(self, device: str) -> None:
        """Wait for leave to try; raises CredentialSuspendedError when there is none."""
        ...

    def leave(self, device: str, *, accepted: bool | None) -> None:
        """Tell how it went; `None` when the device answered neither yes nor no."""
        ...


@frozen(kw_only=True)
class Challenge:
    """
    One way to log in that a device offers.

    Attributes:
        scheme: In lower case, like `digest`.
        parameters: Names in lower case, values unquoted.
    """

    scheme: str
    parameters: Mapping[str, str]

    @property
    def algorithm(self) -> str:
        """The digest's hash, in lower case and without `-sess`; `basic` for Basic."""
        if self.scheme == "basic":
            return "basic"
        return _kind_of(self.parameters.get("algorithm", _USUAL))

    @property
    def is_stale(self) -> bool:
        """Whether only the nonce was too old; of the password it says nothing."""
        return self.parameters.get("stale", "").lower() == "true"

    @property
    def is_usable(self) -> bool:
        """Whether we can answer it."""
        if self.scheme == "basic":
            return True
        if self.scheme != "digest" or self.algorithm not in _HASH_OF_ALGORITHM:
            return False
        qop = self.parameters.get("qop")
        return (
            {"realm", "nonce"} <= self.parameters.keys()
            and (qop is None or "auth" in _words(qop))
            and all(value.isprintable() for value in self.parameters.values())
        )


def parse_challenges(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """Read `WWW-Authenticate` headers with one challenge or several each; nonsense is left out."""
    return tuple(challenge for header in headers for challenge in _challenges(header))


def _challenges(header: str) -> Iterator[Challenge]:
    scheme: str | None = None
    parameters: dict[str, str] = {}
    for part in _PART.finditer(header):
        name, quoted, token = part.groups()
        if quoted is not None:
            parameters[name.lower()] = _ESCAPED.sub(r"\1", quoted) if "\\" in quoted else quoted
        elif token is not None:
            parameters[name.lower()] = token
        else:
            if scheme:
                yield Challenge(scheme=scheme, parameters=parameters)
            scheme, parameters = name.lower(), {}
    if scheme:
        yield Challenge(scheme=scheme, parameters=parameters)


@define
class _DigestAnswer:
    """
    A digest challenge we answer again and again; counts its uses.

    A pool keeps one for each of its devices: what there is of a challenge that
    is needed again, without its dictionary, and shared where devices say the same.
    """

    username: str
    realm: str
    nonce: str
    opaque: str | None
    algorithm: str
    has_qop: bool
    cnonce: str
    secret: bytes = field(repr=False)
    uses: int = 0

    @classmethod
    def to(cls, challenge: Challenge, credentials: Credentials) -> _DigestAnswer:
        """Prepare to answer, with a new client nonce."""
        given, cnonce = challenge.parameters, secrets.token_hex(_CNONCE_BYTES)
        algorithm = sys.intern(given.get("algorithm", ""))
        secret = _hash(algorithm, credentials.username, given["realm"], credentials.password)
        if _is_of_a_session(algorithm):
            secret = _hash(algorithm, secret, given["nonce"], cnonce)
        return cls(
            username=credentials.username,
            realm=given["realm"],
            nonce=given["nonce"],
            opaque=given.get("opaque"),
            algorithm=algorithm,
            has_qop="qop" in given,
            cnonce=cnonce,
            secret=bytes.fromhex(secret),
        )

    def header(self, method: str, path: str) -> str:
        """Give the `Authorization` header of the next request."""
        self.uses += 1
        algorithm, count = self.algorithm, f"{self.uses:08x}"
        uses = (count, self.cnonce, "auth") if self.has_qop else ()
        target = _hash(algorithm, method, path)
        response = _hash(algorithm, self.secret.hex(), self.nonce, *uses, target)
        parts = [
            f"username={_quote(self.username)}, realm={_quote(self.realm)}",
            f'nonce={_quote(self.nonce)}, uri={_quote(path)}, response="{response}"',
        ]
        if uses or _is_of_a_session(algorithm):
            parts.append(f'cnonce="{self.cnonce}"')  # RFC 2617, 3.2.2: not to be sent without qop
        if self.opaque is not None:
            parts.append(f"opaque={_quote(self.opaque)}")
        if uses:
            parts.append(f"qop=auth, nc={count}")
        if algorithm:
            parts.append(f"algorithm={algorithm}")
        return f"Digest {', '.join(parts)}"


@define
class _BasicAnswer:
    token: str = field(repr=False)

    @classmethod
    def to(cls, credentials: Credentials) -> _BasicAnswer:
        pair = f"{credentials.username}:{credentials.password}".encode()
        return cls(base64.b64encode(pair).decode())

    def header(self, _method: str, _path: str) -> str:
        return f"Basic {self.token}"


LoginAnswer = _DigestAnswer | _BasicAnswer
"""What requests carry as their login: its `header` is asked anew for each of them."""


@define
class Login:
    """
    How we log in to one device: remembers the challenge that we answer.

    Attributes:
        device: The device.
        credentials: What we log in with; `None` logs in nowhere.
    """

    device: Device
    credentials: Credentials | None
    _remembered: LoginAnswer | None = field(default=None, init=False)

    @property
    def opening(self) -> LoginAnswer | None:
        """
        What the first request of a call carries; `None` while no challenge is known.

        A digest is of no use to a stranger, Basic tells him the password. So
        where only the realm could give him away, Basic waits for the challenge
        of every single call, which costs one round trip more.
        """
        return None if self._asks_first else self._remembered

    @property
    def _asks_first(self) -> bool:
        return (
            isinstance(self._remembered, _BasicAnswer)
            and self.device.serial is not None
            and (self.device.scheme == "http" or self.device.trust.mode is TLSMode.INSECURE)
        )

    def was_accepted(self, status: int, headers: Iterable[str]) -> bool | None:
        """
        Tell from an answer whether the login was right; `None` when it does not show.

        Source: RFC 7616, 3.3: a nonce may be called stale before the password is looked at.
        """
        if status == HTTPStatus.UNAUTHORIZED:
            return None if _is_stale(parse_challenges(headers)) else False
        return True if status in _STATUS_AFTER_LOGIN else None

    def take(self, headers: Iterable[str], answered: LoginAnswer | None = None) -> LoginAnswer:
        """
        Look at the challenges of a 401, and give what to answer the strongest of them with.

        Nothing derived from the credentials exists before the device's
        identity is checked. A refused login is final: a device blocks an
        address that fails too often. Only a nonce that was merely too old is
        worth a second answer. If another call has taken a newer challenge
        meanwhile, that one is answered.

        Args:
            headers: Its `WWW-Authenticate` headers.
            answered: What the refused request itself carried, if anything.

        Raises:
            IdentityMismatchError: The realm names another serial.
            LoginRefusedError: It refused what we sent, or we have nothing to send.
            PlaintextLoginError: It offers only Basic, on plain HTTP.
            UnexpectedResponseError: It offers nothing that we know.
        """
        challenges = parse_challenges(headers)
        newer = None if self._remembered is answered else self.opening
        self._remembered = None
        self._check_identity(challenges)
        self._remembered = newer
        if answered is not None and not _is_stale(challenges):
            raise LoginRefusedError(self.device.name, "refuses the user name or the password")
        if self.credentials is None:
            raise LoginRefusedError(
                self.device.name, "wants a login, but no credentials are named for it"
            )
        answer = newer or _answer_to(self._strongest(challenges), self.credentials)
        self._remembered = answer
        return answer

    def _check_identity(self, challenges: Iterable[Challenge]) -> None:
        for challenge in challenges:
            named = _REALM_WITH_SERIAL.fullmatch(challenge.parameters.get("realm", ""))
            if named and self.device.serial not in {None, named[1].upper()}:
                raise IdentityMismatchError(
                    self.device.name,
                    f"at {self.device.address} answers {named[1].upper()}, "
                    f"not {self.device.serial}; no login was sent. Correct its address or serial",
                )

    def _strongest(self, challenges: Iterable[Challenge]) -> Challenge:
        offered = sorted({challenge.scheme for challenge in challenges})
        usable = [challenge for challenge in challenges if challenge.is_usable]
        if not usable:
            raise UnexpectedResponseError(
                self.device.name,
                f"wants a login that we cannot give (offers {', '.join(offered) or 'none'})",
            )
        chosen = max(usable, key=lambda challenge: _STRENGTH[challenge.algorithm])
        if chosen.scheme == "basic":
            self._check_basic()
        return chosen

    def _check_basic(self) -> None:
        if self.device.scheme != "https" and not self.device.plaintext_basic:
            raise PlaintextLoginError(
                self.device.name,
                "offers only Basic on plain HTTP, which would tell the password to everybody; "
                "no login was sent. Use scheme = 'https', or allow it with plaintext_basic = true",
            )
        if self.credentials and ":" in self.credentials.username:
            raise LoginRefusedError(
                self.device.name, "offers only Basic, which cannot carry a user name with a colon"
            )


def _answer_to(challenge: Challenge, credentials: Credentials) -> LoginAnswer:
    if challenge.scheme == "basic":
        return _BasicAnswer.to(credentials)
    return _DigestAnswer.to(challenge, credentials)


def _is_stale(challenges: Iterable[Challenge]) -> bool:
    return any(challenge.is_stale for challenge in challenges)


def _is_of_a_session(algorithm: str) -> bool:
    return algorithm.lower().endswith("-sess")


def _words(text: str) -> list[str]:
    return [word.strip().lower() for word in text.split(",")]


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@functools.lru_cache(maxsize=16)  # a fleet says two or three
def _kind_of(algorithm: str) -> str:
    return algorithm.lower().removesuffix("-sess")


def _hash(algorithm: str, *parts: str) -> str:
    hashed = _HASH_OF_ALGORITHM[_kind_of(algorithm or _USUAL)]
    return hashed(":".join(parts).encode(), usedforsecurity=False).hexdigest()
