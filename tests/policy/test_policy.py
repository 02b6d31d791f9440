"""What is wanted of whom: the more specific rule decides, member by member."""

import pickle
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import Device, ServersSource
from axis_ntp_async.errors import PolicyError
from axis_ntp_async.inventory.selection import Selection
from axis_ntp_async.policy.lines import Lines
from axis_ntp_async.policy.policy import Claim, Decision, Policy, Rule
from axis_ntp_async.policy.reading import policy_from
from axis_ntp_async.policy.specificity import Fit, Rank, Register, fit_of

LOBBY = Device(
    name="Lobby-3",
    host="10.0.4.17",
    site="berlin",
    serial="ACCC8E012345",
    groups=("indoor", "lab"),
    labels={"Model": "P3265-V"},
    credentials="fleet",
)
ROOF = Device(name="roof[1]", host="2001:db8::1", scheme="http")


def policy_of(text: str) -> Policy:
    """The policy in a text."""
    return policy_from(tomllib.loads(text), "p.toml", Lines.of(text))


def override(*match: str, **wants: Any) -> Rule:
    """A rule for some devices."""
    selection = Selection.parse(match)
    return Rule(place="; ".join(match), wants=NTPClientConfiguration(**wants), selection=selection)


def base(**wants: Any) -> Rule:
    """The rule for all devices."""
    return Rule(place="base", wants=NTPClientConfiguration(**wants))


@pytest.mark.parametrize(
    ("terms", "device", "ranks"),
    [
        (["Lobby-3"], LOBBY, (Rank.EXACT,)),
        (["lobby-3"], LOBBY, (Rank.EXACT,)),
        (["serial=ac:cc:8e:01:23:45"], LOBBY, (Rank.EXACT,)),
        (["host=10.0.4.17"], LOBBY, (Rank.EXACT,)),
        (["lobby-*"], LOBBY, (Rank.PATTERN,)),
        (["host=10.0.4.*"], LOBBY, (Rank.PATTERN,)),
        (["serial=ACCC8E*"], LOBBY, (Rank.PATTERN,)),
        (["roof[1]"], ROOF, (Rank.EXACT,)),
        (["roof[[]1]"], ROOF, (Rank.PATTERN,)),
        (["label.model=P32*"], LOBBY, (Rank.LABEL,)),
        (["label.model="], ROOF, (Rank.LABEL,)),
        (["group=lab"], LOBBY, (Rank.GROUP,)),
        (["site=b*"], LOBBY, (Rank.SITE,)),
        (["site="], ROOF, (Rank.SITE,)),
        (["*"], LOBBY, (Rank.OTHER,)),
        (["serial="], ROOF, (Rank.OTHER,)),
        (["scheme=https"], LOBBY, (Rank.OTHER,)),
        (["credentials=fleet"], LOBBY, (Rank.OTHER,)),
        (["site=berlin,label.model=P32*"], LOBBY, (Rank.LABEL, Rank.SITE)),
        (["site=berlin,!group=x,!gate"], LOBBY, (Rank.SITE,)),
        (["!group=x"], LOBBY, ()),
        (["site=berlin", "group=lab", "gate"], LOBBY, (Rank.GROUP,)),
        (["site=berlin", "!lobby-9"], LOBBY, (Rank.SITE,)),
        ([], LOBBY, ()),
        (["gate"], LOBBY, None),
        (["site=berlin", "!lobby-*"], LOBBY, None),
    ],
)
def test_how_specific_a_rule_is(
    terms: list[str], device: Device, ranks: tuple[Rank, ...] | None
) -> None:
    """As the head of the module says; `None` is for rules that do not fit."""
    fit = fit_of(0, Selection.parse(terms), device)
    assert (fit and fit.ranks) == ranks


RISING = [
    "!group=x",
    "scheme=https",
    "site=berlin",
    "site=berlin,scheme=https",
    "group=lab",
    "group=lab,site=berlin",
    "label.model=P3265-V",
    "label.model=P3265-V,site=berlin",
    "label.model=P3265-V,group=lab",
    "lobby-*",
    "lobby-*,site=berlin",
    "lobby-3",
    "lobby-3,scheme=https",
]


