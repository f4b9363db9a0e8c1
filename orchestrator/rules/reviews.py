"""What reviewers and maintainers have said of the work of a pull request of ours."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from orchestrator.records.config import MergePolicy
from orchestrator.records.task import Task
from orchestrator.records.tracker import Review
from orchestrator.rules import trust
from orchestrator.rules.facts import Facts, Obstacle, View, bounded, hours, unread, wait

STRANGE_COMMIT = timedelta(hours=24)  # until a person is told of it
LOOKS_AGAIN = timedelta(hours=24)  # until a person is told whose answer is waited for


def obstacle(facts: Facts) -> View | None:
    """Commits that are not ours, and changes that a reviewer asks for (M13)."""
    pull, task = facts.pull, facts.task
    same_work = {pull.head_sha, *facts.carried}
    approved = _approved(facts)
    if not pull.reviews_complete:
        return unread("not all reviews of the pull request could be read")
    if pull.head_sha in task.pushed[:-1]:
        reason = "GitHub still shows a head from before our last push"
        then = (
            f"{pull.head} stands at {pull.head_sha[:12]}, from before our last push, for "
            f"{hours(STRANGE_COMMIT)} now: was it set back?"
        )
        return wait(Obstacle.COMMITS, reason, STRANGE_COMMIT, then)
    if not approved and (pull.head_sha not in task.pushed or facts.commits_ours is False):
        reason = (
            f"there are commits on {pull.head} that are not ours; a maintainer's approving review "
            f"of {pull.head_sha[:12]} lets them through"
        )
        return wait(Obstacle.COMMITS, reason, STRANGE_COMMIT)
    asked = objections(facts)
    # What was said of an earlier head, while its repair for another reason was made, counts too.
    if any(one.commit in same_work or unheard(task, one) for one in asked):
        verdict = bounded(task.reworks, "a reviewer asks for changes")
        return View(obstacle=Obstacle.REVIEW, verdict=verdict)
    if asked or _refused(facts):
        return wait(Obstacle.REVIEW, "a reviewer asked for changes and has not looked again")
    return None


def approval(facts: Facts) -> View | None:
    """A maintainer's word on this work, where it is asked for; our Updates carry it over.

    Asked for under `merge: approved`, and for work that bends what judges it (S13).
    """
    if not wanted(facts):
        return None
    pull = facts.pull
    if _approved(facts):
        return None
    labelled = "approved" in {label.lower() for label in pull.labels}
    if labelled and pull.approved_label_at and facts.work_at and facts.commits_ours is not False:
        if facts.label_by_writer is None:
            reason = f"whether {pull.approved_label_by or 'who set approved'} may write is unknown"
            return unread(reason)
        if facts.label_by_writer and pull.approved_label_at > facts.work_at:
            return None
    reason = "it waits for a maintainer's approving review, or the label approved, of this work"
    if facts.suspicions:
        first, more = facts.suspicions[0], len(facts.suspicions) - 1
        others = f", and {more} more" if more else ""
        return wait(Obstacle.SUSPICION, f"{reason}: {first.where} {first.said}{others}")
    return wait(Obstacle.APPROVAL, reason)


def wanted(facts: Facts) -> bool:
    """Whether the merge needs a maintainer's word, by the config or by what the work does."""
    return facts.repository.merge is MergePolicy.APPROVED or bool(facts.suspicions)


def objections(facts: Facts) -> list[Review]:
    """The reviews that ask for changes and that nothing later of the same author replaces."""
    return [one for one in _standing(facts) if one.state.lower() == "changes_requested"]


def unheard(task: Task, review: Review) -> bool:
    """Whether no round of this task's round took it up."""
    since = review.submitted
    return since is not None and (task.heard is None or since > task.heard)


def _approved(facts: Facts) -> bool:
    same_work = {facts.pull.head_sha, *facts.carried}
    standing = _standing(facts)
    return any(one.state.lower() == "approved" and one.commit in same_work for one in standing)


def _refused(facts: Facts) -> bool:
    """Whether somebody whom the config trusts asks for changes, though they may not write.

    Anybody else may say so on GitHub, and blocks nothing there either.
    """
    words = (one for one in facts.pull.reviews if trust.is_named(one.author, facts.repository))
    return any(one.state.lower() == "changes_requested" for one in _last(words))


def _standing(facts: Facts) -> list[Review]:
    """The last word of each reviewer who may write."""
    return _last(review for review in facts.pull.reviews if review.by_writer)


def _last(said: Iterable[Review]) -> list[Review]:
    """The last word of each of these reviewers; a comment takes none back."""
    words: dict[str, Review] = {}
    for review in said:
        if review.state.lower() in {"approved", "changes_requested", "dismissed"}:
            words[review.author] = review
    return list(words.values())
