"""How many files may be open, without opening that many."""

import logging
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from axis_ntp_async.fleet import files
from axis_ntp_async.fleet.files import fit_open_files
from axis_ntp_async.fleet.slots import Limits

INFINITY = resource.RLIM_INFINITY
DEFAULT = Limits()
WANTED = 2 * 100 + 4000 + 64


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[int, int]]]:
    """Pretend a soft and a hard limit; gives the list of what is then set."""

    def pretend(soft: int, hard: int, *, refuses: bool = False) -> list[tuple[int, int]]:
        wishes: list[tuple[int, int]] = []

        def setrlimit(_: int, limits: tuple[int, int]) -> None:
            if refuses:
                raise ValueError("current limit exceeds maximum limit")
            wishes.append(limits)

        monkeypatch.setattr(files, "_open_now", lambda: 0)
        monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
        monkeypatch.setattr(resource, "setrlimit", setrlimit)
        return wishes

    return pretend


@pytest.mark.parametrize(
    ("soft", "hard", "wishes"),
    [
        pytest.param(INFINITY, INFINITY, [], id="no limit"),
        pytest.param(WANTED, WANTED, [], id="just enough"),
        pytest.param(1024, INFINITY, [(WANTED, INFINITY)], id="raised, no hard limit"),
        pytest.param(1024, 524_288, [(WANTED, 524_288)], id="raised no further than needed"),
    ],
)
def test_limits_that_fit_stay_as_they_are(
    system: Callable[..., list[tuple[int, int]]],
    caplog: pytest.LogCaptureFixture,
    soft: int,
    hard: int,
    wishes: list[tuple[int, int]],
) -> None:
    """Where the soft limit is high enough or may be raised, nothing changes, nothing is said."""
    found = system(soft, hard)
    assert DEFAULT is fit_open_files(DEFAULT)
    assert wishes == found
    assert caplog.records == []


@pytest.mark.parametrize("refuses", [False, True])
def test_fewer_are_parked_where_files_are_few(
    system: Callable[..., list[tuple[int, int]]],
    caplog: pytest.LogCaptureFixture,
    refuses: bool,
) -> None:
    """The pool works as much as before, and waits for fewer silent devices at once."""
    caplog.set_level(logging.INFO)
    system(1024, 524_288 if refuses else 1024, refuses=refuses)
    fitted = fit_open_files(DEFAULT)
    assert (
        fitted.total,
        fitted.per_site,
        fitted.per_device,
        fitted.parked,
    ) == (100, 25, 1, 760)
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "only 1024 files may be open: at most 760 silent devices wait" in caplog.text


@pytest.mark.parametrize(("most", "total"), [(128, 32), (66, 1), (10, 1)])
def test_fewer_work_where_files_are_very_few(
    system: Callable[..., list[tuple[int, int]]],
    caplog: pytest.LogCaptureFixture,
    most: int,
    total: int,
) -> None:
    """A warning says how many devices are worked on in place of how many; one at least."""
    system(most, most)
    fitted = fit_open_files(DEFAULT)
    assert (total, 0) == (fitted.total, fitted.parked)
    assert f"only {most} files may be open: at most {total} at once in place of 100" in caplog.text
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_files_that_are_open_already_count(
    system: Callable[..., list[tuple[int, int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An embedder with a thousand sockets of its own leaves fewer for devices."""
    system(1024, 1024)
    monkeypatch.setattr(files, "_open_now", lambda: 500)
    assert fit_open_files(DEFAULT).parked == 260


def test_open_files_are_counted(tmp_path: Path) -> None:
    """By what the system lists; where it lists nothing, they are none."""
    before = files._open_now()
    with (tmp_path / "one").open("w"), (tmp_path / "two").open("w"):
        assert files._open_now() == before + 2


def test_a_system_that_lists_no_files_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """There the margin for others has to do."""
    monkeypatch.setattr(files, "_OPEN_FILES", Path("nowhere"))
    assert files._open_now() == 0
