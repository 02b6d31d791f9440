"""The rules of the house as a test: rules that are not tested fade. CONTRIBUTING.md tells why."""

import ast
import textwrap
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import pytest

PROJECT: Final = Path(__file__).parents[1]
PACKAGE: Final = PROJECT / "axis_ntp_async"
OURS: Final = "axis_ntp_async"

FLOORS: Final = (
    "version",
    "errors",
    "storage",
    "device",
    "inventory",
    "policy",
    "fleet",
    "health",
    "rollout",
    "report",
    "service",
    "cli",
    "__main__",
)
"""Imports point left, or stay on their floor. A floor that is not built yet does no harm."""

BESIDE: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    "simulator": {
        "errors": frozenset(),
        "device.wire": frozenset(),
        "device.records": frozenset(),
        "device.configuration": frozenset(),
    },
    "report": {
        "errors": frozenset(),
        "device.records": frozenset(),
        "device.configuration": frozenset(),
        "policy.policy": frozenset(),
        "health.finding": frozenset(),
        "health.history.evidence": frozenset(),
        "health.history.record": frozenset(),
        "health.history.watched": frozenset({"Times"}),
        "health.sweep": frozenset({"EXAMPLES", "Group", "Summary"}),
        "health.watch.events": frozenset(),
        "health.watch.notice": frozenset({"Notice"}),
        "health.watch.overview": frozenset({"Overview"}),
        "health.watch.site_causes": frozenset({"SiteCause", "SiteTrouble", "belongs_to"}),
        "rollout.events": frozenset(),
        "rollout.plan": frozenset(),
        "rollout.rules.settings": frozenset(),
        "rollout.runs": frozenset(),
        "rollout.servers.checks": frozenset({"ServerCheck"}),
    },
}
"""
Floors that see certain files only, and of a file everything or the names given.

The simulator stands beside the session. A report imports nouns, never verbs:
what renders cannot touch a device.
"""

PURE: Final = (
    "errors",
    "device.records",
    "device.configuration",
    "device.wire",
    "device.auth",
    "device.strict",
    "policy.lines",
    "policy.policy",
    "policy.specificity",
    "fleet.rate",
    "fleet.retry",
    "fleet.slots",
    "health.failures",
    "health.finding",
    "health.judge",
    "health.history.chain",
    "health.history.evidence",
    "health.history.keeping",
    "health.history.record",
    "health.history.rows",
    "health.history.watched",
    "health.watch.conclusion",
    "health.watch.events",
    "health.watch.memory",
    "health.watch.notice",
    "health.watch.overview",
    "health.watch.own_clock",
    "health.watch.patience",
    "health.watch.rules",
    "health.watch.site_causes",
    "health.watch.standing",
    "report.alerting.alerts",
    "report.alerting.dashboard",
    "report.alerting.panels",
    "report.alerting.records",
    "report.alerting.rules",
    "report.nagios.check",
    "report.nagios.device",
    "report.nagios.fleet",
    "report.nagios.verdict",
    "report.page.causes",
    "report.page.clocks",
    "report.page.commands",
    "report.page.courses",
    "report.page.data",
    "report.page.devices",
    "report.page.drift",
    "report.page.headline",
    "report.page.report",
    "report.page.servers",
    "report.page.sites",
    "report.page.summary",
    "report.page.words",
    "report.series.devices",
    "report.series.families",
    "report.series.fleet",
    "rollout.events",
    "rollout.plan",
    "rollout.planning.forecast",
    "rollout.planning.waves",
    "rollout.rules.budget",
    "rollout.rules.decision",
    "rollout.rules.pacing",
    "rollout.rules.proof",
    "rollout.rules.settings",
    "rollout.runs",
    "rollout.servers.checks",
    "simulator.model.api",
    "simulator.model.camera",
    "simulator.model.clock",
    "simulator.model.faults",
    "simulator.model.ntp_client",
    "simulator.model.parameters",
    "simulator.model.truth",
)
"""They decide and do nothing: no network, no file, no clock."""

