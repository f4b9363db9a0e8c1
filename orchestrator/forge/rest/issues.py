"""Issues, their comments, labels and history over REST."""

from __future__ import annotations

from orchestrator.forge import accounts, ids, issues, moments, records, searching
from orchestrator.forge.records import Json
from orchestrator.forge.rest import people
from orchestrator.forge.state import invalid, not_found
from orchestrator.forge.web import (
    Answer,
    Call,
    Route,
    Unknown,
    get,
    listing,
    names,
    optional,
    page,
    paged,
    words,
)

ITEM = "/repos/{owner}/{repo}/issues/{issue_number}"
REACTIONS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


def reactions(url: str) -> Json:
    return {"url": f"{url}/reactions", "total_count": 0, **dict.fromkeys(REACTIONS, 0)}


def issue(call: Call, repo: records.Repo, row: records.Issue) -> Json:
    state = call.state
    api = call.url(f"/repos/{repo.full_name}/issues/{row.number}")
    author = state.store.need(records.User, row.author_id)
    kind = "pull" if row.is_pull else "issues"
    body: Json = {
        "id": row.id, "node_id": ids.of_issue(row), "number": row.number, "url": api,
        "repository_url": call.url(f"/repos/{repo.full_name}"),
        "labels_url": f"{api}/labels{{/name}}", "comments_url": f"{api}/comments",
        "events_url": f"{api}/events", "timeline_url": f"{api}/timeline",
        "html_url": call.site(f"/{repo.full_name}/{kind}/{row.number}"),
        "title": row.title, "body": row.body, "state": row.state,
        "state_reason": row.state_reason, "user": people.user(call, author),
        "labels": [people.label(call, repo, one) for one in issues.labels_of(state, row)],
        "assignee": None, "assignees": [], "milestone": None, "locked": False,
        "active_lock_reason": None, "created_at": row.created_at, "updated_at": row.updated_at,
        "comments": state.store.count(records.Comment, "issue_id = ?", row.id),
        "closed_at": row.closed_at, "closed_by": people.by_id(call, row.closed_by_id),
        "author_association": accounts.association(state, repo, author),
        "reactions": reactions(api), "performed_via_github_app": None,
    }
    if row.is_pull:
        pull = call.url(f"/repos/{repo.full_name}/pulls/{row.number}")
        page_url = call.site(f"/{repo.full_name}/pull/{row.number}")
        body["draft"] = row.draft
        body["pull_request"] = {
            "url": pull, "html_url": page_url, "diff_url": f"{page_url}.diff",
            "patch_url": f"{page_url}.patch", "merged_at": row.merged_at,
        }
    return body


def comment(call: Call, repo: records.Repo, row: records.Comment) -> Json:
    parent = call.state.store.need(records.Issue, row.issue_id)
    author = call.state.store.need(records.User, row.author_id)
    api = call.url(f"/repos/{repo.full_name}/issues/comments/{row.id}")
    kind = "pull" if parent.is_pull else "issues"
    page_url = call.site(f"/{repo.full_name}/{kind}/{parent.number}#issuecomment-{row.id}")
    return {
        "id": row.id, "node_id": ids.make("IssueComment", row.id), "url": api,
        "html_url": page_url,
        "issue_url": call.url(f"/repos/{repo.full_name}/issues/{parent.number}"),
        "body": row.body, "user": people.user(call, author), "created_at": row.created_at,
        "updated_at": row.updated_at, "reactions": reactions(api),
        "author_association": accounts.association(call.state, repo, author),
        "performed_via_github_app": None,
    }


def event(call: Call, repo: records.Repo, row: records.Event) -> Json:
    body: Json = {
        "id": row.id, "node_id": ids.make("Event", row.id), "event": row.event,
        "url": call.url(f"/repos/{repo.full_name}/issues/events/{row.id}"),
        "actor": people.by_id(call, row.actor_id), "created_at": row.created_at,
        "commit_id": row.sha, "performed_via_github_app": None,
        "commit_url": row.sha and call.url(f"/repos/{repo.full_name}/commits/{row.sha}"),
    }
    if row.label is not None:
        body["label"] = {"name": row.label, "color": row.color}
    if row.event == "closed":
        body["state_reason"] = row.state_reason
    if row.event == "renamed":
        body["rename"] = {"from": row.before, "to": row.after}
    return body


