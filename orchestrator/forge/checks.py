"""Check runs, commit statuses, and what they add up to for a commit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from orchestrator.forge import records
from orchestrator.forge.state import State

ACTIONS = "github-actions"
CONCLUSIONS = (
    "action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale",
    "timed_out",
)
PASSING = ("success", "neutral", "skipped")
# The worst first: a suite and a rollup are as good as their worst part.
SEVERITY = (
    "failure", "timed_out", "startup_failure", "action_required", "cancelled", "stale", "success",
    "neutral", "skipped",
)


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says about one check; None leaves a field as it was."""

    name: str | None = None
    status: str | None = None
    conclusion: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    details_url: str | None = None
    external_id: str | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None


def suites_of(state: State, repo_id: int, sha: str) -> list[records.Suite]:
    return state.store.select(records.Suite, "repo_id = ? and sha = ? order by id", repo_id, sha)


def runs_of(state: State, repo_id: int, sha: str) -> list[records.CheckRun]:
    return state.store.select(
        records.CheckRun, "repo_id = ? and sha = ? order by id desc", repo_id, sha
    )


def latest_runs(state: State, repo_id: int, sha: str) -> list[records.CheckRun]:
    """The newest check run of each name in each suite, which is what GitHub shows."""
    seen: set[tuple[int, str]] = set()
    latest = []
    for run in runs_of(state, repo_id, sha):
        if (run.suite_id, run.name) not in seen:
            seen.add((run.suite_id, run.name))
            latest.append(run)
    return latest


def newest_of(rows: Iterable[records.CheckRun]) -> list[records.CheckRun]:
    """Of the runs of one suite the last of each job or name, in the order of their first."""
    newest = {run.key or run.name: run for run in sorted(rows, key=lambda run: run.id)}
    return list(newest.values())


def statuses_of(state: State, repo_id: int, sha: str) -> list[records.Status]:
    return state.store.select(
        records.Status, "repo_id = ? and sha = ? order by id desc", repo_id, sha
    )


def latest_statuses(state: State, repo_id: int, sha: str) -> list[records.Status]:
    seen: set[str] = set()
    latest = []
    for status in statuses_of(state, repo_id, sha):
        if status.context not in seen:
            seen.add(status.context)
            latest.append(status)
    return latest


def combined(statuses: Iterable[records.Status]) -> str:
    states = {status.state for status in statuses}
    if states & {"error", "failure"}:
        return "failure"
    return "pending" if "pending" in states or not states else "success"


def rollup(runs: Sequence[records.CheckRun], statuses: Sequence[records.Status]) -> str | None:
    """SUCCESS, PENDING, FAILURE or ERROR over both worlds; None where there is nothing."""
    if not runs and not statuses:
        return None
    states = {status.state for status in statuses}
    conclusions = {run.conclusion for run in runs if run.status == "completed"}
    if "error" in states:
        return "ERROR"
    if "failure" in states or conclusions - set(PASSING):
        return "FAILURE"
    if "pending" in states or any(run.status != "completed" for run in runs):
        return "PENDING"
    return "SUCCESS"


def verdicts(state: State, repo_id: int, sha: str) -> dict[str, str]:
    """success, failure or pending of each named check or status of a commit; the worse one wins."""
    found: dict[str, str] = {}
    order = ("failure", "pending", "success")
    for run in latest_runs(state, repo_id, sha):
        word = "success" if run.conclusion in PASSING else "failure"
        word = word if run.status == "completed" else "pending"
        found[run.name] = min(found.get(run.name, "success"), word, key=order.index)
    for status in latest_statuses(state, repo_id, sha):
        word = "failure" if status.state == "error" else status.state
        current = found.get(status.context, "success")
        found[status.context] = min(current, word, key=order.index)
    return found


def suite_for(
    state: State, repo: records.Repo, sha: str, app: str, branch: str | None = None
) -> records.Suite:
    """The suite of an app that reports from outside: one for each commit."""
    where = "repo_id = ? and sha = ? and app = ? and path is null"
    found = state.store.first(records.Suite, where, repo.id, sha, app)
    now = state.now()
    return found or state.store.add(
        records.Suite(
            repo_id=repo.id, sha=sha, app=app, branch=branch, created_at=now, updated_at=now
        )
    )


def report(
    state: State, run: records.CheckRun, told: Reported
) -> records.CheckRun:
    """Write what is told about a check run, and bring its suite up to date."""
    fields = {k: v for k, v in msgspec.structs.asdict(told).items() if v is not None}
    if told.conclusion:
        fields["status"] = "completed"
        fields.setdefault("completed_at", state.now())
    if fields.get("status") in ("in_progress", "completed") and run.started_at is None:
        fields.setdefault("started_at", state.now())
    if fields.get("status") in ("queued", "in_progress"):
        fields |= {"conclusion": None, "completed_at": None}
    run = state.store.change(run, **fields) if fields else run
    settle(state, state.store.need(records.Suite, run.suite_id))
    return run


def settle(state: State, suite: records.Suite) -> records.Suite:
    runs = newest_of(state.store.select(records.CheckRun, "suite_id = ?", suite.id))
    open_states = {run.status for run in runs} - {"completed"}
    if not runs or not open_states:
        found = {run.conclusion for run in runs}
        conclusion = next((word for word in SEVERITY if word in found), suite.conclusion)
        status = "completed" if runs or suite.conclusion else suite.status
    else:
        conclusion = None
        untouched = open_states == {"queued"} and all(r.status == "queued" for r in runs)
        status = "queued" if untouched else "in_progress"
    return state.store.change(
        suite, status=status, conclusion=conclusion, updated_at=state.now()
    )
