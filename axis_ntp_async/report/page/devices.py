"""
The rows of the device table, as columns: what repeats is told once. Pure.

Lists have one entry a device, worst first. `site`, `message`, `hint`, `source`
and the entries of `others`, `drift` and `server_lists` are numbers of `texts`;
`servers` are numbers of `server_lists`, `cause` of `causes`; -1 is none.
`term`, or else the name, completes each of `commands`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from axis_ntp_async.device.records import NTPClientStatus, ServersSource
from axis_ntp_async.health.finding import Cause, Finding
from axis_ntp_async.report.documents import Document
from axis_ntp_async.report.page.causes import typed
from axis_ntp_async.report.page.commands import begun_for_a_device, term_of
from axis_ntp_async.report.page.courses import courses
from axis_ntp_async.report.page.drift import value
from axis_ntp_async.report.page.report import Report
from axis_ntp_async.report.page.servers import servers_told
from axis_ntp_async.report.page.words import (
    Texts,
    cause_in_words,
    rounded,
    seconds,
    shown,
    site_of,
)

_CAUSES: Final = {cause: number for number, cause in enumerate(Cause)}
_DIGITS: Final = re.compile(r"(\d+)")


def devices(report: Report) -> Document:
    """Give all devices."""
    findings = sorted(report.findings, key=_worst_first)
    texts, server_lists = Texts(), dict[tuple[str, ...], int]()
    rows = {
        "name": [shown(one.device.name) for one in findings],
        "term": [_term(one) for one in findings],
        "address": [_address(one) for one in findings],
        "serial": [one.device.serial or "" for one in findings],
        "site": [texts.number(site_of(one)) for one in findings],
        "state": "".join(str(one.state.rank) for one in findings),
        "cause": [_CAUSES[one.cause] if one.cause else -1 for one in findings],
        "message": [texts.number(one.message) for one in findings],
        "hint": [texts.number(one.hint) for one in findings],
        "others": [_others(one, texts) for one in findings],
        "drift": [_drift(one, texts) for one in findings],
        "source": [texts.number(_source(one)) for one in findings],
        "servers": [
            server_lists.setdefault(servers_told(one), len(server_lists)) for one in findings
        ],
        **_numbers(findings, report),
    }
    return {
        "count": len(findings),
        **rows,
        "commands": [one.document for one in begun_for_a_device(typed(report))],
        "server_lists": [texts.numbers(servers) for servers in server_lists],
        "causes": [[cause.value, cause_in_words(cause)] for cause in Cause],
        "texts": texts.all,
        "courses": courses((one.device.name for one in findings), report.courses),
    }


def _worst_first(finding: Finding) -> tuple[Any, ...]:
    return -finding.state.rank, site_of(finding), natural(finding.device.name)


def natural(name: str) -> list[tuple[int, str]]:
    """Give what sorts `gate-2` before `gate-10`."""
    parts = _DIGITS.split(name)
    return [
        (int(part[:18]), part) if place % 2 else (-1, part) for place, part in enumerate(parts)
    ]


def _numbers(findings: Sequence[Finding], report: Report) -> Document:
    clocks = [one.info.clock if one.info else None for one in findings]
    return {
        "offset_s": [seconds(one.offset_ms) for one in findings],
        "skew_s": [rounded(clock.skew_s, 2) if clock else None for clock in clocks],
        "uncertainty_s": [rounded(clock.uncertainty_s, 2) if clock else None for clock in clocks],
        "age_s": [round((report.at - one.at).total_seconds()) for one in findings],
        "attempts": [one.attempts for one in findings],
    }


def _term(finding: Finding) -> str | int:
    """Give how a shell selects the device; 0 when it is its name, as it mostly is."""
    term = term_of(finding.device)
    return 0 if term == finding.device.name else term


def _address(finding: Finding) -> str:
    device = finding.device
    return shown(f"http://{device.address}" if device.scheme == "http" else device.address)


def _others(finding: Finding, texts: Texts) -> list[int] | int:
    """Give the messages of further problems; 0 for none, which is shorter than a list."""
    return texts.numbers(problem.message for problem in finding.problems[1:]) or 0


def _drift(finding: Finding, texts: Texts) -> list[list[int]] | int:
    """Give member, found and wanted of each difference; 0 for none."""
    return [
        texts.numbers((change.member, value(change.before), value(change.after)))
        for change in finding.drift
    ] or 0


def _source(finding: Finding) -> str:
    client = (finding.info.client if finding.info else None) or NTPClientStatus()
    if client.nts_enabled:
        return "NTS"
    source = client.servers_source
    return source.value if isinstance(source, ServersSource) else source or ""
