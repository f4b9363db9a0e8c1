"""Stores, worktrees and commits on real repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.adapters import history
from orchestrator.adapters.files import NotReadable
from orchestrator.adapters.git import Inline
from orchestrator.adapters.wire import AlreadyThere, Pushed, Refused
from orchestrator.records.change import Conflict, PathKind, Updated
from orchestrator.records.errors import GitHubTrouble, Trouble, UnsafeName
from orchestrator.workspace import Workspace, Worktree
from tests.support import repos
from tests.support.repos import Origin


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return repos.origin(tmp_path)


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return repos.workspace(tmp_path)


@pytest.fixture
def tree(origin: Origin, space: Workspace) -> Worktree:
    return space.prepare(repos.task(), space.refresh(origin.slug, "main"))


def deliver(space: Workspace, tree: Worktree, message: str = "Work") -> str:
    assert space.changes(tree)
    sha = space.commit(tree, message, repos.WHO)
    assert sha is not None
    assert isinstance(space.push(tree.slug, tree.branch, sha, expected=""), Pushed)
    return sha


def test_a_task_travels_from_store_to_origin(origin, space, tree) -> None:
    assert (tree.path / "calculator.py").exists()
    (tree.path / "calculator.py").write_text("def add(a, b):\n    return b + a\n")
    (tree.path / ".agent_result.md").write_text("STATUS: complete\n")
    changed = space.changes(tree)
    assert [(c.path, c.kind, c.was) for c in changed] == [
        ("calculator.py", PathKind.FILE, "100644")
    ]
    sha = space.commit(tree, "Turn", repos.WHO, extra_files={"CODEBASE.md": "# Codebase\n\nNew\n"})
    assert space.push(tree.slug, tree.branch, sha, expected="") == Pushed()
    assert origin.tip(tree.branch) == sha
    assert origin.read("CODEBASE.md", tree.branch) == "# Codebase\n\nNew"
    (commit,) = history.compare(space.git(tree.slug), tree.base_sha, sha).commits
    assert commit.author_email == commit.committer_email == "agent-os@localhost"
    assert commit.message == "Turn"
    space.discard(tree)
    assert not tree.path.exists()
    assert not list(space.ensure_store(tree.slug).folder.glob("worktrees/*"))
