"""What it means when a device could not be read: every error has its place."""

import inspect
from collections.abc import Callable, Iterator

import pytest
from attrs import evolve

from axis_ntp_async import errors
from axis_ntp_async.device.records import NTPInfo, Outcome
from axis_ntp_async.errors import APIError, DeviceError, LoginRefusedError
from axis_ntp_async.health.failures import cause_of_failure
from axis_ntp_async.health.finding import Cause, State
from axis_ntp_async.health.judge import judge

Make = Callable[..., Outcome[NTPInfo]]

EXPECTED = {
    "DeviceError": ("device_error", "unknown"),
    "DeviceUnreachableError": ("unreachable", "unknown"),
    "DeviceBusyError": ("busy", "unknown"),
    "AccessBlockedError": ("blocked", "unknown"),
    "CertificateRejectedError": ("certificate", "critical"),
    "IdentityMismatchError": ("identity", "critical"),
    "LoginRefusedError": ("login", "unknown"),
    "PlaintextLoginError": ("login", "unknown"),
    "NotTriedError": ("not_tried", "unknown"),
    "CredentialSuspendedError": ("not_tried", "unknown"),
    "TooManyOpenFilesError": ("not_tried", "unknown"),
    "ConfigurationRefusedError": ("unsupported", "unknown"),
    "UnsupportedDeviceError": ("unsupported", "unknown"),
    "UnexpectedResponseError": ("bad_answer", "unknown"),
    "APIError": ("device_error", "unknown"),
    "InternalDeviceError": ("device_error", "unknown"),
    "RequestRejectedError": ("device_error", "unknown"),
    "UnsupportedVersionError": ("unsupported", "unknown"),
    "NotAuthorizedError": ("login", "unknown"),
    "InvalidParameterError": ("device_error", "unknown"),
}


def kinds(parent: type[DeviceError]) -> Iterator[type[DeviceError]]:
    yield parent
    for child in parent.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from kinds(child)


@pytest.mark.parametrize("kind", [*kinds(DeviceError)], ids=lambda kind: kind.__name__)
def test_every_error_has_its_cause(make_outcome: Make, kind: type[DeviceError]) -> None:
    """Walking the tree of errors: each has a cause, a state, a hint, and its own words."""
    details = (4004,) if issubclass(kind, APIError) else ()
    error = kind("lobby-3", "what happened", *details)
    finding = judge(make_outcome(error=error))
    assert finding.cause is not None
    assert EXPECTED[kind.__name__] == (finding.cause.value, finding.state.value)
    assert len(finding.problems) == 1
    assert finding.message.startswith("what happened")
    assert "lobby-3" not in finding.message
    assert finding.hint.endswith(".")
    assert cause_of_failure(error) is finding.cause


def test_every_error_stands_in_the_table() -> None:
    """The table of this test names exactly the errors that there are."""
    found = {
        name
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, DeviceError)
    }
    assert EXPECTED.keys() == found


def test_a_message_that_begins_with_the_name_keeps_the_rest(make_outcome: Make) -> None:
    """Only the name in front of the message is taken off, not one within it."""
    error = DeviceError("lobby-3", "lobby-3.example: no such name")
    assert judge(make_outcome(error=error)).message == "lobby-3.example: no such name"


@pytest.mark.parametrize(
    ("credentials", "hint"),
    [(None, "Name 'credentials' for it in the inventory"), ("fleet", "Correct the user name or")],
)
def test_whoever_has_no_credentials_is_told_to_name_them(
    make_outcome: Make, credentials: str | None, hint: str
) -> None:
    """There is nothing to correct in what was never named."""
    outcome = make_outcome(error=LoginRefusedError("lobby-3", "wants a login"))
    finding = judge(evolve(outcome, device=evolve(outcome.device, credentials=credentials)))
    assert finding.hint.startswith(hint)


def test_states_are_ordered_from_good_to_bad() -> None:
    """A device that could not be judged is worse than one to look after, better than a bad one."""
    assert sorted(State, key=lambda state: state.rank) == [
        State.OK,
        State.WARNING,
        State.UNKNOWN,
        State.CRITICAL,
    ]


def test_causes_are_ordered_from_the_root() -> None:
    """Whoever cannot be reached cannot refuse a login, and whoever is disabled cannot sync."""
    order = list(Cause)
    for before, after in (
        (Cause.UNREACHABLE, Cause.LOGIN),
        (Cause.UNSUPPORTED, Cause.DISABLED),
        (Cause.DISABLED, Cause.NO_SERVERS),
        (Cause.NO_SERVERS, Cause.NOT_SYNCED),
        (Cause.NOT_SYNCED, Cause.OFFSET),
        (Cause.OFFSET, Cause.SKEW),
        (Cause.SKEW, Cause.DRIFT),
        (Cause.DRIFT, Cause.DHCP_FALLBACK),
    ):
        assert order.index(before) < order.index(after)
