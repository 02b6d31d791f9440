"""What a watch reads before each sweep: its devices, the policy, and who was changed when."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import define, field

from axis_ntp_async.cli.fleet import Fleet, check_trust, open_fleet
from axis_ntp_async.cli.options import FleetOptions
from axis_ntp_async.cli.policies import check_policy, policy_at
from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import Device
from axis_ntp_async.errors import RolloutError
from axis_ntp_async.policy.policy import Policy
from axis_ntp_async.rollout.journal.reading import JournalReader

_LOGGER: Final = logging.getLogger(__name__)

_Signature = tuple[tuple[int, int, int] | None, ...]


@define(kw_only=True)
class FleetSource:
    """
    The devices of an inventory, read anew when a file has changed. Calling it blocks.

    Attributes:
        options: Which devices, and how to log in.
        policy_file: What is wanted of them; `None` compares nothing.
        journal: Where rollouts are recorded; it need not exist.
        fleet: As it was read last.
        policy: As it was read last.
        credentials: The secrets by name; the very mapping that a pool was given.
        changed_at: When devices were last written to, by name.
        rollouts: Steps of runs that are not over, by run, wave and state.
    """

    options: FleetOptions
    policy_file: str | None
    journal: Path
    fleet: Fleet = field(init=False)
    policy: Policy | None = field(default=None, init=False)
    credentials: dict[str, Credentials] = field(factory=dict, init=False, repr=False)
    changed_at: Mapping[str, dt.datetime] = field(factory=dict, init=False)
    rollouts: Counter[tuple[str, str, str]] = field(factory=Counter, init=False)
    _signature: _Signature = field(default=(), init=False)
    _journal_signature: _Signature = field(default=(), init=False)

    def open(self) -> None:
        """
        Read everything for the first time; somebody may be asked for a password.

        Raises:
            AxisNTPError: A file has faults, or a secret cannot be had.
        """
        self._take(open_fleet(self.options))
        self._signature = self._signed()

    def __call__(self) -> Sequence[Device]:
        """
        Give the devices of the next sweep.

        Raises:
            AxisNTPError: A file that has changed has faults; all stays as it was.
        """
        self._read_journal()
        signed = self._signed()
        if signed != self._signature:
            policy = self.policy
            self._take(open_fleet(self.options, before=self.fleet))
            self._signature = signed  # that of before: what is written meanwhile is read again
            if policy != self.policy:
                _LOGGER.warning("policy %s was read anew", self.policy_file)
        return self.fleet.devices

    def desired(self, device: Device) -> NTPClientConfiguration | None:
        """Give what is wanted of a device; `None` compares nothing."""
        return self.policy.configuration_for(device) if self.policy else None

    def when_changed(self, name: str) -> dt.datetime | None:
        """Give when a device was last written to."""
        return self.changed_at.get(name)

    def _take(self, fleet: Fleet) -> None:
        policy = policy_at(self.policy_file) if self.policy_file else None
        if policy is not None:
            check_policy(policy, fleet.listed, strict=False)
        check_trust(fleet.trust, fleet.devices)
        self.fleet, self.policy = fleet, policy
        self.credentials.update(fleet.credentials)

    def _read_journal(self) -> None:
        """Read who was changed when; without that, devices have no time to settle, and no more."""
        signature = (_signature(self.journal), _signature(_beside(self.journal)))
        if signature[0] is None or signature == self._journal_signature:
            return
        self._journal_signature = signature
        reader = JournalReader(self.journal)
        try:
            self.changed_at, self.rollouts = reader.changes(), reader.steps_under_way()
        except RolloutError as error:
            _LOGGER.warning("%s; the watch goes on without", error)

    def _signed(self) -> _Signature:
        """Give what changes with any file that the devices and their secrets come from."""
        lists = (term[1:] for term in self.options.limit if term.startswith("@"))
        secrets = (one.argument for one in self.fleet.references.values() if one.kind == "file")
        files = (self.options.inventory, self.policy_file, *lists, *secrets)
        return tuple(_signature(Path(name)) if name else None for name in files)


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _signature(path: Path) -> tuple[int, int, int] | None:
    """Give what changes with a file's content; `None` when there is no such file."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
