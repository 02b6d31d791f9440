"""The NTP client of a camera over virtual time, seen through the camera."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import NTPClientStatus, ServersSource
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.world import ALWAYS, VirtualTime, World

OLD = "10.12.323"
NEW = "12.11.77"
FIRST_UPDATE_S = {OLD: (120, 300), NEW: (10, 20)}
SHORTEST_POLL_S = {OLD: 30, NEW: 64}
SAME = NTPClientConfiguration(enabled=True)
DEAD = NTPClientConfiguration(
    enabled=True,
    servers_source=ServersSource.STATIC,
    static_servers=("192.0.2.1", "192.0.2.2"),
)
WRONG = NTPClientConfiguration(
    enabled=True, servers_source=ServersSource.STATIC, static_servers=("192.0.2.10",)
)

MakeCamera = Callable[..., Camera]


def every_second(camera: Camera, time: VirtualTime, seconds: int) -> Iterator[NTPClientStatus]:
    for _ in range(seconds):
        yield camera.status
        time.advance(1.0)


def seconds_until_synced(camera: Camera, time: VirtualTime, limit_s: int = 1000) -> int:
    for seconds in range(limit_s):
        if camera.status.synced:
            return seconds
        time.advance(1.0)
    return limit_s


def test_chrony_is_synced_some_ten_seconds_after_a_start(
    make_camera: MakeCamera, time: VirtualTime
) -> None:
    """A burst makes the first update quick."""
    camera = make_camera(firmware=NEW, uptime_s=0.0)
    assert 10 <= seconds_until_synced(camera, time) <= 21


def test_openntpd_needs_minutes(make_camera: MakeCamera, time: VirtualTime) -> None:
    """Before AXIS OS 11.0 some slow exchanges pass before the first update."""
    camera = make_camera(firmware=OLD, uptime_s=0.0)
    assert 120 <= seconds_until_synced(camera, time) <= 301


@pytest.mark.parametrize("firmware", [OLD, NEW])
def test_the_first_update_steps_a_large_error(
    make_camera: MakeCamera, time: VirtualTime, firmware: str
) -> None:
    """However far off the clock was at the start, it is right afterwards."""
    camera = make_camera(firmware=firmware, uptime_s=0.0, clock_error_s=5000.0)
    time.advance(301.0)
    assert camera.clock_error_s == pytest.approx(0.0, abs=0.01)


def test_the_first_update_slews_a_small_error(make_camera: MakeCamera, time: VirtualTime) -> None:
    """Below a tenth of a second nothing jumps."""
    camera = make_camera(uptime_s=0.0, clock_error_s=0.09, jitter_s=0.0)
    seconds_until_synced(camera, time)
    assert camera.status.time_offset_ms == pytest.approx(90.0)
    assert camera.clock_error_s == pytest.approx(0.09, abs=0.09)
    time.advance(5.0)
    assert camera.clock_error_s == pytest.approx(0.0, abs=1e-6)


def test_chrony_later_slews_a_twelfth_of_a_second_per_second(
    make_camera: MakeCamera, time: VirtualTime
) -> None:
    """A minute that appears after the first update takes twelve minutes to go."""
    camera = make_camera(uptime_s=300.0, jitter_s=0.0)
    camera.shift_clock(60.0)
    time.advance(float(camera.status.time_to_next_sync_s or 0))
    assert camera.status.time_offset_ms == pytest.approx(60_000.0, rel=0.01)
    time.advance(360.0)
    assert camera.clock_error_s == pytest.approx(30.0, abs=0.5)
    time.advance(400.0)
    assert camera.clock_error_s == pytest.approx(0.0, abs=0.01)


def test_openntpd_stops_for_good_when_the_clock_is_far_off(
    make_camera: MakeCamera, time: VirtualTime
) -> None:
    """It says synced, has no next attempt, and does nothing until it is told anew."""
    camera = make_camera(firmware=OLD, uptime_s=7200.0)
    camera.shift_clock(2200.0)
    time.advance(1501.0)
    status = camera.status
    assert (status.synced, status.time_to_next_sync_s) == (True, 0)
    assert camera.client.gave_up
    time.advance(86_400.0)
    assert camera.clock_error_s == pytest.approx(2200.0, abs=1.0)

    camera.configure(SAME)
    time.advance(301.0)
    assert camera.clock_error_s == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("falls_back", [False, True])
def test_openntpd_begins_anew_when_what_it_has_is_written_again(
    make_camera: MakeCamera, time: VirtualTime, falls_back: bool
) -> None:
    """The very same members: the next attempt is there at once, the step soon after."""
    camera = make_camera(firmware=OLD, uptime_s=7200.0, falls_back=falls_back)
    camera.shift_clock(2200.0)
    time.advance(1501.0)
    assert camera.client.gave_up
    before = camera.configuration
    camera.write(before)
    status = camera.status
    assert camera.configuration == before
    assert not camera.client.gave_up
    assert status.synced is not falls_back
    assert 15 <= (status.time_to_next_sync_s or 0) <= 38
    time.advance(38.0)
    assert camera.clock_error_s == pytest.approx(0.0, abs=0.01)
    assert seconds_until_synced(camera, time) <= 301


def test_openntpd_bears_half_an_hour(make_camera: MakeCamera, time: VirtualTime) -> None:
    """Below its limit it goes on, slowly."""
    camera = make_camera(firmware=OLD, uptime_s=7200.0)
    camera.shift_clock(2000.0)
    time.advance(1501.0)
    assert not camera.client.gave_up
    assert (camera.status.time_to_next_sync_s or 0) > 0


def test_poll_intervals_grow_from_minpoll_to_maxpoll(
    make_camera: MakeCamera, time: VirtualTime
) -> None:
    """A good clock is asked about less and less."""
    camera = make_camera(uptime_s=0.0)
    seconds_until_synced(camera, time)
    first = camera.status.time_to_next_sync_s or 0
    assert 60 <= first <= 64
    time.advance(20_000.0)
    seen_s = []
    for _ in range(40):
        time.advance(60.0)
        seen_s.append(camera.status.time_to_next_sync_s or 0)
    assert 900 < max(seen_s) <= 1024


def test_time_to_next_sync_counts_down_and_jumps(
    make_camera: MakeCamera, time: VirtualTime
) -> None:
    """That jump is what proves a poll to somebody outside."""
    camera = make_camera(uptime_s=20_000.0)
    before = camera.status.time_to_next_sync_s or 0
    time.advance(1.0)
    assert camera.status.time_to_next_sync_s == before - 1
    time.advance(before - 1.0)
    assert (camera.status.time_to_next_sync_s or 0) > before - 1


def test_without_servers_nothing_is_due(make_camera: MakeCamera) -> None:
    """The document: 0 when no NTP servers are used."""
    camera = make_camera(
        configuration=NTPClientConfiguration(
            servers_source=ServersSource.STATIC, static_servers=()
        )
    )
    status = camera.status
    assert (status.time_to_next_sync_s, status.synced, status.time_offset_ms) == (0, False, 0.0)


def test_a_disabled_client_does_nothing(make_camera: MakeCamera) -> None:
    """Servers are kept, and not asked."""
    camera = make_camera()
    camera.configure(NTPClientConfiguration(enabled=False))
    assert camera.status.time_to_next_sync_s == 0
    assert camera.client.servers == ()
    assert camera.status.static_servers


def test_dhcp_falls_back_to_static_servers(make_camera: MakeCamera, time: VirtualTime) -> None:
    """An empty lease leaves the static list."""
    camera = make_camera()
    camera.configure(NTPClientConfiguration(servers_source=ServersSource.DHCP))
    assert camera.client.servers == ("10.0.0.5", "10.0.0.6")
    camera.lease("10.0.0.6")
    time.advance(30.0)
    assert camera.client.following == "10.0.0.6"
    assert camera.status.advertised_servers == ("10.0.0.6",)


def test_a_lease_that_changes_nothing_disturbs_nothing(make_camera: MakeCamera) -> None:
    """With a static source the lease is only reported."""
    camera = make_camera()
    before = camera.status.time_to_next_sync_s
    camera.lease("192.0.2.9")
    assert camera.status.time_to_next_sync_s == before
    assert camera.status.advertised_servers == ("192.0.2.9",)


def test_nts_takes_the_key_establishment_servers(
    make_camera: MakeCamera, world: World, time: VirtualTime
) -> None:
    """With NTS on, the plain servers are not asked."""
    world.server("nts.example", nts=True)
    camera = make_camera()
    camera.configure(
        NTPClientConfiguration(nts_enabled=True, static_ntske_servers=("nts.example",))
    )
    time.advance(30.0)
    assert camera.client.following == "nts.example"


def test_nts_fails_on_a_clock_at_1970(
    make_camera: MakeCamera, world: World, time: VirtualTime
) -> None:
    """No certificate is valid yet, so no key is established."""
    world.server("nts.example", nts=True)
    camera = make_camera()
    camera.configure(
        NTPClientConfiguration(nts_enabled=True, static_ntske_servers=("nts.example",))
    )
    camera.restart(clock_lost=True)
    time.advance(3600.0)
    assert camera.status.synced is False
    assert camera.clock_error_s == pytest.approx(-1_700_000_000.0, abs=1.0)


def test_synced_sticks_when_the_server_is_gone(
    make_camera: MakeCamera, world: World, time: VirtualTime
) -> None:
    """It means: synced at some time since the restart."""
    camera = make_camera()
    for name in ("10.0.0.5", "10.0.0.6"):
        world.server(name).dies()
    time.advance(7200.0)
    assert camera.status.synced is True
    camera.configure(SAME)
    assert camera.status.synced is True


def test_synced_falls_back_after_a_write_where_it_does(
    make_camera: MakeCamera, time: VirtualTime
) -> None:
    """Some devices say not synced until the next update."""
    camera = make_camera(falls_back=True)
    camera.configure(SAME)
    status = camera.status
    assert (status.synced, status.time_offset_ms) == (False, 0.0)
    time.advance(21.0)
    assert camera.status.synced is True


@pytest.mark.parametrize("firmware", [NEW, OLD])
@pytest.mark.parametrize("falls_back", [False, True])
def test_a_write_is_followed_by_a_fresh_update(
    make_camera: MakeCamera, time: VirtualTime, firmware: str, falls_back: bool
) -> None:
    """Until it comes the offset is that of the last update before, or none where it falls back."""
    camera = make_camera(firmware=firmware, falls_back=falls_back)
    quickest_s, slowest_s = FIRST_UPDATE_S[firmware]
    before = camera.status
    camera.write(SAME)
    seen = list(every_second(camera, time, slowest_s + 2))
    old_ms = 0.0 if falls_back else before.time_offset_ms
    updated = next(place for place, one in enumerate(seen) if one.time_offset_ms != old_ms)
    assert quickest_s <= updated <= slowest_s + 1
    assert {one.synced for one in seen[:updated]} == {not falls_back}
    assert all(one.synced for one in seen[updated:])
    assert max(one.time_to_next_sync_s or 0 for one in seen[:updated]) <= slowest_s / 5
    assert seen[updated].time_to_next_sync_s == SHORTEST_POLL_S[firmware]


@pytest.mark.parametrize("firmware", [NEW, OLD])
@pytest.mark.parametrize("falls_back", [False, True])
def test_after_a_write_of_dead_servers_attempts_go_on_and_the_offset_stands_still(
    make_camera: MakeCamera, time: VirtualTime, firmware: str, falls_back: bool
) -> None:
    """Where `synced` does not fall back, only that offset tells that nobody answers."""
    camera = make_camera(firmware=firmware, falls_back=falls_back)
    before = camera.status
    camera.write(DEAD)
    seen = list(every_second(camera, time, 600))
    assert {one.synced for one in seen} == {not falls_back}
    assert {one.time_offset_ms for one in seen} == {0.0 if falls_back else before.time_offset_ms}
    waits_s = [one.time_to_next_sync_s or 0 for one in seen]
    jumps = [place for place, (one, then) in enumerate(pairwise(waits_s)) if then > one]
    assert len(jumps) >= 9
    shortest_s = SHORTEST_POLL_S[firmware]
    assert {waits_s[place + 1] for place in jumps} == {shortest_s}
    assert {later - earlier for earlier, later in pairwise(jumps)} == {shortest_s}


@pytest.mark.parametrize(("firmware", "steps_within_s"), [(NEW, (10, 20)), (OLD, (15, 38))])
def test_a_wrong_server_that_is_written_steps_the_clock(
    make_camera: MakeCamera,
    world: World,
    time: VirtualTime,
    firmware: str,
    steps_within_s: tuple[int, int],
) -> None:
    """At once and wholly, and from then on the camera sees nothing wrong."""
    world.server("192.0.2.10").tells(37.0, at=ALWAYS)
    camera = make_camera(firmware=firmware)
    camera.write(WRONG)
    errors_s = [camera.clock_error_s for _ in every_second(camera, time, 302)]
    stepped = next(place for place, error_s in enumerate(errors_s) if abs(error_s) > 0.1)
    assert steps_within_s[0] <= stepped <= steps_within_s[1] + 1
    assert errors_s[stepped:] == pytest.approx([37.0] * len(errors_s[stepped:]), abs=0.01)
    assert abs(camera.status.time_offset_ms or 0.0) < 5.0
    assert camera.client.following == "192.0.2.10"


def test_dead_servers_are_asked_again_at_the_shortest_interval(
    make_camera: MakeCamera, world: World, time: VirtualTime
) -> None:
    """A camera that lost its servers notices soon that they are back."""
    for name in ("10.0.0.5", "10.0.0.6"):
        world.server(name).dies(at=ALWAYS)
    camera = make_camera(uptime_s=3600.0)
    assert camera.status.synced is False
    assert 0 < (camera.status.time_to_next_sync_s or 0) <= 64
    world.server("10.0.0.5").recovers()
    assert 0 < seconds_until_synced(camera, time) <= 85


def test_a_wrong_server_shows_no_offset(make_camera: MakeCamera, world: World) -> None:
    """Who follows a liar agrees with him."""
    world.server("10.0.0.5").tells(37.0, at=ALWAYS)
    camera = make_camera()
    assert abs(camera.status.time_offset_ms or 0.0) < 5.0
    assert camera.clock_error_s == pytest.approx(37.0, abs=0.01)


def test_the_same_seed_measures_the_same(make_camera: MakeCamera) -> None:
    """Chance comes from the seed and the serial alone."""
    one, same, other = (make_camera(serial="ACCC8E0000AA", seed=seed).status for seed in (1, 1, 2))
    assert one == same
    assert one.time_offset_ms != other.time_offset_ms
