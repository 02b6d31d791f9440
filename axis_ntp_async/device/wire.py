"""
The NTP API as JSON bytes: requests and answers, in both directions, without any I/O.

The session encodes requests and decodes answers; the simulator does the
reverse. Names of the wire live in the two tables here and nowhere else, its
types in `strict.py`.

Source: NTP API, API specifications.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import evolve, frozen
from cattrs import AttributeValidationNote, ClassValidationError, Converter
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from axis_ntp_async.device import strict
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import NTPClientStatus, NTPInfo, ServersSource
from axis_ntp_async.errors import (
    APIError,
    InternalDeviceError,
    InvalidParameterError,
    NotAuthorizedError,
    RequestRejectedError,
    UnexpectedResponseError,
    UnsupportedVersionError,
)

PATH: Final = "/axis-cgi/ntp.cgi"
FIRST_VERSION: Final = "1.0"
"""What we say before a device has told its own version: every known device accepts it."""

_DIGITS: Final = re.compile(r"[0-9]{1,9}")

GET_NTP_INFO: Final = "getNTPInfo"
GET_SUPPORTED_VERSIONS: Final = "getSupportedVersions"
SET_NTP_CLIENT_CONFIGURATION: Final = "setNTPClientConfiguration"

MESSAGE_OF_CODE: Final = {
    1000: "Internal error",
    2000: "Invalid request",
    2001: "Request body too large",
    3000: "Invalid JSON data",
    4000: "Method does not exist",
    4001: "The specified version is not supported",
    4002: "Authorization failed",
    4003: "Missing parameter(s)",
    4004: "Invalid parameter(s)",
}
"""Source: NTP API, General error codes."""

_ERROR_OF_CODE: Final[dict[int, type[APIError]]] = {
    1000: InternalDeviceError,
    4001: UnsupportedVersionError,
    4002: NotAuthorizedError,
    4004: InvalidParameterError,
}


def _source(value: object, _: object = None) -> ServersSource | str:
    return ServersSource.read(strict.text(value))


Reader = Callable[[object, object], object]

CONFIGURATION_MEMBERS: Final[dict[str, tuple[str, Reader]]] = {
    "enabled": ("enabled", strict.boolean),
    "nts_enabled": ("NTSEnabled", strict.boolean),
    "ntske_server_ca_certs": ("NTSKEServerCACerts", strict.names),
    "servers_source": ("serversSource", _source),
    "static_servers": ("staticServers", strict.names),
    "static_ntske_servers": ("staticNTSKEServers", strict.names),
    "minpoll": ("minpoll", strict.integer),
    "maxpoll": ("maxpoll", strict.integer),
}
"""
Our name of each member that can be set: its name on the wire, and its type.

