"""The forge over real sockets: PyGithub, git over HTTP, and CI in processes of its own."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import github as pygithub
import pytest
import requests

from tests.support import forge as forge_support

REPO = "/repos/maria/library"
WORKFLOW = """\
name: CI
on: [push, pull_request]
env: {EVERYWHERE: one}
jobs:
  test:
    runs-on: ubuntu-latest
    env: {HERE: two}
    steps:
      - uses: actions/checkout@v4
      - name: Look around
        run: |
          test "$CI/$EVERYWHERE/$HERE/$MINE" = true/one/two/three
          test "$(git rev-parse HEAD)" = "$GITHUB_SHA"
          test "$(ls "$HOME" | wc -l)" = 0
          echo LATER=four >> "$GITHUB_ENV"
        env: {MINE: three}
      - run: |
          test "$LATER" = four && test "$(basename "$PWD")" = docs && test -z "$MINE"
        working-directory: docs
      - run: |
          test ! -e ../broken
          echo all is well
        working-directory: docs
  after:
    runs-on: ubuntu-latest
    needs: [test]
    steps:
      - run: echo after
  odd:
    runs-on: ubuntu-latest
    steps:
      - run: echo ${{ github.sha }}
"""
SEED = forge_support.SEED | {
    "repos": [
        {
            "name": "maria/library",
            "files": {"docs/a.txt": "a\n", ".github/workflows/ci.yml": WORKFLOW},
            "collaborators": {"robot": "write"},
        },
        {"name": "maria/secret", "private": True, "files": {"a": "b"}},
    ],
}


@pytest.fixture
def github(tmp_path: Path) -> Iterator[forge_support.Github]:
    with forge_support.served(tmp_path / "forge", SEED) as found:
        yield found


@pytest.fixture
def work(github: forge_support.Github, tmp_path: Path) -> forge_support.Clone:
    url = github.git_url("maria/library", "robot-token")
    return forge_support.clone(url, tmp_path / "work")


def finished(session: forge_support.Session, sha: str) -> dict[str, Any]:
    def look() -> Any:
        runs = session.get(f"{REPO}/commits/{sha}/check-runs").json()["check_runs"]
        return runs if runs and all(run["status"] == "completed" for run in runs) else None

    return {run["name"]: run for run in forge_support.eventually(look)}


def log_of(session: forge_support.Session, run: dict[str, Any]) -> str:
    return session.get(f"{REPO}/actions/jobs/{run['id']}/logs").text


def test_from_clone_to_merge_with_pygithub(
    github: forge_support.Github, work: forge_support.Clone
) -> None:
    work.branch("feature")
    sha = work.commit({"new.txt": "new\n"})
    work.git("push", "-q", "origin", "feature")
    client = pygithub.Github(
        auth=pygithub.Auth.Token("robot-token"), base_url=github.url, retry=None,
        seconds_between_requests=0, seconds_between_writes=0,
    )
    assert client.get_user().login == "robot"
    assert client.get_rate_limit().resources.core.limit == 5000
    repo = client.get_repo("maria/library")
    issue = repo.get_issue(1)
    issue.create_comment("Working on it")
    issue.add_to_labels("agent")
    assert [label.name for label in issue.get_labels()] == ["agent", "bug"]
    assert [event.event for event in issue.get_events()] == ["labeled", "labeled"]
    pull = repo.create_pull(base="main", head="feature", title="New", body="Closes #1")
    assert [one.number for one in repo.get_pulls(head="maria:feature")] == [pull.number]
    assert [one.filename for one in pull.get_files()] == ["new.txt"]
    runs = finished(github.session("robot-token"), sha)
    assert (runs["test"]["conclusion"], runs["after"]["conclusion"]) == ("success", "success")
    # An expression cannot be evaluated here, and a job that has one never passes by luck.
    assert runs["odd"]["conclusion"] == "failure"
    assert "expression" in runs["odd"]["output"]["summary"]
    assert repo.get_commit(sha).get_check_runs().totalCount == 3
    assert forge_support.eventually(lambda: repo.get_pull(pull.number).mergeable)
    with pytest.raises(pygithub.GithubException) as refused:
        pull.merge(merge_method="squash", sha="1" * 40)
    assert refused.value.status == 409
    status = pull.merge(merge_method="squash", sha=sha)
    assert status.merged
    assert repo.get_issue(1).state == "closed"
    repo.get_git_ref("heads/feature").delete()
    work.git("fetch", "-q", "--prune")
    assert work.git("rev-parse", "origin/main").stdout.strip() == status.sha
    assert "feature" not in work.git("branch", "-r").stdout
    requester = client.requester
    _, answer = requester.graphql_query("{viewer{login}}", {})
    assert answer["data"]["viewer"]["login"] == "robot"


def test_the_forge_says_its_own_time_once(tmp_path: Path) -> None:
    with forge_support.served(tmp_path / "forge", clock=forge_support.Clock()) as github:
        for path in ("/user", "/repos/maria/nothing"):
            answer = github.session("robot-token").get(path)
            assert answer.headers["Date"] == "Mon, 05 Jan 2026 09:00:00 GMT"


def test_red_ci_stops_what_needs_it(
    github: forge_support.Github, work: forge_support.Clone
) -> None:
    session = github.session("robot-token")
    work.branch("feature")
    sha = work.commit({"broken": "yes\n"})
    work.git("push", "-q", "origin", "feature")
    runs = finished(session, sha)
    assert (runs["test"]["conclusion"], runs["after"]["conclusion"]) == ("failure", "skipped")
    text = log_of(session, runs["test"])
    assert "actions/checkout@v4: skipped" in text
    assert "all is well" not in text
    notes = session.get(f"{REPO}/check-runs/{runs['test']['id']}/annotations").json()
    assert notes[0]["message"] == "Process completed with exit code 1."
    left = list((github.data / "ci").rglob("*.work"))
    assert left == []


def test_who_may_fetch_and_push(
    github: forge_support.Github, work: forge_support.Clone, tmp_path: Path
) -> None:
    work.branch("feature")
    work.commit({"new.txt": "new\n"})
    eve = github.git_url("maria/library", "eve-token")
    denied = work.git("push", eve, "feature", check=False)
    assert "403" in denied.stderr or "denied" in denied.stderr
    nobody = f"{github.url}/maria/library.git"
    assert work.git("push", nobody, "feature", check=False).returncode
    for protocol in ("0", "1", "2"):
        listed = work.git("-c", f"protocol.version={protocol}", "ls-remote", nobody).stdout
        assert "refs/heads/main" in listed
    dumb = github.session(None).get("/maria/library.git/info/refs")
    assert (dumb.status_code, dumb.text) == (403, "Please upgrade your git client.\n")
    wrong = github.git_url("maria/library", "wrong")
    assert work.git("push", wrong, "feature", check=False).returncode
    secret = github.git_url("maria/secret", "eve-token")
    assert "not found" in work.git("ls-remote", secret, check=False).stderr
    hidden = f"{github.url}/maria/secret.git"
    assert work.git("ls-remote", hidden, check=False).returncode
    assert work.git("ls-remote", github.git_url("maria/secret", "maria-token")).returncode == 0
    header = "http.extraHeader=Authorization: Bearer robot-token"
    assert work.git("-c", header, "push", "-q", nobody, "feature").returncode == 0


def test_protected_branches_refuse_pushes(
    github: forge_support.Github, work: forge_support.Clone
) -> None:
    maria = github.session("maria-token")
    told = {
        "required_status_checks": {"strict": False, "contexts": ["test"]},
        "enforce_admins": False, "required_pull_request_reviews": None, "restrictions": None,
    }
    assert maria.put(f"{REPO}/branches/main/protection", json=told).ok
    work.branch("feature")
    work.commit({"new.txt": "new\n"})
    refused = work.git("push", "origin", "feature:main", "feature", check=False)
    assert "GH006: Protected branch update failed for refs/heads/main" in refused.stderr
    assert "hook declined" in refused.stderr
    heads = work.git("ls-remote", "--heads", "origin").stdout
    assert "refs/heads/feature" in heads
    admin = github.git_url("maria/library", "maria-token")
    assert work.git("push", "-q", admin, "feature:main").returncode == 0
    work.git("commit", "-q", "--amend", "-m", "Rewritten")
    forced = work.git("push", "-f", admin, "feature:main", check=False)
    assert "Cannot force-push" in forced.stderr
    assert "! [remote rejected] main" in work.git("push", admin, ":main", check=False).stderr


def test_large_and_compressed_bodies(
    github: forge_support.Github, work: forge_support.Clone
) -> None:
    work.branch("large")
    # Noise does not compress, so git sends it chunked.
    noise = "".join(chr(33 + (n * n * 7919) % 94) for n in range(3_000_000))
    work.commit({"noise.txt": noise})
    work.git("-c", "http.postBuffer=65536", "push", "-q", "origin", "large")
    for number in range(60):
        work.commit({"n.txt": f"{number}\n"}, f"Number {number}")
    work.git("push", "-q", "origin", "large")
    work.git("fetch", "-q", "origin")
    body = gzip.compress(b"0014command=ls-refs\n0000")
    answer = requests.post(
        f"{github.url}/maria/library.git/git-upload-pack", data=body, timeout=10,
        headers={
            "Content-Encoding": "gzip", "Git-Protocol": "version=2",
            "Content-Type": "application/x-git-upload-pack-request",
        },
    )
    assert b"refs/heads/large" in answer.content


def test_a_job_that_hangs_is_stopped(tmp_path: Path) -> None:
    flow = "on: push\njobs: {wait: {timeout-minutes: 0.005, steps: [{run: sleep 600 & wait}]}}\n"
    repo = {"name": "maria/library", "files": {".github/workflows/w.yml": flow}}
    with forge_support.served(tmp_path / "forge", {
        "users": SEED["users"], "repos": [repo],
    }) as github:
        work = forge_support.clone(
            github.git_url("maria/library", "maria-token"), tmp_path / "work"
        )
        work.branch("feature")
        sha = work.commit({"x": "x\n"})
        work.git("push", "-q", "origin", "feature")
        runs = finished(github.session("maria-token"), sha)
        assert runs["wait"]["conclusion"] == "timed_out"
