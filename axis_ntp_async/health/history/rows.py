"""What stands in the cells of a history: integers, and texts in ASCII. Pure."""

from __future__ import annotations

import datetime as dt
import functools
import json
import math
import textwrap
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, Final, NamedTuple

from axis_ntp_async.health.finding import Cause, State
from axis_ntp_async.health.history.record import DayRecord, Note, NoteKind, Record, SweepRecord

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND: Final = dt.timedelta(milliseconds=1)
_DAYS: Final = dt.timedelta(days=1)

_MOST: Final = 1e12
"""No clock is farther off than 30,000 years; a device may say so all the same."""

STATES: Final = tuple(sorted(State, key=lambda state: state.rank))
"""By rank, which is how a state is stored."""


_LOOK: Final[Mapping[str, type | UnionType]] = {
    "device": str,
    "address": str,
    "serial": str | None,
    "site": str | None,
    "state": str,
    "cause": str | None,
    "message": str,
    "enabled": bool | None,
    "nts": bool | None,
    "source": str | None,
    "servers": list | None,
    "synced": bool | None,
    "drift": list,
    "has_left": bool,
}
_SWEEP: Final[Mapping[str, type | UnionType]] = {
    "at": int,
    "ended_at": int,
    "sites": list,
    "is_complete": bool,
    "own_skew": int | None,
    "own_devices": int,
    "offset_step": int,
    "skew_step": int,
}
"""Members of texts, and what they are."""

HOUR_MS: Final = 3_600_000

DAMAGE: Final = (ValueError, TypeError, LookupError, ArithmeticError, RecursionError)
"""What reading cells raises that are not as we write them."""

_WORDY: Final = 80
_NO_MEMORY: Final = (
    "what a watch keeps in it for itself is damaged; move it away to begin a new history"
)


class Numbers(NamedTuple):
    """What differs from look to look, in integers; `None` is what is not known."""

    at_ms: int
    offset_us: int | None
    skew_ms: int | None
    uncertainty_ms: int | None


