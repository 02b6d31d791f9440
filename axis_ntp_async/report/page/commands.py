"""
Commands that look into a cause, or mend it, ready for a shell. Pure.

Names of devices, sites and servers come from files and from devices, and a
reader is going to paste these lines: everything is quoted, what has a meaning
in a selection is escaped, and a server that is no plain address is not named.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import frozen

from axis_ntp_async.device.records import Device
from axis_ntp_async.errors import CredentialSuspendedError, DeviceError, TooManyOpenFilesError
from axis_ntp_async.health.finding import Cause, Finding
from axis_ntp_async.report.documents import Document
from axis_ntp_async.report.page.servers import servers_told
from axis_ntp_async.report.page.words import site_of
from axis_ntp_async.report.printable import printable

NAMED: Final = 10
"""Up to so many devices are named one by one."""

_MEANINGFUL: Final = re.compile(r"[*?\[]")
_JOINING: Final = re.compile(r"[,=]|^[!@ ]|(?<=^not)\s|\s(?=and\s)|(?<=\sand)\s| $", re.IGNORECASE)
_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]+")
_PLAIN_SERVER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]*")


_Look = tuple[str, str, bool] | tuple[str, str, bool, str]
"""Purpose, verb, whether it is of all devices, and an option."""


@frozen(kw_only=True)
class Command:
    """
    One line to paste.

    Attributes:
        purpose: What it is for, in a few words.
        line: The line.
    """

    purpose: str
    line: str

    @property
    def document(self) -> Document:
        """It as JSON."""
        return {"purpose": self.purpose, "line": self.line}


@frozen(kw_only=True)
class Typed:
    """
    What was typed to get the report.

    Attributes:
        inventory: The inventory, quoted already; empty makes no commands.
        policy: The policy file; `None` when nothing was compared.
        servers: By site, the servers of devices that are in sync.
    """

    inventory: str
    policy: str | None = None
    servers: Mapping[str, Sequence[str]]

    def command(self, purpose: str, verb: str, devices: str, *options: str) -> Command:
        """Give a command about some devices."""
        parts = ("axis-ntp", verb, self.inventory, *options, devices)
        return Command(purpose=purpose, line=" ".join(filter(None, parts)))

    def planned(self, devices: str) -> list[Command]:
        """Give what brings devices to the policy; nothing without one."""
        if self.policy is None:
            return []
        policy = f"--policy {shlex.quote(self.policy)}"
        return [
            self.command("See what the policy would change", "plan", devices, policy),
            self.command("Change it in waves, and watch the clocks", "apply", devices, policy),
        ]


def literal(text: str) -> str:
    """
    Give a term of a selection that means this text.

    What joins conditions there, and what no shell line should hold, becomes
    `?`, which fits any one letter.
    """
    if _PLAIN.fullmatch(text):
        return text
    plain = _MEANINGFUL.sub(lambda found: f"[{found[0]}]", text)
    return _JOINING.sub("?", printable(plain))


def limit(terms: Iterable[str]) -> str:
    """Give the options that select these terms."""
    return " ".join(f"--limit {shlex.quote(term)}" for term in terms)


def limit_to(devices: Sequence[Device]) -> str:
    """Give the options that select these devices; of many their site, or nothing."""
    if len(devices) <= NAMED:
        return limit(literal(device.name) for device in devices)
    sites = {device.site or "" for device in devices}
    return limit(f"site={literal(site)}" for site in sites) if len(sites) == 1 else ""


def commands_for(cause: Cause, findings: Sequence[Finding], typed: Typed) -> list[Command]:
    """
    Give the commands for devices with the same cause.

    The policy is offered where it would change something; where it would not,
    or there is none, a command for a few devices, if one is known to help.

    Args:
        cause: What is wrong with them.
        findings: All of them; at least one.
        typed: What was typed.
    """
    if not typed.inventory:
        return []
    devices = [finding.device for finding in findings]
    one, all_of_them = limit_to(devices[:1]), limit_to(devices)
    purpose, verb, is_of_all, *options = _look_into(cause, findings[0].error)
    if len(devices) == 1:
        for many, single in _SINGLE.items():
            purpose = purpose.replace(many, single)
    looks = [typed.command(purpose, verb, all_of_them if is_of_all else one, *options)]
    if cause not in _MENDED:
        return looks
    drifting = [finding.device for finding in findings if finding.drift]
    planned = typed.planned(limit_to(drifting)) if drifting else []
    return [*looks, *(planned or _set(cause, findings, typed))]


def _look_into(cause: Cause, error: DeviceError | None) -> _Look:
    """Give what finds out more; devices that were not tried are told apart by what held us up."""
    found = (look for kind, look in _NOT_TRIED.items() if isinstance(error, kind))
    return next(found, _LOOKS.get(cause, _LOOK))


def _set(cause: Cause, findings: Sequence[Finding], typed: Typed) -> list[Command]:
    """Give what changes them without a policy; of more than a few only the first one."""
    of_one_site = len({finding.device.site for finding in findings}) == 1
    are_few = len(findings) <= NAMED and (cause in _SETTINGS or of_one_site)
    some = findings if are_few else findings[:1]
    options = _SETTINGS.get(cause) or _servers_of_neighbours(some, typed)
    if not options:
        return []
    purpose = _SETS.get(cause, "Give the servers of neighbours in sync")
    purpose += " (one first)" if len(some) < len(findings) else ""
    return [typed.command(purpose, "set", limit_to([one.device for one in some]), *options)]


def _servers_of_neighbours(findings: Sequence[Finding], typed: Typed) -> Sequence[str]:
    """Give the options that name them; all these devices are of one site."""
    servers = typed.servers.get(site_of(findings[0]), ())
    if not all(map(_PLAIN_SERVER.fullmatch, servers)) or any(
        _uses_nts(finding) or servers_told(finding) == servers for finding in findings
    ):
        return ()
    named = [f"--server {shlex.quote(server)}" for server in servers]
    return ["--source static", *named] if named else ()


def _uses_nts(finding: Finding) -> bool:
    client = finding.info.client if finding.info else None
    return bool(client and client.nts_enabled)


def begun_for_a_device(typed: Typed) -> list[Command]:
    """Give the commands for one device, complete but for the term that selects it."""
    if not typed.inventory:
        return []
    return [
        typed.command("Judge it again", "sweep", "--limit"),
        typed.command("See its settings", "get", "--limit"),
    ]


def term_of(device: Device) -> str:
    """Give the term that selects a device, quoted for a shell."""
    return shlex.quote(literal(device.name))


def commands_for_site(site: str, examples: Sequence[str], typed: Typed) -> list[Command]:
    """Give the commands for a cause that devices of a site have in common."""
    if not typed.inventory:
        return []
    there = limit([f"site={literal(site)}"])
    looks = [typed.command("Look at the site again", "sweep", there)]
    if examples:
        first = limit([literal(examples[0])])
        looks.append(typed.command("See which servers one of them has", "get", first))
    return looks


_LOOK: Final = ("Look at one of them", "get", False)
_LOOKS: Final[Mapping[Cause, _Look]] = {
    Cause.UNREACHABLE: ("Look again", "sweep", True),
    Cause.BUSY: ("Look again", "sweep", True),
    Cause.NOT_TRIED: ("Sweep them now", "sweep", True),
    Cause.CERTIFICATE: ("See their certificates, and record what is right", "trust", True),
    Cause.IDENTITY: ("See whose certificate it shows", "trust", False),
    Cause.LOGIN: ("Try one of them again", "get", False),
    Cause.BLOCKED: ("Try one of them again", "get", False),
    Cause.UNSUPPORTED: ("See which versions it lists", "versions", False),
    Cause.BAD_ANSWER: ("See which versions it lists", "versions", False),
}
_NOT_TRIED: Final[Mapping[type[DeviceError], _Look]] = {
    CredentialSuspendedError: ("Try the corrected credentials at one of them", "get", False),
    TooManyOpenFilesError: ("Sweep them, few at once", "sweep", True, "--concurrency 20"),
}
_SINGLE: Final = {
    "one of them": "it",
    "their certificates": "its certificate",
    "Sweep them": "Sweep it",
}
"""Words about many devices, and about one."""
_MENDED: Final = frozenset(
    {
        *(Cause.DISABLED, Cause.NO_SERVERS, Cause.NOT_SYNCED, Cause.SKEW, Cause.OFFSET),
        *(Cause.DRIFT, Cause.DHCP_FALLBACK, Cause.FEW_SERVERS),
    }
)
_SETTINGS: Final[Mapping[Cause, Sequence[str]]] = {
    Cause.DISABLED: ["--enable"],
    Cause.DHCP_FALLBACK: ["--source static"],
}
_SETS: Final = {
    Cause.DISABLED: "Switch the NTP client on",
    Cause.DHCP_FALLBACK: "Keep the static servers",
}
