"""Outcomes to judge, made by hand: a healthy device, changed in one place each."""

from collections.abc import Callable
from typing import Any

import pytest

from axis_ntp_async.device.records import Device, NTPClientStatus, NTPInfo, Outcome
from axis_ntp_async.errors import DeviceError
from tests.healthy import CLIENT, clock, outcome

MakeOutcome = Callable[..., Outcome[NTPInfo]]


@pytest.fixture
def healthy() -> NTPClientStatus:
    return CLIENT


@pytest.fixture
def make_outcome() -> MakeOutcome:
    """An outcome of a healthy client, but for the members that are named."""

    def make(
        *,
        error: DeviceError | None = None,
        skew_s: float | None = 0.1,
        uncertainty_s: float = 0.5,
        name: str = "lobby-3",
        site: str | None = None,
        scheme: str = "https",
        client: NTPClientStatus | None = CLIENT,
        **members: Any,
    ) -> Outcome[NTPInfo]:
        return outcome(
            Device(name=name, host="192.0.2.17", site=site, scheme=scheme),
            error=error,
            client=client,
            clock=None if skew_s is None else clock(skew_s, uncertainty_s),
            attempts=2,
            elapsed_s=0.25,
            **members,
        )

    return make
