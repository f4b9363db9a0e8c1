"""A repository and the lists in it."""

from __future__ import annotations

from typing import Any

from orchestrator.forge import accounts, ids, issues, moments, records, searching
from orchestrator.forge.queries import boards, commits
from orchestrator.forge.queries.ask import (
    Args,
    Ask,
    Fields,
    Page,
    Problem,
    attribute,
    connection,
    constant,
    nothing,
    ordered,
)
from orchestrator.forge.queries.issues import ORDER


def numbered(kind: str) -> Any:
    """A field that takes a number and gives an issue, a pull request, or either."""
    def resolve(repo: records.Repo, ask: Ask, args: Args) -> records.Issue:
        where = "repo_id = ? and number = ?"
        row = ask.state.store.first(records.Issue, where, repo.id, args["number"])
        wanted = {"Issue": (False,), "PullRequest": (True,)}.get(kind, (False, True))
        if row is None or row.is_pull not in wanted:
            name = {"IssueOrPullRequest": "an issue or pull request", "Issue": "an Issue"}
            text = name.get(kind, f"a {kind}")
            raise Problem(
                "NOT_FOUND", f"Could not resolve to {text} with the number of {args['number']}."
            )
        return row

    return resolve


def labelled(ask: Ask, rows: list[records.Issue], names: list[str]) -> list[records.Issue]:
    """Rows with any of these labels, which is how GraphQL reads a list where REST wants all."""
    wanted = {name.lower() for name in names}
    return [
        row for row in rows
        if wanted & {label.name.lower() for label in issues.labels_of(ask.state, row)}
    ]


def list_issues(repo: records.Repo, ask: Ask, args: Args) -> Page:
    limits = args.get("filterBy") or {}
    where = "repo_id = ? and is_pull = 0 order by number"
    rows = ask.state.store.select(records.Issue, where, repo.id)
    for states in (args.get("states"), limits.get("states")):
        if states is not None:
            rows = [row for row in rows if row.state.upper() in states]
    for names in (args.get("labels"), limits.get("labels")):
        if names is not None:
            rows = labelled(ask, rows, names)
    if limits.get("since"):
        since = moments.text(moments.parse(limits["since"]))
        rows = [row for row in rows if row.updated_at >= since]
    # Nobody is assigned here and there is no milestone: only what asks for none finds something.
    for name in ("assignee", "milestone"):
        if limits.get(name) is not None:
            rows = []
    if limits.get("mentioned"):
        name = limits["mentioned"]
        rows = [row for row in rows if searching.mentions(ask.state, row, name)]
    if limits.get("createdBy"):
        author = accounts.find_user(ask.state, limits["createdBy"])
        rows = [row for row in rows if author and row.author_id == author.id]
    return connection("issues", ordered(rows, args.get("orderBy"), ORDER), args)


def list_pulls(repo: records.Repo, ask: Ask, args: Args) -> Page:
    where = "repo_id = ? and is_pull = 1 order by number"
    rows = ask.state.store.select(records.Issue, where, repo.id)
    if args.get("states") is not None:
        rows = [
            row for row in rows
            if ("MERGED" if row.merged_at else row.state.upper()) in args["states"]
        ]
    for name, column in (("headRefName", "head_ref"), ("baseRefName", "base_ref")):
        if args.get(name) is not None:
            rows = [row for row in rows if getattr(row, column) == args[name]]
    if args.get("labels") is not None:
        rows = labelled(ask, rows, args["labels"])
    return connection("pullRequests", ordered(rows, args.get("orderBy"), ORDER), args)


def list_labels(repo: records.Repo, ask: Ask, args: Args) -> Page:
    rows = ask.state.store.select(records.Label, "repo_id = ? order by id", repo.id)
    wanted = (args.get("query") or "").lower()
    rows = [row for row in rows if wanted in row.name.lower()]
    columns = {"CREATED_AT": "id", "NAME": "name"}
    return connection("labels", ordered(rows, args.get("orderBy"), columns), args)


