"""Issues, pull requests, comments, labels, events and reviews."""

from __future__ import annotations

from typing import Any

from orchestrator.forge import (
    accounts,
    host,
    ids,
    issues,
    merging,
    moments,
    protection,
    pulls,
    records,
)
from orchestrator.forge.queries import commits, found, items, reviews
from orchestrator.forge.queries.ask import (
    Args,
    Ask,
    Fields,
    Page,
    attribute,
    connection,
    constant,
    lone,
    nothing,
    ordered,
)

ORDER = {"CREATED_AT": "created_at", "UPDATED_AT": "updated_at"}
CHANGES = {"A": "ADDED", "M": "MODIFIED", "D": "DELETED", "R": "RENAMED", "C": "COPIED"}
ITEM_TYPES = {
    "LABELED_EVENT": "labeled", "UNLABELED_EVENT": "unlabeled", "CLOSED_EVENT": "closed",
    "REOPENED_EVENT": "reopened", "RENAMED_TITLE_EVENT": "renamed",
}


def issue_url(row: records.Issue, ask: Ask, args: Args) -> str:
    kind = "pull" if row.is_pull else "issues"
    return ask.url(f"/{ask.repo(row.repo_id).full_name}/{kind}/{row.number}")


def issue_of(row: Any, ask: Ask, args: Args) -> records.Issue:
    return ask.state.store.need(records.Issue, row.issue_id)


def association(row: Any, ask: Ask, args: Args) -> str:
    parent = row if isinstance(row, records.Issue) else issue_of(row, ask, args)
    author = ask.user(row.author_id)
    assert author is not None
    return accounts.association(ask.state, ask.repo(parent.repo_id), author)


def issue_labels(row: records.Issue, ask: Ask, args: Args) -> Page:
    columns = {"CREATED_AT": "id", "NAME": "name"}
    rows = ordered(issues.labels_of(ask.state, row), args.get("orderBy"), columns)
    return connection("labels", rows, args)


def issue_comments(row: records.Issue, ask: Ask, args: Args) -> Page:
    rows = issues.comments_of(ask.state, row)
    columns = {"UPDATED_AT": "updated_at"}
    return connection("comments", ordered(rows, args.get("orderBy"), columns), args)


def timeline(row: records.Issue, ask: Ask, args: Args) -> Page:
    rows: list[Any] = [e for e in issues.events_of(ask.state, row) if e.event in found.EVENTS]
    wanted = args.get("itemTypes")
    if wanted is not None:
        words = {ITEM_TYPES.get(name, name) for name in wanted}
        rows = [event for event in rows if event.event in words]
    if wanted is None or "ISSUE_COMMENT" in wanted:
        rows += issues.comments_of(ask.state, row)
    if args.get("since"):
        since = moments.text(moments.parse(args["since"]))
        rows = [entry for entry in rows if entry.created_at >= since]
    rows.sort(key=lambda entry: entry.created_at)
    return connection("timelineItems", rows[args.get("skip") or 0 :], args)


def event_label(row: records.Event, ask: Ask, args: Args) -> records.Label:
    """The label of an event; one that was deleted since is told from what the event remembers."""
    parent = issue_of(row, ask, args)
    found_label = issues.find_label(ask.state, ask.repo(parent.repo_id), row.label or "")
    return found_label or records.Label(
        repo_id=parent.repo_id, name=row.label or "", color=row.color or "", created_at=""
    )


def merge_state(row: records.Issue, ask: Ask, args: Args) -> str:
    return pulls.merge_state(ask.state, ask.repo(row.repo_id), row).upper()


def mergeable(row: records.Issue, ask: Ask, args: Args) -> str:
    if row.mergeable is None or row.state != "open":
        return "UNKNOWN"
    return "MERGEABLE" if row.mergeable else "CONFLICTING"


def pull_state(row: records.Issue, ask: Ask, args: Args) -> str:
    return "MERGED" if row.merged_at else row.state.upper()


def pull_commits(row: records.Issue, ask: Ask, args: Args) -> Page:
    """The commits of a pull request; only the newest is known without asking git."""
    repo = ask.repo(row.repo_id)
    if args.get("last") == 1 and not args.get("before"):
        head = commits.by_sha(repo, ask, row.head_sha)
        page = lone([found.Named("PullRequestCommit", (row, head))])
        more = row.commit_count > 1
        return Page(page.rows, page.cursors, row.commit_count, False, more)
    rows = [
        found.Named("PullRequestCommit", (row, commits.by_sha(repo, ask, commit.sha)))
        for commit in merging.own_commits(ask.state, repo, row, row.base_sha)
    ]
    return connection("commits", rows, args)


def merge_commit(row: records.Issue, ask: Ask, args: Args) -> records.Commit | None:
    if row.merge_sha is None:
        return None
    return commits.by_sha(ask.repo(row.repo_id), ask, row.merge_sha)


