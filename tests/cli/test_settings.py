"""Where options come from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axis_ntp_async.cli.commands import axis_ntp
from axis_ntp_async.cli.options import SETTINGS, SharedOption
from axis_ntp_async.cli.settings import read_settings, user_file
from axis_ntp_async.errors import SettingsError

FILES = ("user", "project")


@pytest.fixture
def write(home: Path) -> Callable[[str, str], Path]:
    """Writes one of the settings files."""
    paths = {"user": home / "axis-ntp" / "axis-ntp.toml", "project": Path("axis-ntp.toml")}

    def written(which: str, text: str) -> Path:
        paths[which].parent.mkdir(exist_ok=True)
        paths[which].write_text(text, encoding="utf-8")
        return paths[which]

    return written


@pytest.fixture
def listed(run: Callable[..., Any]) -> Callable[..., str]:
    """Runs a command that shows by its kind of output where its option came from."""
    Path("fleet.csv").write_text("name,host\nlobby-3,10.0.0.1\n", encoding="utf-8")

    def kind(*arguments: str) -> str:
        out = str(run("inventory", "list", "fleet.csv", *arguments).out)
        starts = {'{"': "jsonl", "{\n": "json", "sc": "csv", "de": "table"}
        return starts[out[:2]]

    return kind


def test_each_place_wins_over_the_next(
    write: Callable[[str, str], Path],
    listed: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Flags, then the environment, then the project's file, then the user's, then the default."""
    found = [listed()]
    write("user", 'output = "csv"')
    found.append(listed())
    write("project", 'output = "json"')
    found.append(listed())
    monkeypatch.setenv("AXIS_NTP_OUTPUT", "table")
    found.append(listed())
    found.append(listed("-o", "jsonl"))
    assert found == ["jsonl", "csv", "json", "table", "jsonl"]


