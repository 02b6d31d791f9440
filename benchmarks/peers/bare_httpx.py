"""httpx with its `AsyncClient`: a semaphore, gather, one digest login per device, kept."""

import asyncio
from collections.abc import Sequence

import httpx

from benchmarks.peers.peer import HEADERS, AsyncPeer, Tally, reading_of
from benchmarks.setting import PASSWORD, PATH, REQUEST, USERNAME, Endpoint


class BareHttpx(AsyncPeer):
    """
    Its pool keeps 20 idle connections, the default.

    The pool looks at every connection for each request, so that a larger one
    costs many times more.
    """

    async def open(self) -> None:
        """Open a client for all devices."""
        setting = self.job.setting
        self._http = httpx.AsyncClient(
            verify=False,
            timeout=httpx.Timeout(setting.timeout_s, connect=setting.connect_timeout_s),
            limits=httpx.Limits(max_connections=setting.concurrency, max_keepalive_connections=20),
            headers=HEADERS,
        )
        self._logins = {one: self._login() for one in (*self.job.devices, self.job.spare)}
        self._loads = self.job.loads

    async def read(self, devices: Sequence[Endpoint], tally: Tally) -> None:
        """Start everybody, let so many at a time work."""
        slots = asyncio.Semaphore(self.job.setting.concurrency)
        await asyncio.gather(*(self._read_one(one, slots, tally) for one in devices))

    async def shut(self) -> None:
        """Close the client."""
        await self._http.aclose()

    async def _read_one(self, device: Endpoint, slots: asyncio.Semaphore, tally: Tally) -> None:
        url = self.job.url_of(PATH, device)
        async with slots:
            try:
                response = await self._http.post(url, content=REQUEST, auth=self._logins[device])
                response.raise_for_status()
                reading = reading_of(self._loads(response.content))
            except (httpx.HTTPError, ValueError, LookupError) as error:
                tally.failed(device.number, error)
            else:
                tally.answered(device.number, reading.static_servers)

    def _login(self) -> httpx.Auth:
        if self.job.setting.login == "digest":
            return httpx.DigestAuth(USERNAME, PASSWORD)
        return httpx.BasicAuth(USERNAME, PASSWORD) if self.job.setting.login else httpx.Auth()
