"""A task's own checkout and what it holds, read as it is now, whatever an agent did to its git."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from orchestrator.adapters import files, history
from orchestrator.adapters.git import ZERO, Git, GitError
from orchestrator.adapters.store import Store
from orchestrator.executors import private
from orchestrator.records.change import ChangedPath
from orchestrator.records.order import GitView
from orchestrator.rules import gate

RESULT_FILE = ".agent_result.md"
# What agents leave beside their work, and nobody wants in a commit, tracked or not.
EXCLUDED = (f":(top,exclude){RESULT_FILE}",)
# How git says, in the C locale, that a file was not taken because the store could not be written.
AT_ONCE = 500  # names of files in one command
LINK = "120000"
NOT_STORED = "failed to insert into database"


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
    taken = _taken(git, tree, lambda: git.run("add", "--all", "--", ":/", *EXCLUDED))
    return Seen(snapshot=taken, changes=history.changed(git, tree.base_sha, taken))


def snapshot(store: Store, tree: Worktree) -> str | None:
    """The tree of what stands in a leftover folder; None where there is no folder.

    Without our copy of its index the checkout was cut short, and what is missing from it was
    not deleted by anybody. What cannot be read is left out; GitError where the store, or the disk,
    does not take what can. The files of a repository within the folder are taken as files.
    """
    if tree.path.is_symlink() or not tree.path.is_dir():
        return None
    extent = "--all" if store.index(tree.task_id).exists() else "--ignore-removal"
    git = store.indexed(tree.task_id, tree.path, tree.start_sha)

    def take() -> None:
        _add_what_can_be_read(git, extent, *EXCLUDED)
        for place in _repositories_within(git, tree):
            _take_as_files(store, tree, git, place)

    return _taken(git, tree, take)


def _taken(git: Git, tree: Worktree, take: Callable[[], object]) -> str:
    """The tree of our index once everything is taken into it.

    What an attempt that was cut short had staged is in no commit, and may be pruned from the store
    while its task waits. The index still knows these files as they are: then it is made anew.
    """
    take()
    try:
        return git.text("write-tree")
    except GitError:
        git.run("read-tree", tree.start_sha)
        take()
        return git.text("write-tree")


def _add_what_can_be_read(git: Git, extent: str, *excluded: str) -> None:
    large = tuple(f":(top,exclude,literal){change.path}" for change in _oversized(git))
    words = ("add", extent, "--ignore-errors", "--", ":/", *excluded, *large)
    done = git.run(*words, ok=(0, 1, 128))
    if NOT_STORED.encode() in done.stderr:
        raise GitError("add", done)
    if done.exit_code == 128:
        _take_as_they_are(git, removals=extent == "--all")


def _take_as_they_are(git: Git, *, removals: bool) -> None:
    """Every file by its bytes, without the conversions that its attributes ask for.

    One that cannot be converted ends `git add`, whatever it was told of errors, and nothing is
    taken. Where the store or the disk is the trouble this raises GitError, as that should.
    """
    folder = git.work_tree or git.git_dir
    listed = git.run("ls-files", "--others", "--modified", "--exclude-standard", "-z").stdout
    paths = {*os.fsdecode(listed).split("\0")} - {"", RESULT_FILE}
    modes = {path: mode for path in paths if (mode := _mode(folder / path))}
    plain = [path for path, mode in modes.items() if mode != LINK]
    blobs: dict[str, str] = {}
    for start in range(0, len(plain), AT_ONCE):
        some = plain[start : start + AT_ONCE]
        written = git.text("hash-object", "-w", "--no-filters", "--", *some).split()
        blobs |= zip(some, written, strict=True)
    for path in modes.keys() - blobs.keys():
        target = os.fsencode(os.readlink(folder / path))
        blobs[path] = git.text("hash-object", "-w", "--stdin", stdin=target)
    entries = [f"{modes[path]} {blob}\t{path}" for path, blob in blobs.items()]
    if removals:
        gone = os.fsdecode(git.run("ls-files", "--deleted", "-z").stdout).split("\0")
        entries += [f"0 {ZERO}\t{path}" for path in gone if path]
    stdin = os.fsencode("".join(f"{entry}\0" for entry in entries))
    git.run("update-index", "--add", "--replace", "-z", "--index-info", stdin=stdin)


def _mode(path: Path) -> str:
    """git's mode of a link, or of a file that can be read and is not too large; "" of all else."""
    try:
        status = path.lstat()
    except OSError:
        return ""  # deleted, or a parent that is no folder any more
    if stat.S_ISLNK(status.st_mode):
        return LINK
    if not stat.S_ISREG(status.st_mode) or status.st_size > gate.LARGEST:
        return ""
    mode = "100755" if status.st_mode & stat.S_IXUSR else "100644"
    return mode if os.access(path, os.R_OK) else ""


def _repositories_within(git: Git, tree: Worktree) -> Iterator[str]:
    """The paths in which a repository of an agent's own stands, the outermost first.

    git would take no more than the SHA of its HEAD, and nothing where it has no commit. A submodule
    of the base is not an agent's, and what was changed in it alone is no work that we deliver.
    """
    found = []
    for place, folders, names in os.walk(tree.path):
        if place != str(tree.path) and ".git" in (*folders, *names):
            found.append(os.path.relpath(place, tree.path))
        folders[:] = sorted(name for name in folders if name != ".git")
    if not found:
        return
    words = ("check-ignore", "--no-index", "-z", "--stdin")
    asked = os.fsencode("\0".join(found))
    left = {*os.fsdecode(git.run(*words, stdin=asked, ok=(0, 1)).stdout).split("\0")}
    listed = os.fsdecode(git.run("ls-tree", "-r", "-z", "--full-tree", tree.start_sha).stdout)
    left |= {line.partition("\t")[2] for line in listed.split("\0") if line.startswith("160000 ")}
    yield from (path for path in found if path not in left)


def _take_as_files(store: Store, tree: Worktree, git: Git, place: str) -> None:
    """Put the files of a repository within the folder into our index, in place of its HEAD."""
    with files.temporary_folder() as besides:
        within = Git(store.folder, tree.path / place, index=besides / "index")
        _add_what_can_be_read(within, "--all")
        held = within.text("write-tree")
    git.run("rm", "-r", "-f", "-q", "--cached", "--ignore-unmatch", "--", f":(top,literal){place}")
    git.run("read-tree", f"--prefix={place}/", held)


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
