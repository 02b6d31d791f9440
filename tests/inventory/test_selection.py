"""The language of selections."""

import pickle
from typing import Any

import pytest

from axis_ntp_async.device.records import Device
from axis_ntp_async.errors import SelectionError
from axis_ntp_async.inventory.selection import Selection


def device(**members: Any) -> Device:
    """One device of the fleet below."""
    return Device(**members)


FLEET = (
    device(
        name="Lobby-1",
        host="10.0.0.1",
        site="berlin",
        groups=("indoor",),
        serial="ACCC8E000001",
        labels={"Model": "P3265-V"},
        credentials="fleet",
    ),
    device(name="lobby-2", host="10.0.0.2", site="berlin", groups=("indoor", "lab")),
    device(name="roof[1]", host="2001:db8::1", site="rome", scheme="http"),
    device(name="gate", host="10.0.0.4", labels={"model": "M3085-V"}),
)


def chosen(*terms: str) -> list[str]:
    """The names that the terms choose."""
    return [one.name for one in Selection.parse(terms).choose(FLEET)]


@pytest.mark.parametrize(
    ("terms", "names"),
    [
        ((), ["Lobby-1", "lobby-2", "roof[1]", "gate"]),
        (("gate",), ["gate"]),
        (("LOBBY-*",), ["Lobby-1", "lobby-2"]),
        (("lobby-[13]",), ["Lobby-1"]),
        (("roof[1]",), ["roof[1]"]),
        (("site=Berlin",), ["Lobby-1", "lobby-2"]),
        (("site=*",), ["Lobby-1", "lobby-2", "roof[1]"]),
        (("site=",), ["gate"]),
        (("group=",), ["roof[1]", "gate"]),
        (("group=lab",), ["lobby-2"]),
        (("tag = ind*",), ["Lobby-1", "lobby-2"]),
        (("label.model=*-v",), ["Lobby-1", "gate"]),
        (("label.model=",), ["lobby-2", "roof[1]"]),
        (("serial=ac:cc:8e:00:00:01",), ["Lobby-1"]),
        (("serial=ACCC8E*",), ["Lobby-1"]),
        (("serial=ACCC8E00000[12]",), ["Lobby-1"]),
        (("host=2001:*", "name=gate"), ["roof[1]", "gate"]),
        (("credentials=fleet", "scheme=http"), ["Lobby-1", "roof[1]"]),
        (("gate", "Lobby-1"), ["Lobby-1", "gate"]),
        (("!gate",), ["Lobby-1", "lobby-2", "roof[1]"]),
        (("not site=berlin",), ["roof[1]", "gate"]),
        (("! gate", "!site=rome"), ["Lobby-1", "lobby-2"]),
        (("!gate,!site=rome",), ["Lobby-1", "lobby-2"]),
        (("lobby-*", "!group=lab"), ["Lobby-1"]),
        (("site=berlin,group=lab",), ["lobby-2"]),
        (("site=berlin and !group=lab",), ["Lobby-1"]),
        (("gate", "site=berlin , not group=lab"), ["Lobby-1", "gate"]),
    ],
)
def test_terms_choose_what_they_mean(terms: tuple[str, ...], names: list[str]) -> None:
    """Terms add up, opposites take away, and the order is that of the inventory."""
    assert chosen(*terms) == names


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (("lobby-3",), "'lobby-3' fits none of 4 devices; the closest: lobby-2, Lobby-1"),
        (("site=berln",), "the closest: site=berlin"),
        (("label.modle=P*",), "the closest: label."),
        (("label.model=P3265-X",), "the closest: label.model=P3265-V"),
        (("qqqqqq",), "'qqqqqq' fits none of 4 devices$"),
        (("!group=labb",), "'!group=labb' fits none of 4 devices; the closest: group=lab"),
        (("gate", "site=berlin,!group=labb"), "'!group=labb' fits none"),
        (("Lobby-1,lobby-2",), "'Lobby-1,lobby-2' fits none .* several terms are added up"),
        (("gate", "!gate"), "no device is left of 4"),
        (("",), "a condition is empty"),
        (("site=berlin,",), "a condition is empty"),
        (("!",), "a condition is empty"),
        (("stie=berlin",), "'stie' is not known; did you mean 'site'?"),
        (("model=P*",), "for a label write label.NAME="),
        (("@names.txt",), "a file of names may not stand here"),
    ],
)
def test_a_term_that_fits_nothing_is_an_error(terms: tuple[str, ...], said: str) -> None:
    """The error names the term, and what is nearest to it."""
    with pytest.raises(SelectionError, match=said.replace("?", r"\?")):
        chosen(*terms)


def test_names_of_a_file_are_taken_literally() -> None:
    """A name that is not there is an error, and so is a file without names."""
    files = {"some": ["roof[1]", "gate"], "none": [], "other": [f"x{n}" for n in range(8)]}
    selection = Selection.parse(["@some"], read_names=files.__getitem__)
    assert [one.name for one in selection.choose(FLEET)] == ["roof[1]", "gate"]
    with pytest.raises(SelectionError, match="no names at all"):
        Selection.parse(["@none"], read_names=files.__getitem__).choose(FLEET)
    with pytest.raises(SelectionError, match=r"'x0', 'x1', .* and 3 more"):
        Selection.parse(["!@other"], read_names=files.__getitem__).choose(FLEET)


def test_no_devices_are_nothing_to_select_from() -> None:
    """An empty selection is an error, never 'all'."""
    with pytest.raises(SelectionError, match="there are no devices"):
        Selection.parse([]).choose(())


def test_a_selection_can_be_compared_and_sent_to_another_process() -> None:
    """A policy that holds one is data."""
    selection = Selection.parse(["site=b*,!group=lab"])
    again = pickle.loads(pickle.dumps(selection))  # noqa: S301  our own bytes
    assert again == selection == Selection.parse([" site=b*,!group=lab"])
    assert [one for one in FLEET if again.matches(one)] == [FLEET[0]]
