"""HTTP statuses and broken connections, each as its own error; with answers out of the blue."""

import asyncio
import datetime as dt
import errno
import json
import ssl

import aiohttp
import aioresponses
import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis_ntp_async.device.failures import http_date
from axis_ntp_async.device.records import Device
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.errors import (
    AccessBlockedError,
    CertificateRejectedError,
    DeviceBusyError,
    DeviceError,
    DeviceUnreachableError,
    InternalDeviceError,
    LoginRefusedError,
    NotAuthorizedError,
    TooManyOpenFilesError,
    UnexpectedResponseError,
    UnsupportedDeviceError,
)

URL = "http://192.0.2.17/axis-cgi/ntp.cgi"
RIGHT = json.dumps({"data": {"client": {}}})

Mocked = aioresponses.aioresponses


async def error_of(device: Device) -> DeviceError:
    """Give what one call comes to."""
    async with DeviceSession(device, timeout_s=5) as session:
        with pytest.raises(DeviceError) as caught:
            await session.get_ntp_info()
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (400, UnexpectedResponseError, "HTTP 400 Bad Request; it may take HTTPS only"),
        (401, LoginRefusedError, "wants a login, but no credentials"),
        (403, AccessBlockedError, "HTTP 403 Forbidden: our address is blocked for a while"),
        (404, UnsupportedDeviceError, "HTTP 404 Not Found: no NTP API here; AXIS OS has it from"),
        (405, UnsupportedDeviceError, "HTTP 405"),
        (418, UnexpectedResponseError, "HTTP 418"),
        (426, UnexpectedResponseError, "HTTP 426 Upgrade Required; it may take HTTPS only"),
        (429, DeviceBusyError, "HTTP 429"),
        (500, InternalDeviceError, "HTTP 500 without an explanation"),
        (501, UnexpectedResponseError, "HTTP 501"),
        (502, DeviceBusyError, "HTTP 502"),
        (503, DeviceBusyError, "HTTP 503"),
        (504, DeviceBusyError, "HTTP 504"),
        (204, UnexpectedResponseError, "HTTP 204"),
    ],
)
async def test_each_status_is_its_own_error(
    device: Device, responses: Mocked, status: int, kind: type[DeviceError], said: str
) -> None:
    """The status is looked at first: even a right body changes nothing."""
    challenge = {"WWW-Authenticate": 'Digest realm="r", nonce="n"'}
    responses.post(URL, status=status, body=RIGHT, headers=challenge)
    error = await error_of(device)
    assert type(error) is kind
    assert error.message.startswith(said)


@pytest.mark.parametrize("status", [204, 418, 501])
async def test_a_status_that_has_to_do_with_tls_is_told_apart(
    device: Device, responses: Mocked, status: int
) -> None:
    """Nobody is sent to look at his scheme without need."""
    responses.post(URL, status=status)
    assert "HTTPS" not in (await error_of(device)).message


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
async def test_a_redirect_is_not_followed(device: Device, responses: Mocked, status: int) -> None:
    """The login of one device must not go to another address."""
    responses.post(URL, status=status, headers={"Location": "https://192.0.2.99/"})
    error = await error_of(device)
    assert isinstance(error, UnexpectedResponseError)
    assert "'https://192.0.2.99/'; redirects are not followed" in error.message
    [calls] = responses.requests.values()
    assert [call.kwargs["allow_redirects"] for call in calls] == [False]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("7.5", 0.0),
        ("soon", 0.0),
        ("", 0.0),
        ("Wed, 07 Oct 2015 09:18:14 GMT", 0.0),
        ("Wed, 07 Oct 2015 09:18:14 +99999999999999999999", 0.0),
    ],
)
async def test_retry_after_is_read(
    device: Device, responses: Mocked, value: str | None, seconds: float
) -> None:
    """Seconds; and never a wait for something that has passed or makes no sense."""
    responses.post(URL, status=503, headers={} if value is None else {"Retry-After": value})
    error = await error_of(device)
    assert isinstance(error, DeviceBusyError)
    assert seconds == error.wait_at_least_s


