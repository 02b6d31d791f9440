"""
What is really wrong with a simulated camera, told from the inside.

A sweep sees a camera from the outside and gives one root cause; this is what
it should have found. It is worked out from the model, not from an answer, so
it stays true while a test lets servers die and clocks run away.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from axis_ntp_async.device.records import NTPClientStatus, ServersSource
from axis_ntp_async.simulator.listing import Login
from axis_ntp_async.simulator.model.access import CertificateKind
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import SPOILING, Kind

OFFSET_ABOVE_MS: Final = 100.0
SKEW_ABOVE_S: Final = 2.0
"""From where on an offset and a skew count, as in the default profile of the sweep."""

SERVERS_AT_LEAST: Final = 2
"""With fewer servers than this, the failure of one is the camera's."""

_CAUSE_OF_KIND: Final = {
    **dict.fromkeys(SPOILING, "bad_answer"),
    Kind.REFUSED: "unreachable",
    Kind.SILENT: "unreachable",
    Kind.RESET: "unreachable",
    Kind.TRUNCATED: "unreachable",
    Kind.BUSY: "busy",
    Kind.BLOCKED: "blocked",
    Kind.WRONG_REALM: "identity",
    Kind.NO_RIGHT: "login",
    Kind.INTERNAL: "device_error",
    Kind.REDIRECT: "bad_answer",
    Kind.WRONG_CONTEXT: "bad_answer",
}


@frozen(kw_only=True)
class Truth:
    """
    The truth about one camera at one moment.

    Attributes:
        cause: The root cause a sweep should find; `None` when nothing is wrong.
        clock_error_s: Its clock minus the true time.
        following: The NTP server whose time it took last.
    """

    cause: str | None
    clock_error_s: float
    following: str | None


def truth_of(camera: Camera, login: Login | None) -> Truth:
    """
    Give the truth about a camera.

    Faults that strike only some requests count as none: a second try gets by.

    Args:
        camera: The camera.
        login: What the inventory has under the name of its credentials.
    """
    return Truth(
        cause=_cause_outside(camera, login) or _cause_inside(camera),
        clock_error_s=camera.clock_error_s,
        following=camera.client.following,
    )


def _cause_outside(camera: Camera, login: Login | None) -> str | None:
    """Give the cause that a caller meets first on the way in; `None` when the API answers."""
    caused = {
        _CAUSE_OF_KIND[fault.kind]
        for fault in camera.faults
        if fault.kind in _CAUSE_OF_KIND and fault.rate >= 1 and fault.first is None
    }
    foreign = camera.certificate is CertificateKind.FOREIGN_DEVICE_ID
    met: dict[str, bool] = {
        "unreachable": not camera.is_up,
        "certificate": camera.scheme == "https" and foreign,
        "busy": False,
        "blocked": False,
        # Old firmware says that it has no ntp.cgi before it asks for a login.
        "unsupported": camera.api_version is None,
        "identity": camera.listed_serial not in {None, camera.serial},
        "login": not _is_right(camera, login),
        "device_error": False,
        "bad_answer": False,
    }
    return next((cause for cause, is_met in met.items() if is_met or cause in caused), None)


def _is_right(camera: Camera, login: Login | None) -> bool:
    offers = camera.access.offers_over(camera.scheme)
    if not offers:
        return True
    if login is None or camera.access.factory_default:
        return False
    if camera.scheme == "http" and all(offer.scheme == "Basic" for offer in offers):
        return False
    return (login.username, login.password) == (camera.username, camera.password)


def _cause_inside(camera: Camera) -> str | None:
    status, servers = camera.status, camera.client.servers
    met = {
        "disabled": not status.enabled,
        "no_servers": not servers,
        "not_synced": not status.synced,
        "offset": abs(status.time_offset_ms or 0.0) > OFFSET_ABOVE_MS,
        "skew": abs(camera.clock_error_s) > SKEW_ABOVE_S,
        "drift": camera.wanted is not None and bool(camera.wanted.changes_from(status)),
        "dhcp_fallback": _has_empty_lease(status),
        "few_servers": len(servers) < SERVERS_AT_LEAST,
    }
    return next((cause for cause, is_met in met.items() if is_met), None)


def _has_empty_lease(status: NTPClientStatus) -> bool:
    by_dhcp = not status.nts_enabled and status.servers_source is ServersSource.DHCP
    return by_dhcp and not status.advertised_servers
