"""What GraphQL can change about issues' texts and labels, and about pull requests."""

from __future__ import annotations

from typing import Any

from orchestrator.forge import accounts, actions, issues, merging, pulls, records, reviews
from orchestrator.forge.queries.ask import Args, Ask, Fields, Problem
from orchestrator.forge.queries.mutations import Payload, issue_and_actor, needed, payload
from orchestrator.forge.web import Unknown

VERDICTS = {
    "APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED",
}


def label_names(ask: Ask, repo: records.Repo, identities: list[str] | None) -> list[str]:
    rows = [needed(ask, identity, records.Label) for identity in identities or ()]
    if any(row.repo_id != repo.id for row in rows):
        raise Problem("UNPROCESSABLE", "The label does not belong to the repository")
    return [row.name for row in rows]


def without_strangers(given: Args) -> None:
    """Refuses what the forge has no place for; an empty list of it asks for nothing."""
    strange = [name for name in ("assigneeIds", "projectIds", "milestoneId") if given.get(name)]
    if strange:
        raise Unknown(f"the field {', '.join(strange)} of a mutation")


def create_issue(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    without_strangers(given)
    repo: records.Repo = needed(ask, given["repositoryId"], records.Repo)
    author = accounts.signed_in(ask.viewer)
    if not repo.has_issues:
        raise Problem("UNPROCESSABLE", "Repository has issues disabled")
    allowed = accounts.allows(ask.state, repo, author, "triage")
    names = label_names(ask, repo, given.get("labelIds")) if allowed else []
    draft = issues.Draft(title=given["title"], body=given.get("body"), labels=tuple(names))
    return payload(given, issue=issues.open_issue(ask.state, repo, author, draft))


def labelable(ask: Ask, identity: str) -> tuple[records.Issue, records.Repo, records.User]:
    row: records.Issue = needed(ask, identity, records.Issue)
    repo = ask.repo(row.repo_id)
    return row, repo, accounts.writable(ask.state, ask.viewer, repo, "triage")


def edited(ask: Ask, given: Args, identity: str) -> records.Issue:
    """Title, body and labels of an issue or a pull request, as far as they are given."""
    without_strangers(given)
    row, editor = issue_and_actor(ask, identity)
    row = issues.edit(
        ask.state, row, editor, title=given.get("title"), body=given.get("body")
    )
    if given.get("labelIds") is not None:
        _, repo, actor = labelable(ask, identity)
        names = label_names(ask, repo, given["labelIds"])
        row = issues.put_labels(ask.state, repo, row, actor, names)
    return row


def update_issue(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    row = edited(ask, given, given["id"])
    actor = accounts.signed_in(ask.viewer)
    if given.get("state"):
        turn = issues.reopen if given["state"] == "OPEN" else issues.close
        row = turn(ask.state, row, actor)
    return payload(given, issue=row, actor=actor)


def add_labels(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    row, repo, actor = labelable(ask, given["labelableId"])
    names = label_names(ask, repo, given["labelIds"])
    return payload(given, labelable=issues.add_labels(ask.state, repo, row, actor, names))


def remove_labels(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    row, _, actor = labelable(ask, given["labelableId"])
    gone = [needed(ask, identity, records.Label) for identity in given["labelIds"]]
    return payload(given, labelable=issues.remove_labels(ask.state, row, actor, gone))


def create_pull(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    repo: records.Repo = needed(ask, given["repositoryId"], records.Repo)
    author = accounts.writable(ask.state, ask.viewer, repo)
    if given.get("headRepositoryId"):
        head = needed(ask, given["headRepositoryId"], records.Repo)
        if head.id != repo.id:
            raise Problem("UNPROCESSABLE", "The head repository is no fork of the base")
    draft = pulls.Draft(
        title=given["title"], body=given.get("body"), head=given["headRefName"],
        base=given["baseRefName"], draft=bool(given.get("draft")),
    )
    row = pulls.open_pull(ask.state, repo, author, draft)
    actions.start_runs(ask.state, repo, row.head_ref, row.head_sha, author)
    return payload(given, pullRequest=row)


def pull_and_actor(ask: Ask, identity: str) -> tuple[records.Issue, records.User]:
    row, actor = issue_and_actor(ask, identity)
    if not row.is_pull:
        text = f"Could not resolve to a node with the global id of '{identity}'"
        raise Problem("NOT_FOUND", text)
    return row, actor


def update_pull(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    pull_and_actor(ask, given["pullRequestId"])
    row = edited(ask, given, given["pullRequestId"])
    actor = accounts.signed_in(ask.viewer)
    if given.get("baseRefName"):
        row = pulls.rebase_onto(ask.state, ask.repo(row.repo_id), row, given["baseRefName"])
    if given.get("state") == "CLOSED":
        row = issues.close(ask.state, row, actor)
    elif given.get("state") == "OPEN":
        row = pulls.reopen(ask.state, ask.repo(row.repo_id), row, actor)
    return payload(given, pullRequest=row, actor=actor)


def close_pull(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    row, actor = pull_and_actor(ask, given["pullRequestId"])
    if row.merged_at:
        raise Problem("UNPROCESSABLE", "Could not close the pull request.")
    return payload(given, pullRequest=issues.close(ask.state, row, actor))


def reopen_pull(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    row, actor = pull_and_actor(ask, given["pullRequestId"])
    row = pulls.reopen(ask.state, ask.repo(row.repo_id), row, actor)
    return payload(given, pullRequest=row)


def merge_pull(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    row: records.Issue = needed(ask, given["pullRequestId"], records.Issue)
    repo = ask.repo(row.repo_id)
    actor = accounts.writable(ask.state, ask.viewer, repo)
    wish = merging.Wish(
        method=given["mergeMethod"].lower(), sha=given.get("expectedHeadOid"),
        title=given.get("commitHeadline"), message=given.get("commitBody"),
    )
    merged = merging.merge(ask.state, repo, row, actor, wish)
    return payload(given, pullRequest=merged, actor=actor)


def review_pull(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    row: records.Issue = needed(ask, given["pullRequestId"], records.Issue)
    author = accounts.signed_in(ask.viewer)
    verdict = VERDICTS.get(given.get("event") or "")
    if verdict is None:
        raise Problem("UNPROCESSABLE", "the forge keeps no pending review: event is required")
    if verdict != "COMMENTED" and author.id == row.author_id:
        word = "approve" if verdict == "APPROVED" else "request changes on"
        raise Problem("UNPROCESSABLE", f"Can not {word} your own pull request")
    review = reviews.submit(
        ask.state, row, author, verdict, body=given.get("body") or "",
        sha=given.get("commitOID") or "",
    )
    return payload(given, pullRequestReview=review)


def drafting(draft: bool) -> Any:
    def resolve(root: Any, ask: Ask, args: Args) -> Payload:
        given = args["input"]
        row, _ = pull_and_actor(ask, given["pullRequestId"])
        now = ask.state.now()
        return payload(
            given, pullRequest=ask.state.store.change(row, draft=draft, updated_at=now)
        )

    return resolve


MUTATION: Fields = {
    "createIssue": create_issue,
    "updateIssue": update_issue,
    "addLabelsToLabelable": add_labels,
    "removeLabelsFromLabelable": remove_labels,
    "createPullRequest": create_pull,
    "updatePullRequest": update_pull,
    "closePullRequest": close_pull,
    "reopenPullRequest": reopen_pull,
    "mergePullRequest": merge_pull,
    "addPullRequestReview": review_pull,
    "markPullRequestReadyForReview": drafting(False),
    "convertPullRequestToDraft": drafting(True),
}
