"""The last step of a task that needs a person: a note in the file, one comment, one event."""

from __future__ import annotations

from msgspec import structs

from orchestrator import alerts, checklists, github_sync, salvage
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import State, Task, marked
from orchestrator.records.verdicts import Escalate
from orchestrator.texts import messages
from orchestrator.world import World

CALL = "escalation"  # the kind of its one comment
ALERT = "escalated:"  # and the task with its round


def escalate(
    world: World, repository: RepositoryConfig, task: Task, verdict: Escalate, *, by: str
) -> Task:
    """Tell GitHub first, move the file last; a repeated call tells nothing twice."""
    task = salvage.keep(world, task)
    steps = checklists.left_or_all(world, task)
    note = messages.escalation_note(task, verdict.reason, verdict.code, world.zone, steps=steps)
    task = structs.replace(task, note=world.redact(note))
    github_sync.comment_once(
        world, task, CALL, lambda marker: comment(task, verdict, steps, marker)
    )
    where = f"{task.repo}#{task.issue}" if task.issue else f"{task.repo} {task.task_id}"
    alerts.alert(
        world, f"{ALERT}{task.key}", f"{where} needs a person: {verdict.reason}", task=task
    )
    task = github_sync.blocked(world, repository, task)
    # Told before the move: nobody comes back to a file in escalated/ to finish its comment.
    task = github_sync.tell(world, marked(task, State.ESCALATED, world.clock.now(), by))
    moved = world.mailroom.move(task, State.ESCALATED, by=by)
    world.events.add(
        "escalated", task=moved, reason=world.redact(verdict.reason), code=verdict.code
    )
    return moved


def comment(task: Task, verdict: Escalate, steps: tuple[str, ...], marker: str) -> str:
    """The one comment: a question where the issue does not say enough, else what is needed.

    `steps` are those for a person that nobody has ticked.
    """
    attempt = task.attempt
    asks = attempt is not None and attempt.code is verdict.code
    if asks and verdict.code is BlockerCode.MISSING_CONTEXT:
        return messages.question_comment(task, steps=steps, marker=marker)
    return messages.escalation_comment(
        task, verdict.reason, verdict.code, steps=steps, marker=marker
    )
