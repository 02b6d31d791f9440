"""On which lines a policy's tables and members stand."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis_ntp_async.policy.lines import Lines

POLICY = '''quiet = true  # [policy]
[other]  # what is in it, is nothing to us
servers = 3
[policy] # """
note = """
[policy]
[[policy.override]]
servers = 1 \\""" """""
servers = [
  "[[policy.override]]", # ] [
  'a',
]
nts.enabled = true
"source" = "static"
[policy.extra]
minpoll = 3
[[ policy . override ]]
match = "a"
nts = { enabled = true, ke_servers = [
"x"] }
[["policy.override"]]
enabled = true
[[policy.override]]
match = \'\'\'
enabled = \'\'\'
[policy.override.nts]
enabled = true
'''


def test_everything_stands_where_it_stands() -> None:
    """Whatever looks alike in texts, comments and lists."""
    tomllib.loads(POLICY)
    lines = Lines.of(POLICY)
    assert lines.beside.line_of(("quiet",)) == 1
    assert lines.beside.line_of(("other",)) == 2
    assert lines.base.line == 4
    assert lines.base.line_of(("servers",)) == 9
    assert lines.base.line_of(("nts", "enabled")) == 13
    assert lines.base.line_of(("source",)) == 4
    assert lines.base.line_of(("extra",)) == 15
    assert lines.base.line_of(("extra", "minpoll")) == 16
    first, second = lines.overrides(2)
    assert first.line == 17
    assert first.line_of(("match",)) == 18
    assert first.line_of(("nts", "ke_servers")) == 19
    assert first.line_of(("enabled",)) == 17
    assert second.line == 23
    assert second.line_of(("match",)) == 24
    assert second.line_of(("nts",)) == 26
    assert second.line_of(("nts", "enabled")) == 27


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('policy.override = [{ match = "a" }, { match = "b" }]', 2),
        ('[["policy".override]]\nmatch = "a"\n[[policy.override]]\nmatch = "b"', 2),
        ("[policy]\nenabled = true", 0),
    ],
)
def test_overrides_are_left_without_lines_when_their_number_is_another(
    text: str, count: int
) -> None:
    """Written in an unusual way, some are not found."""
    assert len(tomllib.loads(text)["policy"].get("override", ())) == count
    found = Lines.of(text).overrides(count)
    assert [one.line for one in found] == [None] * count


@pytest.mark.parametrize(
    ("text", "line"),
    [("\npolicy = { enabled = true }", 2), ("\npolicy.enabled = true", None)],
)
def test_a_policy_may_have_no_header(text: str, line: int | None) -> None:
    """Its members then stand at the top of the file."""
    base = Lines.of(text).base
    assert (base.line, base.line_of(("enabled",))) == (line, 2)


QUOTES = ['"""', "'''", '"', "'", "\\", "#", "\n", "[[policy.override]]", "a", " ", "[", "{"]


@given(st.lists(st.lists(st.sampled_from(QUOTES), max_size=6), max_size=4), st.sampled_from("\"'"))
def test_no_text_is_taken_for_a_header(parts: list[list[str]], quote: str) -> None:
    """Of valid TOML, with headers in texts and comments: the lines are right, or unknown."""
    text = ""
    for number, part in enumerate(parts):
        text += f"[[policy.override]]\nnumber = {number}\nnote = {quote * 3}{''.join(part)}"
        text += f"{quote * 3}\n# {quote}[[policy.override]]\n"
    try:
        overrides = tomllib.loads(text).get("policy", {}).get("override", [])
    except tomllib.TOMLDecodeError:
        return
    rows = text.split("\n")
    for section, override in zip(Lines.of(text).overrides(len(overrides)), overrides, strict=True):
        assert section.line is not None
        if "number" not in override:
            continue  # a text that ended early has made an override of its own
        assert rows[section.line] == f"number = {override['number']}"