def ref(column: str) -> Any:
    def resolve(row: records.Issue, ask: Ask, args: Args) -> records.Ref | None:
        name = f"refs/heads/{getattr(row, column)}"
        return commits.ref_named(ask.repo(row.repo_id), ask, name)

    return resolve


def reason(row: Any, ask: Ask, args: Args) -> str | None:
    return row.state_reason.upper() if row.state_reason else None


def closing(row: records.Issue, ask: Ask, args: Args) -> Page:
    rows = pulls.closing(ask.state, ask.repo(row.repo_id), row)
    if args.get("userLinkedOnly"):
        rows = []
    columns = ORDER | {"COMMENTS": "id"}
    return connection("closingIssuesReferences", ordered(rows, args.get("orderBy"), columns), args)


def repository_of(row: Any, ask: Ask, args: Args) -> records.Repo:
    return ask.repo(issue_of(row, ask, args).repo_id)


def part_url(kind: str) -> Any:
    def resolve(row: Any, ask: Ask, args: Args) -> str:
        return f"{issue_url(issue_of(row, ask, args), ask, args)}#{kind}-{row.id}"

    return resolve


def did_author(row: Any, ask: Ask, args: Args) -> bool:
    return ask.viewer.user is not None and row.author_id == ask.viewer.user.id


def done(parts: list[records.Issue]) -> int:
    return sum(part.state == "closed" for part in parts)


def closed_by(row: records.Issue, ask: Ask, args: Args) -> Page:
    """The pull requests that would close it, or did; the open ones alone unless asked otherwise."""
    rows = pulls.promising(ask.state, ask.repo(row.repo_id), row)
    if not args.get("includeClosedPrs"):
        rows = [pull for pull in rows if pull.state == "open"]
    if args.get("userLinkedOnly"):
        rows = []
    return connection("closedByPullRequestsReferences", rows, args)


def requests(row: records.Issue, ask: Ask, args: Args) -> Page:
    where = "issue_id = ? order by id"
    rows = ask.state.store.select(records.ReviewRequest, where, row.id)
    return connection("reviewRequests", rows, args)


def files(row: records.Issue, ask: Ask, args: Args) -> Page:
    git = ask.state.path(ask.repo(row.repo_id))
    base = host.merge_base(git, row.base_sha, row.head_sha) or row.base_sha
    rows = [found.Change(*change[:4]) for change in host.changes(git, base, row.head_sha)]
    return connection("files", rows, args)


