"""
All checks of the project, in one command: `python -m tests`.

Lint, formatting, types, and the tests with the coverage of branches. It goes
on after a failure, so that all is known at once, and ends with a 1 then.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parents[1]

CHECKS: Final = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("pytest", "-rs", "--durations=10", "--cov", "--cov-report=term-missing:skip-covered"),
)
"""Modules with their arguments; the last one closes with the count of tests."""


def main() -> int:
    failed = 0
    for check in CHECKS:
        print(f"\n$ {' '.join(check)}", flush=True)  # noqa: T201  a program of ours
        ended = subprocess.run(
            [sys.executable, "-m", *check], cwd=PROJECT, stdin=subprocess.DEVNULL, check=False
        )
        failed |= ended.returncode != 0
    return int(failed)


sys.exit(main())
