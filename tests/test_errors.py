"""The tree of errors: one base, one way to read it, the same behind a `pickle`."""

import copy
import inspect
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis_ntp_async import errors
from axis_ntp_async.errors import (
    APIError,
    AxisNTPError,
    ConfigurationError,
    DeviceBusyError,
    DeviceError,
    InvalidParameterError,
    InventoryError,
    PolicyError,
)

CLASSES = [
    one
    for _, one in inspect.getmembers(errors, inspect.isclass)
    if issubclass(one, Exception) and one.__module__ == errors.__name__
]
DEVICE_ERRORS = [one for one in CLASSES if issubclass(one, DeviceError)]


def example(kind: type[AxisNTPError]) -> AxisNTPError:
    """Give an error with every argument it takes."""
    if issubclass(kind, APIError):
        return kind("lobby-3", "went wrong", 4004, 3)
    if issubclass(kind, DeviceBusyError):
        return kind("lobby-3", "went wrong", 7.0)
    return kind("lobby-3", "went wrong")


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_is_ours_and_documented(kind: type[AxisNTPError]) -> None:
    """It derives from the base, and says what it means."""
    assert issubclass(kind, AxisNTPError)
    assert kind.__doc__


@pytest.mark.parametrize("kind", CLASSES)
def test_the_tree_in_the_docstring_is_complete(kind: type[AxisNTPError]) -> None:
    """Who reads the module's head has seen every error."""
    assert kind.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_survives_pickle_and_copy(kind: type[AxisNTPError]) -> None:
    """Errors travel between processes with all they know."""
    error = example(kind)
    sent = pickle.loads(pickle.dumps(error))  # noqa: S301  our own
    for other in (sent, copy.copy(error)):
        assert type(error) is type(other)
        assert str(error) == str(other)
        assert vars(error) == vars(other)


@pytest.mark.parametrize("kind", DEVICE_ERRORS)
def test_the_message_names_the_device_once(kind: type[DeviceError]) -> None:
    """A line of a log is of use only with the device's name."""
    assert str(example(kind)).startswith("lobby-3: went wrong")


def test_what_may_be_tried_again() -> None:
    """Only failures that pass by themselves."""
    assert {
        "AccessBlockedError",
        "DeviceBusyError",
        "DeviceUnreachableError",
        "InternalDeviceError",
        "TooManyOpenFilesError",
    } == {one.__name__ for one in DEVICE_ERRORS if one.retryable}


def test_a_blocked_address_is_tried_once_more_after_ten_seconds() -> None:
    """A request during the block may prolong it."""
    blocked = errors.AccessBlockedError("lobby-3", "blocked")
    assert blocked.most_attempts == 2
    assert blocked.wait_at_least_s > 10


def test_a_busy_device_tells_how_long_to_wait() -> None:
    """Its Retry-After is kept."""
    assert DeviceBusyError("lobby-3", "HTTP 503", 7.0).wait_at_least_s == 7.0
    assert DeviceBusyError("lobby-3", "HTTP 503").wait_at_least_s == 0.0


@pytest.mark.parametrize(
    ("sub_code", "parameter"),
    [
        (1, "enabled"),
        (2, "serversSource"),
        (3, "staticServers"),
        (4, None),
        (5, "NTSEnabled"),
        (6, "staticNTSKEServers"),
        (7, "minpoll"),
        (8, "maxpoll"),
        (9, "NTSKEServerCACerts"),
        (10, None),
        (None, None),
    ],
)
def test_a_sub_code_names_its_parameter(sub_code: int | None, parameter: str | None) -> None:
    """The document's table has no 4; what it lacks keeps its number."""
    error = InvalidParameterError("lobby-3", "Invalid parameter(s)", 4004, sub_code)
    assert parameter == error.parameter
    assert sub_code == error.sub_code
    assert str(error).endswith(f": {parameter}") == (parameter is not None)
    assert (f"sub code {sub_code}" in str(error)) == (sub_code is not None)


def test_an_error_without_a_code_shows_none() -> None:
    """An HTTP 500 need not explain itself."""
    error = errors.InternalDeviceError("lobby-3", "HTTP 500 without an explanation", None)
    assert str(error) == "lobby-3: HTTP 500 without an explanation"
    assert pickle.loads(pickle.dumps(error)).code is None  # noqa: S301  our own


def test_all_faults_are_in_one_message() -> None:
    """Nobody should have to correct a file fault by fault."""
    assert str(InventoryError("a.toml:1: x", "a.toml:9: y")) == "a.toml:1: x\na.toml:9: y"
    assert str(PolicyError("a.toml:1: x", "a.toml:9: y")) == "a.toml:1: x\na.toml:9: y"
    assert PolicyError("a.toml:1: x").faults == ("a.toml:1: x",)
    assert str(ConfigurationError("host: x", "port: y")) == "host: x; port: y"
    assert ConfigurationError("host: x", "port: y").faults == ("host: x", "port: y")


@given(st.text(max_size=700))
def test_a_message_is_one_short_printable_line(said: str) -> None:
    """Whatever a device says, no terminal obeys it and no table bursts."""
    error = DeviceError("lobby-3", said)
    assert error.message.isprintable()
    assert repr(error).isprintable()
    assert len(error.message) <= 601
    error.message.encode()
