"""
Read, judge and set the NTP clients of whole fleets of Axis devices, with asyncio.

One device: `DeviceSession`. Many: `SessionPool`. What to think of them:
`judge` and `sweep`; for months: `watch` and `History`. Which devices there
are: `load_inventory`. What is wanted of them: `load_policy`.

What is most often caught is here; all errors are in `axis_ntp_async.errors`,
as a tree.

Names are fetched from their files when they are first used, so that
importing the package, and `axis-ntp --help`, cost next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from axis_ntp_async.device.auth import Credentials
    from axis_ntp_async.device.configuration import Change, NTPClientConfiguration
    from axis_ntp_async.device.records import (
        ClockReading,
        Device,
        NTPClientStatus,
        NTPInfo,
        Outcome,
        ServersSource,
    )
    from axis_ntp_async.device.session import DeviceSession
    from axis_ntp_async.device.trust import KnownDevices, Trust
    from axis_ntp_async.errors import (
        AxisNTPError,
        ConfigurationError,
        CredentialsError,
        DeviceError,
        DeviceUnreachableError,
        HistoryError,
        HistoryLockedError,
        InventoryError,
        JournalError,
        LoginRefusedError,
        PlanError,
        PolicyError,
        RolloutError,
        SelectionError,
    )
    from axis_ntp_async.fleet.pool import SessionPool
    from axis_ntp_async.fleet.retry import RetryPolicy
    from axis_ntp_async.fleet.slots import Limits
    from axis_ntp_async.health.finding import (
        PROFILES,
        Cause,
        Finding,
        Problem,
        State,
        Thresholds,
    )
    from axis_ntp_async.health.history.evidence import Evidence
    from axis_ntp_async.health.history.history import History
    from axis_ntp_async.health.history.keeping import HistoryRules
    from axis_ntp_async.health.history.reading import HistoryReader
    from axis_ntp_async.health.history.record import Record
    from axis_ntp_async.health.history.recorder import Recorder
    from axis_ntp_async.health.judge import judge
    from axis_ntp_async.health.sweep import Summary, Sweep, sweep
    from axis_ntp_async.health.watch.events import (
        Found,
        Remark,
        SourceKept,
        StateChange,
        SweepBegan,
        SweepEnded,
        Topic,
    )
    from axis_ntp_async.health.watch.memory import WatchMemory
    from axis_ntp_async.health.watch.notice import Notice, notice_of
    from axis_ntp_async.health.watch.rules import WatchRules
    from axis_ntp_async.health.watch.site_causes import SiteCause
    from axis_ntp_async.health.watch.watch import Watch, watch
    from axis_ntp_async.inventory.credentials import resolve_credentials
    from axis_ntp_async.inventory.inventory import Inventory, load_inventory
    from axis_ntp_async.policy.policy import Policy
    from axis_ntp_async.policy.reading import load_policy
    from axis_ntp_async.rollout.events import Event, Finished, Paused, StepChanged, WaveJudged
    from axis_ntp_async.rollout.journal.journal import Journal
    from axis_ntp_async.rollout.journal.reading import JournalReader
    from axis_ntp_async.rollout.plan import Plan, Step, StepState
    from axis_ntp_async.rollout.planning.making import make_plan
    from axis_ntp_async.rollout.planning.undoing import plan_of_rollback
    from axis_ntp_async.rollout.preflight import preflight
    from axis_ntp_async.rollout.rollout import Rollout
    from axis_ntp_async.rollout.rules.settings import (
        Budget,
        Pace,
        Proof,
        ProofRules,
        Rules,
        Staging,
    )
    from axis_ntp_async.service.channels import Channel, Webhook
    from axis_ntp_async.service.notifier import Notifier

_NAMES_OF_FILE = {
    "device.auth": ("Credentials",),
    "device.configuration": ("Change", "NTPClientConfiguration"),
    "device.records": (
        "ClockReading",
        "Device",
        "NTPClientStatus",
        "NTPInfo",
        "Outcome",
        "ServersSource",
    ),
    "device.session": ("DeviceSession",),
    "device.trust": ("KnownDevices", "Trust"),
    "errors": (
        "AxisNTPError",
        "ConfigurationError",
        "CredentialsError",
        "DeviceError",
        "DeviceUnreachableError",
        "HistoryError",
        "HistoryLockedError",
        "InventoryError",
        "JournalError",
        "LoginRefusedError",
        "PlanError",
        "PolicyError",
        "RolloutError",
        "SelectionError",
    ),
    "inventory.credentials": ("resolve_credentials",),
    "inventory.inventory": ("Inventory", "load_inventory"),
    "policy.policy": ("Policy",),
    "policy.reading": ("load_policy",),
    "fleet.pool": ("SessionPool",),
    "fleet.retry": ("RetryPolicy",),
    "fleet.slots": ("Limits",),
    "health.finding": ("PROFILES", "Cause", "Finding", "Problem", "State", "Thresholds"),
    "health.history.evidence": ("Evidence",),
    "health.history.history": ("History",),
    "health.history.keeping": ("HistoryRules",),
    "health.history.reading": ("HistoryReader",),
    "health.history.record": ("Record",),
    "health.history.recorder": ("Recorder",),
    "health.judge": ("judge",),
    "health.sweep": ("Summary", "Sweep", "sweep"),
    "health.watch.events": (
        "Found",
        "Remark",
        "SourceKept",
        "StateChange",
        "SweepBegan",
        "SweepEnded",
        "Topic",
    ),
    "health.watch.memory": ("WatchMemory",),
    "health.watch.notice": ("Notice", "notice_of"),
    "health.watch.rules": ("WatchRules",),
    "health.watch.site_causes": ("SiteCause",),
    "health.watch.watch": ("Watch", "watch"),
    "rollout.events": ("Event", "Finished", "Paused", "StepChanged", "WaveJudged"),
    "rollout.journal.journal": ("Journal",),
    "rollout.journal.reading": ("JournalReader",),
    "rollout.plan": ("Plan", "Step", "StepState"),
    "rollout.planning.making": ("make_plan",),
    "rollout.planning.undoing": ("plan_of_rollback",),
    "rollout.preflight": ("preflight",),
    "rollout.rollout": ("Rollout",),
    "rollout.rules.settings": ("Budget", "Pace", "Proof", "ProofRules", "Rules", "Staging"),
    "service.channels": ("Channel", "Webhook"),
    "service.notifier": ("Notifier",),
}
_FILE_OF_NAME = {name: file for file, names in _NAMES_OF_FILE.items() for name in names}

__all__ = [
    "PROFILES",
    "AxisNTPError",
    "Budget",
    "Cause",
    "Change",
    "Channel",
    "ClockReading",
    "ConfigurationError",
    "Credentials",
    "CredentialsError",
    "Device",
    "DeviceError",
    "DeviceSession",
    "DeviceUnreachableError",
    "Event",
    "Evidence",
    "Finding",
    "Finished",
    "Found",
    "History",
    "HistoryError",
    "HistoryLockedError",
    "HistoryReader",
    "HistoryRules",
    "Inventory",
    "InventoryError",
    "Journal",
    "JournalError",
    "JournalReader",
    "KnownDevices",
    "Limits",
    "LoginRefusedError",
    "NTPClientConfiguration",
    "NTPClientStatus",
    "NTPInfo",
    "Notice",
    "Notifier",
    "Outcome",
    "Pace",
    "Paused",
    "Plan",
    "PlanError",
    "Policy",
    "PolicyError",
    "Problem",
    "Proof",
    "ProofRules",
    "Record",
    "Recorder",
    "Remark",
    "RetryPolicy",
    "Rollout",
    "RolloutError",
    "Rules",
    "SelectionError",
    "ServersSource",
    "SessionPool",
    "SiteCause",
    "SourceKept",
    "Staging",
    "State",
    "StateChange",
    "Step",
    "StepChanged",
    "StepState",
    "Summary",
    "Sweep",
    "SweepBegan",
    "SweepEnded",
    "Thresholds",
    "Topic",
    "Trust",
    "Watch",
    "WatchMemory",
    "WatchRules",
    "WaveJudged",
    "Webhook",
    "judge",
    "load_inventory",
    "load_policy",
    "make_plan",
    "notice_of",
    "plan_of_rollback",
    "preflight",
    "resolve_credentials",
    "sweep",
    "watch",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401  whatever the name stands for
    if name == "__version__":
        return importlib.import_module(f"{__name__}.version").VERSION
    if name not in _FILE_OF_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_FILE_OF_NAME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
