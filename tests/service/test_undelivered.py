"""What waits to be told survives a process as text."""

import datetime as dt

import pytest

from axis_ntp_async.device.records import Device
from axis_ntp_async.health.finding import Cause, State
from axis_ntp_async.health.watch.events import Remark, StateChange, Topic
from axis_ntp_async.health.watch.notice import Notice
from axis_ntp_async.health.watch.site_causes import SiteCause, SiteTrouble
from axis_ntp_async.service.undelivered import is_one, notices_in, texts_of

AT = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
CHANGE = StateChange(
    device=Device(
        name="Füße 1", host="192.0.2.1", site="Köln", groups=("roof",), labels={"model": "P3265"}
    ),
    before=None,
    after=State.CRITICAL,
    cause=Cause.SKEW,
    message="its clock is 37 s ahead",
    hint="Check.",
    since=AT,
    was_flapping=True,
)
CAUSE = SiteCause(
    site="Köln", trouble=SiteTrouble.NETWORK, affected=3, of=4, began_at=AT, within_s=1.5, told=3
)


def test_it_comes_back() -> None:
    """All of it, by the names of channels; what others keep there is theirs."""
    notices = {
        "webhook at chat:443": Notice(at=AT, changes=(CHANGE,), states={State.OK: 3}),
        "command notify": Notice(
            at=AT,
            began=(CAUSE,),
            grown=(CAUSE,),
            ended=(CAUSE,),
            remarks=(Remark(Topic.LATE, "late", is_over=True),),
        ),
    }
    texts = texts_of(notices)
    assert all(is_one(key) for key in texts)
    assert notices_in({**texts, "device cam": "{"}) == notices


@pytest.mark.parametrize("text", ["{", "5", '["x"]', "{}", '{"at": "yesterday"}', "null"])
def test_what_is_damaged_is_named(text: str) -> None:
    """Nothing that is no notice is ever sent."""
    with pytest.raises(ValueError, match="what waited for command notify is damaged"):
        notices_in({"undelivered command notify": text})
