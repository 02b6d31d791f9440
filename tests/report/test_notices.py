"""What people and programs are told of changes."""

import datetime as dt
import json
from typing import Any

import pytest
from attrs import evolve

from axis_ntp_async.device.records import Device
from axis_ntp_async.health.finding import Cause, State
from axis_ntp_async.health.watch.events import Remark, StateChange, Topic
from axis_ntp_async.health.watch.notice import Notice
from axis_ntp_async.health.watch.site_causes import SiteCause, SiteTrouble
from axis_ntp_async.report.notices import brief, change_line, notice_document, notice_text

AT = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
CAUSE = SiteCause(
    site="berlin",
    trouble=SiteTrouble.TIME_SERVER,
    servers=("10.0.0.5",),
    affected=41,
    of=43,
    began_at=AT,
    within_s=360.0,
    examples=("lobby-1",),
)


def change(name: str, after: State, site: str | None = "berlin", **members: Any) -> StateChange:
    return StateChange(
        device=Device(name=name, host="192.0.2.17", site=site),
        before=None,
        after=after,
        cause=None if after is State.OK else Cause.NOT_SYNCED,
        message="in sync" if after is State.OK else "not synced with 10.0.0.5",
        hint="" if after is State.OK else "Check.",
        since=AT,
        **members,
    )


def notice(**members: Any) -> Notice:
    return Notice(at=AT, **members)


def test_what_many_have_in_common_comes_first() -> None:
    """Then the worst devices, and recoveries last; the end says how things are."""
    text = notice_text(
        notice(
            changes=(
                change("roof-1", State.OK),
                change("roof-2", State.WARNING, site=None),
                change("roof-3", State.CRITICAL),
                change("roof-4", State.UNKNOWN, is_flapping=True),
            ),
            began=(CAUSE,),
            ended=(evolve(CAUSE, affected=0),),
            remarks=(Remark(Topic.OWN_CLOCK, "our own clock is the odd one"),),
            states={State.OK: 40, State.CRITICAL: 2},
        )
    )
    assert text.splitlines() == [
        "our own clock is the odd one",
        f"{CAUSE.message}. {CAUSE.hint}",
        "over: time server 10.0.0.5 of berlin: no device is out of sync for it any more",
        "roof-3 (berlin) is critical: not synced with 10.0.0.5",
        "roof-4 (berlin) is flapping, at the last look: not synced with 10.0.0.5",
        "roof-2 is warning: not synced with 10.0.0.5",
        "roof-1 (berlin) is ok now",
        "now 40 of 42 devices are ok",
    ]


def test_a_long_notice_is_cut() -> None:
    """A chat is no place for a thousand lines; the JSON has them all."""
    many = notice(
        changes=tuple(
            evolve(change(f"cam-{one}", State.UNKNOWN), hint=str(one)) for one in range(100)
        )
    )
    lines = notice_text(many).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "… and 80 more"
    assert len(notice_document(many)["changes"]) == 100


def test_devices_that_changed_alike_are_one_line() -> None:
    """After an edit of the policy, or a night without power, nobody reads 400 lines."""
    lost = [change(f"cam-{one}", State.CRITICAL) for one in range(60)]
    well = [change(f"roof-{one}", State.OK, site=f"site-{one}") for one in range(4)]
    few = [change(f"gate-{one}", State.WARNING) for one in range(3)]
    flapping = [change(f"hall-{one}", State.UNKNOWN, is_flapping=True) for one in range(5)]
    text = notice_text(notice(changes=(*well, *few, *lost, *flapping)))
    assert text.splitlines() == [
        (
            "60 devices of berlin are critical, not synced: cam-0, cam-1, cam-2, cam-3, cam-4 and "
            "55 more. Check."
        ),
        "5 devices of berlin are flapping: hall-0, hall-1, hall-2, hall-3, hall-4",
        "gate-0 (berlin) is warning: not synced with 10.0.0.5",
        "gate-1 (berlin) is warning: not synced with 10.0.0.5",
        "gate-2 (berlin) is warning: not synced with 10.0.0.5",
        "4 devices are ok now: roof-0, roof-1, roof-2, roof-3",
    ]


@pytest.mark.parametrize(
    ("trouble", "left", "expected"),
    [
        (SiteTrouble.NETWORK, 0, "over: network of berlin: its devices answer again"),
        (
            SiteTrouble.TIME_SERVER,
            2,
            "over: time server 10.0.0.5 of berlin: 2 of 43 devices still are out of sync",
        ),
        (
            SiteTrouble.WRONG_TIME,
            1,
            "over: time server 10.0.0.5 of berlin: 1 of 43 devices still tell a wrong time",
        ),
    ],
)
def test_the_end_of_a_cause_says_how_things_are(
    trouble: SiteTrouble, left: int, expected: str
) -> None:
    """Not what was suspected when it began."""
    over = evolve(CAUSE, trouble=trouble, affected=left)
    assert notice_text(notice(ended=(over,))) == expected


def test_a_program_gets_everything() -> None:
    """Plain JSON with a schema; a change of a site's cause names it."""
    document = notice_document(
        notice(
            changes=(change("roof-1", State.CRITICAL, site_trouble=CAUSE.trouble),), began=(CAUSE,)
        )
    )
    assert json.loads(json.dumps(document)) == document
    assert document["schema"] == "axis-ntp/notice/v1"
    assert document["changes"][0] == {
        "schema": "axis-ntp/change/v1",
        "device": "roof-1",
        "host": "192.0.2.17",
        "site": "berlin",
        "before": None,
        "after": "critical",
        "cause": "not_synced",
        "message": "not synced with 10.0.0.5",
        "hint": "Check.",
        "since": "2026-11-23T12:00:00.000+00:00",
        "is_flapping": False,
        "site_cause": "time_server",
    }
    assert document["site_causes_began"][0]["affected"] == 41


def test_a_document_has_no_more_devices_than_a_webhook_takes() -> None:
    """How many were left out is in it; without any, the text still tells."""
    many = notice(changes=tuple(change(f"cam-{one}", State.UNKNOWN) for one in range(700)))
    document = notice_document(many)
    assert (len(document["changes"]), document["changes_left_out"]) == (500, 200)
    short = brief(document)
    assert (short["changes"], short["changes_left_out"]) == ([], 700)
    assert short["text"] == document["text"]


def test_the_same_notice_has_the_same_id() -> None:
    """A receiver that gets it twice can tell; another one has another."""
    one, other = (notice(changes=(change(name, State.CRITICAL),)) for name in ("one", "other"))
    assert notice_document(one)["id"] == notice_document(one)["id"]
    assert notice_document(one)["id"] != notice_document(other)["id"]


@pytest.mark.parametrize("name", ["\x1b[31mred", "line\u2028break"])
def test_hostile_names_steer_nothing(name: str) -> None:
    """Neither a terminal nor a chat."""
    hostile = StateChange(
        device=Device(name="cam", host="192.0.2.17", site=name),
        before=State.OK,
        after=State.UNKNOWN,
        cause=Cause.UNREACHABLE,
        message="no answer",
        hint="",
        since=AT,
    )
    assert notice_text(notice(changes=(hostile,))).isprintable()
    assert "no answer" in change_line(hostile)