@pytest.mark.parametrize("place", range(1, len(RISING)))
def test_the_more_specific_rule_wins_wherever_it_stands(place: int) -> None:
    """Before the other or after it."""
    lower, higher = (
        override(RISING[one], minpoll=number) for one, number in ((place - 1, 1), (place, 2))
    )
    for rules in ((lower, higher), (higher, lower)):
        policy = Policy(rules=(base(minpoll=0), *rules))
        assert policy.configuration_for(LOBBY).minpoll == 2


def test_of_equal_rules_the_later_one_wins() -> None:
    """And `[policy]` loses against each that fits."""
    rules = [override("site=berlin", minpoll=1), override("site=b*", minpoll=2)]
    for ordered in (rules, rules[::-1]):
        policy = Policy(rules=(base(minpoll=0), *ordered))
        assert policy.configuration_for(LOBBY).minpoll == ordered[-1].wants.minpoll
        assert policy.configuration_for(ROOF).minpoll == 0


def test_each_member_is_decided_by_itself() -> None:
    """A specific rule says nothing of what it does not name."""
    policy = policy_of("""
        [policy]
        enabled = true
        servers = ["a"]
        nts = { enabled = true, ke_servers = ["k"], ca_certs = ["1"] }
        [[policy.override]]
        match = "lobby-3"
        nts.ke_servers = "clear"
        [[policy.override]]
        match = "site=berlin"
        servers = ["b"]
        nts = { enabled = false, ke_servers = ["x"] }
    """)
    assert policy.configuration_for(LOBBY) == NTPClientConfiguration(
        enabled=True,
        static_servers=("b",),
        nts_enabled=False,
        static_ntske_servers=(),
        ntske_server_ca_certs=("1",),
    )
    assert policy.configuration_for(ROOF).members == policy.rules[0].wants.members


def test_what_no_rule_names_is_left_alone() -> None:
    """Also when no rule fits at all."""
    policy = Policy(rules=(base(), override("gate", enabled=True)))
    assert policy.configuration_for(LOBBY) == NTPClientConfiguration()
    assert policy.explain(LOBBY) == ()


def test_an_explanation_names_who_decides_and_who_does_not() -> None:
    """The most specific first, in the order of the members."""
    policy = policy_of("""
        [policy]
        maxpoll = 10
        source = "DHCP"
        [[policy.override]]
        match = ["group=lab", "gate"]
        source = "static"
        [[policy.override]]
        match = "lobby-3"
        source = "dhcp"
    """)
    assert policy.explain(LOBBY) == (
        Decision(
            member="servers_source",
            claim=Claim(place="p.toml:8", match="lobby-3", value=ServersSource.DHCP),
            overruled=(
                Claim(place="p.toml:5", match="group=lab; gate", value=ServersSource.STATIC),
                Claim(place="p.toml:2", match="", value=ServersSource.DHCP),
            ),
        ),
        Decision(member="maxpoll", claim=Claim(place="p.toml:2", match="", value=10)),
    )


TERMS = ["lobby-*", "lobby-3", "site=berlin", "site=rome", "group=lab", "group=*", "scheme=http"]
TERMS += ["label.model=a", "!group=lab", "site=rome,group=lab", "!site=rome,lobby-3", "site="]
DEVICES = st.builds(
    Device,
    name=st.sampled_from(["lobby-3", "Lobby-4", "gate", "site=x"]),
    host=st.just("10.0.0.1"),
    scheme=st.sampled_from(["http", "https"]),
    site=st.sampled_from([None, "berlin", "rome"]),
    groups=st.lists(st.sampled_from(["lab", "roof"]), unique=True),
    labels=st.sampled_from([{}, {"Model": "A"}, {"model": "b"}]),
)
RULES = st.lists(
    st.tuples(
        st.lists(st.sampled_from(TERMS), min_size=1, max_size=3),
        st.fixed_dictionaries(
            {},
            optional={
                "minpoll": st.integers(0, 12),
                "maxpoll": st.integers(12, 24),
                "enabled": st.booleans(),
            },
        ),
    ),
    max_size=6,
)


