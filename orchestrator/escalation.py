"""The last step of a task that needs a person: a note in the file, one comment, one event."""

from __future__ import annotations

from functools import partial

from msgspec import structs

from orchestrator import alerts, checklists, github_sync, salvage, tick
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.effect import Stage
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
        world, task, CALL, partial(comment, task, verdict, steps)
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


def catch_up(world: World) -> None:
    """Tell the issue of every escalation that GitHub did not let us tell when it was made."""
    for task in world.mailroom.list_state(State.ESCALATED):
        repository = world.repository_of(task)
        if repository is None or not owes_its_comment(world, task) or world.stopped(task.repo):
            continue
        lock = world.locks.try_task(task.task_id)
        if lock is None:
            continue
        with lock, tick.isolated(world, f"{task.repo} {task.task_id}"):
            code = task.attempt.code if task.attempt else BlockerCode.NONE
            verdict = Escalate(messages.reason_of(task.note), code)
            steps = checklists.left_or_all(world, task)
            said = partial(comment, task, verdict, steps)
            if github_sync.is_open(world, task) and github_sync.comment_once(
                world, task, CALL, said
            ):
                world.say(f"{task.repo}#{task.issue}: told now that a person is needed")
                shown = github_sync.tell(world, github_sync.blocked(world, repository, task))
                world.mailroom.update(shown)


def owes_its_comment(world: World, task: Task) -> bool:
    """Whether we escalated it, on an issue, and no comment of ours says so; of a person's own move
    nothing is told."""
    if task.issue is None or not messages.reason_of(task.note):
        return False
    made = world.effects.last(task.task_id, f"{task.key}:{CALL}:0")
    return made is None or made.stage is not Stage.DONE


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
