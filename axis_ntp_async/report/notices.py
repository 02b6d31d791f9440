"""A notice as people and programs get it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from attrs import frozen

from axis_ntp_async.health.finding import State
from axis_ntp_async.health.watch.events import Remark, SourceKept, StateChange
from axis_ntp_async.health.watch.notice import Notice
from axis_ntp_async.health.watch.site_causes import SiteCause
from axis_ntp_async.report.documents import Document, schema
from axis_ntp_async.report.printable import printable
from axis_ntp_async.report.tables import first_of, natural

_LINES: Final = 20
_ALIKE_LEAST: Final = 4
"""So many devices that changed alike are one line."""

_ALIKE_NAMED: Final = 5
_ID_LENGTH: Final = 16
_CHANGES_MOST: Final = 500
"""More than this would be more than many a webhook takes."""


def notice_document(notice: Notice) -> Document:
    """
    Give a notice; its `text` is what chat programs show.

    Schema `axis-ntp/notice/v1`. Devices that are part of a site's cause are
    counted in it, and are not listed. A notice that is posted twice, because
    the answer was lost, has the same `id`.
    """
    document = {
        "schema": schema("notice"),
        "text": notice_text(notice),
        "at": notice.at.isoformat(timespec="milliseconds"),
        "states": {state.value: notice.states.get(state, 0) for state in State},
        "changes": [change_document(change) for change in notice.changes[:_CHANGES_MOST]],
        "changes_left_out": max(0, len(notice.changes) - _CHANGES_MOST),
        "site_causes_began": [site_cause_document(cause) for cause in notice.began],
        "site_causes_grown": [site_cause_document(cause) for cause in notice.grown],
        "site_causes_ended": [site_cause_document(cause) for cause in notice.ended],
        "remarks": [remark_document(remark, notice.at) for remark in notice.remarks],
    }
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode())
    return {**document, "id": digest.hexdigest()[:_ID_LENGTH]}


def brief(document: Document) -> Document:
    """Give a notice without its single devices."""
    left_out = len(document["changes"]) + document["changes_left_out"]
    return {**document, "changes": [], "changes_left_out": left_out}


def change_document(change: StateChange) -> Document:
    """Give the change of one device."""
    trouble = change.site_trouble
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
        "site_cause": trouble.value if trouble else None,
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


def remark_document(remark: Remark, at: dt.datetime) -> Document:
    """Give what a watch says of itself."""
    return {
        "schema": schema("remark"),
        "at": at.isoformat(timespec="milliseconds"),
        "topic": remark.topic.value,
        "text": remark.text,
        "is_over": remark.is_over,
    }


def source_kept_document(event: SourceKept) -> Document:
    """Give why what is watched is as it was."""
    return {
        "schema": schema("source-kept"),
        "at": event.at.isoformat(timespec="milliseconds"),
        "what": event.what,
        "message": event.message,
    }


@frozen
class Line:
    """
    One line of a notice for people.

    Attributes:
        text: What it says.
        state: How bad that is; `None` for what is about ourselves.
    """

    text: str
    state: State | None = None


def notice_text(notice: Notice) -> str:
    """Give a notice for people: what many have in common first, recoveries last."""
    lines = [line.text for line in notice_lines(notice)]
    more = len(lines) - _LINES
    shown = [*lines[:_LINES], f"… and {more} more"] if more > 0 else lines
    total = sum(notice.states.values())
    if total:
        shown.append(f"now {notice.states.get(State.OK, 0)} of {total} devices are ok")
    return "\n".join(printable(line) for line in shown)


def notice_lines(notice: Notice) -> Iterator[Line]:
    """Give every line of a notice; devices that changed alike are one of them."""
    yield from (Line(remark.text) for remark in notice.remarks)
    for cause in (*notice.began, *notice.grown):
        yield Line(f"{cause.message}. {cause.hint}", State.CRITICAL)
    for cause in notice.ended:
        yield Line(cause.end_message, State.OK)
    yield from _alike(notice.changes)


def _alike(changes: Iterable[StateChange]) -> Iterator[Line]:
    groups: dict[tuple[object, ...], list[StateChange]] = {}
    for change in sorted(changes, key=lambda one: -one.after.rank):
        groups.setdefault(
            (change.after, change.cause, change.hint, change.is_flapping), []
        ).append(change)
    for group in groups.values():
        if len(group) < _ALIKE_LEAST:
            yield from (Line(change_line(change), change.after) for change in group)
        else:
            yield Line(_group_line(group), group[0].after)


def _group_line(group: Sequence[StateChange]) -> str:
    first, sites = group[0], {change.device.site for change in group}
    [site] = sites if len(sites) == 1 else [None]
    many = f"{len(group)} devices" + (f" of {site}" if site else "")
    ordered = sorted((change.device.name for change in group), key=natural)
    names = first_of(ordered, _ALIKE_NAMED)
    if first.is_flapping:
        return f"{many} are flapping: {names}"
    if first.cause is None:
        return f"{many} are ok now: {names}"
    cause = first.cause.value.replace("_", " ")
    return f"{many} are {first.after.value}, {cause}: {names}. {first.hint}"


def change_line(change: StateChange) -> str:
    """Give the change of one device as a line."""
    device = change.device
    where = f"{device.name} ({device.site})" if device.site else device.name
    if change.is_flapping:
        return f"{where} is flapping, at the last look: {change.message}"
    if change.is_recovery:
        return f"{where} is ok now"
    return f"{where} is {change.after.value}: {change.message}"
