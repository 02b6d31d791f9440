"""Who may come in: what a simulated camera asks of a login, and what it shows of itself."""

from __future__ import annotations

import enum
from typing import Final

from attrs import field, frozen


@frozen
class Offer:
    """
    One challenge that a camera makes.

    Attributes:
        scheme: `Digest` or `Basic`.
        algorithm: Of a digest: `MD5`, `SHA-256`, `MD5-sess` or `SHA-256-sess`.
        qop: Whether a digest asks for `qop=auth`; without it the form is that of RFC 2069.
    """

    scheme: str = "Digest"
    algorithm: str = "MD5"
    qop: bool = True


DIGEST: Final = Offer()
DIGEST_SHA256: Final = Offer(algorithm="SHA-256")
BASIC: Final = Offer(scheme="Basic")

RECOMMENDED: Final = {"http": (DIGEST,), "https": (BASIC,)}
"""What devices offer by default. Source: AXIS OS knowledge base, policy "recommended"."""


@frozen(kw_only=True)
class Protection:
    """
    Defence against guessed passwords.

    Seconds are real ones, also where the simulated world runs faster: the
    guessing client lives in real time.

    Attributes:
        failures: How many failed logins from one address are too many.
        within_s: In how many seconds they must fall.
        block_s: For how long that address then gets 403 for everything.
        prolonged: Whether a request during the block begins it anew, as mod_evasive does.

    Source: AXIS OS knowledge base, brute-force delay protection.
    """

    failures: int = 20
    within_s: float = 1.0
    block_s: float = 10.0
    prolonged: bool = False


@frozen(kw_only=True)
class Access:
    """
    How a camera lets people in.

    Attributes:
        offers: Its challenges in order; `None` for those of `RECOMMENDED`, `()` for no login.
        one_header: Whether several challenges stand in one header, or each in its own.
        nonce_lifetime_s: Real seconds until a nonce is stale.
        counts: Whether a nonce count may come only once; Apache does not look.
        protection: Its defence against guessed passwords, if any.
        factory_default: Nobody has set a password yet: every login fails.
    """

    offers: tuple[Offer, ...] | None = None
    one_header: bool = False
    nonce_lifetime_s: float = 300.0
    counts: bool = False
    protection: Protection | None = field(factory=Protection)
    factory_default: bool = False

    def offers_over(self, scheme: str) -> tuple[Offer, ...]:
        """Give the challenges over `http` or `https`."""
        return RECOMMENDED[scheme] if self.offers is None else self.offers


class CertificateKind(enum.Enum):
    """The certificate that a camera shows over HTTPS."""

    SHARED = "shared"
    """Self-signed, one for the whole fleet: quick, and enough where nobody looks."""
    OWN = "own"
    """Self-signed, made by the camera at its first boot."""
    DEVICE_ID = "device id"
    """An Axis device ID, from the fleet's own root."""
    FOREIGN_DEVICE_ID = "foreign device id"
    """The same, from a root that nobody trusts."""
    ISSUED = "issued"
    """From the fleet's own root, for the camera's address: a customer's certificate."""
