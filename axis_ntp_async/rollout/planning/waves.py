"""In which order devices are changed: a canary of every kind of them first, then growing waves."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

from attrs import evolve

from axis_ntp_async.rollout.plan import Step
from axis_ntp_async.rollout.rules.settings import ONE_WAVE_MAX, Proof, Rules, Staging


def sizes_of_waves(count: int, staging: Staging) -> tuple[int, ...]:
    """
    Give how many devices each wave has, the canary first.

    40 devices make 3, 9, 10, 10, 8; a thousand 10, 30, 90, 250, 250, 250, 120.
    """
    if staging.one_wave and count <= ONE_WAVE_MAX:
        return (count,) if count else ()
    cap = min(math.ceil(staging.cap_ratio * count), staging.cap)
    size, left, sizes = _size_of_canary(count, staging), count, []
    while left:
        sizes.append(min(size, left))
        left -= sizes[-1]
        size = math.ceil(min(size * staging.growth, cap))
    return tuple(sizes)


def _size_of_canary(count: int, staging: Staging) -> int:
    if count < staging.canary_alone_below:
        return 1
    share = math.ceil(staging.canary_ratio * count)
    return min(max(share, staging.canary_min), staging.canary_max)


def arranged(steps: Sequence[Step], rules: Rules) -> tuple[Step, ...]:
    """
    Give the steps in the order of their waves, each with its wave's number.

    A mistake in a policy shows by model and firmware, one in the network by
    site. So the canary has devices of as many of them as it can, and every
    later wave is a fair mixture of the rest.
    """
    sizes = sizes_of_waves(len(steps), rules.staging)
    canary = _of_every_kind(steps, sizes[0]) if sizes else []
    chosen = {id(step) for step in canary}
    rest = _mixed([step for step in steps if id(step) not in chosen])
    return _numbered([*canary, *rest], sizes, rules)


def arranged_backwards(steps: Sequence[Step], rules: Rules) -> tuple[Step, ...]:
    """Give steps that undo a run: those of its last wave first; the canary is among them."""
    ordered = sorted(steps, key=lambda step: -step.wave)
    return _numbered(ordered, sizes_of_waves(len(steps), rules.staging), rules)


def _numbered(steps: Sequence[Step], sizes: Sequence[int], rules: Rules) -> tuple[Step, ...]:
    left, numbered = iter(steps), list[Step]()
    for number, size in enumerate(sizes, 1):
        sampled = size_of_sample(size, rules, canary=number == 1)
        numbered += [
            evolve(next(left), wave=number, is_sampled=place * sampled % size < sampled)
            for place in range(size)
        ]
    return tuple(numbered)


def size_of_sample(size: int, rules: Rules, *, canary: bool) -> int:
    """Give how many devices of a wave have their clocks watched; they are spread over it."""
    proof = rules.proof
    if proof.kind is not Proof.SYNC:
        return 0
    sampled = max(math.ceil(proof.sample_ratio * size), proof.sample_min)
    return size if canary else min(sampled, size)


def kind_of(step: Step) -> tuple[str | None, ...]:
    """Give what a device has in common with those that a mistake would hit, too."""
    labels = step.device.labels
    firmware = labels.get("firmware")
    return (
        step.device.site,
        step.api_version,
        labels.get("model"),
        firmware.partition(".")[0] if firmware else None,
    )


def _by_kind(steps: Sequence[Step]) -> list[list[Step]]:
    """Give the steps by kind, the most frequent one first."""
    kinds: dict[Hashable, list[Step]] = {}
    for step in steps:
        kinds.setdefault(kind_of(step), []).append(step)
    return sorted(kinds.values(), key=lambda alike: -len(alike))


def _of_every_kind(steps: Sequence[Step], count: int) -> list[Step]:
    """
    Choose devices that differ as much as can be, no kind a second time before all had their turn.

    Next is always the kind with most that the canary does not have yet: a
    version, a model or a firmware, then a site; of equal ones the most frequent.
    """
    chosen: list[Step] = []
    turns = [list(reversed(alike)) for alike in _by_kind(steps)]
    while len(chosen) < min(count, len(steps)):
        seen: set[tuple[int, str | None]] = set()
        waiting = [alike for alike in turns if alike]
        while waiting and len(chosen) < count:
            alike = max(waiting, key=lambda one: _newness(one[-1], seen))
            waiting.remove(alike)
            seen |= _facets(alike[-1])
            chosen.append(alike.pop())
    return chosen


def _newness(step: Step, seen: set[tuple[int, str | None]]) -> tuple[int, bool]:
    new = _facets(step) - seen
    has_new_site = any(place == 0 for place, _ in new)
    return len(new) - has_new_site, has_new_site


def _facets(step: Step) -> set[tuple[int, str | None]]:
    return set(enumerate(kind_of(step)))


def _mixed(steps: Sequence[Step]) -> list[Step]:
    """Spread each kind evenly over the whole."""
    placed = [
        ((place + 0.5) / len(alike), step)
        for alike in _by_kind(steps)
        for place, step in enumerate(alike)
    ]
    return [step for _, step in sorted(placed, key=lambda one: one[0])]
