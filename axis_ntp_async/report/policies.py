"""Tables about a policy: what is wanted of whom, and which rule decides it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from axis_ntp_async.policy.policy import Claim, Decision, Resolution
from axis_ntp_async.report.tables import ALL_BELOW, plain_table, word

_TITLES: Final = {
    "nts_enabled": "NTS",
    "ntske_server_ca_certs": "NTS-KE CA certificates",
    "servers_source": "source",
    "static_servers": "servers",
    "static_ntske_servers": "NTS-KE servers",
}


def resolutions_table(
    resolutions: Sequence[Resolution], _: int, *, show_all: bool
) -> RenderableType:
    """Show the configurations that a policy comes to, and for how many devices."""
    shown = resolutions if show_all else resolutions[:ALL_BELOW]
    table = plain_table(
        ("devices", "what is wanted", "for example"),
        [(str(one.devices), _wanted(one), ", ".join(one.examples)) for one in shown],
    )
    hidden = len(resolutions) - len(shown)
    more = [Text(f"… and {hidden} more; --all lists every one", style="dim")] if hidden else []
    return Group(table, *more)


def _wanted(resolution: Resolution) -> str:
    members = resolution.configuration.members.items()
    return (
        ", ".join(f"{_TITLES.get(member, member)} {word(value)}" for member, value in members)
        or "nothing"
    )


def decisions_table(decisions: Sequence[Decision], _: int) -> RenderableType:
    """Show who decides what a device is to be, member by member."""
    return plain_table(
        ("member", "value", "decided by", "overruled"),
        [
            (
                decision.member,
                word(decision.claim.value),
                _by(decision.claim),
                "; ".join(f"{word(one.value)} of {_by(one)}" for one in decision.overruled) or "-",
            )
            for decision in decisions
        ],
    )


def _by(claim: Claim) -> str:
    return f"{claim.place} ({claim.match})" if claim.match else claim.place
