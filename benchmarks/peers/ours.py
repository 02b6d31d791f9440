"""Ours: `SessionPool`, as the README shows it."""

from collections.abc import Sequence
from contextlib import aclosing

from axis_ntp_async.device.auth import Credentials
from axis_ntp_async.device.records import Device, NTPInfo, Outcome
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.device.trust import KnownDevices, Trust
from axis_ntp_async.fleet.pool import SessionPool
from axis_ntp_async.fleet.retry import RetryPolicy
from axis_ntp_async.fleet.slots import Limits
from axis_ntp_async.health.finding import Finding
from axis_ntp_async.health.sweep import sweep
from benchmarks.peers.peer import AsyncPeer, Tally
from benchmarks.setting import PASSWORD, USERNAME, Endpoint, Setting, number_of


class Ours(AsyncPeer):
    """Streams outcomes, or findings, and keeps none."""

    async def open(self) -> None:
        """Open a pool, and make the devices an inventory would hold."""
        setting = self.job.setting
        everybody = [*self.job.devices, self.job.spare]
        self._devices = {one: _device(one, setting) for one in everybody}
        self._pool = SessionPool(
            {"all": Credentials(USERNAME, PASSWORD)},
            limits=Limits(total=setting.concurrency),
            retry=RetryPolicy(
                attempts=setting.attempts,
                connect_timeout_s=setting.connect_timeout_s,
                attempt_timeout_s=setting.timeout_s,
                device_timeout_s=setting.timeout_s * setting.attempts,
            ),
            trust=Trust(KnownDevices()),
        )
        await self._pool.__aenter__()

    async def read(self, devices: Sequence[Endpoint], tally: Tally) -> None:
        """Take one outcome after the other."""
        wanted = (self._devices[one] for one in devices)
        if self.job.setting.findings:
            async with aclosing(sweep(self._pool, wanted)) as findings:
                async for finding in findings:
                    _note(finding, finding.info, tally)
            return
        async with aclosing(self._pool.each(wanted, DeviceSession.get_ntp_info)) as outcomes:
            async for outcome in outcomes:
                _note(outcome, outcome.value, tally)

    async def shut(self) -> None:
        """Close the pool."""
        await self._pool.__aexit__(None, None, None)


def _note(found: Outcome[NTPInfo] | Finding, info: NTPInfo | None, tally: Tally) -> None:
    number = number_of(found.device.host)
    if info is not None and info.client is not None:
        tally.answered(number, info.client.static_servers or ())
    else:
        tally.failed(number, found.error or ValueError("no client section"))


def _device(one: Endpoint, setting: Setting) -> Device:
    return Device(
        name=f"cam-{one.number:06}",
        host=one.host,
        port=one.port,
        scheme=setting.scheme,
        credentials="all" if setting.login else None,
        tls="insecure",
    )
