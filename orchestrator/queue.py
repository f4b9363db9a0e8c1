"""A worker: takes tasks from the inbox one after the other, an attempt each, until none waits."""

from __future__ import annotations

if not __package__:  # run as a file, this module would hide the standard library's `queue`
    raise SystemExit("start the worker as: python -m orchestrator.queue")

from collections.abc import Sequence
from datetime import datetime

from orchestrator import attempts, disk, foresight, housekeeping, reaper, tick, updating
from orchestrator.adapters.locks import Lock
from orchestrator.adapters.mailroom import Claimed
from orchestrator.records.errors import SwitchedOff
from orchestrator.records.task import QueueEntry
from orchestrator.rules import priority
from orchestrator.world import World

ABOUT = "Work on waiting tasks: worktree, agent, proof, pull request."


def main(argv: Sequence[str] | None = None) -> int:
    words = "pack the stores that are due instead; the supervisor starts this once a week"
    others = {"--pack": (housekeeping.maintain_stores, words)}
    return tick.run("queue", story, argv, about=ABOUT, alone=False, others=others)


def story(world: World) -> None:
    """Claim and work while there is a slot, a task, no switch, and code and config are the same."""
    if world.dry_run:
        return foretell(world)
    slot = world.locks.try_worker_slot(world.config.max_parallel_workers)
    if slot is None:
        return world.say("every worker slot is taken")
    code = world.code()
    with slot:
        while not switched_off(world) and not shut_out(world):
            if not disk.may_start(world):
                return world.say("nothing new is taken up until there is room on the disk")
            held = updating.held_back(world)
            if held:
                return world.say(f"nothing new is taken up: {held}")
            claimed = world.mailroom.claim(
                waiting(world),
                slot,
                wanted=foresight.Neighbours(world).may_start,
                accept=lambda entry: repository_slot(world, entry),
                by=world.script,
            )
            if claimed is None:
                return world.say("nothing waits that may start now")
            with claimed:
                work(world, claimed)
            if world.code() != code:
                what = "the code or the config was changed"
                return world.say(f"{what}: the next worker goes on with the new one")
    return None


def waiting(world: World) -> list[QueueEntry]:
    now = world.clock.now()

    def urgency(entry: QueueEntry) -> tuple[float, datetime, str]:
        return priority.key(
            entry.priority, entry.began, entry.task_id, now, next_at=entry.next_at
        )

    return sorted(world.mailroom.waiting(now), key=urgency)


def foretell(world: World) -> None:
    for entry in foresight.Neighbours(world).free(waiting(world)):
        world.decided(f"{entry.repo} {entry.task_id}", "would be taken up in this order")


def work(world: World, claimed: Claimed) -> None:
    task = claimed.task
    repository = world.repository_of(task)
    assert repository is not None  # `repository_slot` accepts no other
    where = f"{task.repo} {task.task_id}"
    with tick.isolated(world, where):
        attempts.work(world, repository, task)
    with tick.isolated(world, where):
        reaper.let_go(world, task)


def repository_slot(world: World, entry: QueueEntry) -> Lock | None:
    """A slot of the task's repository, if it is configured, switched on and not busy."""
    repository = world.config.repository(entry.repo)
    if repository is None:
        world.say(f"{entry.task_id}: kept in inbox/, {entry.repo} is not in the config")
        return None
    if (world.only and world.only.slug != repository.slug) or world.stopped(repository.slug):
        return None
    return world.locks.try_repository_slot(repository.slug, repository.max_parallel_per_repo)


def switched_off(world: World) -> bool:
    try:
        world.check_switches(world.script)
    except SwitchedOff as stop:
        world.say(str(stop))
        return True
    return False


def shut_out(world: World) -> bool:
    """Whether GitHub would answer nothing now: then no task is taken up, none is moved about."""
    trouble = world.limits.closed()
    if trouble is not None:
        world.regret(str(trouble), trouble.exit_code)
    return trouble is not None


if __name__ == "__main__":
    tick.entry(main)
