"""Runs against simulated devices: what becomes of each, and what is sent to it."""

from collections import Counter
from typing import Any

import pytest
from attrs import evolve

from axis_ntp_async.device import wire
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import ServersSource
from axis_ntp_async.device.session import DeviceSession
from axis_ntp_async.fleet.retry import RetryPolicy
from axis_ntp_async.rollout.events import (
    Event,
    StepChanged,
)
from axis_ntp_async.rollout.plan import StepState
from axis_ntp_async.rollout.rules.proof import Verdict
from axis_ntp_async.rollout.rules.settings import Budget, Staging
from axis_ntp_async.rollout.runs import RunStatus
from axis_ntp_async.simulator.model import api
from axis_ntp_async.simulator.model.access import Access
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Answer, Fault, Kind

OLD = ("10.0.0.1",)
NEW = ("10.0.0.5", "10.0.0.6")
WANTED = NTPClientConfiguration(
    enabled=True, servers_source=ServersSource.STATIC, static_servers=NEW
)
QUICK = RetryPolicy(attempts=2, wait_initial_s=0.0)
ALL_APPLIED = Counter({StepState.APPLIED: 6})

S = StepState


def names(*numbers: int) -> list[str]:
    return [f"cam-{number:02}" for number in numbers]


async def test_every_device_is_changed_and_read_back(open_bench: Any) -> None:
    """All states of a step are told in order, and the devices have what was wanted."""
    async with open_bench() as bench:
        ran = await bench.begin(await bench.plan())
        assert ran.status is RunStatus.FINISHED
        assert Counter(ran.states.values()) == ALL_APPLIED
        assert ran.states_of("cam-01") == [S.INTENT, S.ACKED, S.APPLIED]
        assert all(one.static_servers == NEW for one in bench.told.values())


async def test_a_device_costs_three_requests(open_bench: Any) -> None:
    """It is read, written to and read back, after one login."""
    async with open_bench(access=Access(), credentials="fleet") as bench:
        plan = await bench.plan()
        before = Counter(bench.fleet.counters.requests)
        assert set(before.values()) == {2}
        await bench.begin(plan)
        spent = bench.fleet.counters.requests - before
        assert set(spent.values()) == {3}


async def test_a_device_that_is_as_desired_is_sent_nothing(open_bench: Any) -> None:
    """Whoever changed it after the plan was made, there is nothing left to do."""
    async with open_bench() as bench:
        plan = await bench.plan()
        bench.fleet.camera("cam-02").configure(WANTED)
        ran = await bench.begin(plan)
        assert ran.states_of("cam-02") == [S.NOOP]
        assert bench.writes["cam-02"] == 0
        assert ran.status is RunStatus.FINISHED


async def test_a_single_wave_is_no_canary(open_bench: Any) -> None:
    """Without a canary devices go as quickly as any other wave."""
    async with open_bench(3, latency_s=0.02) as bench:
        plan = await bench.plan(staging=Staging(one_wave=True))
        bench.fleet.counters.at_once_in_all.most = 0
        ran = await bench.begin(plan)
        assert Counter(ran.states.values()) == {S.APPLIED: 3}
        assert bench.fleet.counters.at_once_in_all.most == 3


async def test_somebody_changed_the_device_meanwhile(open_bench: Any) -> None:
    """It is left alone, with what it reports in the journal."""
    other = evolve(WANTED, static_servers=("10.9.9.9",))
    async with open_bench() as bench:
        plan = await bench.plan()
        bench.fleet.camera("cam-04").configure(other)
        ran = await bench.begin(plan)
        status = ran.run.statuses["cam-04"]
        assert (status.state, status.cause, status.writes) == (S.CONFLICT, "conflict", 0)
        assert status.found is not None
        assert status.found.static_servers == ("10.9.9.9",)
        assert bench.writes["cam-04"] == 0


async def test_a_clock_that_would_jump_is_left_alone(open_bench: Any) -> None:
    """Recordings would overlap; nothing is sent."""
    async with open_bench() as bench:
        plan = await bench.plan()
        bench.fleet.camera("cam-02").shift_clock(90.0)
        ran = await bench.begin(plan)
        status = ran.run.statuses["cam-02"]
        assert (status.state, status.cause) == (S.SKIPPED, "step")
        assert "-90" in status.message or "-89" in status.message
        assert bench.writes["cam-02"] == 0


