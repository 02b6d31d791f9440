"""
When to stop: failures are counted by wave, site and run, each against what was tried there. Pure.

In the canary one device is changed at a time, since each one under way may
be the first of a systemic failure; so its bound is exact as far as writing
goes. A failure that shows only while clocks are watched comes when all of the
canary are changed: then its size is the bound. In later waves the bound may
be overshot by as many devices as are under way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from attrs import define, field, frozen

from axis_ntp_async.rollout.plan import Result, Step, StepState, StepStatus
from axis_ntp_async.rollout.rules.decision import SYSTEMIC
from axis_ntp_async.rollout.rules.proof import Verdict
from axis_ntp_async.rollout.rules.settings import Budget

_EXAMPLES: Final = 10
_CANARY: Final = 1


@frozen(kw_only=True)
class Stop:
    """
    Why a run must not go on by itself.

    Attributes:
        verdict: Failed, or inconclusive.
        cause: The commonest cause of what went wrong, in one word.
        message: Which bound was crossed, in a sentence with its numbers.
        devices: Names of some of those that went wrong.
        count: How many went wrong.
    """

    verdict: Verdict
    cause: str
    message: str
    devices: tuple[str, ...] = ()
    count: int = 0


@define
class Tally:
    """
    What came of the devices of one scope so far.

    Attributes:
        visited: Those that came to an end, whichever.
        attempted: Those whose change did: changed, failed or undecided.
        changed, unchanged, failed, undecided, unreachable: Of those.
    """

    visited: int = 0
    attempted: int = 0
    changed: int = 0
    unchanged: int = 0
    failed: int = 0
    undecided: int = 0
    unreachable: int = 0

    def count(self, status: StepStatus, by: int) -> None:
        """Take a step in, or out again."""
        result, failed = status.state.result, status.is_failure
        self.visited += by
        self.changed += by * (result is Result.CHANGED)
        self.unchanged += by * (result is Result.UNCHANGED)
        self.failed += by * failed
        self.undecided += by * (result is Result.UNDECIDED)
        self.unreachable += by * (status.state is StepState.UNREACHABLE)
        self.attempted = self.changed + self.failed + self.undecided


_Chosen = Callable[[Step, StepStatus], bool]
_Crossed = tuple[Verdict, str, _Chosen]


@define
class Ledger:
    """
    All tallies of a run, kept as steps come to their ends.

    Attributes:
        budget: The bounds.
        needs_a_change: Whether a canary in which all was as desired already proves nothing.
        run: Over the whole run.
        waves, sites: By number, and by name.
    """

    budget: Budget
    needs_a_change: bool = False
    run: Tally = field(factory=Tally, init=False)
    waves: dict[int, Tally] = field(factory=dict, init=False)
    sites: dict[str | None, Tally] = field(factory=dict, init=False)
    _last_site: str | None = field(default=None, init=False)
    _systemic: Counter[str] = field(factory=Counter, init=False)
    _ended: dict[str, tuple[Step, StepStatus]] = field(factory=dict, init=False)

    def move(self, step: Step, status: StepStatus) -> None:
        """Take in how a step stands now."""
        if counted := self._ended.pop(step.device.name, None):
            self._count(*counted, -1)
        if status.state.is_over:
            self._ended[step.device.name] = step, status
            self._count(step, status, 1)
            self._last_site = step.device.site

    def room_in_canary(self, under_way: int) -> int:
        """
        Give how many more devices of the canary may be begun now.

        Each one under way counts as if it were going to fail, and to fail in
        a way that all devices share.
        """
        budget, failed = self.budget, self.wave(_CANARY).failed
        systemic = max(self._systemic.values(), default=0)
        return min(
            budget.canary_failures + 1 - failed - under_way,
            budget.systemic_canary - systemic - under_way,
        )

    def wave(self, number: int) -> Tally:
        """Give the tally of a wave."""
        return self.waves.setdefault(number, Tally())

    def stop(self, wave: int, *, over: bool, everywhere: bool = False) -> Stop | None:
        """
        Give why the run must stop; `None` when it may go on.

        Args:
            wave: Its current wave.
            over: Whether that wave has come to its end.
            everywhere: Look at every site, not only at that of the device that ended last.
        """
        sites = tuple(self.sites) if over or everywhere else (self._last_site,)
        for verdict, message, chosen in self._crossed(wave, sites, over=over):
            wrong = [one for one in self._ended.values() if chosen(*one)]
            causes = Counter(status.cause for _, status in wrong if status.cause)
            return Stop(
                verdict=verdict,
                cause=causes.most_common(1)[0][0] if causes else "no_evidence",
                message=message + _at_one_site([step for step, _ in wrong], message),
                devices=tuple(step.device.name for step, _ in wrong[:_EXAMPLES]),
                count=len(wrong),
            )
        return None

    def _count(self, step: Step, status: StepStatus, by: int) -> None:
        site = self.sites.setdefault(step.device.site, Tally())
        for tally in (self.run, self.wave(step.wave), site):
            tally.count(status, by)
        if status.is_failure and status.cause in SYSTEMIC:
            self._systemic[status.cause] += by

    def _crossed(
        self, wave: int, sites: Iterable[str | None], *, over: bool
    ) -> Iterator[_Crossed]:
        """Give the bounds that are crossed, the gravest first, and who crossed them."""
        yield from self._systemic_crossed(wave)
        if wave == _CANARY:
            yield from self._canary_crossed(over=over)
        else:
            yield from self._failures_crossed(wave, sites, over=over)
        yield from self._reach_crossed(wave, over=over)

    def _systemic_crossed(self, wave: int) -> Iterator[_Crossed]:
        budget = self.budget
        most = budget.systemic_canary if wave == _CANARY else budget.systemic
        for cause, count in self._systemic.items():
            if count >= most:
                message = f"{count} x {cause}: what one meets so, all may"
                yield Verdict.FAILED, message, _failed_by(cause)

    def _canary_crossed(self, *, over: bool) -> Iterator[_Crossed]:
        tally, borne = self.wave(_CANARY), self.budget.canary_failures
        if tally.failed > borne:
            message = f"{tally.failed} of {tally.attempted} failed in the canary, {borne} is borne"
            yield Verdict.FAILED, message, lambda _, status: status.is_failure
        if over and tally.undecided:
            yield (
                Verdict.INCONCLUSIVE,
                f"of {tally.undecided} of the canary nobody knows what came of the change",
                _is_undecided,
            )
        is_nothing_shown = self.needs_a_change or tally.visited > tally.unchanged
        if over and tally.visited and not tally.changed and is_nothing_shown:
            message = "the canary proves nothing: none of its devices was changed"
            yield Verdict.INCONCLUSIVE, message, lambda _, status: bool(status.cause)

    def _failures_crossed(
        self, wave: int, sites: Iterable[str | None], *, over: bool
    ) -> Iterator[_Crossed]:
        budget = self.budget
        scopes: list[tuple[str, Tally, int, float, _Chosen]] = [
            (f"wave {wave}", self.wave(wave), budget.failures, budget.ratio, _in_wave(wave)),
            ("the run", self.run, budget.failures, budget.ratio, lambda *_: True),
        ]
        for name in sites:
            tally = self.sites.setdefault(name, Tally())
            place = f"site {name}" if name else "devices without a site"
            scopes.append((place, tally, budget.site_failures, budget.site_ratio, _at(name)))
        for place, tally, count, ratio, belongs in scopes:
            if not over and tally.attempted < budget.least_attempted:
                continue
            borne = _borne(count, ratio, tally.attempted)
            if tally.failed > borne:
                message = (
                    f"{tally.failed} of {tally.attempted} failed in {place}, {borne} are borne"
                )
                yield Verdict.FAILED, message, _both(belongs, lambda _, one: one.is_failure)
            if over and tally.undecided > borne:
                message = f"of {tally.undecided} in {place} nobody knows what came of the change"
                yield Verdict.INCONCLUSIVE, message, _both(belongs, _is_undecided)

    def _reach_crossed(self, wave: int, *, over: bool) -> Iterator[_Crossed]:
        tally, budget = self.wave(wave), self.budget
        if not over and tally.visited < budget.least_attempted:
            return
        borne = _borne(budget.unreachable, budget.unreachable_ratio, tally.visited)
        if tally.unreachable > borne:
            message = f"{tally.unreachable} of {tally.visited} did not answer, {borne} are borne"
            yield Verdict.INCONCLUSIVE, message, _both(_in_wave(wave), _is_unreachable)


def _at_one_site(steps: list[Step], told: str) -> str:
    """Say so when all that went wrong share a site: then its network or server is the cause."""
    sites = {step.device.site for step in steps}
    if len(steps) < 2 or len(sites) > 1 or None in sites:  # noqa: PLR2004  several
        return ""
    site = "".join(map(str, sites))
    return "" if f"site {site}" in told else f", all of them at {site}"


def _borne(count: int, ratio: float, of: int) -> int:
    return max(count, int(ratio * of))


def _failed_by(cause: str) -> _Chosen:
    return lambda _, status: status.is_failure and status.cause == cause


def _in_wave(number: int) -> _Chosen:
    return lambda step, _: step.wave == number


def _at(site: str | None) -> _Chosen:
    return lambda step, _: step.device.site == site


def _both(one: _Chosen, other: _Chosen) -> _Chosen:
    return lambda step, status: one(step, status) and other(step, status)


def _is_undecided(_: Step, status: StepStatus) -> bool:
    return status.state is StepState.INCONCLUSIVE


def _is_unreachable(_: Step, status: StepStatus) -> bool:
    return status.state is StepState.UNREACHABLE
