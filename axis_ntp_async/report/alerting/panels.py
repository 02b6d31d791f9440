"""The shape of Grafana's panels: numbers, lines, tables, and where each stands. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

Document = dict[str, Any]

SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
"""Whatever data source is chosen in the dashboard."""

_WIDTH: Final = 24


def placed(panels: Iterable[Document]) -> list[Document]:
    """Number the panels and lay them out in rows, from left to right."""
    found: list[Document] = []
    x, y, tallest = 0, 0, 0
    for number, panel in enumerate(panels, 1):
        size = panel["gridPos"]
        if x + size["w"] > _WIDTH:
            x, y, tallest = 0, y + tallest, 0
        found.append({"id": number, **panel, "gridPos": {**size, "x": x, "y": y}})
        x, tallest = x + size["w"], max(tallest, size["h"])
    return found


def stat(
    title: str,
    expr: str,
    description: str,
    *,
    unit: str = "short",
    steps: Sequence[tuple[float | None, str]] = ((None, "text"),),
) -> Document:
    """Make a large number; from each of *steps* on it has that colour."""
    return panel(
        "stat",
        title,
        [target(expr, title, instant=True)],
        description,
        defaults={"unit": unit, "thresholds": _thresholds(steps)},
        options={
            "colorMode": "value",
            "graphMode": "none",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
        width=4,
        height=4,
    )


def series(
    title: str,
    lines_of: Sequence[tuple[str, str]],
    description: str,
    *,
    unit: str = "short",
    stacked: bool = False,
    lines: Sequence[tuple[float, str]] = (),
    overrides: Sequence[Document] = (),
    height: int = 8,
) -> Document:
    """Make lines over time, one for each expression and legend; *lines* are dashed across."""
    custom = {
        "lineWidth": 1,
        "fillOpacity": 40 if stacked else 0,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if lines else "off"},
    }
    return panel(
        "timeseries",
        title,
        [target(expr, legend) for expr, legend in lines_of],
        description,
        defaults={
            "unit": unit,
            "min": 0,
            "custom": custom,
            "thresholds": _thresholds([(None, "text"), *lines]),
        },
        overrides=overrides,
        options={
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        width=12,
        height=height,
    )


def table(
    title: str,
    expr: str,
    description: str,
    *,
    value: str | None,
    unit: str = "s",
    steps: Sequence[tuple[float | None, str]] = ((None, "text"),),
) -> Document:
    """Make a table of the series of now; *value* heads the numbers, `None` leaves these out."""
    shown = {"id": "custom.cellOptions", "value": {"type": "color-text"}}
    hidden = {"Time": True, "__name__": True, "Value": value is None}
    overrides = [
        {
            "matcher": {"id": "byName", "options": value},
            "properties": [{"id": "unit", "value": unit}, shown],
        }
    ]
    return panel(
        "table",
        title,
        [target(expr, "", instant=True, format="table")],
        description,
        defaults={"thresholds": _thresholds(steps)},
        overrides=overrides if value else (),
        options={"showHeader": True, "sortBy": [{"displayName": value or "state", "desc": True}]},
        transformations=[
            {
                "id": "organize",
                "options": {
                    "excludeByName": hidden,
                    "renameByName": {"Value": value} if value else {},
                },
            }
        ],
        width=12,
        height=9,
    )


def panel(
    kind: str,
    title: str,
    targets: Sequence[Document],
    description: str,
    *,
    width: int,
    height: int,
    options: Document,
    defaults: Document | None = None,
    overrides: Sequence[Document] = (),
    transformations: Sequence[Document] = (),
) -> Document:
    """Make a panel of any kind, in Grafana's words."""
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": SOURCE,
        "gridPos": {"w": width, "h": height},
        "targets": [{"refId": chr(65 + place), **one} for place, one in enumerate(targets)],
        "fieldConfig": {"defaults": defaults or {}, "overrides": list(overrides)},
        "options": options,
        "transformations": list(transformations),
    }


def target(
    expr: str,
    legend: str,
    *,
    instant: bool = False,
    format: str = "time_series",  # noqa: A002  Grafana's word
) -> Document:
    """Make a query of a panel."""
    return {
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": expr,
        "legendFormat": legend,
        "format": format,
        "instant": instant,
        "range": not instant,
    }


def _thresholds(steps: Sequence[tuple[float | None, str]]) -> Document:
    return {
        "mode": "absolute",
        "steps": [{"value": value, "color": colour} for value, colour in steps],
    }
