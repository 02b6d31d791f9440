"""
What is going to be changed, and what may become of each change. Pure.

Theory of operation
-------------------

A *step* is the change of one device: what it reports (`before`, its
pre-image) and what it shall report (`after`). A rollback is the same step
turned round. Steps are grouped into waves; the first is the canary.

Everything that may happen to a step stands in `NEXT`:

    planned      nothing was sent
      ├─ noop           it was as desired already; nothing is sent
      ├─ skipped        a guard forbade it: another device answers, or its clock would jump
      ├─ conflict       it is not as it was when the plan was made
      ├─ unreachable    it did not answer, or could not be asked; nothing was sent
      ├─ failed         it could not be changed, like a login that was refused
      ├─ aborted        the run was ended before its turn
      └─ intent         the write is about to leave; durable before it does
           ├─ acked          the device took it, which proves nothing
           │    ├─ applied | proving    it says so, read again
           │    ├─ mismatch             it still says something else; looked at once more later
           │    └─ inconclusive         it cannot be read any more
           ├─ unknown        no answer: only reading it again can tell
           │    ├─ applied | proving    as desired
           │    ├─ intent               as before: sent again
           │    ├─ skipped              as before, and its clock would jump by now
           │    ├─ conflict             neither
           │    ├─ failed               it was sent often enough
           │    └─ inconclusive         it cannot be read any more
           └─ failed         the device refused it
    proving      applied; its clock is being watched
      └─ healthy | unhealthy | inconclusive

There is no state between `intent` and `acked` for "has left": nobody could
make it durable in the same moment, so after a crash an intent is unknown.

A run that was paused is resumed with `REOPENED`: devices to which nothing was
sent get another try, and those that could not be read are read again.
"""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from attrs import evolve, field, frozen

from axis_ntp_async.device.configuration import Change, NTPClientConfiguration
from axis_ntp_async.device.records import Device, NTPClientStatus, ServersSource
from axis_ntp_async.health.finding import Problem
from axis_ntp_async.inventory.references import CredentialReference
from axis_ntp_async.rollout.rules.settings import Rules


class StepState(enum.Enum):
    """How far one step is; see the head of `plan.py`."""

    PLANNED = "planned"
    INTENT = "intent"
    ACKED = "acked"
    UNKNOWN = "unknown"
    PROVING = "proving"
    NOOP = "noop"
    APPLIED = "applied"
    HEALTHY = "healthy"
    SKIPPED = "skipped"
    CONFLICT = "conflict"
    UNREACHABLE = "unreachable"
    ABORTED = "aborted"
    FAILED = "failed"
    MISMATCH = "mismatch"
    UNHEALTHY = "unhealthy"
    INCONCLUSIVE = "inconclusive"

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to the step in this run by itself."""
        return self not in _OPEN

    @property
    def result(self) -> Result:
        """The same, more coarsely."""
        return _RESULT_OF[self]


class Result(enum.Enum):
    """What came of a step, as totals count it."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    LEFT_ALONE = "left alone"
    FAILED = "failed"
    UNDECIDED = "undecided"
    OPEN = "open"


_OPEN: Final = frozenset(
    {
        StepState.PLANNED,
        StepState.INTENT,
        StepState.ACKED,
        StepState.UNKNOWN,
        StepState.PROVING,
    }
)
_PROVEN_OR_NOT: Final = frozenset({StepState.APPLIED, StepState.PROVING})

NEXT: Final[Mapping[StepState, frozenset[StepState]]] = {
    StepState.PLANNED: frozenset(
        {
            StepState.INTENT,
            StepState.NOOP,
            StepState.SKIPPED,
            StepState.CONFLICT,
            StepState.UNREACHABLE,
            StepState.FAILED,
            StepState.ABORTED,
        }
    ),
    StepState.INTENT: frozenset({StepState.ACKED, StepState.UNKNOWN, StepState.FAILED}),
    StepState.UNKNOWN: _PROVEN_OR_NOT
    | {
        StepState.INTENT,
        StepState.SKIPPED,
        StepState.CONFLICT,
        StepState.FAILED,
        StepState.INCONCLUSIVE,
    },
    StepState.ACKED: _PROVEN_OR_NOT | {StepState.MISMATCH, StepState.INCONCLUSIVE},
    StepState.MISMATCH: _PROVEN_OR_NOT,
    StepState.PROVING: frozenset({StepState.HEALTHY, StepState.UNHEALTHY, StepState.INCONCLUSIVE}),
}
"""What a step may become; whoever is not listed stays as it is."""

