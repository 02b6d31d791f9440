"""A notice as people and programs get it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from axis_ntp_async.health.finding import State
from axis_ntp_async.health.watch.events import SourceKept, StateChange
from axis_ntp_async.health.watch.notice import Notice
from axis_ntp_async.health.watch.site_causes import SiteCause
from axis_ntp_async.report.documents import Document, schema
from axis_ntp_async.report.printable import printable

_LINES: Final = 20


def notice_document(notice: Notice) -> Document:
    """
    Give a notice; its `text` is what chat programs show.

    Schema `axis-ntp/notice/v1`. Devices that are part of a site's cause are
    counted in it, and are not listed.
    """
    return {
        "schema": schema("notice"),
        "text": notice_text(notice),
        "at": notice.at.isoformat(timespec="milliseconds"),
        "states": {state.value: notice.states.get(state, 0) for state in State},
        "changes": [change_document(change) for change in notice.changes],
        "site_causes_began": [site_cause_document(cause) for cause in notice.began],
        "site_causes_ended": [site_cause_document(cause) for cause in notice.ended],
        "notes": list(notice.notes),
    }


def change_document(change: StateChange) -> Document:
    """Give the change of one device."""
    cause = change.site_cause
    return {
        "schema": schema("change"),
        "device": change.device.name,
        "host": change.device.host,
        "site": change.device.site,
        "before": change.before.value if change.before else None,
        "after": change.after.value,
        "cause": change.cause.value if change.cause else None,
        "message": change.message,
        "hint": change.hint,
        "since": change.since.isoformat(timespec="milliseconds"),
        "is_flapping": change.is_flapping,
        "site_cause": cause.trouble.value if cause else None,
    }


def site_cause_document(cause: SiteCause) -> Document:
    """Give what devices of a site have in common."""
    return {
        "schema": schema("site-cause"),
        "site": cause.site,
        "trouble": cause.trouble.value,
        "message": cause.message,
        "hint": cause.hint,
        "servers": list(cause.servers),
        "affected": cause.affected,
        "of": cause.of,
        "began_at": cause.began_at.isoformat(timespec="milliseconds"),
        "within_s": cause.within_s,
        "examples": list(cause.examples),
    }


def source_kept_document(event: SourceKept) -> Document:
    """Give why an old list of devices is kept."""
    return {
        "schema": schema("source-kept"),
        "at": event.at.isoformat(timespec="milliseconds"),
        "message": event.message,
    }


def notice_text(notice: Notice) -> str:
    """Give a notice for people: what many have in common first, recoveries last."""
    lines = list(_lines(notice))
    more = len(lines) - _LINES
    shown = [*lines[:_LINES], f"… and {more} more"] if more > 0 else lines
    total = sum(notice.states.values())
    if total:
        shown.append(f"now {notice.states.get(State.OK, 0)} of {total} devices are ok")
    return "\n".join(printable(line) for line in shown)


def _lines(notice: Notice) -> Iterator[str]:
    yield from notice.notes
    for cause in notice.began:
        yield f"{cause.message}. {cause.hint}"
    for cause in notice.ended:
        yield f"over: {cause.message}"
    for change in sorted(notice.changes, key=lambda one: -one.after.rank):
        yield change_line(change)


def change_line(change: StateChange) -> str:
    """Give the change of one device as a line."""
    device = change.device
    where = f"{device.name} ({device.site})" if device.site else device.name
    if change.is_flapping:
        return f"{where} is flapping, {change.after.value} at the moment: {change.message}"
    if change.is_recovery:
        return f"{where} is ok again"
    return f"{where} is {change.after.value}: {change.message}"