def key_of(name: str) -> str:
    """Give a name as a cell can hold it: half a character is no text to SQLite."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def bytes_of(text: str) -> bytes:
    """Give any text as bytes, also one that is none to SQLite."""
    return text.encode("utf-8", "surrogatepass")


def text_of(cell: bytes) -> str:
    """
    Give the text that these bytes are.

    Raises:
        ValueError: They are none.
    """
    if not isinstance(cell, bytes):
        raise ValueError(_NO_MEMORY)  # noqa: TRY004  as other damage is told
    return cell.decode("utf-8", "surrogatepass")


def look_text(record: Record) -> str:
    """Give everything of a record but its numbers, in the one way of writing it."""
    return _json(
        {
            "device": record.device,
            "address": record.address,
            "serial": record.serial,
            "site": record.site,
            "state": record.state.value,
            "cause": record.cause.value if record.cause else None,
            "message": record.message,
            "enabled": record.enabled,
            "nts": record.nts,
            "source": record.source,
            "servers": record.servers,
            "synced": record.synced,
            "drift": record.drift,
            "has_left": record.has_left,
        }
    )


def numbers_of(record: Record) -> Numbers:
    """Give the numbers of a record, as exactly as they are kept."""
    return Numbers(
        at_ms=milliseconds(record.at),
        offset_us=_thousandths(record.offset_ms),
        skew_ms=_thousandths(record.skew_s),
        uncertainty_ms=_thousandths(record.uncertainty_s),
    )


@functools.lru_cache(maxsize=20_000)
def _look(text: str) -> dict[str, Any]:
    """Read a look; most records have theirs in common with others."""
    members: dict[str, Any] = _members(text, _LOOK)
    cause, servers = members["cause"], members["servers"]
    return {
        **members,
        "state": State(members["state"]),
        "cause": Cause(cause) if cause is not None else None,
        "servers": tuple(map(_text, servers)) if servers is not None else None,
        "drift": tuple(map(_text, members["drift"])),
    }


def record_from(text: str, numbers: Numbers) -> Record:
    """
    Give a record.

    Raises:
        ValueError: These cells are none of ours.
    """
    try:
        return Record(
            **_look(text),
            at=moment(numbers.at_ms),
            offset_ms=thousand_of(numbers.offset_us),
            skew_s=thousand_of(numbers.skew_ms),
            uncertainty_s=thousand_of(numbers.uncertainty_ms, least=0),
        )
    except DAMAGE as error:
        raise damaged("a record in it", error) from error


def sweep_text(sweep: SweepRecord) -> str:
    """Give a sweep, in the one way of writing it."""
    return _json(
        {
            "at": milliseconds(sweep.at),
            "ended_at": milliseconds(sweep.ended_at),
            "sites": [
                [site, [states.get(state, 0) for state in STATES]]
                for site, states in (sweep.sites or {None: sweep.states}).items()
            ],
            "is_complete": sweep.is_complete,
            "own_skew": _thousandths(sweep.own_skew_s),
            "own_devices": sweep.own_devices,
            "offset_step": _thousandths(sweep.offset_step_ms),
            "skew_step": _thousandths(sweep.skew_step_s),
        }
    )


def sweep_from(text: str) -> SweepRecord:
    """
    Give a sweep.

    Raises:
        ValueError: The text is none of ours.
    """
    try:
        members = _members(text, _SWEEP)
        sites = {
            site if site is None else _text(site): _counts(counts)
            for site, counts in members["sites"]
        }
        return SweepRecord(
            at=moment(members["at"]),
            ended_at=moment(members["ended_at"]),
            states=total_of(sites.values()),
            sites=sites,
            is_complete=members["is_complete"],
            own_skew_s=thousand_of(members["own_skew"]),
            own_devices=members["own_devices"],
            offset_step_ms=members["offset_step"] / 1000,
            skew_step_s=members["skew_step"] / 1000,
        )
    except DAMAGE as error:
        raise damaged("a sweep in it", error) from error


def _counts(cells: Iterable[object]) -> dict[State, int]:
    counts = map(whole, cells)
    return {state: count for state, count in zip(STATES, counts, strict=True) if count}


class Hour(NamedTuple):
    """An hour of a site: its begin, how many sweeps there were, and their mean, rounded."""

    begin: dt.datetime
    site: str | None
    sweeps: int
    states: dict[State, int]


def hour_from(hour: int, site: str, sweeps: int, *sums: int) -> Hour:
    """
    Give what remains of one hour of a site.

    Raises:
        ValueError: These cells are none of ours.
    """
    try:
        means = (round(whole(total) / whole(sweeps, least=1)) for total in sums)
        return Hour(moment(whole(hour) * HOUR_MS), _text(site) or None, sweeps, _counts(means))
    except DAMAGE as error:
        raise damaged("an hour in it", error) from error


def day_from(device: str, day: int, records: int, worst: int, *ends: int | None) -> DayRecord:
    """
    Give what remains of one day.

    Raises:
        ValueError: These cells are none of ours.
    """
    try:
        least_offset, most_offset, least_skew, most_skew = map(thousand_of, ends)
        return DayRecord(
            device=device,
            day=day_of(day),
            records=whole(records, least=1),
            worst=STATES[whole(worst)],
            offset_ms=None if least_offset is None else (least_offset, most_offset or 0.0),
            skew_s=None if least_skew is None else (least_skew, most_skew or 0.0),
        )
    except DAMAGE as error:
        raise damaged("a day in it", error) from error


def total_of(sites: Any) -> dict[State, int]:  # noqa: ANN401  any mappings of states
    """Give the sum over sites."""
    return {state: count for state in STATES if (count := sum(one.get(state, 0) for one in sites))}


def notes_text(notes: tuple[Note, ...]) -> str | None:
    """Give notes, in the one way of writing them; `None` when there are none."""
    if not notes:
        return None
    return _json([[note.kind.value, note.text, milliseconds(note.at)] for note in notes])


def notes_from(text: str) -> tuple[Note, ...]:
    """
    Give notes.

    Raises:
        ValueError: The text is none of ours.
    """
    try:
        notes = _read(text)
        if not notes:
            raise ValueError("there are none")
        return tuple(Note(NoteKind(kind), _text(told), moment(at)) for kind, told, at in notes)
    except DAMAGE as error:
        raise damaged("a note in it", error) from error


def line_of(*cells: object) -> bytes:
    """Give cells so that no others look the same: what is shown of them has no line ends."""
    return ("\t".join(map(repr, cells)) + "\n").encode("utf-8", "surrogatepass")


def milliseconds(at: dt.datetime) -> int:
    """Give a moment as milliseconds since 1970."""
    return (at - _EPOCH) // _MILLISECOND


def moment(at: int) -> dt.datetime:
    """Give milliseconds since 1970 as a moment in UTC; no clock of ours is before that."""
    return _EPOCH + whole(at) * _MILLISECOND


def day_of(number: int) -> dt.date:
    """Give a number of days since 1970 as a day."""
    return (_EPOCH + number * _DAYS).date()


def thousand_of(thousandths: int | None, least: float = -_MOST * 1000) -> float | None:
    """Give thousandths as what they are thousandths of."""
    return None if thousandths is None else whole(thousandths, least) / 1000


def whole(cell: object, least: float = 0) -> int:
    """
    Give a cell that is a whole number.

    Raises:
        ValueError: It is none, or less than it may be.
    """
    if type(cell) is not int or cell < least:
        raise ValueError(f"{cell!r} is no number that it could be")
    return cell


def damaged(what: str, error: Exception | None = None) -> ValueError:
    """Make what is raised when cells are not as we write them."""
    why = f" ({textwrap.shorten(str(error), _WORDY)})" if error else ""
    return ValueError(f"{what} is damaged{why}; see: axis-ntp history verify")


def _text(cell: object) -> str:
    if not isinstance(cell, str):
        raise TypeError(f"{cell!r} is no text")
    return cell


def _members(text: str, kinds: Mapping[str, type | UnionType]) -> dict[str, Any]:
    members = _read(text)
    if not isinstance(members, dict) or members.keys() != kinds.keys():
        raise TypeError("it has other members")
    for name, kind in kinds.items():
        value = members[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            raise TypeError(f"its {name} is {value!r}")
    return members


def _read(text: str) -> Any:  # noqa: ANN401  any JSON
    if not _text(text).isascii():
        raise ValueError("it is no JSON of ours")
    return json.loads(text)


def _thousandths(value: float | None) -> int | None:
    if value is None or not math.isfinite(value):
        return None
    return round(max(-_MOST, min(value, _MOST)) * 1000)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