def owner(repo: records.Repo, ask: Ask) -> records.User:
    row = ask.user(repo.owner_id)
    assert row is not None
    return row


def permission(repo: records.Repo, ask: Ask, args: Args) -> str | None:
    level = accounts.permission(ask.state, repo, ask.viewer.user)
    return None if level == "none" else level.upper()


def default_method(repo: records.Repo, ask: Ask, args: Args) -> str:
    allowed = {
        "MERGE": repo.allow_merge, "SQUASH": repo.allow_squash, "REBASE": repo.allow_rebase,
    }
    return next((method for method, yes in allowed.items() if yes), "MERGE")


def assignable(repo: records.Repo, ask: Ask, args: Args) -> Page:
    """Whoever may write here."""
    wanted = (args.get("query") or "").lower()
    rows = [
        user for user in ask.state.store.select(records.User, "kind = 'User' order by login")
        if wanted in user.login.lower() and accounts.allows(ask.state, repo, user, "write")
    ]
    return connection("assignableUsers", rows, args)


def default_ref(repo: records.Repo, ask: Ask, args: Args) -> records.Ref | None:
    return commits.ref_named(repo, ask, f"refs/heads/{repo.default_branch}")


FIELDS: dict[str, Fields] = {
    "Repository": {
        "id": lambda row, ask, args: ids.make("Repository", row.id),
        "databaseId": attribute("id"),
        "name": attribute("name"),
        "nameWithOwner": attribute("full_name"),
        "owner": lambda row, ask, args: owner(row, ask),
        "isArchived": attribute("archived"),
        "isPrivate": attribute("private"),
        "isFork": constant(False),
        "isDisabled": constant(False),
        "isEmpty": lambda row, ask, args: default_ref(row, ask, args) is None,
        "url": lambda row, ask, args: ask.url(f"/{row.full_name}"),
        "description": attribute("description"),
        "createdAt": attribute("created_at"),
        "pushedAt": attribute("pushed_at"),
        "updatedAt": attribute("updated_at"),
        "defaultBranchRef": default_ref,
        "viewerPermission": permission,
        "hasIssuesEnabled": attribute("has_issues"),
        "hasWikiEnabled": constant(False),
        "hasProjectsEnabled": constant(True),
        "parent": constant(None),
        "sshUrl": lambda row, ask, args: (
            f"git@{ask.url('').partition('//')[2]}:{row.full_name}.git"
        ),
        "visibility": lambda row, ask, args: "PRIVATE" if row.private else "PUBLIC",
        "homepageUrl": constant(None),
        "isTemplate": constant(False),
        "isInOrganization": lambda row, ask, args: owner(row, ask).kind == "Organization",
        "autoMergeAllowed": constant(False),
        "viewerDefaultMergeMethod": default_method,
        "viewerDefaultCommitEmail": lambda row, ask, args: (
            ask.viewer.user.email if ask.viewer.user else None
        ),
        "assignableUsers": assignable,
        "milestones": nothing("milestones"),
        "mergeCommitAllowed": attribute("allow_merge"),
        "squashMergeAllowed": attribute("allow_squash"),
        "rebaseMergeAllowed": attribute("allow_rebase"),
        "deleteBranchOnMerge": attribute("delete_branch_on_merge"),
        "ref": lambda row, ask, args: commits.ref_named(row, ask, args["qualifiedName"]),
        "refs": commits.refs,
        "object": commits.git_object,
        "issue": numbered("Issue"),
        "pullRequest": numbered("PullRequest"),
        "issueOrPullRequest": numbered("IssueOrPullRequest"),
        "issues": list_issues,
        "pullRequests": list_pulls,
        "label": lambda row, ask, args: issues.find_label(ask.state, row, args["name"]),
        "labels": list_labels,
        "projectV2": boards.linked_board,
        "projectsV2": boards.linked_boards,
    },
}
