"""A secret that is on the way to a device is seen nowhere else."""

import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axis_ntp_async.rollout.journal import journal as journals
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Kind, faults_of

CANARY = "c4n4ry-s3cr3t"
Make = Callable[..., Camera]

FAILURES: dict[str, dict[str, Any]] = {
    "well": {"password": CANARY},
    "wrong password": {"password": "other"},
    "wrong password over TLS": {"password": "other", "scheme": "https", "tls": "insecure"},
    "no right": {"password": CANARY, "faults": Kind.NO_RIGHT},
    "reset": {"password": CANARY, "faults": Kind.RESET},
    "internal": {"password": CANARY, "faults": Kind.INTERNAL},
    "garbage": {"password": CANARY, "faults": Kind.HTML},
    "truncated": {"password": CANARY, "faults": Kind.TRUNCATED},
    "redirect": {"password": CANARY, "faults": Kind.REDIRECT},
    "another device": {"password": CANARY, "faults": Kind.WRONG_REALM},
    "a write that is ignored": {"password": CANARY, "faults": Kind.WRITE_IGNORED},
}
COMMANDS = (
    ("sweep", "-o", "jsonl"),
    ("sweep", "-o", "table"),
    ("get", "-o", "json"),
    ("versions", "-o", "csv"),
    ("set", "--minpoll", "7", "--yes", "-o", "table"),
    ("sweep", "-o", "html"),
    ("watch", "--once", "-o", "table", "--textfile", "axis.prom"),
    ("watch", "--once", "-o", "jsonl"),
    ("report",),
    ("check",),
)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("axis_ntp_async.cli.setting._READ_BACK_WAITS_S", (0.0,))


@pytest.mark.parametrize("failure", FAILURES)
def test_no_run_shows_the_password(
    run: Callable[..., Any],
    serve: Callable[..., Path],
    make_camera: Make,
    *,
    caplog: pytest.LogCaptureFixture,
    failure: str,
    tmp_path: Path,
) -> None:
    """Whatever goes wrong: not in results, messages, files, nor in the most talkative log."""
    inventory = serve(make_camera(**FAILURES[failure]))
    (inventory.parent / "fleet.password").write_text(CANARY, encoding="utf-8")
    with caplog.at_level(logging.DEBUG, "axis_ntp_async"):
        for command, *arguments in COMMANDS:
            _, out, err = run(command, inventory, "--attempts", "1", *arguments)
            assert out + err
            assert CANARY not in out + err
    written = everything_written(tmp_path)
    assert {"history.db", "axis.prom", "report.html"} <= {Path(name).name for name in written}
    assert not [name for name, text in written.items() if CANARY.encode() in text]
    assert CANARY not in caplog.text


def everything_written(folder: Path) -> dict[str, bytes]:
    """Give the bytes of all files below a folder, but for those that hold the secret."""
    return {
        str(path): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".password"
    }


ROLLOUT_COMMANDS = (
    ("show", "-o", "table"),
    ("show", "-o", "jsonl"),
    ("show", "--device", "lobby-3", "-o", "csv"),
    ("report",),
    ("resume", "-o", "table", "--attempts", "1"),
    ("list", "-o", "json"),
    ("rollback", "--yes", "-o", "table", "--attempts", "1"),
    ("abort",),
)


