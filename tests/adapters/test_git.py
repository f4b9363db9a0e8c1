"""No setting, hook, variable or prompt of anybody else plays a part in our git commands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.adapters import git as wrapper
from orchestrator.adapters.git import Git, GitError, Identity, Inline
from tests.support import repos
from tests.support.repos import Origin


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return repos.origin(tmp_path)


def test_nothing_planted_in_a_repository_runs(origin: Origin, tmp_path: Path) -> None:
    evil = tmp_path / "evil"
    for setting in ("core.fsmonitor", "diff.external", "gpg.program", "core.sshCommand"):
        repos.git(origin.clone, "config", setting, f"touch {evil}")
    repos.git(origin.clone, "config", "commit.gpgsign", "true")
    for name in ("pre-commit", "post-checkout", "reference-transaction", "post-commit"):
        hook = origin.clone / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {evil}\n")
        hook.chmod(0o755)
    git = Git(origin.clone / ".git", origin.clone)
    (origin.clone / "new.txt").write_text("new\n")
    git.run("status", "--porcelain")
    git.run("add", "--all")
    tree = git.text("write-tree")
    head = str(origin.tip())
    sha = git.commit("refs/heads/x", tree=tree, parents=(head,), message="x", identity=repos.WHO)
    git.run("diff", "--no-ext-diff", head, sha)
    git.run("checkout", "--quiet", "x")
    assert not evil.exists()


def test_the_environment_of_the_caller_does_not_reach_git(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text("[core]\n\tbare = perhaps\n")
    assert Git(origin.bare).text("rev-parse", "main") == origin.tip()
    assert not (tmp_path / "trace").exists()
    assert "HOME" not in wrapper.environment()


def test_the_git_folder_is_named_and_never_looked_for(origin: Origin, tmp_path: Path) -> None:
    (origin.clone / ".git").rename(tmp_path / "away")
    with pytest.raises(GitError):
        Git(origin.clone / ".git", origin.clone).text("rev-parse", "HEAD")


def test_an_error_says_what_git_said(origin: Origin) -> None:
    with pytest.raises(GitError, match=r"git cat-file failed \(128\): fatal: .*nowhere") as told:
        Git(origin.bare).run("cat-file", "blob", "nowhere")
    assert told.value.exit_code_of_git == 128


def test_a_git_that_hangs_is_ended_and_told(origin: Origin) -> None:
    git = Git(origin.bare, timeout_seconds=0.3)
    with pytest.raises(GitError, match="did not finish in time"):
        git.run("-c", "alias.wait=!sleep 60", "wait")


def test_refs_are_read_loose_and_packed(origin: Origin) -> None:
    git = Git(origin.bare)
    assert git.ref("refs/heads/main") == origin.tip()
    repos.git(origin.bare, "pack-refs", "--all")
    assert not (origin.bare / "refs/heads/main").exists()
    assert git.ref("refs/heads/main") == origin.tip()
    assert git.ref("refs/heads/nothing") is None
    assert git.ref("refs/heads") is None


def test_a_ref_moves_only_from_where_it_is_expected(origin: Origin) -> None:
    git, first = Git(origin.bare), str(origin.tip())
    second = origin.commit({"x": "x"})
    git.write_ref("refs/salvage/x", first, expected="")
    for wrong in ("", second):
        with pytest.raises(GitError):
            git.write_ref("refs/salvage/x", second, expected=wrong)
    git.write_ref("refs/salvage/x", second, expected=first)
    with pytest.raises(GitError):
        git.delete_ref("refs/salvage/x", expected=first)
    git.delete_ref("refs/salvage/x", expected=second)
    assert git.ref("refs/salvage/x") is None


def test_a_commit_is_exactly_what_was_given(origin: Origin) -> None:
    git, head = Git(origin.bare), str(origin.tip())
    who = Identity(name="A <b>\nc", email="<x@y>", moment=repos.MOMENT)
    odd = 'odd "name"\\\n\u00fc.txt'
    made = [
        git.commit(
            "refs/heads/agent/x",
            tree=git.text("rev-parse", f"{head}^{{tree}}"),
            parents=(head,),
            message="Title\n\ndone\nget-mark :1\n",
            identity=who,
            files=(Inline(path=odd, text="M 100644 x\n"), Inline(path="README.md", text=None)),
        )
        for _ in range(2)
    ]
    assert made[0] == made[1]
    listed = git.run("ls-tree", "-r", "-z", "--name-only", made[0]).stdout
    assert set(os.fsdecode(listed).split("\0")) == {odd, "CODEBASE.md", "calculator.py", ""}
    said = git.text("show", "--no-patch", "--format=%an|%ae|%cn|%ct|%B", made[0])
    assert said.startswith(f"A bc|x@y|A bc|{int(repos.MOMENT.timestamp())}|Title\n\ndone\nget-mark")
    assert not list(origin.bare.glob("fast_import_crash_*"))
