"""The places of a pool, and the grace to hold one."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis_ntp_async.device.records import Device
from axis_ntp_async.fleet.slots import Grace, Limits, Slots

SITES = ("a", "b", None)
DEVICES = [
    Device(name=f"d{number}", host="192.0.2.1", site=SITES[number % 3]) for number in range(9)
]


@pytest.mark.parametrize(
    ("limit", "least"), [("total", 1), ("per_site", 1), ("per_device", 1), ("parked", 0)]
)
def test_a_limit_below_its_least_is_refused(limit: str, least: int) -> None:
    """Limits under which nothing could ever start cannot be made."""
    Limits(**{limit: least})
    with pytest.raises(ValueError, match=limit):
        Limits(**{limit: least - 1})


STEPS = st.sampled_from(["take", "park", "lend", "give up", "end"])


@given(st.lists(st.tuples(STEPS, st.integers(0, 8))))
def test_places_are_counted_rightly_whatever_happens(events: list[tuple[str, int]]) -> None:
    """After any history the counts are those of the attempts that are under way."""
    slots: Any = Slots(Limits(total=6, per_site=3, per_device=1, parked=3))
    under_way: dict[str, str] = {}
    taken = 0

    def those(*where: str) -> list[Device]:
        return [one for one in DEVICES if under_way.get(one.name) in where]

    for event, number in events:
        device = DEVICES[number]
        stands = under_way.get(device.name)
        may_start = slots.has_room_at(device) and slots.has_room_in(device.site)
        has_room = len(those("parked", "lent")) < 3
        if event == "take" and may_start and not slots.is_full:
            taken += 1
            assert taken == slots.take(device)
            under_way[device.name] = "at work"
        elif event == "park" and stands == "at work":
            assert has_room == slots.park(device)
            under_way[device.name] = "parked" if has_room else "at work"
        elif event == "lend" and stands == "at work":
            neighbours = [one for one in those("lent") if one.site == device.site]
            may_lend = has_room and len(those("lent")) < 2 and not (device.site and neighbours)
            assert may_lend == slots.lend(device)
            under_way[device.name] = "lent" if may_lend else "at work"
        elif event == "give up" and stands == "lent":
            slots.give_up(device)
            under_way[device.name] = "parked"
        elif event == "end" and stands is not None and stands != "lent":
            slots.give_back(device, parked=under_way.pop(device.name) == "parked")
        working = those("at work")
        at_site = Counter(one.site for one in working if one.site)
        counted = (len(working), len(those("parked", "lent")), len(those("lent")))
        assert counted == (slots.at_work, slots.parked, slots.lent)
        assert (len(working) >= 6) == slots.is_full
        for site in ("a", "b"):
            assert (at_site[site] < 3) == slots.has_room_in(site)
        for one in DEVICES:
            assert (one.name not in under_way) == slots.has_room_at(one)
        assert slots._lent == Counter(one.site for one in those("lent") if one.site)


def test_devices_without_a_site_share_no_bound() -> None:
    """Only a named site can be full."""
    slots = Slots(Limits(total=100, per_site=1))
    for number in range(50):
        slots.take(Device(name=f"d{number}", host="192.0.2.1"))
    assert slots.has_room_in(None)


def learned(*answers_s: float, site: str | None = "a", times: int = 20) -> Grace:
    grace = Grace()
    for _ in range(times):
        for answer_s in answers_s:
            grace.learn(site, answer_s)
    return grace


@pytest.mark.parametrize(
    ("grace", "here_s", "elsewhere_s"),
    [
        pytest.param(Grace(), 1.0, 1.0, id="nothing known"),
        pytest.param(learned(0.05, times=19), 1.0, 1.0, id="too little known"),
        pytest.param(learned(0.001), 0.1, 0.1, id="never below a tenth"),
        pytest.param(learned(0.05), 0.2, 0.2, id="four times the usual"),
        pytest.param(learned(0.05, 0.05, 0.05, 9.0), 0.2, 0.2, id="a few are slow"),
        pytest.param(learned(5.0), 20.0, 1.0, id="all are slow, but only here"),
    ],
)
def test_the_grace_follows_what_is_usual(grace: Grace, here_s: float, elsewhere_s: float) -> None:
    """It is four times the median of the site, or of the pool for a site not known yet."""
    assert (here_s, elsewhere_s) == pytest.approx((grace.of("a"), grace.of("b")))


@pytest.mark.parametrize(
    ("grace", "here_s", "elsewhere_s"),
    [
        pytest.param(Grace(), 1.0, 1.0, id="nothing known: nothing is lent before the grace"),
        pytest.param(learned(0.05), 0.05, 0.05, id="all are alike"),
        pytest.param(learned(0.05, 0.05, 0.05, 0.15), 0.15, 0.15, id="one in four is slower"),
        pytest.param(learned(0.05, 0.05, 0.05, 9.0), 0.2, 0.2, id="never after the grace"),
        pytest.param(learned(5.0), 5.0, 1.0, id="all are slow, but only here"),
    ],
)
def test_who_is_slower_than_nine_of_ten_lends(
    grace: Grace, here_s: float, elsewhere_s: float
) -> None:
    """By the answers of the site, or of the pool for a site not known yet."""
    found = (grace.before_lending("a"), grace.before_lending("b"))
    assert (here_s, elsewhere_s) == pytest.approx(found)


def test_the_grace_forgets_the_past() -> None:
    """What was usual long ago does not count."""
    grace = learned(5.0)
    for _ in range(20):
        grace.learn("a", 0.05)
    assert pytest.approx(grace.of("a")) == 0.2


def test_small_sites_teach_each_other() -> None:
    """Sites too small to know what is usual there go by the pool."""
    grace = Grace()
    for number in range(20):
        grace.learn(f"site {number}", 0.1)
    assert pytest.approx(grace.of("site 3")) == 0.4


def test_counts_forget_what_is_over() -> None:
    """No name stays in a counter after its last attempt."""
    slots: Any = Slots(Limits())
    for device in DEVICES:
        slots.take(device)
        slots.give_back(device, parked=False)
    assert (slots._devices, slots._sites) == ({}, {})
