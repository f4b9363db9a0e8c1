"""What follows from the red checks of a head: run again, repair, or look at the base first."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

from orchestrator.records.sighting import Sighting
from orchestrator.records.task import Task
from orchestrator.records.tracker import Check, CheckState
from orchestrator.rules import checks, flakes
from orchestrator.rules.checks import COMMIT_STATUS, Checks

# Ended by GitHub or by somebody's hand, and neither says anything about the work (M5).
INTERRUPTED = frozenset({"cancelled", "stale"})


class Base(Struct, frozen=True, kw_only=True):
    """What the base says of the same checks: at its tip, and at the commit the head stands on.

    None is what could not be read; `later` says that it will be asked at the next look.
    """

    name: str
    tip: Checks | None = None
    below: Checks | None = None
    later: bool = False


class Course(StrEnum):
    """What is to be done about red checks."""

    REPAIR = "repair"
    RUN_AGAIN = "run_again"
    BASE_RED = "base_red"  # the base has the same trouble: nobody's work is to blame
    BASE_OPEN = "base_open"  # what the base says is not known yet
    BASE_HEALED = "base_healed"  # the trouble was the base's, which is well again


# The trouble is the base's, or may be: nobody's work is blamed for it.
OF_THE_BASE = frozenset({Course.BASE_RED, Course.BASE_OPEN, Course.BASE_HEALED})


class Ruling(Struct, frozen=True, kw_only=True):
    """The course, why, and the red checks that it is about."""

    course: Course
    reason: str
    checks: tuple[Check, ...]


def judge(
    seen: Iterable[Check], task: Task, head: str, sightings: Iterable[Sighting], base: Base | None
) -> Ruling:
    """The course for the newest checks of `head`, of which at least one is red.

    The base is asked before a pull request is blamed; only what is red here alone is repaired. A
    run is repeated only when every red check is worth it: where one needs an agent anyway, the
    others are repeated by the agent's push.
    """
    red = reds(seen)
    own, elsewhere = _shared(red, base)
    if base is not None and elsewhere is not None and not own:
        return elsewhere
    if base is not None and base.later:
        reason = f"failed: {named(own)}; whether {base.name} has it too is asked next"
        return Ruling(course=Course.BASE_OPEN, reason=reason, checks=own)
    running = {name for name in _names(own) if base and base.tip and name in base.tip.pending}
    if base is not None and running:
        reason = f"failed: {named(own)}; {base.name} is running {', '.join(sorted(running))} itself"
        return Ruling(course=Course.BASE_OPEN, reason=reason, checks=own)
    return _by_odds(own, task, head, tuple(sightings))


def reds(seen: Iterable[Check]) -> tuple[Check, ...]:
    """The newest runs that are red themselves, not those that were skipped beside one."""
    return tuple(c for c in checks.latest(seen) if checks.check_state(c) is CheckState.RED)


def interrupted(seen: Iterable[Check], task: Task, head: str) -> tuple[Check, ...]:
    """The checks that were stopped before they said anything, if one more run may cure them all.

    Empty where a person must act, and where one was run again before on this head.
    """
    human = [c for c in checks.latest(seen) if checks.check_state(c) is CheckState.HUMAN]
    for check in human:
        orders = [one for one in task.reruns if (one.head, one.check) == (head, check.name)]
        done = any(one.run != check.run for one in orders)
        if check.conclusion not in INTERRUPTED or done or not can_run_again(check):
            return ()
    return tuple(human)


def can_run_again(check: Check) -> bool:
    """A commit status belongs to whoever set it, and nobody can be asked."""
    return check.group != COMMIT_STATUS and bool(check.workflow_run or check.id)


def runs_on(base: Base | None, red: Iterable[Check]) -> bool:
    """Whether the base itself is running one of these checks, and has not passed it where the head
    stands: on a base that moves on all the time it always runs somewhere."""
    if base is None or base.tip is None:
        return False
    passed = base.below.passed if base.below is not None else ()
    return bool((_names(red) & {*base.tip.pending}) - {*passed})


def ordered(task: Task, red: Iterable[Check]) -> bool:
    """Whether another run was ordered in place of each of these very outcomes."""
    known = {(one.check, one.run) for one in task.reruns}
    return all((check.name, check.run) in known for check in red)


def named(red: Iterable[Check]) -> str:
    return ", ".join(sorted(_names(red)))


def _names(red: Iterable[Check]) -> set[str]:
    return {check.name for check in red}


def _shared(
    red: tuple[Check, ...], base: Base | None
) -> tuple[tuple[Check, ...], Ruling | None]:
    """What is red here alone, and the course for what the base is red with."""
    if base is None:
        return red, None
    at_tip = set(base.tip.red) if base.tip else set()
    below = set(base.below.red) if base.below else set()
    own = tuple(check for check in red if check.name not in at_tip | below)
    here = [check for check in red if check.name in at_tip]
    if here:
        reason = (
            f"{base.name} is red itself: {named(here)}; it is nobody's repair here, "
            "and new tasks still start"
        )
        return own, Ruling(course=Course.BASE_RED, reason=reason, checks=tuple(here))
    old = [check for check in red if check.name in below]
    if not old:
        return own, None
    if base.tip is None or set(base.tip.pending) & _names(old):
        reason = f"{named(old)} was red on the {base.name} below it; its tip has not ended yet"
        return own, Ruling(course=Course.BASE_OPEN, reason=reason, checks=tuple(old))
    reason = f"{named(old)} was red on the {base.name} below it, and is not any more"
    return own, Ruling(course=Course.BASE_HEALED, reason=reason, checks=tuple(old))


def _by_odds(
    red: tuple[Check, ...], task: Task, head: str, sightings: tuple[Sighting, ...]
) -> Ruling:
    """Another run while each of the red checks may be one of chance; else a repair."""
    reasons = []
    for check in red:
        orders = {one.run for one in task.reruns if (one.head, one.check) == (head, check.name)}
        if check.run in orders:  # the run that was ordered has not begun
            reasons.append(f"{check.name} is being run again")
            continue
        known = flakes.history(sightings, check.name, but=head)
        odds = flakes.judge(known, len(orders))
        if not (odds.again and can_run_again(check)):
            why = f" ({check.name}: {odds.reason})" if can_run_again(check) else ""
            reason = f"failed: {named(red)}{why}"
            return Ruling(course=Course.REPAIR, reason=reason, checks=red)
        reasons.append(f"{check.name}: {odds.reason}")
    reason = f"failed, and run again before anybody repairs it: {'; '.join(reasons)}"
    return Ruling(course=Course.RUN_AGAIN, reason=reason, checks=red)
