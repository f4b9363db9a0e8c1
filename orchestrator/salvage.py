"""Work that exists nowhere else is kept in the store before anything of a task goes away."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from msgspec import structs

from orchestrator import groundwork, workspace
from orchestrator.records.errors import AgentOSError
from orchestrator.records.task import UNDER_WAY, State, Task
from orchestrator.world import World

# Salvaged work of a task that is over; that of one which still waits for a person stays.
KEPT = timedelta(days=90)


def keep(world: World, task: Task) -> Task:
    """Put what a task has made and nobody else holds under refs/salvage/<task>; noted in it.

    For the moment when a task ends without a merge: a person shall find the work by one name. A
    store that cannot be read loses nothing by it and holds nobody up; one line says so.
    """
    if not world.paths.store(task.repo).exists():
        return task
    room = workspace.of(world)
    try:
        git = room.git(task.repo)
        start = (room.remote_tip(task.repo, task.base) if task.base else None) or ""
        if not start or not git.ref(f"refs/heads/{room.worktree(task, start).branch}"):
            return noted(world, task)
        made_by_us = (git.ref(groundwork.update_ref(task)), git.ref(groundwork.start_ref(task)))
        room.salvage(room.worktree(task, start), elsewhere=(*task.pushed, *made_by_us))
    except (AgentOSError, OSError) as error:
        world.say(f"{task.repo} {task.task_id}: its work stays where it is: {error}")
        return task
    return noted(world, task)


def noted(world: World, task: Task) -> Task:
    """The task with the commit of its salvaged work, as the store has it now."""
    if not world.paths.store(task.repo).exists():
        return task
    kept = workspace.of(world).salvaged(task.repo, task.task_id)
    return structs.replace(task, salvage=kept)


def prune(world: World, slug: str) -> int:
    """Drop what was salvaged of tasks that ended `KEPT` ago; how many. Each is told by SHA."""
    room = workspace.of(world)
    git = room.git(slug)
    before = world.clock.now() - KEPT
    dropped = 0
    shown = "--format=%(committerdate:unix) %(objectname) %(refname)"
    for line in git.text("for-each-ref", shown, "refs/salvage/").splitlines():
        moment, sha, ref = line.split(" ", 2)
        task_id = ref.removeprefix("refs/salvage/")
        if datetime.fromtimestamp(int(moment), UTC) >= before or waits(world, task_id):
            continue
        if (end := ended(world, task_id)) and end >= before:
            continue
        with room.hold(slug):
            git.delete_ref(ref, expected=sha)
        world.say(f"{slug}: {ref} ({sha}) was dropped: its task ended over {KEPT.days} days ago")
        dropped += 1
    return dropped


def ended(world: World, task_id: str) -> datetime | None:
    """When a task that is over came to its end; None where its file is gone or tells no time."""
    found = world.mailroom.locate(task_id)
    return found.task.marks[-1].at if found and found.task.marks else None


def waits(world: World, task_id: str) -> bool:
    """Whether a task may still be worked on, by us or by a person."""
    states = (*UNDER_WAY, State.ESCALATED, State.QUARANTINE)
    return any(os.path.lexists(world.mailroom.path(state, task_id)) for state in states)
