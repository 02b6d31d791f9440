"""From references to secrets, and that no secret gets out on the way."""

import builtins
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.errors import NoKeyringError

from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.errors import CredentialsError
from axis_ntp_async.inventory import credentials as module
from axis_ntp_async.inventory.credentials import resolve_credentials
from axis_ntp_async.inventory.references import CredentialReference

CANARY = "canary-5ecret"


def reference(password: str, username: str | None = None) -> CredentialReference:
    """An entry named fleet."""
    return CredentialReference(name="fleet", username=username, password=password)


def resolved(password: str, username: str | None = None) -> Credentials:
    """What an entry gives."""
    return resolve_credentials({"fleet": reference(password, username)})["fleet"]


def refusal(password: str, username: str | None = None) -> str:
    """Why an entry gives nothing; it must not tell the secret, nor carry it along."""
    with pytest.raises(CredentialsError) as caught:
        resolved(password, username)
    error = caught.value
    assert CANARY not in f"{error}{error!r}{pickle.dumps(error)!r}"
    assert error.__cause__ is None
    assert error.__context__ is None
    assert str(error).startswith("credentials 'fleet': ")
    return str(error)


def program(folder: Path, text: str) -> str:
    """An `exec:` reference to a Python program."""
    path = folder / "program.py"
    path.write_text(text)
    return f"exec:'{sys.executable}' '{path}'"


def test_a_password_in_the_place_of_a_reference_is_refused_unseen() -> None:
    """Nor is it shown when it has a colon, or begins like a reference."""
    for literal in (CANARY, f"{CANARY}:x", f"prompt:{CANARY}", f"Env:{CANARY}"):
        text = refusal(literal, "root")
        assert "expected env:NAME, file:PATH" in text
    assert "canary" not in repr(reference(f"exec:tool --token {CANARY}"))


@pytest.mark.parametrize(
    ("password", "username", "said"),
    [
        ("env:", "root", "nothing stands after 'env:'"),
        ("env:X", None, "username: is missing; 'env' gives a password only"),
        ("prompt", "", "username: is missing"),
        ("keyring:axis", None, "username: is missing"),
        ("env:X", "a\nb", "username: has control characters"),
        ("exec:tool 'x", None, "the quotes of the command"),
    ],
)
def test_a_reference_that_lacks_something_is_refused(
    password: str, username: str | None, said: str
) -> None:
    """Before anything is fetched."""
    assert said in refusal(password, username)


def test_env_reads_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is missing or empty is an error."""
    monkeypatch.setenv("FLEET_PASSWORD", CANARY)
    assert resolved("env:FLEET_PASSWORD", "root") == Credentials("root", CANARY)
    monkeypatch.setenv("FLEET_PASSWORD", "")
    assert "'FLEET_PASSWORD' gives no password" in refusal("env:FLEET_PASSWORD", "root")
    monkeypatch.delenv("FLEET_PASSWORD")
    assert "'FLEET_PASSWORD' is not set" in refusal("env:FLEET_PASSWORD", "root")


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (f"{CANARY}\n", CANARY),
        (f"{CANARY}\r\n", CANARY),
        (f" {CANARY}:\n\n", f" {CANARY}:\n"),
        ("päss", "päss"),
    ],
)
def test_file_gives_its_content_without_the_last_line_break(
    tmp_path: Path, content: str, password: str
) -> None:
    """The whole content is the password."""
    path = tmp_path / "secret"
    path.write_bytes(content.encode())
    path.chmod(0o600)
    assert resolved(f"file:{path}", "root").password == password


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    """With the command that mends it."""
    path = tmp_path / "my secret"
    path.write_text(CANARY)
    path.chmod(mode)
    assert refusal(f"file:{path}", "root").endswith(f"run: chmod 600 '{path}'")


def test_what_is_no_readable_file_is_refused(tmp_path: Path) -> None:
    """Each with its reason."""
    path, pipe = tmp_path / "secret", tmp_path / "pipe"
    path.touch(0o600)
    os.mkfifo(pipe, 0o600)
    assert "is not a regular file" in refusal(f"file:{pipe}", "root")
    assert "cannot be read: Is a directory" in refusal(f"file:{tmp_path}", "root")
    assert "cannot be read: No such file" in refusal(f"file:{path}.old", "root")
    assert "cannot be read: it is no path" in refusal("file:a\0b", "root")
    assert "gives no password" in refusal(f"file:{path}", "root")
    path.write_bytes(CANARY.encode() + b"\xff")
    assert "is not UTF-8 text" in refusal(f"file:{path}", "root")
    path.write_bytes(b"x" * 100_000)
    assert "no password is so long" in refusal(f"file:{path}", "root")


def test_a_link_is_judged_by_what_it_leads_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Secrets of Kubernetes are links, and many a netrc file is one."""
    path, link = tmp_path / "secret", tmp_path / "link"
    path.write_text(CANARY)
    path.chmod(0o400)
    link.symlink_to(path)
    assert resolved(f"file:{link}", "root").password == CANARY
    path.chmod(0o444)
    assert "others than its owner may open" in refusal(f"file:{link}", "root")
    path.chmod(0o600)
    path.write_text(f"machine fleet login root password {CANARY}\n")
    monkeypatch.setenv("NETRC", str(link))
    assert resolved("netrc:") == Credentials("root", CANARY)


