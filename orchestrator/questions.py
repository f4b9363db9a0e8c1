"""Questions that wait on an issue for somebody's answer, and the round that an answer begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from orchestrator import escalation, github_sync, rereading, reviewing, settle, tick
from orchestrator.adapters import mailroom, markers
from orchestrator.records.effect import Stage
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import State, Task
from orchestrator.records.tracker import Comment, Heard
from orchestrator.rules import obstacles
from orchestrator.world import World

BUSY = "another script holds its lock, and the next tick tries again"
HANDED_OVER = (State.FAILED, State.ESCALATED)
EARLIER = timedelta(hours=1)  # than our clock has it: GitHub's own may go before
MOST = 100  # issues that one request of GitHub's may name


class Waits:
    """The tasks that wait for a person, by the node id of their issue, and what is heard of them.

    `asking` were handed over because the issue does not say enough, `others` for another reason;
    where they have a pull request, the pr_monitor watches it and the issue. `answers` and `closed`
    are filled in by who asks GitHub.
    """

    def __init__(self, world: World) -> None:
        switched_on = {repository.slug.lower() for repository in world.repositories}
        self.now = world.clock.now()
        self.asking: dict[str, Task] = {}
        self.others: dict[str, Task] = {}
        for state in HANDED_OVER:
            for task in world.mailroom.list_state(state):
                if not task.issue_node or task.repo.lower() not in switched_on:
                    continue
                if state is State.ESCALATED and asks(task):
                    self.asking[task.issue_node] = task
                elif state is State.FAILED or task.pull_request is None:
                    self.others[task.issue_node] = task
        self.answers: dict[str, Heard] = {}
        self.closed: set[str] = set()

    def turn(self, nodes: Iterable[str]) -> tuple[str, ...]:
        """As many of them as fit into a request; where they do not, each minute others."""
        there = sorted(nodes)
        parts = max(1, -(-len(there) // MOST))
        first = MOST * (int(self.now.timestamp()) // 60 % parts)
        return tuple(there[first : first + MOST])

    def dropped(self) -> Iterator[Task]:
        """Those whose issue somebody has closed."""
        found = self.others | self.asking
        return (found[node] for node in sorted(self.closed & found.keys()))


def drop(world: World, task: Task) -> None:
    """Its issue is closed: it is cancelled, or goes to review/ where its work was merged."""
    world.check_switches(task.repo)
    where, repository = f"{task.repo}#{task.issue}", world.repository_of(task)
    if repository is None or not world.decided(where, f"over: issue #{task.issue} is closed"):
        return
    lock = world.locks.try_task(task.task_id)
    if lock is None:
        world.say(f"{where}: deferred: {BUSY}")
        return
    with lock:
        found = world.mailroom.locate(task.task_id)
        if found is not None and found.state in HANDED_OVER:
            task = world.mailroom.see(found)
            settle.ended_on_github(world, repository, task, settle.pull_request_now(world, task))


def asks(task: Task) -> bool:
    """Whether its last step was a question; not where a later round ended for another reason."""
    attempt = task.attempt
    return (
        attempt is not None
        and attempt.round == task.round
        and attempt.code is BlockerCode.MISSING_CONTEXT
    )


def answered(world: World, waits: Waits) -> list[tuple[Task, Comment]]:
    """Those on which somebody who may be heard has written since the question."""
    found = []
    for node, task in waits.asking.items():
        with tick.isolated(world, f"{task.repo}#{task.issue}"):
            answer = answer_to(world, task, waits.answers.get(node, Heard()))
            if answer is not None:
                found.append((task, answer))
    return found


def answer_to(world: World, task: Task, heard: Heard) -> Comment | None:
    """The first word since the question of somebody who may be heard, if the issue may be begun."""
    repository = world.repository_of(task)
    asked = [mark.at for mark in task.marks if mark.state is State.ESCALATED]
    if repository is None or not asked:
        return None
    question = question_on(world, task, heard.comments)

    def later(comment: Comment) -> bool:
        # Times are of a second, and an answer may come in the same one: ids are in their order.
        return comment.id > question if question and comment.id else comment.created > asked[-1]

    theirs = [one for one in heard.comments if later(one) and not markers.signed(one.body)]
    oldest = heard.since.id if heard.since is not None and later(heard.since) else 0
    hidden = oldest > read_until(world, task)
    if not theirs and not hidden:
        return None
    kept = "not all of its labels could be read" if heard.labels is None else ""
    ours = {github_sync.BLOCKED_LABEL} if task.blocked_label else set()  # which asks for the answer
    labels = [one for one in heard.labels or () if one.lower() not in ours]
    if kept := kept or obstacles.left_alone(labels, repository):
        world.say(f"{task.repo}#{task.issue}: no answer is looked for: {kept}")
        return None
    if hidden:  # so much was said since that the newest comments do not reach back to it
        assert task.issue is not None  # it was asked there
        said = world.read.said_by_people(task.repo, task.issue, asked[-1] - EARLIER)
        theirs = [one for one in said if later(one) and not markers.signed(one.body)]
    voices = reviewing.Voices(world, repository)
    for comment in theirs:
        if may_answer(world, task, comment, voices):
            return comment
    if hidden and not world.dry_run:
        newest = max((oldest, *(one.id for one in said)))
        world.effects.record(task.task_id, read_key(task), Stage.DONE, str(newest), durable=False)
    return None


def read_key(task: Task) -> str:
    return f"{task.key}:no-answer-until"


def read_until(world: World, task: Task) -> int:
    """The id of the newest of the comments that were read whole, and that held no answer."""
    made = world.effects.last(task.task_id, read_key(task))
    return int(made.result) if made is not None and made.result.isdecimal() else 0


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


def resume(world: World, task: Task, comment: Comment) -> bool:
    """The same file back to the inbox in a new round; the comment reaches the next attempt.

    Whether it was done: not while another script holds the task, which is told.
    """
    world.check_switches(task.repo)
    repository, where = world.repository_of(task), f"{task.repo}#{task.issue}"
    if repository is None:
        return False
    said = f"new round of {task.task_id}: {comment.author} has answered"
    if world.dry_run:
        return world.decided(where, said)
    lock = world.locks.try_task(task.task_id)
    if lock is None:
        world.say(f"{where}: deferred: {comment.author} has answered; {BUSY}")
        return False
    with lock:
        if world.mailroom.holds(task.task_id) is not State.ESCALATED:
            return False  # a person was quicker
        world.decided(where, said)
        text, word = rereading.now(world, task)
        begun = world.mailroom.move(mailroom.new_round(text), State.INBOX, by=world.script)
        shown = github_sync.in_progress(world, repository, github_sync.tell(world, begun))
        if shown != begun:
            world.mailroom.update(shown)
    if word:
        world.say(f"{task.repo}#{task.issue}: {word}")
    said = f"{comment.author} answered the question; round {begun.round}"
    world.events.add("new_round", task=begun, reason=said)
    return True
