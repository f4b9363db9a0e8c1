"""The workflows of a repository over REST."""

from __future__ import annotations

from orchestrator.forge import ids, records
from orchestrator.forge.records import Json
from orchestrator.forge.rest import actions
from orchestrator.forge.state import not_found
from orchestrator.forge.web import Answer, Call, counted, get, listing

HOME = "/repos/{owner}/{repo}/actions/workflows"


def workflow(call: Call, repo: records.Repo, row: records.Flow) -> Json:
    page = call.site(f"/{repo.full_name}")
    name = row.path.rpartition("/")[2]
    return {
        "id": row.id, "node_id": ids.make("Workflow", row.id), "name": row.name,
        "path": row.path, "state": "active", "created_at": row.created_at,
        "updated_at": row.updated_at,
        "url": call.url(f"/repos/{repo.full_name}/actions/workflows/{row.id}"),
        "html_url": f"{page}/blob/{repo.default_branch}/{row.path}",
        "badge_url": f"{page}/actions/workflows/{name}/badge.svg",
    }


def list_workflows(call: Call) -> Answer:
    repo = call.repo()
    rows = call.state.store.select(records.Flow, "repo_id = ? order by id", repo.id)
    return counted(call, "workflows", rows, lambda row: workflow(call, repo, row))


def identified(call: Call) -> tuple[records.Repo, records.Flow]:
    """By its number, or by the name of its file."""
    repo, told = call.repo(), call.params["workflow_id"]
    where = "repo_id = ? and id = ?" if told.isdecimal() else "repo_id = ? and path like ?"
    value = int(told) if told.isdecimal() else f"%/{told}"
    row = call.state.store.first(records.Flow, where, repo.id, value)
    if row is None:
        raise not_found()
    return repo, row


def show_workflow(call: Call) -> Answer:
    return Answer(workflow(call, *identified(call)))


def list_runs(call: Call) -> Answer:
    repo, row = identified(call)
    runs = [run for run in actions.matching(call, repo) if run.path == row.path]
    return counted(call, "workflow_runs", runs, lambda run: actions.workflow_run(call, repo, run))


ROUTES = (
    listing(HOME, list_workflows),
    get(HOME + "/{workflow_id}", show_workflow),
    listing(HOME + "/{workflow_id}/runs", list_runs, *actions.FILTERS),
)
