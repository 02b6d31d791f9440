"""What a fleet counts, per device and in all."""

from array import array
from typing import Any


class Ledger:
    """
    Counts connections and requests between two looks at it.

    Args:
        devices: How many devices there are; one more is counted nowhere.
    """

    def __init__(self, devices: int) -> None:
        self._devices = devices
        self._open = 0
        self.reset()

    def reset(self) -> None:
        """Begin to count anew; connections that are open stay counted as open."""
        self._connections = 0
        self._most_open = self._open
        self._requests = array("H", bytes(2 * self._devices))
        self._in_flight = array("H", bytes(2 * self._devices))
        self._most_in_flight = 0

    def opened(self) -> None:
        """Count a connection."""
        self._connections += 1
        self._open += 1
        self._most_open = max(self._most_open, self._open)

    def closed(self) -> None:
        """Count its end."""
        self._open -= 1

    def asked(self, number: int) -> None:
        """Count a request, from now on in flight."""
        if number < self._devices:
            self._requests[number] += 1
            self._in_flight[number] += 1
            self._most_in_flight = max(self._most_in_flight, self._in_flight[number])

    def answered(self, number: int) -> None:
        """Count its answer."""
        if number < self._devices and self._in_flight[number]:
            self._in_flight[number] -= 1

    def report(self) -> dict[str, Any]:
        """Give all figures."""
        asked = [count for count in self._requests if count]
        return {
            "connections": self._connections,
            "open": self._open,
            "most_open": self._most_open,
            "requests": sum(asked),
            "devices_asked": len(asked),
            "fewest_requests": min(asked, default=0),
            "most_requests": max(asked, default=0),
            "most_in_flight": self._most_in_flight,
        }
