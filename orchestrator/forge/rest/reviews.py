"""Reviews over REST, the comments they bring, and asking for them."""

from __future__ import annotations

from typing import Any

from orchestrator.forge import accounts, ids, records, reviews
from orchestrator.forge.records import Json
from orchestrator.forge.rest import people, pulls
from orchestrator.forge.rest.issues import reactions
from orchestrator.forge.state import Refused, invalid
from orchestrator.forge.web import (
    Answer,
    Call,
    Route,
    Unknown,
    listing,
    names,
    optional,
    paged,
    words,
)

VERDICTS = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
REMARK = {"path", "body", "line", "side"}


def review(call: Call, repo: records.Repo, pull: records.Issue, row: records.Review) -> Json:
    author = call.state.store.need(records.User, row.author_id)
    page = call.site(f"/{repo.full_name}/pull/{pull.number}#pullrequestreview-{row.id}")
    api = call.url(f"/repos/{repo.full_name}/pulls/{pull.number}")
    return {
        "id": row.id, "node_id": ids.make("PullRequestReview", row.id), "body": row.body,
        "user": people.user(call, author), "state": row.state, "commit_id": row.sha,
        "html_url": page, "pull_request_url": api, "submitted_at": row.submitted_at,
        "author_association": accounts.association(call.state, repo, author),
        "_links": {"html": {"href": page}, "pull_request": {"href": api}},
    }


def remark(call: Call, repo: records.Repo, pull: records.Issue, row: records.Remark) -> Json:
    author = call.state.store.need(records.User, row.author_id)
    thread = call.state.store.need(records.Thread, row.thread_id)
    first = reviews.remarks(call.state, thread)[0]
    api = call.url(f"/repos/{repo.full_name}/pulls/comments/{row.id}")
    page = call.site(f"/{repo.full_name}/pull/{pull.number}#discussion_r{row.id}")
    whole = call.url(f"/repos/{repo.full_name}/pulls/{pull.number}")
    answers = {} if first.id == row.id else {"in_reply_to_id": first.id}
    return answers | {
        "id": row.id, "node_id": ids.make("PullRequestReviewComment", row.id), "url": api,
        "pull_request_review_id": row.review_id, "diff_hunk": "", "path": thread.path,
        "commit_id": row.sha, "original_commit_id": thread.sha, "user": people.user(call, author),
        "body": row.body, "created_at": row.created_at, "updated_at": row.updated_at,
        "html_url": page, "pull_request_url": whole, "line": thread.line,
        "original_line": thread.line, "side": "RIGHT", "reactions": reactions(api),
        "author_association": accounts.association(call.state, repo, author),
        "_links": {
            "self": {"href": api}, "html": {"href": page}, "pull_request": {"href": whole},
        },
    }


def list_reviews(call: Call) -> Answer:
    repo, row = pulls.target(call)
    rows = reviews.of_pull(call.state, row)
    return paged(call, rows, lambda one: review(call, repo, row, one))


def list_remarks(call: Call) -> Answer:
    repo, row = pulls.target(call)
    rows = call.state.store.select(records.Remark, "issue_id = ? order by id", row.id)
    return paged(call, rows, lambda one: remark(call, repo, row, one))


def create_review(call: Call) -> Answer:
    repo, row = pulls.target(call)
    author = accounts.signed_in(call.viewer)
    told = call.fields("body", "event", "commit_id", "comments")
    verdict = VERDICTS.get(told.get("event") or "")
    if verdict is None:
        raise Refused(422, "the forge keeps no pending review: event is required")
    if verdict != "COMMENTED" and author.id == row.author_id:
        word = "approve" if verdict == "APPROVED" else "request changes on"
        raise Refused(
            422, "Unprocessable Entity",
            errors=[f"Can not {word} your own pull request"],
        )
    added = reviews.submit(
        call.state, row, author, verdict,
        body=optional(told.get("body"), "Review", "body") or "",
        sha=optional(told.get("commit_id"), "Review", "commit_id") or "",
        remarks=tuple(begun(call, one) for one in told.get("comments") or ()),
    )
    return Answer(review(call, repo, row, added))


def begun(call: Call, told: Any) -> reviews.Remark:
    if not isinstance(told, dict):
        raise invalid("Review", "comments")
    strange = sorted(set(told) - REMARK)
    if strange or told.get("side", "RIGHT") != "RIGHT":
        raise Unknown(f"the field {', '.join(strange) or 'side'} of a comment in {call.path}")
    line = told.get("line")
    if line is not None and not isinstance(line, int):
        raise invalid("PullRequestReviewComment", "line")
    return reviews.Remark(
        path=words(told.get("path"), "PullRequestReviewComment", "path"),
        body=words(told.get("body"), "PullRequestReviewComment", "body"), line=line,
    )


def ask_for_reviews(call: Call) -> Answer:
    repo, row = pulls.target(call)
    call.writer(repo)
    told = call.fields("reviewers")
    reviews.ask(call.state, row, names(told.get("reviewers") or [], "PullRequest", "reviewers"))
    return Answer(pulls.simple(call, repo, row), 201)


ROUTES = (
    listing(pulls.ITEM + "/comments", list_remarks),
    listing(pulls.ITEM + "/reviews", list_reviews),
    Route("POST", pulls.ITEM + "/reviews", create_review),
    Route("POST", pulls.ITEM + "/requested_reviewers", ask_for_reviews),
)
