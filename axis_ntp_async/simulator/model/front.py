"""What the web server in front of a simulated camera's API says to one request. Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from attrs import frozen

from axis_ntp_async.device import wire
from axis_ntp_async.simulator.model import api
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import (
    Answer,
    Kind,
    blocked,
    busy,
    not_found,
    redirect,
    refusal,
)
from axis_ntp_async.simulator.model.gate import Attempt, Gate, Verdict

_BAD_REQUEST: Final = 400
_UNAUTHORIZED: Final = 401
_METHOD_NOT_ALLOWED: Final = 405


@frozen(kw_only=True)
class Visit:
    """
    One HTTP request, as a camera's web server sees it.

    Attributes:
        attempt: What it shows at the gate.
        host: The `Host` header.
        content_type: The `Content-Type` header, empty without one.
        body: As received.
    """

    attempt: Attempt
    host: str
    content_type: str
    body: bytes


def respond(camera: Camera, gate: Gate, visit: Visit, now: float) -> Answer:
    """
    Give what a camera answers.

    Args:
        camera: The camera.
        gate: Its login check.
        visit: The request.
        now: Real seconds, for the gate.
    """
    path = urlsplit(visit.attempt.target).path
    answer = _turned_away(camera, visit, path)
    if answer is None and gate.is_blocked(visit.attempt.source, now):
        answer = blocked()
    if answer is None and (path != wire.PATH or camera.api_version is None):
        answer = not_found(path)
    if answer is None:
        answer = _asked_for_login(gate, visit.attempt, now)
    if answer is None and visit.attempt.method != "POST":
        answer = refusal(_METHOD_NOT_ALLOWED, [("Allow", "POST")])
    return answer or api.answer(camera, visit.body, visit.content_type)


def _turned_away(camera: Camera, visit: Visit, path: str) -> Answer | None:
    struck = camera.dice.strike(camera.faults, Kind.BUSY, Kind.REDIRECT, Kind.BLOCKED)
    if struck is None:
        return None
    if struck.kind is Kind.BUSY:
        return busy(struck.seconds)
    if struck.kind is Kind.REDIRECT:
        return redirect(f"https://{visit.host}{path}")
    return blocked()


def _asked_for_login(gate: Gate, attempt: Attempt, now: float) -> Answer | None:
    verdict = gate.check(attempt, now)
    if verdict is Verdict.ADMITTED:
        return None
    if verdict is Verdict.MALFORMED:
        return refusal(_BAD_REQUEST)
    stale = verdict is Verdict.STALE
    return refusal(_UNAUTHORIZED, gate.challenges(attempt.scheme, now, stale=stale))
