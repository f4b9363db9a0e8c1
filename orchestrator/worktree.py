"""A task's own checkout and what it holds, read as it is now, whatever an agent did to its git."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from orchestrator.adapters import history
from orchestrator.adapters.git import Git
from orchestrator.adapters.store import Store
from orchestrator.executors import private
from orchestrator.records.change import ChangedPath
from orchestrator.records.order import GitView
from orchestrator.rules import gate

RESULT_FILE = ".agent_result.md"
# What agents leave beside their work, and nobody wants in a commit, tracked or not.
EXCLUDED = (f":(top,exclude){RESULT_FILE}",)


class Worktree(Struct, frozen=True, kw_only=True):
    """A task's own checkout; `start_sha` is what the attempt begins with, `base_sha` the base."""

    slug: str
    task_id: str
    branch: str
    path: Path
    base_sha: str
    start_sha: str


class Seen(Struct, frozen=True, kw_only=True):
    """What a worktree holds: its tree in the store, and every path that differs from the base.

    `snapshot` is "" where a file is too large for the store; then `changes` tells only those.
    """

    snapshot: str
    changes: tuple[ChangedPath, ...]


def look(store: Store, tree: Worktree) -> Seen:
    """Every path in which the folder differs from the base; a file too large for the store alone.

    Raises GitError where git cannot take a path, CannotStart where the folder is gone.
    """
    git = store.indexed(tree.task_id, tree.path, tree.start_sha)
    if large := _oversized(git):
        return Seen(snapshot="", changes=large)
    git.run("add", "--all", "--", ":/", *EXCLUDED)
    taken = git.text("write-tree")
    return Seen(snapshot=taken, changes=history.changed(git, tree.base_sha, taken))


def snapshot(store: Store, tree: Worktree) -> str | None:
    """The tree of what stands in a leftover folder; None where there is no folder.

    Without our copy of its index the checkout was cut short, and what is missing from it was
    not deleted by anybody.
    """
    if tree.path.is_symlink() or not tree.path.is_dir():
        return None
    extent = "--all" if store.index(tree.task_id).exists() else "--ignore-removal"
    git = store.indexed(tree.task_id, tree.path, tree.start_sha)
    large = tuple(f":(top,exclude,literal){change.path}" for change in _oversized(git))
    git.run("add", extent, "--ignore-errors", "--", ":/", *EXCLUDED, *large, ok=(0, 1, 128))
    return git.text("write-tree")


def check_out(
    store: Store, folder: Path, holding: str, view: GitView, *, over: tuple[str, ...] = (), of: str
) -> None:
    """Fill an empty folder with the files of a tree, and with the paths `over` of the tree `of`.

    Its `.git` is a repository of its own that borrows the store's objects; nothing in the folder
    leads back to the store's other files. Raises GitError where a path cannot be written.
    """
    private.repository(folder / ".git", view)
    git = Git(store.folder, folder, index=folder / ".git" / "index")
    git.run("read-tree", "--reset", "-u", holding)
    if over:
        paths = "\0".join(f":(top,literal){path}" for path in over)
        words = ("checkout", "--quiet", of, "--pathspec-from-file=-", "--pathspec-file-nul")
        git.run(*words, stdin=os.fsencode(paths))


def age(tree: Worktree, git: Git, tip: str) -> datetime:
    """When the folder, or else the branch, last changed: the same however often it is kept."""
    try:
        return datetime.fromtimestamp(tree.path.lstat().st_mtime, UTC)
    except OSError:
        return history.commits(git, (tip,))[0].committed


def _oversized(git: Git) -> tuple[ChangedPath, ...]:
    found = history.oversized(git, gate.LARGEST)
    return tuple(change for change in found if change.path != RESULT_FILE)
