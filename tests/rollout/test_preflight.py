"""Time servers are asked themselves; fakes answer with packets made by hand, after RFC 5905."""

import asyncio
import socket
import struct
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axis_ntp_async.errors import AxisNTPError
from axis_ntp_async.rollout import preflight as door
from axis_ntp_async.rollout.preflight import preflight
from axis_ntp_async.rollout.servers.checks import (
    Question,
    ServerKind,
    judge_answers,
)
from axis_ntp_async.rollout.servers.ntp import QUESTIONS, _Burst

PACKET: Final = struct.Struct("!BBbbII4sQQQQ")
"""RFC 5905, figure 8."""

FROM_1900_TO_1970_S: Final = 2_208_988_800
"""RFC 5905, figure 4."""

Reply = Callable[[bytes], list[bytes]]
Serve = Callable[..., Awaitable[int]]


def packet(
    question: bytes,
    *,
    leap: int = 0,
    mode: int = 4,
    stratum: int = 2,
    dispersion_s: float = 0.01,
    code: bytes = b"\x0a\0\0\1",
    ahead_s: float = 0.0,
    held_s: float = 0.0,
    echo: int | None = None,
) -> bytes:
    """Answer a question as a server whose clock is ahead of ours, and that took its time."""
    received = time.time() + ahead_s
    asked = PACKET.unpack(question)
    return PACKET.pack(
        leap << 6 | 4 << 3 | mode,
        stratum,
        asked[2],
        -20,
        0,
        round(dispersion_s * 2**16),
        code,
        timestamp(received - 5),
        asked[10] if echo is None else echo,
        timestamp(received - held_s),
        timestamp(received),
    )


def timestamp(unix_s: float) -> int:
    return round((unix_s + FROM_1900_TO_1970_S) * 2**32) % 2**64


def answering(**facts: Any) -> Reply:
    return lambda question: [packet(question, **facts)]


class FakeServer(asyncio.DatagramProtocol):
    """Says what it was told to, and keeps what it was asked."""

    def __init__(self, reply: Reply, asked: list[bytes]) -> None:
        self._reply = reply
        self._asked = asked

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._asked.append(data)
        for answer in self._reply(data):
            self._transport.sendto(answer, addr)


@pytest.fixture
def asked() -> list[bytes]:
    """The questions that all fake servers got."""
    return []


