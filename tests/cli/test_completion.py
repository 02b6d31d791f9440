"""Completion in shells."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROGRAM = "axis-ntp"

COMPLETE = """
eval "$(axis-ntp completion bash)"
complete -p axis-ntp >&2
COMP_WORDS=(axis-ntp {words})
COMP_CWORD={place}
_axis_ntp_completion axis-ntp
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A path on which the program is found under its own name."""
    script = tmp_path / "bin" / PROGRAM
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m axis_ntp_async "$@"\n', "utf-8")
    script.chmod(0o755)
    return f"{script.parent}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("sweep --off", {"--offset-warning-ms", "--offset-critical-ms"}),
        ("inventory c", {"check", "convert"}),
        ("sweep -o j", {"json", "jsonl"}),
        ("s", {"sweep", "set", "simulate"}),
    ],
)
def test_bash_completes(path: str, words: str, expected: set[str]) -> None:
    """Commands, options and their values."""
    ended = subprocess.run(
        ["bash", "-c", COMPLETE.format(words=words, place=len(words.split()))],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert set(ended.stdout.split()) == expected
    assert "axis-ntp" in ended.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(run: Callable[..., Any], shell: str) -> None:
    """It asks the program itself."""
    code, out, _ = run("completion", shell)
    assert code == 0
    assert f"_AXIS_NTP_COMPLETE={shell}_complete" in out


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_shell_can_read_its_script(run: Callable[..., Any], shell: str) -> None:
    """Its own syntax check finds nothing."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"needs {shell}")
    script = run("completion", shell).out
    ended = subprocess.run([program, "-n"], input=script, text=True, check=False, timeout=60)
    assert ended.returncode == 0
