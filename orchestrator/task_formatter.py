"""Puts a sloppy issue in order before the first attempt; what its author said always holds.

It runs in the worker, before the worktree is made: there a task holds only its own slot, and a
model that takes minutes delays nobody else. The dispatcher stays as fast as its requests, and an
issue becomes a task whether a model can be had or not.
"""

from __future__ import annotations

import re

from msgspec import structs

from orchestrator import llm
from orchestrator.llm import Question
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.reading import Reading
from orchestrator.records.task import Assumed, Deliverable, Task, TaskType
from orchestrator.rules import classify
from orchestrator.texts import bounded, issues, prompts, templates
from orchestrator.world import World

PURPOSE = "formatting"
ISSUE_BYTES = 24_000


def formatted(world: World, repository: RepositoryConfig, task: Task) -> Task:
    """The task with what was assumed read out of the issue instead; asked once for each text.

    Without an agent that can be asked it stays as it is, which is a whole task already. Only
    prose, the type within the same deliverable, and an agent that the issue itself names are
    taken (S8).
    """
    if not wanted(repository, task):
        return task
    question = Question(
        purpose=PURPOSE,
        prompt=asked(world, task),
        shape=Reading,
        otherwise=Reading(goal=task.title or task.task_id),
        model=world.config.formatter_model,
    )
    thought = llm.ask(world, repository, task, question)
    if not thought.agent:
        return world.mailroom.update(structs.replace(task, assumed=()))
    reading = thought.value
    body = issues.read_closely(task.body, reading, task.deliverable, task.assumed)
    read = structs.replace(
        task,
        body=world.redact(body),
        task_type=type_of(task, reading),
        agent=agent_of(world, task, reading),
        assumed=(),
    )
    world.say(f"{task.repo} {task.task_id}: {thought.agent} put the issue in order")
    return world.mailroom.update(read)


def wanted(repository: RepositoryConfig, task: Task) -> bool:
    """Before a round's first attempt at an issue that lacks its goal, or how one would know."""
    sloppy = not {Assumed.GOAL, Assumed.SUCCESS_CRITERIA}.isdisjoint(task.assumed)
    return repository.format_issues and sloppy and task.issue is not None and not task.this_round


def asked(world: World, task: Task) -> str:
    text = bounded.prose(task.body, ISSUE_BYTES)
    return templates.fill(
        "formatting",
        delimiter=prompts.delimiter(task.task_id, f"{task.title}\n{text}", what="issue"),
        title=task.title,
        issue=text,
        types=", ".join(TaskType),
        agents=", ".join(sorted(named(world, task))) or "none",
    )


def type_of(task: Task, reading: Reading) -> TaskType:
    """The type that was read, where none was said and it owes the same thing."""
    found = reading.task_type
    if found is None or Assumed.TASK_TYPE not in task.assumed:
        return task.task_type
    reports = found in classify.REPORTS
    return found if reports == (task.deliverable is Deliverable.REPORT) else task.task_type


def agent_of(world: World, task: Task, reading: Reading) -> str:
    """The agent that was read, where none was asked for and the issue's own words name it."""
    if Assumed.AGENT in task.assumed and reading.agent in named(world, task):
        return reading.agent or task.agent
    return task.agent


def named(world: World, task: Task) -> set[str]:
    """The agents whose names stand in the issue."""
    said = set(re.findall(r"[\w.-]+", f"{task.title}\n{task.body}".lower()))
    return {name for name in world.agents if name.lower() in said}