async def test_retry_after_may_be_a_date(device: Device, responses: Mocked) -> None:
    """As RFC 9110 allows."""
    until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=100)
    text = until.strftime("%a, %d %b %Y %H:%M:%S GMT")
    responses.post(URL, status=429, headers={"Retry-After": text})
    error = await error_of(device)
    assert 50 < error.wait_at_least_s <= 100


async def test_a_device_without_users_is_told_apart(device: Device, responses: Mocked) -> None:
    """No password could be right, so none is tried."""
    responses.post(URL, status=401, headers={"Axis-Setup": "vapix"})
    error = await error_of(device)
    assert isinstance(error, LoginRefusedError)
    assert "factory default" in error.message


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json;charset=utf8", "text/json", "JSON/json"]
)
async def test_json_is_read_under_any_of_its_names(
    device: Device, responses: Mocked, content_type: str
) -> None:
    """Devices write the character set without a blank, and by a name of their own."""
    responses.post(URL, body=RIGHT, content_type=content_type)
    async with DeviceSession(device) as session:
        assert (await session.get_ntp_info()).client is not None


@pytest.mark.parametrize("content_type", ["text/html", "text/plain", "image/jpeg"])
async def test_another_content_type_is_told(
    device: Device, responses: Mocked, content_type: str
) -> None:
    """Something else answers at that address."""
    responses.post(URL, body=RIGHT, content_type=content_type)
    error = await error_of(device)
    assert isinstance(error, UnexpectedResponseError)
    assert error.message == f"answers {content_type} in place of application/json"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"error": {"code": 4002, "message": "Authorization failed"}}, NotAuthorizedError),
        (500, {"error": {"code": 1000, "message": "Internal error"}}, InternalDeviceError),
        (500, {"error": {"code": 4002, "message": "Authorization failed"}}, NotAuthorizedError),
        (500, {"data": {}}, InternalDeviceError),
        (500, {}, InternalDeviceError),
    ],
)
async def test_an_error_object_is_raised(
    device: Device, responses: Mocked, status: int, body: object, kind: type[DeviceError]
) -> None:
    """4002 comes with 200, 1000 with 500; and 500 is never a result."""
    responses.post(URL, status=status, body=json.dumps(body))
    assert type(await error_of(device)) is kind


async def test_an_internal_error_need_not_be_json(device: Device, responses: Mocked) -> None:
    """A crashed CGI leaves the page of the web server."""
    responses.post(URL, status=500, body="<html>", content_type="text/html")
    error = await error_of(device)
    assert isinstance(error, InternalDeviceError)
    assert error.code is None


KEY = aiohttp.client_reqrep.ConnectionKey("192.0.2.17", 80, False, True, None, None, None)


