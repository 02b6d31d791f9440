"""Loopback addresses and ports."""

import resource
import socket

import pytest

from axis_ntp_async.simulator.serving import addresses
from axis_ntp_async.simulator.serving.addresses import (
    Address,
    address_of,
    allow_open_files,
    has_many_loopback_addresses,
    loopback_host,
    reserve_many_ports,
    reserve_one_port,
    reserved,
)


def test_a_hundred_thousand_cameras_have_addresses_of_their_own() -> None:
    """All of them loopback ones, none a network's first or last."""
    hosts = [loopback_host(place) for place in range(100_000)]
    assert len(set(hosts)) == 100_000
    assert hosts[0] == "127.10.0.1"
    assert hosts[-1] == "127.11.143.250"


def test_a_reserved_address_refuses_and_is_ours() -> None:
    """Nobody gets through, nobody else gets it."""
    with reserved(Address("127.0.0.1", 0)) as bound:
        address = address_of(bound)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address.host, address.port), timeout=1)
        with socket.create_server(("127.0.0.1", 0)) as other:
            taken = address_of(other)
            with pytest.raises(OSError, match="in use"):
                reserved(taken)


def test_one_port_is_free_on_all_addresses() -> None:
    """The same port everywhere; no addresses need none."""
    sockets = reserve_one_port([loopback_host(0), loopback_host(1)])
    assert len({address_of(one).port for one in sockets}) == 1
    for one in sockets:
        one.close()
    assert reserve_one_port([]) == []


def test_another_port_is_tried_when_one_is_taken_somewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A listener on one address alone spoils a port for all."""
    real = addresses.reserved
    refused: list[Address] = []

    def reluctant(address: Address) -> socket.socket:
        if address.port and len(refused) < 3:
            refused.append(address)
            raise OSError("taken")
        return real(Address(address.host, 0))

    monkeypatch.setattr(addresses, "reserved", reluctant)
    sockets = reserve_one_port(["127.0.0.1"] * 2)
    assert len(refused) == 3
    for one in sockets:
        one.close()


def test_no_free_port_at_all_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """After enough tries."""

    def never(_: Address) -> socket.socket:
        raise OSError("no address")

    monkeypatch.setattr(addresses, "reserved", never)
    with pytest.raises(OSError, match="no address"):
        reserve_one_port(["127.0.0.1"])
    assert not has_many_loopback_addresses()


def test_many_ports_of_one_address_differ() -> None:
    """One for each camera."""
    sockets = reserve_many_ports(5)
    assert len({address_of(one) for one in sockets}) == 5
    for one in sockets:
        one.close()


def test_the_limit_of_open_files_is_raised_as_far_as_it_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Never above the hard one, never down."""
    set_to: list[tuple[int, int]] = []
    limits = {"now": (256, 4096)}
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: set_to.append(pair))
    allow_open_files(100)
    allow_open_files(1000)
    allow_open_files(10_000)
    limits["now"] = (256, resource.RLIM_INFINITY)
    allow_open_files(10_000)
    limits["now"] = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    allow_open_files(10_000)
    assert set_to == [(1000, 4096), (4096, 4096), (10_000, resource.RLIM_INFINITY)]
