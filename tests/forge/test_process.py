"""The program: it starts, is killed at any moment, and goes on where it was."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from orchestrator.forge import host, moments
from orchestrator.forge import seed as forge_seed
from tests.support import forge as forge_support

REPO = "/repos/maria/library"
SLOW = """\
on: push
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - run: |
          while [ ! -e "%s" ]; do sleep 0.02; done
"""


def test_killed_and_started_again(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    seed = forge_support.SEED | {"repos": [
        {"name": "maria/library", "files": {".github/workflows/ci.yml": SLOW % gate}},
    ]}
    with forge_support.process(tmp_path / "forge", seed) as github:
        maria = github.session("maria-token")
        work = forge_support.clone(
            github.git_url("maria/library", "maria-token"), tmp_path / "work"
        )
        work.branch("feature")
        sha = work.commit({"x": "x\n"})
        work.git("push", "-q", "origin", "feature")
        told = {"title": "x", "head": "feature", "base": "main", "body": "Closes #1"}
        assert maria.post(f"{REPO}/pulls", json=told).ok
        assert maria.post(f"{REPO}/issues/1/comments", json={"body": "Kept"}).ok

        def status(session: forge_support.Session) -> Any:
            runs = session.get(f"{REPO}/commits/{sha}/check-runs").json()["check_runs"]
            return runs[0]["status"] if runs else None

        forge_support.eventually(lambda: status(maria) == "in_progress")
        github.kill()
        gate.write_text("open")
        github.start()
        maria = github.session("maria-token")
        forge_support.eventually(lambda: status(maria) == "completed")
        runs = maria.get(f"{REPO}/commits/{sha}/check-runs").json()["check_runs"]
        assert [run["conclusion"] for run in runs] == ["success"]
        assert len(maria.get(f"{REPO}/issues?state=all").json()) == 3
        assert maria.get(f"{REPO}/issues/1/comments").json()[0]["body"] == "Kept"
        forge_support.eventually(lambda: maria.get(f"{REPO}/pulls/3").json()["mergeable"])
        assert maria.put(f"{REPO}/pulls/3/merge", json={"sha": sha}).ok
        github.kill()
        github.start()
        maria = github.session("maria-token")
        assert maria.get(f"{REPO}/pulls/3").json()["merged"] is True
        assert maria.get(f"{REPO}/issues/1").json()["state"] == "closed"
        assert github.end() == 0


def test_a_push_that_nobody_wrote_down(tmp_path: Path) -> None:
    with forge_support.inside(tmp_path / "forge") as github:
        work = forge_support.clone(github.bare("maria/library"), tmp_path / "work")
        work.branch("feature")
        sha = work.commit({"x": "x\n"})
        work.git("push", "-q", "origin", "feature")
        maria = github.session()
        assert maria.get(f"{REPO}/branches/feature").status_code == 404
    with forge_support.inside(tmp_path / "forge") as github:
        body = github.session().get(f"{REPO}/branches/feature").json()
        assert body["commit"]["sha"] == sha
        github.pass_time(1)
        runs = github.session().get(f"{REPO}/commits/{sha}/check-runs").json()
        assert runs["total_count"] == 1


def test_a_seed_cut_short_is_applied_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(forge_seed, "add_issue", die)
        with pytest.raises(KeyboardInterrupt), forge_support.inside(tmp_path / "forge"):
            pass
    with forge_support.inside(tmp_path / "forge") as github:
        assert len(github.session().get(f"{REPO}/issues").json()) == 2
        assert host.refs(github.bare("maria/library")).keys() == {"refs/heads/main"}
    with forge_support.inside(tmp_path / "forge") as github:
        assert len(github.session().get(f"{REPO}/issues").json()) == 2


@pytest.mark.parametrize(
    ("seed", "words"),
    [
        ({"users": [{"login": "a", "shoe": 1}]}, "shoe"),
        ({"repos": [{"name": "nobody/x"}]}, "nobody"),
        ({"users": [{"login": "a"}], "repos": [{"name": "a/x", "from": "no"}]}, "no directory"),
        ({"users": [{"login": "a"}], "repos": [{"name": "a/x"}],
          "issues": [{"repo": "a/x", "title": "t", "status": "Ready"}]}, "no board"),
        ({"users": [{"login": "a"}], "issues": [{"repo": "a/y", "title": "t"}]}, "a/y"),
    ],
)
def test_a_seed_that_cannot_be(tmp_path: Path, seed: dict[str, Any], words: str) -> None:
    with pytest.raises(forge_seed.SeedError, match=words), \
            forge_support.inside(tmp_path / "forge", seed):
        pass


def test_a_seed_takes_a_directory(tmp_path: Path) -> None:
    folder = tmp_path / "forge" / "library"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "run.sh").write_text("#!/bin/sh\n")
    (folder / "sub" / "run.sh").chmod(0o755)
    seed = {"users": [{"login": "a", "token": "t"}], "repos": [{"name": "a/x", "from": "library"}]}
    with forge_support.inside(tmp_path / "forge", seed) as github:
        listing = host.git(github.bare("a/x"), "ls-tree", "-r", "main")
        assert listing.split()[0] == "100755"
        assert "sub/run.sh" in listing


def test_sigint_ends_it_too(tmp_path: Path) -> None:
    with forge_support.process(tmp_path / "forge", {"users": []}) as github:
        assert github.popen is not None
        github.popen.send_signal(signal.SIGINT)
        assert github.popen.wait(10) == 0


def test_times_are_githubs() -> None:
    moment = moments.parse("2026-01-05T10:00:00+01:00")
    assert moments.text(moment) == "2026-01-05T09:00:00Z"
