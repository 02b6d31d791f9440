"""
The one home of secrets: from a reference in the inventory to `Credentials` in memory.

Every secret stays out of messages, of `repr`, and of an exception's context.
"""

from __future__ import annotations

import difflib
import json
import netrc
import os
import shlex
import stat
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.errors import CredentialsError
from axis_ntp_async.inventory.references import CredentialReference

EXEC_LIMIT_S: Final = 30.0
"""How long the program of an `exec:` reference may take."""

FILE_MAX_BYTES: Final = 64 * 1024
_NO_WAITING: Final = getattr(os, "O_NONBLOCK", 0)
"""Opens a named pipe, which is then refused, without waiting for whoever writes into it."""

Ask = Callable[[str], str]
"""Gets a question such as `Password of 'root' (credentials 'fleet')`, gives the answer."""


def resolve_credentials(
    references: Mapping[str, CredentialReference],
    names: Iterable[str | None] | None = None,
    *,
    ask: Ask | None = None,
) -> dict[str, Credentials]:
    """
    Fetch the secrets of the names that are needed, each once.

    It blocks: files are read, programs run. Nobody is asked before all
    other references have been resolved.

    Args:
        references: What the inventory says, by name.
        names: As devices name them, so `None` is passed over; all when left out.
        ask: Asks for a password; without it `prompt` is an error.

    Raises:
        CredentialsError: Secrets that cannot be had, all of them at once.
    """
    wanted = dict.fromkeys(references if names is None else filter(None, names))
    faults = [_fault_of_unknown(name, references) for name in wanted if name not in references]
    known = [name for name in wanted if name in references]
    resolved = {}
    for name in sorted(known, key=lambda name: references[name].kind == "prompt"):
        reference = references[name]
        if reference.kind == "prompt" and faults:
            break
        try:
            resolved[name] = _SOURCES[reference.kind](reference, ask)
        except CredentialsError as error:
            faults.append(str(error))
    if faults:
        # Raised out here, so that no exception that holds a secret is in its context.
        raise CredentialsError("\n".join(faults))
    return resolved


