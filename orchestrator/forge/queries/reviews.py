"""Reviews, their threads and the comments in them."""

from __future__ import annotations

from typing import Any

from orchestrator.forge import accounts, ids, records, reviews
from orchestrator.forge.queries import commits, mutations
from orchestrator.forge.queries.ask import Args, Ask, Fields, Page, attribute, connection, constant


def pull_of(row: Any, ask: Ask) -> records.Issue:
    return ask.state.store.need(records.Issue, row.issue_id)


def repo_of(row: Any, ask: Ask) -> records.Repo:
    return ask.repo(pull_of(row, ask).repo_id)


def may_push(row: records.Review, ask: Ask) -> bool:
    return accounts.allows(ask.state, repo_of(row, ask), ask.user(row.author_id), "write")


def pull_reviews(row: records.Issue, ask: Ask, args: Args) -> Page:
    rows = reviews.of_pull(ask.state, row)
    if args.get("states") is not None:
        rows = [review for review in rows if review.state in args["states"]]
    if args.get("author") is not None:
        author = accounts.find_user(ask.state, args["author"])
        rows = [review for review in rows if author and review.author_id == author.id]
    return connection("reviews", rows, args)


def latest_opinions(row: records.Issue, ask: Ask, args: Args) -> Page:
    rows = reviews.opinions(ask.state, row)
    if args.get("writersOnly"):
        rows = [review for review in rows if may_push(review, ask)]
    return connection("latestOpinionatedReviews", rows, args)


def thread_of(row: records.Remark, ask: Ask) -> records.Thread:
    return ask.state.store.need(records.Thread, row.thread_id)


def reply_to(row: records.Remark, ask: Ask, args: Args) -> records.Remark | None:
    first = reviews.remarks(ask.state, thread_of(row, ask))[0]
    return None if first.id == row.id else first


def resolving(resolved: bool) -> Any:
    def resolve(root: Any, ask: Ask, args: Args) -> mutations.Payload:
        given = args["input"]
        thread = mutations.needed(ask, given["threadId"], records.Thread)
        actor = accounts.signed_in(ask.viewer)
        changed = reviews.resolve(ask.state, thread, actor, resolved=resolved)
        return mutations.payload(given, thread=changed)

    return resolve


def add_reply(root: Any, ask: Ask, args: Args) -> mutations.Payload:
    given = args["input"]
    thread = mutations.needed(ask, given["pullRequestReviewThreadId"], records.Thread)
    author = accounts.signed_in(ask.viewer)
    return mutations.payload(given, comment=reviews.reply(ask.state, thread, author, given["body"]))


def dismiss(root: Any, ask: Ask, args: Args) -> mutations.Payload:
    given = args["input"]
    review = mutations.needed(ask, given["pullRequestReviewId"], records.Review)
    actor = accounts.signed_in(ask.viewer)
    return mutations.payload(given, pullRequestReview=reviews.dismiss(ask.state, review, actor))


# Nobody reacts here; GitHub lists every kind all the same.
REACTIONS: Fields = {
    "reactionGroups": constant((
        "THUMBS_UP", "THUMBS_DOWN", "LAUGH", "HOORAY", "CONFUSED", "HEART", "ROCKET", "EYES",
    ))
}
OF_PULL: Fields = {
    "reviews": pull_reviews,
    "latestReviews": lambda row, ask, args: connection(
        "latestReviews", reviews.latest(ask.state, row), args
    ),
    "latestOpinionatedReviews": latest_opinions,
    "reviewThreads": lambda row, ask, args: connection(
        "reviewThreads", reviews.threads(ask.state, row), args
    ),
}
# By type: the anchor of its page, and its own fields.
COMMENTS: dict[str, tuple[str, Fields]] = {
    "PullRequestReview": ("pullrequestreview", {
        "id": lambda row, ask, args: ids.make("PullRequestReview", row.id),
        "body": attribute("body"),
        "state": attribute("state"),
        "submittedAt": attribute("submitted_at"),
        "createdAt": attribute("submitted_at"),
        "updatedAt": attribute("submitted_at"),
        "lastEditedAt": constant(None),
        "editor": constant(None),
        "commit": lambda row, ask, args: commits.by_sha(repo_of(row, ask), ask, row.sha),
        "includesCreatedEdit": constant(False),
        **REACTIONS,
        "authorCanPushToRepository": lambda row, ask, args: may_push(row, ask),
    }),
    "PullRequestReviewComment": ("discussion_r", {
        "id": lambda row, ask, args: ids.make("PullRequestReviewComment", row.id),
        "body": attribute("body"),
        "createdAt": attribute("created_at"),
        "updatedAt": attribute("updated_at"),
        "lastEditedAt": constant(None),
        "editor": constant(None),
        "path": lambda row, ask, args: thread_of(row, ask).path,
        "line": lambda row, ask, args: thread_of(row, ask).line,
        "replyTo": reply_to,
        "pullRequestReview": lambda row, ask, args: ask.state.store.need(
            records.Review, row.review_id
        ),
    }),
}
FIELDS: dict[str, Fields] = {
    "PullRequestReviewThread": {
        "id": lambda row, ask, args: ids.make("PullRequestReviewThread", row.id),
        "isResolved": lambda row, ask, args: row.resolved_by_id is not None,
        "isOutdated": lambda row, ask, args: reviews.outdated(ask.state, row),
        "resolvedBy": lambda row, ask, args: ask.user(row.resolved_by_id),
        "path": attribute("path"),
        "line": attribute("line"),
        "pullRequest": lambda row, ask, args: pull_of(row, ask),
        "repository": lambda row, ask, args: repo_of(row, ask),
        "comments": lambda row, ask, args: connection(
            "comments", reviews.remarks(ask.state, row)[args.get("skip") or 0 :], args
        ),
    },
}
MUTATION: Fields = {
    "addPullRequestReviewThreadReply": add_reply,
    "resolveReviewThread": resolving(True),
    "unresolveReviewThread": resolving(False),
    "dismissPullRequestReview": dismiss,
}
