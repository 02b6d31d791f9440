"""One cause for many devices of a site: its time server, its network. Pure."""

from __future__ import annotations

import datetime as dt
import enum

from attrs import frozen


class SiteTrouble(enum.Enum):
    """What devices of a site may have in common."""

    TIME_SERVER = "time_server"
    """They lost sync: the server they share is suspected."""

    WRONG_TIME = "wrong_time"
    """They are in sync with a server that tells a wrong time."""

    NETWORK = "network"
    """They do not answer: the way to the site is suspected."""


@frozen(kw_only=True)
class SiteCause:
    """
    What devices of one site have in common.

    Attributes:
        site: The site.
        trouble: What kind of cause.
        servers: The time servers that are suspected; empty when none is common to them.
        affected: How many devices.
        of: How many devices the site has.
        began_at: When the first of them was seen so, in UTC.
        within_s: Seconds from the first of them to the last.
        examples: Names of the first ten.
    """

    site: str
    trouble: SiteTrouble
    servers: tuple[str, ...] = ()
    affected: int
    of: int
    began_at: dt.datetime
    within_s: float
    examples: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, SiteTrouble]:
        """What makes it the same one in the next sweep."""
        return self.site, self.trouble

    @property
    def message(self) -> str:
        """The cause in a sentence."""
        many = f"{self.affected} of {self.of} devices"
        within = f" within {_minutes(self.within_s)}"
        servers = " and ".join(self.servers)
        named = f"time server{'s' if len(self.servers) > 1 else ''} {servers} of {self.site}"
        match self.trouble:
            case SiteTrouble.NETWORK:
                return f"network of {self.site} suspected: {many} went out of reach{within}"
            case SiteTrouble.TIME_SERVER if self.servers:
                return f"{named} suspected: {many} lost it{within}"
            case SiteTrouble.TIME_SERVER:
                return f"time servers of {self.site} suspected: {many} lost sync{within}"
            case _ if self.servers:
                return f"{named} suspected to tell a wrong time: {many} follow it"
            case _:
                return f"a wrong time is suspected at {self.site}: {many} follow it"

    @property
    def hint(self) -> str:
        """What to do about it."""
        match self.trouble:
            case SiteTrouble.NETWORK:
                return "Check the site's uplink, its switch and its power."
            case SiteTrouble.TIME_SERVER:
                return "Check that the server runs and that UDP 123 to it is open at the site."
            case SiteTrouble.WRONG_TIME:
                return "Compare that server with another one, and our own clock, too."


def _minutes(seconds: float) -> str:
    return f"{max(1, round(seconds / 60))} min"
