"""Workflow runs, their jobs and logs, and their repetition over REST."""

from __future__ import annotations

from orchestrator.forge import accounts, actions, checks, ci, ids, records
from orchestrator.forge.records import Json
from orchestrator.forge.rest import commits, people
from orchestrator.forge.rest.checks import simple_commit
from orchestrator.forge.state import Refused, not_found
from orchestrator.forge.web import Answer, Call, Route, Unknown, counted, get, listing

HOME = "/repos/{owner}/{repo}"


def workflow_run(call: Call, repo: records.Repo, row: records.Suite) -> Json:
    api = call.url(f"/repos/{repo.full_name}/actions")
    run = f"{api}/runs/{row.id}"
    head = commits.need(call, repo, row.sha)
    links = ("jobs", "logs", "cancel", "rerun", "artifacts")
    home, flow = people.repository(call, repo), actions.flow_of(call.state, row)
    return {
        "id": row.id, "node_id": ids.make("WorkflowRun", row.id), "name": row.name,
        "head_branch": row.branch, "head_sha": row.sha, "path": row.path,
        "run_number": row.number, "run_attempt": 1, "event": row.event, "status": row.status,
        "display_title": head.message.partition("\n")[0], "conclusion": row.conclusion,
        "workflow_id": flow.id, "check_suite_id": row.id,
        "check_suite_node_id": ids.make("CheckSuite", row.id), "url": run,
        "html_url": call.site(f"/{repo.full_name}/actions/runs/{row.id}"), "pull_requests": [],
        "created_at": row.created_at, "updated_at": row.updated_at,
        "run_started_at": row.created_at, "actor": people.by_id(call, row.actor_id),
        "triggering_actor": people.by_id(call, row.actor_id),
        **{f"{name}_url": f"{run}/{name}" for name in links},
        "check_suite_url": call.url(f"/repos/{repo.full_name}/check-suites/{row.id}"),
        "workflow_url": f"{api}/workflows/{flow.id}", "head_commit": simple_commit(head),
        "repository": home, "head_repository": home,
    }


# What a listing of runs can be narrowed by. Every run here knows no pull request, so it is all
# the same whether they are left out.
FILTERS = ("actor", "branch", "event", "head_sha", "status", "created", "exclude_pull_requests")


def matching(call: Call, repo: records.Repo) -> list[records.Suite]:
    where = "repo_id = ? and path is not null order by id desc"
    rows = call.state.store.select(records.Suite, where, repo.id)
    for name, column in (("branch", "branch"), ("event", "event"), ("head_sha", "sha")):
        if name in call.query:
            rows = [row for row in rows if getattr(row, column) == call.query[name]]
    if "status" in call.query:
        wanted = call.query["status"]
        rows = [row for row in rows if wanted in (row.status, row.conclusion)]
    if "actor" in call.query:
        actor = accounts.find_user(call.state, call.query["actor"])
        rows = [row for row in rows if actor and row.actor_id == actor.id]
    if "created" in call.query:
        raise Unknown("runs by the time they were created")
    return rows


def list_runs(call: Call) -> Answer:
    repo = call.repo()
    rows = matching(call, repo)
    return counted(call, "workflow_runs", rows, lambda row: workflow_run(call, repo, row))


def identified_run(call: Call) -> tuple[records.Repo, records.Suite]:
    repo = call.repo()
    suite = call.state.store.get(records.Suite, call.number("run_id"))
    if suite is None or suite.repo_id != repo.id or suite.path is None:
        raise not_found()
    return repo, suite


def show_run(call: Call) -> Answer:
    return Answer(workflow_run(call, *identified_run(call)))


def list_artifacts(call: Call) -> Answer:
    """Jobs here keep nothing but their log."""
    identified_run(call)
    return counted(call, "artifacts", [], lambda row: row)


def job(call: Call, repo: records.Repo, row: records.CheckRun) -> Json:
    suite = call.state.store.need(records.Suite, row.suite_id)
    api = call.url(f"/repos/{repo.full_name}")
    return {
        "id": row.id, "node_id": ids.make("CheckRun", row.id), "run_id": suite.id,
        "run_url": f"{api}/actions/runs/{suite.id}", "run_attempt": 1, "head_sha": row.sha,
        "workflow_name": suite.name, "head_branch": suite.branch, "name": row.name,
        "url": f"{api}/actions/jobs/{row.id}",
        "html_url": call.site(f"/{repo.full_name}/actions/runs/{suite.id}/job/{row.id}"),
        "status": row.status, "conclusion": row.conclusion,
        "started_at": row.started_at or suite.created_at, "completed_at": row.completed_at,
        "created_at": suite.created_at, "check_run_url": f"{api}/check-runs/{row.id}",
        "labels": ["ubuntu-latest"], "runner_id": None, "runner_name": None,
        "runner_group_id": None, "runner_group_name": None, "steps": [],
    }


