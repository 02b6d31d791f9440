"""Which looks at a device are worth a record. Pure."""

from __future__ import annotations

import datetime as dt
import zlib

from attrs import field, frozen
from attrs.validators import ge, gt

from axis_ntp_async.device.records import NTPClientStatus, NTPInfo, ServersSource
from axis_ntp_async.health.finding import Finding, servers_in_use
from axis_ntp_async.health.history.record import Record


@frozen(kw_only=True)
class HistoryRules:
    """
    What is kept, and for how long, in plain numbers.

    Attributes:
        offset_step_ms: An offset that moved by more is worth a record.

        skew_step_s:
            So is a clock whose reading, with its uncertainty, reaches farther than
            this beyond the last one: clocks are read to a second, and one second
            here and there is only the way of counting them.

        every_s: Without a change a device has a record so often, in seconds.
        keep_days: Records are kept so long; then a line for each device and day remains.
        keep_sums_days: So long these are kept, and the hours of sites.
        pending_most: Records that wait in memory while they cannot be written.
    """

    offset_step_ms: float = field(default=50.0, validator=ge(0))
    skew_step_s: float = field(default=1.0, validator=ge(0))
    every_s: float = field(default=3600.0, validator=gt(0))
    keep_days: float = field(default=90.0, validator=gt(0))
    keep_sums_days: float = field(default=730.0, validator=gt(0))
    pending_most: int = field(default=100_000, validator=ge(1))


def record_of(finding: Finding, at: dt.datetime | None = None) -> Record:
    """
    Give what is kept of a finding.

    Args:
        finding: What was found.
        at: When, by our clock, if not as the finding has it.
    """
    info, device = finding.info or NTPInfo(), finding.device
    client, clock = info.client or NTPClientStatus(), info.clock
    source = client.servers_source
    return Record(
        device=device.name,
        address=device.address,
        serial=device.serial,
        site=device.site,
        at=at or finding.at,
        state=finding.state,
        cause=finding.cause,
        message=finding.error.message if finding.error else "",
        enabled=client.enabled,
        nts=client.nts_enabled,
        source=source.value if isinstance(source, ServersSource) else source,
        servers=servers_in_use(client),
        synced=client.synced,
        offset_ms=client.offset_ms,
        skew_s=clock.skew_s if clock else None,
        uncertainty_s=clock.uncertainty_s if clock else None,
        drift=tuple(change.member for change in finding.drift),
    )


def look_of(record: Record) -> tuple[object, ...]:
    """Give everything of a record but its numbers: most looks at a device have it in common."""
    return (
        record.device,
        record.address,
        record.serial,
        record.site,
        record.state,
        record.cause,
        record.message,
        record.enabled,
        record.nts,
        record.source,
        record.servers,
        record.synced,
        record.drift,
        record.has_left,
    )


def differs(last: Record | None, now: Record, rules: HistoryRules) -> bool:
    """
    Tell whether a look is worth a record: it is the first, it differs, or it is time for one.

    So what has no record was as the last record says, the offset within
    `offset_step_ms` of it, and the clock for certain within `skew_s` ±
    (`uncertainty_s` + `skew_step_s`) of ours.

    Args:
        last: The last record of the device; `None` when there is none.
        now: What was found now.
        rules: What counts as a difference.
    """
    return (
        last is None
        or look_of(last) != look_of(now)
        or _moved(last.offset_ms, now.offset_ms, rules.offset_step_ms)
        or _moved(last.skew_s, now.skew_s, _room_s(last, now, rules))
        or _is_due(last.at, now, rules.every_s)
    )


def _room_s(last: Record, now: Record, rules: HistoryRules) -> float:
    return (last.uncertainty_s or 0.0) + rules.skew_step_s - (now.uncertainty_s or 0.0)


def _moved(last: float | None, now: float | None, step: float) -> bool:
    if last is None or now is None:
        return last is not now
    return abs(now - last) > step


def _is_due(last: dt.datetime, now: Record, every_s: float) -> bool:
    """Every device has its own moment in the hour; a clock that was set far back is one, too."""
    phase_s = zlib.crc32(now.device.encode("utf-8", "replace")) % 65_536 / 65_536 * every_s
    return (last.timestamp() + phase_s) // every_s != (now.at.timestamp() + phase_s) // every_s
