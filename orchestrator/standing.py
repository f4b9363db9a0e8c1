"""How the agents stand: what they achieved of late, and in which order that puts them."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.adapters import events
from orchestrator.records.config import RepositoryConfig, Routing
from orchestrator.records.task import Task
from orchestrator.rules import health
from orchestrator.rules.health import Tally
from orchestrator.world import World

SPAN = timedelta(days=30)


def tallies(world: World) -> tuple[Tally, ...]:
    """Each agent at each type of task in the last 30 days, read from the end of the metrics."""
    since = world.clock.now() - SPAN
    return health.tallied(events.attempts_since(world.paths.agent_stats, since))


def lines(world: World) -> tuple[str, ...]:
    """For a person: a line for each agent and type of task."""
    return tuple(health.told(tally) for tally in tallies(world))


def ordered(
    world: World, repository: RepositoryConfig, task: Task, chain: tuple[str, ...], first: str
) -> tuple[str, ...]:
    """The chain by evidence where the config asks for that, else as it is written."""
    if repository.routing is not Routing.EVIDENCE or len(chain) < 2:
        return chain
    here = {one.agent: one for one in tallies(world) if one.task_type == task.task_type}
    return health.ordered(chain, here, first=first, task_id=task.task_id)