async def test_a_jump_may_be_allowed(open_bench: Any) -> None:
    """Then the device is changed like all others."""
    async with open_bench() as bench:
        plan = await bench.plan(allow_step=True)
        bench.fleet.camera("cam-02").shift_clock(90.0)
        ran = await bench.begin(plan)
        assert Counter(ran.states.values()) == ALL_APPLIED


async def test_another_device_answers(open_bench: Any) -> None:
    """A realm that names another serial is skipped, and no login is sent there."""
    async with open_bench(access=Access(), credentials="fleet") as bench:
        plan = await bench.plan()
        bench.fleet.camera("cam-02").faults = Kind.WRONG_REALM
        ran = await bench.begin(plan)
        status = ran.run.statuses["cam-02"]
        assert (status.state, status.cause) == (S.SKIPPED, "identity")
        assert bench.writes["cam-02"] == 0


async def test_a_canary_of_which_nobody_was_changed_proves_nothing(open_bench: Any) -> None:
    """The run pauses; resumed, it goes on with the rest."""
    async with open_bench() as bench:
        plan = await bench.plan()
        for camera in bench.cameras[:3]:
            camera.shift_clock(90.0)
        ran = await bench.begin(plan)
        assert ran.paused is not None
        assert (ran.paused.cause, ran.paused.count) == ("step", 3)
        assert ran.paused.verdict is Verdict.INCONCLUSIVE
        ran = await bench.resume(ran)
        assert Counter(ran.states.values()) == {S.SKIPPED: 3, S.APPLIED: 3}


async def test_a_device_that_is_gone(open_bench: Any) -> None:
    """One of a few is offline now and then; the run goes on without it."""
    async with open_bench() as bench:
        plan = await bench.plan()
        bench.fleet.unplug("cam-02")
        ran = await bench.begin(plan)
        status = ran.run.statuses["cam-02"]
        assert (status.state, status.cause) == (S.UNREACHABLE, "unreachable")
        assert ran.status is RunStatus.FINISHED


async def test_too_many_are_gone(open_bench: Any) -> None:
    """The run pauses as undecided, whatever the others came to; they are tried again."""
    async with open_bench() as bench:
        plan = await bench.plan()
        for name in names(2, 3):
            bench.fleet.unplug(name)
        ran = await bench.begin(plan)
        assert ran.paused is not None
        assert ran.paused.verdict is Verdict.INCONCLUSIVE
        assert list(ran.paused.devices) == names(2, 3)
        for name in names(2, 3):
            await bench.fleet.plug_in(name)
        ran = await bench.resume(ran)
        assert Counter(ran.states.values()) == ALL_APPLIED


async def test_what_stays_gone_does_not_pause_the_run_for_ever(open_bench: Any) -> None:
    """Tried again in vain, devices whose failure somebody has seen are borne."""
    async with open_bench() as bench:
        plan = await bench.plan()
        for name in names(1, 2, 3):
            bench.fleet.unplug(name)
        ran = await bench.begin(plan)
        assert ran.status is RunStatus.PAUSED
        ran = await bench.resume(ran)
        assert ran.status is RunStatus.FINISHED
        assert Counter(ran.states.values()) == {S.UNREACHABLE: 3, S.APPLIED: 3}


async def test_a_refused_login_stops_the_canary(open_bench: Any) -> None:
    """One failed login, then nothing is sent to anybody; corrected, all are changed."""
    async with open_bench(access=Access(), credentials="fleet") as bench:
        plan = await bench.plan()
        for camera in bench.cameras:
            camera.password = "changed on site"
        ran = await bench.begin(plan)
        assert ran.paused is not None
        assert (ran.paused.cause, ran.paused.devices) == ("login", ("cam-01",))
        assert sum(bench.fleet.counters.logins_refused.values()) == 1
        assert sum(bench.writes.values()) == 0
        assert ran.states_of("cam-01") == [S.FAILED]
        for camera in bench.cameras:
            camera.password = "pass"
        ran = await bench.resume(ran)
        assert Counter(ran.states.values()) == ALL_APPLIED


