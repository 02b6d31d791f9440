"""A plan, as people review it before anything is sent."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from axis_ntp_async.device.configuration import Change
from axis_ntp_async.report.printable import printable
from axis_ntp_async.report.tables import counted, first_of, natural, word
from axis_ntp_async.rollout.plan import Plan, Step
from axis_ntp_async.rollout.rules.settings import Proof
from axis_ntp_async.rollout.servers.checks import ServerCheck

_EXAMPLES: Final = 10
_GROUPS: Final = 20
_ALIKE_S: Final = 1.0
"""Clocks are read to half a second, so two that are the same may differ by one."""

_TITLES: Final = {
    "enabled": "enabled",
    "servers_source": "source",
    "static_servers": "servers",
    "nts_enabled": "NTS",
    "static_ntske_servers": "NTS-KE servers",
    "ntske_server_ca_certs": "NTS-KE CA certificates",
}


def plan_table(plan: Plan, checks: Sequence[ServerCheck] = ()) -> RenderableType:
    """Show what changes for how many devices, what cannot be planned, the risks and the waves."""
    parts: list[RenderableType] = [_headline(plan)]
    parts += _changes(plan)
    parts += _left_out(plan)
    parts += _steps_of_clocks(plan)
    parts += _given_up(plan)
    parts += _servers(checks)
    if plan.steps:
        parts += [Text(), _waves(plan)]
    return Group(*parts)


def _headline(plan: Plan) -> Text:
    counts = (
        (len(plan.steps), "to change", "bold"),
        (len(plan.as_desired), "as desired already", "green"),
        (len(plan.unplannable), "cannot be planned", "magenta"),
    )
    total = sum(count for count, _, _ in counts)
    line = Text.assemble((f"{counted(total, 'device')}: ", "bold"))
    told = [Text(f"{count} {what}", style) for count, what, style in counts if count]
    return line + Text(", ").join(told)


def _changes(plan: Plan) -> Iterable[RenderableType]:
    groups = list(plan.groups.items())
    if groups:
        yield Text()
    for changes, steps in groups[:_GROUPS]:
        yield Text.assemble((f"{counted(len(steps), 'device')}: ", "bold"), _told(changes))
        yield _below(_names(step.device.name for step in steps), "dim")
    if len(groups) > _GROUPS:
        rest = sum(len(steps) for _, steps in groups[_GROUPS:])
        yield Text(f"… and {counted(rest, 'device')} with other changes", "dim")


def _told(changes: Sequence[Change]) -> str:
    return printable("; ".join(map(change_in_words, changes)))


def change_in_words(change: Change) -> str:
    """Give one change, as `servers [a] → [b]`."""
    title = _TITLES.get(change.member, change.member)
    return f"{title} {_value(change.before)} → {_value(change.after)}"


def _value(value: object) -> str:
    if isinstance(value, tuple) and value:
        return f"[{', '.join(map(str, value))}]"
    return word(value)


def _left_out(plan: Plan) -> Iterable[RenderableType]:
    alike: dict[tuple[str, str], list[str]] = {}
    for one in plan.unplannable:
        alike.setdefault((one.problem.cause.value, one.problem.hint), []).append(one.device.name)
    messages = {one.device.name: one.problem.message for one in plan.unplannable}
    for (cause, hint), names in sorted(alike.items(), key=lambda one: -len(one[1])):
        yield Text()
        title = f"{counted(len(names), 'device')} left out, {cause.replace('_', ' ')}: "
        yield Text.assemble((title, "bold magenta"), printable(_names(names)))
        yield _below(messages[names[0]])
        yield _below(hint, "dim")


def _steps_of_clocks(plan: Plan) -> Iterable[RenderableType]:
    limit_s = plan.rules.step_limit_s
    far = [step for step in plan.steps if step.clock_step_s is None or _jumps(step, limit_s)]
    if not far or plan.rollback_of is not None:
        return
    yield Text()
    are = "is" if len(far) == 1 else "are"
    fate = (
        f"{are} changed all the same (--allow-step)" if plan.rules.allow_step else f"{are} skipped"
    )
    jumps = f"{counted(len(far), 'device')} whose clock would jump by more than {limit_s:g} s"
    yield Text.assemble((f"{jumps} {fate}", "bold yellow"))
    for step in sorted(far, key=lambda step: -abs(step.clock_step_s or 0))[:_EXAMPLES]:
        told = "unknown" if step.clock_step_s is None else f"{step.clock_step_s:+.1f} s"
        yield _below(f"{step.device.name}  {told}")
    if len(far) > _EXAMPLES:
        yield _below(f"… and {len(far) - _EXAMPLES} more", "dim")
    yield from _our_own_clock(plan, far)
    if not plan.rules.allow_step:
        yield _below("A jump can damage recordings; --allow-step changes them too.", "dim")


def _jumps(step: Step, limit_s: float) -> bool:
    return step.clock_step_s is not None and abs(step.clock_step_s) > limit_s


def _our_own_clock(plan: Plan, far: Sequence[Step]) -> Iterable[RenderableType]:
    """Say so when most clocks differ from ours alike: then it is ours that is wrong."""
    steps_s = [step.clock_step_s for step in far if step.clock_step_s is not None]
    middle_s = statistics.median(steps_s) if steps_s else 0.0
    alike = sum(abs(step_s - middle_s) <= _ALIKE_S for step_s in steps_s)
    if len(plan.steps) > 2 and 2 * alike > len(plan.steps):  # noqa: PLR2004  most of them
        yield _below(
            f"Most would jump alike, by {middle_s:+.0f} s: is it our own clock that is off?",
            "bold",
        )


def _given_up(plan: Plan) -> Iterable[RenderableType]:
    stopped = [step.device.name for step in plan.steps if step.has_given_up]
    if stopped:
        yield Text()
        yield Text(
            printable(
                f"{counted(len(stopped), 'device')} whose NTP client had given up, its clock too "
                f"far off; the change starts it anew: {_names(stopped)}"
            )
        )


def _servers(checks: Sequence[ServerCheck]) -> Iterable[RenderableType]:
    if not checks:
        return
    yield Text()
    good = [check.server for check in checks if check.is_ok]
    if good:
        yield Text(printable(f"time servers that answer well: {_names(good)}"), "green")
    alike: dict[str, list[str]] = {}
    for check in checks:
        for fault in check.faults:
            alike.setdefault(fault, []).append(check.server)
    for fault, servers in alike.items():
        title = f"time server {_names(servers)}: "
        yield Text.assemble((printable(title), "bold yellow"), printable(fault))


def _waves(plan: Plan) -> RenderableType:
    sizes = [len(wave.steps) for wave in plan.waves]
    proof = plan.rules.proof
    how = (
        "read back"
        if proof.kind is Proof.READBACK
        else "read back, and their clocks watched (of later waves a sample)"
    )
    told = f"canary of {sizes[0]}, then {', '.join(map(str, sizes[1:]))}"
    waves = told if len(sizes) > 1 else f"all {sizes[0]} at once"
    return Text(f"waves: {waves}; devices are {how}")


def _names(names: Iterable[str]) -> str:
    return first_of(sorted(names, key=natural), _EXAMPLES)


def _below(text: str, style: str = "") -> Padding:
    return Padding(Text(printable(text), style=style), (0, 0, 0, 4))
