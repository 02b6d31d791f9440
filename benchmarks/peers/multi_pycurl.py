"""pycurl with a `CurlMulti`: as many easy handles as may work at once, used again and again."""

import io
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pycurl

from benchmarks.peers.peer import HEADERS, Job, Tally, ThreadedPeer, reading_of
from benchmarks.setting import PASSWORD, PATH, REQUEST, USERNAME, Endpoint

_OK: Final = 200
_WAIT_S: Final = 1.0


class MultiPycurl(ThreadedPeer):
    """
    libcurl does HTTP, TLS and the digest; it forgets the challenge with the handle's next device.

    Args:
        job: What it has to do.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, job.setting.concurrency)
        self._handles = [self._handle() for _ in range(job.setting.concurrency)]
        self._reads: dict[Any, tuple[Endpoint, io.BytesIO]] = {}

    def sweep(self, devices: Sequence[Endpoint], tally: Tally) -> None:
        """Keep all handles at work until nobody is left."""
        waiting, free = iter(devices), list(self._handles)
        self._start(waiting, free)
        while self._reads:
            self._multi.perform()
            left, done, failed = self._multi.info_read()
            for handle in done:
                self._end(handle, None, tally)
            for handle, code, text in failed:
                self._end(handle, ConnectionError(code, text), tally)
            free = [*done, *(handle for handle, *_ in failed)]
            self._start(waiting, free)
            if not free and not left:
                self._multi.select(_WAIT_S)

    def close(self) -> None:
        """Close all handles."""
        for handle in self._handles:
            handle.close()
        self._multi.close()

    def _start(self, waiting: Iterator[Endpoint], free: list[Any]) -> None:
        for handle, device in zip(free, waiting, strict=False):
            body = io.BytesIO()
            self._reads[handle] = device, body
            handle.setopt(pycurl.URL, self._job.url_of(PATH, device))
            handle.setopt(pycurl.WRITEDATA, body)
            self._multi.add_handle(handle)

    def _end(self, handle: Any, error: Exception | None, tally: Tally) -> None:  # noqa: ANN401  untyped
        device, body = self._reads.pop(handle)
        status = handle.getinfo(pycurl.RESPONSE_CODE)
        self._multi.remove_handle(handle)
        try:
            if error is not None or status != _OK:
                raise error or ConnectionError(f"HTTP {status}")
            reading = reading_of(self._job.loads(body.getvalue()))
        except (OSError, ValueError, LookupError) as failure:
            tally.failed(device.number, failure)
        else:
            tally.answered(device.number, reading.static_servers)

    def _handle(self) -> Any:  # noqa: ANN401  untyped
        setting, handle = self._job.setting, pycurl.Curl()
        handle.setopt(pycurl.POST, 1)
        handle.setopt(pycurl.POSTFIELDS, REQUEST)
        handle.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in HEADERS.items()])
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.SSL_VERIFYPEER, 0)
        handle.setopt(pycurl.SSL_VERIFYHOST, 0)
        handle.setopt(pycurl.CONNECTTIMEOUT_MS, round(setting.connect_timeout_s * 1000))
        handle.setopt(pycurl.TIMEOUT_MS, round(setting.timeout_s * 1000))
        if setting.login:
            kind = pycurl.HTTPAUTH_DIGEST if setting.login == "digest" else pycurl.HTTPAUTH_BASIC
            handle.setopt(pycurl.HTTPAUTH, kind)
            handle.setopt(pycurl.USERPWD, f"{USERNAME}:{PASSWORD}")
        return handle
