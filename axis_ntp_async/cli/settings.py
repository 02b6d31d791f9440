"""
Settings: an option wins over `AXIS_NTP_*`, that over `axis-ntp.toml`, that over the user's file.

The keys of a settings file are the long names of the options of `options.py`.
A `[policy]` may stand in it as a table: then that file is the policy's file.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from axis_ntp_async.errors import SettingsError

PROJECT_FILE = Path("axis-ntp.toml")


def user_file() -> Path:
    """Give the settings file of this user, by the convention of the platform."""
    return Path(click.get_app_dir("axis-ntp")) / "axis-ntp.toml"


def settings_files() -> tuple[Path, Path]:
    """Give the user's file and the project's, or the one that is named in its place."""
    explicit = os.environ.get("AXIS_NTP_CONFIG")
    return user_file(), Path(explicit) if explicit else PROJECT_FILE


def read_settings(parameters: Mapping[str, click.Parameter]) -> dict[str, Any]:
    """
    Read the user's file and the project's, whose values win.

    Args:
        parameters: What may be set, by key.

    Raises:
        SettingsError: A file cannot be read, a key is not known, a value is wrong; all at once.
    """
    settings: dict[str, Any] = {}
    faults: list[str] = []
    files = settings_files()
    if files[1] is not PROJECT_FILE and not files[1].is_file():
        raise SettingsError(f"AXIS_NTP_CONFIG: there is no file {files[1]}")
    for path in files:
        for key, value in _read(path).items():
            name = key.replace("-", "_")
            if name not in parameters:
                faults.append(f"{path}: {key}: there is no such setting{_like(key, parameters)}")
                continue
            if name in _TABLES and isinstance(value, Mapping):
                settings[name] = str(path)
                continue
            try:
                settings[name] = _checked(parameters[name], value)
                if path is PROJECT_FILE:
                    _check_harmless(name, value)
            except click.BadParameter as error:
                faults.append(f"{path}: {key}: {error.message}")
    if faults:
        raise SettingsError("\n".join(faults))
    return settings


def _checked(option: click.Parameter, value: Any) -> Any:  # noqa: ANN401  any TOML
    """Give a value as the option takes it; TOML has types, so nothing is read into another one."""
    if option.multiple and isinstance(value, str):
        value = [value]
    kind, expected = _KINDS.get(option.type.name, (str, "a text"))
    values = value if option.multiple and isinstance(value, list) else [value]
    if not all(
        isinstance(one, kind) and isinstance(one, bool) == (kind is bool) for one in values
    ):
        raise click.BadParameter(f"expected {expected}, not {value!r}")
    option.type_cast_value(click.Context(click.Command("")), value)
    return value


def _check_harmless(name: str, value: object) -> None:
    """Refuse what would run or tell something only because somebody works in this folder."""
    texts = value if isinstance(value, list) else [value]
    runs = any("exec:" in text for text in texts if isinstance(text, str))
    if runs or name in _NOT_FROM_A_FOLDER:
        what = "a program" if runs else "this"
        raise click.BadParameter(
            f"{what} is not taken from the folder one happens to be in; "
            "give it as an option, in the environment, or in your own settings file"
        )


_TABLES: Final = frozenset({"policy"})
"""Names of files whose content may stand in a settings file, as a table, in their place."""

_NOT_FROM_A_FOLDER: Final = frozenset(
    {"notify_command", "webhook", "webhook_header", "listen", "token_from", "textfile"}
)
"""Settings that run a program, send something away, let somebody in, or write a file."""

_KINDS: Final[dict[str, tuple[Any, str]]] = {
    "boolean": (bool, "true or false"),
    "integer range": (int, "a whole number"),
    "float range": (int | float, "a number"),
}
"""What TOML must hold for an option, by the name of its type."""


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}") from error


def _like(key: str, parameters: Mapping[str, click.Parameter]) -> str:
    near = difflib.get_close_matches(key.replace("-", "_"), parameters, n=1)
    return f"; did you mean {near[0].replace('_', '-')}?" if near else ""
