"""The cheap fleet checks what it is asked, and counts it."""

import socket

import pytest

from benchmarks.fleet.camera import Cameras, Request, next_request
from benchmarks.fleet.ledger import Ledger
from benchmarks.fleet.sockets import black_hole
from benchmarks.peers.floor import _Challenge
from benchmarks.setting import PATH, REQUEST, Setting, address_of, number_of

ASKED = Request(method="POST", path=PATH, login=None, close=False, body=REQUEST)
RAW = (
    b"POST %s HTTP/1.1\r\nHost: x\r\ncontent-length: %d\r\nConnection: close\r\n"
    b"Authorization: Basic eA==\r\n\r\n%s"
) % (PATH.encode(), len(REQUEST), REQUEST)


def _answered(cameras: Cameras, challenge: _Challenge, number: int = 7) -> bytes:
    login = challenge.header().decode().partition(": ")[2].strip()
    return cameras.answer(number, ASKED._replace(login=login))


def test_a_request_may_come_in_pieces() -> None:
    """Nothing is taken before all of it is there, and then all of it."""
    received = bytearray()
    for byte in RAW[:-1]:
        received.append(byte)
        assert next_request(received) is None
    received += RAW[-1:] + RAW
    request = next_request(received)
    assert request == Request("POST", PATH, "Basic eA==", close=True, body=REQUEST)
    assert received == RAW


def test_a_request_without_a_length_is_refused() -> None:
    """No client of ours sends one."""
    with pytest.raises(ValueError, match="length"):
        next_request(bytearray(b"POST / HTTP/1.1\r\n\r\n"))


def test_digests_are_checked() -> None:
    """The right one, one of another device, and one with a nonce from before."""
    cameras = Cameras("digest")
    challenge = _Challenge(cameras.answer(7, ASKED))
    assert b"200 OK" in _answered(cameras, challenge)
    assert b"401" in _answered(cameras, challenge, number=8)
    assert cameras.wrong_logins == 1
    cameras.generation += 1
    assert b"stale=true" in _answered(cameras, challenge)
    assert cameras.wrong_logins == 1


def test_other_questions_are_counted() -> None:
    """Somebody who asks for something else is not compared with anybody."""
    cameras = Cameras("")
    cameras.answer(1, ASKED._replace(body=b'{"method":"getSupportedVersions"}'))
    cameras.answer(1, ASKED._replace(path="/"))
    assert cameras.wrong_requests == 2


def test_a_ledger_counts() -> None:
    """Connections at their peak, requests of each device, those in flight at once."""
    ledger = Ledger(3)
    for number in (0, 0, 1, 3):
        ledger.opened()
        ledger.asked(number)
    ledger.answered(0)
    ledger.closed()
    found = ledger.report()
    assert (found["most_open"], found["open"], found["requests"]) == (4, 3, 3)
    assert (found["fewest_requests"], found["most_requests"]) == (1, 2)
    assert found["most_in_flight"] == 2
    ledger.reset()
    assert ledger.report()["most_open"] == 3


def test_a_black_hole_answers_no_syn() -> None:
    """A connection that is begun there never comes about."""
    with black_hole() as port, socket.socket() as client:
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.connect((address_of(5), port))


def test_every_device_has_an_address() -> None:
    """Also a hundred thousand of them."""
    assert [number_of(address_of(number)) for number in (0, 300, 100_000)] == [0, 300, 100_000]


def test_fates_are_the_same_every_time() -> None:
    """So many as asked for, in an order that does not change."""
    setting = Setting(devices=100, black_holed=0.05, silent=0.1)
    fates = setting.fates()
    assert fates == setting.fates()
    assert [fates.count(fate) for fate in ("healthy", "black-holed", "silent")] == [85, 5, 10]
