"""Channels are told while the watch goes on; who does not listen is told later, in one go."""

import asyncio
import datetime as dt
import logging
from collections.abc import Callable

import pytest
from attrs import define, field

from axis_ntp_async.errors import DeliveryError, NoticeRefusedError
from axis_ntp_async.health.finding import State
from axis_ntp_async.health.watch.events import Remark, SweepEnded, Topic
from axis_ntp_async.health.watch.notice import Notice
from axis_ntp_async.report.documents import Document
from axis_ntp_async.service.notifier import Notifier


@define
class Ear:
    """A channel that remembers, and refuses as often as it is told to."""

    refusals: int = 0
    takes_s: float = 0.0
    tries: int = 0
    heard: list[Document] = field(factory=list)
    name: str = "ear"

    async def send(self, notice: Document) -> None:
        self.tries += 1
        await asyncio.sleep(self.takes_s)
        if self.refusals:
            self.refusals -= 1
            raise DeliveryError("ear: HTTP 503")
        self.heard.append(notice)

    @property
    def devices(self) -> list[list[str]]:
        return [[change["device"] for change in one["changes"]] for one in self.heard]


MakeEnded = Callable[..., SweepEnded]


async def test_every_channel_hears_it(sweep_ended: MakeEnded) -> None:
    """Both, in the order in which things happened; a quiet sweep is not told."""
    ears = [Ear(), Ear()]
    async with Notifier(ears) as notifier:
        notifier.take(sweep_ended("lobby-1"))
        await asyncio.sleep(0.01)
        notifier.take(sweep_ended())
        notifier.take(sweep_ended("lobby-1", after=State.OK))
    assert [ear.devices for ear in ears] == [[["lobby-1"], ["lobby-1"]]] * 2
    assert "is ok now" in ears[0].heard[1]["text"]


async def test_a_slow_channel_keeps_nobody_waiting(sweep_ended: MakeEnded) -> None:
    """What happens while it is busy is told at once afterwards."""
    slow, quick = Ear(takes_s=0.5), Ear()
    async with Notifier([slow, quick]) as notifier:
        for place in range(4):
            notifier.take(sweep_ended(f"cam-{place}"))
            await asyncio.sleep(0.005)
        assert quick.devices == [["cam-0"], ["cam-1"], ["cam-2"], ["cam-3"]]
    assert slow.devices == [["cam-0"], ["cam-1", "cam-2", "cam-3"]]


async def test_what_was_refused_is_told_later(
    sweep_ended: MakeEnded, caplog: pytest.LogCaptureFixture
) -> None:
    """With all that came meanwhile, as it is now, and the log says that it was refused."""
    ear = Ear(refusals=1)
    with caplog.at_level(logging.WARNING):
        async with Notifier([ear], again_after_s=0.05) as notifier:
            notifier.take(sweep_ended("one", "two"))
            await asyncio.sleep(0.02)
            notifier.take(sweep_ended("one", after=State.OK))
            notifier.take(sweep_ended("three"))
            await asyncio.sleep(0.2)
            assert ear.devices == [["two", "three"]]
    assert caplog.messages == [
        "a notice was not delivered, and waits: ear: HTTP 503",
        "ear: notices are delivered again",
    ]


async def test_a_channel_that_stays_deaf_is_told_once(
    sweep_ended: MakeEnded, caplog: pytest.LogCaptureFixture
) -> None:
    """A night without a chat server is no thousand lines."""
    ear = Ear(refusals=99)
    with caplog.at_level(logging.WARNING):
        async with Notifier([ear], again_after_s=0.01) as notifier:
            notifier.take(sweep_ended("one"))
            await asyncio.sleep(0.2)
    assert ear.tries > 2
    assert len(caplog.messages) == 1


async def test_the_end_is_not_waited_out(sweep_ended: MakeEnded) -> None:
    """A channel that refused is tried once more at the end, and then let go."""
    ear = Ear(refusals=99)
    async with Notifier([ear], again_after_s=3600.0) as notifier:
        notifier.take(sweep_ended("one"))
        await asyncio.sleep(0.01)
        assert ear.tries == 1
    assert ear.tries == 2
    assert ear.heard == []
    assert [one.device.name for one in notifier.undelivered["ear"].changes] == ["one"]


