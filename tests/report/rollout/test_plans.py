"""A plan, for people."""

from collections.abc import Callable

import pytest
from attrs import evolve

from axis_ntp_async.device.configuration import Change, NTPClientConfiguration
from axis_ntp_async.device.records import ServersSource
from axis_ntp_async.health.finding import Cause, Problem, State
from axis_ntp_async.report.rollout.plans import change_in_words, plan_table
from axis_ntp_async.rollout.plan import Plan, Step, Unplannable
from axis_ntp_async.rollout.rules.settings import Proof, ProofRules, Rules
from axis_ntp_async.rollout.servers.checks import ServerCheck, ServerKind

MakePlan = Callable[..., Plan]
MakeStep = Callable[..., Step]
Drawn = Callable[..., str]

LOGIN = Problem(cause=Cause.LOGIN, state=State.UNKNOWN, message="refuses", hint="Correct it.")
OLD = Problem(cause=Cause.UNSUPPORTED, state=State.UNKNOWN, message="has no NTP API", hint="Buy.")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change(member="enabled", before=False, after=True), "enabled no → yes"),
        (
            Change(member="servers_source", before=ServersSource.DHCP, after=ServersSource.STATIC),
            "source DHCP → static",
        ),
        (Change(member="static_servers", before=(), after=("a", "b")), "servers none → [a, b]"),
        (Change(member="minpoll", before=None, after=6), "minpoll - → 6"),
        (Change(member="nts_enabled", before=None, after=True), "NTS - → yes"),
    ],
)
def test_a_change_in_words(change: Change, words: str) -> None:
    """As short as can be."""
    assert change_in_words(change) == words


def test_equal_changes_are_one_line(
    drawn: Drawn, make_plan: MakePlan, make_step: MakeStep
) -> None:
    """With ten names, sorted as people count, and how many more there are."""
    steps = [make_step(f"gate-{number}") for number in range(1, 13)]
    lines = drawn(plan_table(make_plan(*steps)), 160).splitlines()
    assert lines[0] == "12 devices: 12 to change"
    assert lines[2] == "12 devices: servers [10.0.0.1] → [10.0.0.5, 10.0.0.6]"
    assert lines[3].strip().startswith("gate-1, gate-2, ")
    assert lines[3].endswith("gate-10 and 2 more")


def test_no_more_than_twenty_different_changes_are_shown(
    drawn: Drawn, make_plan: MakePlan, make_step: MakeStep
) -> None:
    """The rest is counted."""
    steps = [
        make_step(f"c-{number}", before=NTPClientConfiguration(minpoll=number), after=END)
        for number in range(23)
    ]
    text = drawn(plan_table(make_plan(*steps)))
    assert text.count("1 device: ") == 20
    assert "… and 3 devices with other changes" in text


END = NTPClientConfiguration(minpoll=24)


def test_everything_is_counted_once(
    drawn: Drawn, make_plan: MakePlan, make_step: MakeStep
) -> None:
    """Those to change, those as desired, and those that cannot be planned, by their reason."""
    left_out = [
        Unplannable(device=make_step(name).device, problem=problem)
        for name, problem in (("x-1", OLD), ("x-2", LOGIN), ("x-10", LOGIN))
    ]
    text = drawn(plan_table(make_plan(make_step("a"), as_desired=("b",), unplannable=left_out)))
    assert text.startswith("5 devices: 1 to change, 1 as desired already, 3 cannot be planned\n")
    assert "2 devices left out, login: x-2, x-10\n    refuses\n    Correct it.\n" in text
    assert "1 device left out, unsupported: x-1\n    has no NTP API\n    Buy.\n" in text
    assert text.index("login") < text.index("unsupported")


def test_an_empty_plan_has_no_waves(drawn: Drawn, make_plan: MakePlan) -> None:
    """There is nothing to show but that."""
    assert drawn(plan_table(make_plan(as_desired=("a",)))) == "1 device: 1 as desired already\n"


def test_a_jump_that_nobody_can_foretell_is_one(
    drawn: Drawn, make_plan: MakePlan, make_step: MakeStep
) -> None:
    """A device that does not tell its time is skipped as well; ten are shown."""
    steps = [make_step("dumb", clock_step_s=None)]
    steps += [make_step(f"far-{number}", clock_step_s=-2.0 * number) for number in range(1, 12)]
    text = drawn(plan_table(make_plan(*steps, make_step("near", clock_step_s=1.0))))
    assert "12 devices whose clock would jump by more than 1 s are skipped" in text
    assert "    far-11  -22.0 s\n    far-10  -20.0 s\n" in text
    assert "    … and 2 more\n" in text
    assert "near  " not in text
    assert "Most would" not in text
    text = drawn(plan_table(make_plan(make_step("dumb", clock_step_s=None))))
    assert "1 device whose clock would jump by more than 1 s is skipped\n    dumb  unknown" in text


