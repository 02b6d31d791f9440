"""Secrets that options name besides those of devices: always a reference, never the secret."""

from __future__ import annotations

from pathlib import Path

from axis_ntp_async.errors import CredentialsError
from axis_ntp_async.inventory.credentials import resolve_credentials
from axis_ntp_async.inventory.references import CredentialReference


def secret_of(option: str, reference: str) -> str:
    """
    Fetch the secret that an option refers to; nobody is asked.

    Args:
        option: Its name, for messages.
        reference: Like `env:NAME` or `file:PATH`.

    Raises:
        CredentialsError: It cannot be had; the message names the option.
    """
    try:
        found = CredentialReference(name=option, username=option, password=reference)
        [credentials] = resolve_credentials({option: found.anchored(Path.cwd())}).values()
    except CredentialsError as error:
        text = str(error).replace(f"credentials {option!r}: ", f"{option}: ")
        raise CredentialsError(text.replace("password: ", "")) from None
    return credentials.password
