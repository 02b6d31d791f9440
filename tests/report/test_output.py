"""JSON lines, JSON documents and CSV."""

import csv
import io
import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis_ntp_async.report.output import CSV, JSONDocument, JSONLines

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(st.characters(), max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
DOCUMENTS = st.lists(st.dictionaries(st.sampled_from("abc"), ANY_JSON, max_size=3), max_size=4)


def test_a_line_leaves_at_once() -> None:
    """A reader gets a document before the next one is known."""
    stream = io.StringIO()
    lines = JSONLines(stream)
    lines.write({"device": "lobby-3"})
    assert stream.getvalue() == '{"device": "lobby-3"}\n'


def test_the_summary_is_the_last_line() -> None:
    """It comes after all others, and only if there is one."""
    stream = io.StringIO()
    lines = JSONLines(stream)
    lines.write({"a": 1})
    lines.end({"b": 2})
    lines.end()
    assert stream.getvalue().splitlines() == ['{"a": 1}', '{"b": 2}']


@given(DOCUMENTS)
def test_lines_can_be_read_again(documents: list[dict[str, Any]]) -> None:
    """One line a document, whatever stands in it."""
    stream = io.StringIO()
    lines = JSONLines(stream)
    for document in documents:
        lines.write(document)
    assert [json.loads(line) for line in stream.getvalue().splitlines()] == documents


@given(DOCUMENTS)
def test_lines_steer_no_terminal(documents: list[dict[str, Any]]) -> None:
    """JSON allows C1 controls and directions in a text; we do not show them."""
    stream = io.StringIO()
    lines = JSONLines(stream)
    for document in documents:
        lines.write(document)
    text = stream.getvalue().replace("\n", "")
    assert not [one for one in text if unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"}]
    assert not set(text) & set("\u200e\u200f\u202a\u202e\u2066\u2069\u061c\ufeff")


def test_readable_letters_stay_readable() -> None:
    """Names of people's places can be searched for."""
    stream = io.StringIO()
    JSONLines(stream).write({"name": "Pförtner 東京"})
    assert "Pförtner 東京" in stream.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_is_right_in_every_encoding(encoding: str) -> None:
    """Where the stream cannot take a letter, JSON has its escape."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="replace")
    JSONLines(stream).write({"name": "Pförtner 東京 \U0001f600 \ud800"})
    assert json.loads(raw.getvalue()) == {"name": "Pförtner 東京 \U0001f600 \ud800"}


@given(DOCUMENTS, st.none() | st.just({"devices": 3}))
def test_a_document_is_valid_json(
    documents: list[dict[str, Any]], summary: dict[str, Any] | None
) -> None:
    """None, one or many: it has its schema, a list and, if there is one, a summary."""
    stream = io.StringIO()
    writer = JSONDocument(stream, "axis-ntp/sweep/v1", "results")
    for document in documents:
        writer.write(document)
    writer.end(summary)
    expected: dict[str, Any] = {"schema": "axis-ntp/sweep/v1", "results": documents}
    if summary is not None:
        expected["summary"] = summary
    assert json.loads(stream.getvalue()) == expected


def read_csv(documents: list[dict[str, Any]], *columns: str) -> list[list[str]]:
    stream = io.StringIO()
    table = CSV(stream, columns)
    for document in documents:
        table.write(document)
    table.end({"not": "shown"})
    return list(csv.reader(io.StringIO(stream.getvalue())))


def test_a_table_has_a_header_even_without_rows() -> None:
    """A script that reads it finds its columns."""
    assert read_csv([], "device", "site") == [["device", "site"]]


def test_the_header_comes_once() -> None:
    """Then a row each."""
    rows = read_csv([{"device": "a"}, {"device": "b"}], "device")
    assert rows == [["device"], ["a"], ["b"]]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-0.25, "-0.25"),
        (["a", "b"], "a b"),
        ([], ""),
        ({}, ""),
        ({"code": 4004}, '{"code": 4004}'),
        ([{"cause": "offset"}], '[{"cause": "offset"}]'),
        ('two, "three"', 'two, "three"'),
        ("a\nb", "a?b"),
        ("\x1b[2J", "?[2J"),
    ],
)  # fmt: skip
def test_what_stands_in_a_cell(value: object, expected: str) -> None:
    """Lists become words, objects JSON, what is not known stays empty."""
    assert read_csv([{"cell": value}], "cell")[1] == ([expected] if expected else [""])


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝", "＋", "－", "＠"])  # noqa: RUF001  wide
def test_no_text_is_a_formula(start: str) -> None:
    """A device that calls itself a formula does not run in anybody's spreadsheet."""
    [_, [name, servers]] = read_csv(
        [{"name": f"{start}HYPERLINK(1)", "servers": [f"{start}x"]}], "name", "servers"
    )
    assert (name, servers) == (f"'{start}HYPERLINK(1)", f"'{start}x")


@given(st.text(st.characters()))
def test_a_cell_stays_one_cell(text: str) -> None:
    """Neither separators, nor quotes, nor ends of line in a text break the row."""
    [_, row] = read_csv([{"a": text, "b": "end"}], "a", "b")
    assert row[1:] == ["end"]
