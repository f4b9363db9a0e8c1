"""What GraphQL can change about issues, and what every change has in common."""

from __future__ import annotations

from typing import Any

from orchestrator.forge import accounts, issues, records
from orchestrator.forge.queries import found
from orchestrator.forge.queries.ask import Args, Ask, Edge, Fields, Problem, cursor
from orchestrator.forge.state import Refused

Payload = dict[str, Any]


def payload(given: Args, **parts: Any) -> Payload:
    return {"clientMutationId": given.get("clientMutationId"), **parts}


def needed(ask: Ask, identity: str, kind: type[Any]) -> Any:
    row = found.node(ask, identity)
    if not isinstance(row, kind):
        text = f"Could not resolve to a node with the global id of '{identity}'"
        raise Problem("NOT_FOUND", text)
    return row


def add_comment(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    subject = needed(ask, given["subjectId"], records.Issue)
    author = accounts.signed_in(ask.viewer)
    comment = issues.comment(ask.state, subject, author, given["body"])
    return payload(given, commentEdge=Edge(comment, cursor(0, comment)), subject=subject)


def issue_and_actor(
    ask: Ask, identity: str, *, author_may: bool = True
) -> tuple[records.Issue, records.User]:
    issue = needed(ask, identity, records.Issue)
    actor = accounts.signed_in(ask.viewer)
    repo = ask.repo(issue.repo_id)
    theirs = author_may and actor.id == issue.author_id
    if not theirs and not accounts.allows(ask.state, repo, actor, "triage"):
        text = f"{actor.login} does not have the correct permissions to execute this mutation"
        raise Refused(403, text, kind="FORBIDDEN")
    return issue, actor


def close_issue(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    issue, actor = issue_and_actor(ask, given["issueId"])
    reason = (given.get("stateReason") or "COMPLETED").lower()
    return payload(given, issue=issues.close(ask.state, issue, actor, reason=reason))


def reopen_issue(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    issue, actor = issue_and_actor(ask, given["issueId"])
    return payload(given, issue=issues.reopen(ask.state, issue, actor))


def add_sub_issue(root: Any, ask: Ask, args: Args) -> Payload:
    given = args["input"]
    parent, _ = issue_and_actor(ask, given["issueId"], author_may=False)
    child = needed(ask, given.get("subIssueId") or "", records.Issue)
    issues.add_part(ask.state, parent, child, replace=bool(given.get("replaceParent")))
    return payload(given, issue=parent, subIssue=child)


MUTATION: Fields = {
    "addComment": add_comment,
    "addSubIssue": add_sub_issue,
    "closeIssue": close_issue,
    "reopenIssue": reopen_issue,
}