async def test_a_login_that_stays_refused_is_borne_once_seen(open_bench: Any) -> None:
    """One device with another password pauses a run once, not whenever it is resumed."""
    async with open_bench(access=Access(), credentials="fleet") as bench:
        plan = await bench.plan()
        bench.cameras[0].password = "changed on site"
        ran = await bench.begin(plan)
        assert ran.status is RunStatus.PAUSED
        ran = await bench.resume(ran)
        assert ran.status is RunStatus.FINISHED
        assert Counter(ran.states.values()) == {S.FAILED: 1, S.APPLIED: 5}


async def test_suspended_credentials_leave_nobody_open(open_bench: Any) -> None:
    """Devices that were not even tried are told so, whatever the budget bears."""
    budget = Budget(systemic=99, systemic_canary=99, canary_failures=99)
    async with open_bench(8, access=Access(), credentials="fleet") as bench:
        plan = await bench.plan(budget=budget, staging=Staging(one_wave=True))
        for camera in bench.cameras:
            camera.password = "changed on site"
        ran = await bench.begin(plan)
        assert ran.paused is not None
        assert Counter(status.cause for status in ran.run.statuses.values()) == {
            "login": 3,
            "not_tried": 5,
        }
        assert set(ran.states.values()) == {S.FAILED, S.UNREACHABLE}


async def test_a_refused_value_stops_the_canary_at_the_first(open_bench: Any) -> None:
    """The policy is wrong for all, so exactly one device is written to."""
    async with open_bench(faults=Kind.WRITE_REFUSED) as bench:
        before = bench.told
        ran = await bench.begin(await bench.plan())
        assert ran.paused is not None
        assert (ran.paused.cause, ran.paused.verdict) == ("error_4004", Verdict.FAILED)
        assert ran.states_of("cam-01") == [S.INTENT, S.FAILED]
        assert bench.writes == {**dict.fromkeys(names(1, 2, 3, 4, 5, 6), 0), "cam-01": 1}
        assert bench.told == before


async def test_a_refused_value_is_not_sent_again(open_bench: Any) -> None:
    """Resumed, the device that refused is left as it is, and the next one is tried."""
    async with open_bench(faults=Kind.WRITE_REFUSED) as bench:
        ran = await bench.begin(await bench.plan())
        ran = await bench.resume(ran)
        assert ran.paused is not None
        assert bench.writes["cam-01"] == 1
        assert sum(bench.writes.values()) == 2


@pytest.mark.parametrize("is_whole", [False, True])
async def test_a_refused_value_that_was_done_all_the_same(
    open_bench: Any, monkeypatch: pytest.MonkeyPatch, *, is_whole: bool
) -> None:
    """The document does not say that a refusal changes nothing, so the device is asked."""

    def half_done(camera: Camera, request: wire.Request) -> Answer:
        other = ("10.8.8.8",)
        camera.configure(evolve(WANTED, static_servers=NEW if is_whole else other))
        return api._error(camera, request, 4004, 3)

    async with open_bench(1) as bench:
        before = bench.told
        with monkeypatch.context() as patch:
            patch.setitem(api._METHODS, wire.SET_NTP_CLIENT_CONFIGURATION, half_done)
            ran = await bench.begin(await bench.plan())
        assert set(ran.states.values()) == {S.APPLIED if is_whole else S.FAILED}
        await bench.undo(ran)
        assert bench.told == before


async def test_a_write_that_is_done_late_and_never_answered(open_bench: Any) -> None:
    """It is given time before it is sent again, so it is not taken for one without effect."""
    faults = (Fault(Kind.WRITE_UNANSWERED), Fault(Kind.WRITE_LATE, seconds=3.0))
    async with open_bench(1, faults=faults) as bench:
        ran = await bench.begin(await bench.plan())
        assert set(ran.states.values()) == {S.APPLIED}


async def test_a_write_that_is_ignored(open_bench: Any) -> None:
    """A good answer proves nothing: read back, and again, it says something else."""
    async with open_bench() as bench:
        bench.fleet.camera("cam-02").faults = Kind.WRITE_IGNORED
        ran = await bench.begin(await bench.plan())
        status = ran.run.statuses["cam-02"]
        assert (status.state, status.cause, status.writes) == (S.MISMATCH, "mismatch", 1)
        assert "static_servers" in status.message
        assert status.found is not None
        assert status.found.static_servers == OLD
        assert ran.status is RunStatus.FINISHED


