"""How patient we are, in numbers."""

import pytest
import tenacity
from hypothesis import given
from hypothesis import strategies as st

from axis_ntp_async.device.records import Device
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.errors import (
    AccessBlockedError,
    CertificateRejectedError,
    DeviceBusyError,
    DeviceError,
    DeviceUnreachableError,
    IdentityMismatchError,
    InternalDeviceError,
    InvalidParameterError,
    LoginRefusedError,
    NotAuthorizedError,
    NotTriedError,
    PlaintextLoginError,
    RequestRejectedError,
    UnexpectedResponseError,
    UnsupportedDeviceError,
)
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.fleet.retry import RetryPolicy

NEVER = [
    CertificateRejectedError("d", "m"),
    IdentityMismatchError("d", "m"),
    LoginRefusedError("d", "m"),
    PlaintextLoginError("d", "m"),
    NotTriedError("d", "m"),
    UnsupportedDeviceError("d", "m"),
    UnexpectedResponseError("d", "m"),
    RequestRejectedError("d", "m", 2000),
    NotAuthorizedError("d", "m", 4002),
    InvalidParameterError("d", "m", 4004, 3),
]
PASSING = [
    DeviceUnreachableError("d", "m"),
    DeviceBusyError("d", "m"),
    InternalDeviceError("d", "m", 1000),
]


@pytest.mark.parametrize("error", NEVER, ids=lambda error: type(error).__name__)
def test_what_will_not_pass_is_never_tried_again(error: DeviceError) -> None:
    """However patient the policy is: a refused login, a wrong value, a wrong device are final."""
    assert RetryPolicy(attempts=99, device_timeout_s=1e9).wait_s(error, 1, 0.0) is None


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(("attempts", "made"), [(1, 1), (3, 3), (3, 4)])
def test_attempts_are_counted_with_the_first(error: DeviceError, attempts: int, made: int) -> None:
    """After as many attempts as the policy allows it is over; before, it is not."""
    policy = RetryPolicy(attempts=attempts)
    assert policy.wait_s(error, made, 0.0) is None
    assert attempts == 1 or policy.wait_s(error, attempts - 1, 0.0) is not None


@given(
    initial_s=st.floats(0, 10),
    max_s=st.floats(0, 20),
    made=st.integers(1, 50),
)
def test_the_wait_is_fully_jittered_within_its_bounds(
    initial_s: float, max_s: float, made: int
) -> None:
    """Before try n + 1 we wait from nothing to the n-th doubling, never above the maximum."""
    policy = RetryPolicy(
        attempts=99, wait_initial_s=initial_s, wait_max_s=max_s, device_timeout_s=1e9
    )
    wait_s = policy.wait_s(DeviceUnreachableError("d", "m"), made, 0.0)
    assert wait_s is not None
    assert 0.0 <= wait_s <= min(initial_s * 2 ** (made - 1), max_s)


def test_waits_are_spread_over_the_whole_of_their_range() -> None:
    """Full jitter: a thousand devices come back at a thousand moments, early and late."""
    policy, error = RetryPolicy(wait_initial_s=4.0), DeviceUnreachableError("d", "m")
    waits_s = [policy.wait_s(error, 1, 0.0) or 0.0 for _ in range(1000)]
    quarters = {int(wait_s) for wait_s in waits_s}
    assert {0, 1, 2, 3} == quarters
    assert 1.5 < sum(waits_s) / 1000 < 2.5


def test_a_named_time_is_waited_for_besides() -> None:
    """What the device asks for comes on top of the jitter, also above the policy's maximum."""
    policy = RetryPolicy(wait_initial_s=1.0, wait_max_s=2.0)
    wait_s = policy.wait_s(DeviceBusyError("d", "m", 20.0), 1, 0.0)
    assert wait_s is not None
    assert 20.0 <= wait_s <= 21.0


@pytest.mark.parametrize("asked_s", [29.0, 3600.0, 1e20])
def test_a_time_beyond_the_deadline_is_not_waited_for(asked_s: float) -> None:
    """A wait that would end after the device's deadline is not begun."""
    policy = RetryPolicy(device_timeout_s=30)
    assert policy.wait_s(DeviceBusyError("d", "m", asked_s), 1, 2.0) is None


def test_a_blocked_address_is_tried_once_more_after_the_block() -> None:
    """403 is tried a second time after more than ten seconds, and never a third time."""
    policy, error = RetryPolicy(attempts=9), AccessBlockedError("d", "m")
    wait_s = policy.wait_s(error, 1, 0.1)
    assert wait_s is not None
    assert wait_s > 10.0
    assert policy.wait_s(error, 2, 12.0) is None


@pytest.mark.parametrize(
    ("spent", "devices", "allowed"),
    [(0, 0, True), (19, 1, True), (20, 1, False), (20, 200, False), (20, 201, True)],
)
def test_the_budget_is_a_count_or_a_share(spent: int, devices: int, allowed: bool) -> None:
    """A run tries again 20 times, or a tenth as often as it has begun devices."""
    assert allowed == RetryPolicy().allows(spent, devices)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("attempts", 0),
        ("wait_initial_s", -0.1),
        ("wait_max_s", -1.0),
        ("connect_timeout_s", 0.0),
        ("attempt_timeout_s", 0.0),
        ("device_timeout_s", 0.0),
        ("budget_count", -1),
        ("budget_ratio", -0.1),
    ],
)
def test_impossible_patience_is_refused(member: str, value: float) -> None:
    """A policy that could not make one attempt cannot be made."""
    with pytest.raises(ValueError, match=member):
        RetryPolicy(**{member: value})  # type: ignore[arg-type]  # the wrong value is the test


async def test_success_does_not_ask_tenacity(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run in which nothing fails builds none of its objects."""

    def fail(*_: object) -> None:
        pytest.fail("tenacity was asked")

    async def call(_: DeviceSession) -> int:
        return 1

    monkeypatch.setattr(tenacity, "RetryCallState", fail)
    async with SessionPool() as pool:
        outcomes = [one async for one in pool.each([Device(name="d", host="192.0.2.1")], call)]
    assert [outcome.value for outcome in outcomes] == [1]
