"""The face: what a user may import, and that it is all there, documented and cheap."""

import ast
import importlib
import inspect
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import axis_ntp_async

NAMES = axis_ntp_async.__all__
CONSTANTS = [name for name in NAMES if name.isupper()]
DEFINITIONS = [name for name in NAMES if name not in CONSTANTS]
FACE = Path(axis_ntp_async.__file__)


def imports_for_type_checkers() -> dict[str, str]:
    """Give the file of each name that `__init__.py` imports for type checkers."""
    return {
        name.name: (node.module or "").removeprefix("axis_ntp_async.")
        for node in ast.walk(ast.parse(FACE.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("axis_ntp_async.")
        for name in node.names
    }


def public_members(named: type) -> list[tuple[str, Any]]:
    """Give the functions and properties that a class defines itself, by name."""
    kinds = (property, classmethod, staticmethod)
    return [
        (name, member)
        for name, member in vars(named).items()
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, kinds))
    ]


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_exported_name_is_there_and_documented(name: str) -> None:
    """Nothing is promised that cannot be had, or that nobody explains."""
    named = getattr(axis_ntp_async, name)
    assert named.__name__ == name
    assert (named.__doc__ or "").strip()


@pytest.mark.parametrize("name", CONSTANTS)
def test_every_exported_constant_is_defined_and_documented_in_its_file(name: str) -> None:
    """The file in the table assigns it, and a text below says what it is."""
    file = importlib.import_module(f"axis_ntp_async.{axis_ntp_async._FILE_OF_NAME[name]}")
    body = ast.parse(inspect.getsource(file)).body
    [place] = [place for place, one in enumerate(body) if ast.unparse(one).startswith(f"{name}:")]
    below = body[place + 1]
    assert getattr(axis_ntp_async, name) is getattr(file, name)
    assert isinstance(below, ast.Expr)
    assert isinstance(below.value, ast.Constant)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_public_method_is_documented(name: str) -> None:
    """A first sentence for everything that can be called."""
    named = getattr(axis_ntp_async, name)
    members = public_members(named) if inspect.isclass(named) else []
    assert [member for member, value in members if not inspect.getdoc(value)] == []


def test_the_three_lists_of_names_agree() -> None:
    """What type checkers see, what is fetched, and what is exported are the same names."""
    fetched = {
        name: file for file, names in axis_ntp_async._NAMES_OF_FILE.items() for name in names
    }
    assert imports_for_type_checkers() == fetched
    assert sorted(fetched) == sorted(NAMES)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_name_is_fetched_from_the_file_that_defines_it(name: str) -> None:
    """No detours: the file in the table is where a reader finds the definition."""
    named = getattr(axis_ntp_async, name)
    assert named.__module__ == f"axis_ntp_async.{axis_ntp_async._FILE_OF_NAME[name]}"


def test_names_are_pickled_by_the_place_that_defines_them() -> None:
    """The lazy face does not come between a class and its pickle."""
    for name in DEFINITIONS:
        named = getattr(axis_ntp_async, name)
        assert pickle.loads(pickle.dumps(named)) is named  # noqa: S301  our own


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A slip of the pen fails as in any other module, and names both."""
    with pytest.raises(AttributeError, match=r"'axis_ntp_async' has no attribute 'SesionPool'"):
        _ = axis_ntp_async.SesionPool


def test_an_unknown_name_cannot_be_imported() -> None:
    """`from … import` fails the usual way."""
    with pytest.raises(ImportError, match="SesionPool"):
        exec("from axis_ntp_async import SesionPool")  # noqa: S102  a statement is the subject


def test_everything_can_be_imported_at_once() -> None:
    """`import *` gives the names of `__all__`, and no other."""
    names: dict[str, Any] = {}
    exec("from axis_ntp_async import *", names)  # noqa: S102  not allowed in a function
    assert names.keys() - {"__builtins__"} == set(NAMES)


def test_all_names_are_listed_for_those_who_explore() -> None:
    """`dir` knows the names before anybody used them."""
    assert set(NAMES) <= set(dir(axis_ntp_async))


def test_the_version_is_that_of_the_installation() -> None:
    """It stands in one place."""
    found = importlib.import_module("importlib.metadata").version("axis_ntp_async")
    assert axis_ntp_async.__version__ == found


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import axis_ntp_async", {"aiohttp", "asyncio", "attrs", "cattrs", "tenacity", "ssl"}),
        ("from axis_ntp_async import Device", {"aiohttp", "asyncio", "cattrs", "tenacity"}),
        ("from axis_ntp_async import SessionPool", {"click", "rich", "cryptography"}),
    ],
)
def test_only_what_is_needed_is_imported(code: str, heavy: set[str]) -> None:
    """A program pays for what it uses: the face fetches each name when it is first used."""
    asked = f"{code}; import sys; print(*(sys.modules.keys() & {heavy!r}))"
    ended = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stdout.split() == []