def target(call: Call) -> tuple[records.Repo, records.Issue]:
    repo = call.repo()
    return repo, issues.by_number(call.state, repo, call.number("issue_number"))


def matching(call: Call, repo: records.Repo) -> list[records.Issue]:
    rows = call.state.store.select(records.Issue, "repo_id = ? order by number", repo.id)
    wanted = call.choice("state", "open", "open", "closed", "all")
    if wanted != "all":
        rows = [row for row in rows if row.state == wanted]
    labels = [name.lower() for name in call.query.get("labels", "").split(",") if name]
    if labels:
        rows = [
            row for row in rows
            if set(labels) <= {one.name.lower() for one in issues.labels_of(call.state, row)}
        ]
    if "creator" in call.query:
        author = accounts.find_user(call.state, call.query["creator"])
        rows = [row for row in rows if author and row.author_id == author.id]
    if "since" in call.query:
        since = since_of(call)
        rows = [row for row in rows if row.updated_at >= since]
    key = call.choice("sort", "created", "created", "updated", "comments")
    down = call.choice("direction", "desc", "asc", "desc") == "desc"
    if key == "comments":
        count = call.state.store.count
        rows.sort(key=lambda r: count(records.Comment, "issue_id = ?", r.id), reverse=down)
    else:
        moment = {"created": "created_at", "updated": "updated_at"}[key]
        rows.sort(key=lambda r: (getattr(r, moment), r.number), reverse=down)
    return rows


def since_of(call: Call) -> str:
    try:
        return moments.text(moments.parse(call.query["since"]))
    except ValueError:
        raise invalid("Issue", "since") from None


def list_issues(call: Call) -> Answer:
    repo = call.repo()
    return paged(call, matching(call, repo), lambda row: issue(call, repo, row))


def create_issue(call: Call) -> Answer:
    repo = call.repo()
    author = accounts.signed_in(call.viewer)
    if not repo.has_issues:
        raise not_found("Issues are disabled for this repo")
    told = call.fields("title", "body", "labels", "assignees", "milestone")
    # Somebody without write access may open an issue; GitHub drops the labels they asked for.
    allowed = accounts.allows(call.state, repo, author, "triage")
    labels = names(told.get("labels") or [], "Issue", "labels") if allowed else []
    draft = issues.Draft(
        title=words(told.get("title"), "Issue", "title"),
        body=optional(told.get("body"), "Issue", "body"), labels=tuple(labels),
    )
    return Answer(issue(call, repo, issues.open_issue(call.state, repo, author, draft)), 201)


def show_issue(call: Call) -> Answer:
    return Answer(issue(call, *target(call)))


def edit_issue(call: Call) -> Answer:
    repo, row = target(call)
    editor = accounts.signed_in(call.viewer)
    if editor.id != row.author_id:
        call.writer(repo, "triage")
    told = call.fields("title", "body", "state", "state_reason", "labels")
    row = issues.edit(
        call.state, row, editor, title=optional(told.get("title"), "Issue", "title"),
        body=optional(told.get("body"), "Issue", "body"),
    )
    if "labels" in told:
        call.writer(repo, "triage")
        labels = names(told["labels"] or [], "Issue", "labels")
        row = issues.put_labels(call.state, repo, row, editor, labels)
    if told.get("state") not in (None, "open", "closed"):
        raise invalid("Issue", "state")
    if told.get("state") == "closed":
        reason = optional(told.get("state_reason"), "Issue", "state_reason")
        row = issues.close(call.state, row, editor, reason=reason)
    elif told.get("state") == "open":
        row = issues.reopen(call.state, row, editor)
    return Answer(issue(call, repo, row))