@pytest.mark.parametrize(
    ("raised", "kind", "said"),
    [
        (
            aiohttp.ClientConnectorError(KEY, OSError(111, "x")),
            DeviceUnreachableError,
            "192.0.2.17: Connection refused",
        ),
        (
            aiohttp.ClientConnectorError(KEY, OSError("strange")),
            DeviceUnreachableError,
            "192.0.2.17: strange",
        ),
        (
            aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "Name or service not known")),
            DeviceUnreachableError,
            "no such name: 192.0.2.17",
        ),
        (
            aiohttp.ConnectionTimeoutError(),
            DeviceUnreachableError,
            "no connection to 192.0.2.17 in time",
        ),
        (TimeoutError(), DeviceUnreachableError, "no answer from 192.0.2.17 within 5 s"),
        (
            aiohttp.ServerDisconnectedError(),
            DeviceUnreachableError,
            "closed the connection without an answer",
        ),
        (
            aiohttp.ClientOSError(104, "reset"),
            DeviceUnreachableError,
            "closed the connection without an answer",
        ),
        (
            aiohttp.ClientPayloadError("x"),
            DeviceUnreachableError,
            "broke off in the middle of its answer",
        ),
        (ConnectionResetError(), DeviceUnreachableError, "192.0.2.17: Connection reset by peer"),
        (
            UnicodeError("label too long"),
            DeviceUnreachableError,
            "'192.0.2.17' cannot be an address: label too long",
        ),
        (
            aiohttp.InvalidURL("x"),
            DeviceUnreachableError,
            "'192.0.2.17' cannot be an address",
        ),
        *(
            (kind, TooManyOpenFilesError, "this process may open no more files (see ulimit -n)")
            for number in (errno.EMFILE, errno.ENFILE)
            for kind in (
                OSError(number, "x"),
                aiohttp.ClientConnectorError(KEY, OSError(number, "x")),
                aiohttp.ClientConnectorDNSError(KEY, OSError(number, "x")),
            )
        ),
        (
            aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "handshake failure")),
            CertificateRejectedError,
            "TLS failed: ",
        ),
        (ssl.SSLError(1, "odd record"), CertificateRejectedError, "TLS failed: "),
        (
            ssl.SSLCertVerificationError("self-signed certificate"),
            CertificateRejectedError,
            "its certificate is not trusted: ",
        ),
    ],
)
async def test_each_broken_connection_is_its_own_error(
    device: Device, responses: Mocked, raised: Exception, kind: type[DeviceError], said: str
) -> None:
    """Nothing of aiohttp, ssl or the system comes through; the cause is kept."""
    responses.post(URL, exception=raised)
    error = await error_of(device)
    assert type(error) is kind
    assert error.message.startswith(said)
    assert error.__cause__ is raised


@pytest.mark.parametrize("raised", [RuntimeError("a bug"), asyncio.CancelledError()])
async def test_what_is_no_failure_of_a_device_comes_through(
    device: Device, responses: Mocked, raised: BaseException
) -> None:
    """A bug of ours must stop the run, and a cancelled task must end."""
    responses.post(URL, exception=raised)
    async with DeviceSession(device) as session:
        with pytest.raises(type(raised)):
            await session.get_ntp_info()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Wed, 07 Oct 2026 09:18:14 GMT", dt.datetime(2026, 10, 7, 9, 18, 14, tzinfo=dt.UTC)),
        ("Wednesday, 07-Oct-26 09:18:14 GMT", dt.datetime(2026, 10, 7, 9, 18, 14, tzinfo=dt.UTC)),
        ("Wed Oct  7 09:18:14 2026", dt.datetime(2026, 10, 7, 9, 18, 14, tzinfo=dt.UTC)),
        ("Wed, 07 Oct 2026 11:18:14 +0200", dt.datetime(2026, 10, 7, 9, 18, 14, tzinfo=dt.UTC)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", dt.datetime(1970, 1, 1, tzinfo=dt.UTC)),
        ("", None),
        ("yesterday", None),
        ("Wed, 99 Oct 2026 09:18:14 GMT", None),
        ("Wed, 07 Oct 2026 09:18:14 +9999", None),
        ("Wed, 07 Oct 2026 09:18:14 +99999999999999999999", None),
        ("Fri, 31 Dec 9999 23:59:59 -0500", None),
    ],
)
def test_a_date_is_read_in_utc(text: str, expected: dt.datetime | None) -> None:
    """In all three forms of RFC 9110, or not at all."""
    found = http_date(text)
    assert expected == found
    assert found is None or found.tzinfo is dt.UTC


dates = st.lists(
    st.sampled_from(["Wed, ", "07 ", "Oct ", "2026 ", "09:18:14 ", "GMT", "+", "-", ":", "9" * 25])
    | st.text(max_size=4),
    max_size=8,
).map("".join)


@given(dates)
def test_no_date_of_a_device_raises_anything(text: str) -> None:
    """It would stop the run over all the others."""
    found = http_date(text)
    assert found is None or found.tzinfo is dt.UTC
