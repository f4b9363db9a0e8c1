"""Thinking with an agent: one prompt in, one validated value out, and an answer without any agent.

What comes back is a proposal of words, never an authority: no repository, branch, agent, number of
attempts or priority is taken from it (S8).
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct, structs

from orchestrator import admission, briefing, containment, cooling, metering, readiness
from orchestrator.adapters import files
from orchestrator.agents.base import Agent, Launch, PromptTooLarge
from orchestrator.readiness import Ready
from orchestrator.records.config import AgentKind, RepositoryConfig, Sandbox
from orchestrator.records.result import BlockerCode
from orchestrator.records.task import Task
from orchestrator.rules import routing
from orchestrator.texts import answers, templates
from orchestrator.world import World

SECONDS = 120.0  # of one run
PROMPT_LIMIT = 60_000  # bytes
OUTPUT_LIMIT = 1_000_000  # bytes that a program may print
AGE = timedelta(days=7)  # for which the same question has the same answer
KEPT_LIMIT = 200_000

Value = TypeVar("Value", bound=Struct)


class Question(Struct, Generic[Value], frozen=True, kw_only=True):
    """`purpose` is one plain word; `otherwise` is the answer where no agent can be had.

    `model` is what Claude is asked with, unless its config names one for this purpose.
    """

    purpose: str
    prompt: str
    shape: type[Value]
    otherwise: Value
    model: str = ""


class Thought(Struct, Generic[Value], frozen=True, kw_only=True):
    """The value, and who thought it: "" where nobody did."""

    value: Value
    agent: str = ""


class Kept(Struct, frozen=True, kw_only=True):
    """An answer in the cache, as JSON, with when and by whom it was given."""

    at: datetime
    agent: str
    answer: msgspec.Raw


def ask(
    world: World, repository: RepositoryConfig, task: Task, question: Question[Value]
) -> Thought[Value]:
    """Ask along `planner_agents`, each at most once, and one of them once more if need be.

    Every run is admitted, contained, read-only, bounded and counted as any other; the same
    question within a week is answered from the cache. Never raises for what an agent does.
    """
    prompt = world.redact(question.prompt)
    place = world.paths.cache / "thoughts" / f"{named(question, prompt)}.json"
    known = remembered(world, place, question)
    if known is not None:
        return known
    if world.dry_run or len(prompt.encode("utf-8", "replace")) > PROMPT_LIMIT:
        return Thought(value=question.otherwise)
    for name, ready in thinkers(world, repository, task):
        try:
            thought = answered(world, repository, task, question, name, ready, prompt)
        except (NotServed, PromptTooLarge) as reason:
            world.say(f"{task.repo} {task.task_id}: {question.purpose}: {name}: {reason}")
            continue
        except answers.Unusable as reason:
            said = f"{name} gave no answer that can be used ({reason}); done without it"
            world.say(f"{task.repo} {task.task_id}: {question.purpose}: {world.redact(said)}")
            break
        keep(world, place, thought)
        world.events.add("thought", task=task, reason=question.purpose, agent=name)
        return thought
    return Thought(value=question.otherwise)


class NotServed(Exception):
    """The run says nothing about the question: its program failed, or its provider refused."""


def named(question: Question[Value], prompt: str) -> str:
    """What a question is called in the cache: another shape makes it another question."""
    shape = msgspec.json.encode(msgspec.json.schema(question.shape), order="deterministic")
    whole = b"\0".join((question.purpose.encode(), shape, prompt.encode("utf-8", "replace")))
    return hashlib.sha256(whole).hexdigest()[:40]


def remembered(world: World, place: Path, question: Question[Value]) -> Thought[Value] | None:
    try:
        kept = msgspec.json.decode(files.read_bounded(place, KEPT_LIMIT), type=Kept)
        value = msgspec.json.decode(kept.answer, type=question.shape)
    except (OSError, files.NotReadable, msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    age = world.clock.now() - kept.at
    return Thought(value=value, agent=kept.agent) if timedelta(0) <= age <= AGE else None


def keep(world: World, place: Path, thought: Thought[Value]) -> None:
    answer = msgspec.Raw(msgspec.json.encode(thought.value))
    kept = Kept(at=world.clock.now(), agent=thought.agent, answer=answer)
    files.make_folder(place.parent)
    files.write_cache(place, msgspec.json.encode(kept))


def thinkers(
    world: World, repository: RepositoryConfig, task: Task
) -> Iterator[tuple[str, Ready]]:
    """Who may be asked now, in the config's order; each is looked at when its turn comes."""
    chain = [name for name in repository.planner_agents if name in world.agents]
    refused = admission.refusals(world, repository, task, chain) if chain else {}
    if admission.closed(refused):
        return
    for name in chain:
        config = world.config.agent(name)
        if name in refused or config is None or config.kind is AgentKind.PATCH:
            continue
        ready = readiness.look(world, name, task.task_type)
        if isinstance(ready, Ready) and cooling.may_start(world, name, ready.account):
            yield name, ready


