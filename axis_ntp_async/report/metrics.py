"""
Metrics in the text format of Prometheus, from what a watch or one look at a device has found.

What is not known is absent, never 0: an alert on a made-up number wakes people for nothing.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Final

from axis_ntp_async.errors import SettingsError
from axis_ntp_async.health.finding import Finding
from axis_ntp_async.health.watch.overview import Overview
from axis_ntp_async.report.series.devices import of_probe
from axis_ntp_async.report.series.families import rendered
from axis_ntp_async.report.series.fleet import of_overview

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""What the bytes are, in the words of HTTP."""


def exposition(overview: Overview, *, per_device: bool = False) -> bytes:
    """
    Give what a watch knows: totals per site, and the devices that are not ok, one by one.

    Args:
        overview: What it knows; nothing, before the first device was looked at.
        per_device: Whether every device has series of its own, and not the worst 500 only.

    Raises:
        SettingsError: prometheus-client is not installed; it comes with the extra `metrics`.
    """
    return rendered(of_overview(overview, per_device=per_device))


def probe_exposition(finding: Finding, duration_s: float) -> bytes:
    """
    Give one look at one device, which Prometheus itself names: `instance`.

    Args:
        finding: What was found.
        duration_s: Seconds that the whole probe took.

    Raises:
        SettingsError: prometheus-client is not installed; it comes with the extra `metrics`.
    """
    return rendered(of_probe(finding, duration_s))


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
