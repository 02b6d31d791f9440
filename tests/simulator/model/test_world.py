"""Virtual time and the NTP servers that exist in it."""

import pytest

from axis_ntp_async.simulator.model.world import ALWAYS, VirtualTime, World


def test_virtual_time_runs_as_fast_as_it_is_told() -> None:
    """Changing the speed changes the future, not the past."""
    ticks = iter([0.0, 10.0, 11.0])
    time = VirtualTime(speed=2.0, start=100.0, ticking=lambda: next(ticks))
    time.speed = 60.0
    assert time.speed == 60.0
    assert time() == pytest.approx(120.0 + 60.0)


def test_time_that_stands_still_moves_by_advance_only(time: VirtualTime) -> None:
    """A speed of 0 makes a test exact."""
    before = time()
    assert time() == before
    time.advance(64.0)
    assert time() == before + 64.0


def test_real_time_is_the_default() -> None:
    """Without anything said, a world is at the present."""
    assert World().now() > 1_700_000_000


def test_a_new_server_is_alive_and_right(world: World) -> None:
    """Asking for a server makes it; names know no letter case."""
    server = world.server("NTP.example")
    assert world.server("ntp.EXAMPLE") is server
    assert server.error_at(0.0, None) == 0.0


def test_a_name_that_nobody_made_answers_nobody(world: World) -> None:
    """A camera that asks for an unknown server gets no answer."""
    assert world.ask(["192.0.2.1"], site=None, at=0.0, nts=False) is None


def test_a_server_remembers_when_it_died(world: World, time: VirtualTime) -> None:
    """Cameras catch up late: the past must still be what it was."""
    server = world.server("10.0.0.5")
    then = time()
    time.advance(100.0)
    server.dies()
    time.advance(100.0)
    server.recovers()
    assert server.error_at(then, None) == 0.0
    assert server.error_at(then + 150.0, None) is None
    assert server.error_at(time(), None) == 0.0


def test_the_last_word_about_a_moment_counts(world: World) -> None:
    """What is said about an earlier moment replaces what was said about later ones."""
    server = world.server("10.0.0.5")
    server.tells(5.0, at=1000.0)
    server.tells(7.0, at=ALWAYS)
    assert server.error_at(2000.0, None) == 7.0


def test_one_site_may_see_a_server_differently(world: World, time: VirtualTime) -> None:
    """A dead uplink or a local impostor concerns one site only."""
    server = world.server("10.0.0.5")
    server.dies(site="berlin")
    server.tells(3.0, at=ALWAYS)
    assert server.error_at(time(), "berlin") is None
    assert server.error_at(time(), "lyon") == 3.0
    assert server.error_at(time() - 1.0, "berlin") == 3.0


def test_the_first_of_two_answers_is_followed(world: World, time: VirtualTime) -> None:
    """Two servers have no majority."""
    world.server("10.0.0.6").tells(9.0)
    answer = world.ask(["10.0.0.5", "10.0.0.6"], site=None, at=time(), nts=False)
    assert answer is not None
    assert (answer.server, answer.error_s) == ("10.0.0.5", 0.0)


def test_three_answers_outvote_a_wrong_one(world: World, time: VirtualTime) -> None:
    """The answer in the middle wins, wherever it stands in the list."""
    world.server("10.0.0.5").tells(9.0)
    world.server("10.0.0.7")
    answer = world.ask(["10.0.0.5", "10.0.0.6", "10.0.0.7"], site=None, at=time(), nts=False)
    assert answer is not None
    assert answer.error_s == 0.0


def test_only_servers_with_nts_are_asked_for_nts(world: World, time: VirtualTime) -> None:
    """A plain server does not answer key establishment."""
    world.server("10.0.0.6", nts=True)
    answer = world.ask(["10.0.0.5", "10.0.0.6"], site=None, at=time(), nts=True)
    assert answer is not None
    assert answer.server == "10.0.0.6"
