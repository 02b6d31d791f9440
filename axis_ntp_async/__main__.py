"""The program `axis-ntp`: names the missing extra, or hands over to `cli/main.py`."""

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        from axis_ntp_async.cli.main import run  # noqa: PLC0415  the extra may be missing

        code = run()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("axis_ntp_async"):
            raise
        sys.exit(
            f"axis-ntp: the module {error.name!r} is missing. "
            "The command line is an extra: pip install 'axis_ntp_async[cli]'"
        )
    sys.exit(code)


if __name__ == "__main__":
    main()
