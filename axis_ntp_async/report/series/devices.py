"""The families of single devices: what each of them has one of, and several of. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from axis_ntp_async.device.records import NTPClientStatus, ServersSource
from axis_ntp_async.health.finding import Finding
from axis_ntp_async.report.series.families import Labelled, family, finite, single, writable

if TYPE_CHECKING:  # an extra: asked for only when something is rendered
    from prometheus_client import Metric

_LONGEST_POLL: Final = 24
"""Source: NTP API: poll intervals are powers of two from 0 to 24; what else is sent is absent."""

_LONGEST_WORD: Final = 32


def of_probe(finding: Finding, duration_s: float) -> Iterator[Metric]:
    """Give the families of one look at one device."""
    yield single("probe_success", "Whether the device was read.", _up(finding))
    yield single("probe_duration_seconds", "How long this probe took.", duration_s)
    yield from of_devices([finding], {})


def of_devices(
    findings: Sequence[Finding], who: Mapping[str, Callable[[Finding], str]]
) -> Iterator[Metric]:
    """Give the families of single devices; *who* are the labels that tell these apart."""
    named = [(tuple(tell(finding) for tell in who.values()), finding) for finding in findings]
    for name, text, value_of in _GAUGES:
        values = ((labels, finite(value_of(finding))) for labels, finding in named)
        yield family(
            name, text, who, {labels: value for labels, value in values if value is not None}
        )
    for name, text, more, samples_of in _LABELLED:
        yield family(
            name,
            text,
            (*who, *more),
            {
                (*labels, *values): value
                for labels, finding in named
                for values, value in samples_of(finding).items()
            },
        )


def name_of(finding: Finding) -> str:
    """Give the name of a device as a label."""
    return writable(finding.device.name)


def site_of(finding: Finding) -> str:
    """Give the site of a device as a label; empty when it has none."""
    return writable(finding.device.site or "")


def _up(finding: Finding) -> bool:
    return finding.error is None and finding.info is not None


def _client(finding: Finding) -> NTPClientStatus:
    return (finding.info.client if finding.info else None) or NTPClientStatus()


def offset_s(finding: Finding) -> float | None:
    """Give the offset that a device reports, in seconds; `None` while that means nothing."""
    offset_ms = finite(finding.offset_ms)
    return None if offset_ms is None else offset_ms / 1000


def _uncertainty_s(finding: Finding) -> float | None:
    return finding.info.clock.uncertainty_s if finding.info and finding.info.clock else None


def _drift(finding: Finding) -> int | None:
    return len(finding.drift) if _up(finding) else None


def _power(exponent: int | None) -> int | None:
    return None if exponent is None or not 0 <= exponent <= _LONGEST_POLL else 1 << exponent


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
        offset_s,
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
    version = writable((finding.info.api_version or "")[:_LONGEST_WORD])
    return {(version, known if source is not None else ""): 1}


def _problems(finding: Finding) -> dict[tuple[str, ...], float]:
    return {(problem.cause.value, problem.state.value): 1 for problem in finding.problems}


_LABELLED: Final[tuple[tuple[str, str, tuple[str, ...], Callable[[Finding], Labelled]], ...]] = (
    ("axis_ntp_servers", "How many servers it has by where from.", ("source",), _servers),
    ("axis_ntp_info", "What else it says of itself.", ("api_version", "source"), _info),
    ("axis_ntp_problem", "What is wrong with it, and how bad.", ("cause", "state"), _problems),
)
"""What a device may have several of."""
