"""What was known at one instant, and whether all is as it was written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from axis_ntp_async.health.history.evidence import Evidence, Look, in_words
from axis_ntp_async.health.history.record import SweepRecord, Verdict
from axis_ntp_async.report.history.strips import days_table, identity, seconds
from axis_ntp_async.report.printable import printable
from axis_ntp_async.report.tables import counted, plain_table, signed_offset, signed_skew, word


def evidence_table(evidence: Evidence) -> RenderableType:
    """Show all that is known of one device around one instant, and what follows from it."""
    look = evidence.before or evidence.after
    known = identity(look.record) if look else Text(printable(evidence.device), style="bold")
    parts: list[RenderableType] = [
        Text.assemble("Evidence for ", known),
        Text.assemble("at ", (f"{seconds(evidence.at)} UTC", "bold")),
        Text(),
        _conclusion(evidence),
    ]
    if look:
        parts += [Text(), _looks(evidence)]
    if evidence.day:
        parts += [Text(), *days_table([evidence.day])]
    own = [_own_clock(one) for one in (evidence.own_before, evidence.own_after) if one]
    parts += [Text(), Text("Our own clock, and what was noted", style="bold")]
    parts += [Padding(Text(printable(one)), (0, 0, 0, 2)) for one in (*own, *evidence.doubts)]
    parts += [
        Text(),
        Text(f"The chain of records ends with block {evidence.head}."),
        Text(
            "Keep that: 'axis-ntp history verify --head' with it shows later that nothing up to "
            "it was changed since."
        ),
    ]
    return Group(*parts)


def _conclusion(evidence: Evidence) -> RenderableType:
    if evidence.skew_s is None:
        return Text.assemble(
            ("Nothing can be concluded of its clock at that instant", "bold yellow"),
            printable(f": {evidence.why_not}."),
        )
    least_s, most_s = evidence.skew_s
    apart = in_words(evidence.apart or dt.timedelta())
    return Text.assemble(
        "Its clock was between ",
        (_against_ours(least_s), "bold"),
        " and ",
        (_against_ours(most_s), "bold"),
        " ours, unless it was set away and back between the two looks around that instant, "
        f"which are at most {apart} apart.",
        " Mind what is said of our own clock below." if evidence.doubts else "",
    )


def _against_ours(skew_s: float) -> str:
    return f"{abs(skew_s):.1f} s {'behind' if skew_s < 0 else 'ahead of'}"


def _looks(evidence: Evidence) -> RenderableType:
    sides = [one for one in (evidence.before, evidence.after) if one]
    titles = ["", *(["look before"] if evidence.before else [])]
    titles += ["look after"] if evidence.after else []
    lines: tuple[tuple[str, Callable[[Look], str]], ...] = (
        ("looked at (UTC)", _when),
        ("as recorded at", lambda one: seconds(one.record.at)),
        ("state", lambda one: "not listed" if one.record.has_left else one.record.state.value),
        ("trouble", lambda one: one.record.trouble or "-"),
        ("its clock against ours", _skew),
        ("offset it reported", _offset),
        ("synced, it said", lambda one: word(one.record.synced)),
        ("servers", _servers),
        ("in block", lambda one: f"{one.place.number}:{one.place.digest[:16]}…"),
    )
    return plain_table(titles, [(title, *(cell(one) for one in sides)) for title, cell in lines])


def _when(look: Look) -> str:
    if not look.record.was_tried:
        return f"{'not listed' if look.record.has_left else 'not tried'} at {seconds(look.latest)}"
    if look.sweep is None:
        return seconds(look.record.at)
    return f"{seconds(look.earliest)} to {look.latest:%H:%M:%S}"


def _skew(look: Look) -> str:
    if look.skew_s is None:
        return "-"
    return f"{signed_skew(look.record.skew_s)} ± {(look.skew_s[1] - look.skew_s[0]) / 2:.1f} s"


def _offset(look: Look) -> str:
    room_ms = f" ± {look.sweep.offset_step_ms:g} ms" if look.sweep else ""
    return signed_offset(look.record.offset_ms) + room_ms * (look.record.offset_ms is not None)


def _servers(look: Look) -> str:
    record = look.record
    source = f"{record.source}: " if record.source and record.servers else ""
    return f"{source}{word(record.servers)}{' with NTS' if record.nts else ''}"


def _own_clock(sweep: SweepRecord) -> str:
    return (
        f"in the sweep of {seconds(sweep.at)} it was {signed_skew(sweep.own_skew_s)} against the "
        f"median of {counted(sweep.own_devices, 'device')} in sync"
    )


def verdict_table(verdict: Verdict) -> RenderableType:
    """Show what became of checking a history."""
    checked = f"{counted(verdict.blocks, 'block')} with {counted(verdict.records, 'record')}"
    lines: list[Text] = []
    if verdict.is_sound:
        lines.append(Text.assemble(("sound: ", "bold green"), f"{checked} are as written"))
    else:
        lines.append(Text.assemble(("NOT sound: ", "bold red"), printable(verdict.fault or "")))
        lines.append(Text(f"before that, {checked} are as written"))
    if verdict.begins_after.number:
        sums = "; the sums that remain of it are as written" if verdict.is_sound else ""
        forgotten = f"what was up to block {verdict.begins_after.number} is forgotten{sums}"
        lines.append(Text(forgotten))
    if verdict.is_sound:
        lines.append(Text(f"the last block is {verdict.head}"))
    return Group(*lines)
