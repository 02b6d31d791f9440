"""
Asking time servers themselves, before cameras are pointed at them.

A mistyped address is the commonest disaster of a rollout, and cameras tell of
it only after hours. What the answers mean is decided in `servers/checks.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import socket
from collections.abc import Coroutine, Iterable, Iterator
from typing import Any, Final

from axis_ntp_async.device.resolver import Resolver
from axis_ntp_async.rollout.servers.checks import (
    Answer,
    Question,
    ServerCheck,
    ServerKind,
    Trouble,
    judge_answers,
    preference,
)
from axis_ntp_async.rollout.servers.ntp import ask_time, load_ntplib
from axis_ntp_async.rollout.servers.nts_ke import ask_keys

NTP_PORT: Final = 123
NTS_KE_PORT: Final = 4460
TIMEOUT_S: Final = 2.0
"""For all that is done with one server, from looking up its name to its last answer."""

SERVERS_AT_ONCE: Final = 32
MOST_ADDRESSES: Final = 4
"""Of one name; all are asked, and the best answer counts."""

_NO_NAME: Final = re.compile(r"[0-9.]*|.*[:\s\x00-\x1f\x7f].*", re.DOTALL)
"""What may look like an address, and is no name. Systems guess 10.0.0.4 from `10.4`."""


async def preflight(
    servers: Iterable[str],
    ntske_servers: Iterable[str] = (),
    *,
    timeout_s: float = TIMEOUT_S,
    port: int = NTP_PORT,
    ntske_port: int = NTS_KE_PORT,
) -> tuple[ServerCheck, ...]:
    """
    Ask time servers whether cameras could use them.

    Nothing is changed anywhere. What they answer is true of our place in the
    network: cameras may see another one. Certificates are not verified, since
    cameras have CAs of their own.

    Args:
        servers: NTP servers: addresses or names. Duplicates are asked once.
        ntske_servers: Servers for NTS key establishment, likewise.
        timeout_s: For each server; that many at once: `SERVERS_AT_ONCE`.
        port: UDP port of the NTP servers.
        ntske_port: TCP port of the others.

    Returns:
        What we think of each: NTP servers first, both in the order given.

    Raises:
        AxisNTPError: `ntplib` is not installed; it comes with the extra `preflight`.

    Source: RFC 5905 for NTP, RFC 8915 for NTS.
    """
    questions = [
        *_questions(servers, ServerKind.NTP, port),
        *_questions(ntske_servers, ServerKind.NTS_KE, ntske_port),
    ]
    room, resolver = asyncio.Semaphore(SERVERS_AT_ONCE), Resolver()
    if any(one.kind is ServerKind.NTP for one in questions):
        load_ntplib()
    asking = (_answer(one, resolver, timeout_s, room) for one in questions)
    return judge_answers(await _together(asking))


def _questions(servers: Iterable[str], kind: ServerKind, port: int) -> Iterator[Question]:
    for server in dict.fromkeys((servers,) if isinstance(servers, str) else servers):
        yield Question(server=server, kind=kind, port=port)


async def _together(work: Iterable[Coroutine[Any, Any, Answer]]) -> list[Answer]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
    return [task.result() for task in tasks]


async def _answer(
    question: Question, resolver: Resolver, timeout_s: float, room: asyncio.Semaphore
) -> Answer:
    """Ask every address of a server, and give the answer that tells the most."""
    async with room:
        ends_at = asyncio.get_running_loop().time() + timeout_s
        try:
            async with asyncio.timeout_at(ends_at):
                addresses = await _addresses(question.server, resolver)
        except TimeoutError:
            return question.failed(Trouble.NO_NAME, "no name server answered in time")
        except ValueError:
            return question.failed(Trouble.NO_ADDRESS)
        except OSError as error:
            return question.failed(Trouble.NO_NAME, error.strerror or str(error))
        ask = ask_time if question.kind is ServerKind.NTP else ask_keys
        return min(
            await _together(ask(question, one, ends_at) for one in addresses), key=preference
        )


async def _addresses(server: str, resolver: Resolver) -> list[str]:
    """Look up a name; an address needs no looking up."""
    with contextlib.suppress(ValueError):
        return [str(ipaddress.ip_address(server))]
    if _NO_NAME.fullmatch(server):
        raise ValueError("neither an address nor a name")
    found = await resolver.resolve(server, family=socket.AF_UNSPEC)
    return [one["host"] for one in found[:MOST_ADDRESSES]]
