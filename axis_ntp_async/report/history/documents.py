"""What a history looks like outside: plain dictionaries with a schema, for JSON and CSV."""

from __future__ import annotations

import datetime as dt
from typing import Final

from axis_ntp_async.health.history.evidence import Evidence, Look, Range
from axis_ntp_async.health.history.record import (
    DayRecord,
    Note,
    Record,
    SweepRecord,
    Verdict,
)
from axis_ntp_async.report.documents import Document, schema

RECORD_COLUMNS: Final = (
    *("schema", "device", "at", "state", "cause", "message", "address", "serial", "site"),
    *("enabled", "nts_enabled", "source", "servers", "synced", "offset_s", "skew_s"),
    *("skew_uncertainty_s", "drift", "has_left"),
    *("day", "records", "offset_min_s", "offset_max_s", "skew_min_s", "skew_max_s"),
)
SWEEP_COLUMNS: Final = (
    *("schema", "at", "ended_at", "sweeps", "is_complete", "devices", "ok_ratio"),
    *("ok", "warning", "unknown", "critical", "own_skew_s", "own_devices"),
)
EVIDENCE_COLUMNS: Final = (
    *("schema", "device", "at", "skew_min_s", "skew_max_s", "why_not", "doubts", "before"),
    *("after", "head"),
)
VERDICT_COLUMNS: Final = (
    *("schema", "is_sound", "fault", "blocks", "records", "begins_after", "head"),
)


def record_document(record: Record | DayRecord) -> Document:
    """Give one record of a device, or what remains of one day of it."""
    if isinstance(record, DayRecord):
        return _day_document(record)
    return {
        "schema": schema("record"),
        "device": record.device,
        "at": _time(record.at),
        "state": record.state.value,
        "cause": record.cause.value if record.cause else None,
        "message": record.message,
        "address": record.address,
        "serial": record.serial,
        "site": record.site,
        "enabled": record.enabled,
        "nts_enabled": record.nts,
        "source": record.source,
        "servers": None if record.servers is None else list(record.servers),
        "synced": record.synced,
        "offset_s": _seconds(record.offset_ms),
        "skew_s": record.skew_s,
        "skew_uncertainty_s": record.uncertainty_s,
        "drift": list(record.drift),
        "has_left": record.has_left,
    }


def _day_document(day: DayRecord) -> Document:
    least_ms, most_ms = day.offset_ms or (None, None)
    least_s, most_s = day.skew_s or (None, None)
    return {
        "schema": schema("record-day"),
        "device": day.device,
        "day": day.day.isoformat(),
        "records": day.records,
        "state": day.worst.value,
        "offset_min_s": _seconds(least_ms),
        "offset_max_s": _seconds(most_ms),
        "skew_min_s": least_s,
        "skew_max_s": most_s,
    }


def sweep_document(sweep: SweepRecord) -> Document:
    """Give one sweep, or the sweeps of one hour together."""
    ratio = sweep.ok_ratio
    return {
        "schema": schema("sweep-record"),
        "at": _time(sweep.at),
        "ended_at": _time(sweep.ended_at),
        "sweeps": sweep.sweeps,
        "is_complete": sweep.is_complete,
        "devices": sweep.devices,
        "ok_ratio": None if ratio is None else round(ratio, 4),
        **{state.value: count for state, count in sweep.states.items()},
        "sites": {
            site or "": {state.value: count for state, count in states.items()}
            for site, states in sweep.sites.items()
        },
        "own_skew_s": sweep.own_skew_s,
        "own_devices": sweep.own_devices,
    }


def evidence_document(evidence: Evidence) -> Document:
    """Give all that is known of one device around one instant."""
    least_s, most_s = _bounds(evidence.skew_s)
    return {
        "schema": schema("evidence"),
        "device": evidence.device,
        "at": _time(evidence.at),
        "skew_min_s": least_s,
        "skew_max_s": most_s,
        "why_not": evidence.why_not,
        "apart_s": evidence.apart.total_seconds() if evidence.apart else None,
        "before": _look(evidence.before),
        "after": _look(evidence.after),
        "own_clock_before": _own_clock(evidence.own_before),
        "own_clock_after": _own_clock(evidence.own_after),
        "notes": [note_document(note) for note in evidence.notes],
        "doubts": list(evidence.doubts),
        "day": _day_document(evidence.day) if evidence.day else None,
        "head": str(evidence.head),
    }


def note_document(note: Note) -> Document:
    """Give what happened besides sweeps."""
    return {
        "schema": schema("note"),
        "kind": note.kind.value,
        "message": note.text,
        "at": _time(note.at),
    }


def verdict_document(verdict: Verdict) -> Document:
    """Give what became of checking a history."""
    return {
        "schema": schema("verdict"),
        "is_sound": verdict.is_sound,
        "fault": verdict.fault,
        "blocks": verdict.blocks,
        "records": verdict.records,
        "begins_after": str(verdict.begins_after),
        "head": str(verdict.head),
    }


def _look(look: Look | None) -> Document | None:
    if look is None:
        return None
    skew, offset = _bounds(look.skew_s), _bounds(look.offset_ms)
    return {
        "earliest": _time(look.earliest),
        "latest": _time(look.latest),
        "record": record_document(look.record),
        "unchanged_in_sweep": look.sweep is not None,
        "skew_min_s": skew[0],
        "skew_max_s": skew[1],
        "offset_min_s": _seconds(offset[0]),
        "offset_max_s": _seconds(offset[1]),
        "block": str(look.place),
    }


def _own_clock(sweep: SweepRecord | None) -> Document | None:
    if sweep is None:
        return None
    return {
        "at": _time(sweep.at),
        "ended_at": _time(sweep.ended_at),
        "skew_s": sweep.own_skew_s,
        "devices": sweep.own_devices,
    }


def _bounds(bounds: Range | None) -> tuple[float | None, float | None]:
    return (None, None) if bounds is None else (round(bounds[0], 3), round(bounds[1], 3))


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds / 1000, 9)


def _time(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
