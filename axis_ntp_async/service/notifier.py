"""`Notifier`: notices to their channels, while the watch goes on."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from attrs import define, field

from axis_ntp_async.errors import DeliveryError, NoticeRefusedError
from axis_ntp_async.health.watch.events import Remark, SweepEnded, Topic, WatchEvent
from axis_ntp_async.health.watch.notice import Notice, notice_of
from axis_ntp_async.report.documents import Document
from axis_ntp_async.report.notices import brief, notice_document
from axis_ntp_async.service.channels import Channel

_LOGGER: Final = logging.getLogger(__name__)

_AGAIN_AFTER_S: Final = 60.0
_FAREWELL_S: Final = 15.0
"""At the end a channel has so long to take what is still to be told; the rest waits."""

_IN_VAIN_AFTER: Final = dt.timedelta(days=7)


@define(eq=False)
class _Outbox:
    """
    What one channel is still to be told: one notice, however long it does not listen.

    Attributes:
        channel: Whom.
        again_after_s: Seconds until it is tried again.
        waiting: What an earlier process could not deliver, and then what waits.
    """

    channel: Channel
    again_after_s: float
    waiting: Notice | None
    _on_its_way: Notice | None = field(default=None, init=False)
    _fault: str | None = field(default=None, init=False)
    _something: asyncio.Event = field(factory=asyncio.Event, init=False)
    _ending: asyncio.Event = field(factory=asyncio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        if self.waiting:
            self._something.set()

    def put(self, notice: Notice) -> None:
        """Put a notice to what is waiting already."""
        self.waiting = self.waiting.followed_by(notice) if self.waiting else notice
        self._something.set()

    def end(self) -> None:
        """Deliver what is waiting, and no more."""
        self._ending.set()
        self._something.set()

    @property
    def undelivered(self) -> Notice | None:
        """What is on its way, and what waits."""
        on_its_way, waiting = self._on_its_way, self.waiting
        both = on_its_way.followed_by(waiting) if on_its_way and waiting else on_its_way or waiting
        return None if both is None or both.is_empty else both

    async def deliver(self) -> None:
        """Deliver notices until the end."""
        while not (self._ending.is_set() and self.undelivered is None):
            await self._something.wait()
            self._something.clear()
            if await self._deliver_waiting():
                continue
            if self._ending.is_set():
                return
            await self._pause()
            self._something.set()

    async def _deliver_waiting(self) -> bool:
        self._on_its_way, self.waiting = self.undelivered, None
        if self._on_its_way is None:
            return True
        is_sent = False
        try:
            is_sent = await self._sent(notice_document(self._on_its_way))
        finally:
            self.waiting = self.waiting if is_sent else self.undelivered
            self._on_its_way = None
        return is_sent

    async def _sent(self, document: Document) -> bool:
        """
        Deliver one notice, or give it up; tell whether it is off our hands.

        A reason why it cannot be delivered is logged once, and so is its end.
        """
        try:
            await self._send(document)
        except NoticeRefusedError as error:
            _LOGGER.warning("a notice was refused for good, and is given up: %s", error)
            return True
        except DeliveryError as error:
            if str(error) != self._fault:
                _LOGGER.warning("a notice was not delivered, and waits: %s", error)
            self._fault = str(error)
            return False
        except Exception:
            _LOGGER.exception("bug in %s; a notice is given up", self.channel.name)
            return True
        if self._fault is not None:
            _LOGGER.warning("%s: notices are delivered again", self.channel.name)
        self._fault = None
        return True

    async def _send(self, document: Document) -> None:
        """Send a notice; where it is refused, perhaps for its size, without its devices."""
        try:
            await self.channel.send(document)
        except NoticeRefusedError:
            if not document.get("changes"):
                raise
            await self.channel.send(brief(document))

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self.again_after_s):
                await self._ending.wait()
        except TimeoutError:
            return


async def deliver_test(channel: Channel) -> None:
    """
    Deliver a notice in which nothing has happened.

    Raises:
        DeliveryError: It was not taken.
    """
    remark = Remark(Topic.TEST, "this is a test of axis-ntp: notices get through")
    await channel.send(notice_document(Notice(at=dt.datetime.now(dt.UTC), remarks=(remark,))))


class Notifier:
    """
    Tells channels what a watch finds, as a context manager.

    A channel that does not listen is told later, everything at once; a watch
    never waits for it. At the end there is a moment for what is left; what is
    left then, `undelivered` gives, for the next process to begin with.

    Args:
        channels: Whom to tell.
        again_after_s: Seconds until a channel that failed is tried again.
        late: What an earlier process could not deliver, by the names of channels.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        *,
        again_after_s: float = _AGAIN_AFTER_S,
        late: Mapping[str, Notice] | None = None,
    ) -> None:
        known = dict(late or {})
        self._outboxes = [
            _Outbox(channel, again_after_s, known.pop(channel.name, None)) for channel in channels
        ]
        since = dt.datetime.now(dt.UTC) - _IN_VAIN_AFTER
        self._of_others = {name: one for name, one in known.items() if one.at >= since}
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(outbox.deliver()) for outbox in self._outboxes]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for outbox in self._outboxes:
            outbox.end()
        if self._tasks:
            done, late = await asyncio.wait(self._tasks, timeout=_FAREWELL_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*done, *late, return_exceptions=bool(late))

    @property
    def undelivered(self) -> dict[str, Notice]:
        """
        What is still to be told, by the names of channels; nothing of those that know all.

        What waits for a channel that we do not have goes on waiting, for a week.
        """
        own = {
            outbox.channel.name: left
            for outbox in self._outboxes
            if (left := outbox.undelivered) is not None
        }
        return {**self._of_others, **own}

    def take(self, event: WatchEvent) -> None:
        """Take in what a watch tells."""
        notice = notice_of(event) if isinstance(event, SweepEnded) else None
        if notice is not None:
            for outbox in self._outboxes:
                outbox.put(notice)