AUTHORED: Fields = {
    "databaseId": attribute("id"),
    "fullDatabaseId": lambda row, ask, args: str(row.id),
    "author": lambda row, ask, args: ask.user(row.author_id),
    "authorAssociation": association,
}
EDITED: Fields = {
    "createdAt": attribute("created_at"),
    "updatedAt": attribute("updated_at"),
    "lastEditedAt": attribute("edited_at"),
    "editor": lambda row, ask, args: ask.user(row.editor_id),
}
ISSUE: Fields = AUTHORED | EDITED | {
    "id": lambda row, ask, args: ids.of_issue(row),
    "number": attribute("number"),
    "title": attribute("title"),
    "body": lambda row, ask, args: row.body or "",
    "url": issue_url,
    "closed": lambda row, ask, args: row.state == "closed",
    "closedAt": attribute("closed_at"),
    "locked": constant(False),
    "labels": issue_labels,
    "comments": issue_comments,
    "assignees": nothing("assignees"),
    "repository": lambda row, ask, args: ask.repo(row.repo_id),
    "projectItems": items.issue_items,
    "projectCards": nothing("projectCards"),
    "milestone": constant(None),
    "viewerDidAuthor": did_author,
    **reviews.REACTIONS,
}
EVENT: Fields = {
    "id": lambda row, ask, args: ids.make(found.EVENTS[row.event], row.id),
    "actor": lambda row, ask, args: ask.user(row.actor_id),
    "createdAt": attribute("created_at"),
}
LABELED: Fields = EVENT | {"label": event_label, "labelable": issue_of}
FIELDS: dict[str, Fields] = {
    "Issue": ISSUE | {
        "parent": lambda row, ask, args: issues.parent_of(ask.state, row),
        "state": lambda row, ask, args: row.state.upper(),
        "stateReason": reason,
        "timelineItems": timeline,
        "isPinned": constant(False),
        "closedByPullRequestsReferences": closed_by,
        "subIssues": lambda row, ask, args: connection(
            "subIssues", issues.parts_of(ask.state, row), args
        ),
        "subIssuesSummary": lambda row, ask, args: issues.parts_of(ask.state, row),
    },
    "SubIssuesSummary": {
        "total": lambda parts, ask, args: len(parts),
        "completed": lambda parts, ask, args: done(parts),
        "percentCompleted": lambda parts, ask, args: (
            100 * done(parts) // len(parts) if parts else 0
        ),
    },
    "ReactionGroup": {"content": lambda row, ask, args: row, "users": nothing("users")},
    "PullRequest": ISSUE | {
        "state": pull_state,
        "isDraft": attribute("draft"),
        "merged": lambda row, ask, args: row.merged_at is not None,
        "mergedAt": attribute("merged_at"),
        "mergedBy": lambda row, ask, args: ask.user(row.merged_by_id),
        "mergeable": mergeable,
        "mergeStateStatus": merge_state,
        "mergeCommit": merge_commit,
        "headRefName": attribute("head_ref"),
        "headRefOid": attribute("head_sha"),
        "headRef": ref("head_ref"),
        "baseRefName": attribute("base_ref"),
        "baseRefOid": attribute("base_sha"),
        "baseRef": ref("base_ref"),
        "isCrossRepository": constant(False),
        "headRepository": lambda row, ask, args: ask.repo(row.repo_id),
        "baseRepository": lambda row, ask, args: ask.repo(row.repo_id),
        "headRepositoryOwner": lambda row, ask, args: ask.user(ask.repo(row.repo_id).owner_id),
        "reviewDecision": lambda row, ask, args: protection.decision(
            ask.state, ask.repo(row.repo_id), row
        ),
        "timelineItems": timeline,
        **reviews.OF_PULL,
        "commits": pull_commits,
        "closingIssuesReferences": closing,
        "changedFiles": attribute("changed_files"),
        "additions": attribute("additions"),
        "deletions": attribute("deletions"),
        "files": files,
        "reviewRequests": requests,
        "autoMergeRequest": constant(None),
        "potentialMergeCommit": constant(None),
        "isInMergeQueue": constant(False),
        "isMergeQueueEnabled": constant(False),
        "maintainerCanModify": constant(False),
        "permalink": issue_url,
    },
    **{
        name: AUTHORED | fields | {
            "pullRequest": issue_of, "repository": repository_of, "url": part_url(anchor),
        }
        for name, (anchor, fields) in reviews.COMMENTS.items()
    },
    "IssueComment": AUTHORED | EDITED | {
        "id": lambda row, ask, args: ids.make("IssueComment", row.id),
        "body": attribute("body"),
        "url": part_url("issuecomment"),
        "issue": issue_of,
        "pullRequest": lambda row, ask, args: (
            parent if (parent := issue_of(row, ask, args)).is_pull else None
        ),
        "repository": repository_of,
        "isMinimized": constant(False),
        "minimizedReason": constant(None),
        "includesCreatedEdit": lambda row, ask, args: row.edited_at is not None,
        "viewerDidAuthor": did_author,
        **reviews.REACTIONS,
    },
    "ReviewRequest": {
        "id": lambda row, ask, args: ids.make("ReviewRequest", row.id),
        "asCodeOwner": constant(False),
        "requestedReviewer": lambda row, ask, args: ask.user(row.user_id),
    },
    "PullRequestChangedFile": {
        "path": attribute("path"),
        "additions": attribute("additions"),
        "deletions": attribute("deletions"),
        "changeType": lambda row, ask, args: CHANGES.get(row.letter, "CHANGED"),
    },
    # No pull request of the forge merges by itself.
    "AutoMergeRequest": {
        name: attribute(name)
        for name in (
            "authorEmail", "commitBody", "commitHeadline", "enabledAt", "enabledBy", "mergeMethod",
        )
    },
    "PullRequestCommit": {
        "id": lambda row, ask, args: ids.make("PullRequestCommit", row.row[1].id),
        "commit": lambda row, ask, args: row.row[1],
        "pullRequest": lambda row, ask, args: row.row[0],
        "url": lambda row, ask, args: (
            f"{issue_url(row.row[0], ask, args)}/commits/{row.row[1].sha}"
        ),
    },
    "Label": {
        "id": lambda row, ask, args: ids.make("Label", row.id),
        "name": attribute("name"),
        "color": attribute("color"),
        "description": attribute("description"),
        "isDefault": constant(False),
        "createdAt": lambda row, ask, args: row.created_at or None,
        "url": lambda row, ask, args: ask.url(
            f"/{ask.repo(row.repo_id).full_name}/labels/{row.name}"
        ),
        "repository": lambda row, ask, args: ask.repo(row.repo_id),
    },
    "LabeledEvent": LABELED,
    "UnlabeledEvent": LABELED,
    "ClosedEvent": EVENT | {"stateReason": reason, "closable": issue_of, "url": part_url("event")},
    "ReopenedEvent": EVENT | {"stateReason": constant("REOPENED"), "closable": issue_of},
    "RenamedTitleEvent": EVENT | {
        "currentTitle": attribute("after"), "previousTitle": attribute("before"),
    },
}