async def test_two_writes_that_are_ignored_stop_the_canary(open_bench: Any) -> None:
    """One failure is borne; at the second the third device is not even read."""
    async with open_bench(faults=Kind.WRITE_IGNORED) as bench:
        plan = await bench.plan()
        requests = bench.fleet.counters.requests["cam-03"]
        ran = await bench.begin(plan)
        assert ran.paused is not None
        assert ran.paused.cause == "mismatch"
        assert sorted(ran.paused.devices) == names(1, 2)
        assert bench.fleet.counters.requests["cam-03"] == requests


async def test_a_write_that_shows_a_little_later(open_bench: Any) -> None:
    """The device is given a few seconds."""
    async with open_bench(faults=Fault(Kind.WRITE_LATE, seconds=4.0)) as bench:
        ran = await bench.begin(await bench.plan())
        assert Counter(ran.states.values()) == ALL_APPLIED
        assert S.MISMATCH not in ran.states_of("cam-01")


async def test_a_write_that_shows_at_the_end_of_the_wave(open_bench: Any) -> None:
    """What was a mismatch is looked at once more, and counts as applied."""
    async with open_bench() as bench:
        bench.fleet.camera("cam-01").faults = Fault(Kind.WRITE_LATE, seconds=7.0)
        bench.fleet.camera("cam-02").faults = Fault(Kind.WRITE_LATE, seconds=7.0)
        plan = await bench.plan(budget=Budget(canary_failures=3))
        ran = await bench.begin(plan)
        assert ran.states_of("cam-01") == [S.INTENT, S.ACKED, S.MISMATCH, S.APPLIED]
        assert ran.status is RunStatus.FINISHED


async def test_a_write_that_shows_after_the_pause(open_bench: Any) -> None:
    """Resuming looks at a mismatch once more, also in a wave that is over."""
    late = Fault(Kind.WRITE_LATE, seconds=60.0)
    async with open_bench() as bench:
        for camera in bench.cameras[:3]:
            camera.faults = late
        ran = await bench.begin(await bench.plan(budget=Budget(canary_failures=2)))
        assert ran.paused is not None
        assert Counter(ran.states.values()) == {S.MISMATCH: 3, S.PLANNED: 3}
        bench.clock.time.advance(60.0)
        ran = await bench.resume(ran)
        assert Counter(ran.states.values()) == ALL_APPLIED
        assert {len(camera.writes) for camera in bench.cameras} == {1}


@pytest.mark.parametrize("kind", [Kind.WRITE_UNANSWERED, Kind.WRITE_SILENT])
async def test_a_write_that_was_done_and_never_answered(open_bench: Any, kind: Kind) -> None:
    """Read again the device says so: nothing is sent twice."""
    patience = {"retry": evolve(QUICK, attempt_timeout_s=0.5)}
    async with open_bench(faults=Fault(kind, first=1), pool=patience) as bench:
        ran = await bench.begin(await bench.plan())
        assert Counter(ran.states.values()) == ALL_APPLIED
        assert ran.states_of("cam-01") == [S.INTENT, S.UNKNOWN, S.APPLIED]
        assert set(bench.writes.values()) == {1}


async def test_a_write_on_which_all_the_time_of_a_device_is_spent(open_bench: Any) -> None:
    """Cut off in the middle of it, nobody knows; read later, it was done."""
    patience = {"retry": RetryPolicy(device_timeout_s=0.7)}
    async with open_bench(1, faults=Fault(Kind.WRITE_SILENT, first=1), pool=patience) as bench:
        ran = await bench.begin(await bench.plan())
        assert ran.states_of("cam-01") == [S.INTENT, S.UNKNOWN, S.APPLIED]
        assert bench.writes["cam-01"] == 1


async def test_a_write_that_was_lost(open_bench: Any) -> None:
    """Read again the device is as before, so the same is sent once more."""
    async with open_bench(faults=Fault(Kind.WRITE_LOST, first=1)) as bench:
        ran = await bench.begin(await bench.plan())
        assert Counter(ran.states.values()) == ALL_APPLIED
        assert ran.states_of("cam-01") == [S.INTENT, S.UNKNOWN, S.INTENT, S.ACKED, S.APPLIED]
        assert set(bench.writes.values()) == {2}


