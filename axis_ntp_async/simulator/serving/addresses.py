"""Loopback addresses for cameras: one each, or one for all where a system has only one."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from attrs import frozen

_FIRST_NETWORK: Final = 10
_DEVICES_A_ROW: Final = 250
_ONLY: Final = "127.0.0.1"
_TRIES: Final = 50


@frozen
class Address:
    """Where one camera is."""

    host: str
    port: int


def reserved(address: Address) -> socket.socket:
    """
    Give a socket bound to an address, or to any free port of it, that does not listen yet.

    Until it listens, whoever connects is refused, and nobody else can take the address.

    Raises:
        OSError: The address is taken, or not ours.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setblocking(False)
        bound.bind((address.host, address.port))
    except OSError:
        bound.close()
        raise
    return bound


def has_many_loopback_addresses() -> bool:
    """Tell whether this system takes all of 127.0.0.0/8 for itself, as Linux and Windows do."""
    try:
        reserved(Address(loopback_host(0), 0)).close()
    except OSError:
        return False
    return True


def loopback_host(place: int) -> str:
    """Give the address of the camera at a place, counted from 0: 127.10.0.1 and so on."""
    rest, last = divmod(place, _DEVICES_A_ROW)
    network, row = divmod(rest, 256)
    return f"127.{_FIRST_NETWORK + network}.{row}.{last + 1}"


def reserve_one_port(hosts: Sequence[str], port: int = 0) -> list[socket.socket]:
    """
    Give a socket for each address, all bound to the same port.

    Args:
        hosts: The addresses.
        port: The port; 0 for one that is free on all of them.

    Raises:
        OSError: The port is taken on one of them, or no port is free on all.
    """
    for _ in range(_TRIES - 1):
        try:
            return _reserve_all(hosts, port)
        except OSError:
            if port:
                raise
    return _reserve_all(hosts, port)


def _reserve_all(hosts: Sequence[str], port: int) -> list[socket.socket]:
    with ExitStack() as opened:
        sockets: list[socket.socket] = []
        for host in hosts:
            sockets.append(opened.enter_context(reserved(Address(host, port))))
            port = address_of(sockets[0]).port
        opened.pop_all()
        return sockets


def reserve_many_ports(count: int) -> list[socket.socket]:
    """Give so many sockets on 127.0.0.1, each with a free port of its own."""
    with ExitStack() as opened:
        sockets = [opened.enter_context(reserved(Address(_ONLY, 0))) for _ in range(count)]
        opened.pop_all()
        return sockets


def allow_open_files(count: int) -> None:
    """Raise this process's limit of open files to so many, as far as it may be raised."""
    try:
        import resource  # noqa: PLC0415  not on Windows, which has no such limit
    except ModuleNotFoundError:  # pragma: no cover  only on Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def address_of(bound: socket.socket) -> Address:
    """Give where a socket is bound."""
    host, port = bound.getsockname()[:2]
    return Address(host, port)