def _fault_of_unknown(name: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"add [credentials.{name}]"
    return f"credentials {name!r}: there is no such entry; {hint}"


def _credentials(
    reference: CredentialReference, username: str | None, password: str | None, source: str
) -> Credentials:
    if not password:
        raise reference.error(f"{source} gives no password")
    if not username:
        raise reference.error(f"{source} gives no user name; add 'username'")
    return Credentials(username, password)


def _agreed(reference: CredentialReference, found: str | None, source: str) -> str | None:
    if found and reference.username and found != reference.username:
        raise reference.error(
            f"username: is {reference.username!r}, but the password that {source} gives "
            "belongs to another user; leave 'username' out"
        )
    return reference.username or found


def _from_env(reference: CredentialReference, _: Ask | None) -> Credentials:
    variable = reference.argument
    if variable not in os.environ:
        raise reference.error(f"the environment variable {variable!r} is not set")
    source = f"the environment variable {variable!r}"
    return _credentials(reference, reference.username, os.environ[variable], source)


def _from_file(reference: CredentialReference, _: Ask | None) -> Credentials:
    path = Path(reference.argument)
    raw = _private_bytes(reference, path)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise reference.error(f"{str(path)!r} is not UTF-8 text") from None
    password = text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
    return _credentials(reference, reference.username, password, f"the file {str(path)!r}")


def _private_bytes(reference: CredentialReference, path: Path) -> bytes:
    """
    Give the content of a file that nobody but its owner can read.

    A symbolic link will do, as Kubernetes makes them: what it leads to is
    opened, and the very file that is open is judged.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            _check_private(reference, path, os.fstat(file.fileno()))
            return file.read()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
        raise reference.error(f"{str(path)!r} cannot be read: {reason}") from None


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | _NO_WAITING)


def _check_private(reference: CredentialReference, path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise reference.error(f"{str(path)!r} is not a regular file")
    if os.name == "posix" and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise reference.error(
            f"others than its owner may open {str(path)!r}; "
            f"run: chmod 600 {shlex.quote(str(path))}"
        )
    if status.st_size > FILE_MAX_BYTES:
        raise reference.error(f"{str(path)!r} has {status.st_size} bytes: no password is so long")


def _from_exec(reference: CredentialReference, _: Ask | None) -> Credentials:
    command = reference.command
    source = f"the program {command[0]!r}"
    found = _json_object(_output(reference, command, source))
    if found is None:
        raise reference.error(
            f"{source} did not print a JSON object with the texts 'username' and 'password'"
        )
    username = _agreed(reference, found.get("username"), source)
    return _credentials(reference, username, found.get("password"), source)


def _output(reference: CredentialReference, command: list[str], source: str) -> bytes:
    try:
        ended = subprocess.run(  # noqa: S603  the operator's own command, and no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # nobody knows what it tells there
            timeout=EXEC_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise reference.error(f"{source} took longer than {EXEC_LIMIT_S:g} s") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no command"
        raise reference.error(f"{source} cannot be run: {reason}") from None
    if ended.returncode:
        raise reference.error(
            f"{source} ended with {ended.returncode}; run the command by hand to see why"
        )
    return ended.stdout


def _json_object(output: bytes) -> dict[str, str] | None:
    """Read the members with text of a JSON object; `None` when it is none."""
    try:
        found = json.loads(output)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    return {member: value for member, value in found.items() if isinstance(value, str)}


def _from_netrc(reference: CredentialReference, _: Ask | None) -> Credentials:
    machine, _at, written = reference.argument.partition("@")
    machine = machine or reference.name
    path = Path(written or os.environ.get("NETRC") or Path("~/.netrc").expanduser())
    _private_bytes(reference, path)
    try:
        found = netrc.netrc(str(path)).authenticators(machine)
    except netrc.NetrcParseError as error:
        # Its own text repeats words of the file, and one of them may be the secret.
        raise reference.error(f"{str(path)!r} is no netrc near line {error.lineno}") from None
    except ValueError:
        raise reference.error(f"{str(path)!r} is not UTF-8 text") from None
    if found is None:
        raise reference.error(f"{str(path)!r} has no entry for the machine {machine!r}")
    login, _account, password = found
    source = f"the machine {machine!r} in {str(path)!r}"
    return _credentials(reference, _agreed(reference, login, source), password, source)


def _from_keyring(reference: CredentialReference, _: Ask | None) -> Credentials:
    try:
        import keyring  # noqa: PLC0415  an extra, and its import takes 0.2 s
        from keyring.errors import KeyringError  # noqa: PLC0415  the same
    except ImportError:
        raise reference.error(
            "'keyring:' needs an extra; run: pip install 'axis_ntp_async[keyring]'"
        ) from None
    service, slash, user = reference.argument.rpartition("/")
    if not slash:
        service, user = user, reference.username or ""
    try:
        password = keyring.get_password(service, user)
    except KeyringError as error:
        raise reference.error(
            f"the keyring cannot be used ({type(error).__name__}: {error}); where nobody is "
            "logged in, as under cron or in a container, use env:, file: or exec:"
        ) from None
    source = f"the keyring's entry {service!r} of {user!r}"
    return _credentials(reference, reference.username or user, password, source)


def _from_prompt(reference: CredentialReference, ask: Ask | None) -> Credentials:
    if ask is None:
        raise reference.error(
            "'prompt' needs a terminal to ask on; use env:, file: or exec: without one"
        )
    password = ask(f"Password of {reference.username!r} (credentials {reference.name!r})")
    return _credentials(reference, reference.username, password, "the answer")


_SOURCES: Final[dict[str, Callable[[CredentialReference, Ask | None], Credentials]]] = {
    "env": _from_env,
    "file": _from_file,
    "exec": _from_exec,
    "netrc": _from_netrc,
    "keyring": _from_keyring,
    "prompt": _from_prompt,
}