def list_jobs(call: Call) -> Answer:
    repo, suite = identified_run(call)
    every = call.state.store.select(records.CheckRun, "suite_id = ?", suite.id)
    rows = checks.newest_of(every)
    return counted(call, "jobs", rows, lambda row: job(call, repo, row))


def identified(call: Call) -> records.CheckRun:
    repo = call.repo()
    row = call.state.store.get(records.CheckRun, call.number("job_id"))
    if row is None or row.repo_id != repo.id or row.job is None:
        raise not_found()
    return row


def show_job(call: Call) -> Answer:
    return Answer(job(call, call.repo(), identified(call)))


def show_log(call: Call) -> Answer:
    """GitHub answers with a redirect to the text of the log."""
    repo, row = call.repo(), identified(call)
    where = call.url(f"/forge/logs/{repo.full_name}/{row.id}")
    return Answer(status=302, headers=(("Location", where),))


def read_log(call: Call) -> Answer:
    row = identified(call)
    path = ci.log_path(call.state.data / "ci", row.suite_id, row.key)
    text = path.read_text(errors="replace") if path.exists() else ""
    return Answer(text, content_type="text/plain; charset=utf-8")


def repeatable(call: Call) -> tuple[records.Repo, records.Suite]:
    """The run, for somebody who may repeat it, when nothing of it is under way."""
    call.writer(call.repo())
    repo, suite = identified_run(call)
    if suite.status != "completed":
        raise Refused(403, "This workflow is already running", kind="FORBIDDEN")
    return repo, suite


def repeat_failed(call: Call) -> Answer:
    """The failed and the cancelled jobs of a run, and those that were skipped for them."""
    _, suite = repeatable(call)
    call.fields("enable_debug_logging")
    if not actions.repeat(call.state, suite, failed_only=True):
        raise Refused(403, "This workflow run cannot be retried", kind="FORBIDDEN")
    return Answer({}, 201)


def repeat_run(call: Call) -> Answer:
    _, suite = repeatable(call)
    call.fields("enable_debug_logging")
    actions.repeat(call.state, suite, everything=True)
    return Answer({}, 201)


def repeat_job(call: Call) -> Answer:
    repo, row = call.repo(), identified(call)
    call.writer(repo)
    call.fields("enable_debug_logging")
    suite = call.state.store.need(records.Suite, row.suite_id)
    if suite.status != "completed":
        raise Refused(
            403, "The workflow run containing this job is already running", kind="FORBIDDEN"
        )
    actions.repeat(call.state, suite, only=row)
    return Answer({}, 201)


def rerequest(call: Call) -> Answer:
    """What Actions made is repeated by its own routes; another app is told and answers itself.

    Its suite is queued anew; the check run stays as it is until the app reports again.
    """
    repo = call.repo()
    row = call.state.store.get(records.CheckRun, call.number("check_run_id"))
    if row is None or row.repo_id != repo.id:
        raise not_found()
    call.writer(repo)
    suite = call.state.store.need(records.Suite, row.suite_id)
    if suite.app == checks.ACTIONS:
        raise Refused(403, "This check run is not rerequestable", kind="FORBIDDEN")
    now = call.state.now()
    call.state.store.change(suite, status="queued", conclusion=None, updated_at=now)
    return Answer({}, 201)


ROUTES = (
    listing(HOME + "/actions/runs", list_runs, *FILTERS),
    get(HOME + "/actions/runs/{run_id}", show_run, "exclude_pull_requests"),
    listing(HOME + "/actions/runs/{run_id}/jobs", list_jobs),
    listing(HOME + "/actions/runs/{run_id}/artifacts", list_artifacts, "name"),
    get(HOME + "/actions/jobs/{job_id}", show_job),
    get(HOME + "/actions/jobs/{job_id}/logs", show_log),
    Route("POST", HOME + "/actions/runs/{run_id}/rerun", repeat_run),
    Route("POST", HOME + "/actions/runs/{run_id}/rerun-failed-jobs", repeat_failed),
    Route("POST", HOME + "/actions/jobs/{job_id}/rerun", repeat_job),
    Route("POST", HOME + "/check-runs/{check_run_id}/rerequest", rerequest),
    get("/forge/logs/{owner}/{repo}/{job_id}", read_log),
)
