"""
Results as SVG: bars of CPU per device, curves of who had answered when.

Written by hand: a chart is some twenty lines of text that a diff can show, and
a plotting library would weigh more than the project. Its colours carry both a
light and a dark page; text follows the page where the viewer tells which it is.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final
from xml.sax.saxutils import escape

from benchmarks.figures import CPU, T95, Result, curve, typical

_WIDTH: Final = 760
_LEFT: Final = 210
_RIGHT: Final = 70
_ROW: Final = 34
_TOP: Final = 66
_PLOT_HEIGHT: Final = 300
_STYLE: Final = (
    "text{font:13px system-ui,sans-serif;fill:#57606a}"
    "line{stroke:#8c959f;stroke-opacity:.4}"
    "@media(prefers-color-scheme:dark){text{fill:#adbac7}}"
)
_COLOURS: Final = ("#4184e4", "#c6902d", "#57ab5a", "#e5534b", "#986ee2", "#39a8a8")
_ROOT: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
    'width="{width}" height="{height}" role="img">'
)
_SWEEPS: Final = ("first sweep", "second sweep")


def draw(result: Result) -> str | None:
    """Draw a scenario; `None` where there is nothing to see."""
    return _curves(result) if result["shows"] == "curve" else _bars(result)


def _bars(result: Result) -> str | None:
    entries = [entry for entry in result["entries"] if entry["runs"]]
    if not entries:
        return None
    sweeps = range(min(2, *(int(entry["setting"]["sweeps"]) for entry in entries)))
    values = [[typical(entry, one, CPU) or 0 for one in sweeps] for entry in entries]
    scale = (_WIDTH - _LEFT - _RIGHT) / (max(max(row) for row in values) or 1)
    parts = [*_legend(result["title"], "CPU µs/device", [_SWEEPS[one] for one in sweeps])]
    for line, (entry, row) in enumerate(zip(entries, values, strict=True)):
        parts += _row(_TOP + line * _ROW, entry["label"], [value * scale for value in row], row)
    return _document(_TOP + len(entries) * _ROW + 8, parts)


def _row(top: int, label: str, widths: Sequence[float], values: Sequence[float]) -> Iterator[str]:
    yield _text(_LEFT - 8, top + 17, label, "end")
    height = 24 / len(widths)
    for number, (width, value) in enumerate(zip(widths, values, strict=True)):
        y = top + number * height
        yield (
            f'<rect x="{_LEFT}" y="{y:.1f}" width="{width:.1f}" height="{height - 1:.1f}" '
            f'fill="{_COLOURS[number]}"/>'
        )
        yield _text(_LEFT + width + 4, y + height - 1, f"{value:,.0f}", size=11)


def _curves(result: Result) -> str | None:
    entries = [(entry, points) for entry in result["entries"] if (points := curve(entry))]
    if not entries:
        return None
    most_s = max(points[-1] for _, points in entries)
    across = (_WIDTH - 2 * _RIGHT) / most_s
    labels = [entry["label"] for entry, _ in entries]
    top = 40 + 20 * len(labels)
    parts = [_text(12, 24, f"{result['title']}: healthy devices answered, % over seconds")]
    for share in (0, 50, 95, 100):
        y = top + _PLOT_HEIGHT * (1 - share / 100)
        parts.append(f'<line x1="{_RIGHT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(_RIGHT - 6, y + 4, str(share), "end", size=11))
    for number, (entry, points) in enumerate(entries):
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(_swatch(12, 34 + 20 * number, colour))
        last = f"T95 {points[T95]:.2f} s, last {points[-1]:.2f} s"
        parts.append(_text(30, 45 + 20 * number, f"{entry['label']}: {last}"))
        path = " ".join(
            f"{_RIGHT + seconds * across:.1f},{top + _PLOT_HEIGHT * (1 - share / 100):.1f}"
            for share, seconds in enumerate(points, 1)
        )
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
    for part in range(5):
        seconds = most_s * part / 4
        x = _RIGHT + seconds * across
        parts.append(_text(x, top + _PLOT_HEIGHT + 20, f"{seconds:.1f}", "middle", size=11))
    return _document(top + _PLOT_HEIGHT + 32, parts)


def _legend(title: str, unit: str, names: Sequence[str]) -> Iterator[str]:
    yield _text(12, 24, f"{title}: {unit}")
    for number, name in enumerate(names):
        x = _LEFT + 150 * number
        yield _swatch(x, 36, _COLOURS[number])
        yield _text(x + 18, 47, name)


def _swatch(x: float, y: float, colour: str) -> str:
    return f'<rect x="{x}" y="{y}" width="12" height="12" fill="{colour}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 13) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
        f'style="font-size:{size}px">{escape(text)}</text>'
    )


def _document(height: float, parts: Sequence[Any]) -> str:
    lines = [
        _ROOT.format(width=_WIDTH, height=round(height)),
        f"<style>{_STYLE}</style>",
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"