IMPURE_MODULES: Final = frozenset({"aiohttp", "asyncio", "socket", "sqlite3", "time"})
IMPURE_CALLS: Final = frozenset({"open", "print", "input"})
CLOCK_CALLS: Final = frozenset({"datetime.now", "datetime.utcnow", "datetime.today", "date.today"})

LINES_OF_A_FUNCTION: Final = 40
LINES_OF_A_FILE: Final = 450

LONGER: Final[Mapping[str, str]] = {
    "health.judge:judge": "a third is docstring; the rest is the list of questions, in order",
    "health.watch.watch:watch": "all but one statement is docstring and arguments",
    "simulator.fleets:make_fleet": "half is docstring and arguments, one line each",
}
"""What may be longer, as `file` or `file:function`, and the reason."""


class Import(NamedTuple):
    """One import statement: of a module, or of names from it; `top` runs when its file does."""

    line: int
    module: str
    names: tuple[str, ...]
    top: bool


class File(NamedTuple):
    """One file of the package, by its dotted name below the package."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def floor(self) -> str:
        return self.name.partition(".")[0]

    @property
    def is_folder(self) -> bool:
        return self.path.name == "__init__.py"


def files_of(root: Path) -> list[File]:
    files = []
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        files.append(File(name, path, ast.parse(path.read_text(encoding="utf-8"))))
    return files


def imports_of(file: File) -> Iterator[Import]:
    top = set(map(id, _run_at_import(file.tree.body)))
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                yield Import(node.lineno, one.name, (), id(node) in top)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            names = tuple(one.name for one in node.names)
            yield Import(node.lineno, module, names, id(node) in top)


def _run_at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        if isinstance(statement, ast.If):
            if "TYPE_CHECKING" not in ast.unparse(statement.test):
                yield from _run_at_import(statement.body)
            yield from _run_at_import(statement.orelse)
        elif isinstance(statement, ast.Try):
            yield from _run_at_import(statement.body)


def targets_of(found: Import, known: set[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give our files that an import fetches, and which names of each."""
    if found.module.partition(".")[0] != OURS:
        return
    module = found.module.removeprefix(OURS).removeprefix(".")
    files = [name for name in found.names if f"{module}.{name}".lstrip(".") in known]
    yield from ((f"{module}.{name}".lstrip("."), ()) for name in files)
    rest = tuple(name for name in found.names if name not in files)
    if rest or not found.names:
        yield module, rest


def faults_of_layers(root: Path) -> Iterator[str]:
    files = files_of(root)
    known = {file.name for file in files}
    for file in files:
        for found in imports_of(file) if file.name else ():
            place = f"{file.name}:{found.line}"
            if found.module.startswith("."):
                yield f"{place} imports relatively"
            for target, names in targets_of(found, known):
                if not _may_import(file.floor, target, names):
                    yield f"{place} may not import {' '.join([target, *names])}"


def _may_import(floor: str, target: str, names: tuple[str, ...]) -> bool:
    wanted = target.partition(".")[0]
    if floor == wanted:
        return True
    if floor in BESIDE:
        allowed = BESIDE[floor].get(target)
        return allowed is not None and (not allowed or (bool(names) and allowed >= set(names)))
    if wanted == "simulator":
        return floor == "cli"
    if floor not in FLOORS or wanted not in FLOORS:
        return False
    return FLOORS.index(wanted) < FLOORS.index(floor)


def faults_of_cycles(root: Path) -> Iterator[str]:
    files = files_of(root)
    known = {file.name for file in files}
    edges = {
        file.name: {
            target
            for found in imports_of(file)
            if found.top
            for target, _ in targets_of(found, known)
            if target in known
        }
        for file in files
    }
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> Iterator[str]:
        if name in path:
            yield f"imports run in a circle: {' > '.join([*path[path.index(name) :], name])}"
        elif name not in done:
            for target in sorted(edges[name]):
                yield from walk(target, (*path, name))
            done.add(name)

    for name in edges:
        yield from walk(name, ())