@given(RULES, DEVICES)
def test_every_member_is_that_of_the_greatest_rule_that_fits(
    drawn: list[tuple[list[str], dict[str, Any]]], device: Device
) -> None:
    """By trying all rules, one by one."""
    rules = (base(minpoll=3), *(override(*terms, **wants) for terms, wants in drawn))
    policy = Policy(rules=rules)
    expected: dict[str, Any] = {}
    for fit in sorted(filter(None, (fit_of(n, one.selection, device) for n, one in _all(rules)))):
        expected.update(rules[fit.number].wants.members)
    assert policy.configuration_for(device).members == expected
    decided = {one.member: one.claim.value for one in policy.explain(device)}
    assert decided == expected


@given(RULES, DEVICES)
def test_no_rule_that_fits_is_passed_over(
    drawn: list[tuple[list[str], dict[str, Any]]], device: Device
) -> None:
    """The register finds what trying all rules finds."""
    selections = [Selection(), *(Selection.parse(terms) for terms, _ in drawn)]
    found = [fit.number for fit in Register(selections).fits(device)]
    assert sorted(found) == [n for n, one in enumerate(selections) if one.matches(device)]
    assert len(found) == len(set(found))


@given(RULES, DEVICES, st.randoms())
def test_the_order_matters_among_equals_only(
    drawn: list[tuple[list[str], dict[str, Any]]], device: Device, random: Any
) -> None:
    """Rules that differ in how specific they are may be written in any order."""
    rules = [override(*terms, **wants) for terms, wants in drawn]
    ranks = [fit.ranks for rule in rules if (fit := fit_of(0, rule.selection, device))]
    if len(set(ranks)) < len(ranks):
        return
    before = Policy(rules=(base(), *rules)).configuration_for(device)
    random.shuffle(rules)
    assert Policy(rules=(base(), *rules)).configuration_for(device) == before


def _all(rules: tuple[Rule, ...]) -> list[tuple[int, Rule]]:
    return list(enumerate(rules))


def test_fits_are_ordered_by_their_ranks_and_then_their_place() -> None:
    """Which terms have fitted is of no importance."""
    assert Fit((4, 2), 0) > Fit((4,), 9) > Fit((3, 2), 9) > Fit((), 1) > Fit((), 0)
    assert not Fit((4,), 1, (1,)) < Fit((4,), 1, (2,))


def test_a_fleet_with_a_rule_for_each_site_is_not_tried_with_each() -> None:
    """Nor with a rule for each device."""
    terms = [[f"site=s{one}"] for one in range(100)] + [[f"d{one}"] for one in range(100)]
    register = Register([Selection(), *map(Selection.parse, terms)])
    device = Device(name="d7", host="10.0.0.1", site="s7")
    assert register._numbers(device) == {0, 8, 108}


SAME = """
# the same
[policy]
servers   = [ "a",
   "b" ]
[[policy.override]]
optional = true
servers = "clear"
match = "  Site = BERLIN , !group=x"
[[policy.override]]
match = "nobody"
"""
PLAIN = """
[policy]
servers = ["a", "b"]
[[policy.override]]
match = "site=berlin,!group=x"
servers = "clear"
"""


def test_a_digest_is_about_the_meaning() -> None:
    """Not about comments, white space, order of members, file names and lines."""
    digest = policy_of(PLAIN).digest
    assert len(digest) == 64
    assert digest == policy_of(SAME).digest
    assert digest == policy_from(tomllib.loads(PLAIN), "other.toml").digest
    assert digest == pickle.loads(pickle.dumps(policy_of(PLAIN))).digest  # noqa: S301  our own


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"a", "b"', '"b", "a"'),
        ('"a"', '"ä"'),
        ("berlin", "rome"),
        ("!group", "group"),
        ('"clear"', '["c"]'),
        ("[[policy", 'source = "static"\n[[policy'),
    ],
)
def test_a_digest_changes_with_the_meaning(old: str, new: str) -> None:
    """Whatever may change a device's configuration changes it."""
    assert policy_of(PLAIN).digest != policy_of(PLAIN.replace(old, new, 1)).digest


