"""Where the next commit of a task begins: its work so far, with the base brought in."""

from __future__ import annotations

from msgspec import Struct

from orchestrator import codebase_memory, workspace
from orchestrator.adapters import history
from orchestrator.adapters.git import Git, Identity
from orchestrator.records.change import Conflict, ConflictedPath, PathKind, Updated
from orchestrator.records.task import Task
from orchestrator.texts import messages
from orchestrator.world import World


class Ground(Struct, frozen=True, kw_only=True):
    """What an attempt starts from; with `conflicts`, its commit gets `parents` of its own.

    In a conflicted start each conflicting path is as the base has it, and the branch's side goes
    into the prompt: the result becomes the merge, so no marker can ever be pushed.
    """

    sha: str
    conflicts: tuple[ConflictedPath, ...] = ()
    parents: tuple[str, ...] | None = None

    @property
    def head(self) -> str:
        """The task's own work that this start is made of, as it was before the base came in."""
        return self.parents[0] if self.parents else self.sha

    @property
    def owes(self) -> bool:
        """Whether this branch's side of a conflict is still to be put in; a submodule is not."""
        return any(one.branch_kind is not PathKind.SUBMODULE for one in self.conflicts)


def start(world: World, task: Task, tip: str) -> Ground:
    """The base tip for a first attempt, else the work so far with the base merged into it."""
    git = workspace.of(world).git(task.repo)
    head = newest(git, task)
    if head is None:
        return Ground(sha=tip)
    if history.compare(git, tip, head).behind == 0:
        return Ground(sha=head)
    outcome = update(world, task, head, tip)
    if isinstance(outcome, Updated):
        return Ground(sha=outcome.sha)
    return Ground(
        sha=half_merged(world, git, task, head, tip),
        conflicts=outcome.paths,
        parents=(head, tip),
    )


def newest(git: Git, task: Task) -> str | None:
    """The newest commit of the task that we still have: kept by an attempt, or on the branch.

    Work of an attempt counts where it goes on from what stood on the branch last. Else our Update
    came there after it, or a person's commit that was approved and that our next push would take
    away.
    """
    last = next((sha for sha in reversed(task.pushed) if git.has_commit(sha)), None)
    made = (a.head_sha for a in reversed(task.attempts) if a.head_sha)
    kept = (sha for sha in made if sha == last or git.has_commit(sha))
    return next((sha for sha in kept if last is None or git.is_ancestor(last, sha)), last)


def update(world: World, task: Task, head: str, base_tip: str) -> Updated | Conflict:
    """Our own Update, in the store and without any checkout: a merge commit, or the conflicts.

    The same head and base make the same commit, so that a repeated step pushes nothing new.
    """
    room = workspace.of(world)
    git = room.git(task.repo)
    with room.hold(task.repo):
        return history.update(
            git,
            head=head,
            base_tip=base_tip,
            ref=update_ref(task),
            memory=codebase_memory.carried_over(git, task, head, base_tip),
            message=world.redact(messages.update_message(task, task.base, base_tip)),
            identity=identity(world, git, head, base_tip),
        )


def update_ref(task: Task) -> str:
    """Where the store keeps the task's newest Update."""
    return f"refs/agent-os/update/{task.task_id}"


def start_ref(task: Task) -> str:
    """Where the store keeps the half-made merge that a conflicted attempt begins with."""
    return f"refs/agent-os/start/{task.task_id}"


def half_merged(world: World, git: Git, task: Task, head: str, tip: str) -> str:
    """A commit for the worktree alone: the merge as far as git can make it, our page the base's."""
    with workspace.of(world).hold(task.repo):
        return history.half_merged(
            git,
            head=head,
            base_tip=tip,
            ref=start_ref(task),
            memory=codebase_memory.left_alone(git, tip),
            identity=identity(world, git, head, tip),
        )


def identity(world: World, git: Git, *shas: str) -> Identity:
    """Our name, at the moment of the younger of the commits."""
    moment = max(made.committed for made in history.commits(git, shas))
    return Identity(name=world.config.commit_name, email=world.config.commit_email, moment=moment)
