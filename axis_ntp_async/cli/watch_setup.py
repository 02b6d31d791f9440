"""What a watch was asked for, checked before anything begins."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import frozen
from yarl import URL

from axis_ntp_async.cli.exits import say
from axis_ntp_async.cli.secrets import secret_of
from axis_ntp_async.cli.watch_options import WatchOptions
from axis_ntp_async.errors import SettingsError
from axis_ntp_async.health.finding import Thresholds
from axis_ntp_async.health.watch.overview import Overview
from axis_ntp_async.report.metrics import exposition
from axis_ntp_async.service.access import TOKEN_LEAST, Access, is_loopback_address
from axis_ntp_async.service.channels import Channel, Command, Webhook

_SCHEMES: Final = ("http://", "https://")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""What HTTP lets a header be called."""


@frozen(kw_only=True)
class Setup:
    """
    What was asked for, checked before anything begins.

    Attributes:
        options: As they were typed.
        thresholds: When a value is too large.
        channels: Whom to notify.
        address: Host and port to serve at; `None` serves nothing.
        access: Who may look there.
    """

    options: WatchOptions
    thresholds: Thresholds
    channels: tuple[Channel, ...]
    address: tuple[str, int] | None
    access: Access

    @classmethod
    def of(cls, options: WatchOptions, thresholds: Thresholds) -> Setup:
        """
        Check the options, and fetch the secrets that they refer to.

        Raises:
            SettingsError: An option has a wrong value.
            CredentialsError: A secret cannot be had.
        """
        token = secret_of("--token-from", options.token_from) if options.token_from else None
        if token is not None and len(token) < TOKEN_LEAST:
            raise SettingsError(f"--token-from: a token needs at least {TOKEN_LEAST} characters")
        address = _address(options.listen) if options.listen else None
        if address and token is None and not is_loopback_address(address[0]):
            raise SettingsError(
                f"--listen {options.listen}: others than this machine could look there; "
                "name a token with --token-from, or listen at 127.0.0.1"
            )
        if options.textfile or address:
            exposition(Overview())  # tells now, and not after a sweep, that an extra is missing
        if options.textfile:
            _check_writable(Path(options.textfile))
        return cls(
            options=options,
            thresholds=thresholds,
            channels=tuple(_channels(options)),
            address=address,
            access=Access(token=token),
        )


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdigit() or int(port) >= 1 << 16:
        raise SettingsError(f"--listen {text!r}: expected HOST:PORT, like 127.0.0.1:9108")
    return host, int(port)


def _check_writable(textfile: Path) -> None:
    folder = textfile.absolute().parent
    if textfile.is_dir() or not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise SettingsError(f"--textfile {textfile}: there is no folder that it can be written to")


def _channels(options: WatchOptions) -> Iterator[Channel]:
    headers = dict(map(_header, options.webhook_headers))
    if options.webhook:
        url = _url(options.webhook)
        if headers and URL(url).scheme == "http" and not is_loopback_address(URL(url).host or ""):
            say("--webhook: http:// sends the secret of --webhook-header readable for all between")
        yield Webhook(url=url, headers=headers)
    elif headers:
        raise SettingsError("--webhook-header: there is no --webhook to send it to")
    if options.notify_command is not None:
        yield Command(words=_words(options.notify_command))
    if options.notify_test and not (options.webhook or options.notify_command):
        raise SettingsError("--notify-test: there is no --webhook and no --notify-command to test")


def _url(text: str) -> str:
    """Give the URL that is typed, or that a reference leads to; it may be a secret."""
    if text.startswith(_SCHEMES):
        url = text
    elif ":" in text:
        url = secret_of("--webhook", text)
    else:
        raise SettingsError("--webhook: expected a URL, or a reference of one, like env:NAME")
    if not url.startswith(_SCHEMES) or not _has_host(url):
        raise SettingsError("--webhook: what it names is no URL that begins with https://")
    return url


def _has_host(url: str) -> bool:
    try:
        return bool(URL(url).host)
    except ValueError:
        return False


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if not words:
        raise SettingsError("--notify-command: is empty, or its quotes do not match")
    if shutil.which(words[0]) is None:
        raise SettingsError(f"--notify-command: {words[0]!r} is no program that can be run")
    return words


def _header(text: str) -> tuple[str, str]:
    name, _, reference = text.partition("=")
    if not reference or not _TOKEN.fullmatch(name.strip()):
        raise SettingsError(
            "--webhook-header: expected NAME=REFERENCE, like Authorization=env:HOOK_TOKEN"
        )
    value = secret_of(f"--webhook-header {name.strip()}", reference)
    if not value.isprintable():
        raise SettingsError(f"--webhook-header {name.strip()}: the value has control characters")
    return name.strip(), value