def test_overrides_that_fit_nobody_are_told_with_the_nearest() -> None:
    """Whole ones, and single terms; those that are optional, and exclusions, are not."""
    policy = policy_of("""
        [policy]
        enabled = true
        [[policy.override]]
        match = "site=berln"
        [[policy.override]]
        match = ["group=lab", "group=lav", "!gate"]
        [[policy.override]]
        match = "site=rome"
        optional = true
        [[policy.override]]
        match = ["lobby-3", "!site=berlin"]
        [[policy.override]]
        match = ["site=", "lobby-3", "!site=berlin"]
    """)
    fix = "; if that may be so, say optional = true"
    assert policy.faults_for([LOBBY, ROOF]) == (
        f"p.toml:4: match: 'site=berln' fits none of 2 devices; the closest: site=berlin{fix}",
        f"p.toml:6: match: 'group=lav' fits none of 2 devices; the closest: group=lab{fix}",
        "p.toml:11: match: no device is left of 2: the selection excludes all that it includes"
        + fix,
    )
    assert [one.partition(":")[0] for one in policy.faults_for(())] == ["p.toml"] * 4


def test_only_the_first_misfits_are_told_with_the_nearest() -> None:
    """Looking for it takes long in a large fleet, and people mend the first ones first."""
    rules = [override(f"berlin-{number}", enabled=True) for number in range(25)]
    faults = Policy(rules=(base(), *rules)).faults_for([LOBBY])
    assert len(faults) == 25
    assert "fits none of 1 devices" in faults[19]
    assert faults[20] == "berlin-20: match: 'berlin-20' likewise finds none of them"


def test_a_contradiction_is_told_once_with_both_places() -> None:
    """However many devices, and other rules, come to it."""
    policy = policy_of("""
        [policy]
        minpoll = 4
        maxpoll = 6
        [[policy.override]]
        match = "site=berlin"
        minpoll = 7
        [[policy.override]]
        match = "group=lab"
        enabled = true
    """)
    devices = [
        Device(name=name, host="10.0.0.1", site=site, groups=groups)
        for name, site, groups in [
            ("a", "rome", ("lab",)),
            ("b", "berlin", ()),
            ("c", "berlin", ("lab",)),
            ("d", "berlin", ()),
        ]
    ]
    told = "p.toml:5: minpoll 7 is above maxpoll 6 of p.toml:2, for b"
    assert policy.faults_for(devices) == (f"{told} and 2 more devices",)
    assert policy.faults_for(devices[:3]) == (f"{told} and 1 more device",)
    assert policy.faults_for(devices[:2]) == (told, *policy.faults_for(devices[:2])[1:])
    with pytest.raises(PolicyError) as error:
        policy.configuration_for(devices[3])
    assert error.value.faults == (told.replace("for b", "for d"),)
    assert [one.member for one in policy.explain(devices[3])] == ["minpoll", "maxpoll"]
    assert [one.devices for one in policy.survey(devices).resolutions] == [1]


def test_devices_with_the_same_configuration_are_counted_together() -> None:
    """Whatever rules they owe it to; the most frequent first, with three names."""
    policy = Policy(
        rules=(
            base(),
            override("site=rome", enabled=True),
            override("a*", enabled=True),
            override("b", enabled=False),
        )
    )
    devices = [
        *(Device(name=name, host="10.0.0.1") for name in ("b", "a1", "a2")),
        *(Device(name=f"c{one}", host="10.0.0.1", site="rome") for one in range(5)),
        Device(name="d", host="10.0.0.1"),
    ]
    survey = policy.survey(iter(devices))
    assert (survey.contradictions, survey.misfits) == ((), ())
    assert [(one.devices, one.examples) for one in survey.resolutions] == [
        (7, ("a1", "a2", "c0")),
        (1, ("b",)),
        (1, ("d",)),
    ]
    assert [one.configuration.enabled for one in survey.resolutions] == [True, False, None]


def test_policies_are_compared_by_their_rules() -> None:
    """What was worked out in between is nobody's business."""
    one, other = policy_of(PLAIN), policy_of(PLAIN)
    one.configuration_for(LOBBY)
    assert one == other
    assert hash(one) == hash(other)
    assert "_resolved" not in repr(one)