def answered(
    world: World,
    repository: RepositoryConfig,
    task: Task,
    question: Question[Value],
    name: str,
    ready: Ready,
    prompt: str,
) -> Thought[Value]:
    """The agent's value; one that is not of the shape is asked for once more, with what is wrong.

    Raises NotServed, PromptTooLarge, Unusable.
    """
    said = run(world, repository, task, question, name, ready, prompt)
    try:
        return Thought(value=answers.value(said, question.shape), agent=name)
    except answers.Unusable as reason:
        again = templates.fill("again", prompt=prompt, reason=world.redact(str(reason)))
    said = run(world, repository, task, question, name, ready, again)
    return Thought(value=answers.value(said, question.shape), agent=name)


def run(
    world: World,
    repository: RepositoryConfig,
    task: Task,
    question: Question[Value],
    name: str,
    ready: Ready,
    prompt: str,
) -> str:
    """One run in an empty folder that is gone afterwards; raises NotServed, PromptTooLarge."""
    agent = world.agents[name]
    briefing.keep(world, task, question.purpose, prompt)
    parent = world.paths.runtime / "thinking"
    files.make_folder(parent)
    with files.temporary_folder(parent) as folder:
        made = launch(world, question, agent, ready, prompt, folder)
        order = structs.replace(
            agent.order(made), output_limit=OUTPUT_LIMIT, timeout_seconds=SECONDS
        )
        files.make_folder(Path(made.folder))
        files.write_cache(Path(made.prompt_path), prompt.encode("utf-8", "replace"))
        report = world.executor.run(
            containment.of_agent(world, repository, agent, order, git=None)
        )
    containment.told(world, task, name, report)
    failure = agent.read_failure(report, cooling.here(world))
    code = failure.code if failure else BlockerCode.NONE
    metering.thought(world, task, question.purpose, agent, ready.account, report, code)
    account = cooling.account(world, name, ready.account)
    if failure is None:
        cooling.served(world, account)
        return agent.read_answer(report)
    if code in routing.REFUSALS:
        cooling.rests(world, account, code, failure)
    raise NotServed(world.redact(failure.reason))


def launch(
    world: World,
    question: Question[Value],
    agent: Agent,
    ready: Ready,
    prompt: str,
    folder: Path,
) -> Launch:
    config = world.config.agent(agent.name)
    named_model = config.models.get(question.purpose, "") if config else ""
    claudes = question.model if config and config.kind is AgentKind.CLAUDE else ""
    return Launch(
        prompt=prompt,
        prompt_path=str(folder / "work" / "prompt.md"),
        folder=str(folder / "work"),
        home=str(folder / "home"),
        log_path=str(folder / "agent.log"),
        timeout_seconds=SECONDS,
        environment=world.environment,
        root=str(world.paths.code),
        python=sys.executable,
        task_type=question.purpose,
        account=ready.account,
        key=ready.key,
        contained=config is not None and config.sandbox is Sandbox.REQUIRED,
        thinking=True,
        model=named_model or claudes,
    )
