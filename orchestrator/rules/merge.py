"""Whether a pull request of ours is merged, updated, repaired, waited for, or a person's turn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from orchestrator.records.config import MergeMethod
from orchestrator.records.errors import Trouble
from orchestrator.records.task import State
from orchestrator.records.verdicts import (
    AttemptVerdict,
    Escalate,
    Merge,
    PullRequestVerdict,
    Wait,
)
from orchestrator.rules import conflicts
from orchestrator.rules.conflicts import PRIORITIES, Ahead, Candidate, Place, Turn
from orchestrator.rules.facts import Facts, Obstacle, View, bounded
from orchestrator.rules.obstacles import another, view

__all__ = ["Facts", "bounded"]  # named here too: a caller thinks of them as the merge's

IN_FLIGHT = timedelta(hours=2)  # how long a checked Update keeps the others waiting behind it
NOBODY = Turn(place=0)


class AfterCall(StrEnum):
    """What follows the call that should have merged (M10)."""

    PROVE = "prove"  # it says merged: fetch the base and verify (M9)
    LOOK = "look"  # read the pull request: merged is done, else `after_refusal`
    FORGET = "forget"  # the head moved: this verdict is void
    LATER = "later"  # limits or a hidden resource: the next tick decides afresh
    ESCALATE = "escalate"
    AMBIGUOUS = "ambiguous"  # it may have happened: keep the mark, call nothing again in this run


AFTER_CALL = {
    Trouble.AUTH: AfterCall.LATER,
    Trouble.PERMISSION: AfterCall.ESCALATE,
    Trouble.RATE: AfterCall.LATER,
    Trouble.READ_ONLY: AfterCall.LATER,
    Trouble.NOT_FOUND: AfterCall.LATER,
    Trouble.REFUSED: AfterCall.LOOK,
    Trouble.CONFLICT: AfterCall.FORGET,
    Trouble.VALIDATION: AfterCall.ESCALATE,
    Trouble.SERVER: AfterCall.AMBIGUOUS,
    Trouble.NETWORK: AfterCall.AMBIGUOUS,
    Trouble.PARTIAL: AfterCall.AMBIGUOUS,
    Trouble.UNKNOWN: AfterCall.ESCALATE,
}
# Words of a 405 that no later look will change.
FINAL_REFUSALS = ("not allowed", "not authorized", "not permitted", "protected", "rule violation")


def judge(facts: Facts, now: datetime) -> PullRequestVerdict:
    """The verdict on this head and this base, and on nothing else (M1 to M8, M11 to M13, M16).

    Unknown is never green: what could not be read gives Wait (M4). Merge needs that the very same
    answer has held for `settle_seconds`, and a head of `min_head_age_seconds` (M7).
    """
    seen = view(facts)
    held = now - facts.held_since if facts.held_since else timedelta()
    if isinstance(seen.verdict, Merge):
        return _settled(facts, seen.verdict, held, now)
    if seen.patience is not None and seen.then is not None and held >= seen.patience:
        return seen.then
    return seen.verdict


def key(facts: Facts) -> str:
    """What must stay the same for `held_since` to count: the obstacle, the head and the base.

    Only a verdict that concerns the base names it, so that other merges do not reset a patience. A
    person who sets it Ready again gives it a new one.
    """
    obstacle = view(facts).obstacle
    base = facts.pull.base_tip if obstacle in {Obstacle.NOTHING, Obstacle.BEHIND} else ""
    again = f"round {facts.task.round}" if facts.task.round > 1 else ""
    return " ".join(filter(None, (obstacle, facts.pull.head_sha, base, again)))


def wants_git(facts: Facts) -> bool:
    """Whether all that GitHub says is in order, so that a fetch and a look at git are worth it."""
    return view(facts).obstacle in {Obstacle.LOOK, Obstacle.BEHIND, Obstacle.NOTHING}


def turns(
    candidates: Iterable[Facts], ahead: Ahead, now: datetime
) -> dict[tuple[str, int], Turn]:
    """Of each pull request by repository and number: its turn among those of its base."""
    places: dict[Place, list[Candidate]] = {}
    for facts in candidates:
        task, pull = facts.task, facts.pull
        known = pull.repo, pull.number
        reviewed = [mark.at for mark in task.marks if mark.state is State.REVIEW]
        places.setdefault((pull.repo, pull.base), []).append(
            Candidate(
                number=pull.number,
                priority=task.priority,
                created=task.created,
                since=min(reviewed, default=task.created),
                repaired=task.reworks,
                paths=ahead.paths.get(known, frozenset()),
                spoilt=known in ahead.spoilt,
            )
        )
    found: dict[tuple[str, int], Turn] = {}
    for place, those in places.items():
        mending = [one for one in ahead.mending if (one.repo, one.base) == place]
        clashes = ahead.clashes.get(place, ())
        for number, turn in conflicts.turns(those, clashes, now, mending).items():
            found[place[0], number] = turn
    return found


def order(
    candidates: Iterable[Facts], now: datetime, turns: Mapping[tuple[str, int], Turn] | None = None
) -> dict[Place, int]:
    """The number of the front pull request of each (repository, base) that has one (M8).

    First one that could merge as it is; else one whose Update is still being checked, for which
    the others wait, so that each merge costs one CI run; else one whose only obstacle is being
    behind. Among equals by priority, then by `turns`, then by age. Who waits for a person, or has
    red or running checks of its own, is passed over; but who gives way to one that was repaired
    more often waits while that one is with an agent and its checks run, or each merge would cost it
    one more repair.
    """
    best: dict[Place, tuple[int, int, int, datetime, int]] = {}
    looked = [(facts, view(facts)) for facts in candidates]
    repaired = {
        (facts.pull.repo, facts.pull.number): facts.task.reworks
        for facts, seen in looked if _on_its_way(seen, facts, now)
    }  # fmt: skip
    for facts, seen in looked:
        seat = _seat(seen, facts, now)
        task, pull = facts.task, facts.pull
        turn = (turns or {}).get((pull.repo, pull.number), NOBODY)
        ahead = max((repaired.get((pull.repo, number), 0) for number in turn.after), default=0)
        if seat is None or turn.mending or ahead > task.reworks:
            continue
        rank = (seat, PRIORITIES.index(task.priority), turn.place, task.created, pull.number)
        place = (pull.repo, pull.base)
        best[place] = min(rank, best.get(place, rank))
    return {place: rank[-1] for place, rank in best.items()}


def method(facts: Facts) -> MergeMethod:
    """The configured way, but for a branch with merges in it, such as our Updates (M9).

    GitHub leaves merge commits out when it rebases, and what they brought together is not on the
    base then: such a branch is squashed, so that the base gets the tree that was tested.
    """
    wanted = facts.repository.merge_method
    if wanted is MergeMethod.REBASE and facts.linear is not True:
        return MergeMethod.SQUASH
    return wanted


def after_call(trouble: Trouble | None) -> AfterCall:
    """What to do after the merge call failed in this way, or did not fail (M10)."""
    return AfterCall.PROVE if trouble is None else AFTER_CALL[trouble]


def after_refusal(message: str) -> Wait | Escalate:
    """The meaning of a 405 for a pull request that is not merged (M10)."""
    if any(words in message.lower() for words in FINAL_REFUSALS):
        return Escalate(f"GitHub refuses to merge it: {message}")
    return Wait(f"GitHub would not merge it just now: {message}")


def _settled(facts: Facts, merge: Merge, held: timedelta, now: datetime) -> Merge | Wait:
    pull, repository = facts.pull, facts.repository
    if pull.head_committed is None:
        return Wait("the age of the head is not known")
    # A commit's date may lie hours before its push, or in the future of a wrong clock: a head is
    # as old as we have watched it.
    age = now - (facts.head_since or pull.head_committed)
    age = held if age < timedelta() else age
    if age < timedelta(seconds=repository.min_head_age_seconds):
        return Wait(f"its head was first seen less than {repository.min_head_age_seconds:g} s ago")
    if held < timedelta(seconds=repository.settle_seconds):
        return Wait(f"green, and settling for {repository.settle_seconds:g} s")
    return merge if facts.front else Wait(another("another one of this base goes first", facts))


def _seat(seen: View, facts: Facts, now: datetime) -> int | None:
    """How near to its merge, 0 the nearest; None who holds up nobody."""
    if seen.obstacle is Obstacle.NOTHING:
        return 0
    if seen.obstacle is Obstacle.RUNNING and _updated(facts) and facts.behind is not True:
        return 1 if _on_its_way(seen, facts, now) else None
    return 2 if seen.obstacle is Obstacle.BEHIND else None


def _updated(facts: Facts) -> bool:
    """Whether its head is an Update of ours: pushed on top of other work, and by no attempt.

    Known by the task alone, because git is not asked about a head whose checks still run.
    """
    head, task = facts.pull.head_sha, facts.task
    made = {one.head_sha for one in task.attempts if one.verdict is AttemptVerdict.DELIVER}
    return bool(facts.carried) or (head in task.pushed[1:] and head not in made)


def _on_its_way(seen: View, facts: Facts, now: datetime) -> bool:
    """Whether nothing but its checks, and the base, is between it and its merge."""
    if seen.obstacle is Obstacle.RUNNING:
        since = facts.head_since or facts.pull.head_committed
        return since is not None and now - since < IN_FLIGHT
    return seen.obstacle in {Obstacle.BEHIND, Obstacle.NOTHING}
