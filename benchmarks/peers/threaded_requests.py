"""
requests with threads, and niquests, which wants to be written the same way.

niquests replaces urllib3 where it is installed, so it lives in an environment
of its own.
"""

import importlib
import threading
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ClassVar, Final

from benchmarks.peers.peer import HEADERS, Job, Tally, ThreadedPeer, reading_of
from benchmarks.setting import PASSWORD, PATH, REQUEST, USERNAME, Endpoint

_MOST_THREADS: Final = 64
"""More of them only wait for the interpreter."""


class ThreadedRequests(ThreadedPeer):
    """
    One session a thread, one login per device.

    Args:
        job: What it has to do.
    """

    library: ClassVar = "requests"

    def __init__(self, job: Job) -> None:
        warnings.simplefilter("ignore")  # of certificates that are not verified, at each request
        self._job = job
        self._library: Any = importlib.import_module(self.library)
        self._local = threading.local()
        self._noting = threading.Lock()
        self._logins = {one: self._login() for one in (*job.devices, job.spare)}

    def sweep(self, devices: Sequence[Endpoint], tally: Tally) -> None:
        """Hand all devices to the threads."""
        threads = min(_MOST_THREADS, self._job.setting.concurrency)
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(partial(self._read_one, tally=tally), devices):
                pass

    def _read_one(self, device: Endpoint, *, tally: Tally) -> None:
        setting = self._job.setting
        try:
            response = self._session().post(
                self._job.url_of(PATH, device),
                data=REQUEST,
                auth=self._logins[device],
                timeout=(setting.connect_timeout_s, setting.timeout_s),
            )
            response.raise_for_status()
            reading = reading_of(self._job.loads(response.content))
        except (self._library.RequestException, ValueError, LookupError) as error:
            with self._noting:
                tally.failed(device.number, error)
        else:
            with self._noting:
                tally.answered(device.number, reading.static_servers)

    def _session(self) -> Any:  # noqa: ANN401  of either library
        if not hasattr(self._local, "session"):
            session = self._local.session = self._library.Session()
            session.trust_env = False  # a CA bundle named there would be used all the same
            session.verify = False
            session.headers.update(HEADERS)
        return self._local.session

    def _login(self) -> Any:  # noqa: ANN401  of either library
        logins = self._library.auth
        if self._job.setting.login == "digest":
            return logins.HTTPDigestAuth(USERNAME, PASSWORD)
        return logins.HTTPBasicAuth(USERNAME, PASSWORD) if self._job.setting.login else None


class ThreadedNiquests(ThreadedRequests):
    """The same with niquests."""

    library: ClassVar = "niquests"
