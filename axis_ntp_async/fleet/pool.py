"""
`SessionPool`: a call to many devices at once, as a stream of outcomes.

Theory of operation
-------------------

1. A *visit* is one device of one run. It is pending, at work, parked, waiting
   to retry, or over; every visit ends in exactly one `Outcome`.

2. A *slot* bounds work, not waiting. It is taken for one attempt. Attempts
   that wait to retry hold nothing but a timer. An attempt that has no answer
   after a grace is parked: it gives its slot back and goes on waiting, under
   its own, larger bound. Nothing is aborted and nothing sent twice by that, so
   a dead device costs the healthy ones a grace, not a timeout. The grace is
   measured by what is usual in the site: where everybody is slow, a network or
   we ourselves are at the limit, and parking would only start more. Who is
   slower than nine of ten lends his place even before his grace is over; that
   starts more too, so at most a third of the places are lent.

3. Devices are drawn lazily, in order, but for those that did not answer the
   last time, or refused the password: they come last. Only while the next one
   is busy or its site full do we read ahead, so that one large site does not
   keep the others idle. Visits that retry stand at the head of their site:
   there are few, and their deadline runs.

4. One plain method, `Run.start_what_may`, decides who starts. It runs in the
   caller's own turn: a caller that is slow to take outcomes slows the run
   down, and memory stays flat.

5. Runs of one pool share its slots, so concurrent runs never exceed its limits
   together. Among the runs that wait, the one with the fewest attempts at work
   comes first, then the one whose last start is longest ago.

6. Until credentials are proven, a visit that needs them waits in line, not at a
   slot, while as many are being tried as may still refuse. Whoever comes to a
   login meanwhile waits there, and that time is not held against the device.

7. A failed device is a value. Anything else that a call raises is a bug of
   ours or of the caller: it ends the run at once.

8. Leaving the stream, by whatever way, cancels what still runs and waits for
   it: no task, no timer and no socket stays behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterable, Iterator, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aiohttp

from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.device.exchange import Way
from axis_ntp_async.device.kept import Kept
from axis_ntp_async.device.records import Device, Outcome
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.device.straight import make_way
from axis_ntp_async.device.trust import Trust
from axis_ntp_async.errors import (
    CredentialsError,
    DeviceBusyError,
    DeviceUnreachableError,
    LoginRefusedError,
)
from axis_ntp_async.fleet.breaker import CredentialBreaker
from axis_ntp_async.fleet.files import fit_open_files
from axis_ntp_async.fleet.rate import Rate
from axis_ntp_async.fleet.retry import RetryPolicy
from axis_ntp_async.fleet.run import Call, Run, Shared
from axis_ntp_async.fleet.slots import Limits, Slots

T = TypeVar("T")

_COME_LAST: Final = (DeviceUnreachableError, DeviceBusyError, LoginRefusedError)
"""
Who is silent holds slots that others could use; who refuses the password would have it
doubted before anybody has accepted it.
"""

_TLS_FAREWELL_S: Final = 0.25
"""TLS connections that are not kept say goodbye behind everybody's back."""


