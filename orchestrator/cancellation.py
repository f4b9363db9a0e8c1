"""The last step of a task that a person ended: its work kept, GitHub told, the file moved last."""

from __future__ import annotations

from msgspec import structs

from orchestrator import github_sync, salvage
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.task import State, Task, marked
from orchestrator.world import World


def cancel(
    world: World, repository: RepositoryConfig, task: Task, reason: str, *, by: str
) -> None:
    """No push, no merge; what is theirs stays as it is, and a repeated call tells nothing twice."""
    task = salvage.keep(world, structs.replace(task, note=reason, cancel=""))
    if github_sync.is_open(world, task):
        task = github_sync.blocked(world, repository, task)
    # Told before the move: nobody comes back to a file in cancelled/ to finish its comment.
    task = github_sync.tell(world, marked(task, State.CANCELLED, world.clock.now(), by))
    world.mailroom.move(task, State.CANCELLED, by=by)
    world.events.add("cancelled", task=task, reason=reason)
