"""What GitHub shows of a task: the one status comment, the labels, the board."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from msgspec import structs

from orchestrator import gh_project
from orchestrator.adapters import markers
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.errors import GitHubTrouble, Trouble
from orchestrator.records.task import Task
from orchestrator.texts import messages
from orchestrator.world import World

BLOCKED_LABEL = "blocked"


def tell(world: World, task: Task) -> Task:
    """Create the issue's status comment, or bring it up to date; the task with its id.

    One comment for the whole life of a task: its marker spans the rounds. An unchanged text is
    not sent again. Where a person deleted the comment or the issue, that is told here and stays
    so: what cannot be shown must not hold up the task (I12).
    """
    try:
        return told(world, task)
    except GitHubTrouble as trouble:
        if trouble.trouble is not Trouble.NOT_FOUND:
            raise
        world.say(f"{task.repo}#{task.issue}: its status comment is gone; {trouble}")
        return task


def told(world: World, task: Task) -> Task:
    if task.issue is None:
        return task
    issue = task.issue
    marker = world.markers.line(task, "status", round_=0)
    body = world.redact(messages.status_comment(task, marker=marker))
    if task.status_comment is None:
        made = world.effects.once(
            task.task_id,
            f"{task.task_id}#0:status",
            find=lambda: find_comment(world, task, marker),
            make=lambda: str(world.write.create_comment(task.repo, issue, body)),
        )
        return structs.replace(task, status_comment=int(made))
    comment = task.status_comment
    world.effects.settled(
        task.task_id,
        f"{task.task_id}#0:status-text",
        hash_of(body),
        lambda: world.write.edit_comment(task.repo, issue, comment, body),
    )
    return task


def comment_once(
    world: World, task: Task, kind: str, said: Callable[[str], str], *, ordinal: int = 0
) -> None:
    """One comment of this kind in this round, however often repeated; `said` takes its marker."""
    if task.issue is None:
        return
    issue = task.issue
    marker = world.markers.line(task, kind, ordinal)
    text = world.redact(said(marker))
    try:
        world.effects.once(
            task.task_id,
            f"{task.key}:{kind}:{ordinal}",
            find=lambda: find_comment(world, task, marker),
            make=lambda: str(world.write.create_comment(task.repo, issue, text)),
        )
    except GitHubTrouble as trouble:
        if trouble.trouble is not Trouble.NOT_FOUND:
            raise
        world.say(f"{task.repo}#{issue}: the issue is gone, its {kind} is not told; {trouble}")


def find_comment(world: World, task: Task, marker: str) -> str | None:
    found = markers.oldest(marker, world.read.comments(task.repo, task.issue or 0))
    return str(found.id) if found else None


def in_progress(world: World, repository: RepositoryConfig, task: Task) -> Task:
    return show(world, repository, task, "in_progress")


def blocked(world: World, repository: RepositoryConfig, task: Task) -> Task:
    return show(world, repository, task, "blocked")


def done(world: World, repository: RepositoryConfig, task: Task) -> Task:
    return show(world, repository, task, "done")


def show(world: World, repository: RepositoryConfig, task: Task, column: str) -> Task:
    """Move the card; where there is no board, the label `blocked` says what must be seen."""
    if task.issue is None:
        return task
    board = repository.board
    if board is not None:
        return gh_project.move(world, repository, task, getattr(board, column))
    label(world, task, wanted=column == "blocked")
    return task


def label(world: World, task: Task, *, wanted: bool) -> None:
    issue = task.issue
    key = f"{task.task_id}#0:label-blocked"
    last = world.effects.last(task.task_id, key)
    if issue is None or (not wanted and last is None):
        return
    change = world.write.add_label if wanted else world.write.remove_label
    world.effects.settled(
        task.task_id,
        key,
        f"{wanted}@{task.round}",
        lambda: change(task.repo, issue, BLOCKED_LABEL),
    )


def hash_of(text: str) -> str:
    """A short name for a text, the same in every process."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
