"""aiohttp as an experienced user would write it: one session, a semaphore, gather."""

import asyncio
from collections.abc import Sequence
from typing import Any

import aiohttp

from benchmarks.peers.peer import HEADERS, AsyncPeer, Tally, reading_of
from benchmarks.setting import PASSWORD, PATH, REQUEST, USERNAME, Endpoint


class BareAiohttp(AsyncPeer):
    """The default connector, as wide as the semaphore; a digest middleware per device, kept."""

    async def open(self) -> None:
        """Open a session for all devices."""
        setting = self.job.setting
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=setting.concurrency, ssl=False),
            timeout=aiohttp.ClientTimeout(
                total=setting.timeout_s, sock_connect=setting.connect_timeout_s
            ),
            headers=HEADERS,
        )
        self._logins = {one: self._login() for one in (*self.job.devices, self.job.spare)}
        self._loads = self.job.loads

    async def read(self, devices: Sequence[Endpoint], tally: Tally) -> None:
        """Start everybody, let so many at a time work."""
        slots = asyncio.Semaphore(self.job.setting.concurrency)
        await asyncio.gather(*(self._read_one(one, slots, tally) for one in devices))

    async def shut(self) -> None:
        """Close the session."""
        await self._http.close()

    async def _read_one(self, device: Endpoint, slots: asyncio.Semaphore, tally: Tally) -> None:
        url = self.job.url_of(PATH, device)
        async with slots:
            for attempt in range(1, self.job.setting.attempts + 1):
                try:
                    async with self._http.post(
                        url, data=REQUEST, **self._logins[device]
                    ) as response:
                        response.raise_for_status()
                        reading = reading_of(await response.json(loads=self._loads))
                except (aiohttp.ClientError, TimeoutError, ValueError, LookupError) as error:
                    if attempt == self.job.setting.attempts:
                        tally.failed(device.number, error)
                else:
                    tally.answered(device.number, reading.static_servers)
                    return

    def _login(self) -> dict[str, Any]:
        if self.job.setting.login == "digest":
            return {"middlewares": (aiohttp.DigestAuthMiddleware(USERNAME, PASSWORD),)}
        if self.job.setting.login == "basic":
            return {"headers": {"Authorization": aiohttp.encode_basic_auth(USERNAME, PASSWORD)}}
        return {}
