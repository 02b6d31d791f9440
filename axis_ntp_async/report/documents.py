"""
What a record looks like outside: plain dictionaries with a schema, for JSON and CSV.

Members are only ever added to a schema. Durations and offsets are in seconds,
times are ISO 8601 in UTC, and what is not known is `None`.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen

from axis_ntp_async.device.configuration import Change
from axis_ntp_async.device.records import Device, NTPClientStatus, NTPInfo, Outcome, ServersSource
from axis_ntp_async.errors import APIError, DeviceError
from axis_ntp_async.health.finding import Finding, servers_in_use
from axis_ntp_async.health.sweep import Summary
from axis_ntp_async.policy.policy import Claim, Decision, Policy, Resolution

Document = dict[str, Any]

_IDENTITY_COLUMNS: Final = ("schema", "device", "host", "port", "scheme", "site", "serial")
_COURSE_COLUMNS: Final = ("at", "attempts", "elapsed_s", "error")
FINDING_COLUMNS: Final = (
    *_IDENTITY_COLUMNS,
    *("state", "cause", "problems", "message", "hint"),
    *("enabled", "source", "servers", "advertised_servers"),
    *("nts_enabled", "synced", "offset_s", "skew_s", "skew_uncertainty_s", "next_sync_s"),
    *("api_version", "drift", *_COURSE_COLUMNS),
)
INFO_COLUMNS: Final = (
    *_IDENTITY_COLUMNS,
    *("api_version", "enabled", "nts_enabled", "ntske_server_ca_certs", "source"),
    *("max_supported_static_servers", "static_servers", "advertised_servers"),
    *("static_ntske_servers", "synced", "next_sync_s", "offset_s", "minpoll", "maxpoll"),
    *("device_time", "skew_s", "skew_uncertainty_s", *_COURSE_COLUMNS),
)
VERSIONS_COLUMNS: Final = (*_IDENTITY_COLUMNS, "api_versions", *_COURSE_COLUMNS)
SET_COLUMNS: Final = (*_IDENTITY_COLUMNS, "result", "changes", *_COURSE_COLUMNS)
DECISION_COLUMNS: Final = (*_IDENTITY_COLUMNS, "member", "value", "place", "match", "overruled")
RESOLUTION_COLUMNS: Final = (
    *("schema", "devices", "examples", "enabled", "nts_enabled", "ntske_server_ca_certs"),
    *("source", "static_servers", "static_ntske_servers", "minpoll", "maxpoll"),
)
DEVICE_COLUMNS: Final = (*_IDENTITY_COLUMNS, "groups", "labels", "credentials", "tls")
"""The columns of CSV: the members of a document that fit into cells."""


def schema(kind: str) -> str:
    """Give the name of a schema, like `axis-ntp/finding/v1`."""
    return f"axis-ntp/{kind}/v1"


def finding_document(finding: Finding) -> Document:
    """Give one finding of a sweep."""
    info = finding.info or NTPInfo()
    client = info.client or NTPClientStatus()
    return {
        "schema": schema("finding"),
        **_identity(finding.device),
        "state": finding.state.value,
        "cause": finding.cause.value if finding.cause else None,
        "message": finding.message,
        "hint": finding.hint,
        "problems": [
            {
                "cause": problem.cause.value,
                "state": problem.state.value,
                "message": problem.message,
                "hint": problem.hint,
            }
            for problem in finding.problems
        ],
        "enabled": client.enabled,
        "source": _source(client.servers_source),
        "servers": _list(servers_in_use(client)),
        "advertised_servers": _list(client.advertised_servers),
        "nts_enabled": client.nts_enabled,
        "synced": client.synced,
        "offset_s": _seconds(client.offset_ms),
        "skew_s": _rounded(info.clock.skew_s) if info.clock else None,
        "skew_uncertainty_s": _rounded(info.clock.uncertainty_s) if info.clock else None,
        "next_sync_s": client.time_to_next_sync_s,
        "api_version": info.api_version,
        "drift": {change.member: _value(change.after) for change in finding.drift},
        "at": finding.at.isoformat(timespec="milliseconds"),
        "attempts": finding.attempts,
        "elapsed_s": _rounded(finding.elapsed_s),
        "error": _error(finding.error),
    }


def summary_document(summary: Summary) -> Document:
    """Give the totals of a sweep."""
    return {
        "schema": schema("summary"),
        "devices": summary.devices,
        "states": {state.value: count for state, count in summary.states.items()},
        "causes": {cause.value: count for cause, count in summary.causes.items()},
        "sites": {
            site or "": {state.value: count for state, count in states.items()}
            for site, states in summary.sites.items()
        },
        "offset_s": {
            f"p{percent}": _seconds(summary.offset_percentile_ms(percent))
            for percent in (50, 95, 99, 100)
        },
        "plain_http": summary.plain_http,
    }


def ntp_info_document(outcome: Outcome[NTPInfo]) -> Document:
    """Give what one device said to getNTPInfo, or why it did not."""
    info = outcome.value or NTPInfo()
    client, clock = info.client or NTPClientStatus(), info.clock
    return {
        "schema": schema("ntp-info"),
        **_identity(outcome.device),
        "api_version": info.api_version,
        "enabled": client.enabled,
        "nts_enabled": client.nts_enabled,
        "ntske_server_ca_certs": _list(client.ntske_server_ca_certs),
        "source": _source(client.servers_source),
        "max_supported_static_servers": client.max_supported_static_servers,
        "static_servers": _list(client.static_servers),
        "advertised_servers": _list(client.advertised_servers),
        "static_ntske_servers": _list(client.static_ntske_servers),
        "synced": client.synced,
        "next_sync_s": client.time_to_next_sync_s,
        "offset_s": _seconds(client.offset_ms),
        "minpoll": client.minpoll,
        "maxpoll": client.maxpoll,
        "device_time": clock.device_time.isoformat() if clock else None,
        "skew_s": _rounded(clock.skew_s) if clock else None,
        "skew_uncertainty_s": _rounded(clock.uncertainty_s) if clock else None,
        "other": {"client": dict(client.other), "server": info.server, **info.other},
        **_course(outcome),
    }


def versions_document(outcome: Outcome[tuple[str, ...]]) -> Document:
    """Give the API versions that one device lists, or why it did not."""
    return {
        "schema": schema("versions"),
        **_identity(outcome.device),
        "api_versions": _list(outcome.value),
        **_course(outcome),
    }


@frozen(kw_only=True)
class ChangedDevice:
    """
    One device that was to be changed.

    Attributes:
        outcome: What it says in the end, or why it does not.
        changes: What was to be changed; empty when it was as wanted.
    """

    outcome: Outcome[NTPInfo]
    changes: tuple[Change, ...]

    @property
    def result(self) -> str:
        """`changed`, `unchanged` or `failed`."""
        if self.outcome.error is not None:
            return "failed"
        return "changed" if self.changes else "unchanged"


def set_document(changed: ChangedDevice) -> Document:
    """Give what came of one device that was to be changed."""
    return {
        "schema": schema("set"),
        **_identity(changed.outcome.device),
        "result": changed.result,
        "changes": [
            {
                "member": change.member,
                "before": _value(change.before),
                "after": _value(change.after),
            }
            for change in changed.changes
        ],
        **_course(changed.outcome),
    }


def device_document(device: Device) -> Document:
    """Give one device of an inventory."""
    return {
        "schema": schema("device"),
        **_identity(device),
        "groups": list(device.groups),
        "labels": dict(device.labels),
        "credentials": device.credentials,
        "tls": device.tls,
    }


def decision_document(device: Device, decision: Decision) -> Document:
    """Give who decides what one member of a device is to be."""
    return {
        "schema": schema("decision"),
        **_identity(device),
        "member": decision.member,
        **_claim(decision.claim),
        "overruled": [_claim(claim) for claim in decision.overruled],
    }


def _claim(claim: Claim) -> Document:
    return {"value": _value(claim.value), "place": claim.place, "match": claim.match or None}


def resolution_document(resolution: Resolution) -> Document:
    """Give one configuration that a policy comes to; a member that it leaves alone is `None`."""
    wanted = resolution.configuration
    return {
        "schema": schema("resolution"),
        "devices": resolution.devices,
        "examples": list(resolution.examples),
        "enabled": wanted.enabled,
        "nts_enabled": wanted.nts_enabled,
        "ntske_server_ca_certs": _list(wanted.ntske_server_ca_certs),
        "source": _source(wanted.servers_source),
        "static_servers": _list(wanted.static_servers),
        "static_ntske_servers": _list(wanted.static_ntske_servers),
        "minpoll": wanted.minpoll,
        "maxpoll": wanted.maxpoll,
    }


def policy_document(policy: Policy, devices: int) -> Document:
    """Give what a policy is, beside what it comes to."""
    return {
        "schema": schema("policy"),
        "policy": policy.source,
        "digest": policy.digest,
        "rules": len(policy.rules),
        "devices": devices,
    }


def _identity(device: Device) -> Document:
    return {
        "device": device.name,
        "host": device.host,
        "port": device.port,
        "scheme": device.scheme,
        "site": device.site,
        "serial": device.serial,
    }


def _course(outcome: Outcome[Any]) -> Document:
    return {
        "at": outcome.at.isoformat(timespec="milliseconds"),
        "attempts": outcome.attempts,
        "elapsed_s": _rounded(outcome.elapsed_s),
        "error": _error(outcome.error),
    }


def _error(error: DeviceError | None) -> Document | None:
    if error is None:
        return None
    numbers = (
        {"code": error.code, "sub_code": error.sub_code} if isinstance(error, APIError) else {}
    )
    return {"type": type(error).__name__, "message": error.message, **numbers}


def _source(source: ServersSource | str | None) -> str | None:
    return source.value if isinstance(source, ServersSource) else source


def _value(value: object) -> object:
    if isinstance(value, ServersSource):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def _list(names: tuple[str, ...] | None) -> list[str] | None:
    return None if names is None else list(names)


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds / 1000, 9)


def _rounded(seconds: float) -> float:
    return round(seconds, 3)
