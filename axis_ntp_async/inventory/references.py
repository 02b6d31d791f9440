"""
Where a secret is to be had: the word that stands in an inventory in its place.

    env:NAME                an environment variable
    file:PATH               the whole content of a file that only its owner can read
    exec:COMMAND            a program that prints {"username": ..., "password": ...}
    netrc:MACHINE@PATH      an entry of a netrc file; both parts may be left out
    keyring:SERVICE/USER    the keyring of the desktop (extra `keyring`)
    prompt                  somebody is asked

Nothing is fetched here; that is the work of `credentials.py`.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Final

from attrs import evolve, field, frozen

from axis_ntp_async.errors import CredentialsError

KINDS: Final = ("env", "file", "exec", "netrc", "keyring", "prompt")
_NEED_AN_ARGUMENT: Final = frozenset({"env", "file", "exec", "keyring"})
_NEED_A_USERNAME: Final = frozenset({"env", "file", "prompt"})
_EXPECTED: Final = (
    "expected env:NAME, file:PATH, exec:COMMAND, netrc:MACHINE, keyring:SERVICE/USER or prompt"
)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


def _shown_kind(reference: str) -> str:
    return f"'{reference.partition(':')[0]}:...'"


@frozen(kw_only=True)
class CredentialReference:
    """
    Where the credentials of one name are to be had.

    Attributes:
        name: The name that devices refer to.

        username:
            Who logs in. `exec:`, `netrc:` and `keyring:` can tell it
            themselves; one that `exec:` or `netrc:` contradicts is an error.

        password: A reference as listed at the head of this module.

    Raises:
        CredentialsError: The reference cannot be understood; a password in its place is not shown.
    """

    name: str
    username: str | None = None
    password: str = field(repr=_shown_kind)

    def __attrs_post_init__(self) -> None:
        if self.kind not in KINDS or (self.kind == "prompt" and self.password != "prompt"):  # noqa: S105  a keyword
            raise self.error(
                f"password: is no reference; {_EXPECTED} (what stands there is not shown: "
                "it may be the secret itself)"
            )
        if self.kind in _NEED_AN_ARGUMENT and not self.argument:
            raise self.error(f"password: nothing stands after '{self.kind}:'; {_EXPECTED}")
        if not self.username and (self.kind in _NEED_A_USERNAME or self._is_keyring_without_user):
            raise self.error(f"username: is missing; {self.kind!r} gives a password only")
        if _CONTROLS.search(self.username or ""):
            raise self.error("username: has control characters")
        if self.kind == "exec" and not self.command:
            raise self.error("password: the quotes of the command after 'exec:' do not match")

    @property
    def kind(self) -> str:
        """The word before the colon."""
        return self.password.partition(":")[0]

    @property
    def argument(self) -> str:
        """What stands after the colon."""
        return self.password.partition(":")[2].strip()

    def anchored(self, folder: Path) -> CredentialReference:
        """Give the same with the path of `file:` or `netrc:` absolute, seen from *folder*."""
        if self.kind == "file":
            path = folder / Path(self.argument).expanduser()
            return evolve(self, password=f"file:{path}")
        machine, at, written = self.argument.partition("@")
        if self.kind == "netrc" and at:
            path = folder / Path(written).expanduser()
            return evolve(self, password=f"netrc:{machine}@{path}")
        return self

    def error(self, sentence: str) -> CredentialsError:
        """Give the error that names this entry."""
        return CredentialsError(f"credentials {self.name!r}: {sentence}")

    @property
    def command(self) -> list[str]:
        """The words of the command after `exec:`; empty when its quotes do not match."""
        try:
            return shlex.split(self.argument)
        except ValueError:
            return []

    @property
    def _is_keyring_without_user(self) -> bool:
        return self.kind == "keyring" and "/" not in self.argument
