"""
What a simulated camera answers to a request whose login was accepted. Pure.

Source: NTP API, API specifications and General error codes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import evolve

from axis_ntp_async.device import wire
from axis_ntp_async.device.records import NTPInfo
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import SPOILING, Answer, Kind, not_found, spoiled
from axis_ntp_async.simulator.model.parameters import configuration_of, settable, sub_code_of_fault

BODY_LIMIT_BYTES: Final = 64 * 1024
"""A larger request gets code 2001. Assumed: the document names no number."""

_INTERNAL_ERROR: Final = 1000
_STATIC_SERVERS: Final = 3
"""The sub code that blames them."""

_UNSENT: Final[Mapping[Kind | None, Kind]] = {
    Kind.WRITE_LOST: Kind.RESET,
    Kind.WRITE_UNANSWERED: Kind.RESET,
    Kind.WRITE_SILENT: Kind.SILENT,
}
"""What a writer meets in place of an answer."""

_MAJOR: Final = (1,)
_UNREAD: Final = wire.Request(method=wire.GET_NTP_INFO)
"""Stands for a request that could not be read; the document's error tables name this method."""


def answer(camera: Camera, body: bytes, content_type: str) -> Answer:
    """
    Give the answer of ntp.cgi.

    Args:
        camera: Who is asked; a write changes it.
        body: As received.
        content_type: The request's header, with or without parameters.
    """
    if camera.api_version is None:
        return not_found(wire.PATH)
    right = _right_answer(camera, body, content_type)
    if right.unsent:
        return right
    spoiling = camera.dice.strike(camera.faults, *SPOILING)
    return spoiled(right, spoiling.kind) if spoiling else right


def _right_answer(camera: Camera, body: bytes, content_type: str) -> Answer:
    if content_type.partition(";")[0].strip().lower() != "application/json":
        return _error(camera, _UNREAD, 2000)
    if len(body) > BODY_LIMIT_BYTES:
        return _error(camera, _UNREAD, 2001)
    try:
        request = wire.decode_request(body)
    except ValueError:
        return _error(camera, _UNREAD, 3000)
    except TypeError:
        return _error(camera, _UNREAD, 2000)
    if camera.dice.strike(camera.faults, Kind.WRONG_CONTEXT):
        request = evolve(request, context=f"not {request.context}")
    code = _code_of_fault(camera, request)
    return _error(camera, request, code) if code else _METHODS[request.method](camera, request)


def _code_of_fault(camera: Camera, request: wire.Request) -> int | None:
    if camera.dice.strike(camera.faults, Kind.INTERNAL):
        return _INTERNAL_ERROR
    if request.method not in _METHODS:
        return 4000
    if request.method != wire.GET_SUPPORTED_VERSIONS:
        if request.api_version is None:
            return 2000
        if wire.version_numbers(request.api_version)[:1] != _MAJOR:
            return 4001
    return 4002 if camera.dice.strike(camera.faults, Kind.NO_RIGHT) else None


def _get_ntp_info(camera: Camera, request: wire.Request) -> Answer:
    return _reply(camera, request, wire.encode_ntp_info(NTPInfo(client=camera.status)))


def _get_supported_versions(camera: Camera, request: wire.Request) -> Answer:
    return _reply(camera, request, {"apiVersions": [camera.api_version]})


def _set_ntp_client_configuration(camera: Camera, request: wire.Request) -> Answer:
    camera.write_attempts += 1
    members = settable(request.params or {}, camera.api_version or "")
    if not members:
        return _error(camera, request, 4003)
    sub_code = sub_code_of_fault(members, camera.configuration, camera.max_static_servers)
    if sub_code is not None:
        return _error(camera, request, 4004, sub_code)
    met = camera.write(configuration_of(members))
    if met is Kind.WRITE_REFUSED:
        return _error(camera, request, 4004, _STATIC_SERVERS)
    return evolve(_reply(camera, request, {}), unsent=_UNSENT.get(met))


_METHODS: Final[Mapping[str, Callable[[Camera, wire.Request], Answer]]] = {
    wire.GET_NTP_INFO: _get_ntp_info,
    wire.GET_SUPPORTED_VERSIONS: _get_supported_versions,
    wire.SET_NTP_CLIENT_CONFIGURATION: _set_ntp_client_configuration,
}


def _reply(camera: Camera, request: wire.Request, members: Mapping[str, Any]) -> Answer:
    reply = wire.Reply(api_version=camera.api_version, data=members)
    return Answer(body=wire.encode_reply(request, reply))


def _error(
    camera: Camera, request: wire.Request, code: int, sub_code: int | None = None
) -> Answer:
    return Answer(
        status=500 if code == _INTERNAL_ERROR else 200,
        body=wire.encode_error(request, code, api_version=camera.api_version, sub_code=sub_code),
    )
