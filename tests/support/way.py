"""A task's way through a workspace, for tests that end its process: it loads no more than that."""

from __future__ import annotations

from pathlib import Path

from orchestrator.adapters.wire import AlreadyThere, Pushed
from tests.support import repos


def whole(folder: Path, origin: str = "acme/calculator") -> str:
    """Fetch, worktree, changes, commit, push, remove: as a worker goes it; the SHA."""
    space, task = repos.workspace(folder), repos.task()
    base = space.refresh(origin, "main", branch=task.branch)
    there = space.remote_tip(origin, task.branch)
    tree = space.prepare(task, base, there)
    (tree.path / "new.txt").write_text("new\n")
    seen = space.look(tree)
    with space.clean(tree, seen.snapshot, base="main") as clean:
        assert (clean / "new.txt").read_text() == "new\n"
    sha = space.commit(tree, seen, "Work", repos.WHO, extra_files={"CODEBASE.md": "entry\n"})
    sha = sha or tree.start_sha
    outcome = space.push(origin, task.branch, sha, expected=there or "")
    assert isinstance(outcome, Pushed | AlreadyThere), outcome
    space.discard(tree)
    return sha
