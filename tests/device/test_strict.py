"""JSON with strict types, from anybody who answers at a device's address."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axis_ntp_async.device import strict


@pytest.fixture(params=["quick", "plain"], autouse=True)
def _reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything here holds with orjson and without."""
    if request.param == "plain":
        monkeypatch.setattr(strict, "_load_quickly", None)
    else:
        pytest.importorskip("orjson")


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5)


@pytest.mark.parametrize(
    ("read", "given", "expected"),
    [
        (strict.boolean, True, True),
        (strict.number, 1, 1.0),
        (strict.number, -12.34, -12.34),
        (strict.integer, 44, 44),
        (strict.integer, 44.0, 44),
        (strict.integer, -(2**63) + 1, -(2**63) + 1),
        (strict.text, "", ""),
        (strict.names, ["a", "b"], ("a", "b")),
        (strict.names, [""], ()),
        (strict.names, [], ()),
        (strict.members, {}, {}),
        (strict.version, "1.5", "1.5"),
        (strict.version, 1.5, "1.5"),
        (strict.version, 1, "1"),
    ],
)
def test_a_right_type_is_read(read: Callable[[object], Any], given: object, expected: Any) -> None:
    """Numbers may come with or without a point, versions also as text."""
    found = read(given)
    assert expected == found
    assert type(expected) is type(found)


@pytest.mark.parametrize(
    ("read", "given", "said"),
    [
        (strict.boolean, "no", 'is "no", not true or false'),
        (strict.boolean, 0, "is 0, not true or false"),
        (strict.boolean, None, "is null, not true or false"),
        (strict.number, "1.5", 'is "1.5", not a number'),
        (strict.number, True, "is true, not a number"),
        (strict.number, float("inf"), "is Infinity, not a number"),
        (strict.number, 10**400, "is 1000"),
        (strict.integer, 1.5, "is 1.5, not a whole number"),
        (strict.integer, False, "is false, not a whole number"),
        (strict.integer, float("-inf"), "is -Infinity, not a whole number"),
        (strict.integer, 2**63, "is 9223372036854775808, not a whole number"),
        (strict.integer, 1e300, "is 1e+300, not a whole number"),
        (strict.integer, 10**400, "is 1000"),
        (strict.text, 5, "is 5, not text"),
        (strict.names, "abc", 'is "abc", not a list of texts'),
        (strict.names, ["a", 5], 'is ["a", 5], not a list of texts'),
        (strict.names, [None], "is [null], not a list of texts"),
        (strict.members, [], "is [], not an object"),
        (strict.version, True, "is true, not a version like 1.0"),
        (strict.version, ["1.0"], 'is ["1.0"], not a version like 1.0'),
    ],
)
def test_a_wrong_type_is_shown(read: Callable[[object], Any], given: object, said: str) -> None:
    """What was found, as JSON, and what was expected."""
    with pytest.raises(strict.WrongTypeError) as caught:
        read(given)
    assert str(caught.value).startswith(said)


def test_a_long_value_is_cut() -> None:
    """A message is no place for a megabyte."""
    with pytest.raises(strict.WrongTypeError) as caught:
        strict.boolean("x" * 10_000)
    assert len(str(caught.value)) < 100


@given(values)
def test_a_reader_gives_its_type_or_says_why_not(value: object) -> None:
    """Nothing else comes out, whatever goes in."""
    readers: dict[Callable[[object], Any], type] = {
        strict.boolean: bool,
        strict.number: float,
        strict.integer: int,
        strict.text: str,
        strict.names: tuple,
        strict.version: str,
    }
    for read, kind in readers.items():
        try:
            found = read(value)
        except strict.WrongTypeError:
            continue
        assert type(found) is kind


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a":1}', {"a": 1}),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        (b' {"a":1}\r\n', {"a": 1}),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        ('{"a":"ü"}'.encode(), {"a": "ü"}),
        (b"[" * 31 + b"]" * 31, json.loads("[" * 31 + "]" * 31)),
    ],
)
def test_json_is_read(body: bytes, expected: object) -> None:
    """With a byte order mark, blanks, characters in two halves; the last of two names counts."""
    assert expected == strict.load(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1',
        b'{"a":1}{"b":2}',
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\\ud800"}',
        b'{"\\uDC00":1}',
        '{"a":1}'.encode("utf-16"),
        b"9" * 5000,
        b"[" * 40 + b"]" * 40,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 900 + b"1" + b"}" * 900,
    ],
)
def test_what_is_no_json_is_a_value_error(body: bytes) -> None:
    """Also what is too deep, or would break whoever writes it down."""
    with pytest.raises(ValueError, match=r".*"):
        strict.load(body)


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    """They are JSON, or they are not."""
    try:
        value = strict.load(body)
    except ValueError:
        return
    json.dumps(value, ensure_ascii=False).encode()


@given(
    st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
)
def test_what_is_dumped_can_be_loaded(members: dict[str, str]) -> None:
    """In UTF-8."""
    assert members == strict.load(strict.dump(members))


def _read(body: bytes) -> object:
    try:
        return strict.load(body)
    except ValueError:
        return ValueError


PIECES = st.sampled_from(
    [
        *(b'"a"', b'"\\ud83d\\ude00"', b'"\\ud800"', b"1", b"-0.0", b"1e400", b"1E2", b"01"),
        *(b"18446744073709551616", b"9223372036854775807", b"-9223372036854775808", b"0.1"),
        *(b"NaN", b"-Infinity", b"true", b"nul", b"[", b"]", b"{", b"}", b":", b",", b" "),
        *(b"\xef\xbb\xbf", b"\xff", b"\x00", b'"\x01"', b'"\xc3\xa9"', b"[[[[" * 9, b"]]]]" * 9),
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.lists(PIECES, max_size=8).map(b"".join) | st.binary(max_size=20))
def test_both_ways_of_reading_agree(body: bytes) -> None:
    """Whatever comes, orjson changes the time and nothing else."""
    quick = _read(body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strict, "_load_quickly", None)
        plain = _read(body)
    assert repr(quick) == repr(plain)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=values)
def test_both_ways_give_the_same_values(value: object) -> None:
    """Of the same type, down to the sign of nothing."""
    body = json.dumps(value).encode()
    quick = _read(body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strict, "_load_quickly", None)
        assert repr(_read(body)) == repr(quick)
