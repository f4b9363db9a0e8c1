"""A bare store for each repository, a worktree for each task, and the commits we make of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from msgspec import structs

from orchestrator import worktree
from orchestrator.adapters import files, history, inheritance, process
from orchestrator.adapters import store as stores
from orchestrator.adapters.files import NotReadable
from orchestrator.adapters.git import Git, GitError, Identity, Inline
from orchestrator.adapters.locks import Locks
from orchestrator.adapters.store import Fingerprint, Store
from orchestrator.adapters.wire import AlreadyThere, Pushed, Refused, Wire
from orchestrator.paths import CLEAN
from orchestrator.records.errors import AgentOSError, GitHubTrouble, Trouble
from orchestrator.records.order import GitView
from orchestrator.records.task import Task
from orchestrator.worktree import Seen, Worktree
from orchestrator.world import World

LOCK_SECONDS = 300.0
# One thread and little memory are gentle to a small machine, and take a large store their time.
PACKING_SECONDS = 3600.0
PACKING = ("-c", "pack.threads=1", "-c", "pack.windowMemory=64m", "-c", "pack.deltaCacheSize=64m")


class CannotPrepare(AgentOSError):
    """No worktree could be made for a task; nothing of earlier work was lost."""

    exit_code = 10


class Workspace:
    """All stores and worktrees of this machine; every change of a store holds its lock (G2)."""

    def __init__(
        self, *, stores: Path, worktrees: Path, web_base: str, wire: Wire, locks: Locks
    ) -> None:
        self.stores = stores
        self.worktrees = worktrees
        self.wire = wire
        self._web_base = web_base.rstrip("/")
        self._locks = locks
        self._held: set[str] = set()

    def url(self, slug: str) -> str:
        return f"{self._web_base}/{slug}.git"

    def git(self, slug: str) -> Git:
        """git in the repository's store, for questions (`adapters.history`)."""
        return self.ensure_store(slug).git

    @contextlib.contextmanager
    def hold(self, slug: str) -> Iterator[None]:
        """The store's lock around several steps; taken once, however deep they are nested.

        Whoever also needs the lock of a merge base takes this one first. Raises LockBusy.
        """
        if slug in self._held:
            yield
            return
        with self._locks.store(slug, LOCK_SECONDS):
            self._held.add(slug)
            try:
                yield
            finally:
                self._held.discard(slug)

    def ensure_store(self, slug: str) -> Store:
        """The repository's bare store, made on first use (G1); raises UnsafeName."""
        store = Store(self.stores / f"{stores.folder_name(slug)}.git")
        if not store.made:
            with self.hold(slug):
                store.make()
        return store

    def refresh(self, slug: str, base: str, *, branch: str = "") -> str:
        """The tip of the base just fetched, with the task's branch where one is named (A9).

        `remote_tip` then tells where that branch stands. Raises GitHubTrouble, NOT_FOUND where
        the repository or the base does not exist.
        """
        store = self.ensure_store(slug)
        refspecs = [_tracking(f"refs/heads/{base}")]
        if branch and branch != base:
            # A pattern, because a plain name that is not there would fail the whole fetch.
            refspecs.append(_tracking(f"refs/heads/{branch}*"))
        with self.hold(slug):
            store.mend()
            store.remove_stale_locks()
            store.remove_halves()
            if store.condemned:
                store.remake()
            try:
                self._fetch(store, slug, base, tuple(refspecs))
            except GitHubTrouble:
                # What is ours lies on this machine, whatever becomes of the remote.
                inheritance.take_along(store)
                raise
            inheritance.take_along(store)
            tip = self.remote_tip(slug, base)
        if tip is None:
            raise CannotPrepare(f"{slug}: {base} was fetched and yet is not in {store.folder}.")
        return tip

    def _fetch(self, store: Store, slug: str, base: str, refspecs: tuple[str, ...]) -> None:
        """Fetch, and once more where the store itself was in the way of it."""
        try:
            self.wire.fetch(store.folder, self.url(slug), refspecs)
        except GitHubTrouble as trouble:
            if trouble.trouble is not Trouble.UNKNOWN:
                raise
            if stores.is_damage(str(trouble)):
                store.remake()
            elif not store.make_way(base):
                raise
            self.wire.fetch(store.folder, self.url(slug), refspecs)

    def doubt(self, slug: str, error: Exception) -> bool:
        """Have the store made anew by the next `refresh`, if that is what git's words ask for."""
        damaged = isinstance(error, GitError | CannotPrepare) and stores.is_damage(str(error))
        if damaged:
            with self.hold(slug):
                self.ensure_store(slug).condemn()
        return damaged

    def remote_tip(self, slug: str, branch: str) -> str | None:
        """Where a branch of the remote stood at the last `refresh` that named it."""
        return self.git(slug).ref(f"refs/remotes/origin/{branch}")

    def worktree(self, task: Task, base_sha: str, start_sha: str | None = None) -> Worktree:
        """The name of a task's worktree, whether it exists or not; raises NotReadable."""
        branch = task.branch or f"agent/{task.task_id}"
        tree = self._named(task.repo, task.task_id, branch, base_sha)
        return structs.replace(tree, start_sha=start_sha or base_sha)

    def _named(self, slug: str, task_id: str, branch: str, base_sha: str) -> Worktree:
        if not task_id or task_id.startswith(".") or "/" in task_id:
            raise NotReadable(f"{task_id!r} cannot be the name of a folder.")
        return Worktree(
            slug=slug,
            task_id=task_id,
            branch=branch,
            path=self.worktrees / stores.folder_name(slug) / task_id,
            base_sha=base_sha,
            start_sha=base_sha,
        )

    def prepare(self, task: Task, base_sha: str, start_sha: str | None = None) -> Worktree:
        """A clean checkout of `start_sha` (or the base) on the task's branch (G3, G4).

        Whatever an earlier run left is cleared away first; work in it that exists nowhere else
        is kept as refs/salvage/<task>. The caller holds the task's lock, so nobody else works
        there. Raises CannotPrepare, LockBusy, and GitError where that work could not be kept.
        """
        tree = self.worktree(task, base_sha, start_sha)
        store = self.ensure_store(tree.slug)
        self.clear_clean(tree.slug, tree.task_id)
        with self.hold(tree.slug):
            store.mend()
            self._clear(store, tree)
            if holder := store.worktree_on(tree.branch):
                raise CannotPrepare(f"{tree.task_id}: {tree.branch} is checked out in {holder}.")
            try:
                store.add_worktree(tree.path, tree.branch, tree.start_sha)
            except GitError as error:
                raise CannotPrepare(
                    f"{tree.task_id}: no worktree could be made in {tree.path}. {error}"
                ) from error
            store.exclude(tree.task_id, ())
            store.keep_index(tree.task_id, tree.path)
        return tree

    def discard(self, tree: Worktree, *, committed: str = "") -> None:
        """Remove a worktree and what git knows of it; the branch and its commits stay (G11).

        Work in it that exists nowhere else is salvaged first. `committed` is the commit that took
        all work of the folder: what stands there besides was left by a test run. Raises
        NotReadable for a path that does not lie inside the worktrees' folder.
        """
        store = self.ensure_store(tree.slug)
        self._refuse_outside(tree.path)
        self.clear_clean(tree.slug, tree.task_id)
        with self.hold(tree.slug):
            store.mend()
            if not committed and tree.path.is_dir():
                self.salvage(tree)
            self._remove(store, tree)

    def give_up(self, slug: str, task_id: str) -> str | None:
        """Remove a leftover worktree by its name, whatever is known of its task; what was salvaged.

        Its branch, else any commit of the store, is what its work is told from. Raises
        NotReadable where the store has none, so that the folder is kept; GitError, LockBusy.
        """
        git = self.git(slug)
        branch = f"agent/{task_id}"
        words = ("for-each-ref", "--count=1", "--format=%(objectname)", "refs/remotes/origin/")
        start = git.ref(f"refs/heads/{branch}") or git.text(*words)
        if not start:
            raise NotReadable(f"{task_id}: its worktree was kept, its store has nothing to keep it")
        tree = self._named(slug, task_id, branch, start)
        self._refuse_outside(tree.path)
        kept = self.salvage(tree)
        self.discard(tree)
        return kept

    def salvaged(self, slug: str, task_id: str) -> str:
        """The commit of refs/salvage/<task>, "" where there is none; no process is run."""
        return self.git(slug).ref(salvage_ref(task_id)) or ""

    def salvage(
        self, tree: Worktree, *, elsewhere: Collection[str | None] = (), seen: Seen | None = None
    ) -> str | None:
        """Keep work that exists nowhere else as refs/salvage/<task>; its SHA, or None.

        Work is what the folder holds beyond the branch, and what the branch holds beyond the
        attempt's start, the remote, and the commits that are safe `elsewhere`. What was kept
        before stays reachable from it. A folder that was just `seen` is not read again. The
        caller holds the task's lock.
        """
        store = self.ensure_store(tree.slug)
        name = salvage_ref(tree.task_id)
        with self.hold(tree.slug):
            store.mend()
            store.remove_locks(tree.task_id, tree.branch)
            tip = store.git.ref(f"refs/heads/{tree.branch}") or tree.start_sha
            tip = tip if store.git.has_commit(tip) else tree.start_sha
            on_branch = history.tree_of(store.git, tip)
            held = seen.snapshot if seen else ""
            snapshot = held or worktree.snapshot(store, tree) or on_branch
            known = {tree.start_sha, tree.base_sha, self.remote_tip(tree.slug, tree.branch)}
            known |= {*elsewhere}
            if snapshot == on_branch and (
                tip in known or store.git.is_ancestor(tip, tree.start_sha)
            ):
                return None
            earlier = store.git.ref(name)
            if earlier and snapshot == history.tree_of(store.git, earlier):
                return earlier
            return store.git.commit(
                name,
                tree=snapshot,
                parents=(tip, earlier) if earlier else (tip,),
                message=f"Work of {tree.task_id} that was not delivered",
                identity=Identity(
                    name="Agent OS",
                    email="agent-os@localhost",
                    moment=worktree.age(tree, store.git, tip),
                ),
            )

    def look(self, tree: Worktree) -> Seen:
        """Every path in which the folder differs from the base, exactly as `commit` takes it.

        Reads the files as they are now, whatever the agent did to its index, its HEAD or its
        `.git`; the result file is never among them. For a folder in which nothing runs any more.
        Files that are too large for the gate are told alone and not taken into the store, where
        they would fill the disk. Raises GitError where git cannot take a path, and names it, and
        CannotStart where the folder is gone.
        """
        store = self.ensure_store(tree.slug)
        store.mend()
        return worktree.look(store, tree)

    @contextlib.contextmanager
    def clean(
        self, tree: Worktree, holding: str, *, base: str = "", over: tuple[str, ...] = (),
        of: str = "", head: str = "",
    ) -> Iterator[Path]:
        """A checkout of one tree of the store, beside the worktree, gone with the block.

        Nothing of the worktree's is in it: what an agent left untracked, ignored or in its home
        is not there. `over` are paths that are taken from the tree `of` instead. Its `.git` is a
        repository of its own that stands at `head`, or at the attempt's start. Raises GitError
        where git cannot write a path, OSError where the disk cannot.
        """
        store = self.ensure_store(tree.slug)
        folder = self._clean_folder(tree.slug, tree.task_id)
        self.clear_clean(tree.slug, tree.task_id)
        view = structs.replace(self.view(tree, base), index="")
        if head:
            view = structs.replace(view, refs=view.refs | {view.head: head})
        try:
            files.make_folder(folder)
            worktree.check_out(store, folder, holding, view, over=over, of=of)
            yield folder
        finally:
            files.remove_tree(folder, inside=self.worktrees)

    def clear_clean(self, slug: str, task_id: str) -> bool:
        """End what a dead worker left running in a clean checkout, and remove it; whether it was.

        Everything in it came from the store, so nothing is lost.
        """
        folder = self._clean_folder(slug, task_id)
        if not os.path.lexists(folder):
            return False
        process.kill_processes_in(folder)
        files.remove_tree(folder, inside=self.worktrees)
        return True

    def _clean_folder(self, slug: str, task_id: str) -> Path:
        return self.worktrees / f"{CLEAN}{stores.folder_name(slug)}" / task_id

    def view(self, tree: Worktree, base: str = "") -> GitView:
        """The repository that a contained program sees in this worktree: its branch and its base.

        The objects are the store's, to read; all else is the program's own (G8).
        """
        admin = self.ensure_store(tree.slug).registration(tree.path)
        refs = {f"refs/heads/{tree.branch}": tree.start_sha}
        if base and base != tree.branch:
            names = (f"refs/heads/{base}", f"refs/remotes/origin/{base}")
            refs |= dict.fromkeys(names, tree.base_sha)
        return GitView(
            git_dir=str(admin),
            objects=str(admin.parents[1] / "objects"),
            index=str(admin / "index"),
            head=f"refs/heads/{tree.branch}",
            refs=refs,
        )

    def fingerprint(self, tree: Worktree) -> Fingerprint:
        """What git would heed or run in the store and in this worktree, before an agent (G8)."""
        store = self.ensure_store(tree.slug)
        store.mend()
        return store.fingerprint(tree.path)

    def put_right(self, tree: Worktree, before: Fingerprint) -> tuple[str, ...]:
        """Undo what was done to git's own files since; what that was, or nothing (G8, F32).

        For a folder in which nothing runs any more, and before git is asked about it.
        """
        store = self.ensure_store(tree.slug)
        changed = store.tampered(tree.path, before)
        store.mend()
        store.point(tree.path, before)
        return changed

    def untouched(self, tree: Worktree, seen: Seen) -> bool:
        """Whether what was seen is exactly what the attempt started from."""
        return seen.snapshot == history.tree_of(self.git(tree.slug), tree.start_sha)

    def commit(
        self,
        tree: Worktree,
        seen: Seen,
        message: str,
        identity: Identity,
        *,
        extra_files: Mapping[str, str | None] | None = None,
        parents: tuple[str, ...] | None = None,
    ) -> str | None:
        """One commit on the branch of what `look` saw, and `extra_files`; its SHA.

        Its parent is the attempt's start, whatever the agent committed by itself, unless
        `parents` are given. None where that start has the same tree: there is no new work. On a
        first attempt with extra files the caller has seen by `look` that there is some.
        """
        git = self.git(tree.slug)
        sure = extra_files and tree.start_sha == tree.base_sha
        if not parents and not sure and self.untouched(tree, seen):
            return None
        return git.commit(
            f"refs/heads/{tree.branch}",
            tree=seen.snapshot,
            parents=parents or (tree.start_sha,),
            message=message,
            identity=identity,
            files=tuple(Inline(path=p, text=t) for p, t in (extra_files or {}).items()),
        )

    def push(
        self, slug: str, branch: str, sha: str, *, expected: str
    ) -> Pushed | AlreadyThere | Refused:
        """Set the branch at the remote, if it stands at `expected` ("": must not exist) (G6)."""
        return self.wire.push(
            self.git(slug).git_dir, self.url(slug), sha, f"refs/heads/{branch}", expected=expected
        )

    def delete_branch(
        self, slug: str, branch: str, *, expected: str
    ) -> Pushed | AlreadyThere | Refused:
        """Delete the branch at the remote if it stands at `expected`, and then ours (M15).

        What ours holds beyond `expected` is salvaged first.
        """
        git, ref = self.git(slug), f"refs/heads/{branch}"
        outcome = self.wire.delete(git.git_dir, self.url(slug), ref, expected=expected)
        if not isinstance(outcome, Refused):
            with self.hold(slug):
                here = git.ref(ref)
                if here and here != expected and git.has_commit(expected):
                    self.salvage(self._named(slug, branch.removeprefix("agent/"), branch, expected))
                if here:
                    git.delete_ref(ref, expected=here)
        return outcome

    def maintain(self, slug: str) -> None:
        """Pack the store and drop what nothing has needed for two weeks (G1).

        Raises LockBusy, and GitError where an hour does not suffice.
        """
        words = (*PACKING, "gc", "--quiet", "--prune=2.weeks.ago")
        with self.hold(slug):
            store = self.ensure_store(slug)
            store.remove_stale_locks()
            store.remove_halves(all_objects=True)
            done = store.git.attempt(*words, timeout_seconds=PACKING_SECONDS)
        if done.timed_out or done.exit_code != 0:
            raise GitError("gc", done)

    def forget(self, task: Task) -> None:
        """Drop the refs that helped a task which is over; its branch went with the merge."""
        git = self.git(task.repo)
        for use in ("update", "start"):
            name = f"refs/agent-os/{use}/{task.task_id}"
            if there := git.ref(name):
                with self.hold(task.repo):
                    git.delete_ref(name, expected=there)

    def needs_setup(self, tree: Worktree, setup_command: str) -> bool:
        """Whether `setup_command` must run before anything that relies on it.

        True in every fresh worktree, and again after the command or a lock file at the top of
        the tree has changed: an agent that adds a dependency gets it before our test run.
        """
        return self.ensure_store(tree.slug).needs_setup(tree.path, setup_command)

    def note_setup(self, tree: Worktree, setup_command: str) -> None:
        """Remember that `setup_command` has succeeded in this worktree as it is now.

        The first time, which is before the agent starts, what stands there untracked is what
        the setup made, such as an environment that no .gitignore names; it is never committed.
        """
        store = self.ensure_store(tree.slug)
        if not store.setup_stamp(tree.task_id).exists():
            git = store.indexed(tree.task_id, tree.path, tree.start_sha)
            store.exclude(tree.task_id, history.untracked(git))
        store.note_setup(tree.path, setup_command)

    def _clear(self, store: Store, tree: Worktree) -> None:
        """Leave nothing in the way of a new worktree, and lose no work (G4)."""
        there = os.path.lexists(tree.path) or any(store.registrations(tree.path))
        if there:
            process.kill_processes_in(tree.path)
        store.remove_locks(tree.task_id, tree.branch)
        if there or store.git.ref(f"refs/heads/{tree.branch}") not in {None, tree.start_sha}:
            self.salvage(tree)
        self._remove(store, tree)

    def _remove(self, store: Store, tree: Worktree) -> None:
        if os.path.lexists(tree.path):
            self._refuse_outside(tree.path)
            if tree.path.is_dir():
                files.remove_tree(tree.path, inside=self.worktrees)
            else:
                files.remove_file(tree.path)
        store.forget(tree.path)

    def _refuse_outside(self, path: Path) -> None:
        real = Path(os.path.realpath(path.parent)) / path.name
        fence = Path(os.path.realpath(self.worktrees))
        if path.name in {"", ".", ".."} or fence not in real.parents:
            raise NotReadable(f"{path} does not lie inside {self.worktrees}; it was kept.")


def of(world: World) -> Workspace:
    """The stores and worktrees of this installation."""
    return Workspace(
        stores=world.paths.repos,
        worktrees=world.paths.worktrees,
        web_base=world.config.github_web_url,
        wire=world.wire,
        locks=world.locks,
    )


def _tracking(ref: str) -> str:
    return f"+{ref}:{ref.replace('refs/heads/', 'refs/remotes/origin/', 1)}"


def salvage_ref(task_id: str) -> str:
    """Where the store keeps a task's work that exists nowhere else."""
    return f"refs/salvage/{task_id}"
