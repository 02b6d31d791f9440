"""Families of metrics from plain numbers, and the text that they are written as. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from axis_ntp_async.errors import SettingsError

if TYPE_CHECKING:  # an extra: asked for only when something is rendered
    from prometheus_client import Metric

BUCKETS_S: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 60.0)
"""Upper bounds of the offsets that are counted together, in seconds."""

Labelled = Mapping[tuple[str, ...], float]
"""Numbers by the values of their labels."""


def finite(value: float | None) -> float | None:
    """Give what Prometheus can count with: a device may send a number of 400 digits."""
    try:
        number = math.nan if value is None else float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def writable(text: str) -> str:
    """Give what can be written in UTF-8; half a letter cannot. The library escapes the rest."""
    return text.encode(errors="backslashreplace").decode()


def single(name: str, text: str, value: float | None) -> Metric:
    """Give a family of one number without labels; of none, when that is not known."""
    known = finite(value)
    return family(name, text, (), {} if known is None else {(): known})


def family(
    name: str, text: str, labels: Iterable[str], samples: Labelled, *, kind: str = "gauge"
) -> Metric:
    """
    Give a family.

    Args:
        name: Of all its series.
        text: What it tells.
        labels: Names of the labels.
        samples: Numbers by the labels' values.
        kind: Its type.
    """
    from prometheus_client import Metric  # noqa: PLC0415  an extra

    metric = Metric(name.removesuffix("_total"), text, kind)
    for values, value in samples.items():
        metric.add_sample(name, dict(zip(labels, values, strict=True)), value)
    return metric


def histogram(name: str, text: str, label: str, numbers: Mapping[str, list[float]]) -> Metric:
    """Give how the numbers of each value of a label are distributed."""
    metric = family(name, text, (), {}, kind="histogram")
    for value, found in sorted(numbers.items()):
        for bound, most in [*((f"{one:g}", one) for one in BUCKETS_S), ("+Inf", math.inf)]:
            count = sum(one <= most for one in found)
            metric.add_sample(f"{name}_bucket", {label: value, "le": bound}, count)
        metric.add_sample(f"{name}_count", {label: value}, len(found))
        metric.add_sample(f"{name}_sum", {label: value}, math.fsum(found))
    return metric


def rendered(metrics: Iterator[Metric]) -> bytes:
    """
    Give the text of families; those without a sample are left out.

    Raises:
        SettingsError: prometheus-client is not installed; it comes with the extra `metrics`.
    """
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