def test_exec_reads_json_from_a_program(tmp_path: Path) -> None:
    """The user name comes from it, or from the inventory."""
    printed = f'print(\'{{"username": "root", "password": "{CANARY}", "ttl": 5}}\')'
    command = program(tmp_path, printed)
    assert resolved(command) == Credentials("root", CANARY)
    assert resolved(command, "root") == Credentials("root", CANARY)
    assert "belongs to another user; leave 'username' out" in refusal(command, "admin")
    only = program(tmp_path, f'print(\'{{"password": "{CANARY}"}}\')')
    assert resolved(only, "admin") == Credentials("admin", CANARY)
    assert "gives no user name; add 'username'" in refusal(only)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"print('{CANARY}')", "did not print a JSON object"),
        (f"print('[\"{CANARY}\"]')", "did not print a JSON object"),
        (f"print('\"{CANARY}')", "did not print a JSON object"),
        (f"""print('{{"user": "{CANARY}"}}')""", "gives no password"),
        (
            f"import sys; print('{CANARY}'); sys.stderr.write('{CANARY}'); sys.exit(3)",
            "ended with 3; run the command by hand to see why",
        ),
        (f"import time; print('{CANARY}', flush=True); time.sleep(60)", "took longer than 0.5 s"),
    ],
)
def test_a_program_that_fails_is_told_without_its_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    """Neither what it prints nor what it says on stderr is shown: both may hold the secret."""
    monkeypatch.setattr(module, "EXEC_LIMIT_S", 0.5 if "sleep" in text else 30.0)
    assert said in refusal(program(tmp_path, text))


def test_a_program_that_cannot_be_run_is_an_error() -> None:
    """Its arguments, which may be secret, are not shown."""
    assert "'/no/such' cannot be run: No such file" in refusal(f"exec:/no/such --token {CANARY}")
    assert "cannot be run: it is no command" in refusal("exec:a\0b")


def test_netrc_gives_user_and_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine is that after the colon, else the entry's own name."""
    path = tmp_path / "rc"
    path.write_text(
        f"machine fleet login root password {CANARY}\nmachine cam login admin password b\n"
    )
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
    assert resolved("netrc:") == resolved("netrc") == Credentials("root", CANARY)
    assert resolved(f"netrc:cam@{path}") == Credentials("admin", "b")
    assert "has no entry for the machine 'other'" in refusal("netrc:other")
    assert "belongs to another user" in refusal("netrc:", "admin")
    path.write_text(f"machine fleet login root\npassword x {CANARY}\n")
    assert f"'{path}' is no netrc near line 3" in refusal("netrc:")
    path.write_bytes(b"machine fleet login root password \xff\n")
    assert "is not UTF-8 text" in refusal("netrc:")
    path.chmod(0o644)
    assert "chmod 600" in refusal("netrc:")
    monkeypatch.delenv("NETRC")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert f"'{tmp_path / '.netrc'}' cannot be read" in refusal("netrc:")


def get_password(service: str, username: str) -> str | None:
    """A keyring with two entries; the one of `broken` cannot be opened."""
    if service == "broken":
        raise NoKeyringError("nobody is logged in")
    return {("axis/berlin", "root"): CANARY, ("axis", "admin"): CANARY}.get((service, username))


def test_keyring_is_asked_for_service_and_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user may stand in the inventory; where he is both, that of the inventory logs in."""
    monkeypatch.setattr(keyring, "get_password", get_password)
    assert resolved("keyring:axis/berlin/root") == Credentials("root", CANARY)
    assert resolved("keyring:axis/berlin/root", "ntp") == Credentials("ntp", CANARY)
    assert resolved("keyring:axis", "admin") == Credentials("admin", CANARY)
    assert "the keyring's entry 'axis' of 'x' gives no password" in refusal("keyring:axis/x")
    assert "NoKeyringError: nobody is logged in); where nobody" in refusal("keyring:broken/x")


def test_without_keyring_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no part of a plain installation."""
    real = builtins.__import__

    def without_keyring(name: str, *rest: Any) -> Any:
        if name == "keyring":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_keyring)
    assert "pip install 'axis_ntp_async[keyring]'" in refusal("keyring:axis/root")


def test_prompt_asks_once_for_each_name_and_after_all_others() -> None:
    """Somebody should not type a password for a run that cannot start."""
    references = {
        "a": CredentialReference(name="a", username="root", password="prompt"),
        "b": CredentialReference(name="b", username="root", password="env:NOT_SET_ANYWHERE"),
    }
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return CANARY

    with pytest.raises(CredentialsError, match="'NOT_SET_ANYWHERE' is not set"):
        resolve_credentials(references, ask=ask)
    assert asked == []
    names = ["a", None, "a"]
    assert resolve_credentials(references, names, ask=ask) == {"a": Credentials("root", CANARY)}
    assert asked == ["Password of 'root' (credentials 'a')"]
    with pytest.raises(CredentialsError, match="needs a terminal to ask on"):
        resolve_credentials(references, ["a"])
    with pytest.raises(CredentialsError, match="the answer gives no password"):
        resolve_credentials(references, ["a"], ask=lambda _: "")


def test_all_secrets_that_cannot_be_had_are_told_at_once() -> None:
    """Only the names that are needed; an unknown one with the nearest."""
    references = {
        "fleet": CredentialReference(name="fleet", username="root", password="env:NOT_SET_1"),
        "lab": CredentialReference(name="lab", username="root", password="env:NOT_SET_2"),
    }
    assert resolve_credentials(references, []) == {}
    with pytest.raises(CredentialsError) as caught:
        resolve_credentials(references, ["flete", "zzz", "lab"])
    assert str(caught.value).splitlines() == [
        "credentials 'flete': there is no such entry; did you mean 'fleet'?",
        "credentials 'zzz': there is no such entry; add [credentials.zzz]",
        "credentials 'lab': the environment variable 'NOT_SET_2' is not set",
    ]
