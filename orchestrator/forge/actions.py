"""Workflow runs: queued by a push or a pull request, run by the runner, settled by its reports."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zlib import crc32

import msgspec

from orchestrator.forge import checks, host, pulls, records, workflows
from orchestrator.forge.state import State

MINUTE = 60.0


def start_runs(
    state: State, repo: records.Repo, branch: str, sha: str, actor: records.User
) -> None:
    """Queue every workflow that this head asks for and that has not run for this commit yet."""
    bases = [pull.base_ref for pull in pulls.open_with_head(state, repo.id, branch)]
    for workflow in written(state, repo, sha):
        ran = state.store.count(
            records.Suite, "repo_id = ? and sha = ? and path = ?", repo.id, sha, workflow.path
        )
        if branch == repo.default_branch:
            register(state, repo, workflow)
        event = ""
        if workflows.wanted(workflow, "push", branch):
            event = "push"
        elif any(workflows.wanted(workflow, "pull_request", base) for base in bases):
            event = "pull_request"
        if event and not ran:
            queue(state, repo, workflow, Head(sha, branch, event, actor.id))


def register(state: State, repo: records.Repo, workflow: workflows.Workflow) -> records.Flow:
    """Remember a workflow by its path, under the name that it has now."""
    where, now = "repo_id = ? and path = ?", state.now()
    known = state.store.first(records.Flow, where, repo.id, workflow.path)
    if known is None:
        return state.store.add(
            records.Flow(
                repo_id=repo.id, path=workflow.path, name=workflow.name, created_at=now,
                updated_at=now,
            )
        )
    if known.name == workflow.name:
        return known
    return state.store.change(known, name=workflow.name, updated_at=now)


def register_all(state: State, repo: records.Repo, sha: str) -> None:
    """The workflows of a first commit, which nobody pushed."""
    for workflow in written(state, repo, sha):
        register(state, repo, workflow)


def written(state: State, repo: records.Repo, sha: str) -> Iterator[workflows.Workflow]:
    """Every workflow that a commit holds."""
    git = state.path(repo)
    for path in host.tree_files(git, sha, workflows.FOLDER):
        if path.endswith((".yml", ".yaml")):
            text = (host.blob(git, sha, path) or b"").decode(errors="replace")
            yield workflows.parse(path, text)


def flow_of(state: State, suite: records.Suite) -> records.Flow:
    """The workflow behind a run."""
    repo = state.store.need(records.Repo, suite.repo_id)
    found = state.store.first(
        records.Flow, "repo_id = ? and path = ?", repo.id, suite.path or ""
    )
    return found or register(state, repo, workflows.Workflow(suite.path or "", suite.name, (), ()))


class Head(msgspec.Struct, frozen=True):
    sha: str
    branch: str
    event: str
    actor_id: int


def queue(
    state: State, repo: records.Repo, workflow: workflows.Workflow, head: Head
) -> records.Suite:
    now = state.now()
    earlier = state.store.count(
        records.Suite, "repo_id = ? and path = ?", repo.id, workflow.path
    )
    register(state, repo, workflow)
    broken = not workflow.jobs
    suite = state.store.add(
        records.Suite(
            repo_id=repo.id, sha=head.sha, branch=head.branch, app=checks.ACTIONS,
            status="completed" if broken else "queued",
            conclusion="startup_failure" if broken else None,
            created_at=now, updated_at=now, path=workflow.path, name=workflow.name,
            event=head.event, number=earlier + 1, actor_id=head.actor_id,
        )
    )
    for job in workflow.jobs:
        state.store.add(
            records.CheckRun(
                suite_id=suite.id, repo_id=repo.id, sha=head.sha, name=job.name, key=job.key,
                job=msgspec.json.encode(job).decode(),
            )
        )
    return suite


def repeat(
    state: State, suite: records.Suite, *, failed_only: bool = False,
    only: records.CheckRun | None = None, everything: bool = False,
) -> int:
    """Queue jobs of a run that is over once more, each as a new check run; how many.

    The jobs that need a repeated one are repeated with it.
    """
    rows = checks.newest_of(state.store.select(records.CheckRun, "suite_id = ?", suite.id))
    jobs = {row.key: msgspec.json.decode(row.job or "", type=workflows.Job) for row in rows}
    chosen = {
        row.key for row in rows
        if everything or (failed_only and row.conclusion not in checks.PASSING)
        or (only and row.key == only.key)
    }
    while more := {key for key, job in jobs.items() if key not in chosen and chosen & {*job.needs}}:
        chosen |= more
    for row in rows:
        if row.key in chosen:
            state.store.add(
                records.CheckRun(
                    suite_id=suite.id, repo_id=row.repo_id, sha=row.sha, name=row.name,
                    key=row.key, job=row.job,
                )
            )
    checks.settle(state, suite)
    return len(chosen)


def recover(state: State) -> None:
    """After a crash: what was running has no process any more, so it starts again."""
    where = "job is not null and status = 'in_progress'"
    for run in state.store.select(records.CheckRun, where):
        checks.report(state, run, checks.Reported(status="queued"))


def settle(state: State, now: datetime) -> int:
    """Write down the jobs that ended."""
    reports = state.runner.finished(now)
    for report in reports:
        run = state.store.get(records.CheckRun, report.check_id)
        if run is None or run.status == "completed":
            continue
        bad_luck = report.conclusion == "success" and falls_by_chance(state, run)
        told = checks.Reported(
            conclusion="failure" if bad_luck else report.conclusion,
            summary="It failed by chance." if bad_luck else report.summary or None,
        )
        checks.report(state, run, told)
    return len(reports)


def falls_by_chance(state: State, run: records.CheckRun) -> bool:
    """Whether this very run of the job is one of those that are told as failed."""
    rate = state.settings.ci_flaky
    if not rate:
        return False
    where = "suite_id = ? and key = ? and id < ?"
    times = state.store.count(records.CheckRun, where, run.suite_id, run.key, run.id)
    thrown = f"{state.settings.ci_seed} {run.sha} {run.key} {times}"
    return crc32(thrown.encode()) / 2**32 < rate


def begin(state: State, now: datetime) -> int:
    """Start queued jobs, oldest first, as far as there are slots and what they need is done."""
    where = "job is not null and status = 'in_progress'"
    free = state.settings.ci_slots - state.store.count(records.CheckRun, where)
    begun = 0
    queued = "job is not null and status = 'queued' order by id"
    for run in state.store.select(records.CheckRun, queued):
        job = msgspec.json.decode(run.job or "", type=workflows.Job)
        verdict = readiness(state, run, job)
        if verdict in ("failure", "skipped"):
            words = job.unable if verdict == "failure" else None
            checks.report(state, run, checks.Reported(conclusion=verdict, summary=words))
            begun += 1
        elif verdict == "ready" and free > 0:
            free -= 1
            begun += 1
            launch(state, run, job, now)
    return begun


def readiness(state: State, run: records.CheckRun, job: workflows.Job) -> str:
    every = state.store.select(records.CheckRun, "suite_id = ?", run.suite_id)
    siblings = checks.newest_of(every)
    needed = [other for other in siblings if other.key in job.needs]
    if {other.key for other in needed} != set(job.needs):
        return "failure"
    if any(other.status == "completed" and other.conclusion != "success" for other in needed):
        return "skipped"
    if any(other.status != "completed" for other in needed):
        return "waiting"
    return "failure" if job.unable else "ready"


def launch(
    state: State, run: records.CheckRun, job: workflows.Job, now: datetime
) -> None:
    repo = state.store.need(records.Repo, run.repo_id)
    suite = state.store.need(records.Suite, run.suite_id)
    checks.report(state, run, checks.Reported(status="in_progress"))
    seconds = state.settings.ci_seconds
    order = workflows.JobOrder(
        check_id=run.id, run_id=suite.id, repository=str(state.path(repo).resolve()),
        full_name=repo.full_name, sha=run.sha, branch=suite.branch or "", event=suite.event,
        job=job, seconds=min(seconds, job.minutes * MINUTE) if job.minutes else seconds,
    )
    state.runner.start(order, now)
