"""Statuses, check runs and check suites over REST."""

from __future__ import annotations

import msgspec

from orchestrator.forge import checks, ids, records
from orchestrator.forge.records import Json
from orchestrator.forge.rest import commits, people
from orchestrator.forge.state import invalid, not_found
from orchestrator.forge.web import (
    Answer,
    Call,
    Route,
    counted,
    get,
    listing,
    optional,
    paged,
    words,
)

HOME = "/repos/{owner}/{repo}"
STATES = ("error", "failure", "pending", "success")
APP_NUMBERS = {checks.ACTIONS: 15368}


def app_number(slug: str) -> int:
    return APP_NUMBERS.get(slug, 1)


def app(call: Call, slug: str) -> Json:
    owner = call.state.store.first(records.User, "1 order by id")
    name = "GitHub Actions" if slug == checks.ACTIONS else slug
    return {
        "id": app_number(slug), "slug": slug, "node_id": ids.make("App", app_number(slug)),
        "owner": people.user(call, owner) if owner else {}, "name": name, "description": "",
        "external_url": call.site(f"/apps/{slug}"), "html_url": call.site(f"/apps/{slug}"),
        "created_at": "2018-07-30T09:30:17Z", "updated_at": "2018-07-30T09:30:17Z",
        "permissions": {"checks": "write"}, "events": [],
    }


def check_run(call: Call, repo: records.Repo, row: records.CheckRun) -> Json:
    suite = call.state.store.need(records.Suite, row.suite_id)
    api = call.url(f"/repos/{repo.full_name}/check-runs/{row.id}")
    page = call.site(f"/{repo.full_name}/runs/{row.id}")
    if suite.path:
        page = call.site(f"/{repo.full_name}/actions/runs/{suite.id}/job/{row.id}")
    return {
        "id": row.id, "node_id": ids.make("CheckRun", row.id), "head_sha": row.sha,
        "name": row.name, "external_id": row.external_id, "url": api, "html_url": page,
        "details_url": row.details_url or page, "status": row.status,
        "conclusion": row.conclusion, "started_at": row.started_at,
        "completed_at": row.completed_at, "check_suite": {"id": row.suite_id},
        "output": {
            "title": row.title, "summary": row.summary, "text": row.text,
            "annotations_count": 1 if is_red_job(row) else 0,
            "annotations_url": f"{api}/annotations",
        },
        "app": app(call, suite.app), "pull_requests": [],
    }


def is_red_job(row: records.CheckRun) -> bool:
    return row.job is not None and row.conclusion in ("failure", "timed_out")


def list_annotations(call: Call) -> Answer:
    """What GitHub itself notes on a red job: how its process ended."""
    repo, row = identified(call)
    page = call.site(f"/{repo.full_name}/blob/{row.sha}/.github")
    notes = [{
        "path": ".github", "blob_href": page, "start_line": 1, "end_line": 1,
        "start_column": None, "end_column": None, "annotation_level": "failure", "title": "",
        "message": row.summary or "failed", "raw_details": "",
    }] if is_red_job(row) else []
    return paged(call, notes, lambda note: note)


def reported(call: Call, told: Json) -> checks.Reported:
    output = told.get("output") or {}
    conclusion, status = told.get("conclusion"), told.get("status")
    if conclusion is not None and conclusion not in checks.CONCLUSIONS:
        raise invalid("CheckRun", "conclusion")
    if status not in (None, "queued", "in_progress", "completed"):
        raise invalid("CheckRun", "status")
    if status == "completed" and conclusion is None:
        raise invalid("CheckRun", "conclusion", "missing_field")
    plain = ("name", "status", "conclusion", "started_at", "completed_at", "details_url",
             "external_id")
    fields = {name: optional(told.get(name), "CheckRun", name) for name in plain}
    return checks.Reported(
        **fields, title=output.get("title"), summary=output.get("summary"),
        text=output.get("text"),
    )


FIELDS = ("name", "head_sha", "details_url", "external_id", "status", "started_at", "conclusion",
          "completed_at", "output")


def create_check_run(call: Call) -> Answer:
    repo = call.repo()
    actor = call.writer(repo)
    told = call.fields(*FIELDS)
    sha = words(told.get("head_sha"), "CheckRun", "head_sha")
    commits.need(call, repo, sha)
    suite = checks.suite_for(call.state, repo, sha, actor.login.lower())
    row = call.state.store.add(
        records.CheckRun(
            suite_id=suite.id, repo_id=repo.id, sha=sha,
            name=words(told.get("name"), "CheckRun", "name"),
        )
    )
    row = checks.report(call.state, row, reported(call, told))
    return Answer(check_run(call, repo, row), 201)


def identified(call: Call) -> tuple[records.Repo, records.CheckRun]:
    repo = call.repo()
    row = call.state.store.get(records.CheckRun, call.number("check_run_id"))
    if row is None or row.repo_id != repo.id:
        raise not_found()
    return repo, row


def show_check_run(call: Call) -> Answer:
    return Answer(check_run(call, *identified(call)))


def edit_check_run(call: Call) -> Answer:
    repo, row = identified(call)
    call.writer(repo)
    row = checks.report(call.state, row, reported(call, call.fields(*FIELDS)))
    return Answer(check_run(call, repo, row))


