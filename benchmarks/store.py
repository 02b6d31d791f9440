"""Where results are kept: the raw ones as JSON, what people read as Markdown and SVG."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks import charts, tables
from benchmarks.reach import judged
from benchmarks.scenarios import AGAIN, SUITES

FOLDER: Final = Path(__file__).parent
RAW: Final = FOLDER / "results.json"
PAGE: Final = FOLDER / "RESULTS.md"
CHARTS: Final = FOLDER / "charts"
OUT_OF_REACH: Final = FOLDER / "out_of_reach.md"
"""What a profile says of goals that were missed; written by hand."""

_DIGITS: Final = 5

Results = dict[str, Any]
"""The results of scenarios by their names, and of the micro benchmarks as `micro`."""


def load() -> Results:
    """Give what was kept before."""
    if not RAW.exists():
        return {}
    results: Results = json.loads(RAW.read_text(encoding="utf-8"))
    return results


def keep(results: Results) -> None:
    """Keep new results beside the older ones of other scenarios; write and draw them all."""
    whole = load() | results
    RAW.write_text(json.dumps(_rounded(whole), separators=(",", ":")) + "\n", encoding="utf-8")
    CHARTS.mkdir(exist_ok=True)
    for name, result in _scenarios(whole).items():
        if drawn := charts.draw(result):
            (CHARTS / f"{name}.svg").write_text(drawn, encoding="utf-8")
    PAGE.write_text("\n".join(page(whole)).rstrip() + "\n", encoding="utf-8")


def page(results: Results) -> Iterator[str]:
    """Give the page of all results."""
    yield "# Results"
    yield ""
    yield "Written by `python -m benchmarks --write`; the README tells how it measures, and what"
    yield "not to read from it. Medians; in brackets the median of the paired ratios to the first"
    yield f"line of a table. *{AGAIN}* is the first line once more: its ratio is noise."
    yield ""
    known = _scenarios(results)
    if any(name in SUITES["reach"] for name in known):
        yield from ("## Reach", "", *tables.reach(known), "")
        yield from (*tables.noise(known), "")
        if any(
            value is not None and not goal.is_reached(value) for goal, value, _ in judged(known)
        ):
            yield from ("### Out of reach", "", OUT_OF_REACH.read_text(encoding="utf-8"))
    yield from ("## Scenarios", "")
    for name, result in known.items():
        yield from tables.scenario(result)
        if (CHARTS / f"{name}.svg").exists():
            yield f"![{result['title']}](charts/{name}.svg)"
            yield ""
        yield from ("<sub>", *tables.circumstances(result["circumstances"]), "</sub>", "")
    if "micro" in results:
        yield from ("## Single steps", "", *tables.micro(results["micro"]["rows"]), "")
        facts = results["micro"]["circumstances"]
        yield from ("<sub>", *tables.circumstances(facts), "</sub>")


def _scenarios(results: Results) -> Mapping[str, Any]:
    """Give those of scenarios, in their usual order; the quick ones are nothing to keep."""
    return {name: results[name] for name in SUITES["full"] if name in results}


def _rounded(value: Any) -> Any:  # noqa: ANN401  whatever JSON can hold
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value
