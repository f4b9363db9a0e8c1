"""The last step of a task that needs a person: a note in the file, one comment, one event."""

from __future__ import annotations

from msgspec import structs

from orchestrator import github_sync, salvage
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.task import State, Task
from orchestrator.records.verdicts import Escalate
from orchestrator.texts import messages
from orchestrator.world import World


def escalate(
    world: World, repository: RepositoryConfig, task: Task, verdict: Escalate, *, by: str
) -> Task:
    """Tell GitHub first, move the file last; a repeated call tells nothing twice."""
    task = salvage.keep(world, task)
    note = messages.escalation_note(task, verdict.reason, verdict.code, world.zone)
    task = structs.replace(task, note=world.redact(note))
    github_sync.comment_once(
        world,
        task,
        "escalation",
        lambda marker: messages.escalation_comment(
            task, verdict.reason, verdict.code, marker=marker
        ),
    )
    task = github_sync.blocked(world, repository, task)
    moved = world.mailroom.move(task, State.ESCALATED, by=by)
    moved = world.mailroom.update(github_sync.tell(world, moved))
    world.events.add(
        "escalated", task=moved, reason=world.redact(verdict.reason), code=verdict.code
    )
    return moved
