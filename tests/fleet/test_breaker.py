"""Refused credentials are tried three times, not five hundred."""

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axis_ntp_async.errors import CredentialSuspendedError
from axis_ntp_async.fleet import breaker
from axis_ntp_async.fleet.breaker import CredentialBreaker


class Devices:
    """Devices that stand at the gate of one breaker."""

    def __init__(self) -> None:
        self.breaker = CredentialBreaker("fleet")
        self.at_once = self.most_at_once = self.refused = self.suspended = 0
        self._numbers = itertools.count(1)

    async def log_in(
        self, answer: bool | None, after_s: float = 0.0, *, device: str | None = None
    ) -> None:
        """One login, from the gate to the answer of that device, or of one never seen before."""
        device = device or f"cam-{next(self._numbers)}"
        try:
            await self.breaker.enter(device)
        except CredentialSuspendedError:
            self.suspended += 1
            return
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(after_s)
        self.at_once -= 1
        self.refused += answer is False
        self.breaker.leave(device, accepted=answer)

    async def log_in_all(self, answers: list[tuple[bool | None, float]]) -> None:
        await asyncio.gather(*(self.log_in(answer, after_s) for answer, after_s in answers))


answers_after = st.floats(0.0, 5.0)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from([False, None]), answers_after), max_size=40))
def test_unproven_credentials_fail_at_most_three_times(
    in_virtual_time: Any, answers: list[tuple[bool | None, float]]
) -> None:
    """However slow devices are, however many say nothing: a wrong password fails three times."""
    devices = Devices()
    in_virtual_time(devices.log_in_all(answers))
    wanted = min(3, [answer for answer, _ in answers].count(False))
    assert wanted == devices.refused
    assert devices.most_at_once <= 3
    assert (wanted == 3) == devices.breaker.is_suspended


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from([True, False, None]), answers_after), max_size=40))
def test_everybody_gets_through_or_is_told(
    in_virtual_time: Any, answers: list[tuple[bool | None, float]]
) -> None:
    """Whatever devices answer, nobody stands at the gate for ever."""
    devices = Devices()
    in_virtual_time(devices.log_in_all(answers))
    assert 0 == devices.at_once == devices.breaker._trying
    assert devices.breaker.is_suspended or not devices.suspended


def test_proven_credentials_open_the_gate(in_virtual_time: Any) -> None:
    """After one device has accepted them, all others may try at once."""
    devices = Devices()
    in_virtual_time(devices.log_in_all([(True, 0.1)] * 50))
    assert devices.most_at_once == 47


def test_silent_devices_do_not_hold_the_gate_for_ever(in_virtual_time: Any) -> None:
    """Devices that answer neither yes nor no count for nothing once they are over."""
    devices = Devices()
    in_virtual_time(devices.log_in_all([(None, 10.0)] * 3 + [(True, 0.1)] * 20))
    assert (devices.refused, devices.suspended) == (0, 0)
    assert devices.most_at_once > 3


@pytest.mark.parametrize(
    ("answers", "is_suspended"),
    [
        ([True, False, False, False], True),
        ([True, False, False, True, False, False], False),
        ([True, False, False, None, False], True),
        ([False, False, True, False, False], False),
    ],
)
async def test_later_refusals_count_in_a_row(
    answers: list[bool | None], is_suspended: bool
) -> None:
    """Also proven credentials are suspended after three refusals that no acceptance interrupts."""
    devices = Devices()
    for answer in answers:
        await devices.log_in(answer)
    assert is_suspended == devices.breaker.is_suspended


async def test_one_device_that_refuses_again_and_again_counts_once() -> None:
    """Somebody who probes one camera with a wrong password stops nobody else."""
    devices = Devices()
    for _ in range(20):
        await devices.log_in(False, device="lobby-3")
    await devices.log_in_all([(True, 0.0)] * 5)
    assert (devices.refused, devices.suspended) == (20, 0)


async def test_devices_with_a_password_of_their_own_count_once_for_good() -> None:
    """In each sweep of a watch five of them come in a row, once that is known of them."""
    devices, strangers = Devices(), [f"stranger-{place}" for place in range(5)]
    for name in strangers:
        await devices.log_in(False, device=name)
        await devices.log_in(True)
    for _ in range(3):
        devices.breaker.renew()
        for name in strangers:
            await devices.log_in(False, device=name)
        await devices.log_in(True)
    assert not devices.suspended


async def test_when_nobody_accepts_them_any_more_strangers_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A rotation device by device ends with an old password that all refuse: it is suspended."""
    devices = Devices()
    names = [f"cam-{place}" for place in range(20)]
    for rotated in range(1, len(names)):
        for place, name in enumerate(names):
            await devices.log_in(place >= rotated, device=name)
    assert not devices.suspended
    monkeypatch.setattr(breaker, "LATELY_S", 0.0)
    devices.breaker.renew()
    refused = devices.refused
    for name in names:
        await devices.log_in(False, device=name)
    assert (devices.refused - refused, devices.suspended) == (3, 17)


async def test_what_is_no_more_is_forgotten() -> None:
    """A device of the same name that comes later is another one."""
    devices = Devices()
    await devices.log_in(False, device="lobby-3")
    await devices.log_in(True)
    devices.breaker.forget("lobby-3")
    for name in ("lobby-1", "lobby-2", "lobby-3"):
        await devices.log_in(False, device=name)
    assert devices.breaker.is_suspended


async def test_a_device_that_was_put_right_counts_again() -> None:
    """Once it has accepted the credentials, its refusal tells something new."""
    devices = Devices()
    for name in ("lobby-1", "lobby-2", "lobby-3"):
        await devices.log_in(False, device=name)
        await devices.log_in(True, device=name)
    for name in ("lobby-1", "lobby-2", "lobby-3"):
        await devices.log_in(False, device=name)
    assert devices.breaker.is_suspended


async def test_a_new_wrong_password_is_noticed_beside_devices_with_their_own() -> None:
    """Those that refuse anyway do not hide that now all do."""
    devices = Devices()
    await devices.log_in(False, device="stranger")
    await devices.log_in(True)
    for _ in range(4):
        await devices.log_in(False, device="stranger")
        await devices.log_in(False)
    assert devices.breaker.is_suspended


async def test_what_is_suspended_stays_so() -> None:
    """A late acceptance of a device that was already trying does not lift the suspension."""
    devices = Devices()
    gate = devices.breaker
    await devices.log_in(True)
    for place in range(6):
        await gate.enter(f"lobby-{place}")
    for place, accepted in enumerate((False, False, False, True, False)):
        gate.leave(f"lobby-{place}", accepted=accepted)
    assert gate.is_suspended


async def test_renewed_it_begins_from_doubt() -> None:
    """A new run tries again, carefully."""
    devices = Devices()
    for _ in range(4):
        await devices.log_in(False)
    devices.breaker.renew()
    await devices.log_in_all([(False, 0.0)] * 9)
    assert (devices.refused, devices.suspended) == (6, 1 + 6)


async def test_the_refusal_names_the_credentials() -> None:
    """The error of whoever is not tried says which credentials, and not one secret."""
    error = CredentialBreaker("berlin").refusal("lobby-3")
    assert str(error) == (
        "lobby-3: not tried: credentials 'berlin' are suspended, 3 devices in a row refused them"
    )


async def test_leaving_the_gate_unserved_costs_no_trial() -> None:
    """A device whose wait at the gate is cancelled does not count as trying."""
    gate = CredentialBreaker("fleet")
    for _ in range(3):
        await gate.enter("lobby-3")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(gate.enter("lobby-4"), 0.01)
    assert gate._trying == 3
