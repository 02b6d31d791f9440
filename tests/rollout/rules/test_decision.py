"""What to do with one device, seen how it is; and what an error on the way means."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axis_ntp_async import errors
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import NTPInfo, ServersSource
from axis_ntp_async.errors import APIError, DeviceError, UnsupportedVersionError
from axis_ntp_async.rollout.plan import NEXT, REOPENED, Step, StepState, StepStatus
from axis_ntp_async.rollout.rules.decision import (
    SYSTEMIC,
    after_an_error,
    applied_state,
    cause_of,
    decide,
    found_in,
)
from axis_ntp_async.rollout.rules.settings import Rules

MakeStep = Callable[..., Step]
MakeInfo = Callable[..., NTPInfo]

AFTER = {"static_servers": ("10.0.0.5", "10.0.0.6")}
WRITTEN = StepStatus(state=StepState.UNKNOWN, cause="unreachable", message="reset", writes=1)


@pytest.mark.parametrize(
    ("status", "members", "state", "message"),
    [
        (StepStatus(), {}, StepState.INTENT, ""),
        (StepStatus(), AFTER, StepState.NOOP, "as desired already"),
        (StepStatus(), {"static_servers": ("10.0.0.5", "10.0.0.6", "")}, StepState.NOOP, "as"),
        (WRITTEN, AFTER, StepState.APPLIED, ""),
        (WRITTEN, {}, StepState.INTENT, ""),
        (
            StepStatus(),
            {"minpoll": 4},
            StepState.CONFLICT,
            "somebody changed minpoll since the plan was made",
        ),
        (
            WRITTEN,
            {"minpoll": 4, "static_servers": ("10.0.0.9",)},
            StepState.CONFLICT,
            "somebody changed static_servers, minpoll since it was written to",
        ),
        (
            evolve(WRITTEN, writes=3),
            {},
            StepState.FAILED,
            "sent 3 times without effect: reset",
        ),
        (evolve(WRITTEN, writes=3), AFTER, StepState.APPLIED, ""),
        (StepStatus(), {"client": None}, StepState.FAILED, "reports no NTP client any more"),
        (WRITTEN, {"client": None}, StepState.FAILED, "reports no NTP client any more"),
    ],
)
def test_what_is_done_with_a_device(
    make_step: MakeStep,
    make_info: MakeInfo,
    *,
    status: StepStatus,
    members: dict[str, Any],
    state: StepState,
    message: str,
) -> None:
    """It is compared with what was, and with what shall be, and never guessed at."""
    decision = decide(make_step(), status, make_info(**members), Rules())
    assert decision.state is state
    assert decision.message.startswith(message)
    assert (decision.request is not None) is (state is StepState.INTENT)
    assert bool(decision.cause) is (state in {StepState.CONFLICT, StepState.FAILED})


def test_a_conflict_keeps_what_was_found(make_step: MakeStep, make_info: MakeInfo) -> None:
    """Whoever looks at it wants to know; unless it could not be restored anyway."""
    decision = decide(make_step(), StepStatus(), make_info(minpoll=4), Rules())
    assert decision.found is not None
    assert decision.found.minpoll == 4
    strange = make_info(servers_source="PTP")
    assert decide(make_step(), StepStatus(), strange, Rules()).found is None
    assert strange.client is not None
    assert found_in(strange.client) is None


def test_what_is_sent_again_is_the_same(make_step: MakeStep, make_info: MakeInfo) -> None:
    """A second write holds what the first one held: setting overwrites."""
    step, info = make_step(), make_info()
    first, again = (decide(step, status, info, Rules()) for status in (StepStatus(), WRITTEN))
    assert first.request == again.request
    assert first.request is not None
    assert first.request.static_servers == ("10.0.0.5", "10.0.0.6")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"skew_s": 37.0, "synced": False}, "its clock would jump by -37.0 s"),
        ({"skew_s": -1.1, "synced": False}, "its clock would jump by +1.1 s"),
        ({"skew_s": None}, "it does not tell its time, so nobody knows how far"),
        ({"skew_s": 1.0, "synced": False}, None),
        ({"skew_s": 0.9, "time_offset_ms": 1300.0}, "its clock would jump by -1.3 s"),
    ],
    ids=str,
)
def test_a_clock_that_would_jump_is_left_alone(
    make_step: MakeStep, make_info: MakeInfo, members: dict[str, Any], message: str | None
) -> None:
    """Recordings would suffer, so that has to be allowed, also when a write is sent again."""
    step, info = make_step(), make_info(**members)
    decision = decide(step, StepStatus(), info, Rules())
    if message is None:
        assert decision.state is StepState.INTENT
    else:
        assert (decision.state, decision.cause) == (StepState.SKIPPED, "step")
        assert decision.message.startswith(message)
    assert decide(step, StepStatus(), info, Rules(allow_step=True)).state is StepState.INTENT
    assert decide(step, WRITTEN, info, Rules()).state is decision.state


def test_who_is_switched_off_will_not_jump(make_step: MakeStep, make_info: MakeInfo) -> None:
    """A wrong clock is no reason not to switch its NTP client off."""
    step = make_step()
    off = evolve(step, after=evolve(step.before, enabled=False))
    info = make_info(skew_s=90.0, synced=False)
    assert decide(off, StepStatus(), info, Rules()).state is StepState.INTENT


@pytest.mark.parametrize(
    ("members", "state"),
    [
        ({}, StepState.PROVING),
        ({"enabled": False}, StepState.APPLIED),
        ({"static_servers": ()}, StepState.APPLIED),
        ({"static_servers": (), "servers_source": ServersSource.DHCP}, StepState.PROVING),
        ({"nts_enabled": True}, StepState.APPLIED),
    ],
    ids=str,
)
def test_who_is_watched_after_a_change(
    make_step: MakeStep, members: dict[str, Any], state: StepState
) -> None:
    """The sample is, but for devices that ask nobody any more: there is nothing to see."""
    step = make_step(is_sampled=True)
    step = evolve(step, after=evolve(step.after, **members))
    assert applied_state(step) is state
    assert applied_state(evolve(step, is_sampled=False)) is StepState.APPLIED


EXPECTED = {
    "DeviceError": ("failed", "unknown", "device_error"),
    "DeviceUnreachableError": ("unreachable", "unknown", "unreachable"),
    "DeviceBusyError": ("unreachable", "unknown", "busy"),
    "AccessBlockedError": ("failed", "unknown", "blocked"),
    "CertificateRejectedError": ("failed", "failed", "certificate"),
    "IdentityMismatchError": ("skipped", "failed", "identity"),
    "LoginRefusedError": ("failed", "failed", "login"),
    "PlaintextLoginError": ("failed", "failed", "login"),
    "NotTriedError": ("unreachable", "unknown", "not_tried"),
    "CredentialSuspendedError": ("unreachable", "unknown", "not_tried"),
    "TooManyOpenFilesError": ("unreachable", "unknown", "not_tried"),
    "UnsupportedDeviceError": ("failed", "failed", "unsupported"),
    "ConfigurationRefusedError": ("failed", "failed", "unsupported"),
    "UnexpectedResponseError": ("failed", "unknown", "bad_answer"),
    "APIError": ("failed", "failed", "device_error"),
    "InternalDeviceError": ("failed", "unknown", "device_error"),
    "RequestRejectedError": ("failed", "failed", "error_4003"),
    "UnsupportedVersionError": ("failed", "failed", "error_4003"),
    "NotAuthorizedError": ("failed", "failed", "login"),
    "InvalidParameterError": ("failed", "failed", "error_4003"),
}


def kinds() -> Iterator[type[DeviceError]]:
    for _, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, DeviceError):
            yield kind


@pytest.mark.parametrize("kind", [*kinds()], ids=lambda kind: kind.__name__)
def test_what_every_error_means(kind: type[DeviceError]) -> None:
    """Before a write nothing was sent; after an intent only a clear no is one."""
    error = kind("lobby-3", "what happened", *((4003,) if issubclass(kind, APIError) else ()))
    reading, writing = (after_an_error(error, intent=intent) for intent in (False, True))
    assert (reading.state.value, writing.state.value, reading.cause) == EXPECTED[kind.__name__]
    assert reading.state in NEXT[StepState.PLANNED]
    assert writing.state in NEXT[StepState.INTENT]
    assert reading.message == writing.message == "what happened"
    assert (reading.request, writing.request) == (None, None)


def test_who_could_not_be_asked_is_asked_again() -> None:
    """Also a device whose turn did not come ends in a state from which a resumed run goes on."""
    for name in ("NotTriedError", "CredentialSuspendedError", "TooManyOpenFilesError"):
        assert REOPENED[StepState(EXPECTED[name][0])] is StepState.PLANNED


def test_a_number_that_was_not_sent_is_no_cause() -> None:
    """Without a code the kind of the error is all there is to tell."""
    error = UnsupportedVersionError("lobby-3", "lists only versions we do not know", None)
    assert cause_of(error) == "unsupported"
    assert cause_of(UnsupportedVersionError("lobby-3", "no", 4001)) == "error_4001"


def test_causes_that_all_devices_share() -> None:
    """What the policy, the secret or the trust has done wrong is wrong everywhere."""
    found = {expected[2] for expected in EXPECTED.values()} & SYSTEMIC
    assert found == {"login", "certificate", "error_4003"}
    assert {"error_4001", "error_4004"} < SYSTEMIC


servers = st.sampled_from([("10.0.0.1",), ("10.0.0.5", "10.0.0.6"), ("10.0.0.9",), ()])
unsure = st.sampled_from([StepState.PLANNED, StepState.UNKNOWN])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    state=unsure,
    writes=st.integers(1, 4),
    static_servers=servers,
    minpoll=st.integers(4, 6),
    skew_s=st.floats(-9, 9),
    is_sampled=st.booleans(),
)
def test_every_decision_is_one_that_the_table_knows(
    make_step: MakeStep,
    make_info: MakeInfo,
    *,
    state: StepState,
    writes: int,
    static_servers: tuple[str, ...],
    minpoll: int,
    skew_s: float,
    is_sampled: bool,
) -> None:
    """However a device is found, the next state may follow, and is `noop` only if never sent."""
    status = StepStatus(state=state, writes=writes if state is StepState.UNKNOWN else 0)
    info = make_info(static_servers=static_servers, minpoll=minpoll, skew_s=skew_s)
    decision = decide(make_step(is_sampled=is_sampled), status, info, Rules())
    assert decision.state in NEXT[state]
    if decision.request is not None:
        assert info.client is not None
        assert decision.request.changes_from(info.client)
        sent = evolve(info.client, **decision.request.members)
        assert NTPClientConfiguration.reported_by(sent) == make_step().after
