"""From arguments to an exit code."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axis_ntp_async import __main__ as program
from axis_ntp_async.cli import main
from axis_ntp_async.cli.exits import say
from axis_ntp_async.errors import SettingsError
from axis_ntp_async.simulator.model.camera import Camera

COMMANDS = [
    *([one] for one in ("demo", "sweep", "get", "versions", "set", "trust", "simulate")),
    *([one] for one in ("watch", "report", "check", "evidence", "plan", "apply")),
    *(["history", one] for one in ("show", "verify")),
    *(["rules", one] for one in ("alerts", "dashboard")),
    *(["inventory", one] for one in ("check", "list", "convert")),
    *(["policy", one] for one in ("check", "explain")),
    ["inventory"],
    ["policy"],
    ["completion"],
    [],
]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_explains_itself(
    run: Callable[..., Any], command: list[str], flag: str
) -> None:
    """With every option in words, and without asking for anything."""
    code, out, err = run(*command, flag)
    assert (code, err) == (0, "")
    assert out.startswith(" ".join(["Usage: axis-ntp", *command]))


@pytest.mark.parametrize("command", COMMANDS)
def test_faulty_settings_do_not_keep_help_away(
    run: Callable[..., Any], command: list[str]
) -> None:
    """Whoever mends them may need to look something up; a command that works tells them."""
    Path("axis-ntp.toml").write_text("concurency = 5\n", encoding="utf-8")
    code, out, err = run(*command, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(" ".join(["Usage: axis-ntp", *command]))
    code, out, err = run("inventory", "check", "x.toml")
    assert (code, out) == (2, "")
    assert "did you mean concurrency?" in err


def test_the_version_is_told(run: Callable[..., Any]) -> None:
    """With the name of the program, as scripts expect it."""
    code, out, _ = run("--version")
    assert (code, out.split()[0]) == (0, "axis-ntp")


WRONG = [
    (["bogus"], "No such command 'bogus'"),
    (["get"], "Missing argument 'INVENTORY'"),
    (["get", "--bogus", "x"], "No such option"),
    (["get", "x.toml", "extra"], "unexpected extra argument"),
    (["get", "fleet.toml"], "fleet.toml: there is no such file"),
    (["get", "deep/er/fleet"], "there is no such file"),
    (["get", ""], "'' is no file, and no address either"),
    (["get", "a b"], "'a b' is no file, and no address either"),
    (["get", "a" * 5000], "is no file, and no address either"),
    (["get", "127.0.0.1:99999"], "is no file, and no address either"),
    (["get", "."], "is a folder"),
    (["get", "empty.toml"], "no devices"),
    (["get", "faulty.toml"], "faulty.toml"),
    (["get", "127.0.0.1", "--tls", "bogus"], "tls: 'bogus' is not one of"),
    (["get", "127.0.0.1", "--tls", "verify:no.pem"], "tls: the CA file no.pem cannot be used"),
    (["get", "127.0.0.1", "--map", "foo"], "--map 'foo': expected MEMBER=COLUMN"),
    (["get", "127.0.0.1", "--limit", "other"], "other"),
    (["get", "127.0.0.1", "--known-devices", ".", "--tls", "tofu"], "cannot be read"),
    (["get", "127.0.0.1", "--username", "root"], "needs a terminal"),
    (["get", "127.0.0.1", "--password-from", "env:PATH"], "username: is missing"),
    (["get", "127.0.0.1", "--username", "x", "--password-from", "env:NOPE"], "'NOPE' is not set"),
    (["get", "127.0.0.1", "--username", "x", "--password-from", "file:no"], "cannot be read"),
    (["get", "127.0.0.1", "--username", "x", "--password-from", "open"], "is no reference"),
    (["sweep", "x", "--attempts", "0"], "0 is not in the range"),
    (["sweep", "x", "--timeout", "nan"], "'nan' is not a finite number"),
    (["sweep", "x", "--connect-timeout", "inf"], "'inf' is not a finite number"),
    (["sweep", "x", "-o", "xml"], "'xml' is not one of"),
    (
        ["sweep", "127.0.0.1", "--skew-critical-s", "1"],
        "2 is above --skew-critical-s 1",
    ),
    (["sweep", "127.0.0.1", "--offset-warning-ms", "2000"], "--offset-critical-ms 1000"),
    (["sweep", "127.0.0.1", "--skew-critical-s", "1"], "set both"),
    (["get", "fleet.list"], "fleet.list: there is no such file"),
    (["set", "127.0.0.1"], "nothing to set"),
    (["set", "127.0.0.1", "--server", ""], "--clear-servers leaves no static server"),
    (["set", "127.0.0.1", "--server", "a", "--clear-servers"], "contradict"),
    (["set", "127.0.0.1", "--server", "a b"], "'a b' is no address"),
    (["set", "127.0.0.1", "--minpoll", "9", "--maxpoll", "3"], "minpoll: 9 is above maxpoll 3"),
    (["set", "127.0.0.1", "--minpoll", "25"], "25 is not in the range"),
    (["sweep", "127.0.0.1", "--policy", "no.toml"], "no.toml: there is no such file"),
    (["sweep", "127.0.0.1", "--policy", "empty.toml"], "empty.toml: is empty; write [policy]"),
    (["sweep", "127.0.0.1", "--policy", "faulty.toml"], "faulty.toml: has no [policy]"),
    (["policy", "check", "127.0.0.1"], "no policy is given"),
    (["policy", "check", "127.0.0.1", "--policy", "."], ".: is a folder"),
    (["policy", "explain", "127.0.0.1"], "Missing argument 'DEVICE'"),
    (["inventory", "check", "no.csv"], "no.csv: there is no such file"),
    (["simulate", "--devices", "0"], "0 is not in the range"),
    (["simulate", "--trouble", "bogus=1"], "expected NAME=SHARE"),
    (["simulate", "--trouble", "silent=much"], "expected NAME=SHARE"),
    (["simulate", "--trouble", "silent=nan"], "expected NAME=SHARE"),
    (["simulate", "--trouble", "silent=0.9", "--trouble", "slow=0.9"], "shares exceed 1"),
    (["completion", "tcsh"], "'tcsh' is not one of"),
]


@pytest.mark.parametrize(("arguments", "told"), WRONG)
def test_a_mistake_is_told_and_leaves_with_2(
    run: Callable[..., Any], arguments: list[str], told: str
) -> None:
    """In a sentence on standard error, never as a traceback, and nothing is on standard output."""
    Path("empty.toml").touch()
    Path("faulty.toml").write_text("[[devices]]\nname = 3\n", encoding="utf-8")
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert told in err


def test_a_name_alone_is_an_address(run: Callable[..., Any]) -> None:
    """What is no file is asked for as a host."""
    code, out, _ = run("get", "nobody.invalid", "--attempts", "1")
    assert (code, json.loads(out)["host"]) == (1, "nobody.invalid")


def test_many_faults_are_cut(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty at a time are enough to mend."""

    def fail(*_: object, **__: object) -> None:
        raise SettingsError("\n".join(f"fault {number}" for number in range(50)))

    monkeypatch.setattr("axis_ntp_async.cli.listing.check", fail)
    code, _, err = run("inventory", "check", "x")
    assert code == 2
    assert err.splitlines()[-2:] == ["axis-ntp: fault 19", "axis-ntp: … and 30 more"]


