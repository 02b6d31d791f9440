"""
Metrics in the text format of Prometheus, from what a watch or one look at a device has found.

What is not known is absent, never 0: an alert on a made-up number wakes people for nothing.
"""

from __future__ import annotations

import contextlib
import heapq
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from axis_ntp_async.device.records import NTPClientStatus, ServersSource
from axis_ntp_async.errors import SettingsError
from axis_ntp_async.health.finding import Finding, State
from axis_ntp_async.health.watch.overview import Overview

if TYPE_CHECKING:  # an extra: asked for only when something is rendered
    from prometheus_client import Metric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""What the bytes are, in the words of HTTP."""

MOST_DEVICES: Final = 500
"""So many devices that are not ok have series of their own, unless all are to have them."""

BUCKETS_S: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 60.0)
"""Upper bounds of the offsets that are counted together, in seconds."""

_LONGEST_POLL: Final = 24
"""Source: NTP API: poll intervals are powers of two from 0 to 24; what else is sent is absent."""

_LONGEST_WORD: Final = 32
_SUSPECTS: Final = 3
_LONGEST_SUSPECT: Final = 253

Labelled = Mapping[tuple[str, ...], float]
"""Numbers by the values of their labels."""


def exposition(overview: Overview, *, per_device: bool = False) -> bytes:
    """
    Give what a watch knows: totals per site, and the devices that are not ok, one by one.

    Args:
        overview: What it knows; nothing, before the first device was looked at.
        per_device: Whether every device has series of its own, and not the worst 500 only.

    Raises:
        SettingsError: prometheus-client is not installed; it comes with the extra `metrics`.
    """
    return _rendered(_of_overview(overview, per_device=per_device))


def probe_exposition(finding: Finding, duration_s: float) -> bytes:
    """
    Give one look at one device, which Prometheus itself names: `instance`.

    Args:
        finding: What was found.
        duration_s: Seconds that the whole probe took.

    Raises:
        SettingsError: prometheus-client is not installed; it comes with the extra `metrics`.
    """
    return _rendered(_of_probe(finding, duration_s))


def write_textfile(path: Path, overview: Overview, *, per_device: bool = False) -> None:
    """
    Write the metrics for the textfile collector of node_exporter, which reads `*.prom` only.

    The file is there as a whole or not at all: it is written beside, under a
    name that the collector does not read, and then moved.

    Args:
        path: The file; what was there is replaced.
        overview: As for `exposition`.
        per_device: As for `exposition`.

    Raises:
        SettingsError: There is no such folder, or it may not be written to; no extra `metrics`.
        OSError: Whatever else the disk has against it; the old file stays.
    """
    content = exposition(overview, per_device=per_device)
    try:
        _replace(path, content)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        raise SettingsError(
            f"{path}: the metrics cannot be written there: {error.strerror}"
        ) from error


def _replace(path: Path, content: bytes) -> None:
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(beside).chmod(0o644)  # mkstemp keeps it from node_exporter, who is another user
        Path(beside).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(beside).unlink()
        raise


def _of_overview(overview: Overview, *, per_device: bool) -> Iterator[Metric]:
    findings = overview.findings.values()
    faulty = [finding for finding in findings if finding.problems]
    if per_device:
        shown, left_out = sorted(findings, key=_worst_first), 0
    else:
        shown = heapq.nsmallest(MOST_DEVICES, faulty, key=_worst_first)
        left_out = len(faulty) - len(shown)
    yield from _of_sites(overview)
    yield from _of_the_watch(overview)
    yield from _of_requests(overview)
    yield from _of_causes(overview)
    yield _single(
        "axis_ntp_devices_left_out",
        "Devices that are not ok and have no series of their own: there are too many.",
        left_out,
    )
    yield from _of_devices(shown, {"device": _name, "site": _site})


def _of_probe(finding: Finding, duration_s: float) -> Iterator[Metric]:
    yield _single("probe_success", "Whether the device was read.", _up(finding))
    yield _single("probe_duration_seconds", "How long this probe took.", duration_s)
    yield from _of_devices([finding], {})


def _of_sites(overview: Overview) -> Iterator[Metric]:
    states: dict[str, dict[State, int]] = {}
    offsets_s: dict[str, list[float]] = {}
    for finding in overview.findings.values():
        site = _site(finding)
        states.setdefault(site, dict.fromkeys(State, 0))[finding.state] += 1
        found = offsets_s.setdefault(site, [])
        if (offset_s := _offset_s(finding)) is not None:
            found.append(abs(offset_s))
    yield _metric(
        "axis_ntp_sweep_devices",
        "Devices by the state in which each was found last.",
        ("site", "state"),
        {
            (site, state.value): count
            for site in sorted(states)
            for state, count in states[site].items()
        },
    )
    yield _histogram(
        "axis_ntp_sweep_offset_seconds",
        "Offsets that devices in sync reported last, without sign. "
        "It tells how they are now and does not grow: use it without rate().",
        "site",
        offsets_s,
    )


def _of_the_watch(overview: Overview) -> Iterator[Metric]:
    yield _single(
        "axis_ntp_inventory_old",
        "Whether the list of devices could not be read again, so that an old one is used.",
        overview.source_fault is not None,
    )
    last = overview.last
    if last is None:
        return
    yield _single(
        "axis_ntp_sweep_duration_seconds", "How long the last sweep took.", last.duration_s
    )
    if last.is_complete:
        yield _single(
            "axis_ntp_sweep_last_success_timestamp_seconds",
            "When the last sweep ended that looked at every device.",
            last.ended_at.timestamp(),
        )
    yield _single(
        "axis_ntp_watch_interval_seconds", "From one sweep's begin to the next.", last.interval_s
    )
    yield _single(
        "axis_ntp_own_clock_skew_seconds",
        "The clock of this machine minus that of the devices in sync, by their median.",
        last.own_clock.skew_s,
    )
    yield _single(
        "axis_ntp_own_clock_odd",
        "Whether it is the clock of this machine that is wrong.",
        last.own_clock.is_odd,
    )


def _of_requests(overview: Overview) -> Iterator[Metric]:
    yield _metric(
        "axis_ntp_requests_total",
        "Calls to devices by what came of them: ok, or why not.",
        ("method", "outcome"),
        {
            ("getNTPInfo", outcome): count
            for outcome, count in sorted({"ok": 0, **overview.outcomes}.items())
        },
        kind="counter",
    )
    yield _metric(
        "axis_ntp_retries_total",
        "Further attempts by what the call ended with.",
        ("reason",),
        {(reason,): count for reason, count in sorted(overview.retries.items())},
        kind="counter",
    )
    yield _metric(
        "axis_ntp_rollout_devices",
        "Devices of rollouts that are not over.",
        ("run", "wave", "state"),
        {tuple(map(_text, key)): count for key, count in sorted(overview.rollouts.items())},
    )


def _of_causes(overview: Overview) -> Iterator[Metric]:
    causes = sorted(overview.site_causes, key=lambda cause: (cause.site, cause.trouble.value))
    yield _metric(
        "axis_ntp_site_cause",
        "Devices of a site whose trouble has one cause: time_server, wrong_time, network.",
        ("site", "trouble"),
        {(_text(one.site), one.trouble.value): one.affected for one in causes},
    )
    yield _metric(
        "axis_ntp_site_cause_info",
        "Time servers that are suspected to be that cause, up to three.",
        ("site", "trouble", "servers"),
        {
            (_text(one.site), one.trouble.value, _suspects(one.servers)): 1
            for one in causes
            if one.servers
        },
    )


def _suspects(servers: Iterable[str]) -> str:
    return ", ".join(_text(server[:_LONGEST_SUSPECT]) for server in list(servers)[:_SUSPECTS])


def _of_devices(
    findings: Sequence[Finding], who: Mapping[str, Callable[[Finding], str]]
) -> Iterator[Metric]:
    """Give the families of single devices; *who* are the labels that tell these apart."""
    named = [(tuple(tell(finding) for tell in who.values()), finding) for finding in findings]
    for name, text, value_of in _GAUGES:
        values = ((labels, _number(value_of(finding))) for labels, finding in named)
        yield _metric(
            name, text, who, {labels: value for labels, value in values if value is not None}
        )
    for name, text, more, samples_of in _LABELLED:
        yield _metric(
            name,
            text,
            (*who, *more),
            {
                (*labels, *values): value
                for labels, finding in named
                for values, value in samples_of(finding).items()
            },
        )


def _name(finding: Finding) -> str:
    return _text(finding.device.name)


def _site(finding: Finding) -> str:
    return _text(finding.device.site or "")


def _worst_first(finding: Finding) -> tuple[int, str, str]:
    return -finding.state.rank, finding.device.site or "", finding.device.name


def _up(finding: Finding) -> bool:
    return finding.error is None and finding.info is not None


def _client(finding: Finding) -> NTPClientStatus:
    return (finding.info.client if finding.info else None) or NTPClientStatus()


def _offset_s(finding: Finding) -> float | None:
    return None if (offset_ms := _number(finding.offset_ms)) is None else offset_ms / 1000


def _uncertainty_s(finding: Finding) -> float | None:
    return finding.info.clock.uncertainty_s if finding.info and finding.info.clock else None


def _drift(finding: Finding) -> int | None:
    return len(finding.drift) if _up(finding) else None


def _power(exponent: int | None) -> int | None:
    return None if exponent is None or not 0 <= exponent <= _LONGEST_POLL else 1 << exponent


def _number(value: float | None) -> float | None:
    """Give what Prometheus can count with: a device may send a number of 400 digits."""
    try:
        number = math.nan if value is None else float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


_GAUGES: Final[tuple[tuple[str, str, Callable[[Finding], float | None]], ...]] = (
    ("axis_ntp_up", "Whether the device was read.", _up),
    (
        "axis_ntp_probe_duration_seconds",
        "From the first attempt to read the device to the end of the last one.",
        lambda one: one.elapsed_s,
    ),
    (
        "axis_ntp_client_enabled",
        "Whether its NTP client is switched on.",
        lambda one: _client(one).enabled,
    ),
    ("axis_ntp_nts_enabled", "Whether it uses NTS.", lambda one: _client(one).nts_enabled),
    (
        "axis_ntp_synced",
        "Whether it calls itself synced; it may go on to when its server is gone.",
        lambda one: _client(one).synced,
    ),
    (
        "axis_ntp_offset_seconds",
        "The offset from its server that it reports; absent unless synced.",
        _offset_s,
    ),
    (
        "axis_ntp_next_sync_seconds",
        "Time until its next attempt to sync.",
        lambda one: _client(one).time_to_next_sync_s,
    ),
    ("axis_ntp_minpoll_seconds", "Its shortest poll.", lambda one: _power(_client(one).minpoll)),
    ("axis_ntp_maxpoll_seconds", "Its longest poll.", lambda one: _power(_client(one).maxpoll)),
    (
        "axis_ntp_clock_skew_seconds",
        "Its clock minus that of this machine, whatever it says itself.",
        lambda one: one.skew_s,
    ),
    (
        "axis_ntp_clock_skew_uncertainty_seconds",
        "The true skew is within plus or minus this.",
        _uncertainty_s,
    ),
    (
        "axis_ntp_config_drift",
        "Settings that are not as the policy wants them; 0 also without a policy.",
        _drift,
    ),
)
"""What every device has one of, if it is known."""


def _servers(finding: Finding) -> dict[tuple[str, ...], float]:
    client = _client(finding)
    lists = {
        "static": client.static_servers,
        "dhcp": client.advertised_servers,
        "ntske": client.static_ntske_servers,
    }
    return {(source,): len(names) for source, names in lists.items() if names is not None}


def _info(finding: Finding) -> dict[tuple[str, ...], float]:
    if finding.info is None:
        return {}
    source = _client(finding).servers_source
    known = source.value.lower() if isinstance(source, ServersSource) else "other"
    version = _text((finding.info.api_version or "")[:_LONGEST_WORD])
    return {(version, known if source is not None else ""): 1}


def _problems(finding: Finding) -> dict[tuple[str, ...], float]:
    return {(problem.cause.value, problem.state.value): 1 for problem in finding.problems}


_LABELLED: Final[tuple[tuple[str, str, tuple[str, ...], Callable[[Finding], Labelled]], ...]] = (
    ("axis_ntp_servers", "How many servers it has by where from.", ("source",), _servers),
    ("axis_ntp_info", "What else it says of itself.", ("api_version", "source"), _info),
    ("axis_ntp_problem", "What is wrong with it, and how bad.", ("cause", "state"), _problems),
)
"""What a device may have several of."""


def _text(text: str) -> str:
    """Give what can be written in UTF-8; half a letter cannot. The library escapes the rest."""
    return text.encode(errors="backslashreplace").decode()


def _single(name: str, text: str, value: float | None) -> Metric:
    number = _number(value)
    return _metric(name, text, (), {} if number is None else {(): number})


def _metric(
    name: str, text: str, labels: Iterable[str], samples: Labelled, *, kind: str = "gauge"
) -> Metric:
    from prometheus_client import Metric  # noqa: PLC0415  an extra

    metric = Metric(name.removesuffix("_total"), text, kind)
    for values, value in samples.items():
        metric.add_sample(name, dict(zip(labels, values, strict=True)), value)
    return metric


def _histogram(name: str, text: str, label: str, numbers: Mapping[str, list[float]]) -> Metric:
    metric = _metric(name, text, (), {}, kind="histogram")
    for value, found in sorted(numbers.items()):
        for bound, most in [*((f"{one:g}", one) for one in BUCKETS_S), ("+Inf", math.inf)]:
            count = sum(one <= most for one in found)
            metric.add_sample(f"{name}_bucket", {label: value, "le": bound}, count)
        metric.add_sample(f"{name}_count", {label: value}, len(found))
        metric.add_sample(f"{name}_sum", {label: value}, math.fsum(found))
    return metric


def _rendered(metrics: Iterator[Metric]) -> bytes:
    try:
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415  an extra
        from prometheus_client.registry import Collector  # noqa: PLC0415  an extra
    except ImportError:
        raise SettingsError(
            "metrics need an extra; run: pip install 'axis_ntp_async[metrics]'"
        ) from None

    class Told(Collector):
        def collect(self) -> Iterator[Metric]:
            return (metric for metric in metrics if metric.samples)

    registry = CollectorRegistry()
    registry.register(Told())
    return generate_latest(registry)