class SessionPool:
    """
    The devices of a fleet as something we can call, all at once.

    Use it as `async with SessionPool(credentials) as pool`; what it opens is
    closed at the end. Sessions, with their challenges and API versions, live
    as long as the pool: the second run is cheaper than the first.

    Args:
        credentials: Credentials by the names that devices give; any mapping.
        limits: How much is done at once.
        retry: How patient it is.
        trust: The TLS side, by default with the known-devices file of this user.

        keep_alive:
            Whether connections are kept after an answer. Off by default: an
            open TLS connection costs about 290 KiB, times the fleet.

        http_session: An aiohttp session to use, which stays yours to close.
    """

    def __init__(
        self,
        credentials: Mapping[str, Credentials] | None = None,
        *,
        limits: Limits | None = None,
        retry: RetryPolicy | None = None,
        trust: Trust | None = None,
        keep_alive: bool = False,
        http_session: aiohttp.ClientSession | None = None,
    ) -> None:
        self._credentials = credentials or {}
        self._limits = limits or Limits()
        self._trust = trust or Trust()
        self._keep_alive = keep_alive
        self._given_session = http_session
        self._way: Way | None = None
        self._sessions: dict[str, DeviceSession] = {}
        self._last: set[str] = set()
        """Names of devices that come last, for what they did when they were called last."""
        self._breakers: dict[str, CredentialBreaker] = {}
        self._shared = Shared(
            slots=Slots(self._limits),
            retry=retry or RetryPolicy(),
            session_of=self._session_of,
            breaker_of=self._breaker_of,
        )

    async def __aenter__(self) -> Self:
        self._shared.slots = Slots(fit_open_files(self._limits))
        if self._given_session is not None:
            self._way = Kept(self._given_session)
        else:
            self._way = make_way(keep_alive=self._keep_alive)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for run in tuple(self._shared.runs):
            await run.end()
        self._sessions.clear()
        way, self._way = self._way, None
        if way is not None and self._given_session is None:
            await way.close()
            if self._trust.is_used and not self._keep_alive:
                await asyncio.sleep(_TLS_FAREWELL_S)

    def stop(self) -> None:
        """
        Start no more attempts in the runs that are under way.

        What is in flight ends as it would; every other device's outcome is a
        `NotTriedError`, or its last failure.
        """
        for run in self._shared.runs:
            run.stop()

    async def each(
        self, devices: Iterable[Device], call: Call[T], *, per_second: float | None = None
    ) -> AsyncGenerator[Outcome[T], None]:
        """
        Call every device, and give one outcome for each, in the order in which they end.

        A device that fails is an outcome with an `error`. Wrap the stream in
        `contextlib.aclosing` when you may leave it early.

        Args:
            devices: Of any number, drawn as they are needed.
            call: Takes a `DeviceSession`; its methods will do, like `DeviceSession.get_ntp_info`.
            per_second: So many devices are begun in a second, evenly; `None` for no such bound.

        Raises:
            CredentialsError: A device names credentials that the pool does not have.
            Exception: Whatever `call` raises that is no `DeviceError`; the run ends with it.
        """
        async with aclosing(self._stream(devices, call, Rate(per_second))) as outcomes:
            async for outcome in outcomes:
                yield outcome

    async def _stream(
        self, devices: Iterable[Device], call: Call[T], rate: Rate, *, is_single: bool = False
    ) -> AsyncGenerator[Outcome[T], None]:
        if self._way is None:
            raise RuntimeError("open the pool first: async with SessionPool(…) as pool")
        runs = self._shared.runs
        for breaker in self._breakers.values():
            if breaker.has_rested or not (runs or is_single):
                breaker.renew()
            elif not runs:
                # Single calls, one after the other, must not try a refused password on and on.
                breaker.doubt()
        in_order = _with_last(devices, frozenset(self._last))
        run = Run(in_order, call, self._shared, rate)
        runs.append(run)
        try:
            while (outcome := await run.next_outcome()) is not None:
                self._remember(outcome)
                yield outcome
        finally:
            runs.remove(run)
            self._shared.wake_waiting()
            await run.end()

    def forget(self, names: Iterable[str]) -> None:
        """Let go of what is remembered of devices that are no more, by their names."""
        for name in names:
            self._sessions.pop(name, None)
            self._last.discard(name)
            for breaker in self._breakers.values():
                breaker.forget(name)

    async def one(self, device: Device, call: Call[T]) -> Outcome[T]:
        """
        Call one device, within the limits that it shares with all others.

        Credentials that were suspended stay so for a minute.

        Raises:
            CredentialsError: As `each`.
            Exception: As `each`.
        """
        async with aclosing(self._stream((device,), call, Rate(), is_single=True)) as outcomes:
            return await anext(outcomes)

    def _remember(self, outcome: Outcome[Any]) -> None:
        if isinstance(outcome.error, _COME_LAST):
            self._last.add(outcome.device.name)
        else:
            self._last.discard(outcome.device.name)

    def _session_of(self, device: Device) -> DeviceSession:
        """Give the remembered session of a device, or a new one when anything has changed."""
        retry, credentials = self._shared.retry, self._credentials_of(device)
        session = self._sessions.get(device.name)
        if session is None or session.device != device or session.credentials is not credentials:
            session = self._sessions[device.name] = DeviceSession(
                device,
                credentials,
                way=self._way,
                trust=self._trust,
                connect_timeout_s=retry.connect_timeout_s,
                timeout_s=retry.attempt_timeout_s,
                in_flight=self._limits.per_device,
                keep_alive=self._keep_alive,
                login_gate=self._breaker_of(device.credentials),
            )
        return session

    def _credentials_of(self, device: Device) -> Credentials | None:
        if device.credentials is None:
            return None
        try:
            return self._credentials[device.credentials]
        except KeyError:
            raise CredentialsError(
                f"device {device.name!r} names the credentials {device.credentials!r}, "
                "which the pool was not given"
            ) from None

    def _breaker_of(self, name: str | None) -> CredentialBreaker | None:
        if name is None:
            return None
        breaker = self._breakers.get(name)
        if breaker is None:
            breaker = CredentialBreaker(name, changed=self._shared.wake)
            self._breakers[name] = breaker
        return breaker


def _with_last(devices: Iterable[Device], names: Collection[str]) -> Iterator[Device]:
    """Give devices in their order, but those of these names at the end."""
    last = []
    for device in devices:
        if device.name in names:
            last.append(device)
        else:
            yield device
    yield from last
