"""What to do with one device, seen how it is; and what an error on the way means. Pure."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import NTPClientStatus, NTPInfo
from axis_ntp_async.errors import (
    APIError,
    CertificateRejectedError,
    ConfigurationError,
    ConfigurationRefusedError,
    DeviceBusyError,
    DeviceError,
    DeviceUnreachableError,
    IdentityMismatchError,
    InternalDeviceError,
    InvalidParameterError,
    LoginRefusedError,
    NotTriedError,
    PlaintextLoginError,
    RequestRejectedError,
    UnsupportedDeviceError,
    UnsupportedVersionError,
)
from axis_ntp_async.health.failures import cause_of_failure
from axis_ntp_async.rollout.plan import Step, StepState, StepStatus, has_servers
from axis_ntp_async.rollout.planning.forecast import clock_step_s
from axis_ntp_async.rollout.rules.settings import Rules

SYSTEMIC: Final = frozenset(
    {
        *("login", "certificate"),
        *("error_2000", "error_3000", "error_4000", "error_4001", "error_4003", "error_4004"),
    }
)
"""Causes that all devices alike would meet: the policy, the secret or the trust is wrong."""

_ANSWERED_NO: Final = (
    CertificateRejectedError,
    ConfigurationRefusedError,
    IdentityMismatchError,
    LoginRefusedError,
    PlaintextLoginError,
    UnsupportedDeviceError,
)
_NUMBERED: Final = (InvalidParameterError, RequestRejectedError, UnsupportedVersionError)


@frozen(kw_only=True)
class Decision:
    """
    What becomes of a step now.

    Attributes:
        state: Its next state.
        cause: Why, in one word.
        message: Why, in a sentence.
        request: What is to be sent; for `intent` only.
        found: What the device reports, where that is neither wanted nor known.
    """

    state: StepState
    cause: str = ""
    message: str = ""
    request: NTPClientConfiguration | None = None
    found: NTPClientConfiguration | None = None


def decide(step: Step, status: StepStatus, info: NTPInfo, rules: Rules) -> Decision:
    """
    Decide about a device that was just read, and may have been written to before.

    Args:
        step: What is planned for it.
        status: How far that is; after a write this reading settles what came of it.
        info: What the device says now.
        rules: The guards.
    """
    client = info.client
    if client is None:
        return Decision(
            state=StepState.FAILED, cause="unsupported", message="reports no NTP client any more"
        )
    if not step.after.changes_from(client):
        state = applied_state(step) if status.writes else StepState.NOOP
        return Decision(state=state, message="" if status.writes else "as desired already")
    if changed := step.before.changes_from(client):
        members = ", ".join(change.member for change in changed)
        since = "it was written to" if status.writes else "the plan was made"
        return Decision(
            state=StepState.CONFLICT,
            cause="conflict",
            message=f"somebody changed {members} since {since}",
            found=found_in(client),
        )
    return _write(step, status, info, client, rules)


def _write(
    step: Step, status: StepStatus, info: NTPInfo, client: NTPClientStatus, rules: Rules
) -> Decision:
    if status.writes >= rules.writes:
        return Decision(
            state=StepState.FAILED,
            cause=status.cause,
            message=f"sent {status.writes} times without effect: {status.message}",
        )
    may_step = rules.allow_step or step.after.enabled is False
    if not may_step and (fault := _fault_of_step(info, rules)):
        return Decision(state=StepState.SKIPPED, cause="step", message=fault)
    return Decision(state=StepState.INTENT, request=step.request_for(client))


def _fault_of_step(info: NTPInfo, rules: Rules) -> str | None:
    expected_s = clock_step_s(info)
    if expected_s is None:
        return "it does not tell its time, so nobody knows how far its clock would jump"
    if abs(expected_s) <= rules.step_limit_s:
        return None
    return f"its clock would jump by {expected_s:+.1f} s"


def applied_state(step: Step) -> StepState:
    """Give what a step is once the device says what was wanted."""
    is_watched = step.is_sampled and has_servers(step.after)
    return StepState.PROVING if is_watched else StepState.APPLIED


def found_in(client: NTPClientStatus) -> NTPClientConfiguration | None:
    """Give what a device reports, as a pre-image; `None` when that could not be restored."""
    try:
        return NTPClientConfiguration.reported_by(client)
    except ConfigurationError:
        return None


def after_an_error(error: DeviceError, *, intent: bool) -> Decision:
    """
    Decide about a device that did not do what was asked.

    Args:
        error: What came of it.
        intent: Whether the write had been on its way, so that it may have been done.
    """
    cause, message = cause_of(error), error.message
    if intent:
        state = StepState.FAILED if _is_a_no(error) else StepState.UNKNOWN
    elif isinstance(error, IdentityMismatchError):
        state = StepState.SKIPPED
    elif isinstance(error, DeviceUnreachableError | DeviceBusyError | NotTriedError):
        state = StepState.UNREACHABLE
    else:
        state = StepState.FAILED
    return Decision(state=state, cause=cause, message=message)


def _is_a_no(error: DeviceError) -> bool:
    """Whether the device has surely not done it."""
    if isinstance(error, APIError):
        return not isinstance(error, InternalDeviceError)
    return isinstance(error, _ANSWERED_NO)


def cause_of(error: DeviceError) -> str:
    """Give an error in one word that is the same for all like it."""
    if isinstance(error, _NUMBERED) and error.code is not None:
        return f"error_{error.code}"
    return cause_of_failure(error).value
