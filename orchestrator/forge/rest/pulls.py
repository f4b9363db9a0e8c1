"""Pull requests over REST, up to and including the merge."""

from __future__ import annotations

import re

from orchestrator.forge import accounts, actions, host, issues, merging, pulls, records, reviews
from orchestrator.forge.records import Json
from orchestrator.forge.rest import commits, people
from orchestrator.forge.rest.issues import issue as as_issue
from orchestrator.forge.state import invalid, not_found
from orchestrator.forge.web import (
    Answer,
    Call,
    Route,
    get,
    listing,
    optional,
    paged,
    words,
)

ITEM = "/repos/{owner}/{repo}/pulls/{pull_number}"
SHARED = (
    "id", "node_id", "number", "title", "body", "state", "user", "labels", "assignee", "assignees",
    "milestone", "locked", "active_lock_reason", "created_at", "updated_at", "closed_at",
    "author_association", "draft",
)


def side(call: Call, repo: records.Repo, ref: str, sha: str) -> Json:
    return {
        "label": f"{repo.owner}:{ref}", "ref": ref, "sha": sha,
        "user": people.by_id(call, repo.owner_id), "repo": people.repository(call, repo),
    }


def simple(call: Call, repo: records.Repo, row: records.Issue) -> Json:
    shared = as_issue(call, repo, row)
    home = f"/repos/{repo.full_name}"
    api, page = call.url(f"{home}/pulls/{row.number}"), shared["html_url"]
    links = {
        "self": api, "html": page, "issue": call.url(f"{home}/issues/{row.number}"),
        "comments": call.url(f"{home}/issues/{row.number}/comments"),
        "review_comments": f"{api}/comments",
        "review_comment": call.url(f"{home}/pulls/comments{{/number}}"),
        "commits": f"{api}/commits", "statuses": call.url(f"{home}/statuses/{row.head_sha}"),
    }
    # In the lists of pull requests alone a label without a description has an empty one.
    labels = [{**one, "description": one["description"] or ""} for one in shared["labels"]]
    return {name: shared[name] for name in SHARED} | {
        "labels": labels,
        "url": api, "html_url": page, "diff_url": f"{page}.diff", "patch_url": f"{page}.patch",
        "issue_url": links["issue"], "comments_url": links["comments"],
        "commits_url": links["commits"], "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"], "statuses_url": links["statuses"],
        "_links": {name: {"href": link} for name, link in links.items()},
        "head": side(call, repo, row.head_ref, row.head_sha),
        "base": side(call, repo, row.base_ref, row.base_sha),
        "merge_commit_sha": row.merge_sha, "merged_at": row.merged_at, "auto_merge": None,
        "requested_reviewers": [
            people.user(call, user) for user in reviews.asked(call.state, row)
        ],
        "requested_teams": [],
    }


def full(call: Call, repo: records.Repo, row: records.Issue) -> Json:
    open_state = row.state == "open"
    return simple(call, repo, row) | {
        "merged": row.merged_at is not None, "merged_by": people.by_id(call, row.merged_by_id),
        "mergeable": row.mergeable if open_state else None,
        "rebaseable": row.mergeable if open_state else None,
        "mergeable_state": pulls.merge_state(call.state, repo, row),
        "comments": call.state.store.count(records.Comment, "issue_id = ?", row.id),
        "review_comments": call.state.store.count(records.Remark, "issue_id = ?", row.id),
        "maintainer_can_modify": False, "commits": row.commit_count,
        "additions": row.additions, "deletions": row.deletions,
        "changed_files": row.changed_files,
    }


def target(call: Call) -> tuple[records.Repo, records.Issue]:
    repo = call.repo()
    row = issues.by_number(call.state, repo, call.number("pull_number"))
    if not row.is_pull:
        raise not_found()
    return repo, row


def list_pulls(call: Call) -> Answer:
    repo = call.repo()
    rows = call.state.store.select(
        records.Issue, "repo_id = ? and is_pull = 1 order by number", repo.id
    )
    wanted = call.choice("state", "open", "open", "closed", "all")
    if wanted != "all":
        rows = [row for row in rows if row.state == wanted]
    if call.query.get("head"):
        owner, _, branch = call.query["head"].rpartition(":")
        # GitHub ignores a head without its owner instead of refusing it.
        if owner:
            same = owner.lower() == repo.owner.lower()
            rows = [row for row in rows if same and row.head_ref == branch]
    if call.query.get("base"):
        rows = [row for row in rows if row.base_ref == call.query["base"]]
    key = call.choice("sort", "created", "created", "updated")
    usual = "desc" if "sort" not in call.query or key == "created" else "asc"
    down = call.choice("direction", usual, "asc", "desc") == "desc"
    moment = {"created": "created_at", "updated": "updated_at"}[key]
    rows.sort(key=lambda row: (getattr(row, moment), row.number), reverse=down)
    return paged(call, rows, lambda row: simple(call, repo, row))