@pytest.fixture
async def serve(asked: list[bytes]) -> AsyncIterator[Serve]:
    """Start a fake NTP server; gives its port."""
    started = []

    async def start(reply: Reply, host: str = "127.0.0.1", port: int = 0) -> int:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: FakeServer(reply, asked), local_addr=(host, port)
        )
        started.append(transport)
        return int(transport.get_extra_info("sockname")[1])

    yield start
    for transport in started:
        transport.close()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What looking up a name gives: addresses, an error, or an event that is waited for."""
    known: dict[str, Any] = {}

    def look_up(host: str, port: int, **_: Any) -> Any:
        found = known[host]
        if isinstance(found, Exception):
            raise found
        if isinstance(found, threading.Event):
            found.wait(20)
            found = []
        return [
            (socket.AF_INET6, 1, 6, "", (one, port, 0, 0))
            if ":" in one
            else (socket.AF_INET, 1, 6, "", (one, port))
            for one in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield known
    for found in known.values():
        if isinstance(found, threading.Event):
            found.set()
    while any(thread.name.startswith("look up") for thread in threading.enumerate()):
        time.sleep(0.01)


async def one_fault(*args: Any, **options: Any) -> str:
    [check] = await preflight(*args, **options)
    [fault] = check.faults
    assert not check.is_ok
    return fault


async def test_a_good_server_passes(serve: Serve, asked: list[bytes]) -> None:
    """It is asked a few times, tells the time to the millisecond, and nothing is wrong."""
    port = await serve(answering(ahead_s=0.25, dispersion_s=0.5))
    [check] = await preflight(["127.0.0.1"], port=port)
    assert check.is_ok
    assert (check.server, check.kind, check.stratum) == ("127.0.0.1", ServerKind.NTP, 2)
    assert check.offset_s == pytest.approx(0.25, abs=0.1)
    assert check.root_dispersion_s == pytest.approx(0.5, abs=1e-4)
    assert check.round_trip_s is not None
    assert 0 <= check.round_trip_s < 0.5
    assert len(asked) == QUESTIONS


async def test_a_question_is_what_the_standard_says(serve: Serve, asked: list[bytes]) -> None:
    """Version 4, mode 3, 48 octets; the transmit timestamp differs, and the rest is empty."""
    port = await serve(answering())
    await preflight("127.0.0.1", port=port)
    assert {len(one) for one in asked} == {48}
    assert {one[:40] for one in asked} == {bytes([0o43]) + bytes(39)}
    assert len({one[40:] for one in asked}) == QUESTIONS


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"stratum": 0, "code": b"DENY"}, "DENY in place of the time: it refuses us"),
        ({"stratum": 0, "code": b"RSTR"}, "RSTR"),
        ({"stratum": 0, "code": b"RATE"}, "asked too often"),
        ({"stratum": 0, "code": b"INIT"}, "not synchronised itself (stratum 0 INIT)"),
        ({"stratum": 0, "code": bytes(4)}, "not synchronised itself (stratum 0)"),
        ({"stratum": 0, "code": b"\xff\xfe\xfd\xfc"}, "(stratum 0)"),
        ({"stratum": 16}, "not synchronised itself (stratum 16)"),
        ({"stratum": 255}, "(stratum 255)"),
        ({"leap": 3}, "leap indicator 3"),
        ({"dispersion_s": 10.0}, "10.0 s off by its own account"),
        ({"dispersion_s": 3.0}, "Axis devices ignore it from 3 s on"),
        ({"mode": 3}, "not as a server (mode 3)"),
        ({"mode": 5}, "(mode 5)"),
        ({"ahead_s": -30}, "30.0 s behind ours: either it or our clock is wrong"),
        ({"ahead_s": 86_400 * 365 + 3600}, "365 days, 1:00:00 ahead of ours"),
    ],
)
async def test_each_fault_is_told(serve: Serve, facts: dict[str, Any], expected: str) -> None:
    """Whatever is wrong with an answer has a sentence of its own."""
    port = await serve(answering(**facts))
    assert expected in await one_fault(["127.0.0.1"], port=port)


@pytest.mark.parametrize("facts", [{"leap": 1}, {"stratum": 15}, {"dispersion_s": 2.99}])
async def test_what_is_unusual_passes(serve: Serve, facts: dict[str, Any]) -> None:
    """A leap second to come, a long chain and a rough clock are no faults."""
    port = await serve(answering(**facts))
    [check] = await preflight(["127.0.0.1"], port=port)
    assert check.is_ok


async def test_a_time_that_is_called_bad_is_no_offset(serve: Serve) -> None:
    """Nobody shall read an offset off a clock that is not set."""
    port = await serve(answering(leap=3, stratum=0, code=b"INIT", dispersion_s=16))
    [check] = await preflight(["127.0.0.1"], port=port)
    assert len(check.faults) == 3
    assert (check.stratum, check.offset_s) == (0, None)


async def test_after_a_kiss_nothing_more_is_asked(serve: Serve, asked: list[bytes]) -> None:
    """A server that asks us to go away is left alone."""
    port = await serve(answering(stratum=0, code=b"RATE"))
    await preflight(["127.0.0.1"], port=port)
    assert len(asked) == 1


async def test_an_answer_counts_more_than_a_kiss(serve: Serve, asked: list[bytes]) -> None:
    """A server that limits how often it is asked is a good one."""

    def reply(question: bytes) -> list[bytes]:
        kiss = {"stratum": 0, "code": b"RATE"} if len(asked) > 1 else {}
        return [packet(question, **kiss)]  # type: ignore[arg-type]  # facts of two kinds

    [check] = await preflight(["127.0.0.1"], port=await serve(reply))
    assert check.is_ok


async def test_the_best_round_trip_counts(serve: Serve, asked: list[bytes]) -> None:
    """An answer that was held up on its way says little of the time."""

    def reply(question: bytes) -> list[bytes]:
        late = len(asked) != 2
        if late:
            time.sleep(0.2)
        return [packet(question, ahead_s=0.5 if late else 0.0)]

    [check] = await preflight(["127.0.0.1"], port=await serve(reply))
    assert check.round_trip_s is not None
    assert check.round_trip_s < 0.2
    assert check.offset_s == pytest.approx(0, abs=0.2)


async def test_what_a_server_takes_is_not_on_the_way(serve: Serve) -> None:
    """A server may take its time, as long as it says so; what it cannot have taken is left out."""
    port = await serve(answering(held_s=50.0))
    [check] = await preflight(["127.0.0.1"], port=port)
    assert check.round_trip_s == 0
    assert check.offset_s == pytest.approx(-25, abs=0.1)


async def test_the_clock_of_ntp_may_begin_anew(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In 2036 its seconds start from 0 again, and a server may be there a little before us."""
    port = await serve(answering(ahead_s=0.4))
    turn = 2**32 - FROM_1900_TO_1970_S - 0.2
    started = time.monotonic()
    monkeypatch.setattr(time, "time", lambda: turn + time.monotonic() - started)
    [check] = await preflight(["127.0.0.1"], port=port)
    assert check.is_ok
    assert check.offset_s == pytest.approx(0.4, abs=0.1)


