"""What an agent is told before an attempt."""

from __future__ import annotations

from itertools import takewhile

from msgspec import structs

from orchestrator import checklists, reviewing, surroundings
from orchestrator.adapters import files, markers
from orchestrator.groundwork import Ground
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import Task
from orchestrator.records.tracker import Comment
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.texts import prompts
from orchestrator.worktree import Worktree
from orchestrator.world import World


def comments(world: World, repository: RepositoryConfig, task: Task) -> tuple[Comment, ...]:
    """What people who may be heard wrote on the issue since the task was taken up (S7).

    With it come our checklists for people, as they are ticked now. Asked only for an attempt that
    is not the first. Raises GitHubTrouble.
    """
    if task.issue is None or not (task.attempts or task.round > 1):
        return ()
    taken_up = task.marks[0].at if task.marks else task.created
    voices = reviewing.Voices(world, repository)
    heard: list[Comment] = []
    there = world.read.comments(task.repo, task.issue)
    for comment in there:
        ours = markers.signed(comment.body)
        if comment.created >= taken_up and not ours and voices.trusted(comment.author):
            heard.append(comment)
    for made in checklists.naming(task):
        asked = checklists.shown(world, task, made, there)
        if asked is not None:
            heard.append(structs.replace(asked, author="Steps for a person ([x]: done)"))
    return tuple(heard)


def prompt(
    world: World,
    repository: RepositoryConfig,
    task: Task,
    *,
    tree: Worktree,
    ground: Ground,
    heard: tuple[Comment, ...] = (),
) -> str:
    """Rules, task, what is known, what was tried; nothing secret leaves (S15). Raises GitError."""
    briefing = prompts.Briefing(
        task=task,
        comments=heard,
        background=surroundings.look(world, repository, task, tree),
        repair=task.repair,
        test_command=repository.test_command or "",
        test_tail=failing_run(task),
        conflicts=ground.conflicts,
    )
    return world.redact(prompts.attempt(briefing, budget=world.config.prompt_bytes))


def keep(world: World, task: Task, part: str, prompt: str) -> None:
    """A copy of exactly what is sent, for people: `runtime/prompts/<task>.<part>.md`, mode 600."""
    files.make_folder(world.paths.prompts)
    copy = world.paths.prompt(task.task_id, part)
    files.write_cache(copy, prompt.encode("utf-8", "replace"))


def failing_run(task: Task) -> str:
    """How the newest test run of ours that failed, and has not passed since, ended; "" for none."""
    since = takewhile(
        lambda made: made.verdict is not AttemptVerdict.DELIVER
        and made.code is not BlockerCode.UNEXPLAINED_CHANGE,  # asked only of what passed
        reversed(task.attempts),
    )
    return next((made.test_tail for made in since if made.test_tail), "")


def first_choice(task: Task) -> str:
    """The agent asked for; a repair begins with the one that made the head."""
    delivered = [one for one in task.this_round if one.verdict is AttemptVerdict.DELIVER]
    return delivered[-1].agent if delivered and task.repair else task.agent