def shown_labels(call: Call, repo: records.Repo, row: records.Issue) -> Answer:
    rows = issues.labels_of(call.state, row)
    return Answer([people.label(call, repo, one) for one in rows])


def list_issue_labels(call: Call) -> Answer:
    repo, row = target(call)
    rows, headers = page(call, issues.labels_of(call.state, row))
    return Answer([people.label(call, repo, one) for one in rows], headers=headers)


def wanted_labels(call: Call) -> list[str]:
    told = call.payload if isinstance(call.payload, list) else call.fields("labels").get("labels")
    return names(told if told is not None else [], "Issue", "labels")


def add_issue_labels(call: Call) -> Answer:
    repo, row = target(call)
    actor = call.writer(repo, "triage")
    row = issues.add_labels(call.state, repo, row, actor, wanted_labels(call))
    return shown_labels(call, repo, row)


def put_issue_labels(call: Call) -> Answer:
    repo, row = target(call)
    actor = call.writer(repo, "triage")
    row = issues.put_labels(call.state, repo, row, actor, wanted_labels(call))
    return shown_labels(call, repo, row)


def clear_issue_labels(call: Call) -> Answer:
    repo, row = target(call)
    issues.put_labels(call.state, repo, row, call.writer(repo, "triage"), [])
    return Answer(status=204)


def delete_issue_label(call: Call) -> Answer:
    repo, row = target(call)
    actor = call.writer(repo, "triage")
    name = call.params["name"].lower()
    gone = [one for one in issues.labels_of(call.state, row) if one.name.lower() == name]
    if not gone:
        raise not_found("Label does not exist")
    row = issues.remove_labels(call.state, row, actor, gone)
    return shown_labels(call, repo, row)


def list_events(call: Call) -> Answer:
    repo, row = target(call)
    return paged(call, issues.events_of(call.state, row), lambda one: event(call, repo, one))


def list_timeline(call: Call) -> Answer:
    repo, row = target(call)
    told: list[Json] = [event(call, repo, one) for one in issues.events_of(call.state, row)]
    for one in issues.comments_of(call.state, row):
        shown = comment(call, repo, one)
        told.append(shown | {"event": "commented", "actor": shown["user"]})
    told.sort(key=lambda one: one["created_at"])
    return paged(call, told, lambda one: one)


def search(call: Call) -> Answer:
    """Issues and pull requests by GitHub's words; `sort` and `order` as in `sort:`."""
    query = call.query.get("q", "")
    if not query.strip():
        raise invalid("Search", "q", "missing")
    sort = call.query.get("sort")
    if sort:
        query += f" sort:{sort}-{call.choice('order', 'desc', 'asc', 'desc')}"
    try:
        rows = searching.find(call.state, call.viewer, query)
    except searching.Strange as strange:
        raise Unknown(f"how to search by {strange}") from None
    shown, headers = page(call, rows)
    items = [
        issue(call, call.state.store.need(records.Repo, row.repo_id), row) | {"score": 1.0}
        for row in shown
    ]
    body = {
        "total_count": len(rows), "incomplete_results": False, "items": items,
        "search_type": "lexical",
    }
    return Answer(body, headers=headers)


ROUTES = (
    listing("/search/issues", search, "q", "sort", "order", "advanced_search"),
    listing("/repos/{owner}/{repo}/issues", list_issues,
            "state", "labels", "since", "sort", "direction", "creator"),
    Route("POST", "/repos/{owner}/{repo}/issues", create_issue),
    get(ITEM, show_issue),
    Route("PATCH", ITEM, edit_issue),
    listing(ITEM + "/labels", list_issue_labels),
    Route("POST", ITEM + "/labels", add_issue_labels),
    Route("PUT", ITEM + "/labels", put_issue_labels),
    Route("DELETE", ITEM + "/labels", clear_issue_labels),
    Route("DELETE", ITEM + "/labels/{name}", delete_issue_label),
    listing(ITEM + "/events", list_events),
    listing(ITEM + "/timeline", list_timeline),
)
