"""What people write for an address, taken apart: host, port and scheme."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from attrs import frozen

from axis_ntp_async.errors import InventoryError

HOST_MAX: Final = 253
"""The longest DNS name. Source: RFC 1035, section 2.3.4, without the root's dot."""

_SHOWN_MAX: Final = 60
_PLAIN = re.compile(r"[\w.\-]+")
_NUMBERS_AND_DOTS = re.compile(r"[0-9.]+")
_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_BRACKETED = re.compile(r"\[([^\[\]]+)\](?::(.*))?")
_PORT = re.compile(r"[0-9]{1,5}")
_HIGHEST_PORT: Final = (1 << 16) - 1


@frozen(kw_only=True)
class Address:
    """
    Host, and port and scheme where they were written.

    Attributes:
        host: IPv4 or IPv6 address, or DNS name; no brackets.
        port: TCP port; `None` when none was written.
        scheme: `https` or `http`; `None` when none was written.
    """

    host: str
    port: int | None = None
    scheme: str | None = None


def split_address(text: str) -> Address:
    """
    Read `cam.example`, `10.0.0.1:8443`, `https://[2001:db8::1]:443` or `2001:db8::1`.

    Raises:
        InventoryError: It is no address. A user name or password in it is never repeated.
    """
    if "@" in text:
        raise InventoryError(
            "host: has a user name in it (before the '@'); secrets do not belong into an "
            "inventory, name an entry under 'credentials'"
        )
    if len(text) > HOST_MAX + len("https://:65535/"):
        raise InventoryError(f"host: has {len(text)} characters, at most {HOST_MAX} are allowed")
    if _PLAIN.fullmatch(text):
        return Address(host=_plain_host(text))
    scheme, rest = _without_scheme(text)
    host, port = _host_and_port(rest, has_scheme=scheme is not None)
    return Address(host=host, port=port, scheme=scheme)


def comparable_host(host: str) -> str:
    """Give a host so that two spellings of one address are equal."""
    if ":" in host:
        return ipaddress.IPv6Address(host).compressed
    return host.casefold().rstrip(".")


def shown(value: object) -> str:
    """Give a value as it may stand in a sentence: quoted, escaped, and cut when it is long."""
    text = repr(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 3]}..."


def _without_scheme(text: str) -> tuple[str | None, str]:
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "", text
    elif scheme.lower() not in {"https", "http"}:
        raise InventoryError(f"host: {shown(scheme)} is neither https nor http")
    rest = rest.removesuffix("/") if scheme else rest
    if found := re.search(r"[/?#\\]", rest):
        raise InventoryError(
            f"host: {shown(rest[: found.start()])} goes on with a {found[0]!r}; "
            "only scheme, host and port may stand here"
        )
    return scheme.lower() or None, rest


def _host_and_port(text: str, *, has_scheme: bool) -> tuple[str, int | None]:
    if text.startswith("["):
        found = _BRACKETED.fullmatch(text)
        if not found:
            raise InventoryError(f"host: {shown(text)} is not an IPv6 address in brackets")
        return _ipv6_host(found[1]), None if found[2] is None else _port(found[2])
    if text.count(":") > 1:
        if has_scheme:
            raise InventoryError(f"host: write the IPv6 address {shown(text)} in brackets")
        return _ipv6_host(text), None
    host, colon, port = text.partition(":")
    if not _PLAIN.fullmatch(host):
        raise InventoryError(f"host: {shown(host)} is not an address or a DNS name")
    return _plain_host(host), _port(port) if colon else None


def _plain_host(text: str) -> str:
    if _NUMBERS_AND_DOTS.fullmatch(text) and not _IPV4.fullmatch(text):
        raise InventoryError(f"host: {shown(text)} is not an IPv4 address")
    return text


def _ipv6_host(text: str) -> str:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        raise InventoryError(f"host: {shown(text)} is not an IPv6 address") from None
    return text


def _port(text: str) -> int:
    if not _PORT.fullmatch(text) or not 0 < int(text) <= _HIGHEST_PORT:
        raise InventoryError(f"host: its port {shown(text)} is not a number from 1 to 65535")
    return int(text)
