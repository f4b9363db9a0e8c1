"""The one door to a start: every agent that is started was admitted here, by one rule."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator import cooling, metering
from orchestrator.records.config import RepositoryConfig
from orchestrator.records.task import Task
from orchestrator.rules import admission, routing
from orchestrator.rules.admission import Refuse
from orchestrator.world import World


def refusals(
    world: World, repository: RepositoryConfig, task: Task, agents: Iterable[str]
) -> dict[str, Refuse]:
    """Who of these may not start on this task now, and why."""
    books = metering.read(world, repository)
    shared = (metering.of_day(world, books), metering.of_repository(world, repository, books))
    own = metering.of_task(world, repository, task)
    found = {}
    for agent in agents:
        rest = cooling.rest_of(world, agent)
        verdict = admission.admit(
            admission.Facts(
                shared=tuple(one for one in shared if one is not None),
                task=own,
                agent=metering.of_agent(world, agent, books),
                plan=metering.of_plan(world, agent, books),
                rests_until=rest.until if rest else None,
                rest=rest.reason if rest else "",
            )
        )
        if isinstance(verdict, Refuse):
            found[agent] = verdict
    return found


def closed(refused: dict[str, Refuse]) -> routing.AllCooling | routing.Exhausted | None:
    """What holds for every agent alike: the task waits, or a person decides."""
    for one in refused.values():
        if not one.next_agent:
            if one.until is None:
                return routing.Exhausted(one.reason, code=one.code)
            return routing.AllCooling(one.until, reason=one.reason)
    return None