@pytest.mark.parametrize(
    "reply",
    [
        lambda _: [],
        lambda question: [packet(question, echo=0)],
        lambda question: [packet(question, echo=1)],
        lambda question: [question],
    ],
    ids=["silent", "no echo", "another's question", "sends back all"],
)
async def test_silence_is_told(serve: Serve, asked: list[bytes], reply: Reply) -> None:
    """What answers nothing of ours has not answered, however often it is asked."""
    port = await serve(reply)
    fault = await one_fault(["127.0.0.1"], port=port, timeout_s=0.4)
    assert fault.startswith(f"no answer on UDP port {port}: cameras get one only if they see")
    assert len(asked) == QUESTIONS


async def test_one_answer_of_a_few_is_enough(serve: Serve, asked: list[bytes]) -> None:
    """Datagrams get lost; one that comes in time is an answer."""
    port = await serve(lambda question: [packet(question)] if len(asked) == 2 else [])
    [check] = await preflight(["127.0.0.1"], port=port, timeout_s=0.4)
    assert check.is_ok


async def test_a_forged_answer_is_passed_over(serve: Serve) -> None:
    """Only who has seen the question can answer it, and only once."""
    port = await serve(
        lambda question: [
            packet(question, echo=7, ahead_s=1000),
            b"short",
            packet(question),
            packet(question, ahead_s=1000),
        ]
    )
    [check] = await preflight(["127.0.0.1"], port=port)
    assert check.is_ok


async def test_nonsense_is_told(serve: Serve) -> None:
    """A port where something else answers is no time server."""
    port = await serve(lambda _: [b"HTTP/1.1 400 Bad Request"])
    fault = await one_fault(["127.0.0.1"], port=port, timeout_s=0.3)
    assert fault.startswith(f"what answers on UDP port {port} is not NTP")


async def test_a_closed_port_is_told_at_once() -> None:
    """Nobody waits for a server whose host says that it is not there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        port = line.getsockname()[1]
    started = time.monotonic()
    fault = await one_fault(["127.0.0.1"], port=port, timeout_s=20)
    assert fault.startswith(f"UDP port {port} is closed")
    assert time.monotonic() - started < 10


async def test_a_missing_way_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system itself knows no way, its reason is told."""

    def connect(*_: object) -> None:
        raise OSError(101, "the text of any system")

    monkeypatch.setattr(socket.socket, "connect", connect)
    assert "(Network is unreachable)" in await one_fault(["127.0.0.1"])


async def test_only_errors_of_the_system_end_a_burst() -> None:
    """What else a transport may tell is not about the server."""
    burst = _Burst()
    burst.error_received(ValueError("no error of the system"))
    assert not burst.is_over.is_set()
    burst.error_received(OSError("without a number"))
    question = Question(server="a", kind=ServerKind.NTP, port=123)
    assert burst.outcome(question).reason == "without a number"