def test_in_a_rollback_clocks_may_jump(
    drawn: Drawn, make_plan: MakePlan, make_step: MakeStep
) -> None:
    """That is what it is for."""
    text = drawn(plan_table(make_plan(make_step(clock_step_s=None), rollback_of="r")))
    assert "jump" not in text


@pytest.mark.parametrize(
    ("steps_s", "is_told"),
    [
        ((37.2, 37.2), False),
        ((36.6, 37.2, 37.7), True),
        ((36.6, 37.4, None, 0.0, 37.1), True),
        ((37.2, 37.2, 0.0, 0.0), False),
        ((37.2, 39.0, 50.0), False),
    ],
)
def test_our_own_clock_is_suspected(
    drawn: Drawn,
    make_plan: MakePlan,
    make_step: MakeStep,
    *,
    steps_s: tuple[float | None, ...],
    is_told: bool,
) -> None:
    """When most of several devices would jump alike; of two that may be chance."""
    steps = [
        make_step(f"c-{number}", clock_step_s=step_s) for number, step_s in enumerate(steps_s)
    ]
    text = drawn(plan_table(make_plan(*steps)))
    assert ("by +37 s: is it our own clock that is off?" in text) is is_told


def test_clients_that_had_given_up_are_told(
    drawn: Drawn, make_plan: MakePlan, make_step: MakeStep
) -> None:
    """The change starts them anew, which surprises."""
    text = drawn(plan_table(make_plan(make_step("old", has_given_up=True), make_step("new"))))
    assert "1 device whose NTP client had given up" in text
    assert "starts it anew: old\n" in text


def test_time_servers_are_told_with_their_faults(
    drawn: Drawn, make_plan: MakePlan, make_step: MakeStep
) -> None:
    """Those with the same fault together; good ones, if there are any, at first."""
    good = ServerCheck(server="good.example", kind=ServerKind.NTP)
    bad = [
        ServerCheck(server=name, kind=ServerKind.NTP, faults=("does not answer",))
        for name in ("b.example", "a.example")
    ]
    plan = make_plan(make_step())
    text = drawn(plan_table(plan, [good, *bad]))
    assert "time servers that answer well: good.example\n" in text
    assert "time server a.example, b.example: does not answer\n" in text
    assert "answer well" not in drawn(plan_table(plan, bad))


@pytest.mark.parametrize(
    ("waves", "kind", "told"),
    [
        ((1, 1), Proof.READBACK, "waves: all 2 at once; devices are read back\n"),
        (
            (1, 2),
            Proof.SYNC,
            (
                "waves: canary of 1, then 1; devices are read back, and their clocks watched "
                "(of later waves a sample)\n"
            ),
        ),
    ],
)
def test_the_waves_and_the_proof_are_told(
    drawn: Drawn,
    make_plan: MakePlan,
    make_step: MakeStep,
    *,
    waves: tuple[int, int],
    kind: Proof,
    told: str,
) -> None:
    """In one line, the last one."""
    rules = Rules(proof=ProofRules(kind=kind))
    steps = [make_step(f"c-{place}", wave=wave) for place, wave in enumerate(waves)]
    assert drawn(plan_table(make_plan(*steps, rules=rules))).endswith(told)


@pytest.mark.parametrize("width", [40, 60, 200])
def test_nothing_is_cut_off(
    drawn: Drawn, make_plan: MakePlan, make_step: MakeStep, width: int
) -> None:
    """A narrow terminal gets more lines, and every name whole."""
    steps = [make_step(f"berlin-parking-{number}") for number in range(9)]
    text = drawn(plan_table(make_plan(*steps)), width)
    assert all(len(line) <= width for line in text.splitlines())
    assert all(step.device.name in text for step in steps)


def test_a_hostile_name_steers_nothing(
    drawn: Drawn, make_plan: MakePlan, make_step: MakeStep
) -> None:
    """No escape gets through, and markup is no markup."""
    name = "[red]\u202ex"
    left_out = Unplannable(device=make_step(name).device, problem=evolve(OLD, message="\x1b[A"))
    plan = make_plan(make_step(name, clock_step_s=9.0, has_given_up=True), unplannable=(left_out,))
    check = ServerCheck(server="\x1bs", kind=ServerKind.NTP, faults=("\x1bf",))
    text = drawn(plan_table(plan, [check]))
    assert not {"\x1b", "\u202e"} & set(text)
    assert text.count("[red]?x") == 4
