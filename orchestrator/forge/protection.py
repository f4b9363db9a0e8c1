"""What a protected branch asks of a merge and of a push."""

from __future__ import annotations

import msgspec

from orchestrator.forge import accounts, checks, records
from orchestrator.forge.state import State


def of(state: State, repo: records.Repo, branch: str) -> records.Protection | None:
    return state.store.first(records.Protection, "repo_id = ? and branch = ?", repo.id, branch)


def contexts(rule: records.Protection | None) -> list[str]:
    if rule is None or not rule.checks_required:
        return []
    return msgspec.json.decode(rule.contexts, type=list[str])


def approvals(state: State, repo: records.Repo, pull: records.Issue) -> tuple[int, int]:
    """How many people with write access approve this pull request, and how many object."""
    latest: dict[int, str] = {}
    reviews = state.store.select(records.Review, "issue_id = ? order by id", pull.id)
    for review in reviews:
        if review.state in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED"):
            latest[review.author_id] = review.state
    counted = [
        word for author, word in latest.items()
        if accounts.allows(state, repo, state.store.need(records.User, author), "write")
    ]
    return counted.count("APPROVED"), counted.count("CHANGES_REQUESTED")


def obstacle(state: State, repo: records.Repo, pull: records.Issue) -> str:
    """The sentence with which protection refuses a merge; empty when nothing is missing."""
    rule = of(state, repo, pull.base_ref)
    if rule is None:
        return ""
    told = checks.verdicts(state, repo.id, pull.head_sha)
    missing = [name for name in contexts(rule) if told.get(name) != "success"]
    if len(missing) == 1:
        words = {"failure": "failing", "pending": "pending"}
        word = words.get(told.get(missing[0], ""), "expected")
        return f'Required status check "{missing[0]}" is {word}.'
    if missing:
        total = len(contexts(rule))
        return f"{len(missing)} of {total} required status checks have not succeeded."
    if rule.reviews:
        approved, objections = approvals(state, repo, pull)
        if objections:
            return "Changes have been requested."
        if approved < rule.reviews:
            return (
                f"At least {rule.reviews} approving review is required"
                " by reviewers with write access."
            )
    if rule.checks_required and rule.strict and pull.behind:
        return "The head branch is not up to date with the base branch."
    return ""


def decision(state: State, repo: records.Repo, pull: records.Issue) -> str | None:
    """GitHub's reviewDecision: None where no review is asked for and none objects."""
    rule = of(state, repo, pull.base_ref)
    approved, objections = approvals(state, repo, pull)
    if objections:
        return "CHANGES_REQUESTED"
    if rule and rule.reviews:
        return "APPROVED" if approved >= rule.reviews else "REVIEW_REQUIRED"
    return "APPROVED" if approved else None


def refused_pushes(state: State, repo: records.Repo, pusher: records.User) -> str:
    """One line for each thing this push may not do, for the repository's update hook."""
    lines = []
    admin = accounts.allows(state, repo, pusher, "admin")
    for rule in state.store.select(records.Protection, "repo_id = ?", repo.id):
        ref = f"refs/heads/{rule.branch}"
        bound = rule.enforce_admins or not admin
        if bound and contexts(rule):
            names = ", ".join(contexts(rule))
            lines.append(f"{ref}\tany\tRequired status check {names} is expected.")
        if bound and rule.reviews:
            lines.append(f"{ref}\tany\tChanges must be made through a pull request.")
        if not rule.allow_deletions:
            lines.append(f"{ref}\tdeleted\tCannot delete a protected branch.")
        if not rule.allow_force_pushes:
            lines.append(f"{ref}\tforced\tCannot force-push to a protected branch.")
    return "\n".join(lines)


def put(state: State, rule: records.Protection) -> records.Protection:
    """Replace the rules of one branch."""
    where = "repo_id = ? and branch = ?"
    for old in state.store.select(records.Protection, where, rule.repo_id, rule.branch):
        state.store.delete(old)
    return state.store.add(rule)
