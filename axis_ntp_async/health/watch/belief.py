"""What whoever is told of changes believes of a device, and what makes that true again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping

from attrs import frozen

from axis_ntp_async.health.finding import Cause, Finding, State
from axis_ntp_async.health.watch.events import StateChange
from axis_ntp_async.health.watch.site_causes import SiteCause, SiteKey, SiteTrouble, belongs_to
from axis_ntp_async.health.watch.standing import Standing


@frozen(kw_only=True)
class Belief:
    """
    What was told of a device last; of one that nothing was told of, that it is ok.

    Attributes:
        state: Its state.
        cause: The root cause; `None` when it is ok.
        is_flapping: Whether it changes to and fro: then no turn is told.
    """

    state: State = State.OK
    cause: Cause | None = None
    is_flapping: bool = False

    @classmethod
    def of(cls, standing: Standing | None) -> Belief:
        """Give what is believed of a device of which everything was told."""
        if standing is None:
            return cls()
        return cls(state=standing.state, cause=standing.cause, is_flapping=standing.is_flapping)

    def differs(self, other: Belief) -> bool:
        """Tell whether there is something to tell."""
        return self != other and not (self.is_flapping and other.is_flapping)


@frozen(kw_only=True)
class Hidden:
    """
    A device whose changes are not told, because its site's trouble tells more.

    Attributes:
        trouble: What its site is in.
        belief: What is believed of the device meanwhile.
    """

    trouble: SiteTrouble
    belief: Belief


def changes_of(
    looks: Iterable[tuple[Finding, Standing]],
    before: Mapping[str, Standing],
    site_causes: Mapping[SiteKey, SiteCause],
    hidden: MutableMapping[str, Hidden],
) -> Iterator[StateChange]:
    """
    Give every change of a device; those that its site's trouble tells are marked with it.

    Whoever follows the others alone knows how every device stands that is in no
    trouble of its site: a device that is still bad when that is over is told
    then, and one that was told bad before it began, and is well, too.

    Args:
        looks: What was found, and how the device stands after that.
        before: How devices stood before.
        site_causes: What devices of a site have in common now.
        hidden: Devices whose changes are not told; it is kept up to date.
    """
    for finding, now in looks:
        name = finding.device.name
        stood, stands, known = Belief.of(before.get(name)), Belief.of(now), hidden.get(name)
        belief, is_change = known.belief if known else stood, stood.differs(stands)
        trouble = _trouble_of(finding, now, site_causes)
        if trouble is not None:
            hidden[name] = Hidden(trouble=trouble, belief=belief)
            if is_change:
                yield _change(finding, stood, now, trouble)
        elif known and now.doubt is not None and not now.is_flapping:
            continue  # what it is believed to be is not what was found now: the next look tells
        else:
            hidden.pop(name, None)
            if belief.differs(stands):
                yield _change(finding, belief, now, None)
            elif is_change and known:
                yield _change(finding, stood, now, known.trouble)


def _trouble_of(
    finding: Finding, standing: Standing, site_causes: Mapping[SiteKey, SiteCause]
) -> SiteTrouble | None:
    return next(
        (
            cause.trouble
            for cause in site_causes.values()
            if belongs_to(finding.device, standing.cause, cause)
        ),
        None,
    )


def _change(
    finding: Finding, before: Belief, after: Standing, trouble: SiteTrouble | None
) -> StateChange:
    problem = next((one for one in finding.problems if one.cause is after.cause), None)
    is_known = after.was_ok or before.state is not State.OK
    return StateChange(
        device=finding.device,
        before=before.state if is_known else None,
        cause_before=before.cause,
        was_flapping=before.is_flapping,
        after=after.state,
        cause=after.cause,
        message=problem.message if problem else finding.message,
        hint=problem.hint if problem else finding.hint,
        since=after.since,
        is_flapping=after.is_flapping,
        site_trouble=trouble,
    )
