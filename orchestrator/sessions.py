"""Conversations that an agent takes up again when its own work comes back for a repair."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from msgspec import Struct, structs

from orchestrator.agents.base import Agent, Launch
from orchestrator.records.order import AttemptOrder, AttemptReport
from orchestrator.records.task import Attempt, Task
from orchestrator.records.usage import Usage
from orchestrator.records.verdicts import AttemptVerdict
from orchestrator.world import World

COUNTS = ("input_tokens", "output_tokens", "cached_tokens")


class Session(Struct, frozen=True, kw_only=True):
    """Its name, the home in which its program keeps it, and what it has used so far."""

    name: str
    home: str
    used: Usage


def earlier(world: World, task: Task, agent: str) -> Session | None:
    """The conversation in which this agent made the head that is to be repaired, if it is kept."""
    if not task.repair:
        return None
    delivered = [one for one in task.this_round if one.verdict is AttemptVerdict.DELIVER]
    if not delivered or delivered[-1].agent != agent:
        return None
    made = [one for one in task.this_round if one.agent == agent and _session(one)]
    if not made:
        return None
    name = _session(made[-1])
    same = [one for one in made if _session(one) == name]
    home = world.paths.attempt(task.task_id, same[0].n) / "home"
    if not home.is_dir():
        return None
    return Session(name=name, home=str(home), used=_sum(name, same))


def resumed(launch: Launch, session: Session | None) -> Launch:
    """The same launch in the conversation, and in the home where it is kept."""
    if session is None:
        return launch
    return structs.replace(launch, session=session.name, home=session.home)


def run(
    agent: Agent, fresh: Launch, session: Session | None,
    execute: Callable[[AttemptOrder], AttemptReport], now: datetime,
) -> AttemptReport:  # fmt: skip
    """Run the agent in its conversation, and without it where its program has lost that."""
    report = execute(agent.order(resumed(fresh, session)))
    if session is None:
        return report
    failure = agent.read_failure(report, now)
    if failure is None or not failure.session_gone:
        return report
    log = Path(fresh.log_path)
    again = structs.replace(fresh, log_path=str(log.with_name(f"{log.stem}-fresh{log.suffix}")))
    return execute(agent.order(again))


def _session(attempt: Attempt) -> str:
    return (attempt.usage.session_id if attempt.usage else None) or ""


def _sum(name: str, made: list[Attempt]) -> Usage:
    """What these attempts used together; unknown where one of them did not tell."""
    told = [one.usage for one in made if one.usage]
    totals = {
        count: None if any(getattr(one, count) is None for one in told)
        else sum(getattr(one, count) for one in told)
        for count in COUNTS
    }  # fmt: skip
    return Usage(session_id=name, **totals)