def create_pull(call: Call) -> Answer:
    repo = call.repo()
    author = call.writer(repo)
    told = call.fields("title", "body", "head", "base", "draft", "maintainer_can_modify")
    draft = pulls.Draft(
        title=words(told.get("title"), "PullRequest", "title"),
        body=optional(told.get("body"), "PullRequest", "body"),
        head=words(told.get("head"), "PullRequest", "head"),
        base=words(told.get("base"), "PullRequest", "base"), draft=bool(told.get("draft")),
    )
    row = pulls.open_pull(call.state, repo, author, draft)
    # A workflow that only listens to pull requests starts now.
    actions.start_runs(call.state, repo, row.head_ref, row.head_sha, author)
    return Answer(full(call, repo, row), 201)


def show_pull(call: Call) -> Answer:
    repo, row = target(call)
    for form in ("diff", "patch"):
        if re.search(rf"application/vnd\.github(\.v3)?\.{form}\b", call.accept):
            text = host.shown(call.state.path(repo), form, row.base_sha, row.head_sha)
            content_type = f"application/vnd.github.v3.{form}; charset=utf-8"
            return Answer(text, content_type=content_type)
    return Answer(full(call, repo, row))


def edit_pull(call: Call) -> Answer:
    repo, row = target(call)
    editor = accounts.signed_in(call.viewer)
    if editor.id != row.author_id:
        call.writer(repo)
    told = call.fields("title", "body", "state", "base", "maintainer_can_modify")
    row = issues.edit(
        call.state, row, editor, title=optional(told.get("title"), "PullRequest", "title"),
        body=optional(told.get("body"), "PullRequest", "body"),
    )
    base = optional(told.get("base"), "PullRequest", "base")
    if base:
        row = pulls.rebase_onto(call.state, repo, row, base)
    state = told.get("state")
    if state not in (None, "open", "closed"):
        raise invalid("PullRequest", "state")
    if state == "closed":
        row = issues.close(call.state, row, editor)
    elif state == "open":
        row = pulls.reopen(call.state, repo, row, editor)
    return Answer(full(call, repo, row))


def list_files(call: Call) -> Answer:
    repo, row = target(call)
    git = call.state.path(repo)
    base = host.merge_base(git, row.base_sha, row.head_sha) or row.base_sha
    rows = host.changes(git, base, row.head_sha)
    return paged(call, rows, lambda one: commits.changed_file(call, repo, row.head_sha, one))


def list_commits(call: Call) -> Answer:
    repo, row = target(call)
    found = merging.own_commits(call.state, repo, row, row.base_sha)
    return paged(call, found, lambda one: commits.commit(call, repo, one))


def is_merged(call: Call) -> Answer:
    _, row = target(call)
    if row.merged_at is None:
        raise not_found()
    return Answer(status=204)


def merge_pull(call: Call) -> Answer:
    repo, row = target(call)
    actor = call.writer(repo)
    told = call.fields("commit_title", "commit_message", "sha", "merge_method")
    wish = merging.Wish(
        method=optional(told.get("merge_method"), "PullRequest", "merge_method") or "merge",
        sha=optional(told.get("sha"), "PullRequest", "sha"),
        title=optional(told.get("commit_title"), "PullRequest", "commit_title"),
        message=optional(told.get("commit_message"), "PullRequest", "commit_message"),
    )
    merged = merging.merge(call.state, repo, row, actor, wish)
    body: Json = {
        "sha": merged.merge_sha, "merged": True, "message": "Pull Request successfully merged",
    }
    return Answer(body)


ROUTES = (
    listing("/repos/{owner}/{repo}/pulls", list_pulls,
            "state", "head", "base", "sort", "direction"),
    Route("POST", "/repos/{owner}/{repo}/pulls", create_pull),
    get(ITEM, show_pull),
    Route("PATCH", ITEM, edit_pull),
    listing(ITEM + "/files", list_files),
    listing(ITEM + "/commits", list_commits),
    get(ITEM + "/merge", is_merged),
    Route("PUT", ITEM + "/merge", merge_pull),
)
