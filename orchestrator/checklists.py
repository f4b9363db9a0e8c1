"""The steps that only a person can do: what we asked for, and what is ticked by now."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator import github_sync
from orchestrator.adapters import markers
from orchestrator.records.task import Attempt, Task
from orchestrator.records.tracker import Comment
from orchestrator.texts import checklist
from orchestrator.world import World


def naming(task: Task) -> tuple[Attempt, ...]:
    """The attempts of all rounds that left steps for a person."""
    return tuple(made for made in task.attempts if made.result and made.result.manual_steps)


def shown(
    world: World, task: Task, attempt: Attempt, there: Sequence[Comment]
) -> Comment | None:
    """Our checklist of this attempt among the issue's comments, as it is ticked now."""
    line = world.markers.line(task, "manual-steps", attempt.n, round_=attempt.round)
    return markers.oldest(line, there)


def named(task: Task) -> tuple[str, ...]:
    """Every step that an attempt left for a person, ticked or not, once each."""
    steps = (step for made in naming(task) if made.result for step in made.result.manual_steps)
    return tuple(dict.fromkeys(steps))


def left(world: World, task: Task) -> tuple[str, ...]:
    """The steps that nobody has ticked; of a list that is not on the issue, all of it.

    Asks GitHub one list, and only where an attempt named any. Raises GitHubTrouble.
    """
    made = naming(task)
    if not made or task.issue is None:
        return named(task)
    there = world.read.comments(task.repo, task.issue)
    steps: list[str] = []
    for attempt in made:
        asked = shown(world, task, attempt, there)
        if asked is not None:
            steps += checklist.open_items(asked.body)
        elif attempt.result is not None:
            steps += attempt.result.manual_steps
    return tuple(dict.fromkeys(steps))


def left_or_all(world: World, task: Task) -> tuple[str, ...]:
    """As `left`; where GitHub will never show the issue's comments, every step that was named."""
    with github_sync.unless_refused(world, task, "reading its checklists"):
        return left(world, task)
    return named(task)
