"""Reap what died, return what is due, start the workers that are missing, and exit."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence

from orchestrator import housekeeping, reaper, tick
from orchestrator.records.task import State
from orchestrator.world import World

ABOUT = "Keep as many workers running as there are free slots and waiting tasks."


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
        if task.not_before is None or task.not_before > world.clock.now():
            continue
        if not world.decided(f"{task.repo} {task.task_id}", "due again, back to the inbox"):
            continue
        lock = world.locks.try_task(task.task_id)
        if lock is not None:
            with lock, tick.isolated(world, task.task_id):
                world.mailroom.move(task, State.INBOX, by=world.script)


def start_workers(world: World) -> None:
    """One worker for each free slot, as long as tasks wait; a worker is a session of its own."""
    startable = could_start(world)
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
    """How many waiting tasks would find a slot of their repository free: a busy one starts none."""
    waiting = Counter(entry.repo.lower() for entry in world.mailroom.waiting(world.clock.now()))
    return sum(
        min(
            waiting[repository.slug.lower()],
            world.locks.free_repository_slots(repository.slug, repository.max_parallel_per_repo),
        )
        for repository in world.repositories
        if waiting[repository.slug.lower()]
    )


if __name__ == "__main__":
    tick.entry(main)
