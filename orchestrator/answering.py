"""The end of a review's round: each thread gets its answer, the reviewer is asked to look again."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from orchestrator import codebase_memory, github_sync, reviewing, workspace
from orchestrator.adapters import history, markers
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.result import Answer, AnswerKind, BlockerCode
from orchestrator.records.task import Attempt, RepairItem, RepairKind, Task
from orchestrator.records.tracker import ReviewThread
from orchestrator.records.verdicts import AttemptVerdict, Escalate
from orchestrator.rules import answers
from orchestrator.texts import reviews as texts
from orchestrator.world import World

Pair = tuple[RepairItem, Answer]


def answer(
    world: World, repository: RepositoryConfig, task: Task, attempt: Attempt
) -> Escalate | None:
    """Tell everybody what came of the round, after its push; why a person is needed, or None.

    Each write has its effect key of thread and round, so that a repeated call says nothing twice.
    """
    items = reviewing.of_people(task)
    if not items:
        return None
    said = attempt.result.answers if attempt.result else ()
    by_number = {one.item: one for one in said}
    pairs = [(item, by_number[item.number]) for item in items if item.number in by_number]
    changed = moved(world, task, attempt)
    voices = reviewing.Voices(world, repository)
    reply_in_threads(world, voices, task, attempt, pairs, changed=changed)
    reply_below(world, task, attempt, pairs, changed=changed)
    if changed:
        ask_again(world, repository, task)
    world.events.add(
        "answered", task=task, reason=f"round {task.review_rounds} of the review",
        items=len(items), answers=len(pairs), changed=changed,
    )  # fmt: skip
    return stop(items, pairs, changed=changed)


def stop(items: Iterable[RepairItem], pairs: list[Pair], *, changed: bool) -> Escalate | None:
    """Why the next step is a person's: no change, or items of which only they can say."""
    asked = tuple(items)
    if not pairs and not changed:
        reason = f"the agent answered none of the {len(asked)} points of the review"
        return Escalate(reason, BlockerCode.INVALID_RESULT_CONTRACT)
    open_ = {item.number for item in answers.for_a_person(asked, [one for _, one in pairs])}
    if open_:
        left = texts.for_a_person(pair for pair in pairs if pair[0].number in open_)
        return Escalate(left, BlockerCode.MANUAL_INTERVENTION_REQUIRED)
    if not changed:
        reason = "a reviewer asks for changes, and the agent changed nothing in this round"
        return Escalate(f"{reason}; it says why in the threads")
    return None


def moved(world: World, task: Task, attempt: Attempt) -> bool:
    """Whether this round's work differs from the last delivery, by git and not by what is said."""
    before = [
        one.head_sha
        for one in task.attempts
        if one.n < attempt.n and one.verdict is AttemptVerdict.DELIVER and one.head_sha
    ]
    room = workspace.of(world)
    git, base = room.git(task.repo), room.remote_tip(task.repo, task.base)
    if not before or base is None or not git.has_commit(before[-1]):
        return True
    return not history.same_patch(
        git, base, before[-1], attempt.head_sha, besides=codebase_memory.PAGE
    )


def reply_in_threads(
    world: World,
    voices: reviewing.Voices,
    task: Task,
    attempt: Attempt,
    pairs: list[Pair],
    *,
    changed: bool,
) -> None:
    """One answer in each thread and round; what is fixed is resolved, unless a person did.

    Where somebody who is heard has spoken since, it stays open: nobody has answered that yet.
    """
    wanted = [pair for pair in pairs if pair[0].kind is RepairKind.THREAD]
    if not wanted or task.pull_request is None:
        return
    there = {one.id: one for one in world.read.review_threads(task.pull_request.node_id)}
    for item, said in wanted:
        thread = there.get(item.ref)
        if thread is None:
            world.say(f"{task.repo} {task.task_id}: the thread at {item.where} is gone")
            continue
        with github_sync.unless_refused(world, task, f"answering the thread at {item.where}"):
            reply(world, task, attempt, thread, said, changed=changed)
            ended = said.kind is AnswerKind.FIXED and changed
            if ended and not (thread.resolved or spoken_since(voices, item, thread)):
                key = f"{task.key}:resolved:{thread.id}"
                resolve = partial(world.write.resolve_thread, thread.id)
                world.effects.settled(task.task_id, key, str(task.review_rounds), resolve)


def spoken_since(voices: reviewing.Voices, item: RepairItem, thread: ReviewThread) -> bool:
    """Whether the thread holds more than the agent was given, and than what we said in it.

    Whom no round hears would keep it open for ever. An item made before comments were counted has
    none, and does not tell.
    """
    later = thread.comments[item.comments :] if item.comments else ()
    return any(not markers.signed(one.body) and voices.trusted(one.author) for one in later)


def reply(
    world: World, task: Task, attempt: Attempt, thread: ReviewThread, said: Answer, *, changed: bool
) -> None:
    ordinal = task.review_rounds
    marker = world.markers.line(task, f"thread {thread.id}", ordinal)
    text = texts.thread_reply(said, attempt.head_sha, changed=changed, marker=marker)
    world.effects.once(
        task.task_id,
        f"{task.key}:thread:{thread.id}:{ordinal}",
        find=lambda: next((one.id for one in thread.comments if marker in one.body), None),
        make=lambda: world.write.reply_to_thread(thread.id, world.redact(text)),
    )


def reply_below(
    world: World, task: Task, attempt: Attempt, pairs: list[Pair], *, changed: bool
) -> None:
    """The answers to reviews and comments that are no threads, in one comment of the round.

    Work that came without a word is told as that: the reviewer sees the change and decides.
    """
    wanted = [pair for pair in pairs if pair[0].kind is RepairKind.COMMENT]
    silent = changed and not pairs
    if not (wanted or silent) or task.pull_request is None:
        return
    number, ordinal = task.pull_request.number, task.review_rounds
    marker = world.markers.line(task, "review-answers", ordinal)
    if silent:
        text = texts.silent_reply(attempt.head_sha, marker=marker)
    else:
        text = texts.review_reply(wanted, attempt.head_sha, changed=changed, marker=marker)
    github_sync.comment_below(
        world, task, number, f"review-answers:{ordinal}", text,
        marker=marker, what="answering the review",
    )  # fmt: skip


def ask_again(world: World, repository: RepositoryConfig, task: Task) -> None:
    """Whoever asked for the changes is asked to look again, once a round."""
    asked = reviewing.objectors(world, repository, task)
    logins = sorted({review.author for review in asked})
    if not logins or task.pull_request is None:
        return
    number = task.pull_request.number
    with github_sync.unless_refused(world, task, f"asking {', '.join(logins)} to look again"):
        world.effects.settled(
            task.task_id,
            f"{task.key}:ask-again",
            str(task.review_rounds),
            lambda: world.write.ask_for_review(task.repo, number, logins),
        )
