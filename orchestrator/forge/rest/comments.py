"""Comments on issues and pull requests over REST."""

from __future__ import annotations

from orchestrator.forge import accounts, issues, records
from orchestrator.forge.rest import issues as as_issue
from orchestrator.forge.state import not_found
from orchestrator.forge.web import Answer, Call, Route, get, listing, paged, words

ITEM = "/repos/{owner}/{repo}/issues/{issue_number}"
COMMENT = "/repos/{owner}/{repo}/issues/comments/{comment_id}"


def list_comments(call: Call) -> Answer:
    repo, row = as_issue.target(call)
    rows = issues.comments_of(call.state, row)
    if "since" in call.query:
        since = as_issue.since_of(call)
        rows = [one for one in rows if one.updated_at >= since]
    return paged(call, rows, lambda one: as_issue.comment(call, repo, one))


def create_comment(call: Call) -> Answer:
    repo, row = as_issue.target(call)
    author = accounts.signed_in(call.viewer)
    body = words(call.fields("body").get("body"), "IssueComment", "body")
    return Answer(as_issue.comment(call, repo, issues.comment(call.state, row, author, body)), 201)


def commented(call: Call) -> tuple[records.Repo, records.Comment]:
    repo = call.repo()
    row = call.state.store.get(records.Comment, call.number("comment_id"))
    parent = call.state.store.get(records.Issue, row.issue_id) if row else None
    if row is None or parent is None or parent.repo_id != repo.id:
        raise not_found()
    return repo, row


def show_comment(call: Call) -> Answer:
    return Answer(as_issue.comment(call, *commented(call)))


def edit_comment(call: Call) -> Answer:
    repo, row = commented(call)
    editor = accounts.signed_in(call.viewer)
    if editor.id != row.author_id:
        call.writer(repo)
    body = words(call.fields("body").get("body"), "IssueComment", "body")
    issues.checked_body("IssueComment", body)
    now = call.state.now()
    changed = call.state.store.change(
        row, body=body, updated_at=now, edited_at=now, editor_id=editor.id
    )
    return Answer(as_issue.comment(call, repo, changed))


def delete_comment(call: Call) -> Answer:
    repo, row = commented(call)
    editor = accounts.signed_in(call.viewer)
    if editor.id != row.author_id:
        call.writer(repo)
    call.state.store.delete(row)
    return Answer(status=204)


ROUTES = (
    listing(ITEM + "/comments", list_comments, "since"),
    Route("POST", ITEM + "/comments", create_comment),
    get(COMMENT, show_comment),
    Route("PATCH", COMMENT, edit_comment),
    Route("DELETE", COMMENT, delete_comment),
)
