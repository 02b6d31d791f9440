"""`policy check` and `explain`, and the policy of other commands; nothing is sent to devices."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.text import Text

from axis_ntp_async.cli.exits import ExitCode, say
from axis_ntp_async.cli.fleet import counted, read_inventory
from axis_ntp_async.cli.options import SETTINGS, InventoryOptions
from axis_ntp_async.cli.settings import settings_files
from axis_ntp_async.cli.showing import Results
from axis_ntp_async.device.records import Device
from axis_ntp_async.errors import PolicyError, SelectionError, SettingsError
from axis_ntp_async.policy.policy import Policy, Survey
from axis_ntp_async.policy.reading import load_policy
from axis_ntp_async.report.documents import (
    DECISION_COLUMNS,
    RESOLUTION_COLUMNS,
    decision_document,
    policy_document,
    resolution_document,
)
from axis_ntp_async.report.policies import decisions_table, resolutions_table
from axis_ntp_async.report.printable import printable
from axis_ntp_async.report.terminal import show

_WARNINGS_SHOWN: Final = 10


def policy_at(path: str | None) -> Policy:
    """
    Load the policy of `--policy`; it may stand in a settings file.

    Raises:
        SettingsError: The option is missing.
        PolicyError: The file has faults.
    """
    if not path:
        raise SettingsError(
            "no policy is given: name its file with --policy, in AXIS_NTP_POLICY or as 'policy' "
            "in axis-ntp.toml, or write [policy] there"
        )
    beside = [*SETTINGS, *(key.replace("_", "-") for key in SETTINGS)]
    return load_policy(path, beside=beside if _is_settings_file(path) else ())


def check_policy(policy: Policy, devices: Sequence[Device], *, strict: bool) -> Survey:
    """
    Hold a policy against the devices of an inventory.

    Args:
        policy: As it was read.
        devices: All of the inventory, not only the selected ones.
        strict: Whether an override that fits no device is a fault, and not told only.

    Raises:
        PolicyError: The policy has faults.
    """
    survey = policy.survey(devices)
    faults = (*survey.contradictions, *(survey.misfits if strict else ()))
    if faults:
        raise PolicyError(*faults)
    for misfit in survey.misfits[:_WARNINGS_SHOWN]:
        say(misfit)
    if more := len(survey.misfits[_WARNINGS_SHOWN:]):
        say(f"… and {more} more; axis-ntp policy check lists them")
    return survey


def check(
    options: InventoryOptions, policy_file: str | None, output: str | None, *, show_all: bool
) -> ExitCode:
    """Tell which configurations a policy comes to; what is wrong with it is raised."""
    policy = policy_at(policy_file)
    inventory = read_inventory(options)
    devices = inventory.select(*options.limit)
    survey = check_policy(policy, inventory.devices, strict=True)
    if len(devices) < len(inventory.devices):
        survey = policy.survey(devices)
    table = functools.partial(resolutions_table, show_all=show_all)
    results = Results("policy-check", resolution_document, table, RESOLUTION_COLUMNS, output)
    for resolution in survey.resolutions:
        results.add(resolution)
    results.end(policy_document(policy, len(devices)))
    if results.is_table:
        rules = counted(len(policy.rules), "rule")
        told = f"{policy.source}: {rules} for {counted(len(devices), 'device')}"
        show("", Text(printable(told)))
    return ExitCode.OK


def explain(
    options: InventoryOptions, name: str, policy_file: str | None, output: str | None
) -> ExitCode:
    """Show which rules decide what is wanted of one device."""
    policy = policy_at(policy_file)
    device = _device(name, read_inventory(options).select(*options.limit))
    document = functools.partial(decision_document, device)
    results = Results("policy-explanation", document, decisions_table, DECISION_COLUMNS, output)
    decisions = policy.explain(device)
    for decision in decisions:
        results.add(decision)
    if decisions or not results.is_table:
        results.end()
    else:
        say(f"{device.name}: no rule of {policy.source} names a member")
    policy.configuration_for(device)
    return ExitCode.OK


def _device(name: str, devices: Sequence[Device]) -> Device:
    known = {device.name: device for device in devices}
    if name in known:
        return known[name]
    folded = {one.casefold(): one for one in known}
    nearest = difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)
    hint = f"; the closest: {', '.join(folded[one] for one in nearest)}" if nearest else ""
    raise SelectionError(f"{name!r} is the name of none of {len(devices)} devices{hint}")


def _is_settings_file(path: str) -> bool:
    return Path(path).absolute() in {file.absolute() for file in settings_files()}