def faults_of_purity(root: Path) -> Iterator[str]:
    for file in files_of(root):
        if file.name not in PURE:
            continue
        for found in imports_of(file):
            if (module := found.module.partition(".")[0]) in IMPURE_MODULES:
                yield f"{file.name}:{found.line} is pure and may not import {module}"
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Call) and _does_something(called := ast.unparse(node.func)):
                yield f"{file.name}:{node.lineno} is pure and may not call {called}"


def _does_something(called: str) -> bool:
    end = ".".join(called.split(".")[-2:])
    return called in IMPURE_CALLS or end in CLOCK_CALLS


def faults_of_folders(root: Path) -> Iterator[str]:
    for file in files_of(root):
        if file.is_folder and file.name and not _is_docstring_only(file.tree):
            yield f"{file.name}/__init__.py holds more, or less, than a docstring"
    for folder in {path.parent for path in root.rglob("*.py")}:
        if not (folder / "__init__.py").exists():
            yield f"{folder.name} lacks an __init__.py"


def _is_docstring_only(tree: ast.Module) -> bool:
    return len(tree.body) == 1 and ast.get_docstring(tree) is not None


def faults_of_size(root: Path, longer: Mapping[str, str] | None = None) -> Iterator[str]:
    longer, excused = longer or {}, set()
    for file in files_of(root):
        for name, lines, limit in _sizes(file):
            if lines > limit and name not in longer:
                yield f"{name} has {lines} lines, more than {limit}"
            elif lines > limit:
                excused.add(name)
    yield from (
        f"{name} is short by now: take it off the list" for name in longer.keys() - excused
    )


