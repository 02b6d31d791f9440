"""Results as Markdown, which reads well in a terminal, too."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from benchmarks import figures
from benchmarks.figures import (
    CPU,
    LAST,
    T50,
    T95,
    Result,
    complaints,
    of,
    ratio,
    requests_per_device,
    spread,
    time_of,
    typical,
)
from benchmarks.reach import judged

_SWEEPS: Final = ("first", "second", "nonces changed")
_NOTHING: Final = "-"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Give a table, its columns as wide as they need to be."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    yield _line(lines[0], widths)
    yield f"| {'-' * widths[0]} | {' | '.join('-' * (width - 1) + ':' for width in widths[1:])} |"
    for line in lines[1:]:
        yield _line(line, widths)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    numbers = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
    return f"| {cells[0].ljust(widths[0])} | {' | '.join(numbers)} |"


def scenario(result: Result) -> Iterator[str]:
    """Give all that is known of one scenario."""
    yield f"### {result['title']}"
    yield ""
    yield from _curve_table(result) if result["shows"] == "curve" else _cpu_table(result)
    yield ""
    for entry in result["entries"]:
        for complaint in complaints(entry):
            yield f"* {entry['label']}: {complaint}"
    yield ""


def _cpu_table(result: Result) -> Iterator[str]:
    sweeps = range(max(int(entry["setting"]["sweeps"]) for entry in result["entries"]))
    header = [
        "CPU µs/device, ratio",
        *(_SWEEPS[number] for number in sweeps),
        "least to most",
        "wall s",
        "peak MiB",
        "open",
        "requests",
        "answered",
    ]
    yield from table(header, (_cpu_row(result, entry, sweeps) for entry in result["entries"]))


def _cpu_row(result: Result, entry: Mapping[str, Any], sweeps: range) -> list[str]:
    base = result["entries"][0]["label"]
    requests = (typical(entry, number, requests_per_device) for number in sweeps)
    return [
        entry["label"],
        *(
            _with_ratio(typical(entry, number, CPU), ratio(result, entry["label"], base, number))
            for number in sweeps
        ),
        _range(spread(entry, 0, CPU)),
        _number(typical(entry, 0, of("wall_s")), ".2f"),
        _number(typical(entry, sweeps[-1], of("rss_mib")), ".0f"),
        _number(typical(entry, 0, of("most_open")), ",.0f"),
        " / ".join(_number(value, ".4g") for value in requests),
        _number(typical(entry, 0, of("answered")), ",.0f"),
    ]


def _curve_table(result: Result) -> Iterator[str]:
    header = [
        "seconds until answered",
        "T50",
        "T95",
        "last",
        "T95 ratio",
        "sweep",
        "open",
        "answered",
    ]
    yield from table(header, (_curve_row(result, entry) for entry in result["entries"]))


def _curve_row(result: Result, entry: Mapping[str, Any]) -> list[str]:
    same = [one["label"] for one in result["entries"] if one["contender"] == entry["contender"]]
    return [
        entry["label"],
        *(_number(typical(entry, 0, time_of(part)), ".2f") for part in (T50, T95, LAST)),
        _number(ratio(result, entry["label"], same[0], 0, time_of(T95)), ".2f"),
        _number(typical(entry, 0, of("wall_s")), ".1f"),
        _number(typical(entry, 0, of("most_open")), ",.0f"),
        _number(typical(entry, 0, of("answered")), ",.0f"),
    ]


def reach(results: Mapping[str, Result]) -> Iterator[str]:
    """Give the goals, and what was reached of them."""
    rows = (
        (
            goal.what,
            f"{'' if goal.exact else '≤ '}{goal.limit:g}",
            _number(value, ".2f" if goal.limit < 10 else ".0f"),  # noqa: PLR2004  digits that matter
            verdict,
        )
        for goal, value, verdict in judged(results)
    )
    yield from table(("what", "goal", "value", "reached"), rows)


def noise(results: Mapping[str, Result]) -> Iterator[str]:
    """Give by how much one must mistrust ratios."""
    if (found := figures.noise(results.values())) is not None:
        least, most = found
        yield f"Noise: the first client, run once more, took {least:.2f} to {most:.2f} of itself."


def micro(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Give the results of the micro benchmarks."""
    yield from table(
        ("what", "median", "least", "unit", "to compare"),
        (
            (
                row["what"],
                f"{row['median']:,.4g}",
                f"{row['least']:,.4g}",
                row["unit"],
                row["note"],
            )
            for row in rows
        ),
    )


def circumstances(facts: Mapping[str, Any]) -> Iterator[str]:
    """Give machine, versions, commit and time of a scenario in one paragraph."""
    pinned = "client and fleet on a core each" if facts["pinned"] else "**cores not set apart**"
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    yield (
        f"{facts['at']}, commit {facts['commit']}, Python {facts['python']}, {facts['system']}, "
        f"{facts['cores']} cores of {facts['cpu']}, {pinned}; {versions or 'no packages'}"
    )


def _with_ratio(value: float | None, to_base: float | None) -> str:
    if value is None:
        return _NOTHING
    return f"{value:,.0f} ({_number(to_base, '.2f')})"


def _range(values: tuple[float, float] | None) -> str:
    return f"{values[0]:,.0f} to {values[1]:,.0f}" if values else _NOTHING


def _number(value: float | None, form: str) -> str:
    return _NOTHING if value is None else format(value, form)
