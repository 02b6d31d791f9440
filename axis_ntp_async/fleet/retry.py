"""How patient we are, in plain numbers; tenacity stays in here, asked only after a failure."""

from __future__ import annotations

import tenacity
from attrs import field, frozen
from attrs.validators import ge, gt

from axis_ntp_async.errors import DeviceError


@frozen(kw_only=True)
class RetryPolicy:
    """
    How patient we are with one device, and with a whole run.

    *Whether* a failure is worth another try is known by its error.

    Attributes:
        attempts: The first try included.

        wait_initial_s:
            Before try n + 1 we wait a random time, up to this times 2ⁿ⁻¹ seconds:
            full jitter, so that a thousand devices do not come back at once.

        wait_max_s: The upper bound of that random time, in seconds.
        connect_timeout_s: Seconds for TCP and TLS together, each attempt.
        attempt_timeout_s: Seconds for one request and its answer.
        device_timeout_s: Seconds for one device, with all attempts and waits.

        budget_count, budget_ratio:
            A run tries again at most max(count, ratio times devices begun) times
            in all, so that a dead site does not multiply the load.
    """

    attempts: int = field(default=3, validator=ge(1))
    wait_initial_s: float = field(default=0.5, validator=ge(0))
    wait_max_s: float = field(default=8.0, validator=ge(0))
    connect_timeout_s: float = field(default=3.0, validator=gt(0))
    attempt_timeout_s: float = field(default=10.0, validator=gt(0))
    device_timeout_s: float = field(default=30.0, validator=gt(0))
    budget_count: int = field(default=20, validator=ge(0))
    budget_ratio: float = field(default=0.1, validator=ge(0))

    def allows(self, spent: int, devices: int) -> bool:
        """Tell whether a run that tried again `spent` times over so many devices may once more."""
        return spent < max(self.budget_count, self.budget_ratio * devices)

    def wait_s(self, error: DeviceError, attempts: int, elapsed_s: float) -> float | None:
        """
        Give the seconds to wait before the next try, or `None` when this was the last.

        Args:
            error: What the last attempt came to.
            attempts: How many there were.
            elapsed_s: Seconds since the first one began.
        """
        most = min(self.attempts, error.most_attempts or self.attempts)
        if not error.retryable or attempts >= most:
            return None
        state = tenacity.RetryCallState(tenacity.AsyncRetrying(), None, (), {})
        state.attempt_number, state.start_time = attempts, 0.0
        state.outcome_timestamp = elapsed_s
        jitter = tenacity.wait_random_exponential(
            multiplier=self.wait_initial_s, max=self.wait_max_s
        )
        state.upcoming_sleep = error.wait_at_least_s + jitter(state)
        last = tenacity.stop_before_delay(self.device_timeout_s)(state)
        return None if last else state.upcoming_sleep