async def test_a_channel_that_hangs_is_let_go(
    sweep_ended: MakeEnded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is a bound to every farewell."""
    monkeypatch.setattr("axis_ntp_async.service.notifier._FAREWELL_S", 0.05)
    ear = Ear(takes_s=3600.0)
    async with Notifier([ear]) as notifier:
        notifier.take(sweep_ended("one"))
        await asyncio.sleep(0.01)
    assert ear.heard == []
    assert len(notifier.undelivered["ear"].changes) == 1


async def test_what_one_process_could_not_tell_the_next_one_tells(sweep_ended: MakeEnded) -> None:
    """Once, and as things are then; what it cannot tell either is handed on."""
    deaf, ear = Ear(refusals=99), Ear()
    async with Notifier([deaf]) as first:
        first.take(sweep_ended("one", "two"))
    async with Notifier([deaf], late=first.undelivered) as second:
        second.take(sweep_ended("one", after=State.OK))
    async with Notifier([ear], late=second.undelivered) as third:
        await asyncio.sleep(0.01)
        third.take(sweep_ended("three"))
    assert ear.devices == [["two"], ["three"]]
    assert third.undelivered == {}


async def test_what_is_on_its_way_is_not_told_yet(
    sweep_ended: MakeEnded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is killed while a slow channel takes it has not lost it, nor what came after."""
    monkeypatch.setattr("axis_ntp_async.service.notifier._FAREWELL_S", 0.05)
    slow = Ear(takes_s=3600.0)
    notifier = Notifier([slow])
    async with notifier:
        notifier.take(sweep_ended("one"))
        await asyncio.sleep(0.01)
        notifier.take(sweep_ended("two"))
        assert [one.device.name for one in notifier.undelivered["ear"].changes] == ["one", "two"]
    assert len(notifier.undelivered["ear"].changes) == 2


async def test_what_waits_for_another_channel_goes_on_waiting(sweep_ended: MakeEnded) -> None:
    """Somebody runs it by hand without the webhook: that loses no alarm; a week in vain does."""
    now, remark = dt.datetime.now(dt.UTC), Remark(Topic.TEST, "hello")
    new, old = (Notice(at=now - dt.timedelta(days=days), remarks=(remark,)) for days in (1, 8))
    late = {"webhook at chat:443": new, "webhook at chat:80": old}
    async with Notifier([Ear()], late=late) as notifier:
        notifier.take(sweep_ended("one"))
    assert notifier.undelivered == {"webhook at chat:443": new}


async def test_a_notice_that_is_refused_for_good_blocks_no_other(
    sweep_ended: MakeEnded, caplog: pytest.LogCaptureFixture
) -> None:
    """It is tried without its devices, which may be too many; then it is given up, and told."""

    class Narrow(Ear):
        least: int = 0

        async def send(self, notice: Document) -> None:
            self.tries += 1
            if len(notice["changes"]) >= self.least:
                raise NoticeRefusedError("ear: HTTP 413")
            self.heard.append(notice)

    ear = Narrow()
    ear.least = 2
    async with Notifier([ear]) as notifier:
        notifier.take(sweep_ended("one", "two", "three"))
        await asyncio.sleep(0.01)
        notifier.take(sweep_ended("four"))
        await asyncio.sleep(0.01)
        assert ear.devices == [[], ["four"]]
        assert ear.heard[0]["changes_left_out"] == 3
        assert "one (berlin) is critical" in ear.heard[0]["text"]
        ear.least = 0
        notifier.take(sweep_ended("five"))
        await asyncio.sleep(0.01)
    assert (ear.tries, notifier.undelivered) == (5, {})
    assert caplog.messages == [
        "a notice was refused for good, and is given up: ear: HTTP 413",
    ]


async def test_news_that_cancel_each_other_are_none(sweep_ended: MakeEnded) -> None:
    """A device that was down while nobody listened, and is up again, is not told."""
    ear = Ear(refusals=1)
    async with Notifier([ear], again_after_s=0.02) as notifier:
        notifier.take(sweep_ended("one"))
        await asyncio.sleep(0.01)
        notifier.take(sweep_ended("one", after=State.OK))
        await asyncio.sleep(0.1)
    assert ear.tries == 1
    assert ear.heard == []


async def test_nobody_to_tell_is_fine(sweep_ended: MakeEnded) -> None:
    """A watch without channels tells nobody."""
    async with Notifier([]) as notifier:
        notifier.take(sweep_ended("one"))


async def test_a_bug_in_a_channel_ends_no_watch(
    sweep_ended: MakeEnded, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged with all that helps to find it; the next notice is tried."""

    class Broken(Ear):
        async def send(self, notice: Document) -> None:
            if notice["changes"][0]["device"] == "one":
                raise ValueError("a bug of ours")
            await super().send(notice)

    ear = Broken()
    async with Notifier([ear]) as notifier:
        notifier.take(sweep_ended("one"))
        await asyncio.sleep(0.01)
        notifier.take(sweep_ended("two"))
    assert ear.devices == [["two"]]
    [record] = caplog.records
    assert record.exc_info
    assert record.getMessage() == "bug in ear; a notice is given up"