Source: NTP API, setNTPClientConfiguration. Its table has
`params.client.NTSKEServerCACerts`, its syntax `params.NTSKEServerCACerts`;
we follow the syntax. minpoll and maxpoll stand only in its text.
"""

STATUS_MEMBERS: Final[dict[str, tuple[str, Reader]]] = {
    **CONFIGURATION_MEMBERS,
    "max_supported_static_servers": ("maxSupportedStaticServers", strict.integer),
    "advertised_servers": ("advertisedServers", strict.names),
    "synced": ("synced", strict.boolean),
    "time_to_next_sync_s": ("timeToNextSync", strict.integer),
    "time_offset_ms": ("timeOffset", strict.number),
}
"""The same for what can be read. Source: NTP API, getNTPInfo."""


def _source_on_the_wire(source: ServersSource | str) -> str:
    return source.value if isinstance(source, ServersSource) else source


def _converter() -> Converter:
    converter = Converter(omit_if_default=True)
    tables = {NTPClientStatus: STATUS_MEMBERS, NTPClientConfiguration: CONFIGURATION_MEMBERS}
    for record, table in tables.items():
        members: dict[str, Any] = {
            name: override(
                rename=wire,
                struct_hook=reader,
                unstruct_hook=_source_on_the_wire if name == "servers_source" else None,
            )
            for name, (wire, reader) in table.items()
        }
        members["other"] = override(omit=True)
        converter.register_structure_hook(
            record,
            make_dict_structure_fn(record, converter, **members),
        )
        converter.register_unstructure_hook(
            record,
            make_dict_unstructure_fn(
                record,
                converter,
                _cattrs_omit_if_default=True,
                **members,
            ),
        )
    return converter


_CONVERTER: Final = _converter()
_STATUS_ON_THE_WIRE: Final = frozenset(wire for wire, _ in STATUS_MEMBERS.values())


@frozen(kw_only=True)
class Request:
    """
    One call as it stands on the wire.

    Attributes:
        method: Name of the API's method.
        context: Any text; a device echoes it.
        api_version: Left out by getSupportedVersions.
        params: JSON object of the parameters; `None` when there are none.
    """

    method: str
    context: str | None = None
    api_version: str | None = None
    params: Mapping[str, Any] | None = None


@frozen(kw_only=True)
class Reply:
    """
    One successful answer as it stands on the wire.

    Attributes:
        api_version: Version of the API that answered; not every device says it.
        data: JSON object of the result.
    """

    api_version: str | None
    data: Mapping[str, Any]


_CONTEXT_PLACE: Final = b"@@"


def encode_request(request: Request) -> bytes:
    """Give the body of a request."""
    members = {
        "apiVersion": request.api_version,
        "context": request.context,
        "method": request.method,
        "params": request.params,
    }
    return strict.dump({name: value for name, value in members.items() if value is not None})


def encode_call(method: str, api_version: str | None, context: str) -> bytes:
    """Give the body of a request without parameters, of which only the context is new."""
    return _call_template(method, api_version).replace(_CONTEXT_PLACE, context.encode())


@functools.lru_cache(maxsize=64)
def _call_template(method: str, api_version: str | None) -> bytes:
    place = _CONTEXT_PLACE.decode()
    return encode_request(Request(method=method, context=place, api_version=api_version))


def decode_request(body: bytes) -> Request:
    """
    Read the body of a request, as a device does.

    Raises:
        ValueError: It is no JSON.
        TypeError: It is no object with a method, or a member has another type.
    """
    try:
        members = strict.members(strict.load(body))
        return Request(
            method=strict.text(members.get("method")),
            context=strict.text(members["context"]) if "context" in members else None,
            api_version=strict.version(members["apiVersion"]) if "apiVersion" in members else None,
            params=strict.members(members["params"]) if "params" in members else None,
        )
    except strict.WrongTypeError as error:
        raise TypeError(str(error)) from error


def encode_reply(request: Request, reply: Reply) -> bytes:
    """Give the body of a successful answer."""
    return strict.dump({**_echo(request, reply.api_version), "data": dict(reply.data)})


def encode_error(
    request: Request, code: int, *, api_version: str | None = None, sub_code: int | None = None
) -> bytes:
    """Give the body of an answer that reports an error of the document."""
    error: dict[str, Any] = {"code": code, "message": MESSAGE_OF_CODE.get(code, "")}
    if sub_code is not None:
        error["details"] = {"subCode": sub_code}
    return strict.dump({**_echo(request, api_version), "error": error})


def _echo(request: Request, api_version: str | None) -> dict[str, Any]:
    echo = {"apiVersion": api_version, "context": request.context, "method": request.method}
    return {name: value for name, value in echo.items() if value is not None}


def decode_reply(device: str, body: bytes, context: str | None = None) -> Reply:
    """
    Read an answer, or raise the error it carries.

    `method` is not looked at: the document itself gives a wrong one in an
    error. `context` and `apiVersion` may be missing.

    Args:
        device: Its name, for the errors.
        body: The body as received.
        context: What was sent; an answer with another one belongs to another request.

    Raises:
        APIError: The device's own error object, as the fitting child.
        UnexpectedResponseError: It is no JSON, or not shaped as the document says.
    """
    where = "answer"
    try:
        members = strict.members(strict.load(body))
        where = "context"
        if context is not None and members.get("context", context) != context:
            strict.refuse(
                members["context"], f"{json.dumps(context)}: it belongs to another request"
            )
        where = "apiVersion"
        api_version = strict.version(members["apiVersion"]) if "apiVersion" in members else None
        where = "error"
        if members.get("error") is not None:
            raise _api_error(device, strict.members(members["error"]))
        where = "data"
        return Reply(api_version=api_version, data=strict.members(members.get("data")))
    except strict.WrongTypeError as error:
        raise UnexpectedResponseError(device, f"{where} {error}") from error
    except ValueError as error:
        raise UnexpectedResponseError(
            device, f"the answer is not JSON: {_excerpt(body)}"
        ) from error


def _api_error(device: str, error: Mapping[str, Any]) -> APIError:
    details = error.get("details")
    message = error.get("message")
    try:
        code = _number(error.get("code"))
    except strict.WrongTypeError as wrong:
        raise strict.WrongTypeError(f"has a code that {wrong}") from wrong
    return _ERROR_OF_CODE.get(code, RequestRejectedError)(
        device,
        message if isinstance(message, str) and message else MESSAGE_OF_CODE.get(code, "error"),
        code,
        _sub_code(details) if isinstance(details, dict) else None,
    )


def _sub_code(details: Mapping[str, Any]) -> int | None:
    try:
        return _number(details.get("subCode"))
    except strict.WrongTypeError:
        return None


def _number(value: object) -> int:
    """Read a number that may stand there as text."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    return strict.integer(value)