def _sizes(file: File) -> Iterator[tuple[str, int, int]]:
    text = file.path.read_text(encoding="utf-8")
    yield file.name, len(text.splitlines()), LINES_OF_A_FILE
    for node in ast.walk(file.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield f"{file.name}:{node.name}", lines, LINES_OF_A_FUNCTION


def faults_of_reminders(root: Path) -> Iterator[str]:
    reminder = "TO" + "DO"
    for path in sorted(root.rglob("*")):
        if path.suffix in {".py", ".md", ".toml", ".conf"} and path.is_file():
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                if reminder in line:
                    yield f"{path.name}:{number} puts something off"


RULES: Final = (
    faults_of_layers,
    faults_of_cycles,
    faults_of_purity,
    faults_of_folders,
    partial(faults_of_size, longer=LONGER),
    faults_of_reminders,
)


@pytest.mark.parametrize("rule", RULES)
def test_the_package_keeps_the_rules(rule: Callable[[Path], Iterator[str]]) -> None:
    """No file of the package breaks a rule of the house."""
    assert list(rule(PACKAGE)) == []


@pytest.mark.parametrize("folder", ["tests", "benchmarks"])
def test_nothing_is_put_off(folder: str) -> None:
    """Tests and benchmarks hold no reminders either."""
    assert list(faults_of_reminders(PROJECT / folder)) == []


def test_every_rule_is_about_files_that_are_there() -> None:
    """A file that moved does not silently leave the list of pure ones."""
    assert set(PURE) <= {file.name for file in files_of(PACKAGE)}


def test_every_floor_is_ruled() -> None:
    """A new folder has to say where it stands."""
    floors = {file.floor for file in files_of(PACKAGE)} - {""}
    assert floors <= {*FLOORS, *BESIDE}


@pytest.mark.parametrize(
    ("rule", "name", "text", "expected"),
    [
        (faults_of_layers, "device/a.py", "import axis_ntp_async.fleet.pool", "fleet.pool"),
        (faults_of_layers, "device/a.py", "from axis_ntp_async.fleet import pool", "fleet.pool"),
        (faults_of_layers, "device/a.py", "from axis_ntp_async import fleet", "fleet"),
        (faults_of_layers, "errors.py", "import axis_ntp_async.device.wire", "device.wire"),
        (faults_of_layers, "fleet/a.py", "def f():\n  import axis_ntp_async.cli", "cli"),
        (
            faults_of_layers,
            "health/a.py",
            "import axis_ntp_async.simulator.camera",
            "camera",
        ),
        (faults_of_layers, "report/a.py", "import axis_ntp_async.fleet.pool", "fleet.pool"),
        (
            faults_of_layers,
            "report/a.py",
            "from axis_ntp_async.health.sweep import sweep",
            "sweep",
        ),
        (faults_of_layers, "report/a.py", "import axis_ntp_async.health.sweep", "health.sweep"),
        (faults_of_layers, "report/a.py", "import axis_ntp_async.health.judge", "health.judge"),
        (faults_of_layers, "report/a.py", "import axis_ntp_async.device.session", "session"),
        (faults_of_layers, "simulator/a.py", "import axis_ntp_async.device.auth", "device.auth"),
        (faults_of_layers, "strange/a.py", "import axis_ntp_async.errors", "errors"),
        (faults_of_layers, "device/a.py", "from axis_ntp_async import SessionPool", "SessionPool"),
        (faults_of_layers, "device/a.py", "from .wire import PATH", "relatively"),
        (faults_of_layers, "device/a.py", "from . import wire", "relatively"),
        (faults_of_cycles, "device/wire.py", "import axis_ntp_async.device.wire", "circle"),
        (faults_of_cycles, "fleet/pool.py", "from axis_ntp_async.cli import main", "circle"),
        (faults_of_purity, "errors.py", "import time", "time"),
        (faults_of_purity, "errors.py", "from asyncio import sleep", "asyncio"),
        (faults_of_purity, "errors.py", "def f():\n  import socket", "socket"),
        (faults_of_purity, "errors.py", "print(1)", "print"),
        (faults_of_purity, "errors.py", "x = open('a')", "open"),
        (faults_of_purity, "errors.py", "x = dt.datetime.now(dt.UTC)", "datetime.now"),
        (faults_of_folders, "device/__init__.py", "'''A.'''\nimport json", "device/__init__"),
        (faults_of_folders, "device/__init__.py", "", "device/__init__"),
        (faults_of_folders, "device/deep/a.py", "", "deep lacks"),
        (faults_of_size, "errors.py", "\n" * 451, "errors has 451 lines"),
        (faults_of_size, "errors.py", "def f():\n" + "  1\n" * 40, "errors:f has 41 lines"),
        (faults_of_reminders, "errors.py", "# TO" + "DO: later", "errors.py:1"),
    ],
)
def test_a_broken_rule_is_found(
    tmp_path: Path, rule: Callable[[Path], Iterator[str]], name: str, text: str, expected: str
) -> None:
    """One bad line in a good little house, and the rule tells the place."""
    assert list(rule(_little_house(tmp_path))) == []
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    [fault] = rule(tmp_path)
    assert expected in fault


def test_an_excuse_that_is_not_needed_is_found(tmp_path: Path) -> None:
    """The list of long functions does not outlive them."""
    [fault] = faults_of_size(_little_house(tmp_path), {"errors:gone": "was long once"})
    assert fault.startswith("errors:gone is short")


def _little_house(root: Path) -> Path:
    """Build a house that keeps all rules, also those with exceptions."""
    files = {
        "__init__.py": "from axis_ntp_async.device.wire import PATH",
        "errors.py": "",
        "device/wire.py": "from axis_ntp_async import errors",
        "fleet/pool.py": "import asyncio\nfrom axis_ntp_async.device import wire",
        "health/sweep.py": "from axis_ntp_async.fleet.pool import each",
        "report/tables.py": "from axis_ntp_async.health.sweep import Summary",
        "simulator/camera.py": "from axis_ntp_async.device.wire import PATH",
        "cli/main.py": textwrap.dedent("""
            from typing import TYPE_CHECKING
            import axis_ntp_async.fleet.pool
            import axis_ntp_async.simulator.camera
            if TYPE_CHECKING:
                import axis_ntp_async.cli.main
            def run():
                import axis_ntp_async.cli.main
        """),
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if path.parent != root:
            (path.parent / "__init__.py").write_text('"""A floor."""', encoding="utf-8")
    return root