@pytest.mark.parametrize("server", ["", "10.0.17", "1", "10.0.0.256", "a b", "[::1]", "1::2::3"])
async def test_what_can_be_no_server_is_told(names: dict[str, Any], server: str) -> None:
    """An address that is cut short is not completed, and nobody is asked for it."""
    assert "neither an address nor a name" in await one_fault([server], [])
    assert names == {}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (socket.gaierror(-2, "Name or service not known"), "no such name (Name or service not"),
        (socket.gaierror("without a number"), "no such name (without a number)"),
        (UnicodeError("label empty or too long"), "it is neither an address nor a name"),
    ],
)
@pytest.mark.parametrize("servers", [(["tmie.example"], []), ([], ["tmie.example"])])
async def test_a_wrong_name_is_told(
    names: dict[str, Any], error: Exception, expected: str, servers: tuple[list[str], list[str]]
) -> None:
    """The commonest slip of all, whatever a server is asked for."""
    names["tmie.example"] = error
    assert (await one_fault(*servers)).startswith(expected)


async def test_a_dead_name_server_keeps_nobody_waiting(
    serve: Serve, names: dict[str, Any]
) -> None:
    """Looking up a name counts into the time of a server, and delays no other."""
    port = await serve(answering())
    names["dead.example"] = threading.Event()
    started = time.monotonic()
    dead, good = await preflight(["dead.example", "127.0.0.1"], port=port, timeout_s=0.5)
    assert "no name server answered in time" in dead.faults[0]
    assert good.is_ok
    assert time.monotonic() - started < 10


async def test_all_kinds_of_addresses_are_asked(serve: Serve, names: dict[str, Any]) -> None:
    """IPv4, IPv6, and a name whose first address is dead."""
    port = await serve(answering())
    await serve(answering(stratum=3), "::1", port)
    names["time.example"] = ["127.0.0.99", "127.0.0.1"]
    checks = await preflight(["127.0.0.1", "::1", "time.example"], port=port)
    assert [(one.is_ok, one.stratum) for one in checks] == [(True, 2), (True, 3), (True, 2)]


async def test_only_a_few_addresses_of_a_name_are_asked(
    serve: Serve, names: dict[str, Any]
) -> None:
    """Whoever answers with a thousand addresses does not make us ask them all."""
    port = await serve(answering(), "127.0.0.9")
    names["many.example"] = [*(f"127.0.0.{last}" for last in range(90, 99)), "127.0.0.9"]
    assert "is closed" in await one_fault(["many.example"], port=port)


async def test_servers_are_told_in_order_and_once(serve: Serve, asked: list[bytes]) -> None:
    """Duplicates are asked once, and who is asked for keys comes after."""
    port = await serve(answering())
    checks = await preflight(
        ["127.0.0.1", "1", "127.0.0.1"], ["127.0.0.1", "2", "2"], port=port, ntske_port=1
    )
    assert [(one.server, one.kind.value) for one in checks] == [
        ("127.0.0.1", "ntp"),
        ("1", "ntp"),
        ("127.0.0.1", "nts-ke"),
        ("2", "nts-ke"),
    ]
    assert len(asked) == QUESTIONS


async def test_silent_servers_are_waited_for_together(serve: Serve) -> None:
    """A list of dead servers costs the time of one."""
    port = await serve(lambda _: [])
    for last in range(2, 21):
        await serve(lambda _: [], f"127.0.0.{last}", port)
    started = time.monotonic()
    checks = await preflight(
        [f"127.0.0.{last}" for last in range(1, 21)], port=port, timeout_s=0.5
    )
    assert all("no answer" in check.faults[0] for check in checks)
    assert time.monotonic() - started < 5


