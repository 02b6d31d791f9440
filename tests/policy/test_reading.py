"""Policies from files: what is read, and what is told when something is wrong."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import ServersSource
from axis_ntp_async.errors import PolicyError
from axis_ntp_async.policy.policy import Policy
from axis_ntp_async.policy.reading import load_policy, policy_from

FULL = """
[policy]
enabled = true
source = "Static"
servers = ["10.0.0.5", "2001:db8::5", "ntp.example"]
minpoll = 6
maxpoll = 10

[[policy.override]]
match = ["site=berlin,label.model=P32*", "!gate"]
optional = true
source = "dhcp"
servers = "clear"
[policy.override.nts]
enabled = false
ke_servers = ["ntske.example"]
ca_certs = ["ca-1", "ca-2"]
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the policy, in the working directory."""
    monkeypatch.chdir(tmp_path)
    return Path("p.toml")


def faults_of(path: Path, text: str) -> list[str]:
    """What is wrong with a policy of this text, without the name of the file."""
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError) as error:
        load_policy(path)
    assert all(fault.startswith("p.toml:") for fault in error.value.faults)
    return [fault.removeprefix("p.toml:") for fault in error.value.faults]


def test_every_member_is_read(write: Path) -> None:
    """With its place, and what is said of whom."""
    write.write_text(FULL, encoding="utf-8")
    policy = load_policy(write)
    everybody, some = policy.rules
    assert policy.source == "p.toml"
    assert everybody.wants == NTPClientConfiguration(
        enabled=True,
        servers_source=ServersSource.STATIC,
        static_servers=("10.0.0.5", "2001:db8::5", "ntp.example"),
        minpoll=6,
        maxpoll=10,
    )
    assert some.wants == NTPClientConfiguration(
        nts_enabled=False,
        servers_source=ServersSource.DHCP,
        static_servers=(),
        static_ntske_servers=("ntske.example",),
        ntske_server_ca_certs=("ca-1", "ca-2"),
    )
    assert (everybody.place, everybody.match, everybody.optional) == ("p.toml:2", "", False)
    assert (some.place, some.optional) == ("p.toml:9", True)
    assert some.match == "site=berlin,label.model=P32*; !gate"


@pytest.mark.parametrize(
    "text",
    [
        '[[policy.override]]\nmatch = "a"\nenabled = true',
        "[policy]\nnts = { ca_certs = 'clear' }",
        "policy.enabled = false",
        "policy = { enabled = true }",
        "\ufeff[policy]\r\nenabled = true\r\n",
    ],
)
def test_every_member_may_be_left_out(write: Path, text: str) -> None:
    """One, anywhere, is enough; and TOML may be written in many ways."""
    write.write_text(text, encoding="utf-8")
    assert any(rule.wants.members for rule in load_policy(write).rules)


P = "[policy]\nenabled = true\n"
O = f"{P}[[policy.override]]\n"  # noqa: E741  beside P
FIX = 'write [policy] and below it what is wanted, like servers = ["10.0.0.5"]'
NO_SERVER = "is no address and no DNS name; ports and schemes do not belong here"
MISSPELT = """[policy]
minpol = 3
static_servers = []
nts_enabled = true
ca_certs = []
foo = 1
match = 'a'
optional = true
'nts.enabled' = true"""

FAULTY = [
    ("", [f" is empty; {FIX}"]),
    (" \n", [f" is empty; {FIX}"]),
    ("# nothing", [f" has no [policy]; {FIX}"]),
    ("[policy]", [f" wants nothing; {FIX}"]),
    ("[policy]\nnts = {}", [f" wants nothing; {FIX}"]),
    ("policy = 5", ["1: is 5, not a table"]),
    ("[[policy]]\nenabled = true", ["1: is [{'enabled': True}], not a table"]),
    ("a = [", [" is not TOML: Invalid value (at end of document)"]),
    ("[[devices]]", [f" has no [policy]; {FIX}", "1: 'devices' may not stand beside [policy]"]),
    (
        f"quiet = true\n[polcy]\n[[override]]\n{P}",
        [
            "1: 'quiet' may not stand beside [policy]",
            "2: 'polcy' may not stand beside [policy]; did you mean 'policy'?",
            "3: override: may not stand beside [policy]; did you mean [[policy.override]]?",
        ],
    ),
    (
        f"servers = ['a']\nnts.enabled = true\n{P}",
        [
            "1: servers: may not stand beside [policy]; write [policy] above it",
            "2: nts: may not stand beside [policy]; write [policy] above it",
        ],
    ),
    ("[policy]\nenabled = 1", ["2: enabled: 1 is neither true nor false"]),
    ("[policy]\nenabled = 'true'", ["2: enabled: 'true' is neither true nor false"]),
    ("[policy]\nsource = 'ntp'", ['2: source: \'ntp\' is neither "static" nor "DHCP"']),
    ("[policy]\nsource = 3", ['2: source: 3 is neither "static" nor "DHCP"']),
    ("[policy]\nminpoll = -1", ["2: minpoll: -1 is not a whole number from 0 to 24"]),
    ("[policy]\nmaxpoll = 25", ["2: maxpoll: 25 is not a whole number from 0 to 24"]),
    ("[policy]\nminpoll = true", ["2: minpoll: True is not a whole number from 0 to 24"]),
    ("[policy]\nminpoll = 6.0", ["2: minpoll: 6.0 is not a whole number from 0 to 24"]),
    ("[policy]\nmaxpoll = 3\nminpoll = 4", ["3: minpoll: 4 is above maxpoll 3"]),
    (
        "[policy]\nservers = 'a'",
        ['2: servers: \'a\' is not a list like ["a", "b"], nor "clear"'],
    ),
    *(
        (
            f"[policy]\n{member} = {value}",
            [f'2: {member}: lists nothing; write "clear" to leave none, or leave the member out'],
        )
        for member in ("servers", "nts.ke_servers", "nts.ca_certs")
        for value in ("[]", '[""]')
    ),
    ("[policy]\nservers = ['clear']", ['2: servers: write "clear" without brackets']),
    (
        "[policy]\nservers = ['', 'a b', '10.0.0.5:123', 'http://x', '10.0.0', 7, 'a', 'A.', 'a']",
        [
            f"2: servers: '' {NO_SERVER}",
            f"2: servers: 'a b' {NO_SERVER}",
            f"2: servers: '10.0.0.5:123' {NO_SERVER}",
            f"2: servers: 'http://x' {NO_SERVER}",
            f"2: servers: '10.0.0' {NO_SERVER}",
            "2: servers: 7 is not text; write it in quotes",
            "2: servers: 'A.' stands there twice",
            "2: servers: 'a' stands there twice",
        ],
    ),
    (
        "[policy]\nservers = ['2001:db8::5', '2001:DB8:0::5']",
        ["2: servers: '2001:DB8:0::5' stands there twice"],
    ),
    (
        f"[policy]\nservers = ['{'a' * 256}']",
        [f"2: servers: '{'a' * 56}... has more than 255 characters"],
    ),
    (
        "[policy.nts]\nca_certs = ['1', '1', 'a b']",
        ["2: nts.ca_certs: '1' stands there twice"],
    ),
    (
        "[policy.nts]\nca_certs = ['a b']",
        ["2: nts.ca_certs[0]: 'a b' has white space or control characters"],
    ),
    ("[policy]\nnts = true", ["2: nts: True is not a table; write nts = { enabled = true }"]),
    (
        "[policy.nts]\nenabld = true\nservers = ['a']",
        [
            "2: 'nts.enabld' is not known; did you mean 'nts.enabled'?",
            "3: 'nts.servers' is not known; did you mean 'nts.ke_servers'?",
        ],
    ),
    (
        MISSPELT,
        [
            "2: 'minpol' is not known; did you mean 'minpoll'?",
            "3: static_servers: is not known; did you mean 'servers'?",
            "4: nts_enabled: is not known; did you mean 'nts.enabled'?",
            "5: ca_certs: is not known; did you mean 'nts.ca_certs'?",
            "6: 'foo' is not known",
            "7: match: may stand in [[policy.override]] only",
            "8: optional: may stand in [[policy.override]] only",
            "1: nts.enabled: write it without quotes",
        ],
    ),
    (
        f"{P}[policy.override]\nmatch = 'a'",
        ["3: override: is {'match': 'a'}; write [[policy.override]], in two brackets"],
    ),
    (
        f"{P}override = [3]",
        [
            " override 1: is 3, not a table",
            f' override 1: {"match: is missing"}; name the devices, like match = "site=berlin"',
        ],
    ),
    (
        f"{O}servers = 'clear'",
        ['3: match: is missing; name the devices, like match = "site=berlin"'],
    ),
    (f"{O}match = []", ['4: match: [] is not text like "site=berlin"']),
    (f"{O}match = ''", ["4: match: '': a condition is empty"]),
    (
        f"{O}match = ['sit=a', 'a,,b', 5, '@f']",
        [
            "4: match: 'sit=a': 'sit' is not known; did you mean 'site'?",
            "4: match: 'a,,b': a condition is empty",
            '4: match: 5 is not text like "site=berlin"',
            "4: match: '@f': a file of names may not stand here",
        ],
    ),
    (
        f"{O}match = 'a'\noptional = 'yes'\noptinal = true\nmatches = 3",
        [
            "5: optional: 'yes' is neither true nor false",
            "6: 'optinal' is not known; did you mean 'optional'?",
            "7: 'matches' is not known; did you mean 'match'?",
        ],
    ),
]


@pytest.mark.parametrize(("text", "faults"), FAULTY)
def test_faults_are_told_with_their_place(write: Path, text: str, faults: list[str]) -> None:
    """All of them at once, with what to write in place of it."""
    assert faults_of(write, text) == faults


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"[policy]\nservers = ['b\xfccher']", "p.toml: line 2: the byte 0xFC is not UTF-8; save"),
        (b"\x00\x01", "p.toml: line 1: has a NUL character"),
        (b"a = " + b"[" * 9_000, "p.toml: is not TOML"),
    ],
)
def test_what_is_no_text_is_told(write: Path, content: bytes, fault: str) -> None:
    """And what to do about it."""
    write.write_bytes(content)
    with pytest.raises(PolicyError) as error:
        load_policy(write)
    assert str(error.value).startswith(fault)


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("gone.toml", "gone.toml: there is no such file"),
        (".", ".: is a folder; name the file in it"),
        ("-", "-: there is no such file"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(write: Path, path: str, fault: str) -> None:
    """A dash is a name as any other: standard input may be the inventory."""
    assert not write.exists()
    with pytest.raises(PolicyError) as error:
        load_policy(path)
    assert error.value.faults == (fault,)


def test_a_policy_may_stand_beside_other_things(write: Path) -> None:
    """Those that are named; a slip in one of them is told."""
    write.write_text(f"quiet = true\nper-site = 3\nqiet = 3\n{P}", encoding="utf-8")
    with pytest.raises(PolicyError) as error:
        load_policy(write, beside=["quiet", "per-site"])
    assert error.value.faults == (
        "p.toml:3: 'qiet' may not stand beside [policy]; did you mean 'quiet'?",
    )
    write.write_text(f"quiet = true\n{P}", encoding="utf-8")
    assert load_policy(write, beside=["quiet"]).rules[0].wants.enabled


def test_without_lines_the_overrides_are_counted() -> None:
    """Less precise, but never wrong."""
    tables = tomllib.loads(FULL)
    assert [rule.place for rule in policy_from(tables, "x").rules] == [
        "x: [policy]",
        "x: override 1",
    ]


NAMES = st.sampled_from(
    ["policy", "override", "match", "optional", "enabled", "servers", "source", "minpoll"]
) | st.sampled_from(["maxpoll", "nts", "ke_servers", "ca_certs", "x.y", "", "\n"])
JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, JSON_LIKE, max_size=4))
def test_whatever_stands_there_is_read_or_told(tables: dict[str, object]) -> None:
    """No other error comes out, and each fault is one line that names the file."""
    faults: tuple[str, ...] = ()
    try:
        policy = policy_from(tables, "x")
    except PolicyError as error:
        faults = error.faults
    else:
        assert isinstance(policy, Policy)
        assert any(rule.wants.members for rule in policy.rules)
    assert all(one.startswith("x: ") and "\n" not in one for one in faults)
