"""Reap what died, return what is due, start the workers that are missing, and exit."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import islice

from msgspec import structs

from orchestrator import disk, foresight, housekeeping, reaper, tick, updating
from orchestrator.records.task import QueueEntry, State
from orchestrator.rules import cadence
from orchestrator.world import World

ABOUT = (
    "Start workers for the tasks that wait, one for each free slot, and end: a worker is a session "
    "of its own. What died with a worker is taken back first; cron starts this every minute."
)


def main(argv: Sequence[str] | None = None) -> int:
    return tick.run("supervisor", story, argv, about=ABOUT)


def story(world: World) -> None:
    reaper.reap(world)
    return_due(world)
    start_workers(world)
    housekeeping.sweep(world)


def return_due(world: World) -> None:
    """Blocked tasks whose time has come go back to the inbox; one without a time waits on."""
    for task in world.mailroom.list_state(State.BLOCKED):
        now = world.clock.now()
        if task.not_before is None or task.state not in {State.BLOCKED, None}:
            continue  # or it was put here by hand a moment ago, which the reaper marks first
        marked = task.marks[-1].at if task.marks else now
        if cadence.waits_until(task.not_before, marked, now) > now:
            continue
        if not world.decided(f"{task.repo} {task.task_id}", "due again, back to the inbox"):
            continue
        # Its wait is over: a time that stayed would return it from wherever a person parks it.
        due = structs.replace(task, not_before=None)
        lock = world.locks.try_task(task.task_id)
        if lock is not None:
            with lock, tick.isolated(world, task.task_id):
                world.mailroom.move(due, State.INBOX, by=world.script)


def start_workers(world: World) -> None:
    """One worker for each free slot, as long as tasks wait; a worker is a session of its own."""
    closed = world.limits.closed()
    if closed is not None:
        world.regret(f"no worker is started: {closed}", closed.exit_code)
        return
    held = updating.held_back(world)
    if held:
        world.say(f"no worker is started: {held}")
        return
    startable = could_start(world)
    # That there is room again is told too where nothing waits for it any more.
    if (startable or disk.is_told(world)) and not disk.may_start(world):
        return
    free = world.locks.free_worker_slots(world.config.max_parallel_workers)
    for number in range(min(free, startable)):
        said = f"starts; tasks that could: {startable - number}, slots: {free - number}"
        if world.decided("worker", said):
            argv = [sys.executable, "-m", "orchestrator.queue"]
            if world.only:
                argv += ["--repo", world.only.slug]
            world.spawn(
                argv, environment=world.environment, log_path=world.paths.logs / "queue.log"
            )


def could_start(world: World) -> int:
    """How many waiting tasks would find a slot of their repository free: a busy one starts none.

    Those that wait for work on their own files are not counted.
    """
    waiting: dict[str, list[QueueEntry]] = {}
    for entry in world.mailroom.waiting(world.clock.now()):
        waiting.setdefault(entry.repo.lower(), []).append(entry)
    neighbours = foresight.Neighbours(world)
    startable = 0
    for repository in world.repositories if waiting else ():
        here = waiting.get(repository.slug.lower(), [])
        if here:
            slots = world.locks.free_repository_slots(
                repository.slug, repository.max_parallel_per_repo
            )
            startable += sum(1 for _ in islice(neighbours.free(here), slots))
    return startable


if __name__ == "__main__":
    tick.entry(main)
