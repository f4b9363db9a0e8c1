"""The last step of a task that needs a person: a note in the file, one comment, one event."""

from __future__ import annotations

from functools import partial

from msgspec import structs

from orchestrator import alerts, checklists, github_sync, readonly, salvage, tick
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.effect import Stage
from orchestrator.records.errors import GitHubTrouble, Trouble
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
    task = identified(world, salvage.keep(world, task))
    steps = checklists.left_or_all(world, task)
    note = messages.escalation_note(task, verdict.reason, verdict.code, world.zone, steps=steps)
    task = structs.replace(task, note=world.redact(note))
    github_sync.comment_once(world, task, CALL, partial(comment, task, verdict, steps))
    said = f"{where(task)} needs a person: {verdict.reason}"
    alerts.alert(world, f"{ALERT}{task.key}", said, task=task)
    task = github_sync.blocked(world, repository, task)
    # Told before the move: in escalated/ only the comment itself is caught up with.
    task = github_sync.tell(world, marked(task, State.ESCALATED, world.clock.now(), by))
    moved = world.mailroom.move(task, State.ESCALATED, by=by)
    world.events.add(
        "escalated", task=moved, reason=world.redact(verdict.reason), code=verdict.code
    )
    return moved


def where(task: Task) -> str:
    return f"{task.repo}#{task.issue}" if task.issue else f"{task.repo} {task.task_id}"


def identified(world: World, task: Task) -> Task:
    """The task with the id of its issue, by which answers and closings are heard.

    A file that a person dropped names its issue by the number alone.
    """
    if task.issue is None or task.issue_node:
        return task
    with github_sync.unless_refused(world, task, "asking for its id"):
        return structs.replace(task, issue_node=world.read.issue_node(task.repo, task.issue))
    return task


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
            found = world.mailroom.locate(task.task_id)  # it may have moved on since it was listed
            if found is not None and found.state is State.ESCALATED:
                tell_late(world, repository, world.mailroom.see(found))


def tell_late(world: World, repository: RepositoryConfig, task: Task) -> None:
    verdict = Escalate(*messages.said_in(task.note))
    said = partial(comment, task, verdict, checklists.left_or_all(world, task))
    if not issue_is_open(world, task):
        # Nobody is left to be told; a new round has a key of its own.
        world.effects.record(task.task_id, github_sync.key_of(task, CALL), Stage.DONE, "")
    elif owes_its_comment(world, task) and github_sync.comment_once(world, task, CALL, said):
        world.say(f"{task.repo}#{task.issue}: told now that a person is needed")
        shown = github_sync.tell(world, github_sync.blocked(world, repository, task))
        world.mailroom.update(shown)


def issue_is_open(world: World, task: Task) -> bool:
    """False too where the issue is gone; raises GitHubTrouble where GitHub does not tell."""
    try:
        return task.issue is not None and world.read.issue_is_open(task.repo, task.issue)
    except GitHubTrouble as trouble:
        if trouble.trouble is not Trouble.NOT_FOUND or readonly.closed(world, task.repo):
            raise
        return False


def owes_its_comment(world: World, task: Task) -> bool:
    """Whether we escalated it, on an issue, and no comment of ours says so; of a person's own move
    nothing is told."""
    if task.issue is None or not messages.said_in(task.note)[0]:
        return False
    made = world.effects.last(task.task_id, github_sync.key_of(task, CALL))
    return made is None or made.stage is not Stage.DONE


def comment(task: Task, verdict: Escalate, steps: tuple[str, ...], marker: str) -> str:
    """The one comment: a question where the issue does not say enough, else what is needed.

    `steps` are those for a person that nobody has ticked.
    """
    attempt = task.attempt
    asks = attempt is not None and attempt.code is verdict.code and attempt.round == task.round
    if asks and verdict.code is BlockerCode.MISSING_CONTEXT:
        return messages.question_comment(task, steps=steps, marker=marker)
    return messages.escalation_comment(
        task, verdict.reason, verdict.code, steps=steps, marker=marker
    )