def test_a_file_can_be_named(
    write: Callable[[str, str], Path],
    listed: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In place of the project's."""
    write("project", 'output = "json"')
    Path("other.toml").write_text('output = "csv"', encoding="utf-8")
    monkeypatch.setenv("AXIS_NTP_CONFIG", "other.toml")
    assert listed() == "csv"


def test_a_named_file_must_be_there(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who names one does not want the defaults."""
    monkeypatch.setenv("AXIS_NTP_CONFIG", "gone.toml")
    code, _, err = run("inventory", "check", "x.csv")
    assert (code, err) == (2, "axis-ntp: AXIS_NTP_CONFIG: there is no file gone.toml\n")


def test_variables_are_named_after_options() -> None:
    """`AXIS_NTP_` and the long name, for every option that many commands have."""
    assert {option.envvar for option in SETTINGS.values()} == {
        f"AXIS_NTP_{key.upper()}" for key in SETTINGS
    }
    assert {"AXIS_NTP_MAP", "AXIS_NTP_TIMEOUT", "AXIS_NTP_ALL"} <= {
        option.envvar for option in SETTINGS.values()
    }


def test_what_changes_a_device_cannot_be_set_elsewhere() -> None:
    """No file answers questions, names servers or replaces certificates for anybody."""
    for command in ("set", "trust"):
        own = [one for one in axis_ntp.commands[command].params if "yes" in (one.name or "")]
        assert own
        assert not any(isinstance(one, SharedOption) for one in own)
    assert not {"yes", "replace", "server", "enable"} & SETTINGS.keys()


def test_keys_may_be_written_as_options_are() -> None:
    """With dashes, or with underscores; a single text stands for a list of one."""
    Path("axis-ntp.toml").write_text(
        'per-site = 3\nconnect_timeout = 1\nlimit = "site=berlin"\n'
        'map = ["a=b", "c=d"]\nquiet = true\n',
        encoding="utf-8",
    )
    assert read_settings(SETTINGS) == {
        "per_site": 3,
        "connect_timeout": 1,
        "limit": ["site=berlin"],
        "map": ["a=b", "c=d"],
        "quiet": True,
    }


def test_a_single_term_of_a_file_selects(run: Callable[..., Any]) -> None:
    """It is no list of letters."""
    Path("fleet.csv").write_text("name,host\na,10.0.0.1\nb,10.0.0.2\n", encoding="utf-8")
    Path("axis-ntp.toml").write_text('limit = "b"', encoding="utf-8")
    assert [line["device"] for line in run("inventory", "list", "fleet.csv").lines] == ["b"]


FAULTY = [
    ("attempts = 3.7", "attempts: expected a whole number, not 3.7"),
    ("attempts = true", "attempts: expected a whole number, not True"),
    ("attempts = 0", "attempts: 0 is not in the range x>=1."),
    ('timeout = "x"', "timeout: expected a number, not 'x'"),
    ("timeout = nan", "timeout: nan is not a finite number."),
    ('quiet = "yes"', "quiet: expected true or false, not 'yes'"),
    ("quiet = 1", "quiet: expected true or false, not 1"),
    ("tls = 5", "tls: expected a text, not 5"),
    ("limit = [1]", "limit: expected a text, not [1]"),
    ("policy = 5", "policy: expected a text, not 5"),
    ('output = "xml"', "output: 'xml' is not one of"),
    ("per_sit = 3", "per_sit: there is no such setting; did you mean per-site?"),
    ("[sweep]\na = 1", "sweep: there is no such setting"),
    ("password = 'x'", "password: there is no such setting"),
    ("a = [", "Invalid value"),
]


@pytest.mark.parametrize("which", FILES)
@pytest.mark.parametrize(("text", "fault"), FAULTY)
def test_a_wrong_setting_is_told_with_its_place(
    write: Callable[[str, str], Path],
    run: Callable[..., Any],
    which: str,
    text: str,
    fault: str,
) -> None:
    """File, key, and what was expected."""
    path = write(which, text)
    code, out, err = run("inventory", "check", "x.csv")
    assert (code, out) == (2, "")
    assert err.startswith(f"axis-ntp: {path}: {fault}")


def test_all_faults_are_told_at_once(write: Callable[[str, str], Path]) -> None:
    """Of both files."""
    write("user", "tls = 5\nbogus = 1")
    write("project", "attempts = 0")
    with pytest.raises(SettingsError) as error:
        read_settings(SETTINGS)
    assert len(str(error.value).splitlines()) == 3


@pytest.mark.parametrize("which", FILES)
def test_a_file_that_cannot_be_read_is_told(
    write: Callable[[str, str], Path], run: Callable[..., Any], which: str
) -> None:
    """It is not passed over."""
    path = write(which, "")
    path.write_bytes(b"\xff\xfe")
    code, _, err = run("inventory", "check", "x.csv")
    assert code == 2
    assert f"{path}: cannot be read" in err


def test_a_wrong_variable_is_named(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody looks for an option that was not given."""
    monkeypatch.setenv("AXIS_NTP_ATTEMPTS", "many")
    code, _, err = run("sweep", "127.0.0.1")
    assert code == 2
    assert "'--attempts' (or AXIS_NTP_ATTEMPTS): 'many'" in err


def test_completion_needs_no_settings(
    write: Callable[[str, str], Path], run: Callable[..., Any]
) -> None:
    """A slip in a file does not break anybody's shell."""
    write("project", "bogus = 1")
    code, out, _ = run("completion", "bash")
    assert code == 0
    assert "_AXIS_NTP_COMPLETE" in out


def test_the_users_file_is_where_the_platform_has_it(home: Path) -> None:
    """By its convention."""
    assert user_file() == home / "axis-ntp" / "axis-ntp.toml"


@pytest.mark.parametrize("which", FILES)
def test_a_policy_may_stand_in_a_settings_file(
    write: Callable[[str, str], Path], run: Callable[..., Any], which: str
) -> None:
    """As a table, below the other settings; then that file is the policy's file."""
    Path("fleet.csv").write_text("name,host\nlobby-3,10.0.0.1\n", encoding="utf-8")
    path = write(which, "per-site = 3\nconnect_timeout = 1\n[policy]\nenabled = true\n")
    assert read_settings(SETTINGS)["policy"] == str(path)
    [line] = run("policy", "explain", "fleet.csv", "lobby-3").lines
    assert line["place"] == f"{path}:3"
    path.write_text("[policy]\nenabld = true\n", encoding="utf-8")
    assert run("inventory", "check", "fleet.csv").code == 0
    code, _, err = run("policy", "explain", "fleet.csv", "lobby-3")
    assert (code, err) == (
        2,
        f"axis-ntp: {path}:2: 'enabld' is not known; did you mean 'enabled'?\n",
    )


def test_the_nearest_policy_wins(
    write: Callable[[str, str], Path],
    run: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whether a settings file names its file or holds it."""
    Path("fleet.csv").write_text("name,host\nlobby-3,10.0.0.1\n", encoding="utf-8")
    for name in ("a.toml", "b.toml", "c.toml"):
        Path(name).write_text("[policy]\nenabled = true\n", encoding="utf-8")

    def place(*arguments: str) -> str:
        [line] = run("policy", "explain", "fleet.csv", "lobby-3", *arguments).lines
        return str(line["place"])

    write("user", 'policy = "a.toml"')
    found = [place()]
    write("project", "[policy]\nenabled = false")
    found.append(place())
    monkeypatch.setenv("AXIS_NTP_POLICY", "b.toml")
    found += [place(), place("--policy", "c.toml"), place("--policy", "./axis-ntp.toml")]
    assert found == [
        "a.toml:1",
        "axis-ntp.toml:1",
        "b.toml:1",
        "c.toml:1",
        "./axis-ntp.toml:1",
    ]


def test_only_a_settings_file_may_hold_settings_beside_a_policy(run: Callable[..., Any]) -> None:
    """Elsewhere they would be without effect."""
    Path("fleet.csv").write_text("name,host\nlobby-3,10.0.0.1\n", encoding="utf-8")
    Path("p.toml").write_text("quiet = true\n[policy]\nenabled = true\n", encoding="utf-8")
    code, _, err = run("policy", "check", "fleet.csv", "--policy", "p.toml")
    assert code == 2
    assert err.startswith("axis-ntp: p.toml:1: 'quiet' may not stand beside [policy]")


def test_the_folder_one_is_in_runs_no_program(write: Callable[[str, str], Path]) -> None:
    """`exec:` is taken from the user's own file, never from one that lies about."""
    text = 'password-from = "exec:touch never"'
    write("user", text)
    assert read_settings(SETTINGS)["password_from"] == "exec:touch never"
    write("project", text)
    with pytest.raises(
        SettingsError, match=r"axis-ntp\.toml: password-from: a program is not taken"
    ):
        read_settings(SETTINGS)


@pytest.mark.parametrize(
    "line",
    [
        'webhook = "http://127.0.0.1:1/"',
        'webhook-header = ["X=env:SECRET"]',
        'listen = "0.0.0.0:9108"',
        'token-from = "file:./token"',
        'textfile = "../over.prom"',
        'notify-command = "touch never"',
    ],
)
def test_the_folder_one_is_in_tells_nobody_anything(
    write: Callable[[str, str], Path], line: str
) -> None:
    """Whoever made the folder could have our secrets sent, or somebody let in."""
    write("user", line)
    assert read_settings(SETTINGS)
    write("project", line)
    with pytest.raises(SettingsError, match="is not taken from the folder"):
        read_settings(SETTINGS)