def test_what_is_told_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """File names and devices' words are texts of strangers."""
    say("gone\x1b[2J")
    assert capsys.readouterr().err == "axis-ntp: gone?[2J\n"


def test_nobody_need_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program without standard error works all the same."""
    monkeypatch.setattr("sys.stderr", None)
    say("anybody?")


def test_no_answer_to_a_question_is_an_interruption(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of the input, and Ctrl-C at a question, leave with 130."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    for kind in (EOFError, KeyboardInterrupt):

        def ask(_: str, *, kind: type[BaseException] = kind) -> str:
            raise kind

        monkeypatch.setattr("click.termui.hidden_prompt_func", ask)
        code, out, _ = run("get", "127.0.0.1", "--username", "root")
        assert (code, out) == (130, "")


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


LOADED = """
import sys
from axis_ntp_async.__main__ import main
try:
    main()
finally:
    heavy = {"aiohttp", "cattrs", "rich", "rich_click", "cryptography", "tenacity", "asyncio"}
    sys.stderr.write(" ".join(sorted(heavy & set(sys.modules))))
"""


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["--help"], {}),
        (["--version"], {}),
        *((["sweep", "--help"], {}), (["inventory", "list", "-h"], {})),
        (["completion", "bash"], {}),
        (
            [],
            {
                "_AXIS_NTP_COMPLETE": "bash_complete",
                "COMP_WORDS": "axis-ntp sweep --off",
                "COMP_CWORD": "2",
            },
        ),
    ],
)
def test_help_and_completion_import_nothing_heavy(
    arguments: list[str], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who presses the tab key does not wait for an HTTP client."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ended = python(LOADED, *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout


def test_help_is_pretty_for_people(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And plain where the package for that is missing."""
    decorated: list[bool] = []
    monkeypatch.setattr(main, "_decorate_help", lambda: decorated.append(True))
    run("--help")
    assert decorated == []
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    main.run(["-h"])
    assert decorated == [True]


DECORATED = """
import sys
from axis_ntp_async.cli import main
from axis_ntp_async.cli.exits import say
sys.stdout.isatty = lambda: True
sys.exit(main.run(["--help"]))
"""
WITHOUT = """
import sys
sys.modules[sys.argv.pop(1)] = None
"""


def test_help_works_with_and_without_decoration() -> None:
    """rich-click is a luxury."""
    pretty, plain = python(DECORATED), python(WITHOUT + DECORATED, "rich_click.patch")
    assert (pretty.returncode, plain.returncode) == (0, 0)
    assert "╭" in pretty.stdout
    assert "╭" not in plain.stdout


