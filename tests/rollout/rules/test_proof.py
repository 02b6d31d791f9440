"""Whether a clock follows its servers since a change: readings by hand, and simulated cameras."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import evolve

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import ClockReading, Device, NTPInfo, ServersSource
from axis_ntp_async.health.finding import PROFILES
from axis_ntp_async.rollout.plan import Step
from axis_ntp_async.rollout.rules.proof import Proven, Verdict, Watch, deadline_s
from axis_ntp_async.rollout.rules.settings import ProofRules
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.world import VirtualTime, World

MakeStep = Callable[..., Step]
MakeInfo = Callable[..., NTPInfo]

Reading = tuple[float, dict[str, Any]]

END = 512.0


def told(readings: list[Reading], make_info: MakeInfo) -> tuple[float, str, str]:
    """Give when a watch has told a verdict, which, and its cause."""
    watch = Watch(END, PROFILES["default"])
    for at, members in readings:
        if (proven := watch.look(at, make_info(**members))) is not None:
            return at, proven.verdict.value, proven.cause
    raise AssertionError("no verdict")


def counting(**members: Any) -> Iterator[Reading]:
    """A device whose countdown starts anew every 64 s, looked at every 10 s up to the end."""
    for at in range(0, 521, 10):
        yield float(at), {"time_to_next_sync_s": 64 - at % 64, **members}


def silent(**members: Any) -> Iterator[Reading]:
    """The same of one that always says 0, as some do."""
    for at, _ in counting():
        yield at, {"time_to_next_sync_s": 0, **members}


UNSYNCED = {"synced": False, "time_offset_ms": 0.0, "time_to_next_sync_s": 3}
FRESH = {"time_offset_ms": 0.1, "time_to_next_sync_s": 60}


@pytest.mark.parametrize(
    ("readings", "at", "verdict", "cause"),
    [
        pytest.param(
            [(0.0, UNSYNCED), (10.0, UNSYNCED), (20.0, FRESH)],
            20.0,
            "healthy",
            "",
            id="not synced for a moment, then synced",
        ),
        pytest.param(
            [(0.0, {}), (10.0, UNSYNCED), (20.0, FRESH)],
            20.0,
            "healthy",
            "",
            id="its first look came before it fell back",
        ),
        pytest.param(
            [(0.0, {"time_to_next_sync_s": 3}), (10.0, {"time_to_next_sync_s": 57, **FRESH})],
            10.0,
            "healthy",
            "",
            id="a boundary passed and its offset moved",
        ),
        pytest.param(
            [
                (0.0, {"time_to_next_sync_s": 30}),
                (10.0, {"time_to_next_sync_s": 20, "time_offset_ms": 0.3}),
                (END, {"time_to_next_sync_s": 0, "time_offset_ms": 0.3}),
            ],
            END,
            "inconclusive",
            "no_evidence",
            id="one that counted down and then shows 0: its offset alone will not do",
        ),
        pytest.param(
            [
                (0.0, {"time_to_next_sync_s": 600}),
                (10.0, {"time_to_next_sync_s": 590, "time_offset_ms": 0.3}),
                (END, {"time_to_next_sync_s": 88, "time_offset_ms": 0.3}),
            ],
            END,
            "inconclusive",
            "no_evidence",
            id="its offset moved without a poll: no proof, nor of the contrary",
        ),
        pytest.param(
            list(counting()),
            520.0,
            "failed",
            "not_synced",
            id="a dead server: asked again and again, and the offset never moves",
        ),
        pytest.param(
            list(counting(time_offset_ms=0.0)),
            520.0,
            "inconclusive",
            "no_evidence",
            id="an offset that always is 0 shows nothing",
        ),
        pytest.param(
            list(counting(time_offset_ms=None)),
            520.0,
            "inconclusive",
            "no_evidence",
            id="nor does one that is not reported",
        ),
        pytest.param(
            [(0.0, {"time_to_next_sync_s": 300}), (END, {"time_to_next_sync_s": 812})],
            END,
            "inconclusive",
            "no_evidence",
            id="two polls are too few to say that a server is dead",
        ),
        pytest.param(
            list(silent()), 520.0, "inconclusive", "no_evidence", id="always 0, never moved"
        ),
        pytest.param(
            [(0.0, {"time_to_next_sync_s": 0}), (70.0, {**FRESH, "time_to_next_sync_s": 0})],
            70.0,
            "healthy",
            "",
            id="always 0, and moved",
        ),
        pytest.param(
            [(0.0, {"time_to_next_sync_s": None}), (70.0, {**FRESH, "time_to_next_sync_s": None})],
            70.0,
            "healthy",
            "",
            id="no countdown at all, and moved",
        ),
        pytest.param(
            [(0.0, UNSYNCED), (20.0, {**FRESH, "skew_s": 37.0})],
            20.0,
            "failed",
            "skew",
            id="a wrong server is found out as soon as it is followed",
        ),
        pytest.param(
            [
                (0.0, {"skew_s": 37.0}),
                (10.0, {"skew_s": 37.0}),
                (20.0, {"skew_s": 0.2}),
                (30.0, UNSYNCED),
                (40.0, FRESH),
            ],
            40.0,
            "healthy",
            "",
            id="a skew before it follows anybody is none of its servers'",
        ),
        pytest.param(
            [(0.0, UNSYNCED)]
            + [(at, {**FRESH, "time_offset_ms": 900.0 - at}) for at in (20.0, 400.0, END)],
            END,
            "failed",
            "offset",
            id="still slewing at the end",
        ),
        pytest.param(
            [
                (0.0, UNSYNCED),
                (20.0, {**FRESH, "time_offset_ms": 5000.0, "skew_s": 5.0}),
                (200.0, {**FRESH, "time_offset_ms": 99.0, "skew_s": 0.6}),
            ],
            200.0,
            "healthy",
            "",
            id="slewed in time",
        ),
        pytest.param(
            [
                (0.0, UNSYNCED),
                (20.0, {**FRESH, "time_offset_ms": -5000.0, "skew_s": -5.0}),
                (END, {**FRESH, "time_offset_ms": -5000.0, "skew_s": -5.0}),
            ],
            END,
            "failed",
            "offset",
            id="both at the end: the offset comes first",
        ),
        pytest.param(
            [(at, UNSYNCED) for at in (0.0, 300.0, END)],
            END,
            "failed",
            "not_synced",
            id="never synced",
        ),
        pytest.param(
            [(0.0, {"synced": None}), (END, {"synced": None, **FRESH})],
            END,
            "inconclusive",
            "no_evidence",
            id="does not say whether it is synced",
        ),
        pytest.param(
            [(0.0, {"client": None}), (END, {"client": None})],
            END,
            "inconclusive",
            "no_evidence",
            id="has no client at all",
        ),
        pytest.param(
            [(0.0, {**UNSYNCED, "skew_s": None}), (20.0, {**FRESH, "skew_s": None})],
            20.0,
            "healthy",
            "",
            id="without a clock the offset must do",
        ),
        pytest.param(
            [(0.0, UNSYNCED), (20.0, {**FRESH, "skew_s": 9.0, "uncertainty_s": 8.0})],
            20.0,
            "healthy",
            "",
            id="a skew that is not certain is none",
        ),
    ],
)
def test_readings_and_their_verdict(
    make_info: MakeInfo, readings: list[Reading], at: float, verdict: str, cause: str
) -> None:
    """Each way in which a clock follows its servers or does not, and when that is known."""
    assert told(readings, make_info) == (at, verdict, cause)


def test_the_sentence_names_the_servers(make_info: MakeInfo) -> None:
    """Whoever reads it sees at once which server to look at."""
    for members, sentence in (
        ({"synced": False}, "is not synced with 10.0.0.1"),
        ({"synced": False, "static_servers": ()}, "is not synced with its servers"),
    ):
        watch = Watch(0.0, PROFILES["default"])
        assert watch.look(0.0, make_info(**members)) == Proven(
            Verdict.FAILED, "not_synced", sentence
        )
    watch = Watch(END, PROFILES["default"])
    watch.look(0.0, make_info(synced=False))
    found = watch.look(9.0, make_info(skew_s=37.0))
    assert found is not None
    assert found.message == "follows 10.0.0.1, and is +37.0 s against our clock"


def test_a_dead_server_is_told_with_its_polls(make_info: MakeInfo) -> None:
    """The sentence says how often it was asked."""
    watch = Watch(END, PROFILES["default"])
    verdicts = [watch.look(at, make_info(**members)) for at, members in counting()]
    assert verdicts[:-1] == [None] * (len(verdicts) - 1)
    assert verdicts[-1] is not None
    assert verdicts[-1].message == (
        "asked 10.0.0.1 8 times since the change, and its offset never moved: they do not answer"
    )


def test_who_falls_back_after_it_followed_is_not_healthy(make_info: MakeInfo) -> None:
    """A device that was restarted while it was left to itself has to be synced again."""
    watch = Watch(END, PROFILES["default"])
    watch.look(0.0, make_info(synced=False))
    assert watch.look(10.0, make_info()) == Proven(Verdict.HEALTHY)
    watch.ends_at = 400.0
    assert watch.look(380.0, make_info(synced=False, skew_s=-1.7e9)) is None
    lost = watch.look(400.0, make_info(synced=False, skew_s=-1.7e9))
    assert lost is not None
    assert (lost.verdict, lost.cause) == (Verdict.FAILED, "not_synced")
    assert watch.look(410.0, make_info()) == Proven(Verdict.HEALTHY)


def test_a_slow_answer_is_no_boundary(make_info: MakeInfo) -> None:
    """A countdown that is a second or two behind has not started anew."""
    watch = Watch(END, PROFILES["default"])
    for at, left in ((0.0, 44), (10.0, 36), (20.0, 26), (21.0, 26)):
        watch.look(at, make_info(time_to_next_sync_s=left))
    assert watch.polls == 0
    watch.look(30.0, make_info(time_to_next_sync_s=60))
    assert watch.polls == 1


def test_an_offset_that_moves_without_a_poll_is_no_measurement(make_info: MakeInfo) -> None:
    """A clock that is being slewed shows a smaller offset each time, also with a dead server."""
    watch, left = Watch(END, PROFILES["default"]), 64
    for look in range(20):
        offset_ms = 8.0 * 0.9**look
        told = make_info(time_to_next_sync_s=left, time_offset_ms=offset_ms)
        assert watch.look(10.0 * look, told) is None
        left = left - 10 if left > 10 else 64
    assert watch.polls >= 2
    last = watch.look(END, make_info(time_to_next_sync_s=30, time_offset_ms=0.1))
    assert last is not None
    assert last.verdict is not Verdict.HEALTHY


def test_a_countdown_that_has_run_out_was_a_poll(make_info: MakeInfo) -> None:
    """Also when the next one is as short as the rest of it would have been."""
    watch = Watch(END, PROFILES["default"])
    assert watch.look(0.0, make_info(time_to_next_sync_s=3)) is None
    told = make_info(time_to_next_sync_s=2, time_offset_ms=0.4)
    assert watch.look(10.0, told) == Proven(Verdict.HEALTHY)
    assert watch.polls == 1


@pytest.mark.parametrize(
    ("api_version", "firmware", "expected_s"),
    [("1.5", None, 512.0), ("1.2", None, 900.0), ("1.5", "10.12.1", 900.0), (None, None, 512.0)],
)
def test_old_devices_have_more_time(
    make_step: MakeStep, api_version: str | None, firmware: str | None, expected_s: float
) -> None:
    """OpenNTPD takes minutes to its first update, so it gets them."""
    labels = {"firmware": firmware} if firmware else {}
    step = make_step(api_version=api_version, labels=labels)
    assert deadline_s(step, ProofRules()) == expected_s


@pytest.mark.parametrize(
    ("api_version", "maxpoll", "expected_s"),
    [
        ("1.5", 10, 1.1 * 1024),
        ("1.4", None, 1.1 * 1024),
        ("1.5", 7, 512.0),
        ("1.5", 24, 1.1 * 4096),
        ("1.2", None, 1.1 * 1500),
    ],
)
def test_who_was_changed_long_ago_has_a_whole_poll(
    make_step: MakeStep, api_version: str, maxpoll: int | None, expected_s: float
) -> None:
    """A run that is resumed meets devices that are steady, and poll seldom."""
    step = make_step(api_version=api_version)
    step = evolve(step, after=evolve(step.after, minpoll=None, maxpoll=maxpoll))
    assert deadline_s(step, ProofRules(), is_steady=True) == pytest.approx(expected_s)


CHRONY, OPENNTPD = "12.11.77", "10.12.240"


class Scene:
    """A simulated camera that is pointed at other servers, and watched as a rollout does."""

    def __init__(self, firmware: str, **members: Any) -> None:
        self.time = VirtualTime(speed=0.0, start=1.8e9)
        self.world = World(self.time)
        for name in ("old", "good", "good-2", "wrong", "dead"):
            self.world.server(name)
        self.world.server("wrong").tells(37.0)
        self.world.server("dead").dies()
        self.camera = Camera(
            name="lobby-3",
            serial="ACCC8E012345",
            world=self.world,
            firmware=firmware,
            uptime_s=7200.0,
            configuration=static("old"),
            **members,
        )
        self.device = Device(name="lobby-3", host="192.0.2.17", labels={"firmware": firmware})

    def info(self) -> NTPInfo:
        at = dt.datetime.fromtimestamp(self.time(), dt.UTC)
        shown_s = float(int(self.time() + self.camera.clock_error_s)) + 0.5 - self.time()
        clock = ClockReading(
            device_time=at, read_at=at, round_trip_s=0.02, skew_s=shown_s, uncertainty_s=0.51
        )
        return NTPInfo(api_version=self.camera.api_version, client=self.camera.status, clock=clock)

    def watched(self, *, first_look_s: float = 1.0) -> tuple[float, Proven]:
        """Give after how many seconds which verdict is told."""
        step = Step(
            device=self.device,
            before=static("old"),
            after=self.camera.configuration,
            sends=(),
            api_version=self.camera.api_version,
        )
        began = self.time()
        self.time.advance(first_look_s)
        watch = Watch(self.time() + deadline_s(step, ProofRules()), PROFILES["default"])
        while (proven := watch.look(self.time(), self.info())) is None:
            self.time.advance(10.0)
        return self.time() - began, proven


def static(*servers: str) -> NTPClientConfiguration:
    return NTPClientConfiguration(servers_source=ServersSource.STATIC, static_servers=servers)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("first_look_s", [1.0, 45.0, 480.0])
@pytest.mark.parametrize("falls_back", [False, True])
@pytest.mark.parametrize("firmware", [CHRONY, OPENNTPD])
@pytest.mark.parametrize(
    ("servers", "verdict", "cause"),
    [
        (("good",), Verdict.HEALTHY, ""),
        (("dead", "good"), Verdict.HEALTHY, ""),
        (("good", "good-2", "wrong"), Verdict.HEALTHY, ""),
        (("dead",), Verdict.FAILED, "not_synced"),
        (("nobody",), Verdict.FAILED, "not_synced"),
        (("wrong",), Verdict.FAILED, "skew"),
    ],
)
def test_the_verdict_is_the_truth(
    servers: tuple[str, ...],
    verdict: Verdict,
    cause: str,
    *,
    firmware: str,
    falls_back: bool,
    first_look_s: float,
    seed: int,
) -> None:
    """Whatever camera, and whenever it is first looked at, good servers are told from bad ones."""
    scene = Scene(firmware, falls_back=falls_back, seed=seed, drift_ppm=5.0)
    scene.time.advance(40.0 * seed)
    scene.camera.configure(static(*servers))
    elapsed_s, proven = scene.watched(first_look_s=first_look_s)
    assert (proven.verdict, proven.cause) == (verdict, cause)
    limit_s = (512.0 if firmware == CHRONY else 900.0) + first_look_s + 10.0
    assert elapsed_s <= limit_s
    error_s = scene.camera.clock_error_s
    assert (abs(error_s) < 0.1) is (cause != "skew")


@pytest.mark.parametrize("firmware", [CHRONY, OPENNTPD])
def test_a_camera_that_had_given_up_comes_back(firmware: str) -> None:
    """Being configured wakes it: its clock jumps, and then follows."""
    scene = Scene(firmware)
    scene.camera.shift_clock(9_000.0)
    scene.time.advance(3_000.0)
    scene.camera.configure(static("good"))
    _, proven = scene.watched()
    assert proven.verdict is Verdict.HEALTHY
    assert abs(scene.camera.clock_error_s) < 0.1


def test_a_clock_that_is_slewed_in_time_is_healthy() -> None:
    """Chrony takes away a twelfth of a second in a second: twenty take four minutes."""
    scene = Scene(CHRONY)
    scene.camera.configure(static("good"))
    scene.time.advance(60.0)
    scene.camera.shift_clock(20.0)
    elapsed_s, proven = scene.watched()
    assert proven.verdict is Verdict.HEALTHY
    assert 200.0 < elapsed_s < 512.0


def test_a_clock_that_is_slewed_too_slowly_is_not() -> None:
    """A minute takes twelve, which is more than there is time for."""
    scene = Scene(CHRONY)
    scene.camera.configure(static("good"))
    scene.time.advance(60.0)
    scene.camera.shift_clock(60.0)
    _, proven = scene.watched()
    assert (proven.verdict, proven.cause) == (Verdict.FAILED, "offset")


def test_a_server_that_dies_early_is_found_out() -> None:
    """It gave no time since the change, though it did before."""
    scene = Scene(CHRONY)
    scene.world.server("old").dies()
    scene.camera.configure(evolve(static("old"), minpoll=5))
    _, proven = scene.watched()
    assert (proven.verdict, proven.cause) == (Verdict.FAILED, "not_synced")
