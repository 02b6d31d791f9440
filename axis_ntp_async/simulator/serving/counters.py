"""What a simulated fleet saw: requests, connections, failed logins, and how many at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field, frozen

from axis_ntp_async.simulator.model.camera import Camera


@define
class Peak:
    """How many requests are being answered, and how many were at most."""

    now: int = 0
    most: int = 0

    def enter(self) -> None:
        """Count one more."""
        self.now += 1
        self.most = max(self.most, self.now)

    def leave(self) -> None:
        """Count one less."""
        self.now -= 1


@frozen
class Counters:
    """
    What a fleet saw since it was made, by the name of the camera unless said otherwise.

    Attributes:
        requests: All of them, also those that only ask for a challenge.
        logins_refused: Failed logins; a request without a login is none.
        connections: Those that were opened, over HTTPS with a TLS handshake.
        at_once: Requests at once, by camera.
        at_once_by_site: The same, by site.
        at_once_in_all: The same, over the whole fleet.
    """

    requests: Counter[str] = field(factory=Counter)
    logins_refused: Counter[str] = field(factory=Counter)
    connections: Counter[str] = field(factory=Counter)
    at_once: dict[str, Peak] = field(factory=lambda: defaultdict(Peak))
    at_once_by_site: dict[str | None, Peak] = field(factory=lambda: defaultdict(Peak))
    at_once_in_all: Peak = field(factory=Peak)

    @contextmanager
    def request(self, camera: Camera) -> Iterator[None]:
        """Count one request while it is being answered."""
        self.requests[camera.name] += 1
        peaks = (
            self.at_once[camera.name],
            self.at_once_by_site[camera.site],
            self.at_once_in_all,
        )
        for peak in peaks:
            peak.enter()
        try:
            yield
        finally:
            for peak in peaks:
                peak.leave()
