"""CODEBASE.md of the managed repositories: each pull request carries its own entry."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator import workspace
from orchestrator.adapters import history
from orchestrator.adapters.git import Git, Inline
from orchestrator.records.change import ChangedPath
from orchestrator.records.result import Result, Status
from orchestrator.records.task import Attempt, Task
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.texts import memory
from orchestrator.worktree import Worktree
from orchestrator.world import World

PAGE = "CODEBASE.md"


def page(
    world: World, task: Task, attempt: Attempt, tree: Worktree, changes: Sequence[ChangedPath]
) -> dict[str, str | None]:
    """The base's page with this task's entry, as a file for the commit; never merged as text."""
    git = workspace.of(world).git(task.repo)
    result = attempt.result or Result(status=Status.COMPLETE)
    paths = tuple(change.path for change in changes if change.path != PAGE)
    entry = memory.entry_for(task, result, paths, attempt.started.date())
    return {PAGE: memory.with_entry(history.read_file(git, tree.base_sha, PAGE), entry)}


def carried_over(git: Git, task: Task, head: str, base_tip: str) -> Inline:
    """The page for an Update: the base's newest, with the entry that the branch brings."""
    base = history.read_file(git, base_tip, PAGE)
    entry = entry_of(git, task, head)
    return Inline(path=PAGE, text=memory.with_entry(base, entry) if entry else base)


def left_alone(git: Git, tip: str) -> Inline:
    """The page as the base has it: in a revert each later task's entry would clash with it."""
    return Inline(path=PAGE, text=history.read_file(git, tip, PAGE))


def entry_of(git: Git, task: Task, head: str) -> memory.Entry | None:
    """This task's entry as its branch has it; made anew where somebody removed it."""
    text = history.read_file(git, head, PAGE)
    for entry in memory.parse(text).entries if text else ():
        if entry.task_id == task.task_id:
            return entry
    delivered = [a for a in task.attempts if a.verdict is AttemptVerdict.DELIVER and a.result]
    if not delivered or delivered[-1].result is None:
        return None
    attempt = delivered[-1]
    result = attempt.result or Result(status=Status.COMPLETE)
    return memory.entry_for(task, result, result.files_changed, attempt.started.date())