REOPENED: Final[Mapping[StepState, StepState]] = {
    StepState.UNREACHABLE: StepState.PLANNED,
    StepState.FAILED: StepState.PLANNED,
    StepState.INCONCLUSIVE: StepState.UNKNOWN,
}
"""What a step becomes when a paused run is resumed; `failed` only if nothing was ever sent."""

_RESULT_OF: Final[Mapping[StepState, Result]] = {
    **dict.fromkeys(_OPEN, Result.OPEN),
    StepState.NOOP: Result.UNCHANGED,
    StepState.APPLIED: Result.CHANGED,
    StepState.HEALTHY: Result.CHANGED,
    StepState.SKIPPED: Result.LEFT_ALONE,
    StepState.CONFLICT: Result.LEFT_ALONE,
    StepState.UNREACHABLE: Result.LEFT_ALONE,
    StepState.ABORTED: Result.LEFT_ALONE,
    StepState.FAILED: Result.FAILED,
    StepState.MISMATCH: Result.FAILED,
    StepState.UNHEALTHY: Result.FAILED,
    StepState.INCONCLUSIVE: Result.UNDECIDED,
}


@frozen(kw_only=True)
class Step:
    """
    The change of one device.

    Attributes:
        device: Whom it is about.
        before: Everything that can be set, as the device reported it: its pre-image.
        after: The same as it shall be; it has every member that `before` has.
        sends: Members that a write always holds, changed or not.
        api_version: As the device answered.

        clock_step_s:
            How far its clock is expected to jump, in seconds, ahead when
            positive; `None` when nobody can tell.

        has_given_up: Whether its NTP client had stopped for good; the change starts it anew.
        wave: The number of its wave, from 1 on.
        is_sampled: Whether its clock is watched after the change, where a proof of sync is asked.
    """

    device: Device
    before: NTPClientConfiguration
    after: NTPClientConfiguration
    sends: tuple[str, ...]
    api_version: str | None = None
    clock_step_s: float | None = None
    has_given_up: bool = False
    wave: int = 1
    is_sampled: bool = False

    @property
    def changes(self) -> tuple[Change, ...]:
        """What it changes."""
        return self.after.changes_from(self.before)

    @property
    def digest(self) -> str:
        """The SHA-256 of the pre-image, in hex: a device that differs from it is left alone."""
        return digest_of(plain_configuration(self.before))

    def request_for(self, actual: NTPClientStatus) -> NTPClientConfiguration:
        """
        Give what is sent to the device, seen how it is now.

        Poll bounds that nobody named are sent only where they have to change:
        the document leaves them out of what can be set.
        """
        differ = {change.member for change in self.after.changes_from(actual)}
        return self.after.only({*self.sends, *differ})

    def turned_round(self) -> Step:
        """Give the step that undoes this one."""
        return evolve(self, before=self.after, after=self.before)


@frozen(kw_only=True)
class AsDesired:
    """
    A device to which nothing will be sent.

    Attributes:
        device: Whom it is about.
        has_given_up: Whether its NTP client had stopped for good, which no plan changes.
    """

    device: Device
    has_given_up: bool = False


@frozen(kw_only=True)
class Unplannable:
    """
    A device for which no change can be planned.

    Attributes:
        device: Whom it is about.
        problem: Why.
    """

    device: Device
    problem: Problem


@frozen(kw_only=True)
class Wave:
    """
    Steps that run and are judged together.

    Attributes:
        number: From 1 on; the first is the canary.
        steps: In the order in which they begin.
    """

    number: int
    steps: tuple[Step, ...]

    @property
    def is_canary(self) -> bool:
        """Whether it is the first one."""
        return self.number == 1


