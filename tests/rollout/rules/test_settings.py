"""The numbers of a rollout: what none of them may be."""

import math
from typing import Any

import pytest

from axis_ntp_async.rollout.rules.settings import Budget, Pace, ProofRules, Rules, Staging


@pytest.mark.parametrize(
    ("kind", "name", "values"),
    [
        (Staging, "canary_ratio", (-0.1, 1.1, math.nan)),
        (Staging, "canary_min", (0,)),
        (Staging, "canary_max", (0,)),
        (Staging, "canary_alone_below", (-1,)),
        (Staging, "growth", (0.9, math.nan)),
        (Staging, "cap_ratio", (0.0, 1.1)),
        (Staging, "cap", (0,)),
        (Budget, "canary_failures", (-1,)),
        (Budget, "failures", (-1,)),
        (Budget, "ratio", (-0.1, 1.1, math.nan)),
        (Budget, "site_failures", (-1,)),
        (Budget, "site_ratio", (1.5,)),
        (Budget, "least_attempted", (0,)),
        (Budget, "systemic", (0,)),
        (Budget, "systemic_canary", (0,)),
        (Budget, "unreachable", (-1,)),
        (Budget, "unreachable_ratio", (1.5,)),
        (Pace, "per_minute", (0.0, -1.0, math.nan)),
        (Pace, "per_site", (0.0, -1.0, math.nan)),
        (Pace, "per_server", (0.0, -1.0)),
        (Pace, "at_once", (0,)),
        (ProofRules, "sample_ratio", (1.5,)),
        (ProofRules, "sample_min", (-1,)),
        (ProofRules, "deadline_s", (0.0,)),
        (ProofRules, "deadline_old_s", (0.0,)),
        (ProofRules, "look_every_s", (0.0,)),
        (ProofRules, "soak_canary_s", (-1.0,)),
        (ProofRules, "soak_s", (-1.0,)),
        (Rules, "step_limit_s", (0.0, math.nan)),
        (Rules, "read_back_waits_s", ((),)),
        (Rules, "writes", (0,)),
    ],
)
def test_a_number_that_makes_no_sense_is_refused(
    kind: type[Any], name: str, values: tuple[object, ...]
) -> None:
    """With it a rollout would never begin, never end, or never stop."""
    for value in values:
        with pytest.raises(ValueError, match=name):
            kind(**{name: value})


def test_bounds_may_be_left_away() -> None:
    """A pace by site or by server need not be."""
    pace = Pace(per_site=None, per_server=None)
    assert (pace.per_site, pace.per_server) == (None, None)


def test_the_canary_is_left_to_itself_longer() -> None:
    """The soak of the first wave and those of the others are two numbers."""
    rules = ProofRules(soak_canary_s=300.0, soak_s=60.0)
    assert (rules.soak_of(canary=True), rules.soak_of(canary=False)) == (300.0, 60.0)
