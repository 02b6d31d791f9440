"""What a page shows of a history."""

from __future__ import annotations

import datetime as dt
from typing import Final

from axis_ntp_async.errors import HistoryError
from axis_ntp_async.health.history.reading import HistoryReader
from axis_ntp_async.health.history.record import LastWeek

_WEEK: Final = dt.timedelta(days=7)
_POINTS: Final = 48


def last_week(history: HistoryReader | None, until: dt.datetime) -> LastWeek:
    """
    Look up the week that ends then; it takes a while.

    A history that cannot be read is told in what is given; without one there is nothing.
    """
    if history is None:
        return LastWeek()
    since = until - _WEEK
    try:
        return LastWeek(
            sweeps=history.sweeps(since), courses=history.courses(since, points=_POINTS)
        )
    except HistoryError as error:
        return LastWeek(fault=str(error))
