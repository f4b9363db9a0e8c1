"""Reviews, threads, answers in them, and whom a review is asked of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support import forge as forge_support

REPO = "/repos/maria/library"
Open = Callable[..., dict[str, Any]]
SEEN = """
query ($id: ID!) { node(id: $id) { ... on PullRequest {
  reviewDecision
  latestReviews(first: 9) { nodes { state author { login } } }
  latestOpinionatedReviews(first: 9) { nodes { state author { login } } }
  reviewThreads(first: 9) { totalCount pageInfo { hasNextPage } nodes {
    id isResolved isOutdated path line resolvedBy { login }
    comments(first: 9) { totalCount nodes {
      id databaseId body path line url createdAt author { login } replyTo { id }
      pullRequestReview { state } } } } } } } }
"""


def seen(session: forge_support.Session, pull: dict[str, Any]) -> Any:
    answer = session.query(SEEN, id=pull["node_id"])
    assert "errors" not in answer, answer["errors"]
    return answer["data"]["node"]


def change(session: forge_support.Session, name: str, **given: Any) -> Any:
    kind = name[0].upper() + name[1:]
    document = f"mutation ($input: {kind}Input!) {{ {name}(input: $input) {{ clientMutationId }} }}"
    return session.query(document, input=given)


def objects(session: forge_support.Session, pull: dict[str, Any], **more: Any) -> Any:
    told = {"event": "REQUEST_CHANGES", "body": "Not yet.", "comments": [
        {"path": "feature.txt", "line": 1, "body": "Why?"},
    ], **more}  # fmt: skip
    return session.post(f"{REPO}/pulls/{pull['number']}/reviews", json=told)


def test_a_review_opens_threads_that_are_answered_and_resolved(
    github: forge_support.Github, maria: forge_support.Session, robot: forge_support.Session,
    open_pull: Open, push: Callable[..., str],
) -> None:
    pull = open_pull()
    assert objects(maria, pull).status_code == 200
    [thread] = seen(robot, pull)["reviewThreads"]["nodes"]
    assert (thread["path"], thread["line"], thread["isResolved"]) == ("feature.txt", 1, False)
    given = {"pullRequestReviewThreadId": thread["id"], "body": "Because."}
    assert "errors" not in change(robot, "addPullRequestReviewThreadReply", **given)
    assert "errors" not in change(robot, "resolveReviewThread", threadId=thread["id"])
    push("feature", {"feature.txt": "other\n"})
    [thread] = seen(robot, pull)["reviewThreads"]["nodes"]
    assert thread["isResolved"] and thread["isOutdated"]
    assert thread["resolvedBy"] == {"login": "robot"}
    said = [(c["author"]["login"], c["body"]) for c in thread["comments"]["nodes"]]
    assert said == [("maria", "Why?"), ("robot", "Because.")]
    assert thread["comments"]["nodes"][1]["replyTo"]["id"] == thread["comments"]["nodes"][0]["id"]
    listed = robot.get(f"{REPO}/pulls/{pull['number']}/comments").json()
    assert [one["body"] for one in listed] == ["Why?", "Because."]
    assert listed[1]["in_reply_to_id"] == listed[0]["id"]
    assert "errors" not in change(maria, "unresolveReviewThread", threadId=thread["id"])
    assert not seen(robot, pull)["reviewThreads"]["nodes"][0]["isResolved"]


def test_neither_a_comment_nor_a_new_request_takes_an_opinion_back(
    maria: forge_support.Session, robot: forge_support.Session, open_pull: Open
) -> None:
    pull = open_pull()
    objects(maria, pull)
    objects(maria, pull, event="COMMENT", comments=[])
    told = seen(robot, pull)
    assert [r["state"] for r in told["latestReviews"]["nodes"]] == ["COMMENTED"]
    assert [r["state"] for r in told["latestOpinionatedReviews"]["nodes"]] == ["CHANGES_REQUESTED"]
    where = f"{REPO}/pulls/{pull['number']}/requested_reviewers"
    asked = robot.post(where, json={"reviewers": ["maria"]})
    assert asked.status_code == 201
    assert [user["login"] for user in asked.json()["requested_reviewers"]] == ["maria"]
    told = seen(robot, pull)
    assert told["latestReviews"]["nodes"] == []
    assert [r["state"] for r in told["latestOpinionatedReviews"]["nodes"]] == ["CHANGES_REQUESTED"]
    assert told["reviewDecision"] == "CHANGES_REQUESTED"
    objects(maria, pull, event="APPROVE", comments=[])
    told = seen(robot, pull)
    assert [r["state"] for r in told["latestOpinionatedReviews"]["nodes"]] == ["APPROVED"]
    assert robot.get(f"{REPO}/pulls/{pull['number']}").json()["requested_reviewers"] == []


def test_a_dismissed_review_says_nothing_any_more(
    maria: forge_support.Session, robot: forge_support.Session, open_pull: Open
) -> None:
    pull = open_pull()
    review = objects(maria, pull).json()["node_id"]
    given = {"pullRequestReviewId": review, "message": "Settled elsewhere."}
    assert "errors" not in change(maria, "dismissPullRequestReview", **given)
    told = seen(robot, pull)
    assert [r["state"] for r in told["latestOpinionatedReviews"]["nodes"]] == ["DISMISSED"]
    assert change(maria, "dismissPullRequestReview", **given)["errors"]


def test_what_github_refuses(
    github: forge_support.Github, maria: forge_support.Session, robot: forge_support.Session,
    open_pull: Open,
) -> None:
    pull = open_pull()
    objects(maria, pull)
    [thread] = seen(robot, pull)["reviewThreads"]["nodes"]
    eve = github.session("eve-token")
    refused = change(eve, "resolveReviewThread", threadId=thread["id"])
    assert refused["errors"][0]["type"] == "FORBIDDEN"
    gone = change(robot, "resolveReviewThread", threadId="PRRT_nothing")
    assert gone["errors"][0]["type"] == "NOT_FOUND"
    where = f"{REPO}/pulls/{pull['number']}/requested_reviewers"
    assert robot.post(where, json={"reviewers": ["robot"]}).status_code == 422
    assert robot.post(where, json={"reviewers": ["eve"]}).status_code == 422
    assert eve.post(where, json={"reviewers": ["maria"]}).status_code == 403
    lost = objects(maria, pull, comments=[{"path": "nowhere.txt", "body": "Why?"}])
    assert lost.status_code == 422
    empty = {"pullRequestReviewThreadId": thread["id"], "body": " "}
    assert change(robot, "addPullRequestReviewThreadReply", **empty)["errors"]