@frozen(kw_only=True)
class Plan:
    """
    Everything that a rollout is going to do; reviewed before anything is sent.

    Attributes:
        made_at: When the devices were read, in UTC.
        made_by: Who asked for it.
        inventory: Where the devices stand.
        policy: Where the policy stands.
        policy_digest: Of what the policy says.
        rules: How carefully it is carried out.
        steps: Devices to change, in the order of the waves.
        as_desired: Names of devices that need nothing.
        unplannable: Devices that cannot be changed, and why.
        credentials: Where secrets are to be had, never secrets.
        rollback_of: The run that this one undoes.
    """

    made_at: dt.datetime
    made_by: str = ""
    inventory: str = ""
    policy: str = ""
    policy_digest: str = ""
    rules: Rules = field(factory=Rules)
    steps: tuple[Step, ...] = ()
    as_desired: tuple[str, ...] = ()
    unplannable: tuple[Unplannable, ...] = ()
    credentials: Mapping[str, CredentialReference] = field(factory=dict, hash=False)
    rollback_of: str | None = None

    @property
    def waves(self) -> tuple[Wave, ...]:
        """The steps by wave, the canary first."""
        waves: dict[int, list[Step]] = {}
        for step in self.steps:
            waves.setdefault(step.wave, []).append(step)
        return tuple(Wave(number=number, steps=tuple(waves[number])) for number in sorted(waves))

    @property
    def targets(self) -> tuple[str, ...]:
        """The NTP servers that devices are going to be pointed at, each once."""
        return _targets(step.after for step in self.steps if not step.after.nts_enabled)

    @property
    def ntske_targets(self) -> tuple[str, ...]:
        """The NTS key establishment servers, likewise."""
        return _targets(step.after for step in self.steps if step.after.nts_enabled)

    @property
    def groups(self) -> dict[tuple[Change, ...], list[Step]]:
        """The steps by what they change, the most common change first."""
        groups: dict[tuple[Change, ...], list[Step]] = {}
        for step in self.steps:
            groups.setdefault(step.changes, []).append(step)
        return dict(sorted(groups.items(), key=lambda one: -len(one[1])))


def _targets(configurations: Iterable[NTPClientConfiguration]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for one in configurations for name in targets_of(one)))


def targets_of(configuration: NTPClientConfiguration) -> tuple[str, ...]:
    """Give the servers a device with this configuration asks; with DHCP those are not ours."""
    if configuration.enabled is False:
        return ()
    if configuration.nts_enabled:
        return configuration.static_ntske_servers or ()
    if configuration.servers_source is ServersSource.DHCP:
        return ()
    return configuration.static_servers or ()


def has_servers(configuration: NTPClientConfiguration) -> bool:
    """Tell whether a device with this configuration asks anybody, as far as we can know."""
    by_dhcp = configuration.servers_source is ServersSource.DHCP and not configuration.nts_enabled
    is_on = configuration.enabled is not False
    return is_on and (by_dhcp or bool(targets_of(configuration)))


@frozen(kw_only=True)
class StepStatus:
    """
    How one step stands.

    Attributes:
        state: How far it is.
        cause: Why, in one word that is the same for all like it; empty when nothing is wrong.
        message: What happened, in a sentence.
        writes: How often a write was about to leave.
        found: What it reports in place of what was wanted, where that was read.
        at: Since when it is in that state, in UTC.
    """

    state: StepState = StepState.PLANNED
    cause: str = ""
    message: str = ""
    writes: int = 0
    found: NTPClientConfiguration | None = None
    at: dt.datetime | None = None

    @property
    def is_failure(self) -> bool:
        """Whether a failure budget counts it."""
        return self.state.result is Result.FAILED or (
            self.state is StepState.CONFLICT and self.writes > 0
        )


def totals_of(statuses: Iterable[StepStatus]) -> Counter[StepState]:
    """Count steps by state."""
    return Counter(status.state for status in statuses)


def plain_configuration(configuration: NTPClientConfiguration) -> dict[str, Any]:
    """Give a configuration as JSON has it."""
    return {name: plain_value(value) for name, value in configuration.members.items()}


def plain_value(value: object) -> object:
    """Give the value of a member as JSON has it."""
    if isinstance(value, ServersSource):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def digest_of(document: Mapping[str, Any]) -> str:
    """Give the SHA-256 of a document, in hex, whatever the order of its members."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