async def test_a_write_that_is_lost_again_and_again(open_bench: Any) -> None:
    """It is sent three times, never more, and the device is told as failed."""
    async with open_bench() as bench:
        bench.fleet.camera("cam-02").faults = Kind.WRITE_LOST
        ran = await bench.begin(await bench.plan())
        status = ran.run.statuses["cam-02"]
        assert (status.state, status.cause, status.writes) == (S.FAILED, "unreachable", 3)
        assert bench.writes["cam-02"] == 3


async def test_somebody_changes_a_device_whose_write_was_lost(open_bench: Any) -> None:
    """It has neither the old nor the new: that is a conflict, and nothing is sent again."""
    other = evolve(WANTED, static_servers=("10.9.9.9",))
    async with open_bench(pool={"retry": evolve(QUICK, attempts=1)}) as bench:
        camera = bench.fleet.camera("cam-02")
        camera.faults = Kind.WRITE_LOST

        def change_it(event: Event) -> None:
            if isinstance(event, StepChanged) and event.status.state is S.UNKNOWN:
                camera.configure(other)

        ran = await bench.begin(await bench.plan(), change_it)
        status = ran.run.statuses["cam-02"]
        assert (status.state, status.writes) == (S.CONFLICT, 1)
        assert status.is_failure
        assert bench.writes["cam-02"] == 1


async def test_a_device_that_dies_of_it(open_bench: Any) -> None:
    """Nobody knows what came of the write; the canary goes no further until it is seen."""
    async with open_bench() as bench:
        plan = await bench.plan()
        bench.fleet.camera("cam-01").faults = Kind.WRITE_LOST
        ran = await bench.begin(plan, unplug_at(bench, S.UNKNOWN))
        assert ran.states_of("cam-01") == [S.INTENT, S.UNKNOWN, S.INCONCLUSIVE]
        assert ran.paused is not None
        assert ran.paused.verdict is Verdict.INCONCLUSIVE
        assert ran.paused.devices == ("cam-01",)
        assert sum(bench.writes.values()) == 1


async def test_a_device_that_stays_dead_is_borne_once_seen(open_bench: Any) -> None:
    """Resumed, it is read again; back by then, it is changed, else the run goes on."""
    async with open_bench() as bench:
        plan = await bench.plan()
        bench.fleet.camera("cam-01").faults = Kind.WRITE_LOST
        ran = await bench.begin(plan, unplug_at(bench, S.UNKNOWN))
        ran = await bench.resume(ran)
        assert ran.status is RunStatus.FINISHED
        assert Counter(ran.states.values()) == {S.INCONCLUSIVE: 1, S.APPLIED: 5}


async def test_a_device_that_dies_after_its_answer(open_bench: Any) -> None:
    """It took the change and cannot be read back: undecided; back again, it is found well."""
    async with open_bench() as bench:
        ran = await bench.begin(await bench.plan(), unplug_at(bench, S.ACKED, "cam-01"))
        status = ran.run.statuses["cam-01"]
        assert (status.state, status.cause) == (S.INCONCLUSIVE, "unreachable")
        assert "took the change" in status.message
        await bench.fleet.plug_in("cam-01")
        ran = await bench.resume(ran)
        assert Counter(ran.states.values()) == ALL_APPLIED
        assert bench.writes["cam-01"] == 1


async def test_a_device_that_has_no_client_any_more(
    open_bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer without its section is no proof of anything."""
    read = DeviceSession.get_ntp_info

    async def without(self: DeviceSession) -> Any:
        info = await read(self)
        return evolve(info, client=None) if bench.writes[self.device.name] else info

    async with open_bench() as bench:
        plan = await bench.plan()
        monkeypatch.setattr(DeviceSession, "get_ntp_info", without)
        ran = await bench.begin(plan)
        status = ran.run.statuses["cam-01"]
        assert status.state is S.INCONCLUSIVE
        assert "reports no NTP client any more" in status.message


def unplug_at(bench: Any, state: StepState, *devices: str) -> Any:
    """Unplug devices as soon as they are told to be in a state."""

    def listen(event: Event) -> None:
        if isinstance(event, StepChanged) and event.status.state is state:
            name = event.step.device.name
            if not devices or name in devices:
                bench.fleet.unplug(name)

    return listen