@pytest.mark.parametrize(
    ("module", "arguments"),
    [("click", ["--help"]), ("rich", ["inventory", "check", "x"]), ("cryptography", ["demo"])],
)
def test_a_missing_extra_is_named(module: str, arguments: list[str]) -> None:
    """With the command that installs it, whenever it is first missed."""
    ended = python(
        WITHOUT + "from axis_ntp_async.__main__ import main\nmain()", module, *arguments
    )
    assert ended.returncode == 1
    assert "pip install 'axis_ntp_async[cli]'" in ended.stderr
    assert module in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_bug_of_ours_is_not_blamed_on_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of this package that is missing is no matter of the user's."""

    def fail() -> int:
        raise ModuleNotFoundError(name="axis_ntp_async.gone")

    monkeypatch.setattr(main, "run", fail)
    with pytest.raises(ModuleNotFoundError):
        program.main()


def test_the_program_leaves_with_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `run` gives is what the shell sees."""
    monkeypatch.setattr(main, "run", lambda: 4)
    with pytest.raises(SystemExit) as left:
        program.main()
    assert left.value.code == 4


def inventory_of(count: int) -> Path:
    path = Path("many.csv")
    rows = (f"cam-{number},10.{number >> 8}.{number & 255}.1" for number in range(count))
    path.write_text("\n".join(["name,host", *rows]), encoding="utf-8")
    return path


def test_a_closed_pipe_ends_quietly(start: Callable[..., subprocess.Popen[str]]) -> None:
    """`| head -1` is no error, and leaves with 141 as the shell would."""
    process = start("inventory", "list", inventory_of(5000), "-o", "jsonl")
    assert process.stdout
    assert process.stderr
    assert json.loads(process.stdout.readline())["device"] == "cam-0"
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 141


def test_a_stream_that_is_closed_midway_ends_quietly(
    start: Callable[..., subprocess.Popen[str]],
    serve: Callable[..., Path],
    make_camera: Callable[..., Camera],
) -> None:
    """Also while devices are still being asked."""
    inventory = serve(*(make_camera(f"cam-{number}", latency_s=0.2) for number in range(60)))
    process = start("sweep", inventory, "--concurrency", "5")
    assert process.stdout
    assert process.stderr
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told(start: Callable[..., subprocess.Popen[str]]) -> None:
    """In a sentence."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        _, err = (
            process := start("inventory", "list", inventory_of(3), stdout=full)
        ).communicate()
    assert process.returncode == 1
    assert err == "axis-ntp: the output cannot be written: No space left on device\n"


def test_other_errors_of_the_system_are_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw is a bug, and shows where it is."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(1, "unforeseen")

    monkeypatch.setattr("axis_ntp_async.cli.listing.check", fail)
    with pytest.raises(OSError, match="unforeseen"):
        main.run(["inventory", "check", "x"])


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_a_closed_output_is_no_error() -> None:
    """`>&-` asks for nothing to be shown."""
    ended = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m axis_ntp_async inventory list many.csv >&-"],
        cwd=inventory_of(3).absolute().parent,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_any_stream_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that somebody else made, and that has no encoding."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    assert main.run(["inventory", "list", str(inventory_of(1)), "-o", "csv"]) == 0
    assert "cam-0" in stream.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_every_encoding_of_the_terminal_will_do(
    start: Callable[..., subprocess.Popen[str]], encoding: str
) -> None:
    """What it cannot show is replaced."""
    Path("fleet.csv").write_text("name,host\nPförtner 東京,10.0.0.1\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    for output in ("table", "csv", "jsonl"):
        process = start(
            "inventory", "list", "fleet.csv", "-o", output, env=environment, encoding=encoding
        )
        out, err = process.communicate()
        assert (process.returncode, err) == (0, "")
        assert "10.0.0.1" in out


def test_a_table_that_nobody_reads_to_its_end_ends_quietly(tmp_path: Path) -> None:
    """Also where rich prints: as with every other kind of output."""
    inventory = tmp_path / "fleet.csv"
    inventory.write_text("name,host\nlobby-3,10.0.0.1\n", encoding="utf-8")
    read_end, write_end = os.pipe()
    os.close(read_end)
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "axis_ntp_async",
            "inventory",
            "list",
            str(inventory),
            "-o",
            "table",
        ],
        stdout=write_end,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write_end)
    assert (ran.returncode, ran.stderr) == (141, "")


def test_a_warning_of_the_log_is_told_like_everything_else() -> None:
    """Here of a pool that gets few files."""
    resource = pytest.importorskip("resource")
    ran = subprocess.run(
        [sys.executable, "-m", "axis_ntp_async", "get", "http://127.0.0.1:1", "--attempts", "1"],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (80, 80)),
    )
    assert ran.stderr.startswith("axis-ntp: only 80 files may be open: at most ")
