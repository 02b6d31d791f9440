"""How carefully a rollout goes about it, in plain numbers. Each default has its reason here."""

from __future__ import annotations

import enum
from typing import Any

from attrs import field, frozen
from attrs.validators import and_, ge, gt, le, min_len, optional

from axis_ntp_async.health.finding import PROFILES, Thresholds

_share = and_(ge(0.0), le(1.0))
_above_0_or_none: Any = optional(gt(0.0))


class Proof(enum.Enum):
    """When a change counts."""

    READBACK = "readback"
    """The device, read again, says what was wanted."""

    SYNC = "sync"
    """Besides, devices of a sample are watched until their clocks follow the new servers."""


@frozen(kw_only=True)
class Staging:
    """
    How devices are grouped into waves.

    A defect that hits one device in five is found by a canary of 20 nine times
    out of ten; what is rarer, by the waves that follow.

    Attributes:
        canary_ratio, canary_min, canary_max: The first wave, as a share, within bounds.
        canary_alone_below: In a smaller fleet the first wave is one device.
        growth: How much larger than the one before a wave is.
        cap_ratio, cap: No wave is a larger share, or has more devices.

        one_wave:
            Everything at once, without a canary; for few devices only, see
            `ONE_WAVE_MAX`.
    """

    canary_ratio: float = field(default=0.01, validator=_share)
    canary_min: int = field(default=3, validator=ge(1))
    canary_max: int = field(default=20, validator=ge(1))
    canary_alone_below: int = field(default=10, validator=ge(0))
    growth: float = field(default=3.0, validator=ge(1))
    cap_ratio: float = field(default=0.25, validator=and_(gt(0), le(1)))
    cap: int = field(default=5000, validator=ge(1))
    one_wave: bool = False


ONE_WAVE_MAX = 20
"""More devices than this are never changed in one go."""


@frozen(kw_only=True)
class Budget:
    """
    How many failures stop a rollout.

    *Attempted* are the devices of a scope (wave, site, run) whose change has
    come to an end: changed, failed or undecided. Those that did not answer
    before anything was sent are counted apart, against those that were visited.

    Attributes:
        canary_failures: So many are borne in the canary; one more stops.
        failures, ratio: Later max(failures, ratio times attempted) are borne in a wave and a run.
        site_failures, site_ratio: The same in each site.
        least_attempted: A ratio says nothing before so many, or before the wave is over.

        systemic, systemic_canary:
            Failures that all devices alike would have (a refused value, a
            refused login, an untrusted certificate): so many of one kind stop.

        unreachable, unreachable_ratio:
            Devices that did not answer: max(unreachable, ratio times visited)
            are borne in a wave. Cameras are offline now and then.
    """

    canary_failures: int = field(default=1, validator=ge(0))
    failures: int = field(default=3, validator=ge(0))
    ratio: float = field(default=0.02, validator=_share)
    site_failures: int = field(default=2, validator=ge(0))
    site_ratio: float = field(default=0.10, validator=_share)
    least_attempted: int = field(default=10, validator=ge(1))
    systemic: int = field(default=3, validator=ge(1))
    systemic_canary: int = field(default=1, validator=ge(1))
    unreachable: int = field(default=1, validator=ge(0))
    unreachable_ratio: float = field(default=0.20, validator=_share)


@frozen(kw_only=True)
class Pace:
    """
    How quickly devices are written to.

    Every device that is pointed at a time server begins with a burst of
    questions, so a server is protected as much as the network.

    Attributes:
        per_minute: Devices a minute, over all.
        per_site: In each site; `None` for no bound of its own.
        per_server: For each NTP server that devices are pointed at.
        at_once: Devices being changed at once, after the canary: that goes one by one.
    """

    per_minute: float = field(default=600.0, validator=gt(0.0))
    per_site: float | None = field(default=None, validator=_above_0_or_none)
    per_server: float | None = field(default=600.0, validator=_above_0_or_none)
    at_once: int = field(default=50, validator=ge(1))


@frozen(kw_only=True)
class ProofRules:
    """
    What is asked of a changed device.

    Attributes:
        kind: Whether reading it again will do.
        sample_ratio, sample_min: Of later waves so many are watched; of the canary all.

        deadline_s:
            Seconds until the clock of a device must follow: eight polls of 64 s.

        deadline_old_s:
            The same before AXIS OS 11: OpenNTPD takes up to 15 exchanges of a minute.

        look_every_s: Seconds between two looks at a device that is watched.
        soak_canary_s, soak_s: Seconds that a proven wave is left to itself and then read again.
        thresholds: From where on an offset or a skew is too large.
    """

    kind: Proof = Proof.SYNC
    sample_ratio: float = field(default=0.05, validator=_share)
    sample_min: int = field(default=10, validator=ge(0))
    deadline_s: float = field(default=512.0, validator=gt(0))
    deadline_old_s: float = field(default=900.0, validator=gt(0))
    look_every_s: float = field(default=10.0, validator=gt(0))
    soak_canary_s: float = field(default=300.0, validator=ge(0))
    soak_s: float = field(default=60.0, validator=ge(0))
    thresholds: Thresholds = PROFILES["default"]

    def soak_of(self, *, canary: bool) -> float:
        """Give the seconds for which a wave is left to itself."""
        return self.soak_canary_s if canary else self.soak_s


@frozen(kw_only=True)
class Rules:
    """
    How carefully a rollout goes about it.

    Attributes:
        staging: Its waves.
        budget: When it stops.
        pace: How quickly it goes.
        proof: What it asks of a changed device.

        step_limit_s:
            A device whose clock would jump farther is left alone: recordings
            would overlap, or seem to be lost.

        allow_step: Change it all the same.
        read_back_waits_s: Seconds before each reading after a write; some devices take their time.

        unknown_waits_s:
            Seconds before each reading after a write without an answer, until
            the device counts as undecided.

        writes: How often a change is sent to a device at most.
    """

    staging: Staging = field(factory=Staging)
    budget: Budget = field(factory=Budget)
    pace: Pace = field(factory=Pace)
    proof: ProofRules = field(factory=ProofRules)
    step_limit_s: float = field(default=1.0, validator=gt(0))
    allow_step: bool = False
    read_back_waits_s: tuple[float, ...] = field(default=(0.0, 2.0, 3.0), validator=min_len(1))
    unknown_waits_s: tuple[float, ...] = (2.0, 5.0, 10.0, 20.0)
    writes: int = field(default=3, validator=ge(1))
