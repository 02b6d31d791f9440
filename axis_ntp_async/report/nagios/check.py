"""What a check comes to, when a fleet is not well, and how things are named. Pure."""

from __future__ import annotations

import enum
from typing import Final

from attrs import field, frozen
from attrs.validators import and_, ge, le

from axis_ntp_async.errors import ConfigurationError
from axis_ntp_async.health.finding import Cause, Finding, Problem, State
from axis_ntp_async.report.printable import printable

UNREACHABLE: Final = frozenset({Cause.UNREACHABLE, Cause.BUSY})
WITHOUT_ALARM: Final = frozenset({State.OK, State.WARNING})

_LONGEST_NAME: Final = 80
_LONGEST_MESSAGE: Final = 250
_ROUGH_S: Final = 0.01

_share = and_(ge(0.0), le(1.0))


class Code(enum.IntEnum):
    """What a check leaves with."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


CODES: Final = {state: Code[state.name] for state in State}


@frozen(kw_only=True)
class CheckRules:
    """
    When a fleet is not well as a whole.

    Attributes:
        warn_fraction: More than this share of devices not ok is a warning.
        crit_fraction: More than this share critical is critical; critical or unknown, unknown.
        unreachable_as: What a device counts as that does not answer.

    Raises:
        ConfigurationError: `warn_fraction` is above `crit_fraction`.
    """

    warn_fraction: float = field(default=0.01, validator=_share)
    crit_fraction: float = field(default=0.05, validator=_share)
    unreachable_as: State = State.UNKNOWN

    def __attrs_post_init__(self) -> None:
        if self.warn_fraction > self.crit_fraction:
            raise ConfigurationError(
                f"warn_fraction {self.warn_fraction:g} is above crit_fraction "
                f"{self.crit_fraction:g}: CRITICAL would come before a WARNING"
            )

    def state_of(self, finding: Finding) -> State:
        """Give what a device counts as."""
        return self.unreachable_as if finding.cause in UNREACHABLE else finding.state


@frozen(kw_only=True)
class Check:
    """
    What a check comes to.

    Attributes:
        code: What to leave with.
        summary: The verdict in a line, without the code.
        numbers: Performance data, each complete.
        details: Further lines.
    """

    code: Code
    summary: str
    numbers: tuple[str, ...] = ()
    details: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it, for standard output."""
        first = f"NTP {self.code.name} - {_clean(self.summary)}"
        if self.numbers:
            first += f" | {' '.join(self.numbers)}"
        return "\n".join([first, *map(_clean, self.details)])


def unknown(reason: str) -> Check:
    """Give what is said when nothing could be found out; of several reasons the first."""
    first, *others = [line for line in reason.splitlines() if line.strip()] or ["no reason known"]
    more = f" (and {len(others)} more)" if others else ""
    return Check(code=Code.UNKNOWN, summary=short_message(first) + more)


def deciding(finding: Finding) -> Problem | None:
    """Give the first problem as bad as the device: its root cause may be a mere warning."""
    return next((one for one in finding.problems if one.state is finding.state), None)


def named(finding: Finding, message: str) -> str:
    """Name a device, its site, and what is so."""
    name, site = finding.device.name, finding.device.site
    message = short_message(message.removeprefix(f"{name}: "))
    where = f" ({short_name(site)})" if site else ""
    return f"{short_name(name)}{where}: {message}"


def cause_in_words(cause: Cause) -> str:
    """Give a cause as it stands in a line."""
    return cause.value.replace("_", " ")


def short_name(text: str) -> str:
    """Cut a name that would flood a line."""
    return _short(text, _LONGEST_NAME)


def short_message(text: str) -> str:
    """Cut a message that would flood a line."""
    return _short(text, _LONGEST_MESSAGE)


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _clean(text: str) -> str:
    """Give a text that ends neither the line nor, with `|`, what people get to read."""
    return printable(text).replace("|", "/")


def plain(number: float) -> str:
    """Give a number as performance data has it: digits, a point, no exponent."""
    text = f"{number:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def duration(seconds: float) -> str:
    """Give a number of seconds for people."""
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.0f} ms" if seconds >= _ROUGH_S else f"{seconds * 1000:.2g} ms"
