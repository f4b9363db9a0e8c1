"""The first thing that stands between a pull request of ours and its merge, without a clock."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from orchestrator.records.config import AutomationMode, RepositoryConfig
from orchestrator.records.task import State
from orchestrator.records.verdicts import (
    Cancelled,
    Escalate,
    Merge,
    Merged,
    PullRequestVerdict,
    Update,
    Wait,
)
from orchestrator.rules import ci, reviews, rounds
from orchestrator.rules.facts import UNREAD, Facts, Obstacle, View, unread, wait

BRAKES = frozenset({"hold", "blocked"})
HOLD = "hold"  # on the issue too, where `blocked` is what we put there ourselves
UNKNOWN_TO_GITHUB = timedelta(hours=6)  # until a person is told of it


def view(facts: Facts) -> View:
    """The first obstacle, in the order in which they matter; the whole decision but the clock."""
    looks = (
        _over, _ordered, _lane_and_issue, _left_closed, _identity, _brakes,
        reviews.obstacle, ci.obstacle, reviews.approval, _git,
    )  # fmt: skip
    for look in looks:
        seen = look(facts)
        if seen is not None:
            return seen
    pull = facts.pull
    why = "no check is asked for" if ci.no_ci_allowed(facts) else "every check is green"
    return View(
        obstacle=Obstacle.NOTHING,
        verdict=Merge(f"{why} and it is up to date", pull.head_sha, pull.base_tip),
    )


def left_alone(labels: Iterable[str], repository: RepositoryConfig) -> str:
    """By which label an issue is not to be begun, in words; "" where it may be."""
    its = {label.lower() for label in labels}
    excluded = sorted(its & {HOLD, *(label.lower() for label in repository.excluded_labels)})
    required = sorted({label.lower() for label in repository.required_labels} - its)
    if excluded:
        return f"bears {excluded[0]}"
    return f"lacks {required[0]}" if required else ""


def another(reason: str, facts: Facts) -> str:
    return f"{reason}: {facts.gives_way}" if facts.gives_way else reason


def _over(facts: Facts) -> View | None:
    """Merged or closed, by whom; our own record of a merge outlives GitHub's memory (M12)."""
    pull, mark = facts.pull, facts.task.merge
    verdict: PullRequestVerdict
    if mark is not None and mark.sha:
        verdict = Merged("we merged it", mark.sha, ours=True)
    elif pull.merged:
        ours = mark is not None and mark.head_sha == pull.head_sha
        verdict = Merged("we merged it" if ours else "somebody merged it", pull.merge_sha, ours)
    elif mark is not None and facts.in_base:
        verdict = Merged("our merge is on the base already", facts.in_base, ours=True)
    elif mark is not None and facts.in_base is None:
        reason = "an earlier merge call had no clear answer; the base must be read first"
        return wait(Obstacle.LOOK, reason, UNREAD)
    elif not (pull.open or _of_before(facts)):
        verdict = Cancelled("somebody closed the pull request", pull.closed_at)
    else:
        return None
    return View(obstacle=Obstacle.OVER, verdict=verdict)


def _of_before(facts: Facts) -> bool:
    """Whether an escalated file's pull request was closed before its last round: who began that
    one knew of it, and it ended before there was another to link."""
    task, pull = facts.task, facts.pull
    was_closed = not (pull.open or pull.merged)
    escalated = task.state is State.ESCALATED
    return was_closed and escalated and rounds.closed_before(task, pull.closed_at)


def _ordered(facts: Facts) -> View | None:
    """A person's order to end it that came while somebody held its file."""
    if not facts.task.cancel:
        return None
    return View(obstacle=Obstacle.ORDERED, verdict=Cancelled(facts.task.cancel))


def _lane_and_issue(facts: Facts) -> View | None:
    if facts.repository.automation_mode is AutomationMode.DISPATCHER_ONLY:
        return wait(Obstacle.LANE, "this repository's lane leaves the merge to a person")
    if facts.task.issue is not None and facts.pull.issue_open is None:
        return unread("whether the issue is still open could not be read")
    if facts.task.issue is not None and not facts.pull.issue_open:
        reason = f"somebody closed issue #{facts.task.issue}"
        return View(obstacle=Obstacle.ISSUE_CLOSED, verdict=Cancelled(reason))
    return None


def _left_closed(facts: Facts) -> View | None:
    """Nothing can be merged, and the order, or the issue's closing, that ends it came before."""
    if not _of_before(facts):
        return None
    return wait(Obstacle.OVER, "somebody closed the pull request before this round")


def _identity(facts: Facts) -> View | None:
    """A pull request that is no longer the one we opened is a person's business (M13)."""
    pull, task = facts.pull, facts.task
    reason = ""
    if pull.cross_repository or pull.head != task.branch:
        reason = f"pull request #{pull.number} comes from {pull.head}, not from our {task.branch}"
    elif pull.base != task.base:
        reason = f"pull request #{pull.number} aims at {pull.base}; its task says {task.base}"
    elif not facts.marker_ok:
        reason = f"the text of pull request #{pull.number} lacks the mark that we put there"
    return View(obstacle=Obstacle.IDENTITY, verdict=Escalate(reason)) if reason else None


def _brakes(facts: Facts) -> View | None:
    pull = facts.pull
    if not pull.labels_complete:
        return unread("not all labels of the pull request could be read")
    brakes = sorted(BRAKES & {label.lower() for label in pull.labels})
    if brakes:
        return wait(Obstacle.BRAKE, f"it bears the label {brakes[0]}")
    for issue in pull.closes:
        its = issue.is_it(facts.task.repo, facts.task.issue)
        if its and HOLD in {label.lower() for label in issue.labels or ()}:
            return wait(Obstacle.BRAKE, f"its issue #{issue.number} bears the label {HOLD}")
    if pull.draft:
        return wait(Obstacle.BRAKE, "it is a draft")
    return None


def _git(facts: Facts) -> View | None:
    """What only a fetch can tell, and whether it is this one's turn (M8, M11)."""
    pull = facts.pull
    if pull.mergeable is None:
        reason = "GitHub has not said whether it can be merged"
        return wait(Obstacle.MERGEABLE, reason, UNKNOWN_TO_GITHUB)
    looked = None not in {facts.behind, facts.empty_diff, facts.commits_ours}
    if not looked or facts.suspicions is None or not pull.base_tip:
        return wait(Obstacle.LOOK, "the branch has not been compared with the base yet")
    if facts.empty_diff:
        sha = facts.in_base or pull.base_tip
        verdict = Merged("its whole change is on the base already", sha, ours=False)
        return View(obstacle=Obstacle.OVER, verdict=verdict)
    if facts.behind:
        update = Update("the base has moved on", pull.head_sha, pull.base_tip)
        return View(
            obstacle=Obstacle.BEHIND,
            verdict=update
            if facts.front
            else Wait(another("behind the base; another one goes first", facts)),
        )
    if not pull.mergeable:
        reason = "GitHub sees a conflict where git sees none"
        return wait(Obstacle.MERGEABLE, reason, UNKNOWN_TO_GITHUB)
    return None