def encode_ntp_info(info: NTPInfo) -> dict[str, Any]:
    """Give the `data` of an answer to getNTPInfo."""
    sections = dict(info.other)
    if info.client is not None:
        sections["client"] = {**_CONVERTER.unstructure(info.client), **info.client.other}
    if info.server is not None:
        sections["server"] = dict(info.server)
    return sections


def decode_ntp_info(device: str, reply: Reply) -> NTPInfo:
    """
    Read the `data` of an answer to getNTPInfo.

    Raises:
        UnexpectedResponseError: A member has another JSON type than the document gives it.
    """
    data = dict(reply.data)
    client = _section(device, "client", data.pop("client", None))
    server = _section(device, "server", data.pop("server", None))
    try:
        return NTPInfo(
            api_version=reply.api_version,
            client=None if client is None else _status(client),
            server=server,
            other=data,
        )
    except ClassValidationError as group:
        raise UnexpectedResponseError(device, "; ".join(_faults(group))) from group


def _section(device: str, name: str, value: object) -> dict[str, Any] | None:
    try:
        return None if value is None else strict.members(value)
    except strict.WrongTypeError as error:
        raise UnexpectedResponseError(device, f"{name} {error}") from error


def _status(client: dict[str, Any]) -> NTPClientStatus:
    status = _CONVERTER.structure(client, NTPClientStatus)
    if unknown := client.keys() - _STATUS_ON_THE_WIRE:
        status = evolve(status, other={name: client[name] for name in client if name in unknown})
    return status


def _faults(group: ClassValidationError) -> list[str]:
    wrong, other = group.group_exceptions()
    if other:
        raise group
    return [f"client.{STATUS_MEMBERS[_member(error)][0]} {error}" for error, _ in wrong]


def _member(error: Exception) -> str:
    return next(note.name for note in error.__notes__ if isinstance(note, AttributeValidationNote))


def encode_configuration(configuration: NTPClientConfiguration) -> dict[str, Any]:
    """Give the `params` of setNTPClientConfiguration; members that are `None` are left out."""
    params: dict[str, Any] = _CONVERTER.unstructure(configuration)
    return params


def decode_supported_versions(device: str, reply: Reply) -> tuple[str, ...]:
    """
    Read the `data` of an answer to getSupportedVersions.

    Raises:
        UnexpectedResponseError: `apiVersions` is no list of versions.
    """
    versions = reply.data.get("apiVersions")
    try:
        if not isinstance(versions, list):
            strict.refuse(versions, "a list of versions")
        return tuple(strict.version(version) for version in versions)
    except strict.WrongTypeError as error:
        raise UnexpectedResponseError(device, f"apiVersions {error}") from error


def version_numbers(api_version: str) -> tuple[int, ...]:
    """Give the numbers of a version, to compare by: `1.10` is above `1.9`; `()` if it is none."""
    parts = api_version.split(".")
    return tuple(map(int, parts)) if all(map(_DIGITS.fullmatch, parts)) else ()


def _excerpt(body: bytes) -> str:
    text = body[:80].decode("utf-8", "replace").strip()
    return repr(text) if text else "it is empty"