async def test_not_all_servers_are_asked_at_once(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long list opens no more sockets than the limit."""
    monkeypatch.setattr(door, "SERVERS_AT_ONCE", 2)
    port = await serve(lambda _: [])
    for last in range(2, 6):
        await serve(lambda _: [], f"127.0.0.{last}", port)
    started = time.monotonic()
    await preflight([f"127.0.0.{last}" for last in range(1, 6)], port=port, timeout_s=0.3)
    assert time.monotonic() - started >= 0.9


async def test_no_server_is_no_work() -> None:
    """An empty list is judged as such."""
    assert await preflight([]) == ()


async def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever lacks the extra is told what to install; keys need nothing more."""
    monkeypatch.setitem(sys.modules, "ntplib", None)
    with pytest.raises(AxisNTPError, match=r"pip install 'axis_ntp_async\[preflight\]'"):
        await preflight(["127.0.0.1"])
    assert "closed" in await one_fault([], ["127.0.0.1"], ntske_port=1)


def judged(**offsets_s: float) -> dict[str, str]:
    answers = []
    for server, offset_s in offsets_s.items():
        burst = _Burst()
        burst.datagram_received(packet(burst.question(), ahead_s=offset_s), None)
        answers.append(burst.outcome(Question(server=server, kind=ServerKind.NTP, port=123)))
    return {check.server: "; ".join(check.faults) for check in judge_answers(answers)}


def test_servers_that_agree_with_us_pass() -> None:
    """Nothing is wrong with small differences."""
    assert set(judged(a=0.1, b=-0.4, c=0.5).values()) == {""}


@pytest.mark.parametrize("wrong", ["a", "b", "c"])
def test_a_majority_tells_who_is_wrong(wrong: str) -> None:
    """Of three servers the one that stands alone is wrong, and only that."""
    found = judged(**{"a": 0, "b": 0, "c": 0, wrong: 120})
    assert found.pop(wrong) == (
        "its clock is 0:02:00 ahead of most other servers: "
        "cameras that follow it would have a wrong time"
    )
    assert set(found.values()) == {""}


def test_two_that_differ_are_both_named() -> None:
    """Of two servers nobody can say who is right."""
    assert set(judged(a=0, b=-5).values()) == {
        "a and b are 5.0 s apart: one of them must be wrong, and cameras cannot know which"
    }


@pytest.mark.parametrize("offsets_s", [(0, 10, 20), (0, 0, 60, 60)])
def test_without_a_majority_none_is_good(offsets_s: tuple[float, ...]) -> None:
    """Half is no majority."""
    found = judged(**dict(zip("abcd", offsets_s, strict=False)))
    assert all("no majority agrees" in fault for fault in found.values())


def test_our_own_clock_may_be_the_odd_one() -> None:
    """When all agree with each other and not with us, it is us."""
    [fault] = set(judged(a=7, b=7).values())
    assert fault.startswith("its clock is 7.0 s ahead of ours: all servers agree, so OUR clock")


def test_a_quarrel_that_we_are_part_of_is_not_decided() -> None:
    """Two servers against one and our own clock: everybody is named."""
    found = judged(a=50, b=50, c=0)
    assert "50.0 s ahead of ours: either it or our clock" in found["a"]
    assert found["a"] == found["b"]
    assert "50.0 s behind most other servers" in found["c"]


async def test_bad_servers_have_no_say(serve: Serve) -> None:
    """Two that are not synchronised do not outvote a good one."""
    port = await serve(answering())
    for last in (2, 3):
        await serve(answering(leap=3, ahead_s=500), f"127.0.0.{last}", port)
    good, *bad = await preflight(["127.0.0.1", "127.0.0.2", "127.0.0.3"], port=port)
    assert good.is_ok
    assert [len(one.faults) for one in bad] == [1, 1]


@settings(deadline=None)  # the first example imports the library
@given(st.lists(st.binary(max_size=100), max_size=5), st.binary(max_size=60), st.booleans())
def test_no_answer_is_an_accident(garbage: list[bytes], around: bytes, echoes: bool) -> None:
    """Whatever comes back ends in a check: no exception, and no nonsense in the numbers."""
    burst = _Burst()
    echo = burst.question()[40:]
    for one in garbage:
        burst.datagram_received(one, None)
    if echoes:
        burst.datagram_received(around[:24].ljust(24, b"x") + echo + around[24:], None)
    answer = burst.outcome(Question(server="a", kind=ServerKind.NTP, port=123))
    [check] = judge_answers([answer])
    assert check.is_ok == (not check.faults)
    assert check.round_trip_s is None or check.round_trip_s >= 0
    assert all(fault.isprintable() for fault in check.faults)
