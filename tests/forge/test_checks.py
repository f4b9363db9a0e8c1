"""Statuses, check runs, workflow runs and protection over REST."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.forge import actions, records
from orchestrator.forge.state import Settings
from tests.support import forge as forge_support

REPO = "/repos/maria/library"
NEEDS = """\
on:
  push:
    branches: [main, "release/**"]
  pull_request:
jobs:
  build: {runs-on: x, name: Build it, steps: [{run: "true"}]}
  test: {runs-on: x, needs: build, steps: [{run: "true"}]}
  ship: {runs-on: x, needs: [build, test], steps: [{run: "true"}]}
"""
PROTECTED: dict[str, Any] = {
    "required_status_checks": {"strict": False, "contexts": ["test"]}, "enforce_admins": None,
    "required_pull_request_reviews": None, "restrictions": None,
}


def names(session: forge_support.Session, ref: str) -> dict[str, tuple[str, str | None]]:
    body = session.get(f"{REPO}/commits/{ref}/check-runs").json()
    assert body["total_count"] == len(body["check_runs"])
    return {run["name"]: (run["status"], run["conclusion"]) for run in body["check_runs"]}


def test_a_push_runs_ci(
    github: forge_support.Github, robot: forge_support.Session, push: Callable[..., str]
) -> None:
    sha = push("feature")
    assert names(robot, "feature") == {"test": ("queued", None)}
    github.pass_time(2)
    assert names(robot, "feature") == {"test": ("in_progress", None)}
    github.pass_time(6)
    assert names(robot, sha) == {"test": ("completed", "success")}
    suites = robot.get(f"{REPO}/commits/{sha}/check-suites").json()["check_suites"]
    assert [(s["app"]["slug"], s["conclusion"]) for s in suites] == [("github-actions", "success")]
    runs = robot.get(f"{REPO}/actions/runs", params={"head_sha": sha}).json()["workflow_runs"]
    assert [(run["name"], run["event"], run["head_branch"]) for run in runs] == [
        ("CI", "push", "feature"),
    ]
    jobs = robot.get(f"{REPO}/actions/runs/{runs[0]['id']}/jobs").json()["jobs"]
    assert [(job["name"], job["conclusion"]) for job in jobs] == [("test", "success")]


def test_a_pull_request_does_not_run_it_again(
    github: forge_support.Github, robot: forge_support.Session,
    open_pull: Callable[..., dict[str, Any]],
) -> None:
    sha = open_pull()["head"]["sha"]
    github.pass_time(8)
    assert robot.get(f"{REPO}/commits/{sha}/check-runs").json()["total_count"] == 1


def test_jobs_wait_for_what_they_need(tmp_path: Path) -> None:
    verdicts = {"build": "success", "test": "failure"}
    runner = forge_support.PretendedRunner(lambda order: verdicts[order.job.key], seconds=1)
    seed = forge_support.SEED | {"repos": [
        {"name": "maria/library", "files": {".github/workflows/all.yaml": NEEDS},
         "collaborators": {"robot": "write"}},
    ], "issues": []}
    with forge_support.inside(tmp_path / "forge", seed, runner=runner) as github:
        robot = github.session("robot-token")
        work = forge_support.clone(github.bare("maria/library"), tmp_path / "work")
        work.branch("feature")
        work.commit({"x": "x\n"})
        work.git("push", "-q", "origin", "feature")
        github.forge.pushed("maria/library", "robot")
        assert names(robot, "feature") == {}
        told = {"title": "x", "head": "feature", "base": "main"}
        assert robot.post(f"{REPO}/pulls", json=told).ok
        github.pass_time(1)
        assert names(robot, "feature")["test"] == ("queued", None)
        github.pass_time(5)
        assert names(robot, "feature") == {
            "Build it": ("completed", "success"), "test": ("completed", "failure"),
            "ship": ("completed", "skipped"),
        }
        assert [order.job.key for order in runner.orders] == ["build", "test"]
        assert runner.orders[0].event == "pull_request"


def test_check_runs_from_outside(
    robot: forge_support.Session, push: Callable[..., str], github: forge_support.Github
) -> None:
    sha = push("feature")
    github.pass_time(8)
    told = {"name": "lint", "head_sha": sha, "status": "in_progress"}
    made = robot.post(f"{REPO}/check-runs", json=told)
    assert made.status_code == 201
    url = f"{REPO}/check-runs/{made.json()['id']}"
    output = {"title": "Red", "summary": "Two problems"}
    done = robot.patch(url, json={"conclusion": "failure", "output": output}).json()
    assert (done["status"], done["output"]["summary"]) == ("completed", "Two problems")
    assert done["completed_at"]
    assert robot.get(url).json()["app"]["slug"] == "robot"
    assert names(robot, "feature")["lint"] == ("completed", "failure")
    assert robot.get(f"{url}/annotations").json() == []
    assert robot.patch(url, json={"conclusion": "great"}).status_code == 422
    again = robot.post(f"{REPO}/check-runs", json=told | {"conclusion": "success"}).json()
    assert again["check_suite"] == done["check_suite"]
    query = {"check_name": "lint"}
    latest = robot.get(f"{REPO}/commits/{sha}/check-runs", params=query).json()
    assert [run["id"] for run in latest["check_runs"]] == [again["id"]]
    every = robot.get(f"{REPO}/commits/{sha}/check-runs", params=query | {"filter": "all"}).json()
    assert every["total_count"] == 2


def test_statuses_combine(robot: forge_support.Session, push: Callable[..., str]) -> None:
    sha = push("feature")
    url = f"{REPO}/commits/{sha}/status"
    assert (robot.get(url).json()["state"], robot.get(url).json()["total_count"]) == ("pending", 0)
    for context, state in (("a", "pending"), ("b", "success"), ("a", "success")):
        told = {"state": state, "context": context, "target_url": "http://x"}
        assert robot.post(f"{REPO}/statuses/{sha}", json=told).status_code == 201
    body = robot.get(url).json()
    assert (body["state"], body["total_count"]) == ("success", 2)
    assert len(robot.get(f"{REPO}/commits/{sha}/statuses").json()) == 3
    robot.post(f"{REPO}/statuses/{sha}", json={"state": "error"})
    assert robot.get(f"{REPO}/commits/feature/status").json()["state"] == "failure"
    assert robot.post(f"{REPO}/statuses/{sha}", json={"state": "odd"}).status_code == 422


@pytest.fixture
def protected(github: forge_support.Github) -> Iterator[forge_support.Session]:
    maria = github.session("maria-token")
    assert maria.put(f"{REPO}/branches/main/protection", json=PROTECTED).ok
    yield maria


def test_protection(protected: forge_support.Session, robot: forge_support.Session) -> None:
    url = f"{REPO}/branches/main"
    assert robot.get(f"{url}/protection").status_code == 403
    shown = protected.get(f"{url}/protection").json()
    assert shown["required_status_checks"]["contexts"] == ["test"]
    branch = robot.get(url).json()
    assert branch["protected"] is True
    assert branch["protection"]["required_status_checks"]["contexts"] == ["test"]
    assert robot.get(f"{REPO}/branches?protected=true").json()[0]["name"] == "main"
    assert robot.get(f"{REPO}/rules/branches/main").json() == []
    assert protected.delete(f"{url}/protection").status_code == 204
    missing = protected.get(f"{url}/protection")
    assert (missing.status_code, missing.json()["message"]) == (404, "Branch not protected")


def test_a_required_check_holds_the_merge(
    github: forge_support.Github, protected: forge_support.Session,
    robot: forge_support.Session, open_pull: Callable[..., dict[str, Any]],
) -> None:
    number = open_pull()["number"]
    url = f"{REPO}/pulls/{number}"
    github.pass_time(2)
    assert robot.get(url).json()["mergeable_state"] == "blocked"
    refused = robot.put(f"{url}/merge")
    assert refused.status_code == 405
    assert refused.json()["message"] == 'Required status check "test" is pending.'
    github.pass_time(6)
    assert robot.get(url).json()["mergeable_state"] == "clean"
    assert robot.put(f"{url}/merge").ok


def test_strict_protection_wants_the_newest_base(
    github: forge_support.Github, robot: forge_support.Session,
    open_pull: Callable[..., dict[str, Any]],
) -> None:
    maria = github.session("maria-token")
    strict = PROTECTED | {"required_status_checks": {"strict": True, "contexts": ["test"]}}
    assert maria.put(f"{REPO}/branches/main/protection", json=strict).ok
    one, two = open_pull("one")["number"], open_pull("two")["number"]
    github.pass_time(20)
    assert robot.put(f"{REPO}/pulls/{one}/merge").ok
    github.pass_time(2)
    assert robot.get(f"{REPO}/pulls/{two}").json()["mergeable_state"] == "behind"
    assert robot.put(f"{REPO}/pulls/{two}/merge").status_code == 405


def test_required_reviews(
    github: forge_support.Github, open_pull: Callable[..., dict[str, Any]],
    robot: forge_support.Session,
) -> None:
    maria = github.session("maria-token")
    reviews = {"required_approving_review_count": 1}
    told = PROTECTED | {
        "required_status_checks": None, "required_pull_request_reviews": reviews,
    }
    assert maria.put(f"{REPO}/branches/main/protection", json=told).ok
    number = open_pull()["number"]
    github.pass_time(8)
    assert robot.put(f"{REPO}/pulls/{number}/merge").status_code == 405
    assert maria.post(f"{REPO}/pulls/{number}/reviews", json={"event": "APPROVE"}).ok
    assert robot.put(f"{REPO}/pulls/{number}/merge").ok


def test_a_ruleset_is_told_as_rules(tmp_path: Path) -> None:
    rule = {"main": {"required": ["test"], "ruleset": True}}
    repo = forge_support.SEED["repos"][0] | {"protection": rule}
    seed = forge_support.SEED | {"repos": [repo]}
    with forge_support.inside(tmp_path / "forge", seed) as github:
        rules = github.session("robot-token").get(f"{REPO}/rules/branches/main").json()
        assert rules[0]["type"] == "required_status_checks"
        assert rules[0]["parameters"]["required_status_checks"] == [{"context": "test"}]


def test_the_failed_jobs_of_a_run_are_repeated_as_new_check_runs(tmp_path: Path) -> None:
    verdicts = {"build": "success", "test": "failure"}
    runner = forge_support.PretendedRunner(
        lambda order: verdicts.get(order.job.key, "success"), seconds=1
    )
    files = {".github/workflows/all.yaml": NEEDS}
    seed = forge_support.SEED | {"repos": [
        {"name": "maria/library", "files": files, "collaborators": {"robot": "write"}},
    ], "issues": []}
    with forge_support.inside(tmp_path / "forge", seed, runner=runner) as github:
        robot = github.session("robot-token")
        work = forge_support.clone(github.bare("maria/library"), tmp_path / "work")
        work.commit({"x": "x\n"})
        work.git("push", "-q", "origin", "HEAD:main")
        github.forge.pushed("maria/library", "robot")
        run = robot.get(f"{REPO}/actions/runs").json()["workflow_runs"][0]
        again = f"{REPO}/actions/runs/{run['id']}/rerun-failed-jobs"
        assert robot.post(again).status_code == 403, "it has not ended"
        github.pass_time(10)
        before = robot.get(f"{REPO}/actions/runs/{run['id']}/jobs").json()["jobs"]
        assert [job["conclusion"] for job in before] == ["success", "failure", "skipped"]
        assert github.session("eve-token").post(again).status_code == 403
        assert robot.post(again).status_code == 201
        assert robot.post(again).status_code == 403, "it is running"
        verdicts["test"] = "success"
        github.pass_time(10)
        after = robot.get(f"{REPO}/actions/runs/{run['id']}/jobs").json()["jobs"]
        assert [job["conclusion"] for job in after] == ["success"] * 3
        assert [old["id"] == new["id"] for old, new in zip(before, after, strict=True)] == [
            True, False, False,
        ]
        assert robot.post(again).status_code == 403, "nothing failed"
        job = f"{REPO}/actions/jobs/{after[0]['id']}/rerun"
        assert robot.post(job).status_code == 201
        github.pass_time(10)
        suites = robot.get(f"{REPO}/commits/main/check-suites").json()["check_suites"]
        assert [suite["conclusion"] for suite in suites] == ["success"]


def test_a_check_of_another_app_is_requested_anew(
    github: forge_support.Github, robot: forge_support.Session, push: Callable[..., str]
) -> None:
    sha = push("feature")
    told = {"name": "lint", "head_sha": sha, "conclusion": "failure"}
    made = robot.post(f"{REPO}/check-runs", json=told).json()
    assert robot.post(f"{REPO}/check-runs/{made['id']}/rerequest").status_code == 201
    suite = robot.get(f"{REPO}/commits/{sha}/check-suites").json()["check_suites"]
    assert ("queued", None) in [(one["status"], one["conclusion"]) for one in suite]
    assert robot.post(f"{REPO}/check-runs/999/rerequest").status_code == 404
    github.pass_time(10)
    [job] = [
        one for one in robot.get(f"{REPO}/commits/{sha}/check-runs").json()["check_runs"]
        if one["name"] == "test"
    ]
    assert robot.post(f"{REPO}/check-runs/{job['id']}/rerequest").status_code == 403


def test_jobs_fail_by_chance_as_often_as_asked_and_the_same_ones_every_time(
    tmp_path: Path,
) -> None:
    rows = [
        records.CheckRun(id=n, suite_id=0, repo_id=1, sha=f"{n:040d}", name="test", key="test")
        for n in range(1, 1_001)
    ]
    told = []
    for folder, rate in (("a", 0.05), ("b", 0.05), ("c", 1.0)):
        settings = Settings(ci_flaky=rate, ci_seed=3)
        with forge_support.inside(tmp_path / folder, settings=settings) as github:
            told.append([actions.falls_by_chance(github.forge.state, row) for row in rows])
    assert told[0] == told[1] and 30 <= sum(told[0]) <= 75 and all(told[2])


def test_a_job_that_failed_by_chance_is_told_as_failed(tmp_path: Path) -> None:
    with forge_support.inside(tmp_path / "forge", settings=Settings(ci_flaky=1.0)) as github:
        work = forge_support.clone(github.bare("maria/library"), tmp_path / "work")
        sha = work.commit({"x": "x\n"})
        work.git("push", "-q", "origin", "HEAD:main")
        github.forge.pushed("maria/library", "robot")
        github.pass_time(8)
        assert names(github.session("robot-token"), sha) == {"test": ("completed", "failure")}