@pytest.mark.parametrize("failure", FAILURES)
def test_no_rollout_shows_or_keeps_the_password(
    run: Callable[..., Any],
    serve: Callable[..., Path],
    make_camera: Make,
    *,
    policy: str,
    failure: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever goes wrong once it is planned: neither outputs, nor plan, journal or report."""
    members = FAILURES[failure] | {"password": CANARY}
    camera = make_camera(**{name: one for name, one in members.items() if name != "faults"})
    inventory = serve(camera)
    said: list[str] = []
    written: dict[str, bytes] = {}

    def commit_and_look(*arguments: Any) -> None:
        commit(*arguments)
        written.update({f"{path} then": path.read_bytes() for path in tmp_path.glob("night.db*")})
        assert not [name for name, text in written.items() if CANARY.encode() in text]

    commit, journal = journals._commit, tmp_path / "night.db"
    monkeypatch.setattr(journals, "_commit", commit_and_look)
    with caplog.at_level(logging.DEBUG, "axis_ntp_async"):
        options = ("--policy", policy, "--proof", "readback", "--no-preflight")
        for output in ("table", "json", "csv"):
            said += run("plan", inventory, *options, "-o", output, "--out", "plan.json")[1:]
        document = json.loads(Path("plan.json").read_text(encoding="utf-8"))
        document["rules"] |= {"read_back_waits_s": [0.0], "unknown_waits_s": [0.0]}
        Path("plan.json").write_text(json.dumps(document), encoding="utf-8")
        camera.faults = faults_of(FAILURES[failure].get("faults", ()))
        camera.password = FAILURES[failure].get("password", CANARY)
        arguments = ("--journal", journal, "--attempts", "1", "--no-preflight", "--yes")
        said += run("apply", "plan.json", *arguments)[1:]
        for command, *rest in ROLLOUT_COMMANDS:
            which = [] if command == "list" else ["latest"]
            said += run("rollout", command, *which, "--journal", journal, *rest)[1:]
    written |= everything_written(tmp_path)
    assert {f"{journal} then", f"{journal}-wal then", str(journal)} <= written.keys()
    assert b"fleet.password" in written[str(tmp_path / "plan.json")]
    assert not [text for text in said if CANARY in text]
    assert not [name for name, text in written.items() if CANARY.encode() in text]
    assert CANARY not in caplog.text


def sources(folder: Path) -> dict[str, str]:
    """References to secrets that cannot be had, though the canary is near."""
    shared = folder / "shared"
    shared.write_text(CANARY, encoding="utf-8")
    shared.chmod(0o644)
    noisy = folder / "noisy.py"
    noisy.write_text(f"print('{CANARY}')\n", encoding="utf-8")
    half = folder / "half.py"
    half.write_text(f'print(\'{{"secret": "{CANARY}"}}\')\n', encoding="utf-8")
    netrc = folder / "netrc"
    netrc.write_text(f"machine x login y\npassword {CANARY} {CANARY}\n", encoding="utf-8")
    netrc.chmod(0o600)
    return {
        "shared file": f"file:{shared}",
        "no JSON": f"exec:{sys.executable} {noisy}",
        "JSON without a password": f"exec:{sys.executable} {half}",
        "netrc": f"netrc:nobody@{netrc}",
        "the secret itself": CANARY,
        "an unknown kind": f"plain:{CANARY}",
    }


@pytest.mark.parametrize(
    "source", [*("shared file", "no JSON", "JSON without a password", "netrc"),
               *("the secret itself", "an unknown kind")]
)  # fmt: skip
@pytest.mark.parametrize("by", ["option", "variable", "settings", "inventory"])
def test_no_reference_shows_what_it_leads_to(
    run: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    source: str,
    by: str,
) -> None:
    """A secret that cannot be had, or stands where a reference should, is not repeated."""
    reference = sources(tmp_path)[source]
    arguments = ["get", "127.0.0.1", "--username", "root"]
    if by == "option":
        arguments += ["--password-from", reference]
    elif by == "variable":
        monkeypatch.setenv("AXIS_NTP_PASSWORD_FROM", reference)
    elif by == "settings":
        Path("axis-ntp.toml").write_text(
            f"password-from = {json.dumps(reference)}", encoding="utf-8"
        )
    else:
        Path("fleet.toml").write_text(
            f"[credentials.fleet]\nusername = 'x'\npassword = {json.dumps(reference)}\n"
            "[[devices]]\nname = 'a'\nhost = '127.0.0.1'\ncredentials = 'fleet'\n",
            encoding="utf-8",
        )
        arguments[1:] = ["fleet.toml"]
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err
    assert CANARY not in err


def test_an_inventory_is_shown_without_secrets(
    run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make
) -> None:
    """Listed, checked or converted."""
    inventory = serve(make_camera(password=CANARY))
    for arguments in (["list"], ["check"], ["convert"], ["convert", "--to", "csv"]):
        ran = run("inventory", *arguments, inventory)
        assert ran.code == 0
        assert CANARY not in ran.out + ran.err


def test_a_prompt_hides_what_is_typed(
    run: Callable[..., Any],
    serve: Callable[..., Path],
    make_camera: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The question names the user; the answer is asked for without an echo."""
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return CANARY

    [line] = run("inventory", "list", serve(make_camera(password=CANARY))).lines
    monkeypatch.setattr("click.termui.hidden_prompt_func", ask)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    address = f"http://{line['host']}:{line['port']}"
    ran = run("get", address, "--username", "root")
    assert ran.code == 0
    assert "root" in asked[0]
    assert CANARY not in ran.out + ran.err


def test_no_option_takes_a_secret(run: Callable[..., Any]) -> None:
    """What stands in a command line can be read by everybody on the machine."""
    text = run("sweep", "--help").out
    assert "--password-from" in text
    assert "--password " not in text
    assert os.environ.get("AXIS_NTP_PASSWORD") is None
