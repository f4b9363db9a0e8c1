"""Questions that wait on an issue for somebody's answer, and the round that an answer begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator import escalation, github_sync, rereading, reviewing, tick
from orchestrator.adapters import mailroom, markers
from orchestrator.records.effect import Stage
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import State, Task
from orchestrator.records.tracker import Comment
from orchestrator.world import World


def waiting(world: World) -> dict[str, Task]:
    """The tasks that were handed over because the issue does not say enough, by its node id."""
    switched_on = {repository.slug.lower() for repository in world.repositories}
    return {
        task.issue_node: task
        for task in world.mailroom.list_state(State.ESCALATED)
        if asks(task) and task.issue_node and task.repo.lower() in switched_on
    }


def asks(task: Task) -> bool:
    """Whether its last step was a question; not where a later round ended for another reason."""
    attempt = task.attempt
    return (
        attempt is not None
        and attempt.round == task.round
        and attempt.code is BlockerCode.MISSING_CONTEXT
    )


def answered(
    world: World, tasks: Mapping[str, Task], heard: Mapping[str, Sequence[Comment]]
) -> list[tuple[Task, Comment]]:
    """Of these tasks those on which somebody who may be heard has written since the question."""
    found = []
    for node, task in tasks.items():
        with tick.isolated(world, f"{task.repo}#{task.issue}"):
            answer = answer_to(world, task, heard.get(node, ()))
            if answer is not None:
                found.append((task, answer))
    return found


def answer_to(world: World, task: Task, heard: Sequence[Comment]) -> Comment | None:
    repository = world.repository_of(task)
    asked = [mark.at for mark in task.marks if mark.state is State.ESCALATED]
    if repository is None or not asked:
        return None
    theirs = [comment for comment in heard if not markers.signed(comment.body)]
    if not theirs:
        return None
    voices = reviewing.Voices(world, repository)
    question = question_on(world, task, heard)
    for comment in theirs:
        # Times are of a second, and an answer may come in the same one: ids are in their order.
        later = comment.id > question if question and comment.id else comment.created > asked[-1]
        if later and may_answer(world, task, comment, voices):
            return comment
    return None


def question_on(world: World, task: Task, heard: Sequence[Comment]) -> int:
    """The id of the comment that asks; 0 where neither the effects log nor GitHub shows it."""
    made = world.effects.last(task.task_id, f"{task.key}:{escalation.CALL}:0")
    if made is not None and made.stage is Stage.DONE and made.result.isdecimal():
        return int(made.result)
    shown = markers.oldest(world.markers.line(task, escalation.CALL), heard)
    return shown.id if shown else 0


def may_answer(world: World, task: Task, comment: Comment, voices: reviewing.Voices) -> bool:
    """Whether its author may be heard; who may not is asked about once, and not at each tick."""
    key = f"{task.key}:no-answer:{comment.id}"
    if world.effects.last(task.task_id, key) is not None:
        return False
    trusted = voices.trusted(comment.author)
    if not trusted and not world.dry_run:
        world.effects.record(task.task_id, key, Stage.DONE, comment.author, durable=False)
    return trusted


def resume(world: World, task: Task, comment: Comment) -> None:
    """The same file back to the inbox in a new round; the comment reaches the next attempt."""
    world.check_switches(task.repo)
    repository = world.repository_of(task)
    lock = world.locks.try_task(task.task_id)
    if repository is None or lock is None:
        return
    with lock:
        text, word = rereading.now(world, task)
        begun = world.mailroom.move(mailroom.new_round(text), State.INBOX, by=world.script)
        shown = github_sync.in_progress(world, repository, github_sync.tell(world, begun))
        if shown != begun:
            world.mailroom.update(shown)
    if word:
        world.say(f"{task.repo}#{task.issue}: {word}")
    said = f"{comment.author} answered the question; round {begun.round}"
    world.events.add("new_round", task=begun, reason=said)