def list_check_runs(call: Call) -> Answer:
    repo = call.repo()
    sha = commits.resolve(call.state, repo, call.params["ref"])
    every = call.choice("filter", "latest", "latest", "all") == "all"
    find = checks.runs_of if every else checks.latest_runs
    rows = find(call.state, repo.id, sha)
    for name in ("check_name", "status"):
        if name in call.query:
            column = name.removeprefix("check_")
            rows = [row for row in rows if getattr(row, column) == call.query[name]]
    return counted(call, "check_runs", rows, lambda row: check_run(call, repo, row))


def suite_json(call: Call, repo: records.Repo, row: records.Suite) -> Json:
    runs = call.state.store.count(records.CheckRun, "suite_id = ?", row.id)
    head = commits.need(call, repo, row.sha)
    api = call.url(f"/repos/{repo.full_name}/check-suites/{row.id}")
    return {
        "id": row.id, "node_id": ids.make("CheckSuite", row.id), "head_branch": row.branch,
        "head_sha": row.sha, "status": row.status, "conclusion": row.conclusion, "url": api,
        "before": head.parents.split()[0] if head.parents else None, "after": row.sha,
        "pull_requests": [], "app": app(call, row.app),
        "repository": people.repository(call, repo), "created_at": row.created_at,
        "updated_at": row.updated_at, "head_commit": simple_commit(head),
        "latest_check_runs_count": runs, "check_runs_url": f"{api}/check-runs",
    }


def simple_commit(row: records.Commit) -> Json:
    return {
        "id": row.sha, "tree_id": row.tree, "message": row.message,
        "timestamp": row.committer_date,
        "author": {"name": row.author_name, "email": row.author_email},
        "committer": {"name": row.committer_name, "email": row.committer_email},
    }


def list_suites(call: Call) -> Answer:
    repo = call.repo()
    sha = commits.resolve(call.state, repo, call.params["ref"])
    rows = checks.suites_of(call.state, repo.id, sha)
    if "app_id" in call.query:
        rows = [row for row in rows if str(app_number(row.app)) == call.query["app_id"]]
    return counted(call, "check_suites", rows, lambda row: suite_json(call, repo, row))


def status(call: Call, repo: records.Repo, row: records.Status) -> Json:
    return {
        "id": row.id, "node_id": ids.make("StatusContext", row.id), "state": row.state,
        "url": call.url(f"/repos/{repo.full_name}/statuses/{row.sha}"),
        "avatar_url": call.site(f"/avatars/u/{row.creator_id}"), "description": row.description,
        "target_url": row.target_url, "context": row.context, "created_at": row.created_at,
        "updated_at": row.created_at,
    }


def create_status(call: Call) -> Answer:
    repo = call.repo()
    actor = call.writer(repo)
    told = call.fields("state", "target_url", "description", "context")
    sha = call.params["sha"]
    commits.need(call, repo, sha)
    if told.get("state") not in STATES:
        raise invalid("Status", "state")
    row = call.state.store.add(
        records.Status(
            repo_id=repo.id, sha=sha, state=told["state"], creator_id=actor.id,
            context=optional(told.get("context"), "Status", "context") or "default",
            description=optional(told.get("description"), "Status", "description"),
            target_url=optional(told.get("target_url"), "Status", "target_url"),
            created_at=call.state.now(),
        )
    )
    return Answer(status(call, repo, row) | {"creator": people.user(call, actor)}, 201)


def list_statuses(call: Call) -> Answer:
    repo = call.repo()
    rows = checks.statuses_of(
        call.state, repo.id, commits.resolve(call.state, repo, call.params["ref"])
    )
    return paged(
        call, rows,
        lambda row: status(call, repo, row) | {"creator": people.by_id(call, row.creator_id)},
    )


def show_combined(call: Call) -> Answer:
    repo = call.repo()
    sha = commits.resolve(call.state, repo, call.params["ref"])
    rows = checks.latest_statuses(call.state, repo.id, sha)
    api = call.url(f"/repos/{repo.full_name}")
    answer = counted(call, "statuses", rows, lambda row: status(call, repo, row))
    more = {
        "state": checks.combined(rows), "sha": sha, "url": f"{api}/commits/{sha}/status",
        "commit_url": f"{api}/commits/{sha}", "repository": people.repository(call, repo),
    }
    return msgspec.structs.replace(answer, body=answer.body | more)


ROUTES = (
    Route("POST", HOME + "/check-runs", create_check_run),
    get(HOME + "/check-runs/{check_run_id}", show_check_run),
    Route("PATCH", HOME + "/check-runs/{check_run_id}", edit_check_run),
    listing(HOME + "/check-runs/{check_run_id}/annotations", list_annotations),
    listing(HOME + "/commits/{ref+}/check-runs", list_check_runs,
            "filter", "check_name", "status"),
    listing(HOME + "/commits/{ref+}/check-suites", list_suites, "app_id"),
    listing(HOME + "/commits/{ref+}/status", show_combined),
    listing(HOME + "/commits/{ref+}/statuses", list_statuses),
    Route("POST", HOME + "/statuses/{sha}", create_status),
)
